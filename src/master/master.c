/* SPDX-License-Identifier: ISC
 *
 * The loop: wait for anything, then the work list, always in this order: reap, reload, schedule,
 * control; then see whether the phase is over. Signals only set what the list finds.
 */
#include "relayos/master/master.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "key_sync.h"
#include "quickstart.h"
#include "ready.h"
#include "reap.h"
#include "rebuild.h"
#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/master/daemon.h"
#include "relayos/net/handover.h"
#include "setup_link.h"
#include "spawn.h"
#include "start.h"
#include "state.h"

#define TICK_MS        1000 /* at most: time-outs of clients and calls are looked at this often */
#define LEDGER_STOP_US INT64_C(30000000)
#define HELPER_STOP_US INT64_C(1000000) /* of prober and console, once all others have ended */
/* A new version has so long for each step of its start: nothing is settled meanwhile, and workers
 * refuse what they have no more slots for. */
#define TRIAL_US INT64_C(10000000)
#define MAX_FDS  (2 * LIMIT_WORKERS + CONTROL_SERVER_CLIENTS + 13)

enum fd_kind {
    FD_SIGNAL,
    FD_LINK,
    FD_READY,
    FD_ADOPTED,
    FD_CHECKER,
    FD_ASKED,
    FD_CONTROL,
    FD_CLIENT,
    FD_CONSOLE
};

struct fd_set_of {
    struct pollfd fds[MAX_FDS];
    struct {
        enum fd_kind kind;
        size_t n;
    } who[MAX_FDS];
    size_t n;
};

static void serve(struct master *master);
static void wait_for_events(struct master *master);
static void collect_fds(const struct master *master, struct fd_set_of *set);
static void add_fd(struct fd_set_of *set, int fd, short events, enum fd_kind kind, size_t n);
static int timeout_ms(const struct master *master);
static int64_t trial_ends_us(const struct master *master, int64_t now_us);
static void dispatch(struct master *master, enum fd_kind kind, size_t n, short events);
static void take_signals(struct master *master);
static void on_signal(struct master *master, int signo, int64_t now_us);
static void stop(struct master *master, int signo, int64_t now_us);
static void on_ready(struct master *master, struct child *child);
static void announce(struct master *master, int64_t now_us);
static void look_at_phase(struct master *master, int64_t now_us);
static void look_at_helpers(struct master *master, int64_t now_us);
static void on_deadline(struct master *master, int64_t now_us);
static void stop_helpers(struct master *master);
static void signal_helper(const struct child *child, int signo);
static void stop_ledger(struct master *master, int64_t now_us);
static void on_ledger_stopped(struct master *master, struct child_tag tag,
                              const struct frame_value *reply);
static void signal_workers(struct master *master, int signo, int64_t timeout_us);
static bool workers_are_ready(const struct master *master);
static bool workers_are_gone(const struct master *master);
static void fail(struct master *master, int exit_status, const char *reason);

int
master_run(const struct master_options *options)
{
    struct master *master = mem_zalloc(sizeof(*master));
    struct errmsg why;

    master->options = *options;
    master->boot = master->conf = options->conf;
    int rc = start_prepare(master, &why);
    if (rc == 0)
        serve(master);
    else
        fail(master, rc == ERR_CONFIG ? MASTER_EXIT_CONFIG : MASTER_EXIT_START, why.text);

    if (rc != 0 || master->spares_adopted)
        succession_go_back(&master->options.succession, master->options.argv,
                           master->options.succession.reason);
    int exit_status = master->exit_status;
    if (rc == 0 && !master->spares_adopted) {
        ready_withdraw(master);
        handover_unlink(master->boot->run_dir);
        log_info("stopped", "status=%d", exit_status);
    }
    /* The segment stays where something in it is unsettled: the next start sees to it. */
    if ((master->is_settled && !master->spares_adopted) || master->segment_is_empty)
        (void)segment_unlink(master->segment_name);
    start_undo(master);
    free(master);
    return exit_status;
}

