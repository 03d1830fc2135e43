/* SPDX-License-Identifier: ISC
 *
 * percentile - one step of a stochastic 95th percentile. While samples are few, the largest; from
 * then on each sample above the estimate moves it up by 19 steps and each other one down by one, so
 * that it rests where one in twenty is above. A step is 1/256 of the estimate.
 */
#ifndef SHM_PERCENTILE_H
#define SHM_PERCENTILE_H

#include <stdbool.h>
#include <stdint.h>

#define PERCENTILE_STEP_SHIFT 8
#define PERCENTILE_STEPS_UP   19

/* Both with enough bits of fraction for a 256th of what is usual; at most `max`. */
static inline uint64_t
percentile_next(uint64_t estimate, uint64_t sample, bool is_warm, uint64_t max)
{
    uint64_t step = (estimate >> PERCENTILE_STEP_SHIFT) + 1;

    if (!is_warm)
        estimate = sample > estimate ? sample : estimate;
    else if (sample > estimate)
        estimate += PERCENTILE_STEPS_UP * step;
    else
        estimate -= estimate >= step ? step : 0;
    return estimate > max ? max : estimate;
}

#endif
