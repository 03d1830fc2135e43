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

/* asked_s: by the receiver's Retry-After, 0 = not. No sooner than that, within the bound; and where
 * many are asked to wait the same time, not all at its end. */
static inline int64_t
retry_pace_asked_us(uint32_t n, uint64_t random, int asked_s)
{
    int64_t wait_us = retry_pace_us(n, random), asked_us = asked_s * INT64_C(1000000);

    if (asked_us <= wait_us)
        return wait_us;
    asked_us += (int64_t)(random % (RETRY_PACE_FIRST_US / 2));
    return asked_us < RETRY_PACE_MAX_US ? asked_us : RETRY_PACE_MAX_US;
}

#endif
