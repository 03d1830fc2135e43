/* SPDX-License-Identifier: ISC */
#include "ledger_fixture.h"
#include "relayos/store/store_row.h"
#include "retention.h"

#define DAY_US INT64_C(86400000000)

static int64_t
n_rows(struct fixture *fixture)
{
    (void)fixture_command(fixture, "ledger.rows");
    return (int64_t)frame_length(frame_get(fixture_result(fixture), "rows"));
}

static void
serve_on(struct fixture *fixture, uint64_t key, int64_t real_us)
{
    clock_fake_set(clock_mono_us() + 2000000, real_us);
    ledger_tick(&fixture->ledger, clock_mono_us());
    cr_assert(fixture_request(fixture, key, 1000, 1000));
    cr_assert_eq(fixture_settle(fixture), 1);
}

static void
keep_house(struct fixture *fixture)
{
    (void)fixture_command(fixture, "checkpoint");
    (void)fixture_result(fixture);
}

static void
bill(struct fixture *fixture, int64_t day)
{
    frame_int(fixture_command(fixture, "ledger.billed"), "day", day);
    (void)fixture_result(fixture);
}

/* Rows of November, December, January and today, the 10th of April. */
Test(retention, takes_rows_of_closed_billed_months_and_of_no_others)
{
    static struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "anna", USD, NULL);
    for (int month = 0; month < 3; month++)
        serve_on(&fixture, key, FIXTURE_NOW_US + month * 31 * DAY_US);
    serve_on(&fixture, key, FIXTURE_NOW_US + 136 * DAY_US);

    bill(&fixture, 20251231);
    keep_house(&fixture);
    cr_expect_eq(n_rows(&fixture), 4, "for ever, unless said");
    fixture.conf.row_retention_us = 300 * DAY_US;
    keep_house(&fixture);
    cr_expect_eq(n_rows(&fixture), 4, "too young");
    fixture.conf.row_retention_us = 120 * DAY_US; /* the 11th of December */
    keep_house(&fixture);
    cr_expect_eq(n_rows(&fixture), 3, "November; December is not as old as a whole");
    fixture.conf.row_retention_us = DAY_US;
    keep_house(&fixture);
    cr_expect_eq(n_rows(&fixture), 2, "January is not billed");
    bill(&fixture, 20260130);
    keep_house(&fixture);
    cr_expect_eq(n_rows(&fixture), 2, "nor is all of it");
    /* What was used stays known, and the books are sound. */
    cr_expect_eq(fixture_charged(&fixture, 202511), 1000);
    fixture_restart_ledger(&fixture);
    cr_expect_eq(fixture_charged(&fixture, 202512), 1000);
    fixture_fini(&fixture);
}

Test(retention, what_is_billed_never_goes_back)
{
    static struct fixture fixture;

    fixture_init(&fixture);
    bill(&fixture, 20251031);
    frame_int(fixture_command(&fixture, "ledger.billed"), "day", 20251030);
    cr_expect_eq(fixture_failure(&fixture, "20251031"), ERR_CONFLICT);
    frame_int(fixture_command(&fixture, "ledger.billed"), "day", 20251125);
    cr_expect_eq(fixture_failure(&fixture, "that is over"), ERR_SYNTAX);
    fixture_fini(&fixture);
}
