/* SPDX-License-Identifier: ISC
 *
 * Databases that an earlier version wrote are brought up to date, whole.
 */
#include "store_fixture.h"

#define APPLICATION_ID "0x524c4f53"

static const char *const migrations[] = {
#define MIGRATION(number, sql) [number] = sql,
#include "schema.def"
#undef MIGRATION
};

static void
run(sqlite3 *handle, const char *sql)
{
    char *error = NULL;

    cr_assert_eq(sqlite3_exec(handle, sql, NULL, NULL, &error), SQLITE_OK, "%s: %s", sql, error);
}

/* A database of schema 1, with a key, rows around the end of a month, traces and sums. */
static void
make_version_1(const char *path)
{
    sqlite3 *handle;

    cr_assert_eq(sqlite3_open(path, &handle), SQLITE_OK);
    run(handle, "PRAGMA journal_mode = WAL");
    run(handle, migrations[1]);
    run(handle, "PRAGMA user_version = 1; PRAGMA application_id = " APPLICATION_ID);
    run(handle, "INSERT INTO keys VALUES (1, 1, randomblob(32), 'abcd', 'anna', 'team', 'cursor',"
                " 'store', 0, 0, 60, 0, 1, 1, 0, 0, 0, 0);"
                "INSERT INTO key_limit VALUES (1, 'usd', 'month', 50), (1, 'concurrent', 'total',"
                " 4); INSERT INTO key_model VALUES (1, 'model-1')");
    /* 1764547199 is the last second of November 2025; the second row's clock was wrong. */
    run(handle, "INSERT INTO ledger SELECT randomblob(16), 1, period, 'model-1', '/v1/x', 'openai',"
                " 7, 200, CASE n WHEN 1 THEN 'upstream_error' END, 'reported', 100 + n, 0, 3, 4,"
                " 10, 5, 0, 0, 0, 1, 0, 2, 1000, 110, 1000 + n, 500, 1, 9, at * 1000000, at *"
                " 1000000, NULL FROM (SELECT 0 n, 202511 period, 1764547199 at UNION ALL"
                " SELECT 1, 202512, 1764547199 UNION ALL SELECT 2, 202512, 1764547200)");
    run(handle, "INSERT INTO usage VALUES (1, 202511, 'model-1', 1, 0, 105, 0, 7, 10, 2, 110, 1000,"
                " 500, 5), (1, 202512, 'model-1', 2, 1, 213, 0, 14, 20, 4, 220, 2003, 1000, 5)");
    run(handle, "INSERT INTO trace VALUES (x'019aac00000070008000000000000001', 1, 'model-1', '/x',"
                " 'openai', 0, 0, 200, NULL, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, '', '', '')");
    run(handle, "INSERT INTO attempt VALUES (x'019aac00000070008000000000000001', 0, 7, 'up', 'm',"
                " 200, 'ok', NULL, 0, 0, 1, 1, 1, 1, 'req_1', '')");
    sqlite3_close(handle);
}

