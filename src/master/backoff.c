/* SPDX-License-Identifier: ISC */
#include "backoff.h"

#include <assert.h>

int64_t
backoff_after_crash(struct backoff *backoff, int64_t now_us, bool *out_is_loop)
{
    uint32_t last = (backoff->n_crashes + BACKOFF_LOOP_N - 1) % BACKOFF_LOOP_N;
    uint32_t this = backoff->n_crashes % BACKOFF_LOOP_N;
    bool is_first =
        backoff->n_crashes == 0 || now_us - backoff->crashes_us[last] > BACKOFF_LOOP_WINDOW_US;

    /* After this crash the ring's next place holds the oldest of the last BACKOFF_LOOP_N. */
    backoff->crashes_us[this] = now_us;
    backoff->n_crashes++;
    backoff->n_in_row = is_first ? 1 : backoff->n_in_row + 1;
    int64_t oldest_us = backoff->crashes_us[backoff->n_crashes % BACKOFF_LOOP_N];

    *out_is_loop =
        backoff->n_crashes >= BACKOFF_LOOP_N && now_us - oldest_us <= BACKOFF_LOOP_WINDOW_US;
    if (*out_is_loop)
        return BACKOFF_LOOP_US;
    if (is_first)
        return 0;

    int64_t wait_us = BACKOFF_FIRST_US;
    for (uint32_t i = 2; i < backoff->n_in_row && wait_us < BACKOFF_MAX_US; i++)
        wait_us *= 2;
    return wait_us < BACKOFF_MAX_US ? wait_us : BACKOFF_MAX_US;
}

bool
backoff_note_crash(struct crash_spell *spell, int64_t now_us)
{
    spell->crashes_us[spell->n++ % CRASH_SPELL_N] = now_us;
    return spell->n >= CRASH_SPELL_N &&
           now_us - spell->crashes_us[spell->n % CRASH_SPELL_N] <= CRASH_SPELL_US;
}
