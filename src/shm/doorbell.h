/* SPDX-License-Identifier: ISC
 *
 * doorbell - rings of slot numbers: DONE flights from a worker to the ledger, freed ones back.
 *
 * Process: one producer and one consumer each. Killed in between, either leaves at worst an entry
 *          unsaid or said twice; both sides look at the flight itself before they believe one.
 */
#ifndef SHM_DOORBELL_H
#define SHM_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"

/* Ring of worker `slot`; which = DOORBELL_DONE or DOORBELL_RETURN. */
struct doorbell *doorbell_at(const struct segment *segment, uint32_t slot, int which);

/* size: entries in it, a power of two. false: full (the flight will be found by a scan). */
bool doorbell_push(struct doorbell *ring, uint32_t size, uint32_t n);
bool doorbell_pop(struct doorbell *ring, uint32_t size, uint32_t *out_n);
/* Consumer: forget what is in it. */
void doorbell_drop_all(struct doorbell *ring);
uint32_t doorbell_n_waiting(const struct doorbell *ring);

#endif
