/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "backoff.h"

#define SECOND INT64_C(1000000)

Test(backoff, a_single_crash_is_replaced_at_once)
{
    struct backoff backoff = {.n_crashes = 0};
    bool is_loop;

    cr_assert_eq(backoff_after_crash(&backoff, 1000 * SECOND, &is_loop), 0);
    cr_assert_not(is_loop);
}

Test(backoff, crashes_in_a_row_wait_longer_each_time)
{
    struct backoff backoff = {.n_crashes = 0};
    int64_t now_us = 1000 * SECOND;
    bool is_loop;

    cr_assert_eq(backoff_after_crash(&backoff, now_us, &is_loop), 0);
    cr_assert_eq(backoff_after_crash(&backoff, now_us + 1, &is_loop), BACKOFF_FIRST_US);
    cr_assert_eq(backoff_after_crash(&backoff, now_us + 2, &is_loop), 2 * BACKOFF_FIRST_US);
    cr_assert_eq(backoff_after_crash(&backoff, now_us + 3, &is_loop), 4 * BACKOFF_FIRST_US);
    cr_assert_not(is_loop);
}

Test(backoff, five_crashes_within_a_minute_are_a_loop)
{
    struct backoff backoff = {.n_crashes = 0};
    int64_t now_us = 1000 * SECOND, wait_us = 0;
    bool is_loop = true;

    for (int i = 0; i < BACKOFF_LOOP_N; i++, now_us += 15 * SECOND) {
        cr_assert_not(i > 0 && is_loop);
        wait_us = backoff_after_crash(&backoff, now_us, &is_loop);
    }
    cr_assert(is_loop, "4 x 15 s lie between the first and the fifth");
    cr_assert_eq(wait_us, BACKOFF_LOOP_US);
}

Test(backoff, five_crashes_over_more_than_a_minute_are_none)
{
    struct backoff backoff = {.n_crashes = 0};
    int64_t now_us = 1000 * SECOND;
    bool is_loop;

    for (int i = 0; i < 100; i++, now_us += 16 * SECOND) {
        int64_t wait_us = backoff_after_crash(&backoff, now_us, &is_loop);
        cr_assert_not(is_loop);
        cr_assert_leq(wait_us, BACKOFF_MAX_US);
    }
}

Test(backoff, a_quiet_minute_makes_the_next_crash_a_first_one)
{
    struct backoff backoff = {.n_crashes = 0};
    int64_t now_us = 1000 * SECOND;
    bool is_loop;

    for (int i = 0; i < 4; i++)
        (void)backoff_after_crash(&backoff, now_us, &is_loop);
    now_us += BACKOFF_LOOP_WINDOW_US + 1;
    cr_assert_eq(backoff_after_crash(&backoff, now_us, &is_loop), 0);
    cr_assert_eq(backoff_after_crash(&backoff, now_us, &is_loop), BACKOFF_FIRST_US);
}

Test(backoff, three_crashes_within_a_minute_are_a_spell)
{
    struct crash_spell spell = {.n = 0};
    int64_t now_us = 1; /* a machine that has just started */

    cr_expect_not(backoff_note_crash(&spell, now_us));
    cr_expect_not(backoff_note_crash(&spell, now_us));
    cr_expect(backoff_note_crash(&spell, now_us), "all at once");
    cr_expect(backoff_note_crash(&spell, now_us + CRASH_SPELL_US), "the two of before are near");
    for (int i = 0; i < 10; i++) {
        now_us += 40 * SECOND;
        cr_expect_not(backoff_note_crash(&spell, now_us + CRASH_SPELL_US), "one in 40 s");
    }
}
