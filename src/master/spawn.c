/* SPDX-License-Identifier: ISC */
#include "spawn.h"
#include "relayos/base/crash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/base/proc.h"
#include "state.h"

#define RETRY_US    INT64_C(1000000) /* after a fork that failed */
#define LEDGER_NICE (-5)

struct birth {
    int ready[2];   /* pipe: [0] ours */
    int control[2]; /* socket pair, ledger only: [0] ours */
    uint32_t generation;
};

static int spawn(struct master *master, struct child *child, uint32_t slot, struct errmsg *why);
static int birth_prepare(struct birth *birth, enum proc_role role, struct errmsg *why);
static _Noreturn void live(struct master *master, const struct child *child,
                           const struct birth *birth);
static void drop_inherited(struct master *master);
static void reset_signals(void);
static bool find_vacant_slot(const struct master *master, uint32_t *out_slot);
static bool is_wanted(const struct master *master, const struct child *child);

int
spawn_ledger(struct master *master, struct errmsg *why)
{
    uint32_t slot = proc_slot_of(master->segment, PROC_LEDGER);

    assert(master->ledger.pid == 0);
    return spawn(master, &master->ledger, slot, why);
}

int
spawn_worker(struct master *master, uint32_t n, struct errmsg *why)
{
    uint32_t slot;

    assert(n < master->n_workers && master->workers[n].pid == 0);
    if (!find_vacant_slot(master, &slot)) {
        errmsg_set(why, "every worker slot still has requests to be settled");
        return ERR_BUSY;
    }
    return spawn(master, &master->workers[n], slot, why);
}

static int
spawn(struct master *master, struct child *child, uint32_t slot, struct errmsg *why)
{
    struct birth birth;
    int rc = birth_prepare(&birth, child->role, why);

    if (rc != 0)
        return rc;
    assert(proc_n_threads() == 1); /* a thread's locks would be held for ever in the child */
    birth.generation = proc_slot_offer(master->segment, slot, child->role);
    child->slot = slot;
    CRASH_POINT("spawn.offered");
    (void)fflush(NULL); /* or the child's exit would print it again */
    pid_t pid = fork();
    if (pid == 0) {
        CRASH_POINT("spawn.unclaimed");
        live(master, child, &birth);
    }
    CRASH_POINT("spawn.forked");
    if (pid < 0)
        errmsg_set(why, "fork: %s", strerror(errno));
    fdio_close(&birth.ready[1]);
    fdio_close(&birth.control[1]);
    if (pid < 0) {
        fdio_close(&birth.ready[0]);
        fdio_close(&birth.control[0]);
        return ERR_IO;
    }

    child->pid = pid;
    child->ready_fd = birth.ready[0];
    child->is_ready = child->was_asked = false;
    if (child->role == PROC_LEDGER) {
        ledger_link_open(&master->link, birth.control[0]);
        master->options.is_repair = false; /* once was asked for */
    }
    log_info("child.started", "role=%s slot=%u child=%d generation=%u", proc_role_name(child->role),
             slot, (int)pid, birth.generation);
    return 0;
}

static int
birth_prepare(struct birth *birth, enum proc_role role, struct errmsg *why)
{
    *birth = (struct birth){.ready = {-1, -1}, .control = {-1, -1}};
    if (pipe2(birth->ready, O_CLOEXEC) != 0) {
        errmsg_set(why, "pipe: %s", strerror(errno));
        return ERR_IO;
    }
    if (role == PROC_LEDGER &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, birth->control) != 0) {
        errmsg_set(why, "socketpair: %s", strerror(errno));
        fdio_close(&birth->ready[0]);
        fdio_close(&birth->ready[1]);
        return ERR_IO;
    }
    return 0;
}

/* The child, from fork to its end. */
static _Noreturn void
live(struct master *master, const struct child *child, const struct birth *birth)
{
    static char role[32]; /* the log keeps a pointer to it */
    bool is_ledger = child->role == PROC_LEDGER;
    struct heritage heritage = {
        .conf = master->boot,
        .segment = master->segment,
        .catalog = master->catalog,
        .pepper = master->pepper,
        .n_listeners = is_ledger ? 0 : master->boot->n_listeners,
        .slot = child->slot,
        .generation = birth->generation,
        .ready_fd = birth->ready[1],
        .control_fd = birth->control[1],
        .handover_fd = is_ledger ? -1 : master->handover_fd,
        .nudge_fd = master->nudge_fd,
        .wake_fds = master->wake_fds,
        .is_repair = is_ledger && master->options.is_repair,
    };
    struct errmsg why;
    int level = log_level_parse(master->conf->log_level);

    (void)setpgid(0, 0); /* a ^C is for the master */
    if (is_ledger)
        snprintf(role, sizeof(role), "ledger");
    else
        snprintf(role, sizeof(role), "worker-%u", child->slot);
    proc_set_title(role);
    log_init(role, level < 0 ? LOG_INFO : (enum log_level)level);
    drop_inherited(master);
    close(birth->ready[0]);
    if (is_ledger)
        close(birth->control[0]);
    for (size_t n = 0; n < master->boot->n_listeners; n++) {
        if (is_ledger)
            close(master->listener_fds[n]);
        heritage.listener_fds[n] = is_ledger ? -1 : master->listener_fds[n];
    }
    if (is_ledger)
        fdio_close(&master->handover_fd);
    reset_signals();
    /* The books go first: on a machine at its limit the workers could starve the ledger, and then
     * have to refuse work for want of it. Without the right to it things stay as they are. */
    if (is_ledger)
        (void)setpriority(PRIO_PROCESS, 0, LEDGER_NICE);
    if (proc_drop_rights(master->boot->user, &why) != 0) {
        log_error("child.rights", "reason=\"%s\"", why.text);
        _exit(MASTER_EXIT_START);
    }
    exit(is_ledger ? master->options.ledger(&heritage) : master->options.worker(&heritage));
}

