/* SPDX-License-Identifier: ISC
 *
 * retry_pace - how long to wait before a receiver that did not take something is asked again: twice
 * as long each time, up to a bound, and never at the same moment as others. Pure.
 */
#ifndef PROBER_RETRY_PACE_H
#define PROBER_RETRY_PACE_H

#include <stdint.h>

#define RETRY_PACE_FIRST_US INT64_C(1000000)
#define RETRY_PACE_MAX_US   INT64_C(300000000)

/* n: failures in a row, 1 at least; random: fresh bits. Between half of it and the whole. */
static inline int64_t
retry_pace_us(uint32_t n, uint64_t random)
{
    int64_t wait_us = RETRY_PACE_FIRST_US;

    while (--n > 0 && wait_us < RETRY_PACE_MAX_US)
        wait_us *= 2;
    if (wait_us > RETRY_PACE_MAX_US)
        wait_us = RETRY_PACE_MAX_US;
    return wait_us / 2 + (int64_t)(random % (uint64_t)(wait_us / 2 + 1));
}

#endif
