/* SPDX-License-Identifier: ISC
 *
 * report_request - past requests from the store, running ones from the segment (REQUEST in
 * commands.def).
 */
#ifndef RELAYOS_REPORT_REPORT_REQUEST_H
#define RELAYOS_REPORT_REPORT_REQUEST_H

#include "relayos/base/errmsg.h"
#include "relayos/base/text.h"
#include "relayos/control/frame.h"
#include "relayos/report/report_key.h"
#include "relayos/store/store_trace.h"

/* ERR_SYNTAX for a word in the filter that names nothing. */
int report_request_check(const struct store_trace_filter *filter, struct errmsg *why) MUST_CHECK;
/* The array `name`, then "next": the filter's `before` of the next page, or nil. The filter says
 * whose (report_key_select()). */
int report_request_list(const struct report *report, const struct store_trace_filter *filter,
                        size_t limit, const char *name, struct frame_out *out) MUST_CHECK;
/* The same of one request: an array of it, or of none. */
int report_request_list_one(const struct report *report, struct uuid id,
                            const struct report_keys *keys, const char *name,
                            struct frame_out *out) MUST_CHECK;
/* The map `name`; NULL: its members, into an open one. ERR_MISSING: none of the viewer's. */
int report_request_show(const struct report *report, struct uuid id, const char *name,
                        struct frame_out *out) MUST_CHECK;

/* The names of the models that attempts were made for, where it is another than was asked for. */
void report_choice_models(const struct catalog *catalog, const struct flight_record *flight,
                          const char *out[LIMIT_ATTEMPTS]);

#endif
