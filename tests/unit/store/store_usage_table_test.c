/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_usage_table.h"

#include <criterion/criterion.h>

#include "relayos/base/period.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_ledger.h"
#include "store_fixture.h"

#define N_KEYS   5
#define N_DAYS   3
#define N_FLIGHT 600

/* Requests of some keys over some days; key 0 of five is of tool "cursor" and of anna. */
static void
fill(struct fixture *fixture)
{
    enum store_insert inserted;
    char name[16];

    cr_assert_eq(store_begin(fixture->store), 0);
    for (int i = 0; i < N_KEYS; i++) {
        struct key_record key = {.tool = i == 0 ? KEY_TOOL_CURSOR : KEY_TOOL_SCRIPT,
                                 .flags = KEY_ALL_MODELS};
        key.digest[0] = (uint8_t)(i + 1);
        snprintf(name, sizeof name, "key %d", i);
        snprintf(key.name, sizeof key.name, "%s", name);
        snprintf(key.owner, sizeof key.owner, i == 0 ? "anna" : "ben");
        cr_assert_eq(store_key_insert(fixture->store, &key), 0);
    }
    for (uint32_t i = 0; i < N_FLIGHT; i++) {
        struct flight_record flight;

        fixture_flight(&flight, i);
        flight.key_id = 1 + i % N_KEYS;
        flight.accepted_real_us = FIXTURE_NOW_US + i % N_DAYS * INT64_C(86400000000) + i;
        flight.day_id = period_at(PERIOD_DAY, flight.accepted_real_us).id;
        flight.request_id = text_uuid_new(flight.accepted_real_us);
        flight.charge_nusd = 1000 + i;
        cr_assert_eq(fixture_insert(fixture, &flight, &inserted), 0);
    }
    cr_assert_eq(store_commit(fixture->store), 0);
}

static struct store_usage_table_query
query_of(enum store_usage_column by)
{
    return (struct store_usage_table_query){
        .by = by,
        .any_key = true,
        .first_day = period_at(PERIOD_DAY, FIXTURE_NOW_US).id,
        .last_day = period_at(PERIOD_DAY, FIXTURE_NOW_US + N_DAYS * INT64_C(86400000000)).id};
}

/* Whatever it is added up by, it comes to the same. */
Test(store_usage_table, every_column_comes_to_the_same_sums)
{
    static const size_t n_groups[] = {
        [STORE_USAGE_DAY] = N_DAYS, [STORE_USAGE_HOUR] = N_DAYS, [STORE_USAGE_KEY] = N_KEYS,
        [STORE_USAGE_MODEL] = 3,    [STORE_USAGE_TOOL] = 2,      [STORE_USAGE_OWNER] = 2};
    struct fixture fixture;
    int64_t all = 0;

    fixture_init(&fixture);
    fill(&fixture);
    for (uint32_t i = 0; i < N_FLIGHT; i++)
        all += 1000 + i;
    for (int by = STORE_USAGE_DAY; by <= STORE_USAGE_OWNER; by++) {
        struct store_usage_table_query query = query_of((enum store_usage_column)by);
        struct store_usage_table table = {0};
        int64_t charge = 0, requests = 0;

        cr_assert_eq(store_usage_table_make(fixture.store, &query, &table), 0, "%d", by);
        cr_expect_eq(table.n, n_groups[by], "%d: %zu", by, table.n);
        for (size_t i = 0; i < table.n; i++) {
            charge += table.groups[i].charge_nusd;
            requests += table.groups[i].n_requests;
            if (i > 0 && by > STORE_USAGE_HOUR)
                cr_expect_geq(table.groups[i - 1].charge_nusd, table.groups[i].charge_nusd);
            else if (i > 0)
                cr_expect_lt(table.groups[i - 1].period, table.groups[i].period);
        }
        cr_expect_eq(charge, all, "%d", by);
        cr_expect_eq(requests, N_FLIGHT, "%d", by);
        store_usage_table_fini(&table);
    }
    fixture_fini(&fixture);
}

