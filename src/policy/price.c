/* SPDX-License-Identifier: ISC
 *
 * price - usage x price, exact until the one rounding at the end.
 *
 * Largest sum: 11 buckets x 2^32 units x 2^40 nano-USD x 10^6 (single units on the scale of
 * millions) x a factor below 2^16 < 2^113: 128 bits hold it.
 */
#include "relayos/policy/price.h"

#include <stddef.h>
#include <string.h>

#include "relayos/base/limits.h"

#define PRICE_SCALE     1000000 /* prices are per million units */
#define FACTOR_STANDARD 1000

/* What brings a price to the scale of millions: 1 for tokens. */
static const uint32_t bucket_scale[USAGE_N_BUCKETS] = {
#define BUCKET(name, NAME, unit) [USAGE_##NAME] = PRICE_SCALE / (unit),
    USAGE_BUCKETS(BUCKET)
#undef BUCKET
};
static const int64_t *row_for(const struct price *price, int64_t prompt_tokens);
static uint32_t n_tiers(const struct price *price);
static void reprice_reasoning(const struct usage *usage, const int64_t *nusd,
                              unsigned __int128 *sum);
static int64_t dearest(const struct price *price, int64_t prompt_tokens, const uint8_t *buckets,
                       size_t n);
static int64_t dearest_of_row(const int64_t *nusd, const uint8_t *buckets, size_t n);
static int64_t clamp_count(int64_t count);
static int64_t clamp_price(int64_t nusd);

int64_t
price_charge_nusd(const struct usage *usage, const struct price *price)
{
    const uint64_t divisor = (uint64_t)PRICE_SCALE * FACTOR_STANDARD;
    const int64_t *nusd =
        price->n_tiers == 0 ? price->nusd : row_for(price, price_prompt_tokens(usage));
    unsigned __int128 sum = 0;

    for (int i = 0; i < USAGE_N_BUCKETS; i++) {
        if (usage->count[i] == 0) /* most are */
            continue;
        sum += (unsigned __int128)clamp_count(usage->count[i]) * (uint64_t)clamp_price(nusd[i]) *
               bucket_scale[i];
    }
    if (usage->reasoning_tokens > 0)
        reprice_reasoning(usage, nusd, &sum);
    sum = sum * price_factor_permille(price, usage->service_tier) + divisor / 2;
    if (sum <= UINT64_MAX) /* nearly always; 128 bits are slow to divide */
        return (int64_t)((uint64_t)sum / divisor);

    unsigned __int128 whole = sum / divisor;
    return whole > INT64_MAX ? INT64_MAX : (int64_t)whole;
}

/* The prices of the highest tier that the prompt is above. */
static const int64_t *
row_for(const struct price *price, int64_t prompt_tokens)
{
    const int64_t *nusd = price->nusd;

    for (uint32_t i = 0; i < n_tiers(price) && prompt_tokens > price->tiers[i].above; i++)
        nusd = price->tiers[i].nusd;
    return nusd;
}

/* Of what a dead worker left, too. */
static uint32_t
n_tiers(const struct price *price)
{
    return price->n_tiers <= LIMIT_PRICE_TIERS ? price->n_tiers : 0;
}

/* It is in the sum as output; it may have a price of its own. */
static void
reprice_reasoning(const struct usage *usage, const int64_t *nusd, unsigned __int128 *sum)
{
    int64_t tokens = clamp_count(usage->reasoning_tokens);
    int64_t output = clamp_count(usage->count[USAGE_OUTPUT]);

    if (tokens > output)
        tokens = output;
    *sum -= (unsigned __int128)tokens * (uint64_t)clamp_price(nusd[USAGE_OUTPUT]);
    *sum += (unsigned __int128)tokens * (uint64_t)clamp_price(nusd[PRICE_REASONING]);
}

int64_t
price_quota_tokens(const struct usage *usage)
{
    return price_prompt_tokens(usage) + price_output_tokens(usage);
}

int64_t
price_prompt_tokens(const struct usage *usage)
{
    const int64_t *count = usage->count;

    return clamp_count(count[USAGE_INPUT]) + clamp_count(count[USAGE_CACHE_READ]) +
           clamp_count(count[USAGE_CACHE_WRITE_5M]) + clamp_count(count[USAGE_CACHE_WRITE_1H]) +
           clamp_count(count[USAGE_INPUT_AUDIO]) + clamp_count(count[USAGE_INPUT_IMAGE]);
}

