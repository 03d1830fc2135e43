/* SPDX-License-Identifier: ISC */
#include "reap.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "rebuild.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/shm/poison.h"
#include "relayos/shm/tally.h"
#include "state.h"

#define VISIT_AGAIN_US INT64_C(1000000)

static void bury_strangers(struct master *master);
static bool is_known(const struct master *master, pid_t pid);
static void reap_child(struct master *master, struct child *child, int status, int64_t now_us);
static void on_suspect(struct master *master, struct child *child, int64_t now_us);
static bool count_poison(struct master *master, uint32_t slot, int64_t now_us);
static void log_end(const struct child *child, int status);
static void schedule_next(struct master *master, struct child *child, int64_t now_us);
static bool is_dead(const struct master *master, uint32_t slot);
static void on_undertaken(struct master *master, struct child_tag tag,
                          const struct frame_value *reply);

void
reap_work(struct master *master, int64_t now_us)
{
    int status;

    if (!master->reaping_is_due)
        return;
    master->reaping_is_due = false;
    for (uint32_t n = 0; n < master_n_children(master); n++) {
        struct child *child = &master->children[n];
        if (child->pid != 0 && waitpid(child->pid, &status, WNOHANG) > 0)
            reap_child(master, child, status, now_us);
    }
    if (master->options.mock != NULL && waitpid(master->options.mock->pid, &status, WNOHANG) > 0)
        log_error("mock.ended", "reason=\"the bundled mock provider has ended; restart relayosd\"");
    if (master->options.succession.is_there)
        bury_strangers(master);
}

/* Children of who was in this process before us: its ledger, prober and console, which have ended
 * by themselves. */
static void
bury_strangers(struct master *master)
{
    siginfo_t info;

    for (;;) {
        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0 ||
            is_known(master, info.si_pid))
            return; /* what hides behind a known one has its turn at the next SIGCHLD */
        (void)waitpid(info.si_pid, NULL, WNOHANG);
    }
}

static bool
is_known(const struct master *master, pid_t pid)
{
    if (pid == master->reload.checker.pid || pid == master->upgrade.asked.pid)
        return true;
    for (uint32_t n = 0; n < master_n_children(master); n++) {
        if (master->children[n].pid == pid)
            return true;
    }
    for (uint32_t slot = 0; slot < LIMIT_WORKERS; slot++) {
        if (master->adoption.workers[slot].pid == pid)
            return true;
    }
    return false;
}

static void
reap_child(struct master *master, struct child *child, int status, int64_t now_us)
{
    bool never_served = !child->is_ready;
    char reason[128];

    CRASH_POINT("reap.collected");
    log_end(child, status);
    confine_log_end(master, child, status);
    child->pid = 0;
    child->is_ready = false;
    fdio_close(&child->ready_fd);
    schedule_next(master, child, now_us);

    /* A worker leaves flights behind, which the undertaker sees to. */
    proc_slot_set_state(master->segment, child->slot,
                        child->role == PROC_WORKER ? PROC_DEAD : PROC_VACANT);
    if (child->link != NULL)
        child_link_close(master, child->link);
    if (child->role == PROC_CONSOLE)
        console_link_close(&master->console_link);
    if (child->role == PROC_LEDGER) {
        memset(master->undertaker_due_us, 0, sizeof(master->undertaker_due_us));
        master->ledger_has_keys = false;
    }
    if (rebuild_is_suspect(status))
        on_suspect(master, child, now_us);
    if (never_served && master->phase < MASTER_SERVES && !child->was_asked) {
        snprintf(reason, sizeof(reason), "the %s ended before it was ready; its reason is above",
                 proc_role_name(child->role));
        master_fail_start(master, reason, now_us);
    }
}

/* It may have written anywhere before it died. */
static void
on_suspect(struct master *master, struct child *child, int64_t now_us)
{
    if (child->role == PROC_WORKER) {
        master->is_suspect[child->slot] = true;
        if (count_poison(master, child->slot, now_us)) {
            /* What it died of will not come again: no reason to wait. */
            child->backoff = (struct backoff){.n_crashes = 0};
            child->due_us = now_us;
        }
    }
    rebuild_if_damaged(master, now_us);
}

/* One of the requests that it had may be what it died of; true if one is in quarantine now. */
static bool
count_poison(struct master *master, uint32_t slot, int64_t now_us)
{
    uint32_t per_worker = segment_capacity(master->segment)->flights_per_worker;
    bool is_any = false;

    for (uint32_t idx = slot * per_worker; idx < (slot + 1) * per_worker; idx++) {
        struct poison_view poison;

        if (!poison_count_flight(master->segment, idx, now_us, &poison))
            continue;
        is_any = true;
        log_error("poison.quarantined", "key_id=%llu model=%s body_bytes=%lld seconds=%d",
                  (unsigned long long)poison.key_id, poison.model, (long long)poison.body_bytes,
                  (int)(POISON_QUARANTINE_US / 1000000));
    }
    return is_any;
}

