#include <criterion/criterion.h>

#include "admit.h"
#include "relayos/base/clock.h"
#include "relayos/model/key.h"

#define USD INT64_C(1000000000)

static const char *
describe(int64_t used, int64_t reserved, int64_t limit, uint8_t unit, int64_t needed,
         const char *renews)
{
    static char out[256];
    const struct quota_view view = {
        .used = used, .reserved = reserved, .limit = limit, .unit = unit};
    int64_t renews_us = 0;

    if (renews != NULL)
        cr_assert_eq(clock_parse_utc(renews, &renews_us), 0);
    admit_describe_quota(&view, needed, renews_us, out, sizeof(out));
    return out;
}

Test(admit, a_monthly_quota_in_money_is_told_in_dollars_with_its_renewal)
{
    cr_assert_str_eq(describe(4980 * USD / 100, 19 * USD / 100, 50 * USD, LIMIT_UNIT_NUSD,
                              40 * USD / 100, "2026-12-01"),
                     "monthly quota of $50.00: $49.80 used, $0.19 reserved, $0.40 needed; renews "
                     "2026-12-01 UTC");
}

Test(admit, a_total_quota_in_tokens_is_told_in_tokens_and_does_not_renew)
{
    cr_assert_str_eq(describe(998000, 1500, 1000000, LIMIT_UNIT_TOKENS, 2000, NULL),
                     "total quota of 1,000,000 tokens: 998,000 used, 1,500 reserved, 2,000 needed; "
                     "it does not renew");
}

Test(admit, the_largest_numbers_fit_the_sentence)
{
    cr_assert_lt(strlen(describe(INT64_MAX, INT64_MAX, INT64_MAX, LIMIT_UNIT_TOKENS, INT64_MAX,
                                 "2026-12-01")),
                 255);
    cr_assert_lt(
        strlen(describe(INT64_MAX, INT64_MAX, INT64_MAX, LIMIT_UNIT_NUSD, INT64_MAX, "2026-12-01")),
        255);
}

Test(admit, fractions_of_a_microdollar_are_left_out)
{
    cr_assert_not_null(strstr(describe(USD + 1, 999, 2 * USD, LIMIT_UNIT_NUSD, 123456, NULL),
                              "$1.00 used, $0.00 reserved, $0.000123 needed"));
}
