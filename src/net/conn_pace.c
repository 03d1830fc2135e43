/* SPDX-License-Identifier: ISC */
#include "conn_pace.h"

void
conn_pace_begin(struct conn_pace *pace, int64_t now_us, uint64_t n_bytes)
{
    *pace = (struct conn_pace){.since_us = now_us, .seen_us = now_us, .seen_bytes = n_bytes};
}

int64_t
conn_pace_next_us(const struct conn_pace *pace, const struct conn_pace_limits *limits)
{
    int64_t look_us = pace->seen_us + limits->window_us;
    int64_t end_us = pace->since_us + limits->total_us;

    if (limits->total_us > 0 && (limits->least == 0 || end_us < look_us))
        return end_us;
    return look_us;
}

bool
conn_pace_is_good(struct conn_pace *pace, const struct conn_pace_limits *limits, int64_t now_us,
                  uint64_t n_bytes)
{
    int64_t passed_us = now_us - pace->seen_us;

    if (limits->total_us > 0 && now_us - pace->since_us >= limits->total_us)
        return false;
    if (passed_us < limits->window_us) /* too early to say */
        return true;
    /* What is asked for is that of one window: who looks late has been stopped. */
    bool is_good = n_bytes >= pace->seen_bytes + limits->least;

    pace->seen_us = now_us;
    pace->seen_bytes = n_bytes;
    return is_good;
}
