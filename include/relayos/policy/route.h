/* SPDX-License-Identifier: ISC
 *
 * route - which route a request takes. Pure: candidates and their health in, an order out.
 * Today: lowest tier first, weighted within a tier, routes with fresh consecutive failures last.
 * Breakers, latency scores and affinity come with the routing issue.
 */
#ifndef RELAYOS_POLICY_ROUTE_H
#define RELAYOS_POLICY_ROUTE_H

#include <stdint.h>

#include "relayos/model/catalog.h"
#include "relayos/shm/health.h"

struct route_candidate {
    uint32_t n; /* which route of the model */
    uint32_t tier, weight;
    uint32_t protocols; /* of its upstream */
    struct health_view health;
};

/* Order candidates in place, best first; returns how many speak `protocol` (the rest are dropped).
 * random: 64 fresh random bits. */
uint32_t route_rank(struct route_candidate *candidates, uint32_t n, enum protocol protocol,
                    int64_t now_us, uint64_t random);

#endif
