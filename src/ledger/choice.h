/* SPDX-License-Identifier: ISC
 *
 * choice - why a request went where it went: the routes that were looked at for each attempt, from
 * the flight into the trace (report_choice.c: and from there into answers).
 */
#ifndef LEDGER_CHOICE_H
#define LEDGER_CHOICE_H

#include "relayos/base/slice.h"
#include "relayos/model/flight.h"

#define CHOICE_TEXT_SIZE 1024 /* holds LIMIT_CHOICES of them */

/* As store_settlement.choices has it; empty for a request that had no choice. What comes from a
 * damaged flight is cut and named "unknown". */
struct slice choice_format(const struct flight_record *flight, char out[CHOICE_TEXT_SIZE]);

#endif
