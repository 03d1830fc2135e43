/* SPDX-License-Identifier: ISC
 *
 * share - how many requests of each key run in this worker, and who may start one more: a key may
 * have as many as are still free. So two have a third each, and there is always room for who comes
 * next. One that has been alone for a while may have `alone` times as many as are free, with 7
 * seven of eight; when another comes, it may start no more until it has come down to its part.
 *
 * Alone: no other runs anything, or has asked in the last SHARE_TICKS. No clock: who has one ticks.
 *
 * Process: worker; private to it. At most `limit` keys have any, so the table never fills.
 */
#ifndef RELAYOS_WORKER_SHARE_H
#define RELAYOS_WORKER_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"

#define SHARE_TICKS 10

struct share_slot {
    uint64_t key_id;
    uint32_t n; /* 0 = empty */
};

struct share {
    uint32_t n, limit; /* running, of all keys; the most of them */
    uint32_t alone;
    uint64_t last_key; /* that asked */
    uint32_t n_ticks;  /* still to come before that one is alone */
    uint32_t mask;
    struct share_slot *slots;
};

void share_init(struct share *share, uint32_t limit, uint32_t alone);
void share_fini(struct share *share);

/* One more of that key. ERR_OVERLOADED: there is no room for anybody; ERR_RATE_LIMITED: the key has
 * its share, *out_n requests. */
int share_take(struct share *share, uint64_t key_id, uint32_t *out_n) MUST_CHECK;
/* Time has passed. */
void share_tick(struct share *share);
/* One that was taken is over. */
void share_give(struct share *share, uint64_t key_id);

/* What a key has. */
uint32_t share_of(const struct share *share, uint64_t key_id);
bool share_is_full(const struct share *share);

#endif
