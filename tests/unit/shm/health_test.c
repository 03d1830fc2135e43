/* SPDX-License-Identifier: ISC */
#include "fixture.h"
#include "relayos/shm/health.h"

static struct segment *segment;

static void
make(void)
{
    segment = fixture_segment();
}

static void
drop(void)
{
    segment_detach(&segment);
}

TestSuite(health, .init = make, .fini = drop);

static uint32_t
intern(uint32_t route_id)
{
    uint32_t row;

    cr_assert_eq(health_intern(segment, route_id, &row), 0);
    return row;
}

Test(health, what_each_worker_saw_is_summed)
{
    uint32_t row = intern(77), found;
    struct health_view view;

    cr_assert_eq(health_row(segment, 77, &found), 0);
    cr_assert_eq(found, row);
    cr_assert_eq(health_row(segment, 78, &found), ERR_MISSING);
    health_begin(segment, 0, row);
    health_begin(segment, 1, row);
    health_begin(segment, 1, row);
    health_end(segment, 0, row, false, 4000, 100);
    health_end(segment, 1, row, true, 0, 200);
    health_view(segment, row, &view);
    cr_assert_eq(view.in_flight, 1);
    cr_assert_eq(view.successes, 1);
    cr_assert_eq(view.failures, 1);
    cr_assert_eq(view.first_token_us_ewma, 4000);
    cr_assert_eq(view.last_success_us, 100);
    cr_assert_eq(view.last_failure_us, 200);
    health_forget_worker(segment, 1);
    health_view(segment, row, &view);
    cr_assert_eq(view.in_flight, 0);
}

Test(health, failures_in_a_row_are_the_least_over_those_who_tried_since_the_last_success)
{
    uint32_t row = intern(5);
    struct health_view view;

    for (int i = 0; i < 4; i++)
        health_end(segment, 0, row, true, 0, 10 + i);
    health_view(segment, row, &view);
    cr_assert_eq(view.consecutive_failures, 4);
    health_end(segment, 1, row, false, 1, 20); /* so it was worker 0's trouble alone */
    health_view(segment, row, &view);
    cr_assert_eq(view.consecutive_failures, 0);
    for (int i = 0; i < 3; i++)
        health_end(segment, 0, row, true, 0, 30 + i);
    health_view(segment, row, &view);
    cr_assert_eq(view.consecutive_failures, 7);
    health_end(segment, 1, row, true, 0, 40);
    health_view(segment, row, &view);
    cr_assert_eq(view.consecutive_failures, 1);
}

Test(health, reloads_without_end_find_room_and_keep_what_stays)
{
    uint32_t n_routes = fixture_capacity.routes, row;
    struct health_view view;

    health_end(segment, 2, intern(1), false, 10, 10);
    for (uint32_t reload = 0; reload < 100; reload++) {
        for (uint32_t n = 0; n < n_routes - 1; n++)
            (void)intern(1000 * (reload + 1) + n);
        (void)intern(1);
        segment->header->catalog_epoch++; /* as catalog_commit() does */
        for (uint32_t n = 0; n < n_routes - 1; n++)
            cr_assert_eq(health_row(segment, 1000 * (reload + 1) + n, &row), 0);
    }
    cr_assert_eq(health_row(segment, 1, &row), 0);
    health_view(segment, row, &view);
    cr_assert_eq(view.successes, 1);
}

Test(health, a_row_taken_over_by_another_route_starts_from_nothing)
{
    uint32_t row = intern(9);
    struct health_view view;

    health_begin(segment, 0, row);
    health_end(segment, 0, row, true, 0, 10);
    health_begin(segment, 0, row);
    segment->health_rows[row].route_id = 10;
    health_view(segment, row, &view);
    cr_assert_eq(view.failures, 0);
    health_end(segment, 0, row, false, 5, 20); /* of an attempt that began on the old route */
    health_view(segment, row, &view);
    cr_assert_eq(view.in_flight, 0);
    cr_assert_eq(view.successes, 1);
}
