/* SPDX-License-Identifier: ISC
 *
 * health_first_token - what is learned of the time to the first token: a percentile over all
 * workers, and for each worker a moving average.
 *
 *   row's    63....48 47.............0     cell's   63.........24 23..........0
 *            samples  us << 12                      us            when it moved, s
 */
#include "health_word.h"
#include "percentile.h"

#define SAMPLES_SHIFT  48
#define SAMPLES_MIN    20
#define ESTIMATE_MASK  ((UINT64_C(1) << SAMPLES_SHIFT) - 1)
#define FRACTION_SHIFT 12
#define SAMPLE_MAX     (ESTIMATE_MASK >> FRACTION_SHIFT)

#define AVERAGE_SHIFT 24
#define SECONDS_MASK  ((UINT64_C(1) << AVERAGE_SHIFT) - 1)
#define SECOND_US     1000000
#define EWMA_SHIFT    3  /* a new figure counts 1/8 */
#define STALE_S       60 /* a figure older than this may be of another time */
#define AHEAD_S       60 /* it moved by a clock that was read later than ours */

static void learn(_Atomic uint64_t *learned, uint64_t us);

void
health_first_token_note(struct health_row *row, struct health_cell *cell, int64_t us,
                        int64_t now_us)
{
    int64_t sample = us < (int64_t)SAMPLE_MAX ? us : (int64_t)SAMPLE_MAX;
    int64_t average = health_first_token_average(cell, now_us);
    uint64_t seconds = (uint64_t)(now_us / SECOND_US) & SECONDS_MASK;

    average += average == 0 ? sample : (sample - average) / (1 << EWMA_SHIFT);
    atomic_store_explicit(&cell->first_token, (uint64_t)average << AVERAGE_SHIFT | seconds,
                          memory_order_relaxed);
    learn(&row->first_token, (uint64_t)sample);
}

static void
learn(_Atomic uint64_t *learned, uint64_t us)
{
    uint64_t word = atomic_load_explicit(learned, memory_order_relaxed);
    uint64_t samples = word >> SAMPLES_SHIFT;
    uint64_t next = percentile_next(word & ESTIMATE_MASK, us << FRACTION_SHIFT,
                                    samples >= SAMPLES_MIN, ESTIMATE_MASK);

    samples += samples < SAMPLES_MIN;
    /* Another's came in between: this one is lost. */
    (void)atomic_compare_exchange_strong_explicit(learned, &word, samples << SAMPLES_SHIFT | next,
                                                  memory_order_relaxed, memory_order_relaxed);
}

int64_t
health_first_token_average(const struct health_cell *cell, int64_t now_us)
{
    uint64_t word = atomic_load_explicit(&cell->first_token, memory_order_relaxed);

    uint64_t age_s = ((uint64_t)(now_us / SECOND_US) - word) & SECONDS_MASK;

    if (age_s > STALE_S && age_s < SECONDS_MASK - AHEAD_S)
        return 0;
    return (int64_t)(word >> AVERAGE_SHIFT);
}

int64_t
health_first_token_p95(const struct segment *segment, uint32_t row)
{
    uint64_t word =
        atomic_load_explicit(&segment->health_rows[row].first_token, memory_order_relaxed);

    if (word >> SAMPLES_SHIFT < SAMPLES_MIN)
        return 0;
    return (int64_t)((word & ESTIMATE_MASK) >> FRACTION_SHIFT) + 1;
}
