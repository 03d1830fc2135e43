/* SPDX-License-Identifier: ISC */
#include "relayos/heritage.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/shm/proc_slot.h"

int
heritage_claim(const struct heritage *heritage, struct errmsg *why)
{
    if (proc_slot_claim(heritage->segment, heritage->slot, heritage->generation) == 0)
        return 0;
    errmsg_set(why, "the slot was given to another process");
    return ERR_CONFLICT;
}

/* Blocked since before the fork, so none is lost. */
int
heritage_watch_signals(struct errmsg *why)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        errmsg_set(why, "signalfd failed");
    return fd;
}

int
heritage_next_signal(int fd)
{
    struct signalfd_siginfo info;

    return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

void
heritage_tell_ready(const struct heritage *heritage)
{
    int fd = heritage->ready_fd;

    proc_slot_set_state(heritage->segment, heritage->slot, PROC_READY);
    if (heritage->is_background)
        fdio_leave_streams();
    if (fd >= 0 && fdio_write_all(fd, "r", 1) != 0)
        log_warn("ready.no_master", "nobody waits for us to be ready");
    fdio_close(&fd);
}

bool
heritage_beat(const struct heritage *heritage, int64_t now_us)
{
    if (!proc_slot_is_living(heritage->segment, heritage->slot, heritage->generation))
        return false;
    proc_slot_beat(heritage->segment, heritage->slot, now_us);
    return true;
}

void
heritage_reopen_log(const struct heritage *heritage)
{
    const char *file = heritage->conf->log_file;

    if (file[0] != '\0' && log_open(file) != 0)
        log_warn("log.open", "file=%s", file);
}
