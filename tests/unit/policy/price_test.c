#include <criterion/criterion.h>

#include <stdbool.h>
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

static int64_t
bounded(int64_t value, int64_t max)
{
    return value < 0 ? 0 : value > max ? max : value;
}

/* The rule as a bank would do it: each bucket in 128 bits, divided once, the rest looked at. */
static int64_t
oracle(const struct usage *usage, const struct price *price)
{
    static const int factors[] = {1000, 500, 500, 2000};
    static const int64_t units[] = {
#define BUCKET(name, NAME, unit) unit,
        USAGE_BUCKETS(BUCKET)
#undef BUCKET
    };
    const __int128 whole = (__int128)1000000 * 1000;
    __int128 sum = 0;

    const int64_t *prices = price->nusd;
    int64_t prompt = 0;

    for (int i = 0; i < USAGE_N_BUCKETS; i++) {
        bool is_output = i == USAGE_OUTPUT || i == USAGE_OUTPUT_AUDIO || i == USAGE_OUTPUT_IMAGE;

        if (units[i] != 1 && !is_output && usage->count[i] <= LIMIT_TOKENS)
            prompt += bounded(usage->count[i], LIMIT_TOKENS);
    }
    for (uint32_t i = 0; i < price->n_tiers; i++)
        prices = prompt > price->tiers[i].above ? price->tiers[i].nusd : prices;
    for (int i = 0; i < USAGE_N_BUCKETS; i++) {
        __int128 count =
            usage->count[i] > LIMIT_TOKENS ? 0 : bounded(usage->count[i], LIMIT_TOKENS);
        __int128 thought = usage->reasoning_tokens > LIMIT_TOKENS ? 0 : usage->reasoning_tokens;

        if (i != USAGE_OUTPUT || thought < 0)
            thought = 0;
        if (thought > count)
            thought = count;
        count -= thought;
        for (int64_t scale = units[i]; scale < 1000000; scale *= 10)
            count *= 10;
        sum += count * bounded(prices[i], LIMIT_PRICE_NUSD);
        sum += thought * bounded(prices[PRICE_REASONING], LIMIT_PRICE_NUSD);
    }
    sum *= price->factor_permille[usage->service_tier] != 0 && usage->service_tier != 0
               ? price->factor_permille[usage->service_tier]
               : factors[usage->service_tier];
    __int128 nusd = sum / whole + (sum % whole * 2 >= whole);
    return nusd > INT64_MAX ? INT64_MAX : (int64_t)nusd;
}

Test(price, equals_the_128_bit_oracle_on_random_usage)
{
    for (int i = 0; i < N_RANDOM; i++) {
        struct usage usage = {.service_tier = random_bits() % USAGE_N_TIERS};
        struct price price = {.n_tiers = random_bits() % (LIMIT_PRICE_TIERS + 1)};

        usage.reasoning_tokens = random_amount();
        for (int k = 0; k < USAGE_N_BUCKETS; k++)
            usage.count[k] = random_amount();
        for (int k = 0; k < PRICE_N; k++)
            price.nusd[k] = random_amount();
        for (int k = 0; k < USAGE_N_TIERS; k++)
            price.factor_permille[k] = (uint16_t)(random_bits() % 2 * random_bits());
        for (uint32_t t = 0, above = 0; t < price.n_tiers; t++) {
            price.tiers[t].above = above += (uint32_t)(random_bits() % 100000000);
            for (int k = 0; k < PRICE_N; k++)
                price.tiers[t].nusd[k] = random_amount();
        }
        int64_t charge = price_charge_nusd(&usage, &price);
        cr_assert_eq(charge, oracle(&usage, &price), "round %d", i);
        cr_assert_geq(charge, 0);
    }
}

Test(price, the_one_rounding_is_half_up)
{
    struct price price = {.nusd = {[USAGE_INPUT] = 1}};
    struct usage usage = {0};

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
    struct usage usage = {0};

    usage.count[USAGE_INPUT] = usage.count[USAGE_OUTPUT] = 250000;
    cr_assert_eq(price_charge_nusd(&usage, &price), 1);
}

Test(price, single_units_are_priced_singly)
{
    struct price price = {.nusd = {[USAGE_REQUEST] = 7, [USAGE_SERVER_TOOL] = 10000000}};
    struct usage usage = {0};

    usage.count[USAGE_REQUEST] = 1;
    usage.count[USAGE_SERVER_TOOL] = 3;
    cr_assert_eq(price_charge_nusd(&usage, &price), 30000007);
}

Test(price, nonsense_is_never_a_credit)
{
    struct price price = {0};
    struct usage usage = {0};

    for (int i = 0; i < USAGE_N_BUCKETS; i++) {
        usage.count[i] = i % 2 == 0 ? INT64_MIN : -1;
        price.nusd[i] = i % 3 == 0 ? INT64_MIN : INT64_MAX;
    }
    cr_assert_eq(price_charge_nusd(&usage, &price), 0);
    cr_assert_eq(price_quota_tokens(&usage), 0);
}

