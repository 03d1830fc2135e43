/* SPDX-License-Identifier: ISC
 *
 * admit - the gate: rate, then a flight, then quota held on it. Whatever was taken before a step
 * refuses is given back by it.
 */
#ifndef RELAYOS_WORKER_ADMIT_H
#define RELAYOS_WORKER_ADMIT_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/codec/dialect.h"
#include "relayos/shm/quota.h"

struct request;

/* Steps of request.c. Errors are catalogue errors, with the detail in *why. */
int admit_rate(struct request *request, struct refusal_reason *why) MUST_CHECK;
int admit_flight(struct request *request, struct refusal_reason *why) MUST_CHECK;
/* It runs no more: its place among its key's is free. Does nothing if it has none. */
void admit_leave(struct request *request);
/* A flight for the answer of another request, given once more: it takes nothing of any limit. */
int admit_replay(struct request *request, struct uuid original) MUST_CHECK;

/*
 * "monthly quota of $50.00: $49.80 used, $0.19 reserved, $0.40 needed; renews 2026-12-01 UTC".
 * Pure.
 */
struct admit_shortage {
    struct quota_view quota;
    const char *model; /* "" = it counts all */
    int64_t needed;
    int64_t renews_us; /* of a total quota: not looked at */
};
void admit_describe_quota(const struct admit_shortage *shortage, char *out, size_t size);

#endif
