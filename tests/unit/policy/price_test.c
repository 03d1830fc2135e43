#include <criterion/criterion.h>

#include <stdlib.h>

#include "relayos/base/limits.h"
#include "relayos/policy/price.h"

#define N_RANDOM 200000

static uint64_t random_state = 42;

static uint64_t
random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* Any magnitude is as likely as any other, and now and then something out of bounds. */
static int64_t
random_amount(void)
{
    uint64_t n = random_bits() >> (24 + random_bits() % 40);

    switch (random_bits() % 32) {
    case 0:
        return -(int64_t)n;
    case 1:
        return INT64_MAX - (int64_t)(n % 3);
    case 2:
        return INT64_MIN + (int64_t)(n % 3);
    default:
        return (int64_t)n;
    }
}

/* The rule as a bank would do it: each bucket in 128 bits, divided once, the rest looked at. */
static int64_t
oracle(const struct usage *usage, const struct price *price)
{
    static const int64_t units[] = {
#define BUCKET(name, NAME, unit) unit,
        USAGE_BUCKETS(BUCKET)
#undef BUCKET
    };
    const __int128 whole = (__int128)1000000 * 1000;
    __int128 sum = 0;

    for (int i = 0; i < USAGE_N_BUCKETS; i++) {
        __int128 count = usage->count[i], nusd = price->nusd[i];
        if (count < 0 || count > LIMIT_TOKENS || nusd < 0)
            continue;
        if (nusd > LIMIT_PRICE_NUSD)
            nusd = LIMIT_PRICE_NUSD;
        for (int64_t scale = units[i]; scale < 1000000; scale *= 10)
            count *= 10;
        sum += count * nusd;
    }
    sum *= usage->tier_permille == 0 ? 1000 : usage->tier_permille;
    __int128 nusd = sum / whole + (sum % whole * 2 >= whole);
    return nusd > INT64_MAX ? INT64_MAX : (int64_t)nusd;
}

Test(price, equals_the_128_bit_oracle_on_random_usage)
{
    for (int i = 0; i < N_RANDOM; i++) {
        struct usage usage = {.tier_permille = (uint32_t)(random_bits() % 4000)};
        struct price price = {0};

        for (int k = 0; k < USAGE_N_BUCKETS; k++) {
            usage.count[k] = random_amount();
            price.nusd[k] = random_amount();
        }
        int64_t charge = price_charge_nusd(&usage, &price);
        cr_assert_eq(charge, oracle(&usage, &price), "round %d", i);
        cr_assert_geq(charge, 0);
    }
}

Test(price, the_one_rounding_is_half_up)
{
    struct price price = {.nusd = {[USAGE_INPUT] = 1}};
    struct usage usage = {.tier_permille = 1000};

    usage.count[USAGE_INPUT] = 499999;
    cr_assert_eq(price_charge_nusd(&usage, &price), 0);
    usage.count[USAGE_INPUT] = 500000;
    cr_assert_eq(price_charge_nusd(&usage, &price), 1);
    usage.count[USAGE_INPUT] = 1499999;
    cr_assert_eq(price_charge_nusd(&usage, &price), 1);
}

Test(price, halves_of_two_buckets_add_up_before_they_are_rounded)
{
    struct price price = {.nusd = {[USAGE_INPUT] = 1, [USAGE_OUTPUT] = 1}};
    struct usage usage = {.tier_permille = 1000};

    usage.count[USAGE_INPUT] = usage.count[USAGE_OUTPUT] = 250000;
    cr_assert_eq(price_charge_nusd(&usage, &price), 1);
}

Test(price, single_units_are_priced_singly)
{
    struct price price = {.nusd = {[USAGE_REQUEST] = 7, [USAGE_SERVER_TOOL] = 10000000}};
    struct usage usage = {.tier_permille = 1000};

    usage.count[USAGE_REQUEST] = 1;
    usage.count[USAGE_SERVER_TOOL] = 3;
    cr_assert_eq(price_charge_nusd(&usage, &price), 30000007);
}

Test(price, nonsense_is_never_a_credit)
{
    struct price price;
    struct usage usage = {.tier_permille = 1000};

    for (int i = 0; i < USAGE_N_BUCKETS; i++) {
        usage.count[i] = i % 2 == 0 ? INT64_MIN : -1;
        price.nusd[i] = i % 3 == 0 ? INT64_MIN : INT64_MAX;
    }
    cr_assert_eq(price_charge_nusd(&usage, &price), 0);
    cr_assert_eq(price_quota_tokens(&usage), 0);
}

Test(price, the_largest_usage_at_the_largest_price_saturates)
{
    struct price price;
    struct usage usage = {.tier_permille = UINT32_MAX};

    for (int i = 0; i < USAGE_N_BUCKETS; i++) {
        usage.count[i] = LIMIT_TOKENS;
        price.nusd[i] = LIMIT_PRICE_NUSD;
    }
    cr_assert_eq(price_charge_nusd(&usage, &price), INT64_MAX);
}

Test(price, a_tier_nobody_set_is_the_standard_one)
{
    struct price price = {.nusd = {[USAGE_INPUT] = 1000000}};
    struct usage usage = {.count = {[USAGE_INPUT] = 5}};

    cr_assert_eq(price_charge_nusd(&usage, &price), 5);
    usage.tier_permille = 500;
    cr_assert_eq(price_charge_nusd(&usage, &price), 3); /* 2.5 */
}

Test(price, quota_tokens_are_all_tokens_and_no_units)
{
    struct usage usage = {0};

    for (int i = 0; i < USAGE_N_BUCKETS; i++)
        usage.count[i] = 1;
    cr_assert_eq(price_quota_tokens(&usage), USAGE_N_BUCKETS - 2);
}

Test(price, the_dearest_bucket_of_each_side_is_found)
{
    struct price price = {.nusd = {[USAGE_INPUT] = 3,
                                   [USAGE_CACHE_WRITE_1H] = 6,
                                   [USAGE_OUTPUT] = 15,
                                   [USAGE_OUTPUT_AUDIO] = 80,
                                   [USAGE_REQUEST] = 1000}};

    cr_assert_eq(price_dearest_input(&price), 6);
    cr_assert_eq(price_dearest_output(&price), 80);
}
