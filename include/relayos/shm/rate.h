/* SPDX-License-Identifier: ISC
 *
 * rate - requests and tokens a minute per key: one GCRA cell each, shared by all workers by CAS.
 *
 * A cell is one 64-bit theoretical arrival time (ns, monotonic). A key may burst its whole minute
 * at once, then earns it back evenly: never more than limit + limit x (elapsed / 60 s).
 *
 * Process: workers. A worker killed between grant and use costs the key that one grant, for less
 * than a minute.
 */
#ifndef RELAYOS_SHM_RATE_H
#define RELAYOS_SHM_RATE_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/shm/segment.h"

enum rate_kind { RATE_REQUESTS, RATE_TOKENS };

/*
 * Take amount of a limit of per_minute at now_us. 0, or ERR_RATE_LIMITED with *out_retry_us = time
 * until the same amount would be granted (nothing is taken). An amount above the whole limit is
 * granted when the cell is full (idle), so that a large request is slow but not impossible.
 */
int rate_take(struct segment *segment, uint32_t key_row, enum rate_kind kind, int64_t per_minute,
              int64_t amount, int64_t now_us, int64_t *out_retry_us) MUST_CHECK;
/* The same, but nothing is taken: time until that amount would be granted, 0 = at once. */
int64_t rate_wait_us(struct segment *segment, uint32_t key_row, enum rate_kind kind,
                     int64_t per_minute, int64_t amount, int64_t now_us);
/* Correct an earlier take by delta (actual - estimated; negative gives back). Never fails. */
void rate_correct(struct segment *segment, uint32_t key_row, enum rate_kind kind,
                  int64_t per_minute, int64_t delta, int64_t now_us);

#endif
