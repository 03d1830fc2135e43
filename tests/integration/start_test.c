/* SPDX-License-Identifier: ISC
 *
 * What a start finds in /dev/shm: nothing it may map, something of another boot, or no room.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"

#define EXIT_NOT_ALLOWED 77
#define EXIT_START       4

/* Of the segment's header (layout.h): it is written by the program that is tested. */
#define OFFSET_LAYOUT_VERSION 8
#define OFFSET_BOOT_ID        40

static const char *
segment_path(const struct gateway *gateway)
{
    static char path[64];

    snprintf(path, sizeof path, "/dev/shm/relayos.test-%d", gateway->port);
    return path;
}

/* Master, ledger and workers killed at once: as after a power cut, but for the segment. */
static void
kill_all(struct gateway *gateway)
{
    pid_t pids[8];
    int n = gateway_pids(gateway, "worker", pids, 7);

    n += gateway_pids(gateway, "ledger", pids + n, 1);
    for (int i = 0; i < n; i++)
        kill(pids[i], SIGSTOP); /* so that nobody replaces or settles */
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    for (int i = 0; i < n; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0); /* we are their reaper */
    }
}

/* In the child, before the program runs; 0 or the child's exit status. */
typedef int surroundings(void);

static int
as_they_are(void)
{
    return 0;
}

static int
with_a_small_shm(void)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return EXIT_NOT_ALLOWED;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=1m") != 0)
        return EXIT_NOT_ALLOWED;
    return 0;
}

/* A start that must not succeed; its exit status, and what it said. */
static int
start_in(const struct gateway *gateway, surroundings *prepare, char *said, size_t size)
{
    char program[512];
    int ends[2], status = 0;
    size_t len = 0;
    ssize_t got;

    gateway_program("relayosd", program, sizeof program);
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();

    if (pid == 0) {
        int trouble = prepare();

        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        setenv("GATEWAY_CREDENTIAL", GATEWAY_CREDENTIAL, 1);
        if (trouble == 0)
            execl(program, "relayosd", "-c", gateway->config, NULL);
        _exit(trouble == 0 ? 127 : trouble);
    }
    close(ends[1]);
    while (len < size - 1 && (got = read(ends[0], said + len, size - 1 - len)) > 0)
        len += (size_t)got;
    said[len] = '\0';
    close(ends[0]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void
assert_refused(const struct gateway *gateway, const char *reason)
{
    char said[8192];
    struct stat st;

    cr_expect_eq(start_in(gateway, as_they_are, said, sizeof said), EXIT_START, "%s", said);
    cr_expect_not_null(strstr(said, reason), "\"%s\" is not in: %s", reason, said);
    cr_expect_not_null(strstr(said, "remove it"), "it does not say what to do: %s", said);
    cr_expect_eq(stat(segment_path(gateway), &st), 0, "it was removed");
}

static void
put(const struct gateway *gateway, off_t offset, const void *bytes, size_t len)
{
    int fd = open(segment_path(gateway), O_RDWR | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, bytes, len, offset), (ssize_t)len);
    close(fd);
}

/* A gateway that served one request, which the killed ledger has settled or not. */
static struct gateway *
killed_gateway(void)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");

    cr_expect_eq(reply->status, 200);
    http_reply_free(&reply);
    free(key);
    kill_all(gateway);
    return gateway;
}

static void
serve_and_stop(struct gateway *gateway)
{
    gateway_restart(gateway);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(start, a_segment_of_another_boot_is_replaced, .timeout = 60)
{
    struct gateway *gateway = killed_gateway();

    put(gateway, OFFSET_BOOT_ID, "another boot id!", 16);
    gateway_restart(gateway);
    cr_expect(gateway_logged(gateway, "takeover.stale"), "the log does not say so");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(start, segments_that_cannot_be_read_are_refused_and_kept, .timeout = 60)
{
    struct gateway *gateway = killed_gateway();
    uint32_t version;
    int fd = open(segment_path(gateway), O_RDWR | O_CLOEXEC);

    cr_assert_eq(pread(fd, &version, sizeof version, OFFSET_LAYOUT_VERSION), sizeof version);
    close(fd);
    put(gateway, OFFSET_LAYOUT_VERSION, &(uint32_t){version + 1}, sizeof version);
    assert_refused(gateway, "layout version");
    put(gateway, OFFSET_LAYOUT_VERSION, &version, sizeof version);
    put(gateway, 0, "whatever", 8);
    assert_refused(gateway, "not a RelayOS segment");
    put(gateway, 0, "RELAYOS1", 8);
    chmod(segment_path(gateway), 0644);
    assert_refused(gateway, "mode 0644");
    chmod(segment_path(gateway), 0600);
    cr_assert_eq(truncate(segment_path(gateway), 100), 0);
    assert_refused(gateway, "truncated");
    unlink(segment_path(gateway));
    serve_and_stop(gateway);
}

Test(start, a_segment_of_another_owner_is_refused, .timeout = 60)
{
    if (geteuid() != 0)
        cr_skip_test("needs root to give a file away");

    struct gateway *gateway = killed_gateway();

    cr_assert_eq(chown(segment_path(gateway), 65534, 65534), 0);
    assert_refused(gateway, "belongs to uid 65534");
    cr_assert_eq(chown(segment_path(gateway), 0, 0), 0);
    serve_and_stop(gateway);
}

Test(start, without_room_in_dev_shm_it_is_refused_with_what_to_do, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char said[8192];

    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    int status = start_in(gateway, with_a_small_shm, said, sizeof said);

    if (status == EXIT_NOT_ALLOWED)
        cr_skip_test("needs the right to mount");
    cr_expect_eq(status, EXIT_START, "%d: %s", status, said); /* and no SIGBUS */
    cr_expect_not_null(strstr(said, "needed"), "%s", said);
    cr_expect_not_null(strstr(said, "--shm-size"), "%s", said);
    cr_expect_not_null(strstr(said, "capacity.keys"), "%s", said);
    serve_and_stop(gateway);
}