static void
log_end(const struct child *child, int status)
{
    const char *role = proc_role_name(child->role);

    if (WIFSIGNALED(status) && !child->was_asked)
        log_error("child.killed", "role=%s slot=%u child=%d signal=%s", role, child->slot,
                  (int)child->pid, sigabbrev_np(WTERMSIG(status)));
    else if (WIFSIGNALED(status))
        log_warn("child.killed", "role=%s slot=%u child=%d signal=%s", role, child->slot,
                 (int)child->pid, sigabbrev_np(WTERMSIG(status)));
    else if (child->was_asked)
        log_info("child.ended", "role=%s slot=%u child=%d status=%d", role, child->slot,
                 (int)child->pid, WEXITSTATUS(status));
    else
        log_error("child.ended", "role=%s slot=%u child=%d status=%d", role, child->slot,
                  (int)child->pid, WEXITSTATUS(status));
}

static void
schedule_next(struct master *master, struct child *child, int64_t now_us)
{
    bool is_loop;

    if (child->was_asked) {
        child->due_us = now_us;
        return;
    }
    tally_add(master->segment, TALLY_CHILD_CRASHES, 1);
    if (backoff_note_crash(&master->crash_spell, now_us))
        tally_set(master->segment, TALLY_CRASH_SPELL_US, now_us);
    int64_t wait_us = backoff_after_crash(&child->backoff, now_us, &is_loop);
    child->due_us = now_us + wait_us;
    if (is_loop)
        log_error("child.crash_loop", "role=%s crashes=%u next_try_s=%d",
                  proc_role_name(child->role), child->backoff.n_crashes, (int)(wait_us / 1000000));
}

void
reap_send_undertaker(struct master *master, int64_t now_us)
{
    uint32_t n_slots = segment_capacity(master->segment)->n_workers;

    if (!master->ledger.is_ready)
        return;
    for (uint32_t slot = 0; slot < n_slots; slot++) {
        if (!is_dead(master, slot) || master->undertaker_due_us[slot] > now_us)
            continue;
        struct child_call call = {
            .command = COMMAND_UNDERTAKE,
            .tag = {.owner = slot},
            .on_reply = on_undertaken,
        };
        struct frame_out *out = child_link_begin(&master->ledger_link, COMMAND_UNDERTAKE);
        if (out == NULL)
            return;
        frame_int(out, "slot", slot);
        frame_bool(out, "is_suspect", master->is_suspect[slot]);
        if (child_link_send(&master->ledger_link, &call, now_us) == 0)
            master->undertaker_due_us[slot] = INT64_MAX;
    }
}

/* The ledger has set the slot vacant. If it could not, the slot is still dead and gets another
 * visit. */
static void
on_undertaken(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    const struct frame_value *result = frame_get(reply, "result");
    uint32_t slot = (uint32_t)tag.owner;

    assert(slot < LIMIT_WORKERS);
    master->undertaker_due_us[slot] = clock_mono_us() + VISIT_AGAIN_US;
    if (reply == NULL)
        return;
    if (!frame_get_bool(reply, "ok", false)) {
        struct slice error = frame_get_str(reply, "error");
        log_error("undertaker.failed", "slot=%u reason=\"%.*s\"", slot, (int)error.len, error.ptr);
        return;
    }
    master->is_suspect[slot] = false;
    CRASH_POINT("reap.undertaken");
    log_info("undertaker.done", "slot=%u settled=%lld voided=%lld indeterminate=%lld", slot,
             (long long)frame_get_int(result, "settled", 0),
             (long long)frame_get_int(result, "voided", 0),
             (long long)frame_get_int(result, "indeterminate", 0));
}

int64_t
reap_wake_us(const struct master *master)
{
    int64_t wake_us = INT64_MAX;

    for (uint32_t slot = 0; slot < segment_capacity(master->segment)->n_workers; slot++) {
        if (master->ledger.is_ready && is_dead(master, slot) &&
            master->undertaker_due_us[slot] < wake_us)
            wake_us = master->undertaker_due_us[slot];
    }
    return wake_us;
}

bool
reap_has_dead(const struct master *master)
{
    for (uint32_t slot = 0; slot < segment_capacity(master->segment)->n_workers; slot++) {
        if (is_dead(master, slot))
            return true;
    }
    return false;
}

static bool
is_dead(const struct master *master, uint32_t slot)
{
    struct proc_view view;

    proc_slot_view(master->segment, slot, &view);
    return view.state == PROC_DEAD;
}