/* What is the master's own must not live on in a child: a control socket held open by a worker
 * would hide the master's death from those who wait on it. */
static void
drop_inherited(struct master *master)
{
    control_server_drop(&master->control);
    adopt_drop(&master->adoption);
    fdio_close(&master->link.fd);
    fdio_close(&master->signal_fd);
    fdio_close(&master->lock_fd);
    fdio_close(&master->reload.checker_fd);
    fdio_close(&master->options.launcher_fd);
    fdio_close(&master->ledger.ready_fd);
    for (uint32_t n = 0; n < master->n_workers; n++)
        fdio_close(&master->workers[n].ready_fd);
}

/* heritage.h says what a child finds: dispositions default, the master's signals still blocked. */
static void
reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    struct sigaction ignored = {.sa_handler = SIG_IGN};

    for (int signo = 1; signo < SIGRTMIN; signo++)
        (void)sigaction(signo, signo == SIGPIPE ? &ignored : &standard, NULL);
}

static bool
find_vacant_slot(const struct master *master, uint32_t *out_slot)
{
    uint32_t n_slots = segment_capacity(master->segment)->n_workers;

    for (uint32_t slot = 0; slot < n_slots; slot++) {
        struct proc_view view;

        proc_slot_view(master->segment, slot, &view);
        bool is_taken = view.state != PROC_VACANT || master->undertaker_due_us[slot] == INT64_MAX ||
                        master->adoption.workers[slot].pid != 0;
        for (uint32_t n = 0; n < master->n_workers && !is_taken; n++)
            is_taken = master->workers[n].pid != 0 && master->workers[n].slot == slot;
        if (!is_taken) {
            *out_slot = slot;
            return true;
        }
    }
    return false;
}

void
spawn_work(struct master *master, int64_t now_us)
{
    struct errmsg why;

    if (is_wanted(master, &master->ledger) && master->ledger.due_us <= now_us &&
        spawn_ledger(master, &why) != 0) {
        log_error("child.not_started", "role=ledger reason=\"%s\"", why.text);
        master->ledger.due_us = now_us + RETRY_US;
    }
    for (uint32_t n = 0; n < master->n_workers; n++) {
        struct child *child = &master->workers[n];

        if (!is_wanted(master, child) || child->due_us > now_us)
            continue;
        int rc = spawn_worker(master, n, &why);
        if (rc != 0)
            child->due_us = now_us + RETRY_US;
        if (rc == ERR_IO)
            log_error("child.not_started", "role=worker reason=\"%s\"", why.text);
    }
}

static bool
is_wanted(const struct master *master, const struct child *child)
{
    if (child->pid != 0 || master->is_rebuilding)
        return false;
    if (child->role == PROC_LEDGER)
        return master->phase < MASTER_LEDGER_STOPS && master->exit_status == MASTER_EXIT_OK;
    return (master->phase == MASTER_WORKERS_START || master->phase == MASTER_SERVES) &&
           !master->workers_are_off;
}

int64_t
spawn_wake_us(const struct master *master)
{
    int64_t wake_us = is_wanted(master, &master->ledger) ? master->ledger.due_us : INT64_MAX;

    for (uint32_t n = 0; n < master->n_workers; n++) {
        const struct child *child = &master->workers[n];
        if (is_wanted(master, child) && child->due_us < wake_us)
            wake_us = child->due_us;
    }
    return wake_us;
}

bool
spawn_on_ready_event(struct child *child)
{
    char byte;
    ssize_t n = read(child->ready_fd, &byte, 1);

    if (n < 0 && errno == EINTR)
        return false;
    fdio_close(&child->ready_fd);
    child->is_ready = n == 1; /* else: it ends without having been ready; reaping sees to it */
    return child->is_ready;
}
