/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "value.h"

#define NOW  INT64_C(1764072000000000) /* 2025-11-25T12:00:00Z */
#define HOUR INT64_C(3600000000)

static void
assert_quota(const char *text, const char *unit, int64_t amount, const char *scope)
{
    struct value_quota quota;
    struct errmsg why = {.text = ""};
    char got[128];

    cr_expect_eq(value_quota(text, &quota, &why), 0, "%s: %s", text, why.text);
    if (why.text[0] != '\0')
        return;
    cr_expect_not(quota.is_none);
    cr_expect_str_eq(quota.unit, unit, "%s", text);
    cr_expect_eq(quota.amount, amount, "%s: %lld", text, (long long)quota.amount);
    snprintf(got, sizeof(got), "%s %.*s %d", quota.period, (int)quota.model.len,
             quota.model.len == 0 ? "" : quota.model.ptr, quota.is_shadow);
    cr_expect_str_eq(got, scope, "%s: %s", text, got);
}

Test(value, quotas_have_their_unit_with_them)
{
    assert_quota("50usd", "usd", INT64_C(50000000000), "  0");
    assert_quota("0.000001USD", "usd", 1000, "  0");
    assert_quota("$7.5", "usd", INT64_C(7500000000), "  0");
    assert_quota("1000000tokens", "tokens", 1000000, "  0");
    assert_quota("2Mtok", "tokens", 2000000, "  0");
    assert_quota("1.5Mtokens", "tokens", 1500000, "  0");
    assert_quota("0.001ktok", "tokens", 1, "  0");
    assert_quota("0usd", "usd", 0, "  0");
}

Test(value, quotas_may_name_a_period_a_model_and_the_shadow)
{
    assert_quota("5usd/day", "usd", INT64_C(5000000000), "day  0");
    assert_quota("2Mtok/weekly", "tokens", 2000000, "week  0");
    assert_quota("10usd/month:claude-opus-4", "usd", INT64_C(10000000000), "month claude-opus-4 0");
    assert_quota("10usd:openai/o3:mini", "usd", INT64_C(10000000000), " openai/o3:mini 0");
    assert_quota("50usd/month,shadow", "usd", INT64_C(50000000000), "month  1");
    assert_quota("9tokens/total:m,shadow", "tokens", 9, "total m 1");
}

Test(value, none_and_0_take_every_quota_away)
{
    for (int n = 0; n < 2; n++) {
        struct value_quota quota;
        struct errmsg why;

        cr_assert_eq(value_quota(n == 0 ? "0" : "none", &quota, &why), 0);
        cr_assert(quota.is_none);
    }
}

Test(value, other_quotas_are_refused)
{
    static const char *const bad[] = {"",           "50",
                                      "usd",        "-5usd",
                                      "-1tokens",   "5eur",
                                      "1.5tokens",  "0.0000000001usd",
                                      "5 5usd",     "99999999999999usd",
                                      "5usd/year",  "5usd/",
                                      "5usd/day:",  "5usd:",
                                      "/day",       "5usd/day shadow",
                                      "0.0001ktok", "99999999999Gtok",
                                      "$5tok",      ",shadow"};

    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        struct value_quota quota;
        struct errmsg why;

        cr_assert_eq(value_quota(bad[n], &quota, &why), ERR_SYNTAX, "\"%s\"", bad[n]);
        cr_assert(strstr(why.text, "50usd/month") != NULL);
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
