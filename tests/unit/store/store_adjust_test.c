/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_adjust.h"
#include "relayos/store/store_row.h"
#include "store_fixture.h"

static void
make_key(struct fixture *fixture)
{
    struct key_record key = {.flags = KEY_ALL_MODELS, .name = "anna", .digest = {1}};

    cr_assert_eq(store_begin(fixture->store), 0);
    cr_assert_eq(store_key_insert(fixture->store, &key), 0);
    cr_assert_eq(store_commit(fixture->store), 0);
    cr_assert_eq(key.id, 1);
}

static void
insert_one(struct fixture *fixture, const struct flight_record *flight)
{
    enum store_insert inserted;

    cr_assert_eq(store_begin(fixture->store), 0);
    cr_assert_eq(fixture_insert(fixture, flight, &inserted), 0);
    cr_assert_eq(store_commit(fixture->store), 0);
    cr_assert_eq(inserted, STORE_INSERT_NEW);
}

static struct store_adjustment
make_adjustment(int64_t charge_nusd)
{
    return (struct store_adjustment){.request_id = text_uuid_new(FIXTURE_NOW_US + 1000000),
                                     .charge_nusd = charge_nusd,
                                     .made_us = FIXTURE_NOW_US + 1000000,
                                     .who = SLICE_LIT("uid 0"),
                                     .reason = SLICE_LIT("ticket 17")};
}

static int
adjust(struct fixture *fixture, struct store_adjustment *adjustment, struct errmsg *why)
{
    cr_assert_eq(store_begin(fixture->store), 0);
    int rc = store_adjust(fixture->store, adjustment, why);
    /* What is refused leaves the batch as it was. */
    cr_assert_eq(store_commit(fixture->store), 0);
    return rc;
}

Test(store_adjust, a_row_is_corrected_by_another_row_and_the_sums_follow)
{
    struct fixture fixture;
    struct flight_record flight;
    struct store_row row;
    struct errmsg why;

    fixture_init(&fixture);
    fixture_flight(&flight, 3);
    insert_one(&fixture, &flight);
    struct store_adjustment credit = make_adjustment(-1000);
    credit.corrects = flight.request_id;
    credit.cost_nusd = -500;
    cr_assert_eq(adjust(&fixture, &credit, &why), 0, "%s", why.text);
    cr_expect_eq(credit.key_id, flight.key_id);
    cr_expect_eq(credit.day, flight.day_id);
    cr_expect_eq(fixture_query(&fixture, "SELECT charge_nusd FROM usage"), 3);
    cr_expect_eq(fixture_query(&fixture, "SELECT cost_nusd FROM usage"), 3);
    cr_expect_eq(fixture_query(&fixture, "SELECT n_requests FROM usage"), 1);
    cr_expect_eq(fixture_query(&fixture, "SELECT charge_nusd FROM day_total"), 3);
    cr_assert_eq(store_row_get(fixture.store, credit.request_id, &row), 0);
    cr_expect(row.is_correction);
    cr_expect_arr_eq(row.corrects.bytes, flight.request_id.bytes, 16);
    cr_expect_eq(row.charge_nusd, -1000);
    cr_expect_str_eq(row.provenance, "adjusted");
    cr_expect_str_eq(row.who, "uid 0");
    cr_expect_str_eq(row.reason, "ticket 17");
    cr_expect_eq(store_ledger_verify(fixture.store, 0, &why), 0, "%s", why.text);
    cr_expect_eq(store_ledger_verify_recent(fixture.store, 0, &why), 0, "%s", why.text);
    cr_assert_eq(store_row_get(fixture.store, flight.request_id, &row), 0);
    cr_expect_eq(row.charge_nusd, 1003);
    cr_expect_not(row.is_correction);
    fixture_fini(&fixture);
}

Test(store_adjust, neither_a_row_nor_a_sum_falls_below_zero)
{
    struct fixture fixture;
    struct flight_record flight;
    struct errmsg why;

    fixture_init(&fixture);
    make_key(&fixture);
    fixture_flight(&flight, 0); /* key 1 is charged 1000 for model-0 */
    insert_one(&fixture, &flight);
    flight.request_id = text_uuid_new(FIXTURE_NOW_US);
    insert_one(&fixture, &flight);
    struct store_adjustment much = make_adjustment(-1001), all = make_adjustment(-1000);
    struct store_adjustment more = make_adjustment(-1), of_day = make_adjustment(-1001);
    much.corrects = all.corrects = more.corrects = flight.request_id;
    cr_expect_eq(adjust(&fixture, &much, &why), ERR_CONFLICT);
    cr_expect_eq(adjust(&fixture, &all, &why), 0, "%s", why.text);
    cr_expect_eq(adjust(&fixture, &more, &why),
                 ERR_CONFLICT); /* the day could pay it, not the row */
    of_day.key_id = 1;
    of_day.day = flight.day_id;
    snprintf(of_day.model, sizeof(of_day.model), "model-0");
    cr_expect_eq(adjust(&fixture, &of_day, &why), ERR_CONFLICT);
    of_day.charge_nusd = -1000;
    cr_expect_eq(adjust(&fixture, &of_day, &why), 0, "%s", why.text);
    cr_expect_eq(fixture_query(&fixture, "SELECT charge_nusd FROM usage"), 0);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM ledger"), 4);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM adjustment"), 2);
    cr_expect_eq(store_ledger_verify(fixture.store, 0, &why), 0, "%s", why.text);
    fixture_fini(&fixture);
}

