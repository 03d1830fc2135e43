/* SPDX-License-Identifier: ISC */
#include "asked.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/proc.h"

void
asked_init(struct asked *asked, size_t room)
{
    *asked = (struct asked){.fd = -1};
    buf_init(&asked->says, room);
}

void
asked_fini(struct asked *asked)
{
    fdio_close(&asked->fd);
    buf_fini(&asked->says);
}

void
asked_clear(struct asked *asked)
{
    fdio_close(&asked->fd);
    buf_clear(&asked->says);
}

int
asked_start(struct asked *asked, asked_fn *run, const void *ctx, int64_t deadline_us,
            struct errmsg *why)
{
    assert(asked->pid == 0);
    asked_clear(asked);
    int rc = asked_fork(run, ctx, &asked->pid, &asked->fd, why);
    if (rc == 0)
        (void)fcntl(asked->fd, F_SETFL, O_NONBLOCK);
    asked->deadline_us = deadline_us;
    return rc;
}

void
asked_on_readable(struct asked *asked)
{
    char scrap[512];
    char *room = buf_reserve(&asked->says, 1);
    ssize_t n = room == NULL ? read(asked->fd, scrap, sizeof(scrap))
                             : read(asked->fd, room, asked->says.capacity - asked->says.len);

    if (n > 0 && room != NULL)
        buf_commit(&asked->says, (size_t)n);
    else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fdio_close(&asked->fd); /* its end comes as SIGCHLD */
}

bool
asked_has_ended(struct asked *asked, int64_t now_us, int *out_status)
{
    if (now_us > asked->deadline_us)
        kill(asked->pid, SIGKILL);
    if (waitpid(asked->pid, out_status, WNOHANG) != asked->pid)
        return false;
    asked->pid = 0;
    for (size_t len = SIZE_MAX; asked->fd >= 0 && asked->says.len != len;) {
        len = asked->says.len;
        asked_on_readable(asked);
    }
    fdio_close(&asked->fd);
    return true;
}

int
asked_fork(asked_fn *run, const void *ctx, pid_t *out_pid, int *out_fd, struct errmsg *why)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0) {
        errmsg_set(why, "pipe: %s", strerror(errno));
        return ERR_IO;
    }
    assert(proc_n_threads() == 1);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        run(ctx, fds[1]);
        _exit(127);
    }
    close(fds[1]);
    if (pid < 0) {
        errmsg_set(why, "fork: %s", strerror(errno));
        close(fds[0]);
        return ERR_IO;
    }
    *out_pid = pid;
    *out_fd = fds[0];
    return 0;
}
