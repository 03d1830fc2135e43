/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relayos/net/handover.h"
#include "relayos/net/listener.h"

static char dir[64];

static void
make_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/relayos-test-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void
drop_dir(void)
{
    char path[96];

    handover_unlink(dir);
    snprintf(path, sizeof path, "%s/handover.new", dir);
    unlink(path);
    rmdir(dir);
}

static int
n_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* A worker that answers n_answers times, the first n_draining of them with nothing. */
static pid_t
worker(int handover_fd, const int *fds, size_t n, int n_draining)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    fcntl(handover_fd, F_SETFL, 0); /* blocking: it has nothing else to do */
    for (int i = 0; i <= n_draining; i++)
        handover_answer(handover_fd, fds, i < n_draining ? 0 : n);
    _exit(0);
}

Test(handover, the_same_sockets_arrive, .init = make_dir, .fini = drop_dir)
{
    int handover_fd, fds[2], got[8];
    uint16_t ports[2], port = 0;

    cr_assert_eq(handover_open(dir, &handover_fd, NULL), 0);
    cr_assert_eq(handover_publish(dir, NULL), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(listener_open("127.0.0.1", 0, &fds[i], &ports[i], NULL), 0);
    pid_t pid = worker(handover_fd, fds, 2, 3);

    cr_assert_eq(handover_ask(dir, got, 8), 2);
    for (int i = 0; i < 2; i++) {
        struct stat a, b;

        cr_expect(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
        cr_assert(fstat(fds[i], &a) == 0 && fstat(got[i], &b) == 0);
        cr_expect_eq(a.st_ino, b.st_ino, "another socket");
        cr_expect(listener_is_at(got[i], "127.0.0.1", ports[i], &port));
        cr_expect(listener_is_at(got[i], "127.0.0.1", 0, &port));
        cr_expect_eq(port, ports[i]);
        cr_expect_not(listener_is_at(got[i], "127.0.0.1", (uint16_t)(ports[i] ^ 1), &port));
        cr_expect_not(listener_is_at(got[i], "0.0.0.0", ports[i], &port));
    }
    waitpid(pid, NULL, 0);
}

Test(handover, nobody_there_is_none, .init = make_dir, .fini = drop_dir)
{
    int handover_fd, got[8];

    cr_expect_eq(handover_ask(dir, got, 8), 0);
    cr_assert_eq(handover_open(dir, &handover_fd, NULL), 0);
    cr_expect_eq(handover_ask(dir, got, 8), 0, "before it is published");
    cr_assert_eq(handover_publish(dir, NULL), 0);
    close(handover_fd);
    cr_expect_eq(handover_ask(dir, got, 8), 0, "after its last holder ended");
}

Test(handover, what_is_more_than_wanted_is_closed, .init = make_dir, .fini = drop_dir)
{
    int handover_fd, fds[2], got[1];
    uint16_t port;

    cr_assert_eq(handover_open(dir, &handover_fd, NULL), 0);
    cr_assert_eq(handover_publish(dir, NULL), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(listener_open("127.0.0.1", 0, &fds[i], &port, NULL), 0);
    pid_t pid = worker(handover_fd, fds, 2, 0);
    int before = n_descriptors();

    cr_assert_eq(handover_ask(dir, got, 1), 1);
    cr_expect_eq(n_descriptors(), before + 1, "a descriptor stayed open");
    waitpid(pid, NULL, 0);
}

Test(handover, its_place_is_for_the_owner_alone, .init = make_dir, .fini = drop_dir)
{
    char path[96];
    struct stat st;
    int handover_fd;

    cr_assert_eq(handover_open(dir, &handover_fd, NULL), 0);
    cr_assert_eq(handover_publish(dir, NULL), 0);
    snprintf(path, sizeof path, "%s/handover.sock", dir);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
}
