/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "pace.h"

#define SECOND INT64_C(1000000)

static uint64_t
next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *state >> 16;
}

Test(pace, each_probe_is_due_within_its_own_share_of_the_interval)
{
    struct pace pace = {0};
    uint64_t state = 1;

    pace_begin(&pace, 10, 30 * SECOND, 0, 1000 * SECOND);
    for (int round = 0; round < 1000; round++) {
        for (uint32_t n = 0; n < 10; n++) {
            int64_t due_us = pace_due_us(&pace, n, next_random(&state));

            cr_assert_geq(due_us, (1000 + 3 * n) * SECOND);
            cr_assert_lt(due_us, (1003 + 3 * n) * SECOND);
        }
    }
}

Test(pace, the_moment_in_the_share_is_random)
{
    struct pace pace = {0};

    pace_begin(&pace, 1, 30 * SECOND, 0, SECOND);
    cr_assert_neq(pace_due_us(&pace, 0, 12345678), pace_due_us(&pace, 0, 87654321));
}

/* Whatever rounds, intervals and numbers of probes there are: no minute sees one too many. */
Test(pace, no_window_of_a_minute_has_more_starts_than_the_budget)
{
    static int64_t starts_us[20000];

    for (uint32_t budget = 1; budget <= 120; budget += 7) {
        struct pace pace = {0};
        uint64_t state = budget;
        int64_t now_us = SECOND;
        size_t n_starts = 0;

        for (int round = 0; round < 40; round++) {
            uint32_t n_probes = 1 + (uint32_t)(next_random(&state) % 20);
            int64_t interval_us = SECOND + (int64_t)(next_random(&state) % (uint64_t)(9 * SECOND));

            pace_begin(&pace, n_probes, interval_us, budget, now_us);
            for (uint32_t n = 0; n < n_probes; n++) {
                int64_t due_us = pace_due_us(&pace, n, next_random(&state));

                now_us = due_us > now_us ? due_us : now_us;
                pace_note_start(&pace, now_us);
                starts_us[n_starts++] = now_us;
            }
        }
        for (size_t n = budget; n < n_starts; n++)
            cr_assert_geq(starts_us[n] - starts_us[n - budget], 60 * SECOND, "budget %u", budget);
    }
}

Test(pace, more_probes_than_microseconds_are_due_at_once)
{
    struct pace pace = {0};

    pace_begin(&pace, 5, 3, 0, SECOND);
    cr_assert_eq(pace_due_us(&pace, 4, UINT64_MAX), SECOND);
}
