/* SPDX-License-Identifier: ISC
 *
 * affinity - which route a conversation went to last, because its prompt cache lies there. One word
 * per conversation: a tag of its key, the health row of the route, the credential, and when.
 *
 * Process: workers, by CAS. Lossy by design: a conversation that is seldom seen gives way to
 *          another; a miss costs a cache miss at the provider. Times are clock_mono_us().
 */
#ifndef RELAYOS_SHM_AFFINITY_H
#define RELAYOS_SHM_AFFINITY_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/shm/segment.h"

struct affinity_pin {
    uint32_t health_row; /* of the route: compare it with the candidates' */
    uint32_t credential; /* which of its upstream's, 0 .. LIMIT_CREDENTIALS - 1 */
};

/* key: 64 bits of hash over owner, model and conversation; never 0. False: not known, or not used
 * for ttl_us. */
bool affinity_find(const struct segment *segment, uint64_t key, int64_t ttl_us, int64_t now_us,
                   struct affinity_pin *out);
/* It went there, and was answered. */
void affinity_note(struct segment *segment, uint64_t key, const struct affinity_pin *pin,
                   int64_t now_us);

#endif