int64_t
price_output_tokens(const struct usage *usage)
{
    return clamp_count(usage->count[USAGE_OUTPUT]) + clamp_count(usage->count[USAGE_OUTPUT_AUDIO]) +
           clamp_count(usage->count[USAGE_OUTPUT_IMAGE]);
}

uint32_t
price_factor_permille(const struct price *price, enum usage_service_tier tier)
{
    static const uint16_t usual[USAGE_N_TIERS] = {[USAGE_TIER_STANDARD] = FACTOR_STANDARD,
                                                  [USAGE_TIER_FLEX] = FACTOR_STANDARD / 2,
                                                  [USAGE_TIER_BATCH] = FACTOR_STANDARD / 2,
                                                  [USAGE_TIER_PRIORITY] = FACTOR_STANDARD * 2};

    if (tier <= USAGE_TIER_STANDARD || tier >= USAGE_N_TIERS)
        return FACTOR_STANDARD;
    return price->factor_permille[tier] != 0 ? price->factor_permille[tier] : usual[tier];
}

int64_t
price_dearest_input(const struct price *price, int64_t prompt_tokens)
{
    static const uint8_t buckets[] = {USAGE_INPUT,          USAGE_CACHE_READ,  USAGE_CACHE_WRITE_5M,
                                      USAGE_CACHE_WRITE_1H, USAGE_INPUT_AUDIO, USAGE_INPUT_IMAGE};

    return dearest(price, prompt_tokens, buckets, sizeof(buckets));
}

int64_t
price_dearest_output(const struct price *price, int64_t prompt_tokens)
{
    static const uint8_t buckets[] = {USAGE_OUTPUT, USAGE_OUTPUT_AUDIO, USAGE_OUTPUT_IMAGE,
                                      PRICE_REASONING};

    return dearest(price, prompt_tokens, buckets, sizeof(buckets));
}

int64_t
price_dearest_of(const struct price *price, int64_t prompt_tokens, enum usage_bucket bucket)
{
    const uint8_t buckets[] = {(uint8_t)bucket};

    return dearest(price, prompt_tokens, buckets, sizeof(buckets));
}

static inline int64_t
dearest(const struct price *price, int64_t prompt_tokens, const uint8_t *buckets, size_t n)
{
    int64_t most = dearest_of_row(price->nusd, buckets, n);

    for (uint32_t i = 0; i < n_tiers(price) && prompt_tokens > price->tiers[i].above; i++) {
        int64_t nusd = dearest_of_row(price->tiers[i].nusd, buckets, n);

        if (nusd > most)
            most = nusd;
    }
    return most;
}

static inline int64_t
dearest_of_row(const int64_t *nusd, const uint8_t *buckets, size_t n)
{
    int64_t most = 0;

    for (size_t i = 0; i < n; i++) {
        if (nusd[buckets[i]] > most)
            most = nusd[buckets[i]];
    }
    return clamp_price(most);
}

const struct price *
price_at(const struct price *first, const struct price_change changes[LIMIT_PRICE_CHANGES],
         int64_t real_us)
{
    const struct price *price = first;

    for (int i = 0; i < LIMIT_PRICE_CHANGES && changes[i].from_us != 0; i++) {
        if (changes[i].from_us > real_us)
            break;
        price = &changes[i].price;
    }
    return price;
}

void
price_copy(struct price *to, const struct price *from)
{
    memcpy(to, from, offsetof(struct price, tiers));
    if (from->n_tiers > 0)
        memcpy(to->tiers, from->tiers, sizeof(to->tiers));
}

/* What a provider reports is untrusted: nonsense counts as nothing, never as a credit. */
static int64_t
clamp_count(int64_t count)
{
    return (uint64_t)count > LIMIT_TOKENS ? 0 : count; /* the negative ones, too */
}

static int64_t
clamp_price(int64_t nusd)
{
    if (nusd < 0)
        return 0;
    return nusd > LIMIT_PRICE_NUSD ? LIMIT_PRICE_NUSD : nusd;
}