Test(store_adjust, what_makes_no_sense_is_refused_with_a_reason)
{
    struct fixture fixture;
    struct flight_record flight;
    struct errmsg why;

    fixture_init(&fixture);
    make_key(&fixture);
    fixture_flight(&flight, 0);
    insert_one(&fixture, &flight);
    struct store_adjustment good = make_adjustment(5), bad;
    good.corrects = flight.request_id;
    cr_assert_eq(adjust(&fixture, &good, &why), 0);
    bad = good;
    cr_expect_eq(adjust(&fixture, &bad, &why), ERR_EXISTS); /* the same once more */
    bad = make_adjustment(5);
    bad.corrects = good.request_id;
    cr_expect_eq(adjust(&fixture, &bad, &why), ERR_CONFLICT);
    bad = make_adjustment(5);
    bad.corrects = text_uuid_new(FIXTURE_NOW_US);
    cr_expect_eq(adjust(&fixture, &bad, &why), ERR_MISSING);
    bad = make_adjustment(5);
    bad.key_id = 77;
    bad.day = 20251125;
    cr_expect_eq(adjust(&fixture, &bad, &why), ERR_MISSING);
    bad.key_id = 1;
    bad.day = 202511;
    cr_expect_eq(adjust(&fixture, &bad, &why), ERR_SYNTAX);
    bad = make_adjustment(0);
    bad.corrects = flight.request_id;
    cr_expect_eq(adjust(&fixture, &bad, &why), ERR_SYNTAX);
    bad = make_adjustment(INT64_MIN);
    bad.corrects = flight.request_id;
    cr_expect_eq(adjust(&fixture, &bad, &why), ERR_SYNTAX);
    bad = make_adjustment(5);
    bad.corrects = flight.request_id;
    bad.reason = SLICE_LIT("");
    cr_expect_eq(adjust(&fixture, &bad, &why), ERR_SYNTAX);
    cr_expect_gt(strlen(why.text), 0);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM ledger"), 2);
    cr_expect_eq(fixture_query(&fixture, "SELECT sum(charge_nusd) FROM usage"), 1005);
    fixture_fini(&fixture);
}

/* A slip of the hand, again and again, must not bring sums to where the next row cannot be added.
 */
Test(store_adjust, sums_stay_far_from_what_cannot_be_stored)
{
    struct store_adjustment large = make_adjustment(STORE_ADJUST_AMOUNT_MAX + 1);
    struct fixture fixture;
    struct errmsg why;
    int rc = 0;

    fixture_init(&fixture);
    make_key(&fixture);
    large.key_id = 1;
    large.day = 20260505;
    cr_expect_eq(adjust(&fixture, &large, &why), ERR_SYNTAX);
    for (int i = 0; rc == 0 && i < 200; i++) {
        large = make_adjustment(STORE_ADJUST_AMOUNT_MAX);
        large.key_id = 1;
        large.day = 20260505;
        large.cost_nusd = large.quota_tokens = STORE_ADJUST_AMOUNT_MAX;
        rc = adjust(&fixture, &large, &why);
    }
    cr_expect_eq(rc, ERR_CONFLICT, "%s", why.text);
    cr_expect_leq(fixture_query(&fixture, "SELECT sum(charge_nusd) FROM usage"),
                  STORE_ADJUST_SUM_MAX);
    fixture_fini(&fixture);
}

static uint32_t
draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

/* LI-04: whatever is settled and corrected, in whichever batches, sums are rows and none is
 * negative. */
Test(store_adjust, random_histories_balance, .timeout = 120)
{
    enum { N_FLIGHTS = 200, N_STEPS = 3000 };
    static struct flight_record flights[N_FLIGHTS];
    struct fixture fixture;
    struct errmsg why;
    uint32_t random = 7;

    fixture_init(&fixture);
    for (uint32_t i = 0; i < N_FLIGHTS; i++)
        fixture_flight(&flights[i], i);
    cr_assert_eq(store_begin(fixture.store), 0);
    for (int i = 0; i < N_STEPS; i++) {
        uint32_t n = draw(&random, N_FLIGHTS);
        enum store_insert inserted;
        int rc;

        if (draw(&random, 3) == 0) {
            rc = fixture_insert(&fixture, &flights[n], &inserted);
            cr_assert_eq(rc, 0);
        } else {
            struct store_adjustment adjustment = make_adjustment((int)draw(&random, 1000) - 600);

            adjustment.corrects = flights[n].request_id;
            rc = store_adjust(fixture.store, &adjustment, &why);
            cr_assert(rc == 0 || rc == ERR_MISSING || rc == ERR_CONFLICT || rc == ERR_SYNTAX, "%s",
                      why.text);
        }
        if (draw(&random, 20) != 0)
            continue;
        if (draw(&random, 4) != 0)
            cr_assert_eq(store_commit(fixture.store), 0);
        else
            store_rollback(fixture.store);
        cr_assert_eq(store_begin(fixture.store), 0);
    }
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_expect_eq(store_ledger_verify(fixture.store, 0, &why), 0, "%s", why.text);
    cr_expect_eq(store_ledger_verify_recent(fixture.store, 0, &why), 0, "%s", why.text);
    cr_expect_gt(fixture_query(&fixture, "SELECT count(*) FROM ledger WHERE corrects IS NOT NULL"),
                 100);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM usage WHERE charge_nusd < 0"), 0);
    fixture_fini(&fixture);
}
