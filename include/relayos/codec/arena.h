/* SPDX-License-Identifier: ISC
 *
 * arena - memory of one request's records, given back all at once. Bounded: what would pass its
 * limit is refused, as is all that is asked for after that. Who asked looks at is_full at the end.
 *
 * Process: pure; one owner.
 */
#ifndef RELAYOS_CODEC_ARENA_H
#define RELAYOS_CODEC_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "relayos/base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* the newest first */
    size_t left;                /* of the limit */
    bool is_full;
};

void arena_init(struct arena *arena, size_t limit);
void arena_fini(struct arena *arena);
/* Zeroed, aligned for anything; NULL when full. */
void *arena_alloc(struct arena *arena, size_t size);
/* Of n items room for one more, moved if need be; NULL when full. Always asked before one is added:
 * how much room there is follows from n. */
void *arena_grow(struct arena *arena, void *items, size_t n, size_t size);
/* A copy of bytes; empty when full. */
struct slice arena_copy(struct arena *arena, struct slice bytes);

#endif
