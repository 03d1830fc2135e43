/* SPDX-License-Identifier: ISC
 *
 * usage - what was used, for charts and for spreadsheets.
 */
#include "console.h"
#include "relayos/base/clock.h"
#include "relayos/report/report_usage.h"
#include "viewing.h"

#define TIME_US       INT64_C(400000)
#define USUAL_DAYS_US (INT64_C(29) * 86400 * 1000000) /* before the last one; of hours, none */
#define MAX_HOURS_US  (INT64_C(7) * 86400 * 1000000)

static bool make(struct call *call, struct report *report, struct store_usage_table_query *query,
                 struct store_usage_table *table);
static bool read_query(struct call *call, const struct report *report,
                       struct store_usage_table_query *query);
static bool read_day(struct call *call, const char *name, uint32_t usual, uint32_t *out);

void
usage_show(struct call *call)
{
    struct store_usage_table_query query;
    struct store_usage_table table;
    struct report report;

    if (!make(call, &report, &query, &table))
        return;
    struct frame_out *out = answer_begin(call);
    report_usage_write(&report, query.by, &table, "data", out);
    frame_nil(out, "next");
    answer_end(call, 200);
    store_usage_table_fini(&table);
}

void
usage_csv(struct call *call)
{
    struct store_usage_table_query query;
    struct store_usage_table table;
    struct report report;

    if (!make(call, &report, &query, &table))
        return;
    report_usage_csv(&report, query.by, &table, &call->out);
    store_usage_table_fini(&table);
    answer_header(call, "content-disposition", "attachment; filename=\"usage-%u-%u.csv\"",
                  query.first_day, query.last_day);
    answer_out(call, 200, "text/csv; charset=utf-8");
}

/* false: answered */
static bool
make(struct call *call, struct report *report, struct store_usage_table_query *query,
     struct store_usage_table *table)
{
    struct report_keys keys = {0};

    if (!viewing_begin(call, report) || !read_query(call, report, query))
        return false;
    int rc = report_key_select(report, call_query(call, "key"), &keys);
    query->any_key = keys.any;
    query->key_ids = keys.ids;
    query->n_key_ids = keys.n;
    *table = (struct store_usage_table){0};
    if (rc == 0)
        rc = store_usage_table_make(report->store, query, table);
    report_key_select_fini(&keys);
    if (rc == 0)
        return true;
    store_usage_table_fini(table);
    if (rc == ERR_BUSY)
        answer_problem(
            call, 503, "busy", NULL,
            "those days are more than can be added up at once: ask for fewer, or by day");
    else
        answer_err(call, rc, slice_str(store_error(report->store)));
    return false;
}

static bool
read_query(struct call *call, const struct report *report, struct store_usage_table_query *query)
{
    struct slice by = call_query(call, "by");
    uint32_t today = report->now[PERIOD_DAY].id;

    *query = (struct store_usage_table_query){.model = call_query(call, "model"),
                                              .deadline_us = clock_mono_us() + TIME_US,
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
