/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/base/period.h"

#define HOUR_US INT64_C(3600000000)

static int64_t
utc(const char *text)
{
    int64_t us = 0;

    cr_assert_eq(clock_parse_utc(text, &us), 0, "%s", text);
    return us;
}

/* Rules rather than names: the machine may have no zoneinfo. */
#define BERLIN   "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"
#define KOLKATA  "IST-5:30"
#define APIA     "<+13>-13"
#define ST_JOHNS "NST3:30NDT,M4.1.0/0:01,M11.1.0/0:01" /* until 2011: a minute after midnight */
#define SANTIAGO "<-04>4<-03>,M9.1.6/24,M4.1.6/24"     /* clocks are turned at midnight itself */

static void
check(enum period_kind kind, const char *at, uint32_t id, const char *start, const char *end)
{
    struct period period = period_at(kind, utc(at));

    cr_expect_eq(period.id, id, "%s %s: id %u", getenv("TZ"), at, period.id);
    cr_expect_eq(period.start_us, utc(start), "%s %s: starts %lld", getenv("TZ"), at,
                 (long long)period.start_us);
    cr_expect_eq(period.end_us, utc(end), "%s %s: ends %lld", getenv("TZ"), at,
                 (long long)period.end_us);
}

Test(period, begins_and_ends_where_the_calendar_says_in_utc)
{
    check(PERIOD_DAY, "2026-11-25T23:59:59.999999Z", 20261125, "2026-11-25", "2026-11-26");
    check(PERIOD_DAY, "2024-02-29", 20240229, "2024-02-29", "2024-03-01");
    check(PERIOD_WEEK, "2026-11-25", 120261123, "2026-11-23", "2026-11-30");
    check(PERIOD_WEEK, "2026-11-23", 120261123, "2026-11-23", "2026-11-30");
    check(PERIOD_WEEK, "2026-11-29T23:59:59Z", 120261123, "2026-11-23", "2026-11-30");
    check(PERIOD_WEEK, "2027-01-01", 120261228, "2026-12-28", "2027-01-04");
    check(PERIOD_MONTH, "2026-12-31T23:59:59.999999Z", 202612, "2026-12-01", "2027-01-01");
    check(PERIOD_MONTH, "2024-02-29", 202402, "2024-02-01", "2024-03-01");
}

Test(period, knows_the_days_that_it_holds)
{
    struct period week = period_at(PERIOD_WEEK, utc("2027-01-01"));
    struct period month = period_at(PERIOD_MONTH, utc("2024-02-10"));
    struct period total = period_at(PERIOD_TOTAL, utc("2024-02-10"));

    cr_expect_eq(week.first_day, 20261228);
    cr_expect_eq(week.last_day, 20270103);
    cr_expect_eq(month.first_day, 20240201);
    cr_expect_eq(month.last_day, 20240229);
    cr_expect_eq(total.id, 0);
    cr_expect_eq(total.first_day, 0);
    cr_expect_eq(total.end_us, INT64_MAX);
    cr_expect_eq(period_next(&total).id, 0);
    cr_expect_eq(period_next(&month).id, 202403);
    cr_expect_eq(period_of_day(PERIOD_WEEK, 20270101).id, 120261228);
}

Test(period, days_are_23_or_25_hours_long_where_clocks_change)
{
    period_zone_set(BERLIN);
    check(PERIOD_DAY, "2026-03-29T12:00:00Z", 20260329, "2026-03-28T23:00:00Z",
          "2026-03-29T22:00:00Z");
    check(PERIOD_DAY, "2026-10-25T12:00:00Z", 20261025, "2026-10-24T22:00:00Z",
          "2026-10-25T23:00:00Z");
    check(PERIOD_DAY, "2026-11-25T22:59:59Z", 20261125, "2026-11-24T23:00:00Z",
          "2026-11-25T23:00:00Z");
    check(PERIOD_MONTH, "2026-10-31T23:00:00Z", 202611, "2026-10-31T23:00:00Z",
          "2026-11-30T23:00:00Z");
    check(PERIOD_WEEK, "2026-10-25T22:59:59Z", 120261019, "2026-10-18T22:00:00Z",
          "2026-10-25T23:00:00Z");
    period_zone_set(NEW_YORK);
    check(PERIOD_DAY, "2026-03-08T12:00:00Z", 20260308, "2026-03-08T05:00:00Z",
          "2026-03-09T04:00:00Z");
    check(PERIOD_DAY, "2026-11-01T12:00:00Z", 20261101, "2026-11-01T04:00:00Z",
          "2026-11-02T05:00:00Z");
    period_zone_set(KOLKATA);
    check(PERIOD_DAY, "2026-11-25T18:30:00Z", 20261126, "2026-11-25T18:30:00Z",
          "2026-11-26T18:30:00Z");
    period_zone_set(APIA);
    check(PERIOD_DAY, "2026-11-25T11:00:00Z", 20261126, "2026-11-25T11:00:00Z",
          "2026-11-26T11:00:00Z");
}

