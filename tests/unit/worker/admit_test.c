#include <criterion/criterion.h>
#include <string.h>

#include "admit.h"
#include "relayos/base/clock.h"
#include "relayos/model/key.h"

#define USD INT64_C(1000000000)

static const char *
describe(struct quota_view quota, int64_t needed, const char *renews, const char *model)
{
    static char out[256];
    struct admit_shortage shortage = {.quota = quota, .needed = needed, .model = model};

    if (renews != NULL)
        cr_assert_eq(clock_parse_utc(renews, &shortage.renews_us), 0);
    admit_describe_quota(&shortage, out, sizeof(out));
    return out;
}

static struct quota_view
money(int64_t used, int64_t reserved, int64_t limit, uint32_t period_id)
{
    return (struct quota_view){.used = used,
                               .reserved = reserved,
                               .limit = limit,
                               .unit = LIMIT_UNIT_NUSD,
                               .period_id = period_id};
}

static struct quota_view
tokens(int64_t used, int64_t reserved, int64_t limit, uint32_t period_id)
{
    struct quota_view view = money(used, reserved, limit, period_id);

    view.unit = LIMIT_UNIT_TOKENS;
    return view;
}

Test(admit, a_monthly_quota_in_money_is_told_in_dollars_with_its_renewal)
{
    cr_assert_str_eq(describe(money(4980 * USD / 100, 19 * USD / 100, 50 * USD, 202611),
                              40 * USD / 100, "2026-12-01", ""),
                     "monthly quota of $50.00: $49.80 used, $0.19 reserved, $0.40 needed; renews "
                     "2026-12-01 UTC");
}

Test(admit, a_total_quota_in_tokens_is_told_in_tokens_and_does_not_renew)
{
    cr_assert_str_eq(describe(tokens(998000, 1500, 1000000, 0), 2000, NULL, ""),
                     "total quota of 1,000,000 tokens: 998,000 used, 1,500 reserved, 2,000 needed; "
                     "it does not renew");
}

Test(admit, a_quota_of_a_day_a_week_or_a_model_is_told_as_such)
{
    cr_assert_str_eq(describe(tokens(9, 0, 10, 20261125), 2, "2026-11-26", ""),
                     "daily quota of 10 tokens: 9 used, 0 reserved, 2 needed; renews 2026-11-26 "
                     "UTC");
    cr_assert_str_eq(describe(tokens(9, 0, 10, 120261123), 2, "2026-11-29T23:00:00Z", "gpt-4.1"),
                     "weekly quota of 10 tokens for gpt-4.1: 9 used, 0 reserved, 2 needed; renews "
                     "2026-11-29 23:00 UTC");
}

Test(admit, the_largest_numbers_fit_the_sentence)
{
    char model[LIMIT_MODEL_NAME];

    memset(model, 'm', sizeof(model));
    model[sizeof(model) - 1] = '\0';
    cr_assert_lt(strlen(describe(tokens(LIMIT_TOKENS, LIMIT_TOKENS, LIMIT_TOKENS, 202611),
                                 LIMIT_TOKENS, "2026-12-01T01:00:00Z", model)),
                 255);
    cr_assert_lt(strlen(describe(money(1000000000 * USD, 17592 * USD, 1000000000 * USD, 202611),
                                 17592 * USD, "2026-12-01T01:00:00Z", model)),
                 255);
}

Test(admit, fractions_of_a_microdollar_are_left_out)
{
    cr_assert_not_null(strstr(describe(money(USD + 1, 999, 2 * USD, 0), 123456, NULL, ""),
                              "$1.00 used, $0.00 reserved, $0.000123 needed"));
}
