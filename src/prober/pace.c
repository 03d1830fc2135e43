/* SPDX-License-Identifier: ISC */
#include "pace.h"

#include <assert.h>

#define MINUTE_US INT64_C(60000000)

void
pace_begin(struct pace *pace, uint32_t n_probes, int64_t interval_us, uint32_t per_minute,
           int64_t now_us)
{
    assert(n_probes > 0 && interval_us > 0);
    pace->start_us = now_us;
    pace->share_us = interval_us / n_probes;
    /* Rounded up: of no minute's starts may there be one too many. */
    pace->gap_us = per_minute == 0 ? 0 : (MINUTE_US + per_minute - 1) / per_minute;
}

int64_t
pace_due_us(const struct pace *pace, uint32_t n, uint64_t random)
{
    int64_t jitter_us = pace->share_us == 0 ? 0 : (int64_t)(random % (uint64_t)pace->share_us);
    int64_t due_us = pace->start_us + n * pace->share_us + jitter_us;
    int64_t earliest_us = pace->last_us == 0 ? 0 : pace->last_us + pace->gap_us;

    return due_us > earliest_us ? due_us : earliest_us;
}

void
pace_note_start(struct pace *pace, int64_t now_us)
{
    pace->last_us = now_us;
}
