/* SPDX-License-Identifier: ISC
 *
 * requests - what was asked: past requests in pages, those in flight, and each of them in full.
 */
#include "relayos/base/clock.h"
#include "relayos/report/report_flight.h"
#include "relayos/report/report_request.h"
#include "viewing.h"

static bool read_filter(struct call *call, struct store_trace_filter *filter);
static bool is_one(const struct call *call, struct uuid *id);
static int write_one(const struct report *report, const struct report_keys *keys, struct uuid id,
                     struct frame_out *out);
static void on_captured(struct call *call, const struct frame_value *result);

void
requests_list(struct call *call)
{
    struct store_trace_filter filter = {.deadline_us = clock_mono_us() + VIEWING_TIME_US};
    struct report_keys keys = {0};
    struct report report;
    struct uuid id;
    size_t limit;

    if (!read_filter(call, &filter) || !viewing_limit(call, &limit) ||
        !viewing_begin(call, &report))
        return;
    struct frame_out *out = answer_begin(call);
    int rc = report_key_select(&report, call_query(call, "key"), &keys);
    filter.any_key = keys.any;
    filter.key_ids = keys.ids;
    filter.n_key_ids = keys.n;
    if (rc == 0)
        rc = is_one(call, &id) ? write_one(&report, &keys, id, out)
                               : report_request_list(&report, &filter, limit, "data", out);
    viewing_end(call, rc);
    report_key_select_fini(&keys);
}

static bool
read_filter(struct call *call, struct store_trace_filter *filter)
{
    struct slice cursor = call_query(call, "cursor");
    struct errmsg why;

    filter->model = call_query(call, "model");
    filter->status = call_query(call, "status");
    filter->provenance = call_query(call, "provenance");
    if (!call_query_int(call, "since", 0, &filter->since_us) ||
        !call_query_int(call, "until", 0, &filter->until_us))
        return false;
    if (cursor.len > 0 && text_uuid_parse(cursor, &filter->before) != 0) {
        answer_problem(call, 400, "bad_request", "cursor", "the cursor is not one of ours");
        return false;
    }
    if (report_request_check(filter, &why) == 0)
        return true;
    answer_problem(call, 400, "bad_request", filter->status.len > 0 ? "status" : "provenance", "%s",
                   why.text);
    return false;
}

/* Is one alone asked for? What is no id is none of a request's: zeros. */
static bool
is_one(const struct call *call, struct uuid *id)
{
    struct slice text = call_query(call, "request_id");

    if (text_uuid_parse(text, id) != 0)
        *id = (struct uuid){0};
    return text.len > 0;
}

static int
write_one(const struct report *report, const struct report_keys *keys, struct uuid id,
          struct frame_out *out)
{
    int rc = report_request_list_one(report, id, keys, "data", out);

    frame_nil(out, "next");
    return rc;
}

void
requests_show(struct call *call)
{
    struct report report;
    struct uuid id;

    if (text_uuid_parse(call->ids[0], &id) != 0) {
        answer_missing(call);
        return;
    }
    if (!viewing_begin(call, &report))
        return;
    viewing_end(call, report_request_show(&report, id, NULL, answer_begin(call)));
}

/* The ledger's, although it changes nothing: it writes down who reads it. */
void
requests_capture(struct call *call)
{
    struct frame_out *out;
    struct uuid id;

    if (text_uuid_parse(call->ids[0], &id) != 0) {
        answer_missing(call);
        return;
    }
    if ((out = call_command(call, "request.body")) == NULL)
        return;
    frame_str(out, "request_id", call->ids[0]);
    call_send(call, on_captured);
}

static void
on_captured(struct call *call, const struct frame_value *result)
{
    answer_frame(call, 200, result);
}

void
requests_live(struct call *call)
{
    struct report_keys keys = {0};
    struct report report;
    size_t limit;

    if (!viewing_limit(call, &limit) || !viewing_begin(call, &report))
        return;
    struct frame_out *out = answer_begin(call);
    int rc = report_key_select(&report, call_query(call, "key"), &keys);
    report_flight_list(&report, &keys, rc == 0 ? limit : 0, "data", out);
    frame_nil(out, "next");
    viewing_end(call, rc);
    report_key_select_fini(&keys);
}
