/* SPDX-License-Identifier: ISC
 *
 * report_trail - pages of the audit trail, the newest first.
 */
#ifndef RELAYOS_REPORT_REPORT_TRAIL_H
#define RELAYOS_REPORT_REPORT_TRAIL_H

#include "relayos/control/frame.h"
#include "relayos/store/store_trail.h"

/* "entries", those before a number (0: from the newest), and "next"; limit 0 = 100. */
int report_trail_list(struct store *store, const struct store_trail_filter *filter, int64_t before,
                      int64_t limit, struct frame_out *out) MUST_CHECK;

#endif
