/* SPDX-License-Identifier: ISC
 *
 * Tests of base/secret: whose file is trusted, and what is made where there is none.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/secret.h"

static char dir[] = "/tmp/secret_test.XXXXXX";
static char path[64];

static void
setup(void)
{
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/key", dir);
}

static void
teardown(void)
{
    unlink(path);
    rmdir(dir);
}

TestSuite(secret, .init = setup, .fini = teardown);

static int
write_and_read(const char *contents, mode_t mode, struct secret **out, struct errmsg *why)
{
    cr_assert_eq(fdio_replace_file(path, slice_str(contents), mode, why), 0);
    return secret_read_file(path, out, why);
}

Test(secret, a_private_file_is_read_without_its_line_end)
{
    static const char *const same[] = {"s3cret", "s3cret\n", "s3cret\r\n"};
    struct secret *secret;
    struct errmsg why;

    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(write_and_read(same[i], i % 2 == 0 ? 0600 : 0400, &secret, &why), 0, "%s",
                     why.text);
        cr_assert(slice_eq_str(secret_expose(secret), "s3cret"));
        secret_free(&secret);
        cr_assert_null(secret);
    }
}

Test(secret, a_file_that_others_can_read_is_refused_with_the_remedy)
{
    static const mode_t modes[] = {0644, 0640, 0604, 0660, 0602, 0620, 0601};
    struct secret *secret;
    struct errmsg why;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        cr_assert_eq(write_and_read("s3cret", modes[i], &secret, &why), ERR_UNSAFE);
        cr_assert_not_null(strstr(why.text, "chmod 600"), "%s", why.text);
        cr_assert_null(strstr(why.text, "s3cret"), "%s", why.text);
    }
}

Test(secret, a_file_of_somebody_else_is_refused)
{
    struct secret *secret;
    struct errmsg why;

    if (geteuid() != 0)
        cr_skip_test("only root can give files away");
    cr_assert_eq(fdio_replace_file(path, SLICE_LIT("x"), 0600, &why), 0);
    cr_assert_eq(chown(path, 12345, 12345), 0);
    cr_assert_eq(secret_read_file(path, &secret, &why), ERR_UNSAFE);
    cr_assert_not_null(strstr(why.text, "12345"), "%s", why.text);
}

Test(secret, what_is_no_secret_file_is_refused)
{
    char large[SECRET_MAX_SIZE + 2];
    struct secret *secret;
    struct errmsg why;

    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    cr_assert_eq(write_and_read("", 0600, &secret, &why), ERR_UNSAFE);
    cr_assert_eq(write_and_read("\n", 0600, &secret, &why), ERR_UNSAFE);
    cr_assert_eq(write_and_read(large, 0600, &secret, &why), ERR_UNSAFE);
    cr_assert_eq(secret_read_file(dir, &secret, &why), ERR_UNSAFE);
    unlink(path);
    cr_assert_eq(secret_read_file(path, &secret, &why), ERR_IO);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(secret_read_file(path, &secret, &why), ERR_UNSAFE, "and it does not block");
}

Test(secret, a_missing_file_is_made_once_and_then_read)
{
    struct secret *first, *second;
    struct errmsg why;
    struct stat st;

    cr_assert_eq(secret_ensure_file(path, 32, &first, &why), 0, "%s", why.text);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
    cr_assert_eq(secret_expose(first).len, 32);
    cr_assert_eq(secret_ensure_file(path, 32, &second, &why), 0);
    cr_assert(slice_eq(secret_expose(first), secret_expose(second)));
    secret_free(&first);
    secret_free(&second);
}

Test(secret, processes_that_start_at_once_agree_on_one)
{
    struct secret *secret;
    struct errmsg why;
    int n_alike = 0;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    for (int i = 0; i < 8; i++) {
        if (fork() == 0) {
            int ok = secret_ensure_file(path, 32, &secret, &why) == 0 &&
                     write(ends[1], secret_expose(secret).ptr, 32) == 32;

            _exit(ok ? 0 : 1);
        }
    }
    while (wait(NULL) > 0)
        ;
    cr_assert_eq(secret_read_file(path, &secret, &why), 0, "%s", why.text);
    for (int i = 0; i < 8; i++) {
        char bytes[32];

        cr_assert_eq(read(ends[0], bytes, 32), 32);
        n_alike += secret_equal(bytes, secret_expose(secret).ptr, 32);
    }
    cr_assert_eq(n_alike, 8);
    secret_free(&secret);
}

Test(secret, one_bit_anywhere_makes_a_difference)
{
    char a[40], b[40];

    for (size_t len = 0; len <= sizeof a; len++) {
        memset(a, 'x', sizeof a);
        memset(b, 'x', sizeof b);
        memset(b + len, 'y', sizeof b - len);
        cr_assert(secret_equal(a, b, len));
        for (size_t bit = 0; bit < 8 * len; bit++) {
            b[bit / 8] ^= (char)(1 << bit % 8);
            cr_assert_not(secret_equal(a, b, len), "bit %zu of %zu bytes", bit, len);
            b[bit / 8] = 'x';
        }
    }
}

Test(secret, comparison_and_wiping)
{
    char bytes[] = "abc";

    cr_assert(secret_equal("abc", bytes, 3));
    cr_assert_not(secret_equal("abd", bytes, 3));
    secret_wipe(bytes, 3);
    cr_assert_eq(memcmp(bytes, "\0\0\0", 3), 0);
}
