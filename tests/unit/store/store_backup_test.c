/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_backup.h"

#include <sys/stat.h>

#include "store_fixture.h"

static void
insert_flights(struct fixture *fixture, uint32_t from, uint32_t n)
{
    enum store_insert inserted;

    cr_assert_eq(store_begin(fixture->store), 0);
    for (uint32_t i = from; i < from + n; i++) {
        struct flight_record flight;

        fixture_flight(&flight, i);
        cr_assert_eq(fixture_insert(fixture, &flight, &inserted), 0);
    }
    cr_assert_eq(store_commit(fixture->store), 0);
}

Test(store_backup, is_whole_and_has_what_was_written_while_it_was_made)
{
    struct fixture fixture, copy;
    struct store_backup *backup;
    struct errmsg why = {""};
    bool is_done = false;
    struct stat st;
    uint32_t n = 500, n_steps = 0;

    fixture_init(&fixture);
    insert_flights(&fixture, 0, n);
    copy = fixture;
    snprintf(copy.path, sizeof(copy.path), "%s/copy.db", fixture.dir);
    cr_assert_eq(store_backup_new(fixture.store, copy.path, &backup, &why), 0, "%s", why.text);
    while (!is_done) {
        cr_assert_eq(store_backup_step(backup, 6, &is_done, &why), 0, "%s", why.text);
        if (!is_done && n_steps++ % 2 == 0) {
            insert_flights(&fixture, n, 20);
            n += 20;
        }
        cr_expect_neq(stat(copy.path, &st), 0);
    }
    cr_expect_gt(n_steps, 3);
    cr_assert_eq(store_backup_finish(backup, &why), 0, "%s", why.text);
    store_backup_free(&backup);
    cr_assert_eq(stat(copy.path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    store_close(&fixture.store);

    fixture_open(&copy);
    cr_expect_eq(store_check(copy.store, &why), 0, "%s", why.text);
    cr_expect_eq(store_ledger_verify(copy.store, 0, &why), 0, "%s", why.text);
    cr_expect_eq(fixture_query(&copy, "SELECT count(*) FROM ledger"), n);
    cr_expect_eq(store_backup_new(copy.store, fixture.path, &backup, &why), ERR_EXISTS);
    store_close(&copy.store);
    unlink(copy.path);
    snprintf(copy.path, sizeof(copy.path), "%s/copy.db-seq", fixture.dir);
    unlink(copy.path);
    fixture_fini(&fixture);
}

Test(store_backup, that_is_given_up_leaves_nothing_behind)
{
    struct fixture fixture;
    struct store_backup *backup, *second;
    struct errmsg why = {""};
    bool is_done;
    char path[128], partial[140];

    fixture_init(&fixture);
    insert_flights(&fixture, 0, 100);
    snprintf(path, sizeof(path), "%s/copy.db", fixture.dir);
    snprintf(partial, sizeof(partial), "%s.partial", path);
    cr_assert_eq(store_backup_new(fixture.store, path, &backup, &why), 0);
    cr_assert_eq(store_backup_step(backup, 5, &is_done, &why), 0);
    cr_expect_not(is_done);
    cr_expect_eq(store_backup_new(fixture.store, path, &second, &why), ERR_EXISTS);
    cr_expect_eq(access(partial, F_OK), 0);
    store_backup_free(&backup);
    cr_expect_neq(access(partial, F_OK), 0);
    cr_expect_neq(access(path, F_OK), 0);
    fixture_fini(&fixture);
}
