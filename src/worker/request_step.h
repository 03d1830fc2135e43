/* SPDX-License-Identifier: ISC
 *
 * request_step - the steps of a request, in their order.
 */
#ifndef RELAYOS_WORKER_REQUEST_STEP_H
#define RELAYOS_WORKER_REQUEST_STEP_H

#include <stdint.h>

#include "relayos/model/flight.h"

struct request;

/* Forward only, but for relay -> route (the next attempt); finish from anywhere. The framing guard
 * comes before them all, in net/. */
enum request_step {
    REQUEST_ENDPOINT, /* which row of the table */
    REQUEST_AUTH,     /* whose key */
    REQUEST_DECODE,   /* is it valid, what does policy need of it */
    REQUEST_SCOPE,    /* may the key use the model */
    REQUEST_ONCE,     /* was it made before (Idempotency-Key) */
    REQUEST_RATE,     /* requests and tokens a minute */
    REQUEST_ADMIT,    /* a flight, and quota held on it */
    REQUEST_ROUTE,    /* where to */
    REQUEST_RELAY,    /* one attempt, nothing of the answer sent yet */
    REQUEST_STREAM,   /* content is on its way to the caller: no way back */
    REQUEST_FINISH,   /* priced, settled, logged */
    REQUEST_N_STEPS
};

/* The one way from step to step. */
void request_step(struct request *request, enum request_step to);
/* Stamp a stage of the trace, now. */
void request_stage(struct request *request, enum flight_stage stage);
void request_stage_at(struct request *request, enum flight_stage stage, int64_t now_us);

#endif
