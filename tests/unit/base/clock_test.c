/* SPDX-License-Identifier: ISC
 *
 * Tests of base/clock: the calendar against libc's, the ends of months, what is not a date.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "relayos/base/clock.h"

static int64_t
utc(const char *text)
{
    int64_t us = INT64_MIN;

    return clock_parse_utc(text, &us) == 0 ? us : INT64_MIN;
}

Test(clock, dates_agree_with_the_c_library_over_600_years)
{
    char ours[32], theirs[32];

    for (int64_t s = -INT64_C(9000000000); s < INT64_C(9000000000); s += 86399 * 7) {
        time_t t = s;
        struct tm tm;

        clock_format_utc(s * 1000000, 0, ours);
        strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
        cr_assert_str_eq(ours, theirs);
        cr_assert_eq(utc(ours), s * 1000000);
    }
}

Test(clock, fractions_are_milliseconds_or_microseconds)
{
    char out[32];

    clock_format_utc(INT64_C(1795632031123456), 6, out);
    cr_assert_str_eq(out, "2026-11-25T18:40:31.123456Z");
    clock_format_utc(INT64_C(1795632031123456), 3, out);
    cr_assert_str_eq(out, "2026-11-25T18:40:31.123Z");
    cr_assert_eq(utc("2026-11-25T18:40:31.123456Z"), INT64_C(1795632031123456));
    cr_assert_eq(utc("2026-11-25T18:40:31.1Z"), INT64_C(1795632031100000));
}

Test(clock, dates_are_read_with_and_without_time_and_offset)
{
    cr_assert_eq(utc("2026-12-01"), utc("2026-12-01T00:00:00Z"));
    cr_assert_eq(utc("2026-12-01T02:00:00+02:00"), utc("2026-12-01"));
    cr_assert_eq(utc("2026-11-30T19:00:00-05:00"), utc("2026-12-01"));
    cr_assert_eq(utc("1970-01-01"), 0);
}

Test(clock, what_is_not_a_date_is_refused)
{
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-13-01",
                                      "2026-00-01",
                                      "2026-02-29",
                                      "2026-04-31",
                                      "2026-1-1",
                                      "2026-12-01T",
                                      "2026-12-01T24:00:00Z",
                                      "2026-12-01T00:00:00",
                                      "2026-12-01T00:00:00.Z",
                                      "2026-12-01T00:00:00Zx",
                                      "2026-12-01T00:00:00+25:00",
                                      "tomorrow",
                                      "2026/12/01"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(utc(bad[i]), INT64_MIN, "'%s' was taken", bad[i]);
}

Test(clock, a_fake_clock_stands_still_until_it_is_stopped)
{
    clock_fake_set(5, 7);
    cr_assert_eq(clock_mono_us(), 5);
    cr_assert_eq(clock_real_us(), 7);
    clock_fake_stop();
    cr_assert_gt(clock_real_us(), utc("2025-01-01"));

    int64_t before = clock_mono_us();

    cr_assert_geq(clock_mono_us(), before);
}
