/* SPDX-License-Identifier: ISC
 *
 * backoff - how long to wait before a child that ended unasked is started again. Pure.
 */
#ifndef MASTER_BACKOFF_H
#define MASTER_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_US       INT64_C(100000) /* the second crash in a row; the first waits not */
#define BACKOFF_MAX_US         INT64_C(5000000)
#define BACKOFF_LOOP_N         5                 /* this many crashes ... */
#define BACKOFF_LOOP_WINDOW_US INT64_C(60000000) /* ... within this time are a crash loop: */
#define BACKOFF_LOOP_US        INT64_C(30000000) /* no sooner than this */

struct backoff {
    int64_t crashes_us[BACKOFF_LOOP_N]; /* the last ones, a ring */
    uint32_t n_crashes;                 /* ever */
    uint32_t n_in_row;                  /* since one that came after a quiet window */
};

/* Note a crash; returns the time to wait, and whether it is a loop. */
int64_t backoff_after_crash(struct backoff *backoff, int64_t now_us, bool *out_is_loop);

#define CRASH_SPELL_N  3                 /* so many crashes, of whichever children ... */
#define CRASH_SPELL_US INT64_C(60000000) /* ... within this time are worth an alert */

struct crash_spell {
    int64_t crashes_us[CRASH_SPELL_N]; /* the last ones, a ring */
    uint32_t n;                        /* ever */
};

/* Note a crash; is it the last of so many? */
bool backoff_note_crash(struct crash_spell *spell, int64_t now_us);

#endif
