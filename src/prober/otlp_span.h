/* SPDX-License-Identifier: ISC
 *
 * otlp_span - one settled request as OpenTelemetry spans, in the JSON of OTLP/HTTP and the words of
 * the GenAI conventions: a root, what it went through, each call of an upstream. Pure.
 *
 * Ids follow from the request's, or its trace is the caller's: sent again, it is the same spans. No
 * texts of callers, no addresses, no keys; names of upstreams only where the operator wants them.
 */
#ifndef PROBER_OTLP_SPAN_H
#define PROBER_OTLP_SPAN_H

#include <stdbool.h>

#include "relayos/codec/json_out.h"
#include "relayos/store/store_row.h"
#include "relayos/store/store_trace.h"

struct otlp_request {
    const struct store_row *row;
    const struct store_trace *trace;
    bool has_upstreams; /* name them, and what they cost */
};

/* What stands before the spans of a batch, and after them. */
void otlp_span_begin(struct json_out *out);
void otlp_span_end(struct json_out *out);
void otlp_span_write(struct json_out *out, const struct otlp_request *request);
/* Is it one of those that are sent, at so many per cent? The same answer each time; where the
 * caller has a trace of its own (traceparent, or ""), it is the caller's to say. */
bool otlp_span_is_sampled(const struct store_row *row, const char *traceparent, int64_t percent);

#endif
