/* SPDX-License-Identifier: ISC */
#include "day.h"

#include "ledger_fixture.h"

#define DECEMBER_US INT64_C(1764547200000000) /* 2025-12-01 00:00:00 UTC */

static void
tick(struct fixture *fixture)
{
    fixture->ledger.last_tick_us = 0;
    ledger_tick(&fixture->ledger, clock_mono_us());
    while (fixture->ledger.book.is_walking)
        ledger_tick(&fixture->ledger, clock_mono_us());
}

/* LI-12 in small: streams that run over the boundary are charged to the month they started in. */
Test(day, a_request_is_charged_to_the_month_it_was_admitted_in)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    struct flight *flight = fixture_flight(&fixture, key, 600);
    cr_assert_eq(fixture_hold(&fixture, flight), 0);
    flight_dispatch(flight);

    /* The month has ended; nobody has told the ledger: workers go to the next cell themselves. */
    clock_fake_set(5000000, DECEMBER_US + 1);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 0);
    cr_assert(fixture_request(&fixture, key, 700, 650));
    tick(&fixture);
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 650);
    cr_expect_eq(fixture_quota(&fixture, key, 0).period_id, 202512);

    fixture_done(&fixture, flight, 500); /* the stream of November ends */
    cr_expect_eq(fixture.ledger.book.n_unwanted, 1);
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 650);
    cr_expect_eq(fixture_charged(&fixture, 202511), 500);
    cr_expect_eq(fixture_charged(&fixture, 202512), 650);
    tick(&fixture);
    cr_expect_eq(fixture.ledger.book.n_unwanted, 0); /* November's cell has drained and closed */
    fixture_restart_ledger(&fixture);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 650);
    fixture_fini(&fixture);
}

Test(day, never_goes_backwards)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    clock_fake_set(5000000, DECEMBER_US + 1);
    tick(&fixture);
    cr_expect_eq(fixture.ledger.book.day, 20251201);
    clock_fake_set(6000000, FIXTURE_NOW_US); /* somebody sets the clock back */
    tick(&fixture);
    cr_expect_eq(fixture.ledger.book.day, 20251201);
    fixture_restart_ledger(&fixture);
    cr_expect_eq(fixture.ledger.book.day, 20251201);
    cr_expect_eq(fixture_quota(&fixture, key, 0).period_id, 202512);
    fixture_fini(&fixture);
}

/* LI-12: whatever is open when the month turns is charged to the month, week and day it was
 * admitted in; the new ones start at nothing; the old cells drain and close. */
Test(day, a_repair_takes_back_a_day_that_is_still_to_come)
{
    struct fixture fixture;

    fixture_init(&fixture);
    clock_fake_set(5000000, DECEMBER_US + 1); /* a clock that went wrong ... */
    tick(&fixture);
    clock_fake_set(6000000, FIXTURE_NOW_US); /* ... and was mended */
    fixture_restart_ledger(&fixture);
    cr_expect_eq(fixture.ledger.book.day, 20251201);
    fixture.heritage.is_repair = true;
    fixture_restart_ledger(&fixture);
    cr_expect_eq(fixture.ledger.book.day, 20251125);
    fixture.heritage.is_repair = false;
    fixture_restart_ledger(&fixture);
    cr_expect_eq(fixture.ledger.book.day, 20251125);
    fixture_fini(&fixture);
}

Test(day, a_month_turns_with_streams_open, .timeout = 60)
{
    enum { N_OPEN = 50, N_EARLY = 20, EACH = 10 };
    struct flight *flights[N_OPEN];
    struct fixture fixture;

    fixture_init(&fixture);
    struct frame_out *args = fixture_command(&fixture, "key.create");
    static const char *const periods[] = {"day", "week", "month", "total"};
    frame_cstr(args, "name", "a");
    frame_array(args, "quotas");
    for (int i = 0; i < 4; i++) {
        frame_map(args, NULL);
        frame_cstr(args, "unit", "usd");
        frame_cstr(args, "period", periods[i]);
        frame_int(args, "amount", 100000);
        frame_end(args);
    }
    frame_end(args);
    uint64_t key = (uint64_t)frame_get_int(frame_get(fixture_result(&fixture), "key"), "id", 0);

    clock_fake_set(4000000, DECEMBER_US - 1); /* Sunday 2025-11-30, its last microsecond */
    tick(&fixture);
    for (int i = 0; i < N_OPEN; i++) {
        flights[i] = fixture_flight(&fixture, key, 2 * EACH);
        cr_assert_eq(fixture_hold(&fixture, flights[i]), 0);
        flight_dispatch(flights[i]);
    }
    clock_fake_set(8000000, DECEMBER_US);
    for (int i = 0; i < N_EARLY; i++) /* before the ledger has noticed */
        fixture_done(&fixture, flights[i], EACH);
    cr_assert(fixture_request(&fixture, key, 3, 3));
    cr_expect_eq(fixture_settle(&fixture), N_EARLY + 1);
    /* Of the books' day are only those that were admitted on it. */
    const struct frame_value *limits =
        frame_get(frame_get(fixture_key_command(&fixture, "key.show", "a"), "key"), "limits");
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(frame_get_int(frame_at(limits, i), "used", -1),
                     N_EARLY * EACH +
                         (fixture_str_is(frame_at(limits, i), "period", "total") ? 3 : 0));
    tick(&fixture);
    for (int i = N_EARLY; i < N_OPEN; i++)
        fixture_done(&fixture, flights[i], EACH);
    cr_assert(fixture_request(&fixture, key, 4, 4));
    cr_expect_eq(fixture_settle(&fixture), N_OPEN - N_EARLY + 1);

    for (int i = 0; i < 4; i++) {
        struct quota_view quota = fixture_quota(&fixture, key, i);
        bool is_total = quota.period_id == 0;

        cr_expect_eq(quota.used, is_total ? N_OPEN * EACH + 7 : 7, "period %u: %lld",
                     quota.period_id, (long long)quota.used);
        cr_expect_eq(quota.reserved, 0);
    }
    cr_expect_eq(fixture_charged(&fixture, 202511), N_OPEN * EACH);
    cr_expect_eq(fixture_charged(&fixture, 20251130), N_OPEN * EACH);
    cr_expect_eq(fixture_charged(&fixture, 202512), 7);
    tick(&fixture);
    cr_expect_eq(fixture.ledger.book.n_unwanted, 0);
    fixture_fini(&fixture);
}

