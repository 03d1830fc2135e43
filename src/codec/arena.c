/* SPDX-License-Identifier: ISC */
#include "relayos/codec/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "relayos/base/mem.h"

enum { BLOCK_SIZE = 16384, FIRST_ITEMS = 8 };

struct arena_block {
    struct arena_block *next;
    size_t used, size; /* of bytes */
    alignas(max_align_t) char bytes[];
};

static void *take(struct arena *arena, size_t size);
static bool may_take(struct arena *arena, size_t size);
static struct arena_block *add_block(struct arena *arena, size_t size);
static bool grow_in_place(struct arena *arena, const char *items, size_t size);

void
arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.left = limit};
}

void
arena_fini(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
    *arena = (struct arena){0};
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    char *room = take(arena, size);

    if (room != NULL)
        memset(room, 0, size);
    return room;
}

/*
 * How many items there is room for follows from how many there are: FIRST_ITEMS, then the powers of
 * two above.
 */
void *
arena_grow(struct arena *arena, void *items, size_t n, size_t size)
{
    size_t bytes;
    char *moved;

    if (n == 0)
        return arena_alloc(arena, FIRST_ITEMS * size);
    if (n < FIRST_ITEMS || (n & (n - 1)) != 0)
        return items;
    if (__builtin_mul_overflow(2 * n, size, &bytes)) {
        arena->is_full = true;
        return NULL;
    }
    if (grow_in_place(arena, items, bytes / 2))
        return items;
    moved = take(arena, bytes);
    if (moved != NULL) {
        memcpy(moved, items, bytes / 2);
        memset(moved + bytes / 2, 0, bytes - bytes / 2);
    }
    return moved;
}

struct slice
arena_copy(struct arena *arena, struct slice bytes)
{
    char *copy = take(arena, bytes.len);

    if (copy == NULL)
        return (struct slice){0};
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    return slice_of(copy, bytes.len);
}

/* Room whose contents are anything. */
static void *
take(struct arena *arena, size_t size)
{
    const size_t mask = alignof(max_align_t) - 1;
    const size_t rounded = (size + mask) & ~mask;
    struct arena_block *block = arena->blocks;
    char *room;

    if (rounded < size || !may_take(arena, rounded)) {
        arena->is_full = true;
        return NULL;
    }
    if (block == NULL || block->size - block->used < rounded)
        block = add_block(arena, rounded);
    room = block->bytes + block->used;
    block->used += rounded;
    arena->left -= rounded;
    return room;
}

static bool
may_take(struct arena *arena, size_t size)
{
    return !arena->is_full && size <= arena->left;
}

static struct arena_block *
add_block(struct arena *arena, size_t size)
{
    const size_t room = size > BLOCK_SIZE / 4 ? 2 * size : BLOCK_SIZE;
    struct arena_block *block = mem_alloc(sizeof(*block) + room);

    *block = (struct arena_block){.next = arena->blocks, .size = room};
    arena->blocks = block;
    return block;
}

/* Double what was taken last, if it is these items and their block has the room. */
static bool
grow_in_place(struct arena *arena, const char *items, size_t size)
{
    struct arena_block *block = arena->blocks;
    const size_t mask = alignof(max_align_t) - 1;
    const size_t rounded = (size + mask) & ~mask;
    const size_t more = ((2 * size + mask) & ~mask) - rounded;

    if (block->used < rounded || items != block->bytes + block->used - rounded)
        return false;
    if (block->size - block->used < more || !may_take(arena, more))
        return false;
    memset(block->bytes + block->used, 0, more);
    block->used += more;
    arena->left -= more;
    return true;
}
