/* SPDX-License-Identifier: ISC
 *
 * report_model - what a caller may name as its model and how it fares now, as callers meet it; what
 * it costs them, and what it costs the operator.
 */
#ifndef RELAYOS_REPORT_REPORT_MODEL_H
#define RELAYOS_REPORT_REPORT_MODEL_H

#include "relayos/control/frame.h"
#include "relayos/report/report.h"

/* The array `name` of {name, protocols [..], context_tokens|nil, max_output_tokens|nil, prices
 * {input, cache_read, cache_write, output} (nano-USD per million tokens; nil = unknown), status
 * "up"| "degraded"|"down", first_token_us|nil, success_permille|nil}. */
void report_model_list(const struct report *report, const char *name, struct frame_out *out);
/* The array `name` of what `write` makes of each model of the catalog. */
typedef void report_model_writer(const struct report *report, const struct model_record *model,
                                 uint64_t epoch, struct frame_out *out);
void report_model_each(const struct report *report, const char *name, report_model_writer *write,
                       struct frame_out *out);
/* The array `name` of their names. */
void report_model_names(const struct report *report, const char *name, struct frame_out *out);

#endif
