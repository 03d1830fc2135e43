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
    cr_expect_eq(store_ledger_verify(fixture.store, 20251101, &why), 0, "%s", why.text);
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
    cr_expect_eq(store_ledger_verify(fixture.store, 20251101, &why), ERR_STORE);
    cr_expect_not_null(strstr(why.text, "key 4"), "%s", why.text);
    cr_assert_eq(db_exec(fixture.store, "DELETE FROM usage"), 0);
    cr_expect_eq(store_ledger_verify(fixture.store, 20251101, &why), ERR_STORE);
    cr_expect_eq(store_ledger_verify(fixture.store, 20251201, &why), 0);
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
    struct store_usage_query query = {
        .by = STORE_USAGE_BY_MODEL, .first_day = 20251101, .last_day = 20251130};
    cr_assert_eq(store_usage_report(fixture.store, &query, rows, 8, &n), 0);
    cr_assert_eq(n, 3);
    cr_expect_str_eq(rows[0].model, "model-0");
    cr_expect_eq(rows[0].n_requests, 4);
    cr_expect_eq(rows[0].n_failed, 1);
    cr_expect_eq(rows[0].charge_nusd, 4000 + 0 + 3 + 6 + 9);
    query = (struct store_usage_query){
        .by = STORE_USAGE_BY_KEY, .key_id = 2, .first_day = 20251101, .last_day = 20251130};
    cr_assert_eq(store_usage_report(fixture.store, &query, rows, 8, &n), 0);
    cr_assert_eq(n, 1);
    cr_expect_eq(rows[0].key_id, 2);
    cr_expect_eq(rows[0].input, 101 + 106);
    cr_assert_eq(
        store_usage_of_group(fixture.store, 99, SLICE_LIT(""), 0, UINT32_MAX, &nusd, &tokens), 0);
    cr_expect_eq(nusd, 0);
    fixture_fini(&fixture);
}

Test(store_ledger, a_page_of_sums_answers_as_each_question_does)
{
    static const struct {
        uint32_t first_day, last_day;
        const char *model;
    } spans[] = {{0, UINT32_MAX, ""},
                 {20251101, 20251130, "model-1"},
                 {20251110, 20251112, ""},
                 {20251110, 20251110, "model-2"},
                 {20251201, 20251231, ""}};
    struct store_usage_page page = {.after = 1, .last = 4, .last_day = UINT32_MAX};
    struct fixture fixture;
    int64_t nusd, tokens, page_nusd, page_tokens;

    fixture_init(&fixture);
    for (uint8_t i = 0; i < 5; i++) {
        struct key_record key = {.digest = {i}, .group_id = i == 4 ? 2 : 0};

        snprintf(key.name, sizeof(key.name), "key %u", i);
        cr_assert_eq(store_begin(fixture.store), 0);
        cr_assert_eq(store_key_insert(fixture.store, &key), 0);
        cr_assert_eq(store_commit(fixture.store), 0);
    }
    for (uint32_t i = 0; i < 300; i++) {
        struct flight_record flight;

        fixture_flight(&flight, i);
        flight.day_id = 20251101 + i % 30;
        insert_one(&fixture, &flight, STORE_INSERT_NEW);
    }
    cr_assert_eq(store_usage_page_load(fixture.store, &page), 0);
    for (uint64_t group = 0; group < 7; group++) {
        for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
            struct store_usage_wanted wanted = {.group_id = group,
                                                .model = slice_str(spans[i].model),
                                                .first_day = spans[i].first_day,
                                                .last_day = spans[i].last_day};

            cr_assert_eq(
                store_usage_page_sum(fixture.store, &page, &wanted, &page_nusd, &page_tokens), 0);
            cr_assert_eq(store_usage_of_group(fixture.store, group, wanted.model, wanted.first_day,
                                              wanted.last_day, &nusd, &tokens),
                         0);
            cr_expect_eq(page_nusd, nusd);
            cr_expect_eq(page_tokens, tokens);
        }
    }
    cr_assert_eq(
        store_usage_of_group(fixture.store, 2, SLICE_LIT(""), 0, UINT32_MAX, &nusd, &tokens), 0);
    cr_expect_gt(nusd, 100000); /* of two keys */
    store_usage_page_fini(&page);
    fixture_fini(&fixture);
}

