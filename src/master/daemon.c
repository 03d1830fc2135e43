/* SPDX-License-Identifier: ISC */
#include "relayos/master/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relayos/base/fdio.h"

#define LOST 1 /* the daemon ended without a word */

static _Noreturn void launch(pid_t first, int fd);
static pid_t fork_or_die(void);

int
daemon_detach(void)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0) {
        fprintf(stderr, "relayosd: pipe: %s\n", strerror(errno));
        exit(LOST);
    }
    (void)fflush(NULL);
    pid_t first = fork_or_die();
    if (first > 0) {
        close(fds[1]);
        launch(first, fds[0]);
    }
    /* A session of its own, and not as its leader: no terminal can ever become ours. */
    (void)setsid();
    if (fork_or_die() > 0)
        _exit(0);
    close(fds[0]);
    return fds[1];
}

static _Noreturn void
launch(pid_t first, int fd)
{
    unsigned char status = LOST;

    while (waitpid(first, NULL, 0) < 0 && errno == EINTR)
        ;
    while (read(fd, &status, 1) < 0 && errno == EINTR)
        ;
    exit(status);
}

static pid_t
fork_or_die(void)
{
    pid_t pid = fork();

    if (pid < 0) {
        fprintf(stderr, "relayosd: fork: %s\n", strerror(errno));
        _exit(LOST);
    }
    return pid;
}

void
daemon_report(int *launcher_fd, int exit_status)
{
    unsigned char byte = (unsigned char)exit_status;

    fdio_leave_streams();
    (void)!write(*launcher_fd, &byte, 1);
    fdio_close(launcher_fd);
}
