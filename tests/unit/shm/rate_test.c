/* SPDX-License-Identifier: ISC */
#include "relayos/shm/rate.h"
#include "segment_suite.h"

#define MINUTE_US INT64_C(60000000)

SEGMENT_SUITE(rate);

static int
take(int64_t per_minute, int64_t amount, int64_t now_us)
{
    int64_t retry_us;

    return rate_take(segment, 3, RATE_REQUESTS, per_minute, amount, now_us, &retry_us);
}

Test(rate, a_whole_minute_may_be_had_at_once_whatever_the_limit)
{
    static const int64_t limits[] = {1, 3, 7, 59, 60, 61, 997, 10007, 123457};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        int64_t now_us = (int64_t)(i + 1) * 1000 * MINUTE_US;

        for (int64_t n = 0; n < limits[i]; n++)
            cr_assert_eq(take(limits[i], 1, now_us), 0, "limit %ld", (long)limits[i]);
        cr_assert_eq(take(limits[i], 1, now_us), ERR_RATE_LIMITED);
    }
}

/* At no time more than limit x elapsed + limit; and one that asks all the time loses nothing. */
Test(rate, over_any_time_exactly_the_promised_number_is_granted)
{
    static const int64_t limits[] = {1, 7, 60, 997, 10007};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        int64_t start_us = (int64_t)(i + 1) * 1000 * MINUTE_US;
        int64_t step_us = MINUTE_US / limits[i] / 3 + 1;
        int64_t n_granted = 0;

        for (int64_t t = 0; t < 3 * MINUTE_US; t += step_us) {
            int64_t promised = limits[i] + t * limits[i] / MINUTE_US;

            while (take(limits[i], 1, start_us + t) == 0)
                n_granted++;
            cr_assert_leq(n_granted, promised);
            cr_assert_geq(n_granted, promised - 1);
        }
    }
}

Test(rate, the_time_to_retry_is_when_it_is_granted_and_not_before)
{
    int64_t retry_us = 0;

    for (int n = 0; n < 7; n++)
        cr_assert_eq(take(7, 1, 1000), 0);
    cr_assert_eq(rate_take(segment, 3, RATE_REQUESTS, 7, 2, 1000, &retry_us), ERR_RATE_LIMITED);
    cr_assert_eq(take(7, 2, 1000 + retry_us - 1), ERR_RATE_LIMITED);
    cr_assert_eq(take(7, 2, 1000 + retry_us), 0);
}

Test(rate, more_than_the_whole_limit_is_granted_when_idle_and_paid_off_afterwards)
{
    cr_assert_eq(take(100, 250, 1000), 0);
    cr_assert_eq(take(100, 1, 1000), ERR_RATE_LIMITED);
    cr_assert_eq(take(100, 1, 1000 + MINUTE_US), ERR_RATE_LIMITED);
    cr_assert_eq(take(100, 1, 1000 + 2 * MINUTE_US), 0);
    cr_assert_eq(take(100, 250, 1000 + 2 * MINUTE_US), ERR_RATE_LIMITED); /* not idle */
    cr_assert_eq(take(1, INT64_C(1) << 40, 100 * MINUTE_US), 0); /* years, without overflow */
    cr_assert_eq(take(1, INT64_C(1) << 40, 200 * MINUTE_US), ERR_RATE_LIMITED);
}

Test(rate, a_correction_makes_the_estimate_true)
{
    int64_t retry_us;

    cr_assert_eq(rate_take(segment, 3, RATE_TOKENS, 1000, 900, 1000, &retry_us), 0);
    rate_correct(segment, 3, RATE_TOKENS, 1000, -800, 1000);
    cr_assert_eq(rate_take(segment, 3, RATE_TOKENS, 1000, 900, 1000, &retry_us), 0);
    cr_assert_eq(rate_take(segment, 3, RATE_TOKENS, 1000, 1, 1000, &retry_us), ERR_RATE_LIMITED);
    rate_correct(segment, 3, RATE_TOKENS, 1000, 500, 1000);
    cr_assert_eq(rate_take(segment, 3, RATE_TOKENS, 1000, 1, 1000 + MINUTE_US / 2, &retry_us),
                 ERR_RATE_LIMITED);
    /* Given back long after it drained: nothing is saved up. */
    rate_correct(segment, 3, RATE_TOKENS, 1000, -100000, 9 * MINUTE_US);
    cr_assert_eq(rate_take(segment, 3, RATE_TOKENS, 1000, 1000, 9 * MINUTE_US, &retry_us), 0);
    cr_assert_eq(rate_take(segment, 3, RATE_TOKENS, 1000, 1, 9 * MINUTE_US, &retry_us),
                 ERR_RATE_LIMITED);
}

Test(rate, no_limit_is_no_limit_and_kinds_are_apart)
{
    int64_t retry_us;

    for (int n = 0; n < 1000; n++)
        cr_assert_eq(take(0, 1000, 5), 0);
    cr_assert_eq(take(1, 1, 5), 0);
    cr_assert_eq(take(1, 1, 5), ERR_RATE_LIMITED);
    cr_assert_eq(rate_take(segment, 3, RATE_TOKENS, 1, 1, 5, &retry_us), 0);
    cr_assert_eq(rate_take(segment, 4, RATE_REQUESTS, 1, 1, 5, &retry_us), 0);
}

Test(rate, to_ask_how_long_takes_nothing)
{
    int64_t retry_us;

    for (int n = 0; n < 3; n++) {
        for (int i = 0; i < 10; i++)
            cr_assert_eq(rate_wait_us(segment, 3, RATE_REQUESTS, 3, 1, 1000), 0);
        cr_assert_eq(rate_take(segment, 3, RATE_REQUESTS, 3, 1, 1000, &retry_us), 0);
    }
    cr_assert_eq(rate_take(segment, 3, RATE_REQUESTS, 3, 1, 1000, &retry_us), ERR_RATE_LIMITED);
    cr_assert_eq(rate_wait_us(segment, 3, RATE_REQUESTS, 3, 1, 1000), retry_us);
    cr_assert_eq(rate_wait_us(segment, 3, RATE_REQUESTS, 3, 1, 1000 + retry_us), 0);
    cr_assert_eq(rate_wait_us(segment, 3, RATE_REQUESTS, 0, 1, 1000), 0);
}

Test(rate, eight_processes_together_are_granted_exactly_the_limit)
{
    enum { N_PROCESSES = 8, N_TRIES = 5000, LIMIT = 10007 };
    _Atomic int *n_granted = fixture_shared(sizeof(*n_granted));

    for (int i = 0; i < N_PROCESSES; i++) {
        if (fork() == 0) {
            for (int n = 0; n < N_TRIES; n++)
                if (take(LIMIT, 1, 1000) == 0)
                    (*n_granted)++;
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
    cr_assert_eq(*n_granted, LIMIT);
}
