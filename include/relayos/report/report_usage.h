/* SPDX-License-Identifier: ISC
 *
 * report_usage - what was used, by day, hour, key, model, tool or owner: as a frame and as CSV.
 */
#ifndef RELAYOS_REPORT_REPORT_USAGE_H
#define RELAYOS_REPORT_REPORT_USAGE_H

#include "relayos/control/frame.h"
#include "relayos/report/report.h"
#include "relayos/store/store_usage_table.h"

/* "day", "hour", ...; ERR_SYNTAX. */
int report_usage_column(struct slice name, enum store_usage_column *out) MUST_CHECK;
/* The array `name` of rows; costs are for operators. */
void report_usage_write(const struct report *report, enum store_usage_column by,
                        const struct store_usage_table *table, const char *name,
                        struct frame_out *out);
/* The same with a line of names first (RFC 4180). A text that a spreadsheet would take for a
 * formula is written with an apostrophe before it. */
void report_usage_csv(const struct report *report, enum store_usage_column by,
                      const struct store_usage_table *table, struct buf *out);

#endif