Test(store_usage_table, some_keys_have_theirs_and_none_has_nothing)
{
    static const uint64_t keys[] = {1, 3};
    struct fixture fixture;
    struct store_usage_table table = {0};

    fixture_init(&fixture);
    fill(&fixture);
    for (int by = STORE_USAGE_DAY; by <= STORE_USAGE_OWNER; by++) {
        struct store_usage_table_query query = query_of((enum store_usage_column)by);
        int64_t requests = 0;

        query.any_key = false;
        query.key_ids = keys;
        query.n_key_ids = 2;
        cr_assert_eq(store_usage_table_make(fixture.store, &query, &table), 0);
        for (size_t i = 0; i < table.n; i++)
            requests += table.groups[i].n_requests;
        cr_expect_eq(requests, N_FLIGHT * 2 / N_KEYS, "%d", by);
        store_usage_table_fini(&table);
        query.n_key_ids = 0;
        cr_assert_eq(store_usage_table_make(fixture.store, &query, &table), 0);
        cr_expect_eq(table.n, 0, "%d", by);
        store_usage_table_fini(&table);
    }
    fixture_fini(&fixture);
}

Test(store_usage_table, its_sums_follow_when_usage_is_made_anew)
{
    struct store_usage_table_query query = query_of(STORE_USAGE_DAY);
    struct fixture fixture;
    struct store_usage_table before = {0}, after = {0};

    fixture_init(&fixture);
    fill(&fixture);
    cr_assert_eq(store_usage_table_make(fixture.store, &query, &before), 0);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_ledger_rebuild(fixture.store), 0);
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_assert_eq(store_usage_table_make(fixture.store, &query, &after), 0);
    cr_assert_eq(after.n, before.n);
    for (size_t i = 0; i < after.n; i++) {
        cr_expect_eq(after.groups[i].charge_nusd, before.groups[i].charge_nusd);
        cr_expect_eq(after.groups[i].n_requests, before.groups[i].n_requests);
    }
    cr_expect_eq(
        fixture_query(&fixture,
                      "SELECT count(*) FROM (SELECT day, model, sum(n_requests), sum(charge_nusd)"
                      " FROM usage GROUP BY 1, 2 EXCEPT SELECT day, model, n_requests, charge_nusd"
                      " FROM usage_day)"),
        0);
    store_usage_table_fini(&before);
    store_usage_table_fini(&after);
    fixture_fini(&fixture);
}

/* A day that was read is read again once something has come to it, and only then. */
Test(store_usage_table, what_is_remembered_of_a_day_is_never_old)
{
    struct store_usage_table_query query = query_of(STORE_USAGE_KEY);
    struct fixture fixture;
    struct store_usage_table table = {0};
    enum store_insert inserted;
    struct flight_record flight;

    fixture_init(&fixture);
    fill(&fixture);
    query.cache = store_usage_cache_new();
    cr_assert_eq(store_usage_cache_warm(fixture.store, query.cache, query.first_day), 0);
    for (uint32_t round = 0; round < 3; round++) {
        int64_t requests = 0;

        cr_assert_eq(store_usage_table_make(fixture.store, &query, &table), 0);
        for (size_t i = 0; i < table.n; i++)
            requests += table.groups[i].n_requests;
        cr_expect_eq(requests, N_FLIGHT + round);
        store_usage_table_fini(&table);
        fixture_flight(&flight, N_FLIGHT + round);
        flight.key_id = 1;
        flight.day_id = query.first_day;
        cr_assert_eq(store_begin(fixture.store), 0);
        cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
        cr_assert_eq(store_commit(fixture.store), 0);
    }
    store_usage_cache_free(&query.cache);
    fixture_fini(&fixture);
}

/* However it is asked for, remembered or not, at once or in the smallest steps: what the ledger
 * says.
 */