Test(period, a_day_that_has_no_midnight_starts_with_its_first_instant)
{
    period_zone_set(SANTIAGO);
    /* 2026-09-05 24:00 is 2026-09-06 01:00 at once. */
    check(PERIOD_DAY, "2026-09-06T12:00:00Z", 20260906, "2026-09-06T04:00:00Z",
          "2026-09-07T03:00:00Z");
    /* 2026-04-04 24:00 is 23:00 of the same day again: 25 hours. */
    check(PERIOD_DAY, "2026-04-05T03:30:00Z", 20260404, "2026-04-04T03:00:00Z",
          "2026-04-05T04:00:00Z");
}

Test(period, a_day_that_was_never_there_is_passed_over)
{
    if (period_zone_check("Pacific/Apia", NULL) != 0) {
        cr_log_warn("no zoneinfo on this machine");
        return;
    }
    period_zone_set("Pacific/Apia");

    struct period last = period_at(PERIOD_DAY, utc("2011-12-30T09:59:59Z"));
    struct period next = period_next(&last);

    cr_expect_eq(last.id, 20111229);
    cr_expect_eq(last.end_us, utc("2011-12-30T10:00:00Z"));
    cr_expect_eq(next.id, 20111231);
    cr_expect_eq(next.start_us, last.end_us);
}

Test(period, names_and_rules_of_a_zone_agree)
{
    static const char *const pairs[][2] = {{"Europe/Berlin", BERLIN},
                                           {"America/New_York", NEW_YORK},
                                           {"Asia/Kolkata", KOLKATA},
                                           {"Pacific/Apia", APIA}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (period_zone_check(pairs[i][0], NULL) != 0) {
            cr_log_warn("no zoneinfo for %s on this machine", pairs[i][0]);
            continue;
        }
        for (int64_t at = utc("2026-01-01"); at < utc("2027-01-01"); at += 37 * HOUR_US) {
            period_zone_set(pairs[i][0]);
            struct period named = period_at(PERIOD_DAY, at);
            period_zone_set(pairs[i][1]);
            struct period ruled = period_at(PERIOD_DAY, at);
            cr_assert_eq(named.id, ruled.id, "%s at %lld", pairs[i][0], (long long)at);
            cr_assert_eq(named.start_us, ruled.start_us);
        }
    }
}

/* Periods of a kind are a partition of time, and each instant is in the one that says so. */
Test(period, periods_follow_each_other_without_gap_or_overlap)
{
    static const char *const zones[] = {"UTC", BERLIN, NEW_YORK, KOLKATA, APIA, SANTIAGO, ST_JOHNS};
    static const int64_t after_s[] = {0, 1, 59, 61, 1800, 3599, 3661, 7300};
    static const enum period_kind kinds[] = {PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH};

    for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
        period_zone_set(zones[z]);
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            struct period period = period_at(kinds[k], utc("2025-12-31T12:00:00Z"));

            for (int n = 0; n < 400; n++) {
                struct period next = period_next(&period);

                cr_assert_eq(next.start_us, period.end_us);
                cr_assert_lt(next.start_us, next.end_us);
                cr_assert_gt(next.first_day, period.last_day);
                cr_assert_eq(period_first_day(next.id), next.first_day);
                cr_assert_eq(period_kind_of(next.id), kinds[k]);
                for (size_t i = 0; i < sizeof(after_s) / sizeof(after_s[0]); i++) {
                    cr_assert_eq(period_at(kinds[k], next.start_us + after_s[i] * 1000000).id,
                                 next.id);
                    cr_assert_eq(period_at(kinds[k], next.start_us - 1 - after_s[i] * 1000000).id,
                                 period.id);
                }
                cr_assert_eq(period_at(kinds[k], next.end_us - 1).id, next.id);
                cr_assert_eq(period_of_day(kinds[k], next.last_day).id, next.id);
                period = next;
            }
        }
    }
}

Test(period, a_zone_is_refused_that_would_silently_be_utc)
{
    static const char *const bad[] = {"",
                                      "Mars/Olympus",
                                      "../../etc/passwd",
                                      "utc",
                                      "CET-1CEST",
                                      "C-1",
                                      "CET-1CEST,M13.5.0,M10.5.0",
                                      "CET-1CEST,M3.5.0",
                                      "<+13-13",
                                      "CET-1CEST,M3.5.0,M10.5.0/3x",
                                      "UTC0 ",
                                      "/etc/localtime",
                                      "EST5EDT,M3.2.0,"};
    static const char *const good[] = {"UTC", BERLIN,   NEW_YORK, KOLKATA,
                                       APIA,  SANTIAGO, "UTC0",   "AAA3BBB,J60/0,J300"};
    struct errmsg why;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(period_zone_check(bad[i], &why), ERR_CONFIG, "%s", bad[i]);
    cr_expect(strstr(why.text, "Europe/Berlin") != NULL);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect_eq(period_zone_check(good[i], &why), 0, "%s: %s", good[i], why.text);
}

Test(period, a_day_is_valid_if_the_calendar_has_it)
{
    cr_expect(period_day_is_valid(20261125));
    cr_expect(period_day_is_valid(20240229));
    cr_expect(!period_day_is_valid(20230229));
    cr_expect(!period_day_is_valid(20261131));
    cr_expect(!period_day_is_valid(202611));
    cr_expect(!period_day_is_valid(0));
    cr_expect(!period_day_is_valid(-1));
    cr_expect(!period_day_is_valid(INT64_MAX));
}
