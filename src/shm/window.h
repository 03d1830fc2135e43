/* SPDX-License-Identifier: ISC
 *
 * window - two counts over the last 5 to 10 s: a word for each of two spans of 5 s, the present one
 * and the one before. One process writes; any may read.
 *
 *   word   63....40 39....20 19.....0
 *          span     second   first      span: number of it since boot; another = counts nothing
 */
#ifndef SHM_WINDOW_H
#define SHM_WINDOW_H

#include <stdatomic.h>
#include <stdint.h>

#define WINDOW_SPAN_US    INT64_C(5000000)
#define WINDOW_COUNT_BITS 20
#define WINDOW_COUNT_MAX  ((UINT64_C(1) << WINDOW_COUNT_BITS) - 1)
#define WINDOW_SPAN_SHIFT (2 * WINDOW_COUNT_BITS)

struct window_counts {
    uint64_t first, second;
};
enum window_count { WINDOW_FIRST, WINDOW_SECOND };

static inline uint64_t
window_span_word(int64_t span)
{
    return (uint64_t)span << WINDOW_SPAN_SHIFT;
}

static inline void
window_count(_Atomic uint64_t words[2], enum window_count which, int64_t now_us)
{
    int64_t span = now_us / WINDOW_SPAN_US;
    unsigned shift = which * WINDOW_COUNT_BITS;
    uint64_t word = atomic_load_explicit(&words[span & 1], memory_order_relaxed);

    if ((word ^ window_span_word(span)) >> WINDOW_SPAN_SHIFT != 0)
        word = window_span_word(span);
    if ((word >> shift & WINDOW_COUNT_MAX) < WINDOW_COUNT_MAX)
        word += UINT64_C(1) << shift;
    atomic_store_explicit(&words[span & 1], word, memory_order_relaxed);
}

/* Add what was counted in the window, leaving out a span that had begun before since_us. */
static inline void
window_add(const _Atomic uint64_t words[2], int64_t now_us, int64_t since_us,
           struct window_counts *sum)
{
    int64_t now_span = now_us / WINDOW_SPAN_US;

    for (int64_t span = now_span - 1; span <= now_span; span++) {
        uint64_t word = atomic_load_explicit(&words[span & 1], memory_order_relaxed);

        if ((word ^ window_span_word(span)) >> WINDOW_SPAN_SHIFT != 0 ||
            span * WINDOW_SPAN_US < since_us)
            continue;
        sum->first += word & WINDOW_COUNT_MAX;
        sum->second += word >> WINDOW_COUNT_BITS & WINDOW_COUNT_MAX;
    }
}

#endif
