/* SPDX-License-Identifier: ISC
 *
 * learned - how long the answers of a model to a key use to be: what a reservation goes by where
 * nobody demands the worst case. One estimate of the 95th percentile per (key, model).
 *
 * Process: workers read and write; no locks. Lossy by design: of two notes at once one is dropped,
 *          and a pair that is seldom seen gives way to another. A miss means the worst case.
 */
#ifndef RELAYOS_SHM_LEARNED_H
#define RELAYOS_SHM_LEARNED_H

#include <stdint.h>

#include "relayos/shm/segment.h"

#define LEARNED_SAMPLES_MIN 20      /* answers before there is an estimate */
#define LEARNED_TOKENS_MAX  4194303 /* longer ones count as that long */

/* Tokens that 19 of 20 answers do not pass; 0 = not known. */
int64_t learned_output(const struct segment *segment, uint64_t key_id, uint32_t model_id);
/* An answer came to so many. */
void learned_note(struct segment *segment, uint64_t key_id, uint32_t model_id, int64_t tokens);

#endif
