/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_once.h"

#include "store_fixture.h"

static int
put(struct fixture *fixture, uint8_t name, int64_t done_us, int64_t before_us)
{
    struct once_record record = {.name = {name}, .body = {7}, .target = "key 3"};

    cr_assert_eq(store_begin(fixture->store), 0);
    int rc = store_once_put(fixture->store, &record, done_us, before_us);
    if (rc == 0)
        rc = store_commit(fixture->store);
    else
        store_rollback(fixture->store);
    return rc;
}

static int
find(struct fixture *fixture, uint8_t name)
{
    struct once_record found;
    int rc = store_once_find(fixture->store, (uint8_t[HASH_DIGEST_SIZE]){name}, &found);

    if (rc == 0) {
        cr_expect_str_eq(found.target, "key 3");
        cr_expect_eq(found.body[0], 7);
    }
    return rc;
}

Test(store_once, what_was_done_is_found_until_it_is_old_or_dropped)
{
    struct fixture fixture;

    fixture_init(&fixture);
    cr_expect_eq(find(&fixture, 1), ERR_MISSING);
    cr_expect_eq(put(&fixture, 1, 100, 0), 0);
    cr_expect_eq(put(&fixture, 2, 200, 100), 0);
    cr_expect_eq(find(&fixture, 1), 0);
    cr_expect_neq(put(&fixture, 2, 200, 100), 0, "not twice");
    cr_expect_eq(put(&fixture, 3, 300, 101), 0);
    cr_expect_eq(find(&fixture, 1), ERR_MISSING);
    cr_expect_eq(find(&fixture, 2), 0);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_once_drop(fixture.store, (uint8_t[HASH_DIGEST_SIZE]){2}), 0);
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_expect_eq(find(&fixture, 2), ERR_MISSING);
    cr_expect_eq(find(&fixture, 3), 0);
    fixture_fini(&fixture);
}
