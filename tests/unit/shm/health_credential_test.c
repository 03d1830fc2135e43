/* SPDX-License-Identifier: ISC */
#include "relayos/shm/health.h"
#include "relayos/shm/health_credential.h"
#include "segment_suite.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)

static uint32_t row;
static const struct routing_settings settings = {.open_us = 5 * SECOND, .open_max_us = 5 * MINUTE};

static void
make(void)
{
    segment_suite_make();
    cr_assert_eq(health_intern(segment, 1, &row), 0);
}

TestSuite(health_credential, .init = make, .fini = segment_suite_drop);

/* 0 = passes, else until when not. */
static int64_t
until(int64_t now_us, uint16_t status)
{
    int64_t until_us = 0;
    uint16_t said = 0;

    if (health_credential_passes(segment, row, now_us, &until_us, &said))
        return 0;
    cr_assert_eq(said, status);
    cr_assert_gt(until_us, now_us);
    return until_us;
}

static bool
fail(uint16_t status, int64_t retry_s, int64_t now_us)
{
    return health_credential_fail(segment, row, status, retry_s, &settings, now_us);
}

Test(health_credential, it_waits_as_long_as_the_upstream_asks_within_bounds)
{
    cr_assert_eq(until(0, 0), 0);
    cr_assert(fail(429, 7, SECOND));
    cr_assert_eq(until(SECOND, 429), 8 * SECOND);
    cr_assert_eq(until(8 * SECOND - 1, 429), 8 * SECOND);
    cr_assert_eq(until(8 * SECOND, 0), 0);
    cr_assert(fail(429, INT64_MAX, 8 * SECOND));
    cr_assert_eq(until(8 * SECOND, 429), 8 * SECOND + settings.open_max_us);
}

Test(health_credential, without_being_told_each_wait_doubles_until_a_success)
{
    int64_t now_us = SECOND, expected = settings.open_us;

    for (int n = 0; n < 10; n++) {
        cr_assert(fail(429, 0, now_us));
        cr_assert_eq(until(now_us, 429), now_us + expected);
        now_us += expected;
        expected = 2 * expected < settings.open_max_us ? 2 * expected : settings.open_max_us;
    }
    health_credential_pass(segment, row);
    cr_assert(fail(429, 0, now_us));
    cr_assert_eq(until(now_us, 429), now_us + settings.open_us);
}

Test(health_credential, a_refused_one_pauses_from_a_minute_to_an_hour_and_a_success_ends_it)
{
    const int64_t minutes[] = {1, 2, 4, 8, 16, 32, 60, 60};
    int64_t now_us = SECOND;

    for (size_t n = 0; n < sizeof(minutes) / sizeof(minutes[0]); n++) {
        cr_assert(fail(401, 0, now_us));
        cr_assert_eq(until(now_us, 401), now_us + minutes[n] * MINUTE);
        now_us += minutes[n] * MINUTE;
    }
    cr_assert(fail(402, 0, now_us));
    health_credential_pass(segment, row);
    cr_assert_eq(until(now_us, 0), 0);
    cr_assert(fail(403, 0, now_us));
    cr_assert_eq(until(now_us, 403), now_us + MINUTE);
}

Test(health_credential, calls_that_hear_it_together_count_once_and_none_shortens_the_pause)
{
    cr_assert(fail(401, 0, SECOND));
    for (int n = 0; n < 100; n++)
        cr_assert_not(fail(401, 0, SECOND + n));
    cr_assert_lt(until(2 * SECOND, 401), 62 * SECOND);
    cr_assert_not(fail(429, 1, 2 * SECOND)); /* refused stays refused */
    cr_assert_lt(until(2 * SECOND, 401), 62 * SECOND);
    health_credential_pass(segment, row);
    cr_assert(fail(429, 60, SECOND));
    cr_assert_not(fail(429, 1, 2 * SECOND));
    cr_assert_eq(until(2 * SECOND, 429), 61 * SECOND);
    cr_assert_not(fail(401, 0, 3 * SECOND));
    cr_assert_gt(until(3 * SECOND, 401), 62 * SECOND);
}

Test(health_credential, an_old_calls_success_does_not_end_a_wait_that_was_asked_for)
{
    cr_assert(fail(429, 30, SECOND));
    health_credential_pass(segment, row);
    cr_assert_eq(until(2 * SECOND, 429), 31 * SECOND);
    cr_assert_eq(until(31 * SECOND, 0), 0);
}

Test(health_credential, a_route_waits_with_the_one_that_was_told_to_and_no_other)
{
    int64_t until_us = 0;
    uint32_t other;

    cr_assert_eq(health_intern(segment, 2, &other), 0);
    cr_assert(health_cool(segment, row, 1, 7, &settings, SECOND));
    cr_assert_not(health_cool(segment, row, 1, 3, &settings, 2 * SECOND)); /* it waits already */
    cr_assert(health_cools(segment, row, 1, SECOND, &until_us));
    cr_assert_eq(until_us, 8 * SECOND);
    cr_assert_not(health_cools(segment, row, 0, SECOND, &until_us));
    cr_assert_not(health_cools(segment, other, 1, SECOND, &until_us));
    cr_assert_not(health_cools(segment, row, 1, 8 * SECOND, &until_us));
    cr_assert_eq(until(SECOND, 0), 0);
}

Test(health_credential, waits_at_a_route_double_until_it_answers)
{
    int64_t now_us = SECOND, until_us;

    for (int round = 0; round < 2; round++) {
        for (int64_t expected = settings.open_us; expected <= 4 * settings.open_us; expected *= 2) {
            cr_assert(health_cool(segment, row, 0, 0, &settings, now_us));
            cr_assert(health_cools(segment, row, 0, now_us, &until_us));
            cr_assert_eq(until_us, now_us + expected);
            now_us = until_us;
        }
        health_cool_pass(segment, row, 0);
    }
    cr_assert(health_cool(segment, row, 0, 100, &settings, now_us));
    health_cool_pass(segment, row, 0); /* of a call that began before */
    cr_assert(health_cools(segment, row, 0, now_us, &until_us));
    health_reset(segment, row);
    cr_assert_not(health_cools(segment, row, 0, now_us, &until_us));
}

Test(health_credential, a_glance_sees_a_wait_as_long_as_it_lasts)
{
    struct route_option options[2] = {{.n_credentials = 1}, {.n_credentials = 1}};
    uint64_t well[HEALTH_GLANCE_WORDS];

    cr_assert_eq(health_intern(segment, 2, &options[0].health_row), 0);
    cr_assert_eq(health_intern(segment, 3, &options[1].health_row), 0);
    options[0].credential_row = options[1].credential_row = row;
    cr_assert(health_cool(segment, options[1].health_row, 0, 7, &settings, SECOND));
    health_glance(segment, options, 2, SECOND, well);
    cr_assert_eq(well[0], 1);
    health_glance(segment, options, 2, 8 * SECOND, well);
    cr_assert_eq(well[0], 3);
    cr_assert(fail(401, 0, SECOND));
    health_glance(segment, options, 2, 8 * SECOND, well);
    cr_assert_eq(well[0], 0);
}
