/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_adjust.h"
#include "relayos/store/store_reader.h"
#include "store_fixture.h"

Test(store_reader, reads_one_moment_while_the_writer_goes_on)
{
    struct fixture fixture;
    struct store *reader = NULL;
    struct errmsg why;

    fixture_init(&fixture);
    fixture_fill(&fixture, 10);
    cr_assert_eq(store_reader_open(fixture.path, STORE_READER_LIVE, &reader, &why), 0, "%s",
                 why.text);
    cr_assert_eq(store_reader_begin(reader), 0);
    cr_expect_eq(fixture_audit(reader).n_rows, 10);
    fixture_fill(&fixture, 7);
    cr_expect_eq(fixture_audit(reader).n_rows, 10, "the snapshot");
    store_reader_end(reader);
    cr_expect_eq(fixture_audit(reader).n_rows, 17);
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
    fixture_change(&fixture, "PRAGMA user_version = 1");
    cr_expect_eq(store_reader_open(fixture.path, STORE_READER_LIVE, &reader, &why), ERR_STORE);
    cr_expect_not_null(strstr(why.text, "schema 1"), "%s", why.text);
    fixture_fini(&fixture);
}
