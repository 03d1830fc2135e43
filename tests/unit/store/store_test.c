/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include "store_fixture.h"

static int n_deletes;

Test(store, is_made_for_our_eyes_only)
{
    struct fixture fixture;
    struct stat st;
    char path[128];

    fixture_init(&fixture);
    cr_assert_eq(stat(fixture.path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    snprintf(path, sizeof(path), "%s-wal", fixture.path);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    fixture_fini(&fixture);
}

Test(store, opens_again_without_migrating_again)
{
    struct fixture fixture;
    int64_t value = 0;

    fixture_init(&fixture);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_put_meta(fixture.store, "period_max", 202511), 0);
    cr_assert_eq(store_commit(fixture.store), 0);
    for (int i = 0; i < 3; i++) {
        store_close(&fixture.store);
        fixture_open(&fixture);
    }
    cr_assert_eq(store_get_meta(fixture.store, "period_max", 0, &value), 0);
    cr_expect_eq(value, 202511);
    cr_assert_eq(store_get_meta(fixture.store, "no such", -5, &value), 0);
    cr_expect_eq(value, -5);
    cr_expect_eq(fixture_query(&fixture, "PRAGMA synchronous"), 2);
    cr_expect_eq(fixture_query(&fixture, "PRAGMA wal_autocheckpoint"), 0);
    fixture_fini(&fixture);
}

Test(store, refuses_what_another_program_or_a_newer_version_wrote)
{
    struct fixture fixture;
    struct errmsg why;

    fixture_init(&fixture);
    cr_assert_eq(db_exec(fixture.store, "PRAGMA user_version = 999"), 0);
    store_close(&fixture.store);
    cr_expect_eq(store_open(fixture.path, &fixture.store, &why), ERR_STORE);
    cr_expect_not_null(strstr(why.text, "newer"), "%s", why.text);
    cr_expect_null(fixture.store);

    sqlite3 *handle;
    cr_assert_eq(sqlite3_open(fixture.path, &handle), SQLITE_OK);
    sqlite3_exec(handle, "PRAGMA application_id = 1", NULL, NULL, NULL);
    sqlite3_close(handle);
    cr_expect_eq(store_open(fixture.path, &fixture.store, &why), ERR_STORE);
    cr_expect_not_null(strstr(why.text, "another program"), "%s", why.text);
    fixture_fini(&fixture);
}

Test(store, refuses_a_damaged_file)
{
    struct fixture fixture;
    struct errmsg why;

    fixture_init(&fixture);
    store_close(&fixture.store);
    FILE *file = fopen(fixture.path, "r+");
    fseek(file, 8192, SEEK_SET); /* the second page: a table's root */
    for (int i = 0; i < 8192; i++)
        fputc(0x5a, file);
    fclose(file);
    cr_expect_eq(store_open(fixture.path, &fixture.store, &why), ERR_STORE);
    fixture_fini(&fixture);
}

Test(store, a_batch_that_failed_stays_failed_until_it_is_rolled_back)
{
    struct fixture fixture;
    int64_t value;

    fixture_init(&fixture);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_put_meta(fixture.store, "first", 1), 0);
    cr_assert_eq(db_exec(fixture.store, "INSERT INTO no_such_table VALUES (1)"), ERR_STORE);
    cr_expect_eq(store_put_meta(fixture.store, "second", 2), ERR_STORE);
    cr_expect_eq(store_commit(fixture.store), ERR_STORE);
    cr_assert_eq(store_get_meta(fixture.store, "first", 0, &value), 0);
    cr_expect_eq(value, 0);

    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_put_meta(fixture.store, "third", 3), 0);
    cr_assert_eq(store_commit(fixture.store), 0);
    fixture_fini(&fixture);
}

/*
 * The trap of reliability.md 2b: on a full disk SQLite rolls back by itself, and the rest of the
 * loop would be committed row by row.
 */
