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

Test(share, one_key_alone_gets_half)
{
    struct share share;
    uint32_t n = 0;

    share_init(&share, 10);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(share_take(&share, 1, &n), 0);
    cr_assert_eq(share_take(&share, 1, &n), ERR_RATE_LIMITED);
    cr_assert_eq(n, 5);
    share_give(&share, 1);
    cr_assert_eq(share_take(&share, 1, &n), 0);
    share_fini(&share);
}

Test(share, whoever_comes_next_finds_room_and_two_get_a_third_each)
{
    struct share share;
    uint32_t n, taken[2] = {0, 0};

    share_init(&share, 300);
    while (share_take(&share, 1, &n) == 0)
        taken[0]++;
    while (share_take(&share, 2, &n) == 0)
        taken[1]++;
    cr_assert_eq(taken[0], 150);
    cr_assert_eq(taken[1], 75);
    /* As the first one's end, it may not have them back while the second has less than it. */
    for (int i = 0; i < 50; i++)
        share_give(&share, 1);
    while (share_take(&share, 2, &n) == 0)
        taken[1]++;
    cr_assert_eq(share_of(&share, 1), 100);
    cr_assert_eq(taken[1], 100);
    cr_assert_eq(share_take(&share, 1, &n), ERR_RATE_LIMITED);
    cr_assert_eq(share_take(&share, 3, &n), 0);
    share_fini(&share);
}

Test(share, a_worker_with_room_for_one_serves_one)
{
    struct share share;
    uint32_t n;

    share_init(&share, 1);
    cr_assert_eq(share_take(&share, 1, &n), 0);
    cr_assert(share_is_full(&share));
    cr_assert_eq(share_take(&share, 1, &n), ERR_OVERLOADED);
    cr_assert_eq(share_take(&share, 2, &n), ERR_OVERLOADED);
    share_give(&share, 1);
    cr_assert_eq(share_take(&share, 2, &n), 0);
    share_fini(&share);
}

/* Against a plain array of counts. Ids are picked so that they collide often. */
Test(share, counts_stay_exact_over_any_history)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint32_t model[KEYS] = {0}, total = 0, n;
        uint64_t state = seed;
        struct share share;

        share_init(&share, 16);
        for (int i = 0; i < 5000; i++) {
            uint64_t random = next_random(&state);
            uint32_t key = (uint32_t)(random % KEYS);

            if ((random >> 32 & 1) != 0) {
                int err = share_take(&share, key, &n);

                if (total == 16)
                    cr_assert_eq(err, ERR_OVERLOADED, "seed %lu", seed);
                else
                    cr_assert_eq(err, model[key] >= 16 - total ? ERR_RATE_LIMITED : 0, "seed %lu",
                                 seed);
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
