/* SPDX-License-Identifier: ISC */
#include "month.h"

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

Test(month, follows_month_and_year)
{
    cr_expect_eq(month_next(202511), 202512);
    cr_expect_eq(month_next(202512), 202601);
    cr_expect_eq(month_end_us(202511), DECEMBER_US);
}

/* LI-12 in small: streams that run over the boundary are charged to the month they started in. */
Test(month, a_request_is_charged_to_the_month_it_was_admitted_in)
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

Test(month, never_goes_backwards)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    clock_fake_set(5000000, DECEMBER_US + 1);
    tick(&fixture);
    cr_expect_eq(fixture.ledger.book.month, 202512);
    clock_fake_set(6000000, FIXTURE_NOW_US); /* somebody sets the clock back */
    tick(&fixture);
    cr_expect_eq(fixture.ledger.book.month, 202512);
    fixture_restart_ledger(&fixture);
    cr_expect_eq(fixture.ledger.book.month, 202512);
    cr_expect_eq(fixture_quota(&fixture, key, 0).period_id, 202512);
    fixture_fini(&fixture);
}
