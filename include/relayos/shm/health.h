/* SPDX-License-Identifier: ISC
 *
 * health - what is known of each route: passive cells, one per worker and route, and probe cells.
 *
 * Positions in the catalog's route array are not stable over reloads, so a route's row is found by
 * its id (a hash) in a small open-addressing table that the master fills at reload; ids that vanish
 * keep their row until it is needed.
 *
 * Process: each worker writes its own cells, the prober its own; anyone sums. (Breakers, ejection
 * and affinity come with the routing issue; the words for them are in the layout already.)
 */
#ifndef RELAYOS_SHM_HEALTH_H
#define RELAYOS_SHM_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/shm/segment.h"

/* Row of a route id, added if new (master, at reload). ERR_FULL. */
int health_intern(struct segment *segment, uint32_t route_id, uint32_t *out_row) MUST_CHECK;
/* Row of a route id or ERR_MISSING. */
int health_row(const struct segment *segment, uint32_t route_id, uint32_t *out_row) MUST_CHECK;

/* Worker: an attempt begins / ends. Only route-caused failures are failures (reliability.md 2d). */
void health_begin(struct segment *segment, uint32_t slot, uint32_t row);
void health_end(struct segment *segment, uint32_t slot, uint32_t row, bool is_failure,
                int64_t first_token_us, int64_t now_us);

struct health_view {
    int64_t in_flight;
    uint64_t successes, failures;
    int64_t first_token_us_ewma;              /* 0 = nothing known */
    int64_t last_success_us, last_failure_us; /* clock_mono_us, 0 = never */
    uint32_t consecutive_failures; /* least over the workers that used it since the last success */
};
void health_view(const struct segment *segment, uint32_t row, struct health_view *out);
/* Undertaker: what a dead worker had in flight on all routes is nothing any more. */
void health_forget_worker(struct segment *segment, uint32_t slot);

#endif
