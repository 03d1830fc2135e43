/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_archive.h"
#include "relayos/store/store_reconcile.h"
#include "relayos/store/store_row.h"
#include "store_fixture.h"

static void
insert_flights(struct fixture *fixture, uint32_t n)
{
    enum store_insert inserted;

    cr_assert_eq(store_begin(fixture->store), 0);
    for (uint32_t i = 0; i < n; i++) {
        struct flight_record flight;

        fixture_flight(&flight, i);
        flight.day_id = 20251101 + i % 30;
        snprintf(flight.attempts[0].upstream_request_id, 48, i % 4 == 0 ? "" : "req_%u", 1000 - i);
        flight.attempts[0].cost_nusd = i;
        cr_assert_eq(fixture_insert(fixture, &flight, &inserted), 0);
    }
    cr_assert_eq(store_commit(fixture->store), 0);
}

static size_t
count_rows(struct fixture *fixture, const struct store_row_filter *filter)
{
    struct store_row_cursor cursor = {0};
    struct store_row rows[7];
    size_t n_all = 0, n;
    int64_t seq = 0;

    while (!cursor.is_at_end) {
        cr_assert_eq(store_row_next(fixture->store, filter, &cursor, rows, 7, &n), 0);
        for (size_t i = 0; i < n; i++, n_all++) {
            cr_expect_gt(rows[i].seq, seq);
            seq = rows[i].seq;
        }
    }
    return n_all;
}

Test(store_row, a_cursor_meets_each_row_once_in_the_order_they_were_written)
{
    struct fixture fixture;

    fixture_init(&fixture);
    cr_expect_eq(count_rows(&fixture, &(struct store_row_filter){0}), 0);
    insert_flights(&fixture, 300);
    cr_expect_eq(count_rows(&fixture, &(struct store_row_filter){0}), 300);
    cr_expect_eq(count_rows(&fixture, &(struct store_row_filter){.key_id = 2}), 60);
    cr_expect_eq(count_rows(&fixture, &(struct store_row_filter){.first_day = 20251130}), 10);
    cr_expect_eq(count_rows(&fixture, &(struct store_row_filter){.last_day = 20251102}), 20);
    cr_expect_eq(count_rows(&fixture, &(struct store_row_filter){.first_day = 20251110,
                                                                 .last_day = 20251112}),
                 30);
    fixture_fini(&fixture);
}

Test(store_row, comes_back_as_it_was_settled)
{
    struct fixture fixture;
    struct flight_record flight;
    struct store_row row;
    enum store_insert inserted;

    fixture_init(&fixture);
    fixture_flight(&flight, 9);
    flight.category = ERR_CATEGORY_UPSTREAM_TIMEOUT;
    flight.usage.reasoning_tokens = 4;
    flight.price.version = 3;
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_assert_eq(store_row_get(fixture.store, flight.request_id, &row), 0);
    cr_expect_eq(row.key_id, flight.key_id);
    cr_expect_eq(row.day, 20251125);
    cr_expect_eq(row.route_id, 7);
    cr_expect_eq(row.price_version, 3);
    cr_expect_eq(row.status, 200);
    cr_expect_str_eq(row.model, "model-0");
    cr_expect_str_eq(row.category, "upstream_timeout");
    cr_expect_str_eq(row.provenance, "reported");
    cr_expect_arr_eq(row.usage.count, flight.usage.count, sizeof(flight.usage.count));
    cr_expect_eq(row.usage.reasoning_tokens, 4);
    cr_expect_eq(row.usage.tier_permille, 1000);
    cr_expect_eq(row.quota_tokens, 109 + 19);
    cr_expect_eq(row.charge_nusd, 1009);
    cr_expect_eq(row.cost_nusd, 509);
    cr_expect_eq(row.t_done_us - row.t_accepted_us, 700);
    cr_expect_eq(store_row_get(fixture.store, (struct uuid){.bytes = {1}}, &row), ERR_MISSING);
    fixture_fini(&fixture);
}

Test(store_reconcile, finds_attempts_by_either_id_within_its_span_of_time)
{
    struct fixture fixture;
    struct store_reconcile *reconcile;
    bool is_done = false;

    fixture_init(&fixture);
    insert_flights(&fixture, 100); /* a millisecond apart */
    reconcile = store_reconcile_new(FIXTURE_NOW_US, FIXTURE_NOW_US + 50000);
    while (!is_done)
        cr_assert_eq(store_reconcile_load(fixture.store, reconcile, &is_done), 0);
    cr_expect_eq(store_reconcile_count(reconcile), 37); /* of 50, 13 have no upstream id */
    struct store_reconcile_attempt *found = store_reconcile_find(reconcile, SLICE_LIT("req_991"));
    cr_assert_not_null(found);
    cr_expect_eq(found->cost_nusd, 9);
    cr_expect_eq(found->outcome, ATTEMPT_OK);
    cr_expect_eq(store_reconcile_of_request(reconcile, found->request_id), found);
    cr_expect_null(store_reconcile_find(reconcile, SLICE_LIT("req_1000")));
    cr_expect_null(store_reconcile_find(reconcile, SLICE_LIT("req_940")));
    cr_expect_null(store_reconcile_of_request(reconcile, (struct uuid){.bytes = {1}}));
    store_reconcile_free(&reconcile);
    fixture_fini(&fixture);
}

Test(store_archive, takes_closed_days_alone_and_leaves_the_sums)
{
    struct fixture fixture;
    struct errmsg why;
    bool is_done = false;
    size_t n, n_dropped = 0;

    fixture_init(&fixture);
    insert_flights(&fixture, 300);
    int64_t charged = fixture_query(&fixture, "SELECT sum(charge_nusd) FROM usage");
    cr_expect_eq(store_archive_limit(20251206), 20251101); /* a week may still be open */
    cr_expect_eq(store_archive_limit(20251207), 20251201);
    cr_expect_eq(store_archive_limit(20260105), 20251201);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_expect_eq(store_archive_allow(fixture.store, 20251115, 20251206, &why), ERR_CONFLICT);
    cr_assert_eq(store_archive_allow(fixture.store, 20251111, 20251220, &why), 0, "%s", why.text);
    while (!is_done) {
        cr_assert_eq(store_archive_drop(fixture.store, 70, &n, &is_done), 0);
        n_dropped += n;
    }
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_expect_eq(n_dropped, 100);
    cr_expect_eq(fixture_query(&fixture, "SELECT min(day) FROM ledger"), 20251111);
    cr_expect_eq(fixture_query(&fixture, "SELECT sum(charge_nusd) FROM usage"), charged);
    cr_expect_eq(store_ledger_verify(fixture.store, 0, &why), 0, "%s", why.text);
    cr_expect_eq(store_ledger_verify_recent(fixture.store, 0, &why), 0, "%s", why.text);
    cr_expect_eq(db_exec(fixture.store, "DELETE FROM ledger WHERE day = 20251112"), ERR_STORE);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_ledger_rebuild(fixture.store), 0);
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_expect_eq(fixture_query(&fixture, "SELECT sum(charge_nusd) FROM usage"), charged);
    cr_expect_eq(store_ledger_verify_recent(fixture.store, 0, &why), 0, "%s", why.text);
    fixture_fini(&fixture);
}
