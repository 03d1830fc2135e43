/* SPDX-License-Identifier: ISC */
#include "retention.h"

#include "captures.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/store/store_archive.h"
#include "relayos/store/store_trace.h"

#define SLICE_TRACES 500
#define SLICE_ROWS   2000
#define BUDGET_US    2000000 /* of one checkpoint */
#define META_BILLED  "billed_until"

typedef int drop_slice(struct ledger *ledger, bool *out_is_done, struct errmsg *why);

static int drop_in_slices(struct ledger *ledger, drop_slice *drop, struct errmsg *why);
static drop_slice drop_traces, drop_rows;
static int allow_rows(struct ledger *ledger, struct errmsg *why);
static int first_day_to_keep(struct ledger *ledger, uint32_t *out);

int
retention_run(struct ledger *ledger, struct errmsg *why)
{
    int rc = drop_in_slices(ledger, drop_traces, why);

    if (rc == 0)
        rc = captures_retain(ledger);
    if (rc != 0 || ledger->heritage->conf->row_retention_us == 0)
        return rc;
    rc = allow_rows(ledger, why);
    return rc == 0 ? drop_in_slices(ledger, drop_rows, why) : rc;
}

static int
drop_in_slices(struct ledger *ledger, drop_slice *drop, struct errmsg *why)
{
    int64_t start_us = clock_mono_us();
    bool is_done = false;
    int rc = 0;

    while (rc == 0 && !is_done && clock_mono_us() - start_us < BUDGET_US) {
        struct settle_tally tally = {0};

        if ((rc = ledger_begin(ledger, why)) != 0)
            break;
        rc = ledger_end(ledger, drop(ledger, &is_done, why), why);
        if (rc == 0)
            rc = settle_run(ledger, &tally);
    }
    return rc;
}

static int
drop_traces(struct ledger *ledger, bool *out_is_done, struct errmsg *why)
{
    int64_t before_us = clock_real_us() - ledger->heritage->conf->trace_retention_us;
    size_t n = 0;
    int rc = store_trace_expire(ledger->store, before_us, SLICE_TRACES, &n);

    (void)why;
    *out_is_done = n < SLICE_TRACES;
    return rc;
}

static int
drop_rows(struct ledger *ledger, bool *out_is_done, struct errmsg *why)
{
    size_t n = 0;
    int rc = store_archive_drop(ledger->store, SLICE_ROWS, &n, out_is_done);

    (void)why;
    if (rc == 0 && n > 0)
        log_info("ledger.rows_dropped", "rows=%zu", n);
    return rc;
}

/* Once a month at most: all rows are verified first, which takes its time. */
static int
allow_rows(struct ledger *ledger, struct errmsg *why)
{
    uint32_t before;
    int64_t allowed;
    int rc = first_day_to_keep(ledger, &before);

    if (rc == 0)
        rc = store_get_meta(ledger->store, "archived_before", 0, &allowed);
    if (rc != 0 || before <= allowed)
        return rc;
    if ((rc = ledger_begin(ledger, why)) != 0)
        return rc;
    rc = ledger_end(ledger, store_archive_allow(ledger->store, before, ledger->book.day, why), why);
    if (rc == 0)
        log_info("ledger.rows_may_go", "before=%u", before);
    return rc;
}

/* A month's first; 0: everything. */
static int
first_day_to_keep(struct ledger *ledger, uint32_t *out)
{
    int64_t oldest_us = clock_real_us() - ledger->heritage->conf->row_retention_us, billed;
    uint32_t limit = store_archive_limit(ledger->book.day);
    int rc = store_get_meta(ledger->store, META_BILLED, 0, &billed);

    *out = 0;
    if (rc != 0 || oldest_us <= 0 || !period_day_is_valid(billed))
        return rc;
    struct period last = period_of_day(PERIOD_DAY, (uint32_t)billed);
    struct period open = period_of_day(PERIOD_MONTH, period_next(&last).first_day);
    *out = period_at(PERIOD_MONTH, oldest_us).first_day;
    if (*out > open.first_day)
        *out = open.first_day;
    if (*out > limit)
        *out = limit;
    return 0;
}

int
retention_set_billed(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                     struct errmsg *why)
{
    int64_t day = frame_get_int(args, "day", 0), before = 0;

    if (day <= 0 || !period_day_is_valid(day) || day >= ledger->book.day) {
        errmsg_set(why, "only a day that is over can be billed; today is %u", ledger->book.day);
        return ERR_SYNTAX;
    }
    int rc = ledger_begin(ledger, why);
    if (rc != 0)
        return rc;
    trail_target(ledger, "day %lld", (long long)day);
    rc = store_get_meta(ledger->store, META_BILLED, 0, &before);
    if (rc == 0 && before > day) {
        errmsg_set(why, "days up to %lld are billed already", (long long)before);
        rc = ERR_CONFLICT;
    }
    if (rc == 0)
        rc = store_put_meta(ledger->store, META_BILLED, day);
    rc = ledger_end(ledger, rc, why);
    frame_int(out, "billed_until", day);
    return rc;
}
