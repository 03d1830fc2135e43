/* SPDX-License-Identifier: ISC
 *
 * health_limit - how many calls at a time a route bears: additive increase, multiplicative
 * decrease.
 *
 *   word   63..........32 31..........16 15...0
 *          when it shrank answers since  limit    0 = not known to be limited
 *          (ms, its low   it moved
 *          32 bits)
 *
 * One overload shrinks it by a quarter from what was there, once a second: calls that were there
 * together say it together. While half of it is used, as many answers as it says make room for an
 * eighth more. It is forgotten past 4096, and when an answer comes a minute after it shrank last:
 * calls take seconds, so it would else be learned from the overload of another hour.
 */
#include "health_word.h"

#define LIMIT_BITS      16
#define LIMIT_MASK      ((UINT64_C(1) << LIMIT_BITS) - 1)
#define LIMIT_MIN       4
#define LIMIT_MAX       4096
#define ANSWERS_SHIFT   16
#define SHRANK_SHIFT    32
#define SHRINK_EVERY_MS 1000u
#define FORGOTTEN_MS    60000u
#define AHEAD_MS        60000u /* it shrank by a clock that was read later than ours */

static uint64_t pack(uint32_t shrank_ms, uint64_t answers, uint64_t limit);
static uint32_t since_it_shrank(uint64_t word, int64_t now_us);
static uint64_t load(const struct segment *segment, uint32_t row);
static bool change(struct segment *segment, uint32_t row, uint64_t *word, uint64_t next);

int64_t
health_limit(const struct segment *segment, uint32_t row)
{
    uint64_t limit = load(segment, row) & LIMIT_MASK;

    return limit == 0 ? INT64_MAX : (int64_t)limit;
}

void
health_limit_shrink(struct segment *segment, uint32_t row, int64_t in_flight, int64_t now_us)
{
    uint64_t word = load(segment, row);
    int64_t limit;

    do {
        bool is_limited = (word & LIMIT_MASK) != 0;

        if (is_limited && since_it_shrank(word, now_us) < SHRINK_EVERY_MS)
            return;
        limit = is_limited ? (int64_t)(word & LIMIT_MASK) : LIMIT_MAX;
        if (in_flight < limit)
            limit = in_flight;
        limit = limit * 3 / 4;
        if (limit < LIMIT_MIN)
            limit = LIMIT_MIN;
    } while (
        !change(segment, row, &word, pack((uint32_t)(now_us / HEALTH_MS), 0, (uint64_t)limit)));
}

void
health_limit_grow(struct segment *segment, uint32_t row, int64_t in_flight, int64_t now_us)
{
    uint64_t word = load(segment, row), next;

    do {
        uint64_t limit = word & LIMIT_MASK, answers = (word >> ANSWERS_SHIFT & LIMIT_MASK) + 1;
        bool is_forgotten = since_it_shrank(word, now_us) > FORGOTTEN_MS;

        if (limit == 0 || (!is_forgotten && 2 * in_flight < (int64_t)limit))
            return;
        if (answers >= limit) {
            answers = 0;
            limit += limit < 8 ? 1 : limit / 8;
        }
        next = is_forgotten || limit > LIMIT_MAX
                   ? 0
                   : pack((uint32_t)(word >> SHRANK_SHIFT), answers, limit);
    } while (!change(segment, row, &word, next));
}

/* In ms, of which the word knows the low bits. */
static uint32_t
since_it_shrank(uint64_t word, int64_t now_us)
{
    uint32_t since_ms = (uint32_t)(now_us / HEALTH_MS) - (uint32_t)(word >> SHRANK_SHIFT);

    return since_ms > UINT32_MAX - AHEAD_MS ? 0 : since_ms;
}

static uint64_t
pack(uint32_t shrank_ms, uint64_t answers, uint64_t limit)
{
    return (uint64_t)shrank_ms << SHRANK_SHIFT | answers << ANSWERS_SHIFT | limit;
}

static uint64_t
load(const struct segment *segment, uint32_t row)
{
    return atomic_load_explicit(&segment->health_rows[row].limit, memory_order_relaxed);
}

static bool
change(struct segment *segment, uint32_t row, uint64_t *word, uint64_t next)
{
    return atomic_compare_exchange_weak_explicit(&segment->health_rows[row].limit, word, next,
                                                 memory_order_relaxed, memory_order_relaxed);
}