static void
serve(struct master *master)
{
    master->deadline_us = trial_ends_us(master, clock_mono_us());
    while (master->phase != MASTER_IS_OVER) {
        int64_t now_us = clock_mono_us();

        reap_work(master, now_us);
        adopt_work(master, now_us);
        vigil_work(master, now_us);
        reap_send_undertaker(master, now_us);
        spawn_work(master, now_us);
        upgrade_work(master, now_us);
        reload_work(master, now_us);
        schedule_work(master, now_us);
        child_link_expire(master, &master->ledger_link, now_us);
        child_link_expire(master, &master->prober_link, now_us);
        control_server_work(master, now_us);
        console_link_work(master, now_us);
        witness_work(master, now_us);
        notify_work(master, now_us);
        certificates_work(master, now_us);
        look_at_phase(master, now_us);
        rebuild_work(master, now_us);
        if (master->phase != MASTER_IS_OVER)
            wait_for_events(master);
    }
}

/* ---- events ---- */

static void
wait_for_events(struct master *master)
{
    struct fd_set_of set = {.n = 0};

    collect_fds(master, &set);
    int n = poll(set.fds, set.n, timeout_ms(master));
    for (size_t i = 0; i < set.n && n > 0; i++) {
        if (set.fds[i].revents != 0)
            dispatch(master, set.who[i].kind, set.who[i].n, set.fds[i].revents);
    }
}

static void
collect_fds(const struct master *master, struct fd_set_of *set)
{
    const struct control_server *control = &master->control;

    add_fd(set, master->signal_fd, POLLIN, FD_SIGNAL, 0);
    add_fd(set, master->reload.checker.fd, POLLIN, FD_CHECKER, 0);
    add_fd(set, master->upgrade.asked.fd, POLLIN, FD_ASKED, 0);
    for (uint32_t n = 0; n < master_n_children(master); n++) {
        const struct child *child = &master->children[n];

        if (child->link != NULL)
            add_fd(set, child->link->fd, child_link_events(child->link), FD_LINK, n);
        add_fd(set, child->ready_fd, POLLIN, FD_READY, n);
    }
    for (uint32_t slot = 0; slot < LIMIT_WORKERS; slot++) {
        if (master->adoption.workers[slot].pid != 0)
            add_fd(set, master->adoption.workers[slot].pidfd, POLLIN, FD_ADOPTED, slot);
    }
    add_fd(set, master->console_link.fd, console_link_events(&master->console_link), FD_CONSOLE, 0);
    if (control_server_has_room(control))
        add_fd(set, control->fd, POLLIN, FD_CONTROL, 0);
    for (size_t n = 0; n < CONTROL_SERVER_CLIENTS; n++)
        add_fd(set, control->clients[n].fd, control_server_events(control, n), FD_CLIENT, n);
}

static void
add_fd(struct fd_set_of *set, int fd, short events, enum fd_kind kind, size_t n)
{
    if (fd < 0)
        return;
    assert(set->n < MAX_FDS);
    set->fds[set->n] = (struct pollfd){.fd = fd, .events = events};
    set->who[set->n].kind = kind;
    set->who[set->n].n = n;
    set->n++;
}

static int
timeout_ms(const struct master *master)
{
    const int64_t wakes_us[] = {
        schedule_wake_us(master),        spawn_wake_us(master),   reap_wake_us(master),
        reload_wake_us(master),          adopt_wake_us(master),   master->deadline_us,
        notify_wake_us(&master->notify), upgrade_wake_us(master),
    };
    int64_t now_us = clock_mono_us();
    int64_t wait_us = TICK_MS * INT64_C(1000);

    for (size_t n = 0; n < sizeof(wakes_us) / sizeof(wakes_us[0]); n++) {
        if (wakes_us[n] - now_us < wait_us)
            wait_us = wakes_us[n] - now_us;
    }
    return wait_us <= 0 ? 0 : (int)((wait_us + 999) / 1000);
}

