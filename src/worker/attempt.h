/* SPDX-License-Identifier: ISC
 *
 * attempt - the record of one upstream attempt, in the flight and in the route's health; begun
 * before a byte leaves, ended exactly once.
 */
#ifndef RELAYOS_WORKER_ATTEMPT_H
#define RELAYOS_WORKER_ATTEMPT_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/model/flight.h"
#include "relayos/net/upstream.h"

struct charge;
struct charge_facts;
struct pick;
struct request;

void attempt_begin(struct request *request, const struct pick *pick);
/* What the client below knows of its connection. */
void attempt_report(struct request *request, const struct upstream_report *report);
/* Does nothing if it is ended already. */
void attempt_end(struct request *request, enum attempt_outcome outcome, enum err_category category);
/* The one at hand; there is one. */
struct flight_attempt *attempt_current(const struct request *request);

/* What a charge is decided by: the attempt at hand, or that there was none. */
void attempt_charge_facts(const struct request *request, struct charge_facts *out);
/* What the caller is charged for is known: the attempts' costs are complete, and their sum is the
 * request's. */
void attempt_settle(struct request *request, const struct charge *charge);

/* Does this count against the route? A caller's bad requests must not eject it. Pure. */
bool attempt_is_route_fault(enum err_category category);

#endif
