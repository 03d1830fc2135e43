/* SPDX-License-Identifier: ISC
 *
 * share - linear probing; who has nothing leaves no mark, those behind it move up.
 */
#include "share.h"

#include <assert.h>
#include <stdlib.h>

#include "relayos/base/mem.h"

static bool may_have_more(const struct share *share, uint32_t n);
static uint32_t home(const struct share *share, uint64_t key_id);
static uint32_t find(const struct share *share, uint64_t key_id);
static void close_gap(struct share *share, uint32_t gap);

void
share_init(struct share *share, uint32_t limit, uint32_t alone)
{
    uint32_t n_slots = 2;

    assert(limit > 0 && limit <= UINT32_MAX / 64 && alone > 0 && alone <= 32);
    while (n_slots < 2 * limit)
        n_slots *= 2;
    *share = (struct share){.limit = limit,
                            .alone = alone,
                            .mask = n_slots - 1,
                            .slots = mem_zalloc(n_slots * sizeof(struct share_slot))};
}

void
share_fini(struct share *share)
{
    free(share->slots);
    share->slots = NULL;
}

int
share_take(struct share *share, uint64_t key_id, uint32_t *out_n)
{
    if (key_id != share->last_key) {
        share->last_key = key_id;
        share->n_ticks = SHARE_TICKS;
    }
    if (share_is_full(share))
        return ERR_OVERLOADED;

    struct share_slot *slot = &share->slots[find(share, key_id)];

    *out_n = slot->n;
    if (slot->n > 0 && !may_have_more(share, slot->n))
        return ERR_RATE_LIMITED;
    slot->key_id = key_id;
    slot->n++;
    share->n++;
    return 0;
}

/* The last one is for who has none. */
static bool
may_have_more(const struct share *share, uint32_t n)
{
    uint32_t n_free = share->limit - share->n;
    bool is_alone = share->n_ticks == 0 && share->n == n;

    return n_free > 1 && n < (is_alone ? share->alone * n_free : n_free);
}

void
share_tick(struct share *share)
{
    if (share->n_ticks > 0)
        share->n_ticks--;
}

void
share_give(struct share *share, uint64_t key_id)
{
    uint32_t at = find(share, key_id);

    assert(share->slots[at].n > 0 && share->n > 0);
    share->n--;
    if (--share->slots[at].n == 0)
        close_gap(share, at);
}

uint32_t
share_of(const struct share *share, uint64_t key_id)
{
    return share->slots[find(share, key_id)].n;
}

bool
share_is_full(const struct share *share)
{
    return share->n >= share->limit;
}

static uint32_t
home(const struct share *share, uint64_t key_id)
{
    return (uint32_t)(key_id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & share->mask;
}

/* The key's slot, or the empty one where it belongs: half of them are always empty. */
static uint32_t
find(const struct share *share, uint64_t key_id)
{
    uint32_t at = home(share, key_id);

    while (share->slots[at].n > 0 && share->slots[at].key_id != key_id)
        at = (at + 1) & share->mask;
    return at;
}

/* Whoever behind the gap is found by way of it moves into it. */
static void
close_gap(struct share *share, uint32_t gap)
{
    for (uint32_t at = (gap + 1) & share->mask; share->slots[at].n > 0;
         at = (at + 1) & share->mask) {
        uint32_t way = (at - home(share, share->slots[at].key_id)) & share->mask;

        if (way < ((at - gap) & share->mask))
            continue;
        share->slots[gap] = share->slots[at];
        gap = at;
    }
    share->slots[gap].n = 0;
}
