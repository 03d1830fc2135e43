/* SPDX-License-Identifier: ISC
 *
 * affinity - one word per conversation, in one of the eight of its bucket.
 *
 *   word   63...40 39.....22 21......19 18.....0
 *          tag     row       credential noted, s     0 = empty; seconds: modulo six days
 */
#include "relayos/shm/affinity.h"

#include "layout.h"

#define TAG_SHIFT        40
#define ROW_SHIFT        22
#define ROW_MASK         ((UINT64_C(1) << (TAG_SHIFT - ROW_SHIFT)) - 1)
#define CREDENTIAL_SHIFT 19
#define CREDENTIAL_MASK  (LIMIT_CREDENTIALS - 1)
#define SECONDS_MASK     ((UINT64_C(1) << CREDENTIAL_SHIFT) - 1)
#define SECOND_US        1000000
#define AHEAD_S          60 /* a note by somebody whose clock reading is newer than ours */
#define BUCKET           (SHM_LINE / sizeof(uint64_t)) /* words where a conversation may be */
static_assert(LIMIT_CREDENTIALS == 1 << (ROW_SHIFT - CREDENTIAL_SHIFT), "their bits");

static _Atomic uint64_t *bucket_of(const struct segment *segment, uint64_t key);
static uint64_t tag_of(uint64_t key);
static uint64_t age_s(uint64_t word, int64_t now_us);

bool
affinity_find(const struct segment *segment, uint64_t key, int64_t ttl_us, int64_t now_us,
              struct affinity_pin *out)
{
    const _Atomic uint64_t *words = bucket_of(segment, key);

    for (size_t i = 0; i < BUCKET; i++) {
        uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);

        if (word >> TAG_SHIFT != tag_of(key))
            continue;
        if ((int64_t)age_s(word, now_us) * SECOND_US >= ttl_us)
            return false;
        *out = (struct affinity_pin){.health_row = (uint32_t)(word >> ROW_SHIFT & ROW_MASK),
                                     .credential = word >> CREDENTIAL_SHIFT & CREDENTIAL_MASK};
        return true;
    }
    return false;
}

/* Its own word, else an empty one, else the one that was not noted for longest. */
void
affinity_note(struct segment *segment, uint64_t key, const struct affinity_pin *pin, int64_t now_us)
{
    _Atomic uint64_t *words = bucket_of(segment, key), *oldest = &words[0];
    uint64_t old = 0, oldest_s = 0;
    uint64_t word = tag_of(key) << TAG_SHIFT | (uint64_t)pin->health_row << ROW_SHIFT |
                    (uint64_t)pin->credential << CREDENTIAL_SHIFT |
                    ((uint64_t)(now_us / SECOND_US) & SECONDS_MASK);

    assert(pin->health_row <= ROW_MASK && pin->credential <= CREDENTIAL_MASK);
    for (size_t i = 0; i < BUCKET; i++) {
        uint64_t other = atomic_load_explicit(&words[i], memory_order_relaxed);
        bool is_own = other >> TAG_SHIFT == tag_of(key);
        uint64_t other_s = other == 0 ? SECONDS_MASK + 1 : age_s(other, now_us);

        if (i == 0 || is_own || other_s > oldest_s) {
            oldest = &words[i];
            old = other;
            oldest_s = other_s;
        }
        if (is_own)
            break;
    }
    /* The same within the second costs no store. Another's note came in between: this one is
     * lost. */
    if (old != word)
        (void)atomic_compare_exchange_strong_explicit(oldest, &old, word, memory_order_relaxed,
                                                      memory_order_relaxed);
}

static _Atomic uint64_t *
bucket_of(const struct segment *segment, uint64_t key)
{
    assert(key != 0);
    return &segment->affinity[key % (SHM_AFFINITY / BUCKET) * BUCKET];
}

/* Never 0, which is an empty word. */
static uint64_t
tag_of(uint64_t key)
{
    return key >> TAG_SHIFT | 1;
}

static uint64_t
age_s(uint64_t word, int64_t now_us)
{
    uint64_t age = ((uint64_t)(now_us / SECOND_US) - word) & SECONDS_MASK;

    return age > SECONDS_MASK - AHEAD_S ? 0 : age;
}
