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
#include "relayos/base/sandbox.h"
#include "start.h"
#include "state.h"

#define RETRY_US        INT64_C(1000000)  /* after a fork that failed */
#define RETRY_LISTEN_US INT64_C(10000000) /* of the console, whose address is taken */
#define LEDGER_NICE     (-5)

struct birth {
    int ready[2];   /* pipe: [0] ours */
    int control[2]; /* socket pair, for all but workers: [0] ours */
    uint32_t generation;
};

static bool is_wanted(const struct master *master, const struct child *child);
static int start(struct master *master, struct child *child, struct errmsg *why);
static bool find_vacant_slot(const struct master *master, uint32_t *out_slot);
static int spawn(struct master *master, struct child *child, uint32_t slot, struct errmsg *why);
static int birth_prepare(struct birth *birth, bool has_control, struct errmsg *why);
static _Noreturn void live(struct master *master, const struct child *child,
                           const struct birth *birth);
static void forget_secrets(struct master *master);
static void leave_listeners(struct master *master, enum proc_role role, struct heritage *heritage);
static master_role_main *role_main(const struct master *master, enum proc_role role);
static void drop_inherited(struct master *master);
static void reset_signals(void);

void
spawn_work(struct master *master, int64_t now_us)
{
    for (uint32_t n = 0; n < master_n_children(master); n++) {
        struct child *child = &master->children[n];
        struct errmsg why;

        if (!is_wanted(master, child) || child->due_us > now_us)
            continue;
        int rc = start(master, child, &why);
        if (rc != 0)
            child->due_us = now_us + (rc == ERR_EXISTS ? RETRY_LISTEN_US : RETRY_US);
        if (rc == ERR_IO)
            log_error("child.not_started", "role=%s reason=\"%s\"", proc_role_name(child->role),
                      why.text);
    }
}

int64_t
spawn_wake_us(const struct master *master)
{
    int64_t wake_us = INT64_MAX;

    for (uint32_t n = 0; n < master_n_children(master); n++) {
        const struct child *child = &master->children[n];
        if (is_wanted(master, child) && child->due_us < wake_us)
            wake_us = child->due_us;
    }
    return wake_us;
}

static bool
is_wanted(const struct master *master, const struct child *child)
{
    if (child->pid != 0 || master->is_rebuilding)
        return false;
    if (child->role == PROC_LEDGER)
        return master->phase < MASTER_LEDGER_STOPS && master->exit_status == MASTER_EXIT_OK;
    if (child->role == PROC_PROBER) /* nothing of a start waits for it, nor for the console */
        return master->phase == MASTER_SERVES;
    if (child->role == PROC_CONSOLE)
        return master->phase == MASTER_SERVES && master->boot->console.host[0] != '\0';
    return (master->phase == MASTER_WORKERS_START || master->phase == MASTER_SERVES) &&
           !master->workers_are_off;
}

/* ERR_BUSY: no slot is vacant yet (the undertaker is at work); ERR_EXISTS: the console's address is
 * taken; ERR_IO: fork or a descriptor failed. */
