/* SPDX-License-Identifier: ISC */
#include "relayos/shm/retry_budget.h"
#include "segment_suite.h"

#define SECOND INT64_C(1000000)
#define SPAN   (5 * SECOND)

SEGMENT_SUITE(retry_budget);

Test(retry_budget, a_few_are_always_allowed_and_then_a_share_of_the_requests)
{
    for (int n = 0; n < 10; n++)
        cr_assert(retry_budget_take(segment, (uint32_t)n % 4, 7, 20, 10, SECOND));
    cr_assert_not(retry_budget_take(segment, 0, 7, 20, 10, SECOND));
    cr_assert(retry_budget_take(segment, 0, 8, 20, 10, SECOND)); /* each model its own */
    for (int n = 0; n < 100; n++)
        retry_budget_count(segment, (uint32_t)n % 4, 7, SECOND);
    for (int n = 10; n < 20; n++)
        cr_assert(retry_budget_take(segment, (uint32_t)n % 4, 7, 20, 10, SECOND));
    cr_assert_not(retry_budget_take(segment, 2, 7, 20, 10, SECOND));
    cr_assert_not(retry_budget_take(segment, 2, 7, 20, 10, SPAN));
    cr_assert(retry_budget_take(segment, 2, 7, 20, 10, 2 * SPAN)); /* the window has moved on */
    cr_assert_not(retry_budget_take(segment, 2, 9, 0, 0, SECOND));
}

/* Of any history, over any number of whole windows: calls <= 1.2 x requests + 10 per window. */
Test(retry_budget, calls_are_bounded_in_any_history_by_any_workers)
{
    enum { PERCENT = 20, MIN = 10, N_SPANS = 400 };
    static uint64_t requests[N_SPANS], retries[N_SPANS];
    uint64_t random = 2463534242u;

    for (int64_t span = 0; span < N_SPANS; span++) {
        uint64_t n_events = fixture_random(&random) % 3 == 0 ? fixture_random(&random) % 2000
                                                             : fixture_random(&random) % 20;
        uint64_t eagerness = fixture_random(&random) % 100; /* how many of them are retries */

        for (uint64_t n = 0; n < n_events; n++) {
            uint32_t slot = (uint32_t)(fixture_random(&random) % 4);
            int64_t now_us = span * SPAN + (int64_t)(n * (uint64_t)SPAN / n_events);

            if (fixture_random(&random) % 100 >= eagerness) {
                retry_budget_count(segment, slot, 3, now_us);
                requests[span]++;
            } else if (retry_budget_take(segment, slot, 3, PERCENT, MIN, now_us)) {
                retries[span]++;
            }
        }
        uint64_t asked = requests[span] + (span > 0 ? requests[span - 1] : 0);
        uint64_t more = retries[span] + (span > 0 ? retries[span - 1] : 0);

        /* Those of the span before were taken against requests that may be out of sight by now. */
        if (retries[span] > 0)
            cr_assert(more <= MIN || more * 100 <= asked * PERCENT, "span %ld: %lu of %lu",
                      (long)span, (unsigned long)more, (unsigned long)asked);
    }
    for (int from = 0; from < 2; from++) {
        uint64_t asked = 0, more = 0, windows = 0;

        for (int64_t span = from; span + 1 < N_SPANS; span += 2, windows++) {
            asked += requests[span] + requests[span + 1];
            more += retries[span] + retries[span + 1];
        }
        cr_assert_leq(more * 100, asked * PERCENT + windows * MIN * 100);
    }
}

/* Workers that take the last one at the same moment may each get it, and no more than that. */
Test(retry_budget, a_storm_over_several_workers_passes_the_bound_by_a_few_at_most)
{
    enum { N_WORKERS = 4, N_REQUESTS = 1000, N_TRIES = 20000 };
    _Atomic long *n_taken = fixture_shared(sizeof(*n_taken));
    int status, n_failed = 0;

    for (uint32_t slot = 0; slot < N_WORKERS; slot++) {
        if (fixture_fork() != 0)
            continue;
        for (int n = 0; n < N_REQUESTS; n++)
            retry_budget_count(segment, slot, 3, SECOND);
        for (int n = 0; n < N_TRIES; n++)
            *n_taken += retry_budget_take(segment, slot, 3, 20, 10, SECOND);
        _exit(0);
    }
    while (wait(&status) > 0)
        n_failed += status != 0;
    cr_assert_eq(n_failed, 0);
    cr_assert_geq(*n_taken, N_WORKERS * N_REQUESTS / 5);
    cr_assert_leq(*n_taken, N_WORKERS * N_REQUESTS / 5 + N_WORKERS - 1);
}