Test(schema, what_version_1_wrote_is_brought_up_to_date)
{
    static struct store_trace traces[4];
    struct fixture fixture;
    struct key_record key;
    struct errmsg why = {""};
    int64_t nusd, tokens;
    size_t n;

    fixture_init(&fixture);
    store_close(&fixture.store);
    unlink(fixture.path);
    make_version_1(fixture.path);
    fixture_open(&fixture);
    cr_expect_eq(fixture_query(&fixture, "PRAGMA user_version"),
                 (int)(sizeof(migrations) / sizeof(migrations[0])) - 1);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM ledger"), 3);
    cr_expect_eq(fixture_query(&fixture, "SELECT charge_nusd FROM ledger WHERE day = 20251130"),
                 1000);
    cr_expect_eq(fixture_query(&fixture, "SELECT sum(charge_nusd) FROM ledger WHERE day = "
                                         "20251201"),
                 2003);
    cr_expect_eq(store_ledger_verify(fixture.store, 0, &why), 0, "%s", why.text);
    cr_expect_eq(store_ledger_verify_recent(fixture.store, 0, &why), 0, "%s", why.text);
    cr_assert_eq(store_usage_of_group(fixture.store, 1, SLICE_LIT("model-1"), 20251201, 20251231,
                                      &nusd, &tokens),
                 0);
    cr_expect_eq(nusd, 2003);
    cr_expect_eq(tokens, 220);
    cr_expect_eq(fixture_query(&fixture, "SELECT n_failed FROM usage WHERE day = 20251201"), 1);
    cr_expect_eq(fixture_query(&fixture, "SELECT input FROM usage WHERE day = 20251130"), 105);
    cr_expect_eq(fixture_query(&fixture, "SELECT sum(charge_nusd) * 10 + sum(n_failed) FROM"
                                         " usage_day WHERE day = 20251201"),
                 20031);

    cr_assert_eq(store_key_get(fixture.store, 1, &key), 0);
    cr_expect_eq(key.n_limits, 1);
    cr_expect_eq(key.limits[0].amount, 50);
    cr_expect_eq(key.limits[0].period, LIMIT_PERIOD_MONTH);
    cr_expect_eq(key.limits[0].is_shadow, 0);
    cr_expect_str_eq(key.limits[0].model, "");
    cr_expect_eq(key.max_concurrent, 4);
    cr_expect_eq(key.n_models, 1);
    cr_expect_eq(key.flags & KEY_STRICT, 0);
    cr_expect_eq(key.policy, 0);
    store_key_fini(&key);
    cr_assert_eq(
        fixture_list(&fixture,
                     &(struct store_trace_filter){.key_ids = (uint64_t[]){1}, .n_key_ids = 1},
                     traces, 4, &n),
        0);
    cr_expect_eq(n, 1);

    cr_expect_eq(db_exec(fixture.store, "UPDATE ledger SET charge_nusd = 0"), ERR_STORE);
    cr_expect_eq(db_exec(fixture.store, "DELETE FROM ledger"), ERR_STORE);
    fixture_fini(&fixture);
}

/* What was there before choices were kept: keys go by their models, later attempts were failovers.
 */
Test(schema, what_version_3_wrote_has_no_choices_and_its_keys_no_policy)
{
    static const char id[] = "x'019aac00000070008000000000000001'";
    static struct store_trace trace;
    struct store_choice choices[4];
    struct fixture fixture;
    struct key_record key;
    int64_t n_unlisted = 7;
    sqlite3 *handle;
    char sql[1024];
    size_t n = 7;

    fixture_init(&fixture);
    store_close(&fixture.store);
    unlink(fixture.path);
    cr_assert_eq(sqlite3_open(fixture.path, &handle), SQLITE_OK);
    run(handle, "PRAGMA journal_mode = WAL");
    for (int i = 1; i <= 3; i++)
        run(handle, migrations[i]);
    run(handle, "PRAGMA user_version = 3; PRAGMA application_id = " APPLICATION_ID);
    run(handle, "INSERT INTO keys VALUES (1, 1, randomblob(32), 'abcd', 'anna', 'team', 'cursor',"
                " 'store', 0, 1, 60, 0, 1, 1, 0, 0, 0, 0, 1)");
    snprintf(sql, sizeof(sql),
             "INSERT INTO trace VALUES (%s, 1, 'model-1', '/x', 'openai', 0, 0, 200, NULL, 1, 1, 1,"
             " 1, 1, 1, 1, 1, 1, 0, 0, 0, '', '', '', 0); INSERT INTO attempt SELECT %s, n, 7,"
             " 'up', 'm', 200, 'ok', NULL, 0, 0, 1, 1, 1, 1, 'req_1', '', 'reported', 1, 2, 3"
             " FROM (SELECT 0 n UNION ALL SELECT 1)",
             id, id);
    run(handle, sql);
    sqlite3_close(handle);
    fixture_open(&fixture);

    cr_assert_eq(store_key_get(fixture.store, 1, &key), 0);
    cr_expect_eq(key.policy, 0);
    cr_expect_eq(key.n_networks, 0);
    cr_expect_eq(key.capture_until_us, 0);
    cr_expect_neq(key.flags & KEY_STRICT, 0);
    struct uuid request = {.bytes = {0x01, 0x9a, 0xac, 0, 0, 0, 0x70, 0, 0x80, [15] = 1}};
    cr_assert_eq(store_trace_get(fixture.store, request, &trace), 0);
    cr_assert_eq(trace.flight.n_attempts, 2);
    cr_expect_eq(trace.n_attempts, 2);
    cr_expect_str_eq(trace.answered_by, "");
    cr_expect_eq(trace.flight.attempts[0].reason, ATTEMPT_FIRST);
    cr_expect_eq(trace.flight.attempts[1].reason, ATTEMPT_FAILOVER);
    cr_expect_str_eq(trace.flight.attempts[1].credential, "");
    cr_expect_str_eq(trace.attempt_models[1], "");
    cr_expect_eq(trace.flight.attempts[1].score, 0);
    cr_assert_eq(store_trace_choices(fixture.store, request, choices, 4, &n, &n_unlisted), 0);
    cr_expect_eq(n, 0);
    cr_expect_eq(n_unlisted, 0);
    fixture_fini(&fixture);
}

