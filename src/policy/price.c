/* SPDX-License-Identifier: ISC
 *
 * price - usage x price, exact until the one rounding at the end.
 *
 * Largest sum: 11 buckets x 2^40 units x 2^40 nano-USD x 10^6 (single units on the scale of
 * millions) x TIER_PERMILLE_MAX < 2^121: 128 bits hold it.
 */
#include "relayos/policy/price.h"

#include <stddef.h>

#include "relayos/base/limits.h"

#define PRICE_SCALE       1000000 /* prices are per million units */
#define TIER_STANDARD     1000
#define TIER_PERMILLE_MAX 65536

static const int64_t bucket_unit[USAGE_N_BUCKETS] = {
#define BUCKET(name, NAME, unit) [USAGE_##NAME] = (unit),
    USAGE_BUCKETS(BUCKET)
#undef BUCKET
};

static int64_t clamp_count(int64_t count);
static int64_t clamp_price(int64_t nusd);
static uint32_t clamp_tier(uint32_t permille);
static int64_t dearest(const struct price *price, const enum usage_bucket *buckets, size_t n);

int64_t
price_charge_nusd(const struct usage *usage, const struct price *price)
{
    const unsigned __int128 divisor = (unsigned __int128)PRICE_SCALE * TIER_STANDARD;
    unsigned __int128 sum = 0;

    for (int i = 0; i < USAGE_N_BUCKETS; i++) {
        uint64_t count = (uint64_t)clamp_count(usage->count[i]);
        if (count != 0) /* most are */
            sum += (unsigned __int128)count * (uint64_t)clamp_price(price->nusd[i]) *
                   (uint64_t)(PRICE_SCALE / bucket_unit[i]);
    }
    sum *= clamp_tier(usage->tier_permille);

    unsigned __int128 nusd = (sum + divisor / 2) / divisor;
    return nusd > INT64_MAX ? INT64_MAX : (int64_t)nusd;
}

int64_t
price_quota_tokens(const struct usage *usage)
{
    int64_t tokens = 0;

    for (int i = 0; i < USAGE_N_BUCKETS; i++)
        if (bucket_unit[i] == PRICE_SCALE)
            tokens += clamp_count(usage->count[i]);
    return tokens;
}

int64_t
price_dearest_input(const struct price *price)
{
    static const enum usage_bucket buckets[] = {USAGE_INPUT,          USAGE_CACHE_READ,
                                                USAGE_CACHE_WRITE_5M, USAGE_CACHE_WRITE_1H,
                                                USAGE_INPUT_AUDIO,    USAGE_INPUT_IMAGE};

    return dearest(price, buckets, sizeof(buckets) / sizeof(buckets[0]));
}

int64_t
price_dearest_output(const struct price *price)
{
    static const enum usage_bucket buckets[] = {USAGE_OUTPUT, USAGE_OUTPUT_AUDIO,
                                                USAGE_OUTPUT_IMAGE};

    return dearest(price, buckets, sizeof(buckets) / sizeof(buckets[0]));
}

static int64_t
dearest(const struct price *price, const enum usage_bucket *buckets, size_t n)
{
    int64_t most = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t nusd = clamp_price(price->nusd[buckets[i]]);
        if (nusd > most)
            most = nusd;
    }
    return most;
}

/* What a provider reports is untrusted: nonsense counts as nothing, never as a credit. */
static int64_t
clamp_count(int64_t count)
{
    return count < 0 || count > LIMIT_TOKENS ? 0 : count;
}

static int64_t
clamp_price(int64_t nusd)
{
    if (nusd < 0)
        return 0;
    return nusd > LIMIT_PRICE_NUSD ? LIMIT_PRICE_NUSD : nusd;
}

/* 0 = nobody set it. */
static uint32_t
clamp_tier(uint32_t permille)
{
    if (permille == 0)
        return TIER_STANDARD;
    return permille > TIER_PERMILLE_MAX ? TIER_PERMILLE_MAX : permille;
}
