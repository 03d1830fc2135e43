/* SPDX-License-Identifier: ISC */
#include "relayos/shm/health.h"
#include "segment_suite.h"

#define SECOND INT64_C(1000000)

static uint32_t row;
static const struct routing_settings settings = {.breaker_failures = 5};

static void
make(void)
{
    segment_suite_make();
    cr_assert_eq(health_intern(segment, 1, &row), 0);
}

TestSuite(health_limit, .init = make, .fini = segment_suite_drop);

static void
begin(int64_t n)
{
    while (n-- > 0)
        health_begin(segment, (uint32_t)n % 4, row);
}

static void
end(uint32_t slot, enum health_verdict verdict, int64_t now_us)
{
    const struct health_outcome outcome = {.verdict = verdict, .now_us = now_us};

    cr_assert_not(health_end(segment, slot, row, &outcome, &settings));
}

Test(health_limit, an_overload_leaves_three_quarters_of_what_was_there)
{
    cr_assert_eq(health_limit(segment, row), INT64_MAX);
    begin(40);
    end(0, HEALTH_OVERLOAD, 10 * SECOND);
    cr_assert_eq(health_limit(segment, row), 30);
    end(1, HEALTH_OVERLOAD, 11 * SECOND - 1); /* calls that were there together say it together */
    cr_assert_eq(health_limit(segment, row), 30);
    end(2, HEALTH_OVERLOAD, 11 * SECOND);
    cr_assert_eq(health_limit(segment, row), 22);
    for (int64_t n = 0; n < 100; n++) {
        begin(1);
        end(0, HEALTH_OVERLOAD, (12 + n) * SECOND);
    }
    cr_assert_eq(health_limit(segment, row), 4);
}

Test(health_limit, as_many_answers_as_it_says_make_room_for_more_while_half_is_used)
{
    begin(16);
    end(0, HEALTH_OVERLOAD, 10 * SECOND);
    cr_assert_eq(health_limit(segment, row), 12);
    for (int n = 0; n < 11; n++) {
        health_begin(segment, 0, row);
        end(0, HEALTH_OK, 10 * SECOND);
    }
    cr_assert_eq(health_limit(segment, row), 12);
    health_begin(segment, 0, row);
    end(0, HEALTH_OK, 10 * SECOND);
    cr_assert_eq(health_limit(segment, row), 13);
    while (health_in_flight(segment, row) > 5)
        for (uint32_t slot = 0; slot < 4 && health_in_flight(segment, row) > 5; slot++)
            end(slot, HEALTH_NEUTRAL, 10 * SECOND);
    for (int n = 0; n < 1000; n++) {
        health_begin(segment, 0, row);
        end(0, HEALTH_OK, 10 * SECOND);
    }
    cr_assert_eq(health_limit(segment, row), 13); /* unused room proves nothing */
}

Test(health_limit, what_overload_taught_is_forgotten_by_an_answer_a_minute_later)
{
    begin(40);
    end(0, HEALTH_OVERLOAD, 10 * SECOND);
    end(0, HEALTH_NEUTRAL, 71 * SECOND);
    end(0, HEALTH_OK, 70 * SECOND);
    cr_assert_eq(health_limit(segment, row), 30);
    while (health_in_flight(segment, row) > 3)
        for (uint32_t slot = 0; slot < 4; slot++)
            end(slot, HEALTH_NEUTRAL, 70 * SECOND);
    end(1, HEALTH_OK, 70 * SECOND + 1000); /* whatever the load */
    cr_assert_eq(health_limit(segment, row), INT64_MAX);
}

/* Each worker goes by the time at which its turn began: it may lie before another's. */
Test(health_limit, an_end_by_a_clock_that_was_read_sooner_changes_nothing)
{
    begin(40);
    end(0, HEALTH_OVERLOAD, 10 * SECOND);
    cr_assert_eq(health_limit(segment, row), 30);
    end(1, HEALTH_OK, 10 * SECOND - 1000);
    end(1, HEALTH_OVERLOAD, 10 * SECOND - 3000);
    cr_assert_eq(health_limit(segment, row), 30);
}

/* Whatever comes: never below 4, never up but by an eighth with an answer, or away. */
Test(health_limit, it_stays_in_its_bounds_through_any_history_and_grows_away)
{
    uint64_t random = 2463534242u;
    int64_t now_us = SECOND, before, after;

    for (int n = 0; n < 200000; n++) {
        uint64_t dice = fixture_random(&random) % 100;
        uint32_t slot = (uint32_t)(fixture_random(&random) % 4);

        now_us += (int64_t)(fixture_random(&random) % 50000);
        before = health_limit(segment, row);
        if (dice < 50)
            health_begin(segment, slot, row);
        else
            end(slot, dice < 53 ? HEALTH_OVERLOAD : dice < 60 ? HEALTH_NEUTRAL : HEALTH_OK, now_us);
        after = health_limit(segment, row);
        cr_assert(after >= 4 && (after <= 4096 || after == INT64_MAX));
        cr_assert(after <= before || after <= before + 1 + before / 8 || after == INT64_MAX);
        if (dice < 50)
            cr_assert_eq(after, before);
    }
    begin(8192);
    end(0, HEALTH_OVERLOAD, now_us + 2 * SECOND);
    now_us += 2 * SECOND;
    cr_assert_neq(health_limit(segment, row), INT64_MAX);
    for (long n = 0; health_limit(segment, row) != INT64_MAX; n++) {
        cr_assert_lt(n, 4096L * 4096);
        health_begin(segment, 0, row);
        end(0, HEALTH_OK, now_us);
    }
}

/* A route that bears 10 at a time: callers who send what the limit lets pass use it, not flood it.
 */
Test(health_limit, it_finds_what_a_route_bears)
{
    enum { BEARS = 40, SECONDS = 600 };
    int64_t n_calls = 0, n_overloads = 0;

    for (int64_t s = 0; s < SECONDS; s++) {
        int64_t limit = health_limit(segment, row), n = limit < 256 ? limit : 256;

        begin(n);
        for (int64_t i = n; i-- > 0;) {
            bool is_over = i >= BEARS;

            n_calls++;
            n_overloads += is_over;
            end((uint32_t)i % 4, is_over ? HEALTH_OVERLOAD : HEALTH_OK, s * SECOND);
        }
    }
    cr_assert(n_calls - n_overloads > SECONDS * BEARS * 7 / 10, "%ld of %ld",
              (long)(n_calls - n_overloads), (long)n_calls);
    cr_assert(n_overloads < n_calls / 10, "%ld of %ld", (long)n_overloads, (long)n_calls);
}
