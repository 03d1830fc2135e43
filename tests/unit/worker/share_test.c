#include <criterion/criterion.h>

#include <stdlib.h>

#include "share.h"

#define KEYS 40

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint32_t
take_all(struct share *share, uint64_t key)
{
    uint32_t n;

    while (share_take(share, key, &n) == 0)
        ;
    return share_of(share, key);
}

static void
tick(struct share *share, int n)
{
    for (int i = 0; i < n; i++)
        share_tick(share);
}

Test(share, one_key_gets_half_and_nearly_all_when_it_has_been_alone)
{
    struct share share;
    uint32_t n;

    share_init(&share, 160, 7);
    cr_assert_eq(take_all(&share, 1), 80);
    tick(&share, SHARE_TICKS - 1);
    cr_assert_eq(take_all(&share, 1), 80);
    tick(&share, 1);
    cr_assert_eq(take_all(&share, 1), 140);
    cr_assert_eq(share_take(&share, 1, &n), ERR_RATE_LIMITED);
    cr_assert_eq(n, 140);
    share_fini(&share);
}

Test(share, one_that_asks_or_runs_leaves_nobody_alone)
{
    struct share share;
    uint32_t n;

    share_init(&share, 160, 7);
    cr_assert_eq(share_take(&share, 2, &n), 0);
    tick(&share, SHARE_TICKS + 1);
    cr_assert_eq(take_all(&share, 1), 80, "it runs");
    tick(&share, SHARE_TICKS + 1);
    cr_assert_eq(take_all(&share, 1), 80, "it still does");
    share_give(&share, 2);
    cr_assert_eq(take_all(&share, 1), 140);
    cr_assert_eq(share_take(&share, 2, &n), 0);
    share_give(&share, 2);
    share_give(&share, 1);
    cr_assert_eq(share_take(&share, 1, &n), ERR_RATE_LIMITED, "it has just asked");
    share_fini(&share);
}

Test(share, an_alone_of_one_is_half)
{
    struct share share;

    share_init(&share, 10, 1);
    tick(&share, SHARE_TICKS);
    cr_assert_eq(take_all(&share, 1), 5);
    share_fini(&share);
}

/* However small the worker is. */
Test(share, the_last_one_is_for_who_has_none)
{
    for (uint32_t limit = 2; limit < 40; limit++) {
        struct share share;
        uint32_t n;

        share_init(&share, limit, 7);
        take_all(&share, 1);
        tick(&share, SHARE_TICKS);
        take_all(&share, 1);
        cr_assert_lt(share.n, limit);
        cr_assert_eq(share_take(&share, 2, &n), 0, "limit %u", limit);
        share_fini(&share);
    }
}

/* It has it all; then another comes, who wants as much, while the first one's end and it asks for
 * as many again. */
Test(share, who_has_all_is_pushed_back_when_another_comes)
{
    struct share share;
    uint32_t n, n_refused = 0;

    share_init(&share, 300, 7);
    share.last_key = 1; /* it was here before */
    tick(&share, SHARE_TICKS);
    cr_assert_geq(take_all(&share, 1), 260);
    for (int i = 0; i < 1000; i++) {
        if (share_of(&share, 1) > 0)
            share_give(&share, 1);
        if (share_of(&share, 2) < 60)
            n_refused += share_take(&share, 2, &n) != 0;
        take_all(&share, 1);
        share_tick(&share);
    }
    cr_assert_leq(share_of(&share, 1), 121);
    cr_assert_lt(n_refused, 60, "only while there were too few");
    cr_assert_eq(share_of(&share, 2), 60);
    cr_assert_eq(share_take(&share, 3, &n), 0);
    share_fini(&share);
}

Test(share, a_worker_with_room_for_one_serves_one)
{
    struct share share;
    uint32_t n;

    share_init(&share, 1, 7);
    cr_assert_eq(share_take(&share, 1, &n), 0);
    cr_assert(share_is_full(&share));
    cr_assert_eq(share_take(&share, 1, &n), ERR_OVERLOADED);
    cr_assert_eq(share_take(&share, 2, &n), ERR_OVERLOADED);
    share_give(&share, 1);
    cr_assert_eq(share_take(&share, 2, &n), 0);
    share_fini(&share);
}

static bool
may_have(uint32_t n, uint32_t n_free)
{
    return n == 0 || (n_free > 1 && n < n_free);
}

/* Against a plain array of counts. Ids are picked so that they collide often. */
Test(share, counts_stay_exact_over_any_history)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint32_t model[KEYS] = {0}, total = 0, n;
        uint64_t state = seed;
        struct share share;

        share_init(&share, 16, 7);
        for (int i = 0; i < 5000; i++) {
            uint64_t random = next_random(&state);
            uint32_t key = (uint32_t)(random % KEYS);

            if ((random >> 32 & 1) != 0) {
                int err = share_take(&share, key, &n);

                if (total == 16)
                    cr_assert_eq(err, ERR_OVERLOADED, "seed %lu", seed);
                else
                    cr_assert_eq(err, may_have(model[key], 16 - total) ? 0 : ERR_RATE_LIMITED,
                                 "seed %lu", seed);
                model[key] += err == 0;
                total += err == 0;
            } else if (model[key] > 0) {
                share_give(&share, key);
                model[key]--;
                total--;
            }
            for (uint32_t k = 0; k < KEYS; k++)
                cr_assert_eq(share_of(&share, k), model[k], "seed %lu, key %u", seed, k);
            cr_assert_eq(share.n, total);
        }
        for (uint32_t k = 0; k < KEYS; k++)
            for (; model[k] > 0; model[k]--)
                share_give(&share, k);
        cr_assert_eq(share.n, 0);
        for (uint32_t i = 0; i <= share.mask; i++)
            cr_assert_eq(share.slots[i].n, 0, "nothing is left in the table");
        share_fini(&share);
    }
}
