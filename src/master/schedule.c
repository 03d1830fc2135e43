/* SPDX-License-Identifier: ISC */
#include "schedule.h"

#include <assert.h>

#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "state.h"

static void work_ledger(struct master *master, int64_t now_us);
static void work(struct master *master, struct schedule_job *job, const struct child_call *call,
                 int64_t now_us);
static void work_prober(struct master *master, int64_t now_us);
static void on_settled(struct master *master, struct child_tag tag,
                       const struct frame_value *reply);
static void on_checkpointed(struct master *master, struct child_tag tag,
                            const struct frame_value *reply);
static void on_probing(struct master *master, struct child_tag tag,
                       const struct frame_value *reply);
static bool is_ledger_asked(const struct master *master);
static bool is_prober_asked(const struct master *master);

bool
schedule_job_is_due(const struct schedule_job *job, int64_t now_us)
{
    return job->sent_us == 0 && job->next_us <= now_us;
}

void
schedule_job_sent(struct schedule_job *job, int64_t now_us)
{
    assert(job->sent_us == 0);
    job->sent_us = now_us;
    job->is_reported = false;
}

void
schedule_job_done(struct schedule_job *job, int64_t interval_us, int64_t now_us)
{
    assert(job->sent_us != 0);
    job->next_us = job->sent_us + interval_us;
    if (job->next_us < now_us)
        job->next_us = now_us; /* it took longer than the interval: no catching up */
    job->sent_us = 0;
}

bool
schedule_job_is_overdue(struct schedule_job *job, int64_t now_us)
{
    if (job->sent_us == 0 || job->is_reported || now_us - job->sent_us <= SCHEDULE_OVERDUE_US)
        return false;
    job->is_reported = true;
    return true;
}

int64_t
schedule_job_wake_us(const struct schedule_job *job)
{
    if (job->sent_us == 0)
        return job->next_us;
    return job->is_reported ? INT64_MAX : job->sent_us + SCHEDULE_OVERDUE_US + 1;
}

void
schedule_on_reload(struct master *master, int64_t now_us)
{
    struct schedule_job *probe = &master->schedule.probe;

    /* A longer interval holds from the next round on, a shorter one now. */
    if (probe->sent_us == 0 && probe->next_us > now_us + master->conf->probe_interval_us)
        probe->next_us = now_us + master->conf->probe_interval_us;
}

void
schedule_work(struct master *master, int64_t now_us)
{
    work_ledger(master, now_us);
    work_prober(master, now_us);
}

static void
work_ledger(struct master *master, int64_t now_us)
{
    static const struct child_call settle = {.command = COMMAND_SETTLE, .on_reply = on_settled};
    static const struct child_call checkpoint = {
        .command = COMMAND_CHECKPOINT,
        .on_reply = on_checkpointed,
    };

    if (schedule_job_is_overdue(&master->schedule.settle, now_us))
        log_error("ledger.stalled", "overdue_s=%d", (int)(SCHEDULE_OVERDUE_US / 1000000));
    if (schedule_job_is_overdue(&master->schedule.checkpoint, now_us))
        log_warn("ledger.checkpoint_slow", "overdue_s=%d", (int)(SCHEDULE_OVERDUE_US / 1000000));
    if (!is_ledger_asked(master))
        return;
    work(master, &master->schedule.settle, &settle, now_us);
    work(master, &master->schedule.checkpoint, &checkpoint, now_us);
}

static void
work(struct master *master, struct schedule_job *job, const struct child_call *call, int64_t now_us)
{
    if (schedule_job_is_due(job, now_us) &&
        child_link_call(&master->ledger_link, call, now_us) == 0)
        schedule_job_sent(job, now_us);
}

static void
work_prober(struct master *master, int64_t now_us)
{
    struct child_link *link = &master->prober_link;
    struct schedule_job *job = &master->schedule.probe;
    struct child_call call = {.command = COMMAND_PROBE, .on_reply = on_probing};

    if (schedule_job_is_overdue(job, now_us))
        log_warn("prober.stalled", "overdue_s=%d", (int)(SCHEDULE_OVERDUE_US / 1000000));
    if (!is_prober_asked(master) || !schedule_job_is_due(job, now_us))
        return;
    struct frame_out *out = child_link_begin(link, COMMAND_PROBE);
    if (out == NULL)
        return;
    frame_int(out, "interval_us", master->conf->probe_interval_us);
    if (child_link_send(link, &call, now_us) == 0)
        schedule_job_sent(job, now_us);
}

static bool
is_ledger_asked(const struct master *master)
{
    return master->ledger.is_ready && master->phase < MASTER_LEDGER_STOPS;
}

static bool
is_prober_asked(const struct master *master)
{
    return master->prober.is_ready && master->phase < MASTER_WORKERS_DRAIN;
}

static void
on_settled(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    const struct frame_value *result = frame_get(reply, "result");
    int64_t interval_us = master->conf->settle_interval_us;
    bool is_quiet =
        frame_get_int(result, "settled", 0) == 0 && frame_get_int(result, "refusals", 0) == 0;

    (void)tag;
    /* A worker whose outbox fills wakes the ledger by itself, so an idle gateway need not be asked;
     * an adopted one wakes a ledger that is gone. */
    if (is_quiet && master->adoption.n == 0 && interval_us < SCHEDULE_QUIET_US)
        interval_us = SCHEDULE_QUIET_US;
    schedule_job_done(&master->schedule.settle, interval_us, clock_mono_us());
}

static void
on_checkpointed(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    const struct frame_value *result = frame_get(reply, "result");

    (void)tag; /* what went wrong the ledger has logged */
    if (frame_get_bool(reply, "ok", false))
        log_debug("ledger.checkpoint", "wal_frames=%lld checkpointed=%lld",
                  (long long)frame_get_int(result, "wal_frames", 0),
                  (long long)frame_get_int(result, "checkpointed", 0));
    schedule_job_done(&master->schedule.checkpoint, master->conf->checkpoint_interval_us,
                      clock_mono_us());
}

/* The round has begun; how it goes is in the health table. A prober that ended (no reply) is
 * followed by one that begins its own. */
static void
on_probing(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    const struct frame_value *result = frame_get(reply, "result");
    struct schedule_job *job = &master->schedule.probe;

    (void)tag;
    if (frame_get_bool(result, "is_under_way", false))
        log_debug("prober.behind", "reason=\"the round before is not over\"");
    schedule_job_done(job, reply == NULL ? 0 : master->conf->probe_interval_us, clock_mono_us());
}

int64_t
schedule_wake_us(const struct master *master)
{
    const struct schedule *schedule = &master->schedule;
    int64_t wakes_us[] = {
        is_ledger_asked(master) ? schedule_job_wake_us(&schedule->settle) : INT64_MAX,
        is_ledger_asked(master) ? schedule_job_wake_us(&schedule->checkpoint) : INT64_MAX,
        is_prober_asked(master) ? schedule_job_wake_us(&schedule->probe) : INT64_MAX,
    };
    int64_t wake_us = INT64_MAX;

    for (size_t n = 0; n < sizeof(wakes_us) / sizeof(wakes_us[0]); n++) {
        if (wakes_us[n] < wake_us)
            wake_us = wakes_us[n];
    }
    return wake_us;
}