static void
look_at(struct fixture *fixture, struct store_usage_table_query query)
{
    struct store_usage_table table = {0};
    int64_t charge = 0, wanted;
    int n_calls = 1, rc;
    char sql[256];

    snprintf(sql, sizeof sql,
             "SELECT coalesce(sum(charge_nusd), 0) FROM ledger WHERE ('%.*s' = '' OR model ="
             " '%.*s')%s",
             (int)query.model.len, query.model.ptr, (int)query.model.len, query.model.ptr,
             query.any_key ? "" : " AND key_id IN (1, 3)");
    wanted = fixture_query(fixture, sql);
    while ((rc = store_usage_table_make(fixture->store, &query, &table)) == ERR_BUSY)
        cr_assert_lt(n_calls++, 100, "by %d: it does not get on", query.by);
    cr_assert_eq(rc, 0);
    for (size_t i = 0; i < table.n; i++)
        charge += table.groups[i].charge_nusd;
    cr_expect_eq(charge, wanted, "by %d, model %.*s, deadline %d, cache %d, any key %d: %d of %d",
                 query.by, (int)query.model.len, query.model.ptr, (int)query.deadline_us,
                 query.cache != NULL, query.any_key, (int)charge, (int)wanted);
    if (query.deadline_us == 0)
        cr_expect_eq(n_calls, 1);
    store_usage_table_fini(&table);
}

Test(store_usage_table, every_way_to_ask_comes_to_what_the_ledger_says)
{
    static const uint64_t keys[] = {1, 3};
    static const char *const models[] = {"", "model-0", "model-2", "none"};
    struct fixture fixture;

    fixture_init(&fixture);
    fill(&fixture);
    for (int way = 0; way < (STORE_USAGE_OWNER + 1) * 4 * 8; way++) {
        struct store_usage_table_query query = query_of((enum store_usage_column)(way / 32));

        query.model = slice_str(models[way / 8 % 4]);
        query.deadline_us = way & 1;
        query.any_key = (way & 2) == 0;
        query.key_ids = keys;
        query.n_key_ids = 2;
        query.cache = (way & 4) == 0 ? NULL : store_usage_cache_new();
        look_at(&fixture, query);
        look_at(&fixture, query); /* now it remembers */
        store_usage_cache_free(&query.cache);
    }
    fixture_fini(&fixture);
}

/* What came later is added to the hours that are remembered, and once. */
Test(store_usage_table, hours_go_on_from_where_they_were_read)
{
    struct store_usage_table_query query = query_of(STORE_USAGE_HOUR);
    struct fixture fixture;
    struct flight_record flight;
    enum store_insert inserted;

    fixture_init(&fixture);
    fill(&fixture);
    query.cache = store_usage_cache_new();
    for (uint32_t round = 0; round < 3; round++) {
        look_at(&fixture, query);
        look_at(&fixture, query);
        fixture_flight(&flight, N_FLIGHT + round);
        flight.key_id = 1;
        flight.charge_nusd = 7;
        cr_assert_eq(store_begin(fixture.store), 0);
        cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
        cr_assert_eq(store_commit(fixture.store), 0);
    }
    store_usage_cache_free(&query.cache);
    fixture_fini(&fixture);
}

Test(store_usage_table, one_that_is_late_has_got_on)
{
    struct store_usage_table_query query = query_of(STORE_USAGE_KEY);
    struct fixture fixture;
    struct store_usage_table table = {0};

    fixture_init(&fixture);
    fill(&fixture);
    query.deadline_us = 1;
    for (int day = 1; day < N_DAYS; day++)
        cr_expect_eq(store_usage_table_make(fixture.store, &query, &table), ERR_BUSY);
    cr_expect_eq(store_usage_table_make(fixture.store, &query, &table), 0);
    store_usage_table_fini(&table);
    fixture_fini(&fixture);
}
