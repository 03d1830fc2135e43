/* SPDX-License-Identifier: ISC
 *
 * share - how many requests of each key run in this worker, and who may start one more: a key may
 * have as many as are still free. One alone gets half of the worker, two a third each, and there is
 * always room for who comes next.
 *
 * Process: worker; private to it. At most `limit` keys have any, so the table never fills.
 */
#ifndef RELAYOS_WORKER_SHARE_H
#define RELAYOS_WORKER_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"

struct share_slot {
    uint64_t key_id;
    uint32_t n; /* 0 = empty */
};

struct share {
    uint32_t n, limit; /* running, of all keys; the most of them */
    uint32_t mask;
    struct share_slot *slots;
};

void share_init(struct share *share, uint32_t limit);
void share_fini(struct share *share);

/* One more of that key. ERR_OVERLOADED: there is no room for anybody; ERR_RATE_LIMITED: the key has
 * its share, *out_n requests. */
int share_take(struct share *share, uint64_t key_id, uint32_t *out_n) MUST_CHECK;
/* One that was taken is over. */
void share_give(struct share *share, uint64_t key_id);

/* What a key has. */
uint32_t share_of(const struct share *share, uint64_t key_id);
bool share_is_full(const struct share *share);

#endif