Test(price, the_largest_usage_at_the_largest_price_saturates)
{
    struct price price = {.factor_permille = {[USAGE_TIER_PRIORITY] = UINT16_MAX}};
    struct usage usage = {.service_tier = USAGE_TIER_PRIORITY};

    for (int i = 0; i < USAGE_N_BUCKETS; i++) {
        usage.count[i] = LIMIT_TOKENS;
        price.nusd[i] = LIMIT_PRICE_NUSD;
    }
    cr_assert_eq(price_charge_nusd(&usage, &price), INT64_MAX);
}

Test(price, a_service_tier_has_the_usual_factor_unless_the_price_names_one)
{
    struct price price = {.nusd = {[USAGE_INPUT] = 1000000}};
    struct usage usage = {.count = {[USAGE_INPUT] = 5}};

    cr_assert_eq(price_charge_nusd(&usage, &price), 5);
    usage.service_tier = USAGE_TIER_FLEX;
    cr_assert_eq(price_charge_nusd(&usage, &price), 3); /* 2.5 */
    usage.service_tier = USAGE_TIER_PRIORITY;
    cr_assert_eq(price_charge_nusd(&usage, &price), 10);
    price.factor_permille[USAGE_TIER_PRIORITY] = 1750;
    cr_assert_eq(price_charge_nusd(&usage, &price), 9); /* 8.75 */
    usage.service_tier = UINT8_MAX;                     /* what nobody knows is standard */
    cr_assert_eq(price_charge_nusd(&usage, &price), 5);
}

Test(price, reasoning_has_a_price_of_its_own_within_the_output)
{
    struct price price = {.nusd = {[USAGE_OUTPUT] = 1000000, [PRICE_REASONING] = 3000000}};
    struct usage usage = {.count = {[USAGE_OUTPUT] = 10}, .reasoning_tokens = 4};

    cr_assert_eq(price_charge_nusd(&usage, &price), 6 + 12);
    usage.reasoning_tokens = 40; /* more than there is */
    cr_assert_eq(price_charge_nusd(&usage, &price), 30);
    usage.reasoning_tokens = -4;
    cr_assert_eq(price_charge_nusd(&usage, &price), 10);
}

Test(price, a_longer_prompt_moves_the_whole_answer_to_its_tier)
{
    struct price price = {.nusd = {[USAGE_INPUT] = 1000000, [USAGE_OUTPUT] = 10000000},
                          .n_tiers = 2,
                          .tiers = {{100, {[USAGE_INPUT] = 2000000, [USAGE_OUTPUT] = 15000000}},
                                    {200, {[USAGE_INPUT] = 3000000, [USAGE_OUTPUT] = 1000000}}}};
    struct usage usage = {.count = {[USAGE_INPUT] = 60, [USAGE_CACHE_READ] = 40}};

    usage.count[USAGE_OUTPUT] = 1;
    cr_assert_eq(price_charge_nusd(&usage, &price), 60 + 10);
    usage.count[USAGE_CACHE_READ] = 41; /* cached or not, it is the prompt */
    cr_assert_eq(price_charge_nusd(&usage, &price), 120 + 15);
    usage.count[USAGE_INPUT] = 160;
    cr_assert_eq(price_charge_nusd(&usage, &price), 480 + 1);
    price.n_tiers = UINT32_MAX; /* what a dead worker left is not believed */
    cr_assert_eq(price_charge_nusd(&usage, &price), 160 + 10);
}

Test(price, the_price_of_an_instant_is_the_last_that_has_begun)
{
    const struct price first = {.version = 1};
    const struct price_change changes[LIMIT_PRICE_CHANGES] = {{.from_us = 100, .price.version = 2},
                                                              {.from_us = 200, .price.version = 3}};

    cr_assert_eq(price_at(&first, changes, 0)->version, 1);
    cr_assert_eq(price_at(&first, changes, 99)->version, 1);
    cr_assert_eq(price_at(&first, changes, 100)->version, 2);
    cr_assert_eq(price_at(&first, changes, 199)->version, 2);
    cr_assert_eq(price_at(&first, changes, INT64_MAX)->version, 3);
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

    cr_assert_eq(price_dearest_input(&price, 1000), 6);
    cr_assert_eq(price_dearest_output(&price, 1000), 80);
    price.nusd[PRICE_REASONING] = 90;
    cr_assert_eq(price_dearest_output(&price, 1000), 90);
}

Test(price, the_dearest_price_is_over_the_tiers_that_a_prompt_can_reach)
{
    struct price price = {.nusd = {[USAGE_INPUT] = 3, [USAGE_OUTPUT] = 15},
                          .n_tiers = 2,
                          .tiers = {{100, {[USAGE_INPUT] = 6, [USAGE_OUTPUT] = 1}},
                                    {200, {[USAGE_INPUT] = 4, [USAGE_OUTPUT] = 20}}}};

    cr_assert_eq(price_dearest_input(&price, 100), 3);
    cr_assert_eq(price_dearest_input(&price, 101), 6);
    cr_assert_eq(price_dearest_input(&price, 1000), 6);
    cr_assert_eq(price_dearest_output(&price, 200), 15);
    cr_assert_eq(price_dearest_output(&price, 201), 20);
}
