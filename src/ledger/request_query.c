/* SPDX-License-Identifier: ISC */
#include "request_query.h"

#include "key_args.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/report/report_request.h"

#define DEFAULT_PAGE 50
#define MAX_PAGE     500
#define SEARCH_US    INT64_C(100000) /* settlements wait for it */

static int read_filter(const struct frame_value *args, struct store_trace_filter *filter,
                       struct errmsg *why);
static int read_request_id(struct slice text, struct uuid *out, struct errmsg *why);

int
request_query_list(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                   struct errmsg *why)
{
    struct store_trace_filter filter = {.deadline_us = clock_mono_us() + SEARCH_US};
    struct report report = ledger_report(ledger);
    int64_t limit = frame_get_int(args, "limit", DEFAULT_PAGE);
    uint64_t key_id = 0;

    if (ledger->store == NULL)
        return ERR_STORE;
    int rc = key_args_find_id(ledger, args, &key_id, why);
    if (rc == 0)
        rc = read_filter(args, &filter, why);
    if (rc != 0)
        return rc;
    filter.any_key = key_id == 0;
    filter.key_ids = &key_id;
    filter.n_key_ids = 1;
    return report_request_list(&report, &filter,
                               limit < 1 || limit > MAX_PAGE ? MAX_PAGE : (size_t)limit, "requests",
                               out);
}

static int
read_filter(const struct frame_value *args, struct store_trace_filter *filter, struct errmsg *why)
{
    struct slice after = frame_get_str(args, "after");

    filter->model = frame_get_str(args, "model");
    filter->status = frame_get_str(args, "status");
    filter->provenance = frame_get_str(args, "provenance");
    filter->since_us = frame_get_int(args, "since_us", 0);
    filter->until_us = frame_get_int(args, "until_us", 0);
    int rc = report_request_check(filter, why);
    if (rc != 0)
        return rc;
    return after.len == 0 ? 0 : read_request_id(after, &filter->before, why);
}

static int
read_request_id(struct slice text, struct uuid *out, struct errmsg *why)
{
    if (text_uuid_parse(text, out) == 0)
        return 0;
    errmsg_set(why,
               "\"%.*s\" is no request id; they look like "
               "019ac0de-1234-7abc-8def-0123456789ab",
               (int)(text.len < 64 ? text.len : 64), text.ptr);
    return ERR_SYNTAX;
}

int
request_query_show(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                   struct errmsg *why)
{
    struct report report = ledger_report(ledger);
    struct uuid id;
    int rc = read_request_id(frame_get_str(args, "request_id"), &id, why);

    if (rc == 0 && (rc = report_request_show(&report, id, "request", out)) == ERR_MISSING)
        errmsg_set(why, "no such request is running or in the store; traces are kept for "
                        "trace_retention");
    return rc;
}
