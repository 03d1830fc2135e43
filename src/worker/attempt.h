/* SPDX-License-Identifier: ISC
 *
 * attempt - the record of a leg's attempt, in the flight and in the route's health; begun before a
 * byte leaves, ended exactly once.
 */
#ifndef RELAYOS_WORKER_ATTEMPT_H
#define RELAYOS_WORKER_ATTEMPT_H

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/model/flight.h"
#include "relayos/net/upstream.h"

struct charge;
struct charge_facts;
struct leg;
struct pick;
struct request;

void attempt_begin(struct leg *leg, const struct pick *pick);
/* The very bytes that were sent, appended to out; "" = none were. ERR_CONFLICT: there were two
 * reloads since, and they are gone. */
int attempt_append_credential(const struct leg *leg, struct buf *out) MUST_CHECK;
/* What the client below knows of its connection. */
void attempt_report(struct leg *leg, const struct upstream_report *report);
/* Does nothing if it is ended already. */
void attempt_end(struct leg *leg, enum attempt_outcome outcome, enum err_category category);

/* What a charge is decided by: the leg's attempt, or that there was none. */
void attempt_charge_facts(const struct leg *leg, struct charge_facts *out);
/* What the caller is charged for is known: the attempts' costs are complete, and their sum is the
 * request's. */
void attempt_settle(struct request *request, const struct charge *charge);

#endif