Test(store_ledger, inside_a_batch_the_sums_hold_what_it_has_settled)
{
    struct fixture fixture;
    struct flight_record flight;
    struct key_record key = {.name = "anna"};
    enum store_insert inserted;
    int64_t nusd, tokens;

    fixture_init(&fixture);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_key_insert(fixture.store, &key), 0);
    fixture_flight(&flight, 0);
    cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
    cr_assert_eq(
        store_usage_of_group(fixture.store, key.id, SLICE_LIT(""), 0, UINT32_MAX, &nusd, &tokens),
        0);
    cr_expect_eq(nusd, 1000);
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_expect_eq(fixture_query(&fixture, "SELECT sum(charge_nusd) FROM usage"), 1000);
    fixture_fini(&fixture);
}

/* LI-05, the quick form: a mark is trusted, what was written since is looked at. */
Test(store_ledger, a_start_sees_totals_that_are_not_the_rows)
{
    static const char *const tamperings[] = {
        "UPDATE day_total SET charge_nusd = charge_nusd - 1",
        "UPDATE day_total SET n_rows = n_rows + 1",
        "DELETE FROM day_total",
        "UPDATE usage SET charge_nusd = charge_nusd - 1 WHERE key_id = 3",
        "DELETE FROM usage WHERE key_id = 3",
        "INSERT INTO usage SELECT 99, day, model, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 FROM usage LIMIT "
        "1",
        "INSERT INTO day_total VALUES (20251124, 0, 1, 0, 0)",
        "UPDATE meta SET value = value + 1 WHERE name = 'mark_cost_nusd'",
    };
    struct flight_record flight;
    struct errmsg why = {""};

    for (size_t i = 0; i < sizeof(tamperings) / sizeof(tamperings[0]); i++) {
        struct fixture fixture;

        fixture_init(&fixture);
        for (uint32_t k = 0; k < 20; k++) {
            fixture_flight(&flight, k);
            insert_one(&fixture, &flight, STORE_INSERT_NEW);
            if (k != 11)
                continue;
            cr_assert_eq(store_begin(fixture.store), 0);
            cr_assert_eq(store_ledger_mark(fixture.store), 0);
            cr_assert_eq(store_commit(fixture.store), 0);
        }
        cr_expect_eq(fixture_query(&fixture, "SELECT value FROM meta WHERE name = 'mark_rows'"),
                     12);
        cr_expect_eq(store_ledger_verify_recent(fixture.store, 0, &why), 0, "%s", why.text);
        cr_assert_eq(db_exec(fixture.store, tamperings[i]), 0);
        cr_expect_eq(store_ledger_verify_recent(fixture.store, 0, &why), ERR_STORE, "%s",
                     tamperings[i]);
        cr_assert_eq(store_begin(fixture.store), 0);
        cr_assert_eq(store_ledger_rebuild(fixture.store), 0);
        cr_assert_eq(store_commit(fixture.store), 0);
        cr_expect_eq(store_ledger_verify_recent(fixture.store, 0, &why), 0, "%s", why.text);
        cr_expect_eq(store_ledger_verify(fixture.store, 0, &why), 0, "%s", why.text);
        fixture_fini(&fixture);
    }
}

Test(store_ledger, a_row_names_the_route_that_answered)
{
    static const struct {
        uint32_t n_attempts;
        uint8_t outcomes[3];
        int64_t route_id;
    } cases[] = {
        {0, {0}, 0},
        {2, {ATTEMPT_FAILED, ATTEMPT_UNCERTAIN}, 11},
        {3, {ATTEMPT_FAILED, ATTEMPT_OK, ATTEMPT_CANCELLED}, 11}, /* the hedge lost */
    };
    struct fixture fixture;
    struct flight_record flight;
    enum store_insert inserted;

    fixture_init(&fixture);
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture_flight(&flight, i);
        flight.n_attempts = cases[i].n_attempts;
        for (uint32_t n = 0; n < 3; n++)
            flight.attempts[n] =
                (struct flight_attempt){.route_id = 10 + n, .outcome = cases[i].outcomes[n]};
        cr_assert_eq(store_begin(fixture.store), 0);
        cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
        cr_assert_eq(store_commit(fixture.store), 0);
        cr_expect_eq(fixture_query(&fixture, "SELECT route_id FROM ledger ORDER BY seq DESC"),
                     cases[i].route_id, "case %u", i);
    }
    fixture_fini(&fixture);
}