Test(store, a_full_disk_leaves_no_part_of_a_batch_behind)
{
    enum { BATCH = 200 };
    struct fixture fixture;
    struct flight_record flight;
    enum store_insert inserted;
    uint32_t n_committed = 0, n = 0;
    int rc = 0;

    fixture_init(&fixture);
    cr_assert_eq(db_exec(fixture.store, "PRAGMA max_page_count = 60"), 0);
    while (rc == 0) {
        cr_assert_eq(store_begin(fixture.store), 0);
        for (int i = 0; i < BATCH; i++) {
            fixture_flight(&flight, n++);
            int one = fixture_insert(&fixture, &flight, &inserted);
            rc = rc == 0 ? one : rc; /* go on after the error, as a careless loop would */
        }
        if (rc == 0)
            rc = store_commit(fixture.store);
        else
            store_rollback(fixture.store);
        n_committed += rc == 0 ? BATCH : 0;
    }
    cr_expect_eq(rc, ERR_FULL);
    cr_expect_gt(n_committed, 0);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM ledger"), n_committed);
    cr_expect_eq(fixture_query(&fixture, "SELECT sum(n_requests) FROM usage"), n_committed);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM trace"), n_committed);

    cr_assert_eq(db_exec(fixture.store, "PRAGMA max_page_count = 100000"), 0);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_expect_eq(fixture_insert(&fixture, &flight, &inserted), 0);
    cr_expect_eq(store_commit(fixture.store), 0);
    fixture_fini(&fixture);
}

Test(store, a_checkpoint_empties_the_log)
{
    struct fixture fixture;
    struct store_checkpoint checkpoint;

    fixture_init(&fixture);
    cr_assert_gt(store_wal_bytes(fixture.store), 0);
    cr_assert_eq(store_checkpoint(fixture.store, &checkpoint), 0);
    cr_expect_gt(checkpoint.wal_frames, 0);
    cr_expect_eq(checkpoint.checkpointed, checkpoint.wal_frames);
    fixture_fini(&fixture);
}

static int
count_changes_of_ledger(void *ctx, int action, const char *table, const char *column,
                        const char *schema, const char *trigger)
{
    (void)ctx, (void)column, (void)schema, (void)trigger;
    if ((action == SQLITE_UPDATE || action == SQLITE_DELETE) && table != NULL &&
        strcmp(table, "ledger") == 0)
        n_deletes++;
    return SQLITE_OK;
}

Test(store, no_statement_of_ours_changes_a_ledger_row)
{
    struct fixture fixture;
    sqlite3_stmt *stmt;

    fixture_init(&fixture);
    sqlite3_set_authorizer(fixture.store->handle, count_changes_of_ledger, NULL);
    for (int i = 0; i < STATEMENT_N; i++) {
        const char *sql = sqlite3_sql(fixture.store->statements[i]);

        cr_assert_eq(sqlite3_prepare_v2(fixture.store->handle, sql, -1, &stmt, NULL), SQLITE_OK);
        sqlite3_finalize(stmt);
    }
    cr_expect_eq(n_deletes, 0);
    sqlite3_set_authorizer(fixture.store->handle, NULL, NULL);
    fixture_fini(&fixture);
}

Test(store, nobody_can_change_or_delete_a_ledger_row)
{
    struct fixture fixture;
    struct flight_record flight;
    enum store_insert inserted;

    fixture_init(&fixture);
    fixture_flight(&flight, 1);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_expect_eq(db_exec(fixture.store, "UPDATE ledger SET charge_nusd = 0"), ERR_STORE);
    cr_expect_not_null(strstr(store_error(fixture.store), "append-only"));
    cr_expect_eq(db_exec(fixture.store, "DELETE FROM ledger"), ERR_STORE);
    cr_expect_eq(fixture_query(&fixture, "SELECT charge_nusd FROM ledger"), 1001);
    fixture_fini(&fixture);
}
