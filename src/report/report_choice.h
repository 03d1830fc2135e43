/* SPDX-License-Identifier: ISC
 *
 * report_choice - why a request went where it went: the routes that were looked at for each
 * attempt, with their names.
 */
#ifndef REPORT_REPORT_CHOICE_H
#define REPORT_REPORT_CHOICE_H

#include "relayos/control/frame.h"
#include "relayos/report/report.h"
#include "relayos/report/report_request.h"
#include "relayos/store/store_trace.h"

/* "choices" and "n_unlisted" of a REQUEST (commands.def); is_running: its record has them. */
int report_choice_write(const struct report *report, const struct store_trace *trace,
                        bool is_running, struct frame_out *out) MUST_CHECK;

#endif
