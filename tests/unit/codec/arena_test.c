/* SPDX-License-Identifier: ISC */
#include "relayos/codec/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

Test(arena, room_is_zero_and_aligned_and_nobody_elses)
{
    struct arena arena;
    char *rooms[200];

    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < 200; i++) {
        rooms[i] = arena_alloc(&arena, i);
        cr_assert_not_null(rooms[i]);
        cr_expect_eq((uintptr_t)rooms[i] % 16, 0);
        for (size_t j = 0; j < i; j++)
            cr_expect_eq(rooms[i][j], 0);
        memset(rooms[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i; j++)
            cr_assert_eq((unsigned char)rooms[i][j], i);
    arena_fini(&arena);
}

Test(arena, arrays_that_grow_side_by_side_keep_their_items)
{
    uint32_t *a = NULL, *b = NULL;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    for (uint32_t i = 0; i < 5000; i++) {
        a = arena_grow(&arena, a, i, sizeof(*a));
        cr_assert_not_null(a);
        a[i] = i;
        if (i % 3 == 0) {
            b = arena_grow(&arena, b, i / 3, sizeof(*b));
            cr_assert_not_null(b);
            b[i / 3] = ~i;
        }
    }
    for (uint32_t i = 0; i < 5000; i++) {
        cr_assert_eq(a[i], i);
        cr_assert_eq(b[i / 3], ~(i - i % 3));
    }
    arena_fini(&arena);
}

Test(arena, an_array_alone_is_doubled_where_it_stands)
{
    uint64_t *items = NULL;
    const uint64_t *first;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    first = items = arena_grow(&arena, NULL, 0, sizeof(*items));
    for (size_t i = 0; i < 512; i++) {
        items = arena_grow(&arena, items, i == 0 ? 1 : i, sizeof(*items));
        items[i] = i;
    }
    cr_expect_eq(items, first);
    arena_fini(&arena);
}

Test(arena, what_is_past_the_limit_is_refused_for_good)
{
    const struct slice big = {"0123456789abcdef0123456789abcdef", 32};
    struct arena arena;

    arena_init(&arena, 1000);
    cr_expect_not_null(arena_alloc(&arena, 900));
    cr_expect(!arena.is_full);
    cr_expect_null(arena_alloc(&arena, 101));
    cr_expect(arena.is_full);
    cr_expect_null(arena_alloc(&arena, 1));
    cr_expect_eq(arena_copy(&arena, big).len, 0);
    arena_fini(&arena);
    arena_init(&arena, 1000);
    cr_expect_null(arena_alloc(&arena, SIZE_MAX));
    arena_fini(&arena);
    arena_init(&arena, 1000);
    cr_expect_null(arena_grow(&arena, arena_alloc(&arena, 64), 8, SIZE_MAX / 8));
    cr_expect(arena.is_full);
    arena_fini(&arena);
}
