/* SPDX-License-Identifier: ISC */
#include "store_fixture.h"

static uint32_t
next_random(uint32_t *state)
{
    return *state = *state * 1664525u + 1013904223u;
}

static void
insert_one(struct fixture *fixture, const struct flight_record *flight, enum store_insert expected)
{
    enum store_insert inserted;

    cr_assert_eq(store_begin(fixture->store), 0);
    cr_assert_eq(fixture_insert(fixture, flight, &inserted), 0, "%s", store_error(fixture->store));
    cr_assert_eq(store_commit(fixture->store), 0);
    cr_expect_eq(inserted, expected);
}

Test(store_ledger, a_row_counts_once_however_often_it_comes)
{
    struct fixture fixture;
    struct flight_record flight;

    fixture_init(&fixture);
    fixture_flight(&flight, 3);
    insert_one(&fixture, &flight, STORE_INSERT_NEW);
    insert_one(&fixture, &flight, STORE_INSERT_SAME);
    store_close(&fixture.store);
    fixture_open(&fixture);
    insert_one(&fixture, &flight, STORE_INSERT_SAME);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM ledger"), 1);
    cr_expect_eq(fixture_query(&fixture, "SELECT sum(charge_nusd) FROM usage"), 1003);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM attempt"), 1);
    fixture_fini(&fixture);
}

Test(store_ledger, a_second_row_of_the_same_id_is_a_conflict_and_changes_nothing)
{
    struct fixture fixture;
    struct flight_record flight;

    fixture_init(&fixture);
    fixture_flight(&flight, 3);
    insert_one(&fixture, &flight, STORE_INSERT_NEW);
    flight.charge_nusd++;
    insert_one(&fixture, &flight, STORE_INSERT_CONFLICT);
    cr_expect_eq(fixture_query(&fixture, "SELECT charge_nusd FROM ledger"), 1003);
    cr_expect_eq(fixture_query(&fixture, "SELECT sum(charge_nusd) FROM usage"), 1003);
    fixture_fini(&fixture);
}

/* LI-04 in small: whatever is delivered, how often and in which batches, the sums are the rows'. */
Test(store_ledger, usage_is_the_sum_of_the_rows_after_random_batches, .timeout = 60)
{
    enum { N_FLIGHTS = 600, N_BATCHES = 300 };
    static struct flight_record flights[N_FLIGHTS];
    struct fixture fixture;
    struct errmsg why = {""};
    uint32_t random = 42;
    int64_t charged = 0;
    static bool is_in[N_FLIGHTS];

    fixture_init(&fixture);
    for (uint32_t i = 0; i < N_FLIGHTS; i++)
        fixture_flight(&flights[i], i);
    for (int i = 0; i < N_BATCHES; i++) {
        bool commits = next_random(&random) >> 16 & 3;
        static bool would_be_in[N_FLIGHTS];

        memcpy(would_be_in, is_in, sizeof(is_in));
        cr_assert_eq(store_begin(fixture.store), 0);
        for (uint32_t k = next_random(&random) >> 16 & 31; k > 0; k--) {
            uint32_t n = (next_random(&random) >> 8) % N_FLIGHTS;
            enum store_insert inserted;

            cr_assert_eq(fixture_insert(&fixture, &flights[n], &inserted), 0);
            cr_expect_eq(inserted, would_be_in[n] ? STORE_INSERT_SAME : STORE_INSERT_NEW);
            would_be_in[n] = true;
        }
        if (commits)
            cr_assert_eq(store_commit(fixture.store), 0);
        else
            store_rollback(fixture.store);
        if (commits)
            memcpy(is_in, would_be_in, sizeof(is_in));
    }
    for (uint32_t i = 0; i < N_FLIGHTS; i++)
        charged += is_in[i] ? flights[i].charge_nusd : 0;
    cr_expect_eq(fixture_query(&fixture, "SELECT sum(charge_nusd) FROM ledger"), charged);
    cr_expect_eq(store_ledger_verify(fixture.store, 202511, &why), 0, "%s", why.text);
    fixture_fini(&fixture);
}

Test(store_ledger, tampered_usage_does_not_verify)
{
    struct fixture fixture;
    struct flight_record flight;
    struct errmsg why = {""};

    fixture_init(&fixture);
    fixture_flight(&flight, 3);
    insert_one(&fixture, &flight, STORE_INSERT_NEW);
    cr_assert_eq(db_exec(fixture.store, "UPDATE usage SET charge_nusd = charge_nusd - 1"), 0);
    cr_expect_eq(store_ledger_verify(fixture.store, 202511, &why), ERR_STORE);
    cr_expect_not_null(strstr(why.text, "key 4"), "%s", why.text);
    cr_assert_eq(db_exec(fixture.store, "DELETE FROM usage"), 0);
    cr_expect_eq(store_ledger_verify(fixture.store, 202511, &why), ERR_STORE);
    cr_expect_eq(store_ledger_verify(fixture.store, 202510, &why), 0);
    fixture_fini(&fixture);
}

Test(store_ledger, a_report_gives_the_dearest_first)
{
    struct fixture fixture;
    struct store_usage_row rows[8];
    size_t n = 0;
    int64_t nusd, tokens;

    fixture_init(&fixture);
    for (uint32_t i = 0; i < 10; i++) {
        struct flight_record flight;

        fixture_flight(&flight, i);
        flight.category = i == 9 ? ERR_CATEGORY_UPSTREAM_ERROR : ERR_CATEGORY_NONE;
        insert_one(&fixture, &flight, STORE_INSERT_NEW);
    }
    struct store_usage_query query = {.by = STORE_USAGE_BY_MODEL, .period_id = 202511};
    cr_assert_eq(store_usage_report(fixture.store, &query, rows, 8, &n), 0);
    cr_assert_eq(n, 3);
    cr_expect_str_eq(rows[0].model, "model-0");
    cr_expect_eq(rows[0].n_requests, 4);
    cr_expect_eq(rows[0].n_failed, 1);
    cr_expect_eq(rows[0].charge_nusd, 4000 + 0 + 3 + 6 + 9);
    query = (struct store_usage_query){.by = STORE_USAGE_BY_KEY, .period_id = 202511, .key_id = 2};
    cr_assert_eq(store_usage_report(fixture.store, &query, rows, 8, &n), 0);
    cr_assert_eq(n, 1);
    cr_expect_eq(rows[0].key_id, 2);
    cr_expect_eq(rows[0].input, 101 + 106);
    cr_assert_eq(store_usage_of_group(fixture.store, 99, 202511, &nusd, &tokens), 0);
    cr_expect_eq(nusd, 0);
    fixture_fini(&fixture);
}
