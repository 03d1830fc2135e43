/* SPDX-License-Identifier: ISC */
#include "relayos/shm/learned.h"
#include "segment_suite.h"

static uint64_t state = 42;

SEGMENT_SUITE(learned);

static uint64_t
dice(uint64_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 33) % below;
}

Test(learned, nothing_is_known_before_there_were_enough_answers)
{
    cr_assert_eq(learned_output(segment, 7, 3), 0);
    for (int n = 0; n < LEARNED_SAMPLES_MIN; n++) {
        cr_assert_eq(learned_output(segment, 7, 3), 0);
        learned_note(segment, 7, 3, 100 + n);
    }
    cr_assert_geq(learned_output(segment, 7, 3), 119); /* the longest so far */
    cr_assert_leq(learned_output(segment, 7, 3), 120);
    cr_assert_eq(learned_output(segment, 7, 4), 0);
    cr_assert_eq(learned_output(segment, 8, 3), 0);
}

/* Whatever answers are like, few of them pass the estimate, and it is not far above them. */
Test(learned, about_one_answer_in_twenty_is_longer)
{
    enum { N_SHAPES = 4, N_WARM = 3000, N = 20000 };

    for (uint32_t shape = 0; shape < N_SHAPES; shape++) {
        int n_longer = 0;

        for (int n = 0; n < N_WARM + N; n++) {
            uint64_t tokens = shape == 0   ? 500        /* always */
                              : shape == 1 ? dice(8000) /* anything */
                              : shape == 2
                                  ? 20 + (UINT64_C(1) << dice(11))           /* heavy tail */
                                  : (dice(10) == 0 ? 4000 + dice(500) : 50); /* two kinds */

            if (n >= N_WARM)
                n_longer += (int64_t)tokens > learned_output(segment, 1, shape);
            learned_note(segment, 1, shape, (int64_t)tokens);
        }
        cr_expect_leq(n_longer, N * 7 / 100, "shape %u: %d of %d", shape, n_longer, (int)N);
        if (shape == 1)
            cr_expect_geq(n_longer, N * 3 / 100, "shape %u: %d of %d", shape, n_longer, (int)N);
    }
    cr_expect_geq(learned_output(segment, 1, 0), 495);
    cr_expect_leq(learned_output(segment, 1, 0), 540);
}

Test(learned, it_follows_answers_that_become_shorter_or_longer)
{
    for (int n = 0; n < 100; n++)
        learned_note(segment, 1, 1, 5000);
    for (int n = 0; n < 2000; n++)
        learned_note(segment, 1, 1, 100);
    cr_expect_leq(learned_output(segment, 1, 1), 110);
    for (int n = 0; n < 100; n++)
        learned_note(segment, 1, 1, 5000);
    cr_expect_geq(learned_output(segment, 1, 1), 5000);
}

Test(learned, absurd_answers_stay_in_bounds)
{
    for (int n = 0; n < 1000; n++)
        learned_note(segment, 1, 1, INT64_MAX);
    cr_expect_geq(learned_output(segment, 1, 1), LEARNED_TOKENS_MAX * INT64_C(9) / 10);
    cr_expect_leq(learned_output(segment, 1, 1), LEARNED_TOKENS_MAX + 1);
    learned_note(segment, 1, 2, -5);
    for (int n = 0; n < 1000; n++)
        learned_note(segment, 1, 2, 0);
    cr_expect_leq(learned_output(segment, 1, 2), 1);
}

/* More pairs than it has room for: those that are often seen stay, and no estimate is another's. */
Test(learned, a_pair_gives_way_only_to_one_seen_as_often)
{
    enum { N_PAIRS = 2 * SHM_LEARNED };
    int n_known = 0, n_wrong = 0;

    for (int n = 0; n < 200; n++)
        learned_note(segment, 1, 0, 777);
    for (int round = 0; round < LEARNED_SAMPLES_MIN; round++)
        for (uint64_t pair = 2; pair < N_PAIRS; pair++)
            learned_note(segment, pair, 0, (int64_t)pair % 50);
    cr_expect_geq(learned_output(segment, 1, 0), 770);
    for (uint64_t pair = 2; pair < N_PAIRS; pair++) {
        int64_t tokens = learned_output(segment, pair, 0);

        n_known += tokens > 0;
        n_wrong += tokens > 0 && tokens != (int64_t)pair % 50 + 1;
    }
    cr_expect_leq(n_wrong, N_PAIRS / 1000, "%d", n_wrong); /* tags have 23 bits */
    cr_expect_gt(n_known, 0);
}
