/* SPDX-License-Identifier: ISC */
#include "rebuild.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/log.h"
#include "relayos/shm/audit.h"
#include "relayos/shm/poison.h"
#include "relayos/shm/salvage.h"
#include "route.h"
#include "snapshot.h"
#include "state.h"
#include "takeover.h"

static void begin(struct master *master, const char *reason, int64_t now_us);
static void end_everybody(struct master *master);
static bool is_somebody_left(const struct master *master);
static int refill(struct master *master, struct errmsg *why);
static void log_unsound(const struct salvaged *flights, size_t n);

bool
rebuild_is_suspect(int wait_status)
{
    if (!WIFSIGNALED(wait_status))
        return false;
    switch (WTERMSIG(wait_status)) {
    case SIGSEGV:
    case SIGBUS:
    case SIGABRT:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
    case SIGSYS: /* the sandbox has stopped it; who knows what it had done before */
        return true;
    default:
        return false;
    }
}

void
rebuild_if_damaged(struct master *master, int64_t now_us)
{
    int64_t start_us = clock_mono_us();
    struct errmsg why;

    if (master->is_rebuilding)
        return;
    if (audit_segment(master->segment, &why) != 0)
        begin(master, why.text, now_us);
    else
        log_info("segment.sound", "audit_us=%lld", (long long)(clock_mono_us() - start_us));
}

/* On the way to an end nobody begins anew: what stands in the segment is the next start's. */
static void
begin(struct master *master, const char *reason, int64_t now_us)
{
    log_error("segment.damaged", "reason=\"%s\"", reason);
    if (master->phase >= MASTER_WORKERS_DRAIN)
        return;
    master->is_rebuilding = true;
    master->rebuild_us = now_us;
    segment_set_admission(master->segment, false);
    end_everybody(master);
}

/* At once: who trusts this memory can only make it worse. */
static void
end_everybody(struct master *master)
{
    for (uint32_t n = 0; n < master_n_children(master); n++) {
        master->children[n].was_asked = true;
        if (master->children[n].pid != 0)
            kill(master->children[n].pid, SIGKILL);
    }
    adopt_signal(master, SIGKILL, 0, 0);
}

void
rebuild_work(struct master *master, int64_t now_us)
{
    struct errmsg why;

    if (!master->is_rebuilding || is_somebody_left(master))
        return;
    int rc = rebuild_exchange(master, &why);
    if (rc == 0)
        rc = refill(master, &why);
    master->is_rebuilding = false;
    if (rc != 0) {
        log_error("segment.not_rebuilt", "reason=\"%s\"", why.text);
        master->exit_status = MASTER_EXIT_START;
        master_move(master, MASTER_IS_OVER, now_us);
        return;
    }
    log_warn("segment.rebuilt", "took_ms=%lld",
             (long long)((clock_mono_us() - master->rebuild_us) / 1000));
    master_start_again(master);
}

static bool
is_somebody_left(const struct master *master)
{
    for (uint32_t n = 0; n < master_n_children(master); n++) {
        if (master->children[n].pid != 0)
            return true;
    }
    return master->adoption.n > 0;
}

int
rebuild_exchange(struct master *master, struct errmsg *why)
{
    struct segment_capacity capacity = *segment_capacity(master->segment);
    struct segment *damaged = master->segment;
    size_t n;
    struct salvaged *flights = salvage_take(damaged, &n);
    CRASH_POINT("rebuild.salvaged");
    int rc = takeover_make_segment(master, &capacity, flights, n, why);

    CRASH_POINT("rebuild.exchanged");
    if (rc == 0) {
        poison_carry(damaged, master->segment, clock_mono_us());
        route_carry(master->conf, damaged, master->segment);
    }
    if (rc == ERR_FULL) {
        /* No room for both. Until the fresh one has its name, the flights are in our hands alone.
         */
        segment_detach(&damaged);
        (void)segment_unlink(master->segment_name);
        rc = takeover_make_segment(master, &capacity, flights, n, why);
    }
    if (rc == 0)
        log_unsound(flights, n);
    else if (damaged == NULL)
        master->segment = NULL;
    if (rc == 0)
        segment_detach(&damaged);
    free(flights);
    return rc;
}

static void
log_unsound(const struct salvaged *flights, size_t n)
{
    size_t n_unsound = 0;

    for (size_t i = 0; i < n; i++) {
        char id[TEXT_UUID_SIZE];

        if (flights[i].is_sound)
            continue;
        n_unsound++;
        text_uuid_format(flights[i].record.request_id, id);
        log_error("segment.flight_damaged",
                  "flight=%u request_id=%.*s key_id=%llu action=\"charged 0, indeterminate\"",
                  flights[i].idx, TEXT_UUID_SIZE, id, (unsigned long long)flights[i].record.key_id);
    }
    log_warn("segment.salvaged", "flights=%zu damaged=%zu", n, n_unsound);
}

/* Snapshot and registry, from the configuration that is in force. */
static int
refill(struct master *master, struct errmsg *why)
{
    catalog_free(&master->catalog);
    master->catalog = catalog_new(master->segment);
    int rc = snapshot_prepare(master->segment, master->catalog, master->conf, why);
    if (rc == 0)
        catalog_commit(master->catalog);
    memset(master->undertaker_due_us, 0, sizeof(master->undertaker_due_us));
    memset(master->vigils, 0, sizeof(master->vigils));
    return rc;
}
