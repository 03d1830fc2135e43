/* SPDX-License-Identifier: ISC
 *
 * breaker - one route's, with the settings that stand in the man page.
 */
#ifndef TESTS_SHM_BREAKER_H
#define TESTS_SHM_BREAKER_H

#include "fixture.h"
#include "relayos/shm/health.h"

#define SECOND INT64_C(1000000)
#define SPAN   (5 * SECOND)

static struct segment *segment;
static uint32_t row;
static const struct routing_settings settings = {.breaker_failures = 5,
                                                 .breaker_percent = 50,
                                                 .breaker_calls = 20,
                                                 .open_us = 5 * SECOND,
                                                 .open_max_us = 300 * SECOND};

static inline void
breaker_make(void)
{
    segment = fixture_segment();
    cr_assert_eq(health_intern(segment, 1, &row), 0);
}

static inline void
breaker_drop(void)
{
    segment_detach(&segment);
}

static inline bool
end_as(uint32_t slot, enum health_verdict verdict, bool is_trial, int64_t now_us)
{
    const struct health_outcome outcome = {
        .verdict = verdict, .is_trial = is_trial, .now_us = now_us};

    return health_end(segment, slot, row, &outcome, &settings);
}

static inline bool
end(uint32_t slot, enum health_verdict verdict, int64_t now_us)
{
    return end_as(slot, verdict, false, now_us);
}

static inline enum health_gate
gate(int64_t now_us, int64_t *out_until_us)
{
    return health_gate(segment, row, now_us, out_until_us);
}

/* Open it; returns when the pause ends. */
static inline int64_t
open_at(int64_t now_us)
{
    int64_t until_us;

    for (uint32_t n = 0; n < settings.breaker_failures; n++)
        cr_assert_eq(end(n % 4, HEALTH_FAULT, now_us), n + 1 == settings.breaker_failures);
    cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_OPEN);
    return until_us;
}

static inline bool
is_pause_of(int64_t pause_us, uint32_t level)
{
    int64_t nominal = settings.open_us;

    while (level-- > 0 && nominal < settings.open_max_us)
        nominal *= 2;
    if (nominal > settings.open_max_us)
        nominal = settings.open_max_us;
    return pause_us >= nominal * 8 / 10 - 2000 && pause_us <= nominal * 12 / 10 + 2000;
}

static inline bool
take(uint32_t slot, int64_t now_us)
{
    return health_take_trial(segment, slot, row, &settings, false, now_us);
}

#endif
