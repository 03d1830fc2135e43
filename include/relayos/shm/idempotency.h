/* SPDX-License-Identifier: ISC
 *
 * idempotency - calls by the caller's own key: which run, which have ended, and what was answered.
 *
 * Process: workers, by CAS; nothing waits for anything. A call is claimed by one worker at most. A
 *          claim whose worker is dead is void, and so is one that was given up: the next asker gets
 *          it. What has finished is kept for a while and goes, oldest first, when room is needed.
 * Bounds:  buckets of 16; one in which all 16 run takes no more (IDEMPOTENCY_FULL).
 */
#ifndef RELAYOS_SHM_IDEMPOTENCY_H
#define RELAYOS_SHM_IDEMPOTENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/slice.h"
#include "relayos/base/text.h"
#include "relayos/shm/segment.h"

#define IDEMPOTENCY_ANSWER_MAX 16384 /* longer ones are not kept */

/* Who asks, and for what. Digests: two that are equal are taken for the same. */
struct idempotency_claim {
    uint8_t key[32];  /* of the caller's group and its key */
    uint8_t body[32]; /* of all that makes the request what it is */
    struct uuid request_id;
    uint32_t slot, generation; /* the worker's */
    int64_t now_us, ttl_us;    /* clock_mono_us; of what has finished */
};

enum idempotency_verdict {
    IDEMPOTENCY_CLAIMED,  /* nobody has it: it is yours, end it with finish or give_up */
    IDEMPOTENCY_RUNNING,  /* somebody has */
    IDEMPOTENCY_ANSWERED, /* it has finished: read the answer */
    IDEMPOTENCY_FINISHED, /* it has finished; the answer was not kept */
    IDEMPOTENCY_CONFLICT, /* the key was used for another body */
    IDEMPOTENCY_FULL,
};

struct idempotency_found {
    enum idempotency_verdict verdict;
    uint32_t entry;
    uint64_t owner;       /* word of the entry, as it was then */
    struct uuid original; /* request id of the call that has or had the key */
    uint32_t answer_len;
};

void idempotency_find_or_claim(struct segment *segment, const struct idempotency_claim *claim,
                               struct idempotency_found *out);
/* ANSWERED: copy out found->answer_len bytes, or false: it has just been evicted, find it anew. */
bool idempotency_read(const struct segment *segment, const struct idempotency_found *found,
                      char *out) MUST_CHECK;
/* CLAIMED: the call has had an effect. An empty or too long answer is not kept. */
void idempotency_finish(struct segment *segment, const struct idempotency_found *found,
                        struct slice answer, int64_t now_us);
/* CLAIMED: it has had none, and may be tried again. */
void idempotency_give_up(struct segment *segment, const struct idempotency_found *found);

#endif