static int
start(struct master *master, struct child *child, struct errmsg *why)
{
    uint32_t slot = proc_slot_of(master->segment, child->role);

    assert(child->pid == 0);
    if (child->role == PROC_WORKER && !find_vacant_slot(master, &slot)) {
        errmsg_set(why, "every worker slot still has requests to be settled");
        return ERR_BUSY;
    }
    int rc = 0;
    if (child->role == PROC_CONSOLE && master->console_fd < 0)
        rc = start_open_console(master, why);
    return rc == 0 ? spawn(master, child, slot, why) : rc;
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

static int
spawn(struct master *master, struct child *child, uint32_t slot, struct errmsg *why)
{
    struct birth birth;
    int rc = birth_prepare(&birth, child->role != PROC_WORKER, why);

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
    if (child->link != NULL)
        child_link_open(child->link, birth.control[0]);
    else if (child->role == PROC_CONSOLE)
        console_link_open(&master->console_link, birth.control[0]);
    if (child->role == PROC_LEDGER)
        master->options.is_repair = false; /* once was asked for */
    log_info("child.started", "role=%s slot=%u child=%d generation=%u", proc_role_name(child->role),
             slot, (int)pid, birth.generation);
    return 0;
}

static int
birth_prepare(struct birth *birth, bool has_control, struct errmsg *why)
{
    *birth = (struct birth){.ready = {-1, -1}, .control = {-1, -1}};
    if (pipe2(birth->ready, O_CLOEXEC) != 0) {
        errmsg_set(why, "pipe: %s", strerror(errno));
        return ERR_IO;
    }
    if (has_control && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, birth->control) != 0) {
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
    bool is_worker = child->role == PROC_WORKER, is_ledger = child->role == PROC_LEDGER;
    struct heritage heritage = {
        .conf = master->boot,
        .segment = master->segment,
        .catalog = master->catalog,
        .pepper = master->pepper,
        .listener_ports = master->listener_ports,
        .slot = child->slot,
        .generation = birth->generation,
        .ready_fd = birth->ready[1],
        .control_fd = birth->control[1],
        .handover_fd = is_worker ? master->handover_fd : -1,
        .kept_fd = child->role == PROC_PROBER ? master->kept_fd : -1,
        .nudge_fd = master->nudge_fd,
        .wake_fds = master->wake_fds,
        .is_background = master->options.launcher_fd >= 0,
        .is_repair = is_ledger && master->options.is_repair,
    };
    struct errmsg why;
    int level = log_level_parse(master->conf->log_level);

    (void)setpgid(0, 0); /* a ^C is for the master */
    if (is_worker)
        snprintf(role, sizeof(role), "worker-%u", child->slot);
    else
        snprintf(role, sizeof(role), "%s", proc_role_name(child->role));
    proc_set_title(role);
    log_init(role, level < 0 ? LOG_INFO : (enum log_level)level);
    drop_inherited(master);
    close(birth->ready[0]);
    if (!is_worker)
        close(birth->control[0]);
    leave_listeners(master, child->role, &heritage);
    heritage.vault = certificates_leave(master, child->role);
    if (child->role == PROC_CONSOLE)
        forget_secrets(master);
    if (child->role != PROC_PROBER) { /* who alone sends there */
        conf_forget_receivers(master->boot);
        fdio_close(&master->kept_fd);
    }
    if (!is_worker)
        fdio_close(&master->handover_fd);
    reset_signals();
    /* The books go first: on a machine at its limit the workers could starve the ledger, and then
     * have to refuse work for want of it. Without the right to it things stay as they are. */
    if (is_ledger)
        (void)setpriority(PRIO_PROCESS, 0, LEDGER_NICE);
    sandbox_bound();
    if (proc_drop_rights(master->boot->user, &why) != 0 ||
        confine_child(master, child, &why) != 0) {
        log_error("child.rights", "reason=\"%s\"", why.text);
        _exit(MASTER_EXIT_START);
    }
    exit(role_main(master, child->role)(&heritage));
}

/* Who takes over what browsers talk to finds no upstream's credential there, nor what callers said.
 */
static void
forget_secrets(struct master *master)
{
    conf_forget_credentials(master->boot);
    if (master->conf != master->boot)
        conf_forget_credentials(master->conf);
    catalog_forget_secrets(master->catalog);
    segment_forget_recall(master->segment);
}

/* A worker has the console's, too, for the next master: who waits in it is not turned away. */
static void
leave_listeners(struct master *master, enum proc_role role, struct heritage *heritage)
{
    for (size_t n = 0; n < master->boot->n_listeners; n++) {
        if (role == PROC_WORKER)
            heritage->listener_fds[heritage->n_listeners++] = master->listener_fds[n];
        else
            close(master->listener_fds[n]);
    }
    heritage->n_handed = heritage->n_listeners;
    if (master->console_fd < 0)
        return;
    if (role == PROC_WORKER)
        heritage->listener_fds[heritage->n_handed++] = master->console_fd;
    else if (role == PROC_CONSOLE)
        heritage->listener_fds[heritage->n_listeners++] = master->console_fd;
    else
        close(master->console_fd);
}

static master_role_main *
role_main(const struct master *master, enum proc_role role)
{
    if (role == PROC_WORKER)
        return master->options.worker;
    if (role == PROC_CONSOLE)
        return master->options.console;
    return role == PROC_LEDGER ? master->options.ledger : master->options.prober;
}

/* What is the master's own must not live on in a child: a control socket held open by a worker
 * would hide the master's death from those who wait on it. */
static void
drop_inherited(struct master *master)
{
    control_server_drop(&master->control);
    adopt_drop(&master->adoption);
    fdio_close(&master->ledger_link.fd);
    fdio_close(&master->prober_link.fd);
    fdio_close(&master->console_link.fd);
    fdio_close(&master->signal_fd);
    fdio_close(&master->lock_fd);
    fdio_close(&master->reload.checker.fd);
    fdio_close(&master->options.launcher_fd);
    notify_fini(&master->notify);
    fdio_close(&master->upgrade.asked.fd);
    conf_free_beside(&master->reload.conf, master->conf); /* one that is not in force yet */
    succession_drop(&master->options.succession);
    for (uint32_t n = 0; n < master_n_children(master); n++)
        fdio_close(&master->children[n].ready_fd);
}

/* heritage.h says what a child finds: dispositions default, the master's signals still blocked. */
static void
reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    struct sigaction ignored = {.sa_handler = SIG_IGN};

    for (int signo = 1; signo < SIGRTMIN; signo++)
        (void)sigaction(signo, signo == SIGPIPE || signo == SIGXFSZ ? &ignored : &standard, NULL);
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