Test(schema, no_row_of_the_ledger_is_a_credit_unless_it_corrects_one)
{
    static const char insert[] =
        "INSERT INTO ledger VALUES (NULL, randomblob(16), 1, 20251125, 'm', '', '', 0, 200, NULL,"
        " 'reported', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1000, %d, %d, %d, 0, 0, 0, 0, %s)";
    static const struct {
        int tokens, charge, cost;
        const char *corrects;
        int rc;
    } rows[] = {
        {0, 0, 0, "NULL", 0},
        {0, -1, 0, "NULL", ERR_STORE},
        {-1, 0, 0, "NULL", ERR_STORE},
        {0, 0, -1, "NULL", ERR_STORE},
        {-1, -1, -1, "zeroblob(16)", 0},
    };
    struct fixture fixture;
    char sql[512];

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(sql, sizeof(sql), insert, rows[i].tokens, rows[i].charge, rows[i].cost,
                 rows[i].corrects);
        cr_expect_eq(db_exec(fixture.store, sql), rows[i].rc, "row %zu: %s", i,
                     store_error(fixture.store));
    }
    fixture_fini(&fixture);
}

/* relayos-ledger(5) is for auditors: it names each table, and each column of the books. */
Test(schema, the_manual_names_every_table_and_every_column_of_the_books)
{
    static const char sql[] =
        "SELECT t.name, '' FROM sqlite_schema t WHERE t.type = 'table' AND t.name NOT LIKE "
        "'sqlite%'"
        " UNION ALL SELECT c.name, t.name FROM sqlite_schema t, pragma_table_info(t.name) c"
        " WHERE t.name IN ('ledger', 'adjustment', 'usage', 'day_total')";
    static char page[65536];
    struct fixture fixture;
    sqlite3_stmt *names;
    FILE *file = fopen("man/relayos-ledger.5", "r");
    int n = 0;

    cr_assert_not_null(file, "tests run in the root of the source");
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    fclose(file);
    fixture_init(&fixture);
    cr_assert_eq(sqlite3_prepare_v2(fixture.store->handle, sql, -1, &names, NULL), SQLITE_OK);
    for (; sqlite3_step(names) == SQLITE_ROW; n++) {
        const char *name = (const char *)sqlite3_column_text(names, 0);

        cr_expect_not_null(strstr(page, name), "%s %s", sqlite3_column_text(names, 1), name);
    }
    sqlite3_finalize(names);
    cr_expect_gt(n, 50);
    fixture_fini(&fixture);
}
