/* SPDX-License-Identifier: ISC
 *
 * request_step - the steps of a request, in their order.
 */
#ifndef RELAYOS_WORKER_REQUEST_STEP_H
#define RELAYOS_WORKER_REQUEST_STEP_H

#include <stdint.h>

#include "relayos/model/flight.h"

struct request;

/*
 * STEP(name, NAME): forward only, but for relay -> route (the next attempt); finish from anywhere.
 * The framing guard comes before them all, in net/.
 */
#define REQUEST_STEPS(STEP)                                                                        \
    STEP(endpoint, ENDPOINT) /* which row of the table */                                          \
    STEP(auth, AUTH)         /* whose key */                                                       \
    STEP(decode, DECODE)     /* is it valid, what does policy need of it */                        \
    STEP(scope, SCOPE)       /* may the key use the model */                                       \
    STEP(once, ONCE)         /* was it made before (Idempotency-Key) */                            \
    STEP(rate, RATE)         /* requests and tokens a minute */                                    \
    STEP(admit, ADMIT)       /* a flight, and quota held on it */                                  \
    STEP(route, ROUTE)       /* where to */                                                        \
    STEP(relay, RELAY)       /* one attempt, nothing of the answer sent yet */                     \
    STEP(stream, STREAM)     /* content is on its way to the caller: no way back */                \
    STEP(finish, FINISH)     /* priced, settled, logged */

enum request_step {
#define STEP(name, NAME) REQUEST_##NAME,
    REQUEST_STEPS(STEP)
#undef STEP
        REQUEST_N_STEPS
};

/* The one way from step to step. */
void request_step(struct request *request, enum request_step to);
const char *request_step_name(enum request_step step);
/* Stamp a stage of the trace, now. */
void request_stage(struct request *request, enum flight_stage stage);
void request_stage_at(struct request *request, enum flight_stage stage, int64_t now_us);

#endif
