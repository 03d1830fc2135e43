/* SPDX-License-Identifier: ISC
 *
 * refusal - traces of calls refused before a flight existed (401, 403, 400, 404, 429 ...): one
 * bounded ring per worker. A full ring drops the newest and counts it; nothing waits.
 *
 * Process: push in that worker, take in the ledger.
 */
#ifndef RELAYOS_SHM_REFUSAL_H
#define RELAYOS_SHM_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/model/flight.h"
#include "relayos/shm/segment.h"

void refusal_push(struct segment *segment, uint32_t slot, const struct refusal_record *record);
bool refusal_take(struct segment *segment, uint32_t slot, struct refusal_record *out);
/* Refusals of this worker that found the ring full, since the segment was made. */
uint64_t refusal_n_lost(const struct segment *segment, uint32_t slot);

#endif
