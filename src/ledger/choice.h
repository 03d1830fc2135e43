/* SPDX-License-Identifier: ISC
 *
 * choice - why a request went where it went: the routes that were looked at for each attempt, from
 * the flight into the trace, and from there, with the names of routes, into an answer. Operators
 * alone see them.
 */
#ifndef LEDGER_CHOICE_H
#define LEDGER_CHOICE_H

#include "relayos/base/buf.h"
#include "relayos/control/frame.h"
#include "relayos/model/flight.h"
#include "relayos/store/store_trace.h"

#define CHOICE_TEXT_SIZE 1024 /* holds LIMIT_CHOICES of them */

struct ledger;

/* As store_settlement.choices has it; empty for a request that had no choice. What comes from a
 * damaged flight is cut and named "unknown". */
struct slice choice_format(const struct flight_record *flight, char out[CHOICE_TEXT_SIZE]);
/* The names of the models that attempts were made for, where it is another than was asked for. */
void choice_models(struct ledger *ledger, const struct flight_record *flight,
                   const char *out[LIMIT_ATTEMPTS]);

/* "choices" and "n_unlisted" of a REQUEST (commands.def); is_running: its record has them. */
int choice_write(struct ledger *ledger, const struct store_trace *trace, bool is_running,
                 struct frame_out *out) MUST_CHECK;

#endif
