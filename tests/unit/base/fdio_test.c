/* SPDX-License-Identifier: ISC
 *
 * Tests of base/fdio.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relayos/base/fdio.h"

static char dir[] = "/tmp/fdio_test.XXXXXX";
static char path[64];

static void
setup(void)
{
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/file", dir);
}

static void
teardown(void)
{
    unlink(path);
    rmdir(dir);
}

TestSuite(fdio, .init = setup, .fini = teardown);

Test(fdio, a_replaced_file_has_the_new_contents_and_mode_and_leaves_no_rest)
{
    struct errmsg why;
    struct stat st;
    struct buf buf;
    char fresh[80];

    cr_assert_eq(fdio_replace_file(path, SLICE_LIT("old"), 0644, &why), 0, "%s", why.text);
    cr_assert_eq(fdio_replace_file(path, SLICE_LIT("new text"), 0600, &why), 0, "%s", why.text);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
    buf_init(&buf, 8);
    cr_assert_eq(fdio_read_file(path, &buf, &why), 0, "a file of exactly the cap: %s", why.text);
    cr_assert(slice_eq_str(buf_slice(&buf), "new text"));
    buf_fini(&buf);
    snprintf(fresh, sizeof(fresh), "%s.tmp", path);
    cr_assert_neq(access(fresh, F_OK), 0);
}

Test(fdio, a_file_past_the_cap_is_too_large)
{
    struct errmsg why;
    struct buf buf;

    cr_assert_eq(fdio_replace_file(path, SLICE_LIT("123456789"), 0600, &why), 0);
    buf_init(&buf, 8);
    cr_assert_eq(fdio_read_file(path, &buf, &why), ERR_TOO_LARGE);
    cr_assert_not_null(strstr(why.text, path), "%s", why.text);
    buf_fini(&buf);
    cr_assert_eq(fdio_read_file("/nonexistent", &buf, &why), ERR_IO);
    cr_assert_str_eq(why.text, "/nonexistent: No such file or directory");
}

Test(fdio, directories_are_made_on_the_way)
{
    struct errmsg why;
    struct stat st;
    char deep[96], middle[80];

    snprintf(middle, sizeof(middle), "%s/a", dir);
    snprintf(deep, sizeof(deep), "%s/a/b/", dir);
    cr_assert_eq(fdio_make_dirs(deep, 0750, &why), 0, "%s", why.text);
    cr_assert_eq(fdio_make_dirs(deep, 0750, &why), 0, "again: %s", why.text);
    cr_assert_eq(stat(deep, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0750);
    cr_assert_eq(fdio_replace_file(path, SLICE_LIT(""), 0600, &why), 0);
    snprintf(deep, sizeof(deep), "%s/x", path);
    cr_assert_eq(fdio_make_dirs(deep, 0750, &why), ERR_IO);
    snprintf(deep, sizeof(deep), "%s/a/b", dir);
    rmdir(deep);
    rmdir(middle);
}

Test(fdio, a_closed_descriptor_is_not_closed_again)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    cr_assert_eq(fdio_set_nonblocking(fd), 0);
    cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
    fdio_close(&fd);
    cr_assert_eq(fd, -1);
    fdio_close(&fd);
}

/* A child does it: the test has streams of its own. */
static int
leave_with_closed(int closed)
{
    struct stat null, st;

    close(closed);
    fdio_leave_streams();
    if (stat("/dev/null", &null) != 0)
        return 1;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fstat(fd, &st) != 0 || st.st_rdev != null.st_rdev)
            return 10 + fd;
        if (fcntl(fd, F_GETFD) != 0)
            return 20 + fd;
    }
    return 0;
}

Test(fdio, streams_that_are_left_are_all_there_whichever_was_closed)
{
    for (int closed = STDIN_FILENO; closed <= STDERR_FILENO; closed++) {
        pid_t pid = fork();
        int status = -1;

        if (pid == 0)
            _exit(leave_with_closed(closed));
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d was closed: %d", closed,
                  WEXITSTATUS(status));
    }
}
