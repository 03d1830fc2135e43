/* SPDX-License-Identifier: ISC
 *
 * explain_route - a model's routes as a worker would look at them now, in the order in which it
 * would try them.
 */
#ifndef LEDGER_EXPLAIN_ROUTE_H
#define LEDGER_EXPLAIN_ROUTE_H

#include <stdint.h>

#include "relayos/control/frame.h"
#include "relayos/policy/route.h"
#include "relayos/shm/catalog.h"

struct ledger;

struct explain_question {
    struct route_question route; /* random is not looked at */
    uint64_t key_id;
    int64_t now_us, now_real_us;
};

/* Copies: a reload does not change them under us. */
struct explain_routes {
    struct model_record model;
    uint64_t epoch;
    uint32_t n, n_usable;
    struct route_option options[LIMIT_MODEL_ROUTES];
    struct route_candidate candidates[LIMIT_MODEL_ROUTES];
    uint16_t order[LIMIT_MODEL_ROUTES]; /* the usable ones as they would be tried, then the rest */
    uint32_t n_first[LIMIT_MODEL_ROUTES]; /* in so many of EXPLAIN_DRAWS it would be the first */
    int err;                              /* route_nothing() where none is usable */
    int64_t retry_us;
    bool is_panic; /* none is usable, but one request at a time is let through */
};
#define EXPLAIN_DRAWS 1000

/* ERR_MISSING: the configuration has no such model. */
int explain_route_look(struct ledger *ledger, struct slice model,
                       const struct explain_question *question,
                       struct explain_routes *out) MUST_CHECK;
/* An array "routes". */
void explain_route_write(struct ledger *ledger, const struct explain_routes *routes,
                         const struct explain_question *question, struct frame_out *out);

#endif