static void
dispatch(struct master *master, enum fd_kind kind, size_t n, short events)
{
    int64_t now_us = clock_mono_us();

    switch (kind) {
    case FD_SIGNAL:
        take_signals(master);
        break;
    case FD_LINK:
        child_link_on_events(master, &master->children[n], events);
        break;
    case FD_READY:
        if (spawn_on_ready_event(&master->children[n]))
            on_ready(master, &master->children[n]);
        break;
    case FD_ADOPTED:
        adopt_on_end(master, (uint32_t)n);
        rebuild_if_damaged(master, now_us); /* how it ended we cannot know: it is not our child */
        break;
    case FD_CHECKER:
        asked_on_readable(&master->reload.checker);
        break;
    case FD_ASKED:
        asked_on_readable(&master->upgrade.asked);
        break;
    case FD_CONTROL:
        control_server_on_connect(&master->control, now_us);
        break;
    case FD_CLIENT:
        control_server_on_events(&master->control, n, events, now_us);
        break;
    case FD_CONSOLE:
        console_link_on_events(&master->console_link, events);
        break;
    }
}

/* ---- signals ---- */

static void
take_signals(struct master *master)
{
    struct signalfd_siginfo info;

    while (read(master->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        on_signal(master, (int)info.ssi_signo, clock_mono_us());
}

static void
on_signal(struct master *master, int signo, int64_t now_us)
{
    struct errmsg why;

    if (signo != SIGCHLD)
        log_info("signal", "signal=%s", sigabbrev_np(signo));
    switch (signo) {
    case SIGCHLD:
        master->reaping_is_due = true;
        break;
    case SIGTERM:
    case SIGINT:
        stop(master, SIGTERM, now_us);
        break;
    case SIGQUIT:
        stop(master, SIGQUIT, now_us);
        break;
    case SIGHUP:
        master->workers_are_off = false;
        master->reload.is_wanted = true;
        break;
    case SIGUSR2:
        master->upgrade.is_wanted = true;
        break;
    case SIGUSR1:
        if (start_open_logs(master, &why) != 0)
            log_error("log.not_reopened", "reason=\"%s\"", why.text);
        signal_workers(master, SIGUSR1, 0);
        if (master->ledger.pid != 0)
            kill(master->ledger.pid, SIGUSR1);
        signal_helper(&master->prober, SIGUSR1);
        signal_helper(&master->console, SIGUSR1);
        break;
    case SIGWINCH:
        master->workers_are_off = true;
        signal_workers(master, SIGQUIT, master->conf->drain_timeout_us);
        break;
    default:
        log_warn("signal.ignored", "signal=%s", sigabbrev_np(signo));
        break;
    }
}

/* TERM is the short way and QUIT the long one, for workers too; a later TERM shortens a QUIT. */
static void
stop(struct master *master, int signo, int64_t now_us)
{
    int64_t timeout_us =
        signo == SIGQUIT ? master->conf->drain_timeout_us : master->conf->stop_timeout_us;

    if (master->phase < MASTER_WORKERS_DRAIN)
        master_move(master, MASTER_WORKERS_DRAIN, now_us);
    if (master->phase == MASTER_WORKERS_DRAIN && now_us + timeout_us < master->deadline_us) {
        master->deadline_us = now_us + timeout_us;
        notify_stopping(&master->notify, timeout_us + 2 * LEDGER_STOP_US);
        signal_workers(master, signo, timeout_us);
    }
}

/* ---- phases ---- */

void
master_move(struct master *master, enum master_phase phase, int64_t now_us)
{
    assert(phase > master->phase);
    master->phase = phase;
    master->deadline_us = phase < MASTER_SERVES ? trial_ends_us(master, now_us) : INT64_MAX;
    switch (phase) {
    case MASTER_LEDGER_STARTS:
        break;
    case MASTER_KEYS_SYNC:
        key_sync_all(master, now_us);
        break;
    case MASTER_WORKERS_START:
        master->segment_is_empty = false;
        spawn_work(master, now_us);
        break;
    case MASTER_SERVES:
        if (!master->has_served)
            announce(master, now_us);
        break;
    case MASTER_WORKERS_DRAIN:
        log_info("stopping", "workers=%u", master->n_workers);
        break;
    case MASTER_LEDGER_STOPS:
        stop_helpers(master);
        stop_ledger(master, now_us);
        break;
    case MASTER_IS_OVER:
        break;
    }
}

/* Only where an old version could take its place again. One that brings the database to its schema
 * has as long as it takes: ended in the middle of it, it would never come to an end. */
static int64_t
trial_ends_us(const struct master *master, int64_t now_us)
{
    const struct succession *from = &master->options.succession;

    return from->old_fd >= 0 && !from->migrates ? now_us + TRIAL_US : INT64_MAX;
}

/* The first time: now those who wait for us may come. */
static void
announce(struct master *master, int64_t now_us)
{
    struct errmsg why;

    master->has_served = true;
    ready_announce(master);
    if (handover_publish(master->boot->run_dir, &why) != 0)
        log_error("handover.unpublished", "reason=\"%s\"", why.text);
    adopt_drain(master, now_us);
    upgrade_on_served(master);
    if (master->options.prints_quickstart)
        quickstart_begin(master);
    else
        setup_link_begin(master);
}

void
master_start_again(struct master *master)
{
    /* Who crashed waits as after any other crash. */
    master->phase = MASTER_LEDGER_STARTS;
    master->deadline_us = trial_ends_us(master, clock_mono_us());
}

void
master_fail_start(struct master *master, const char *reason, int64_t now_us)
{
    if (master->phase >= MASTER_SERVES || master->has_served)
        return;
    fail(master, MASTER_EXIT_START, reason);
    master->spares_adopted = master->options.succession.is_there;
    stop(master, SIGTERM, now_us);
}

static void
look_at_phase(struct master *master, int64_t now_us)
{
    bool is_failed = master->exit_status == MASTER_EXIT_START;

    if (now_us >= master->deadline_us)
        on_deadline(master, now_us);
    switch (master->phase) {
    case MASTER_LEDGER_STARTS:
        if (master->ledger.is_ready)
            master_move(master, MASTER_KEYS_SYNC, now_us);
        break;
    case MASTER_WORKERS_START:
        if (workers_are_ready(master))
            master_move(master, MASTER_SERVES, now_us);
        break;
    case MASTER_WORKERS_DRAIN:
        if (workers_are_gone(master) && (is_failed || !reap_has_dead(master)))
            master_move(master, MASTER_LEDGER_STOPS, now_us);
        break;
    case MASTER_LEDGER_STOPS:
        if (master->ledger.pid == 0)
            look_at_helpers(master, now_us);
        break;
    case MASTER_KEYS_SYNC:
    case MASTER_SERVES:
    case MASTER_IS_OVER:
        break;
    }
}

/* All that counts is done: they get no more than a moment. */
static void
look_at_helpers(struct master *master, int64_t now_us)
{
    if (master->prober.pid == 0 && master->console.pid == 0)
        master_move(master, MASTER_IS_OVER, now_us);
    else if (master->deadline_us > now_us + HELPER_STOP_US)
        master->deadline_us = now_us + HELPER_STOP_US;
}

/* Patience ends once while a new version starts, and twice while it stops: with the workers, then
 * with the undertaker or the ledger itself. */
static void
on_deadline(struct master *master, int64_t now_us)
{
    if (master->phase < MASTER_SERVES) {
        bool ledger_hangs = master->phase <= MASTER_KEYS_SYNC;

        master_fail_start(master, "it does not come to serve", now_us);
        if (ledger_hangs && master->ledger.pid != 0)
            kill(master->ledger.pid, SIGKILL); /* it takes no commands */
        return;
    }
    master->deadline_us = now_us + LEDGER_STOP_US;
    if (master->phase == MASTER_WORKERS_DRAIN && !workers_are_gone(master)) {
        log_warn("stop.deadline", "action=\"workers that still have requests are ended\"");
        signal_workers(master, SIGKILL, 0);
    } else if (master->phase == MASTER_WORKERS_DRAIN) {
        log_error("stop.unsettled",
                  "reason=\"the ledger does not settle what ended workers left\"");
        master_move(master, MASTER_LEDGER_STOPS, now_us);
    } else if (master->ledger.pid != 0) {
        log_error("stop.ledger_killed", "waited_s=%d", (int)(LEDGER_STOP_US / 1000000));
        kill(master->ledger.pid, SIGKILL);
    } else {
        signal_helper(&master->prober, SIGKILL);
        signal_helper(&master->console, SIGKILL);
    }
}

static void
on_ready(struct master *master, struct child *child)
{
    int64_t now_us = clock_mono_us();

    log_info("child.ready", "role=%s slot=%u child=%d", proc_role_name(child->role), child->slot,
             (int)child->pid);
    if (child->role != PROC_LEDGER)
        return;
    if (master->options.succession.migrates)
        fdio_close(&master->options.succession.old_fd); /* it could not read the database now */
    master->schedule.settle = (struct schedule_job){.next_us = 0};
    master->schedule.checkpoint =
        (struct schedule_job){.next_us = now_us + master->conf->checkpoint_interval_us};
    /* A ledger that takes a dead one's place reads the store; declared keys it has from us. */
    if (master->phase == MASTER_WORKERS_START || master->phase == MASTER_SERVES)
        key_sync_all(master, now_us);
}

static void
stop_helpers(struct master *master)
{
    master->prober.was_asked = master->console.was_asked = true;
    signal_helper(&master->prober, SIGTERM);
    signal_helper(&master->console, SIGTERM);
}

static void
signal_helper(const struct child *child, int signo)
{
    if (child->pid != 0)
        kill(child->pid, signo);
}

static void
stop_ledger(struct master *master, int64_t now_us)
{
    struct child_call call = {.command = COMMAND_STOP, .on_reply = on_ledger_stopped};

    master->deadline_us = now_us + LEDGER_STOP_US;
    master->ledger.was_asked = true;
    if (master->ledger.pid == 0) {
        on_ledger_stopped(master, call.tag, NULL);
    } else if (child_link_call(&master->ledger_link, &call, now_us) != 0) {
        on_ledger_stopped(master, call.tag, NULL);
        kill(master->ledger.pid, SIGTERM);
    }
}

static void
on_ledger_stopped(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    int64_t outbox = frame_get_int(frame_get(reply, "result"), "outbox", -1);

    (void)tag;
    master->is_settled = outbox == 0 && !reap_has_dead(master);
    if (master->is_settled)
        return;
    if (outbox > 0)
        log_error("stop.unsettled", "outbox=%lld action=\"the next start settles it\"",
                  (long long)outbox);
    if (master->exit_status == MASTER_EXIT_OK)
        master->exit_status = MASTER_EXIT_UNSETTLED;
}

/* ---- children ---- */

/* All but USR1 are meant to end them. */
static void
signal_workers(struct master *master, int signo, int64_t timeout_us)
{
    for (uint32_t n = 0; n < master->n_workers; n++) {
        struct child *child = &master->workers[n];

        if (child->pid == 0)
            continue;
        child->was_asked = child->was_asked || signo != SIGUSR1;
        kill(child->pid, signo);
    }
    if (!master->spares_adopted)
        adopt_signal(master, signo, timeout_us, clock_mono_us());
}

static bool
workers_are_ready(const struct master *master)
{
    for (uint32_t n = 0; n < master->n_workers; n++) {
        if (!master->workers[n].is_ready)
            return false;
    }
    return true;
}

static bool
workers_are_gone(const struct master *master)
{
    for (uint32_t n = 0; n < master->n_workers; n++) {
        if (master->workers[n].pid != 0)
            return false;
    }
    return master->adoption.n == 0 || master->spares_adopted;
}

/* Before it serves nobody may be reading the log: the launcher and the terminal are told too. */
static void
fail(struct master *master, int exit_status, const char *reason)
{
    struct succession *from = &master->options.succession;

    master->exit_status = exit_status;
    snprintf(from->reason, sizeof(from->reason), "%s", reason);
    log_error("start.failed", "reason=\"%s\"", reason);
    if (master->boot->log_file[0] != '\0')
        fprintf(stderr, "relayosd: %s\n", reason);
    if (master->options.launcher_fd >= 0)
        daemon_report(&master->options.launcher_fd, exit_status);
}
