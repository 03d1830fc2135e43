/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "conn_pace.h"

#define SECOND INT64_C(1000000)

static const struct conn_pace_limits limits = {
    .window_us = 15 * SECOND, .total_us = 300 * SECOND, .least = 7680};

/* Bytes a second until it is cut, or for ten minutes: when that is. */
static int64_t
run(const struct conn_pace_limits *how, uint64_t rate, uint64_t burst)
{
    struct conn_pace pace;
    int64_t start_us = 1000 * SECOND, now_us = start_us;

    conn_pace_begin(&pace, now_us, 100);
    while (now_us - start_us < 600 * SECOND) {
        int64_t next_us = conn_pace_next_us(&pace, how);

        cr_assert_gt(next_us, now_us, "it is never asked for twice at a time");
        now_us = next_us;
        if (!conn_pace_is_good(&pace, how, now_us,
                               100 + burst + rate * (uint64_t)((now_us - start_us) / SECOND)))
            break;
    }
    return (now_us - start_us) / SECOND;
}

Test(conn_pace, who_is_too_slow_is_out_after_a_window)
{
    cr_expect_eq(run(&limits, 0, 0), 15);
    cr_expect_eq(run(&limits, 1, 0), 15);
    cr_expect_eq(run(&limits, 511, 0), 15);
}

Test(conn_pace, a_burst_buys_one_window_and_no_more)
{
    cr_expect_eq(run(&limits, 1, 1000000), 30);
}

Test(conn_pace, who_is_fast_enough_has_until_the_end)
{
    cr_expect_eq(run(&limits, 512, 0), 300);
    cr_expect_eq(run(&limits, 100000, 0), 300);
}

Test(conn_pace, no_rate_leaves_the_end_and_no_end_leaves_the_rate)
{
    struct conn_pace_limits other = limits;

    other.least = 0;
    cr_expect_eq(run(&other, 0, 0), 300);
    other = limits;
    other.total_us = 0;
    cr_expect_geq(run(&other, 512, 0), 600);
    cr_expect_eq(run(&other, 511, 0), 15);
}

/* Ten minutes without a look: what is asked for is still that of one window. */
Test(conn_pace, a_late_look_asks_for_no_more)
{
    struct conn_pace_limits other = limits;
    struct conn_pace pace;

    other.total_us = 0;
    conn_pace_begin(&pace, 0, 0);
    cr_expect(conn_pace_is_good(&pace, &other, 600 * SECOND, 7680));
}

/* Chunks are shorter once they are decoded. */
Test(conn_pace, a_count_that_goes_back_is_no_progress)
{
    struct conn_pace pace;

    conn_pace_begin(&pace, 0, 5000);
    cr_expect(!conn_pace_is_good(&pace, &limits, 15 * SECOND, 4000));
}
