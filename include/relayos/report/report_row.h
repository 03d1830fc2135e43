/* SPDX-License-Identifier: ISC
 *
 * report_row - ledger rows as answers have them (ROW in commands.def).
 */
#ifndef RELAYOS_REPORT_REPORT_ROW_H
#define RELAYOS_REPORT_REPORT_ROW_H

#include "relayos/control/frame.h"
#include "relayos/report/report.h"
#include "relayos/store/store_row.h"

/* The members of a ROW, into an open map. */
void report_row_write(const struct report *report, const struct store_row *row,
                      struct frame_out *out);
/* An array of them. */
/* The members of a "usage": a count of each bucket, and the reasoning among the output. */
void report_row_write_counts(const struct usage *usage, struct frame_out *out);
void report_row_write_all(const struct report *report, const struct store_row *rows, size_t n,
                          const char *name, struct frame_out *out);
/* "corrections": those made of that row. */
int report_row_corrections(const struct report *report, struct uuid request_id,
                           struct frame_out *out) MUST_CHECK;

#endif
