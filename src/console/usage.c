/* SPDX-License-Identifier: ISC
 *
 * usage - what was used, for charts and for spreadsheets.
 */
#include "console.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/report/report_usage.h"
#include "viewing.h"

#define SLICE_US      INT64_C(30000)                  /* then others have their turn */
#define PATIENCE_US   INT64_C(10000000)               /* of whoever asks */
#define USUAL_DAYS_US (INT64_C(29) * 86400 * 1000000) /* before the last one; of hours, none */
#define MAX_HOURS_US  (INT64_C(7) * 86400 * 1000000)

struct summing;
typedef void write_table(struct call *call, const struct report *report,
                         const struct summing *summing);

/* A table that is being made, in slices between other calls. */
struct summing {
    struct call *call;
    struct timer timer;
    int64_t give_up_us;
    struct report_keys keys;
    struct store_usage_table_query query;
    struct store_usage_table table;
    write_table *write;
};

static write_table write_json, write_csv;
static void begin(struct call *call, write_table *write);
static void on_slice(struct timer *timer);
static int make_some(struct summing *summing);
static void answer_failure(struct call *call, int rc);
static bool read_query(struct call *call, const struct report *report,
                       struct store_usage_table_query *query);
static bool read_day(struct call *call, const char *name, uint32_t usual, uint32_t *out);

void
usage_show(struct call *call)
{
    begin(call, write_json);
}

static void
write_json(struct call *call, const struct report *report, const struct summing *summing)
{
    struct frame_out *out = answer_begin(call);

    report_usage_write(report, summing->query.by, &summing->table, "data", out);
    frame_nil(out, "next");
    answer_end(call, 200);
}

void
usage_csv(struct call *call)
{
    begin(call, write_csv);
}

static void
write_csv(struct call *call, const struct report *report, const struct summing *summing)
{
    report_usage_csv(report, summing->query.by, &summing->table, &call->out);
    answer_header(call, "content-disposition", "attachment; filename=\"usage-%u-%u.csv\"",
                  summing->query.first_day, summing->query.last_day);
    answer_out(call, 200, "text/csv; charset=utf-8");
}

static void
begin(struct call *call, write_table *write)
{
    struct summing *summing = mem_zalloc(sizeof(*summing));
    struct report report;

    summing->call = call;
    summing->write = write;
    summing->give_up_us = clock_mono_us() + PATIENCE_US;
    call->data = summing;
    if (!viewing_begin(call, &report) || !read_query(call, &report, &summing->query))
        return;
    int rc = report_key_select(&report, call_query(call, "key"), &summing->keys);
    if (rc != 0) {
        report_key_select_fini(&summing->keys);
        answer_failure(call, rc);
        return;
    }
    summing->query.any_key = summing->keys.any;
    summing->query.key_ids = summing->keys.ids;
    summing->query.n_key_ids = summing->keys.n;
    call_hold(call);
    on_slice(&summing->timer);
}

static void
on_slice(struct timer *timer)
{
    struct summing *summing = (struct summing *)((char *)timer - offsetof(struct summing, timer));
    struct call *call = summing->call;
    struct report report;

    if (call->exchange != NULL && viewing_begin(call, &report)) {
        int rc = make_some(summing);

        if (rc == ERR_BUSY && clock_mono_us() < summing->give_up_us) {
            timer_set(call->console->loop, timer, loop_now_us(call->console->loop), on_slice);
            return;
        }
        if (rc == 0)
            summing->write(call, &report, summing);
        else
            answer_failure(call, rc);
    }
    report_key_select_fini(&summing->keys);
    store_usage_table_fini(&summing->table);
    call_release(call);
}

static int
make_some(struct summing *summing)
{
    summing->query.deadline_us = clock_mono_us() + SLICE_US;
    return store_usage_table_make(summing->call->console->store, &summing->query, &summing->table);
}

static void
answer_failure(struct call *call, int rc)
{
    const struct console *console = call->console;

    if (rc == ERR_BUSY)
        answer_problem(
            call, 503, "busy", NULL,
            "those days are more than can be added up at once: ask for fewer, or by day");
    else
        answer_err(call, rc, slice_str(rc == ERR_STORE ? store_error(console->store) : ""));
}

static bool
read_query(struct call *call, const struct report *report, struct store_usage_table_query *query)
{
    struct slice by = call_query(call, "by");
    uint32_t today = report->now[PERIOD_DAY].id;

    *query = (struct store_usage_table_query){.model = call_query(call, "model"),
                                              .cache = call->console->usage};
    if (by.len > 0 && report_usage_column(by, &query->by) != 0) {
        answer_problem(call, 400, "bad_request", "by",
                       "usage is by day, hour, key, model, tool or owner");
        return false;
    }
    if (!read_day(call, "to", today, &query->last_day))
        return false;
    int64_t usual_us = period_of_day(PERIOD_DAY, query->last_day).start_us -
                       (query->by == STORE_USAGE_HOUR ? 0 : USUAL_DAYS_US);
    if (!read_day(call, "from", period_at(PERIOD_DAY, usual_us).id, &query->first_day))
        return false;
    if (query->first_day > query->last_day) {
        answer_problem(call, 400, "bad_request", "from", "the first day comes after the last");
        return false;
    }
    if (query->by == STORE_USAGE_HOUR &&
        period_of_day(PERIOD_DAY, query->last_day).end_us -
                period_of_day(PERIOD_DAY, query->first_day).start_us >
            MAX_HOURS_US) {
        answer_problem(call, 400, "bad_request", "from", "hours are of seven days at most");
        return false;
    }
    return true;
}

static bool
read_day(struct call *call, const char *name, uint32_t usual, uint32_t *out)
{
    int64_t day;

    if (!call_query_int(call, name, usual, &day))
        return false;
    *out = (uint32_t)day;
    if (period_day_is_valid(day))
        return true;
    answer_problem(call, 400, "bad_request", name, "a day is written YYYYMMDD");
    return false;
}
