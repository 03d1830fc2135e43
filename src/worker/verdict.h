/* SPDX-License-Identifier: ISC
 *
 * verdict - what an attempt's end says of its route, its credential and its conversation's place.
 */
#ifndef RELAYOS_WORKER_VERDICT_H
#define RELAYOS_WORKER_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/model/usage.h"

struct request;
struct flight_attempt;
struct leg;

struct verdict {
    const struct flight_attempt *attempt; /* ended: outcome and category are in it */
    uint32_t health_row, credential_row, credential_id, n_credential;
    bool is_trial, is_crowded;
    bool is_askers_own;        /* never a fault, whatever category */
    uint16_t refusal;          /* of UPSTREAM_UNAVAILABLE: what it amounts to, 401 .. 404 */
    int retry_after_s;         /* the upstream's, 0 = none said */
    int64_t first_token_us;    /* from the attempt's start, 0 = none */
    const struct usage *usage; /* of an answer that ended well; else NULL */
};

/* Tell health, credential and affinity; log what an operator must see. Once per attempt. */
void verdict_report(struct request *request, const struct verdict *verdict);

/* The leg holds its route's trial, and has the first content of a stream: that it answers is known,
 * how long it goes on is no matter. */
void verdict_pass_trial(struct leg *leg);

/*
 * The upstream would not do it: for this request, or for none. With 401 and 402 that is our
 * credential or account; the others (no such model, endpoint or tool; not allowed) may be for what
 * the caller sent. Pure.
 */
bool verdict_is_refusal(const struct flight_attempt *attempt);

/* Does this count against the route? A caller's bad requests must not eject it. Pure. */
bool verdict_is_route_fault(enum err_category category);

#endif
