/* SPDX-License-Identifier: ISC
 *
 * retry_budget - how many more calls than requests a model's upstreams may get, over all workers: a
 * storm of failures must not become a storm of calls. Counted in two windows of 5 s; each worker
 * writes its own cells, readers sum, so of several workers that take the last one at once each may
 * get it.
 *
 * Process: workers. Times are clock_mono_us().
 */
#ifndef RELAYOS_SHM_RETRY_BUDGET_H
#define RELAYOS_SHM_RETRY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/shm/segment.h"

/* A request for the model (registry id) makes its first attempt. */
void retry_budget_count(struct segment *segment, uint32_t slot, uint32_t model_id, int64_t now_us);
/* One attempt more, if there are fewer than `percent` of the requests, or than `min`. */
bool retry_budget_take(struct segment *segment, uint32_t slot, uint32_t model_id, uint32_t percent,
                       uint32_t min, int64_t now_us);

#endif
