/* SPDX-License-Identifier: ISC
 *
 * once - Idempotency-Key: a call with it is made, and charged, once. Whoever repeats it gets the
 * answer again, or is told of the call that has or had the key (relayos-api(7)).
 */
#ifndef RELAYOS_WORKER_ONCE_H
#define RELAYOS_WORKER_ONCE_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/codec/dialect.h"

struct request;

/* Step of request.c: 0 = go on; 1 = it has been answered; else an error of the catalogue. */
int once_check(struct request *request, struct refusal_reason *why) MUST_CHECK;
/*
 * The request that has claimed its key ends, before its flight does: killed in between, the flight
 * is settled by what was noted and the answer is there. is_charged: it had an effect.
 */
void once_end(struct request *request, enum err_category category, bool is_charged);

#endif
