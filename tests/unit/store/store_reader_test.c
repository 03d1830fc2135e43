/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_adjust.h"
#include "relayos/store/store_audit.h"
#include "relayos/store/store_reader.h"
#include "store_fixture.h"

static void
fill(struct fixture *fixture, uint32_t n)
{
    struct flight_record flight;
    enum store_insert inserted;

    cr_assert_eq(store_begin(fixture->store), 0);
    for (uint32_t i = 0; i < n; i++) {
        fixture_flight(&flight, i);
        cr_assert_eq(fixture_insert(fixture, &flight, &inserted), 0);
    }
    cr_assert_eq(store_commit(fixture->store), 0);
}

static struct store_audit
audit(struct store *store)
{
    struct store_audit report;
    struct errmsg why = {""};

    cr_assert_eq(store_audit_run(store, 0, &report, &why), 0, "%s", why.text);
    return report;
}

static void
change(struct fixture *fixture, const char *sql)
{
    cr_assert_eq(sqlite3_exec(fixture->store->handle, sql, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(fixture->store->handle));
}

Test(store_reader, reads_one_moment_while_the_writer_goes_on)
{
    struct fixture fixture;
    struct store *reader = NULL;
    struct errmsg why;

    fixture_init(&fixture);
    fill(&fixture, 10);
    cr_assert_eq(store_reader_open(fixture.path, STORE_READER_LIVE, &reader, &why), 0, "%s",
                 why.text);
    cr_assert_eq(store_reader_begin(reader), 0);
    cr_expect_eq(audit(reader).n_rows, 10);
    fill(&fixture, 7);
    cr_expect_eq(audit(reader).n_rows, 10, "the snapshot");
    store_reader_end(reader);
    cr_expect_eq(audit(reader).n_rows, 17);
    cr_expect_neq(store_put_meta(reader, "x", 1), 0, "it writes");
    store_close(&reader);
    fixture_fini(&fixture);
}

Test(store_reader, refuses_what_it_cannot_read_and_makes_nothing)
{
    struct fixture fixture;
    struct store *reader = NULL;
    struct errmsg why;
    char path[128];

    fixture_init(&fixture);
    snprintf(path, sizeof(path), "%s/none", fixture.dir);
    cr_expect_eq(store_reader_open(path, STORE_READER_LIVE, &reader, &why), ERR_IO);
    cr_expect_neq(access(path, F_OK), 0);
    change(&fixture, "PRAGMA user_version = 1");
    cr_expect_eq(store_reader_open(fixture.path, STORE_READER_LIVE, &reader, &why), ERR_STORE);
    cr_expect_not_null(strstr(why.text, "schema 1"), "%s", why.text);
    fixture_fini(&fixture);
}
