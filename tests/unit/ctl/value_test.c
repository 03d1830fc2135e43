/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "value.h"

#define NOW  INT64_C(1764072000000000) /* 2025-11-25T12:00:00Z */
#define HOUR INT64_C(3600000000)

Test(value, quotas_have_their_unit_with_them)
{
    struct value_quota quota;
    struct errmsg why;

    cr_assert_eq(value_quota("50usd", &quota, &why), 0);
    cr_assert_eq(quota.nusd, INT64_C(50000000000));
    cr_assert_eq(quota.tokens, -1);
    cr_assert_eq(value_quota("0.000001USD", &quota, &why), 0);
    cr_assert_eq(quota.nusd, 1000);
    cr_assert_eq(value_quota("1000000tokens", &quota, &why), 0);
    cr_assert_eq(quota.nusd, -1);
    cr_assert_eq(quota.tokens, 1000000);
}

Test(value, none_and_0_take_every_quota_away)
{
    for (int n = 0; n < 2; n++) {
        struct value_quota quota;
        struct errmsg why;

        cr_assert_eq(value_quota(n == 0 ? "0" : "none", &quota, &why), 0);
        cr_assert_eq(quota.nusd, 0);
        cr_assert_eq(quota.tokens, 0);
    }
}

Test(value, other_quotas_are_refused)
{
    static const char *const bad[] = {"",          "50",
                                      "usd",       "-5usd",
                                      "-1tokens",  "5eur",
                                      "1.5tokens", "0.0000000001usd",
                                      "5 5usd",    "99999999999999usd"};

    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        struct value_quota quota;
        struct errmsg why;

        cr_assert_eq(value_quota(bad[n], &quota, &why), ERR_SYNTAX, "\"%s\"", bad[n]);
    }
}

Test(value, expiry_is_a_date_or_a_time_from_now)
{
    struct errmsg why;
    int64_t us;

    cr_assert_eq(value_expiry("2026-12-31", NOW, &us, &why), 0);
    cr_assert_eq(us, INT64_C(1798675200000000));
    cr_assert_eq(value_expiry("90d", NOW, &us, &why), 0);
    cr_assert_eq(us, NOW + 90 * 24 * HOUR);
    cr_assert_eq(value_expiry("never", NOW, &us, &why), 0);
    cr_assert_eq(us, 0);
    cr_assert_eq(value_expiry("soon", NOW, &us, &why), ERR_SYNTAX);
    cr_assert_eq(value_expiry("-5d", NOW, &us, &why), ERR_SYNTAX);
    cr_assert_eq(value_expiry("2026-13-01", NOW, &us, &why), ERR_SYNTAX);
}

Test(value, since_is_a_date_or_so_long_ago)
{
    struct errmsg why;
    int64_t us;

    cr_assert_eq(value_since("1h", NOW, &us, &why), 0);
    cr_assert_eq(us, NOW - HOUR);
    cr_assert_eq(value_since("2025-11-25T12:00:00Z", NOW, &us, &why), 0);
    cr_assert_eq(us, NOW);
    cr_assert_eq(value_since("yesterday", NOW, &us, &why), ERR_SYNTAX);
}

Test(value, counts_and_durations_are_never_negative)
{
    struct errmsg why;
    int64_t n;

    cr_assert_eq(value_count("60", &n, &why), 0);
    cr_assert_eq(n, 60);
    cr_assert_eq(value_count("none", &n, &why), 0);
    cr_assert_eq(n, 0);
    cr_assert_eq(value_count("-1", &n, &why), ERR_SYNTAX);
    cr_assert_eq(value_count("1e3", &n, &why), ERR_SYNTAX);
    cr_assert_eq(value_duration("24h", &n, &why), 0);
    cr_assert_eq(n, 24 * HOUR);
    cr_assert_eq(value_duration("0s", &n, &why), 0);
    cr_assert_eq(n, 0);
    cr_assert_eq(value_duration("long", &n, &why), ERR_SYNTAX);
}
