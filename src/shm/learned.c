/* SPDX-License-Identifier: ISC
 *
 * learned - a stochastic percentile (percentile.h) in one word for each pair of key and model.
 */
#include "relayos/shm/learned.h"

#include "layout.h"
#include "percentile.h"

/*   word   63...40 39....34 33............0
 *          tag     samples  tokens << 12        0 = empty
 */
#define TAG_SHIFT      40
#define SAMPLES_SHIFT  34
#define SAMPLES_MAX    63
#define ESTIMATE_MASK  ((UINT64_C(1) << SAMPLES_SHIFT) - 1)
#define FRACTION_SHIFT 12
#define BUCKET         (SHM_LINE / sizeof(uint64_t)) /* words where a pair may be */

static uint64_t hash_of(uint64_t key_id, uint32_t model_id);
static _Atomic uint64_t *bucket_of(const struct segment *segment, uint64_t hash);
static uint64_t tag_of(uint64_t hash);
static uint64_t samples_of(uint64_t word);
static uint64_t learn(uint64_t word, uint64_t tokens);

int64_t
learned_output(const struct segment *segment, uint64_t key_id, uint32_t model_id)
{
    uint64_t hash = hash_of(key_id, model_id);
    const _Atomic uint64_t *words = bucket_of(segment, hash);

    for (size_t i = 0; i < BUCKET; i++) {
        uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);

        if (word >> TAG_SHIFT != tag_of(hash))
            continue;
        if (samples_of(word) < LEARNED_SAMPLES_MIN)
            return 0;
        return (int64_t)((word & ESTIMATE_MASK) >> FRACTION_SHIFT) + 1;
    }
    return 0;
}

void
learned_note(struct segment *segment, uint64_t key_id, uint32_t model_id, int64_t tokens)
{
    uint64_t hash = hash_of(key_id, model_id), word = 0;
    _Atomic uint64_t *words = bucket_of(segment, hash), *seldom = &words[0];
    uint64_t fewest = UINT64_MAX, old = 0;

    if (tokens < 0)
        return;
    for (size_t i = 0; i < BUCKET; i++) {
        word = atomic_load_explicit(&words[i], memory_order_relaxed);
        if (word >> TAG_SHIFT == tag_of(hash)) {
            old = word;
            seldom = &words[i];
            break;
        }
        if (samples_of(word) < fewest) {
            fewest = samples_of(word);
            old = word;
            seldom = &words[i];
        }
    }
    if (old >> TAG_SHIFT == tag_of(hash))
        word = learn(old, (uint64_t)tokens);
    else
        word = learn(tag_of(hash) << TAG_SHIFT, (uint64_t)tokens);
    /* Another's note that came in between is lost: each word is whole in itself. */
    atomic_store_explicit(seldom, word, memory_order_relaxed);
}

static uint64_t
learn(uint64_t word, uint64_t tokens)
{
    uint64_t estimate = word & ESTIMATE_MASK, samples = samples_of(word);
    uint64_t sample = (tokens > LEARNED_TOKENS_MAX ? LEARNED_TOKENS_MAX : tokens) << FRACTION_SHIFT;

    estimate = percentile_next(estimate, sample, samples >= LEARNED_SAMPLES_MIN, ESTIMATE_MASK);
    samples += samples < SAMPLES_MAX;
    return word >> TAG_SHIFT << TAG_SHIFT | samples << SAMPLES_SHIFT | estimate;
}

static uint64_t
hash_of(uint64_t key_id, uint32_t model_id)
{
    uint64_t h = (key_id << 20 ^ model_id) * UINT64_C(0x9e3779b97f4a7c15);

    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ h >> 27;
}

static _Atomic uint64_t *
bucket_of(const struct segment *segment, uint64_t hash)
{
    return &segment->learned[hash % (SHM_LEARNED / BUCKET) * BUCKET];
}

/* Never 0, which is an empty word. */
static uint64_t
tag_of(uint64_t hash)
{
    return hash >> TAG_SHIFT | 1;
}

static uint64_t
samples_of(uint64_t word)
{
    return word >> SAMPLES_SHIFT & SAMPLES_MAX;
}