/* As many cells as limits need, and not one to spare: the days go on all the same, also those on
 * which something is held over midnight. */
Test(day, turns_without_a_cell_to_spare)
{
    enum { N_KEYS = 4 };
    static const struct segment_capacity capacity = {.n_workers = 2,
                                                     .flights_per_worker = 64,
                                                     .keys = 16,
                                                     .routes = 8,
                                                     .upstreams = 4,
                                                     .quota_cells = 2 * N_KEYS,
                                                     .refusals_per_worker = 16};
    struct fixture fixture;
    uint64_t keys[N_KEYS];

    fixture_init_sized(&fixture, &capacity);
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    for (int i = 0; i < N_KEYS; i++) {
        struct frame_out *args = fixture_command(&fixture, "key.create");
        char name[] = {(char)('a' + i), '\0'};

        frame_cstr(args, "name", name);
        frame_int(args, "quota_nusd", 1000);
        frame_cstr(args, "quota_period", "day");
        keys[i] = (uint64_t)frame_get_int(frame_get(fixture_result(&fixture), "key"), "id", 0);
    }
    for (int day = 1; day <= 5; day++) {
        struct flight *late = fixture_flight(&fixture, keys[0], 10);

        cr_assert_eq(fixture_hold(&fixture, late), 0, "day %d", day);
        flight_dispatch(late);
        clock_fake_set(clock_mono_us() + 20000000, FIXTURE_NOW_US + day * INT64_C(86400000000));
        tick(&fixture);
        fixture_done(&fixture, late, 10);
        cr_expect_eq(fixture_settle(&fixture), 1);
        clock_fake_set(clock_mono_us() + 20000000, clock_real_us() + 20000000);
        tick(&fixture);
        tick(&fixture);
        for (int i = 0; i < N_KEYS; i++) {
            cr_expect(fixture_request(&fixture, keys[i], 600, 500), "day %d, key %d", day, i);
            cr_expect_not(fixture_request(&fixture, keys[i], 600, 500));
        }
        cr_expect_eq(fixture_settle(&fixture), N_KEYS);
    }
    fixture_fini(&fixture);
}

/* A key that found no room at the start is published once another has given cells back. */
Test(day, a_key_without_room_is_tried_again_when_there_is_some)
{
    struct segment_capacity capacity = {.n_workers = 2,
                                        .flights_per_worker = 64,
                                        .keys = 16,
                                        .routes = 8,
                                        .upstreams = 4,
                                        .quota_cells = 4,
                                        .refusals_per_worker = 16};
    struct fixture fixture;

    fixture_init_sized(&fixture, &capacity);
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    (void)fixture_key(&fixture, "a", 1000, NULL);
    uint64_t second = fixture_key(&fixture, "b", 1000, NULL);
    fixture_kill_ledger(&fixture);
    (void)segment_unlink(fixture.segment_name);
    capacity.quota_cells = 3;
    struct errmsg why;
    flight_desk_close(&fixture.desk);
    cr_assert_eq(segment_create(fixture.segment_name, &capacity, &fixture.heritage.segment, &why),
                 0);
    fixture.segments[fixture.n_segments++] = fixture.heritage.segment;
    fixture_start_ledger(&fixture);
    fixture_start_worker(&fixture);
    cr_expect_eq(fixture.ledger.book.n_published, 1);

    (void)fixture_key_command(&fixture, "key.revoke", "a");
    clock_fake_set(clock_mono_us() + 20000000, FIXTURE_NOW_US + 20000000);
    tick(&fixture);
    tick(&fixture);
    cr_expect_eq(fixture.ledger.book.n_published, 1);
    cr_expect(fixture_request(&fixture, second, 600, 500));
    cr_expect_not(fixture_request(&fixture, second, 600, 500));
    fixture_fini(&fixture);
}
