/* SPDX-License-Identifier: ISC
 *
 * pick - the route and the credential of the next attempt: options from the catalog, gates and
 * figures from the segment, the choice from policy/route.
 */
#ifndef RELAYOS_WORKER_PICK_H
#define RELAYOS_WORKER_PICK_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/codec/dialect.h"
#include "relayos/model/catalog.h"
#include "relayos/model/flight.h"

struct request;

struct pick {
    struct route_record route;
    struct upstream_record upstream;
    struct credential_record credential_record;
    uint32_t n_credential; /* which of the upstream's */
    uint64_t epoch;        /* of the catalog that all of it is from */
    uint32_t model_id;     /* whose route it is: a fallback's is not the request's */
    uint32_t score;
    uint8_t reason;         /* enum attempt_reason */
    enum protocol protocol; /* to speak with the upstream */
    bool is_trial;          /* it holds the trial of an open route: verdict.c gives it back */
    bool is_crowded;
    struct buf credential; /* its memory stays with the pick; wiped as soon as the head is built */
};

/*
 * The route of the next attempt; what was looked at goes into the flight's choices. All but the
 * first of a request take from the retry budget, and the second after a refusal. On failure
 * request->retry_after_s says when to come again (0 = nobody knows) and *why is the detail:
 * ERR_NOT_FOUND: the model is gone, or none of its routes speaks a protocol that will do, or state
 * named in the request lies elsewhere; ERR_NO_HEALTHY_ROUTE, ERR_UPSTREAM_RATE_LIMITED,
 * ERR_UPSTREAM_UNAVAILABLE, ERR_OVERLOADED: as route_nothing() has it, or nothing is left to try.
 */
int pick_route(struct request *request, enum attempt_reason reason, struct pick *out,
               struct refusal_reason *why) MUST_CHECK;

/*
 * The request's model has failed so: let the next of its fallbacks stand in that is there, that the
 * key may use and that the cause is switched on for. ERR_MISSING: none. Attempts then go to that
 * model's routes, answers carry its name; what the caller is charged stays as admitted.
 */
int pick_fallback(struct request *request, enum err_category category) MUST_CHECK;
/* The route of the first of them that has one, as pick_route(); ERR_MISSING: none has. */
int pick_stand_in(struct request *request, enum err_category category, struct pick *out,
                  struct refusal_reason *why) MUST_CHECK;

/* Has the model whose routes are tried another than that of this row, open to everybody? */
bool pick_has_other(const struct request *request, uint32_t health_row);

/* Can an attempt still be made, or was all that could be tried? What x-should-retry says. */
bool pick_is_exhausted(const struct request *request);

#endif
