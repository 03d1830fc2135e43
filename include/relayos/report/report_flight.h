/* SPDX-License-Identifier: ISC
 *
 * report_flight - requests in flight now, the oldest first (top in commands.def).
 */
#ifndef RELAYOS_REPORT_REPORT_FLIGHT_H
#define RELAYOS_REPORT_REPORT_FLIGHT_H

#include "relayos/control/frame.h"
#include "relayos/report/report.h"

/* "n_flights", how many there are, and the array `name` of the oldest of them. keys: those that are
 * meant (report_key_select()), NULL: all, without their names. */
struct report_keys;
void report_flight_list(const struct report *report, const struct report_keys *keys, size_t limit,
                        const char *name, struct frame_out *out);

/* Of a row of endpoints.def, NULL past its end. */
const char *report_flight_endpoint(uint8_t row);

#endif
