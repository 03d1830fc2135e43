/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_trail.h"
#include "store_fixture.h"

#define N_ROWS 40

static struct hash_hmac *
seal_of(const char *text)
{
    struct secret *pepper = secret_new(text, strlen(text));
    struct hash_hmac *seal = store_trail_seal_new(pepper);

    secret_free(&pepper);
    return seal;
}

/* Rows 1 to n; the texts tell one from another. */
static void
append(struct fixture *fixture, int n)
{
    static const char *const people[] = {"alice", "bob", "uid 0 by relayosctl"};
    struct hash_hmac *seal = seal_of("pepper");

    cr_assert_eq(store_begin(fixture->store), 0);
    for (int i = 0; i < n; i++) {
        char target[32], detail[64];
        struct trail_row row = {
            .at_us = FIXTURE_NOW_US + i,
            .who = slice_str(people[i % 3]),
            .action = i % 2 == 0 ? SLICE_LIT("key.create") : SLICE_LIT("key.revoke"),
        };

        snprintf(target, sizeof(target), "key %d", i / 2 + 1);
        snprintf(detail, sizeof(detail), "{\"n\":%d}", i);
        row.target = slice_str(target);
        row.detail = slice_str(detail);
        cr_assert_eq(store_trail_append(fixture->store, seal, &row), 0);
    }
    cr_assert_eq(store_commit(fixture->store), 0);
    hash_hmac_free(&seal);
}

/* In slices that do not divide the whole. */
static int
walk(struct fixture *fixture, const char *pepper, struct store_trail_walk *walk)
{
    int rc;

    walk->seal = pepper == NULL ? NULL : seal_of(pepper);
    while ((rc = store_trail_verify(fixture->store, walk, 7)) == 1)
        ;
    hash_hmac_free(&walk->seal);
    return rc;
}

/* 0, or the first row that is wrong. */
static int64_t
verify(struct fixture *fixture)
{
    struct store_trail_walk found = {.seq = 0};
    int rc = walk(fixture, "pepper", &found);

    cr_assert(rc == 0 || rc == ERR_CONFLICT, "%s", store_error(fixture->store));
    return rc == 0 ? 0 : found.seq;
}

/* As somebody with the file and sqlite3 would. */
static void
tamper(struct fixture *fixture, const char *sql)
{
    cr_assert_eq(db_exec(fixture->store, "DROP TRIGGER audit_is_never_updated;"
                                         "DROP TRIGGER audit_is_never_deleted_from"),
                 0);
    cr_assert_eq(db_exec(fixture->store, sql), 0, "%s: %s", sql, store_error(fixture->store));
}

Test(store_trail, rows_are_numbered_chained_and_never_changed)
{
    struct fixture fixture;

    fixture_init(&fixture);
    cr_expect_eq(verify(&fixture), 0, "an empty one holds");
    append(&fixture, N_ROWS);
    cr_expect_eq(verify(&fixture), 0);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM audit WHERE seq BETWEEN 1 AND 40"),
                 N_ROWS);
    cr_expect_eq(db_exec(fixture.store, "UPDATE audit SET who = 'eve'"), ERR_STORE);
    cr_expect_eq(db_exec(fixture.store, "DELETE FROM audit WHERE seq = 40"), ERR_STORE);
    cr_expect_eq(verify(&fixture), 0);
    fixture_fini(&fixture);
}

Test(store_trail, what_was_edited_removed_added_or_moved_is_found)
{
    static const struct {
        const char *sql;
        int64_t found; /* where */
    } deeds[] = {
        {"UPDATE audit SET who = 'eve' WHERE seq = 9", 9},
        {"UPDATE audit SET at_us = at_us + 1 WHERE seq = 1", 1},
        {"UPDATE audit SET action = 'key.enable' WHERE seq = 40", 40},
        {"UPDATE audit SET target = 'key 99' WHERE seq = 2", 2},
        {"UPDATE audit SET detail = '{}' WHERE seq = 17", 17},
        {"UPDATE audit SET hash = zeroblob(32) WHERE seq = 17", 17},
        /* What is moved over the border of two texts. */
        {"UPDATE audit SET who = who || substr(action, 1, 1), action = substr(action, 2)"
         " WHERE seq = 30",
         30},
        {"DELETE FROM audit WHERE seq = 1", 1},
        {"DELETE FROM audit WHERE seq = 20", 20},
        {"DELETE FROM audit WHERE seq = 40", 40},
        {"DELETE FROM audit WHERE seq > 30", 31},
        {"DELETE FROM audit", 1},
        {"DELETE FROM audit WHERE seq = 20; UPDATE audit SET seq = seq - 1 WHERE seq > 20", 20},
        {"UPDATE audit SET seq = 100 WHERE seq = 11; UPDATE audit SET seq = 11 WHERE seq = 12;"
         " UPDATE audit SET seq = 12 WHERE seq = 100",
         11},
        {"INSERT INTO audit SELECT 41, at_us, who, action, target, detail, hash, mac FROM audit"
         " WHERE seq = 40",
         41},
    };

    for (size_t n = 0; n < sizeof(deeds) / sizeof(deeds[0]); n++) {
        struct fixture fixture;

        fixture_init(&fixture);
        append(&fixture, N_ROWS);
        tamper(&fixture, deeds[n].sql);
        cr_expect_eq(verify(&fixture), deeds[n].found, "%s: %lld", deeds[n].sql,
                     (long long)verify(&fixture));
        append(&fixture, 3);
        cr_expect_eq(verify(&fixture), deeds[n].found, "%s: and later rows do not hide it",
                     deeds[n].sql);
        fixture_fini(&fixture);
    }
}

/* As somebody would who knows how rows are made, but not the pepper. */
static void
write_anew(struct fixture *fixture)
{
    tamper(fixture, "CREATE TEMP TABLE old AS SELECT * FROM audit; DELETE FROM audit;"
                    "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'audit'");
    append(fixture, N_ROWS - 1);
    cr_assert_eq(db_exec(fixture->store, "UPDATE audit SET mac = (SELECT mac FROM old o WHERE"
                                         " o.seq = audit.seq)"),
                 0);
}

Test(store_trail, who_has_not_the_pepper_cannot_write_it_anew)
{
    struct fixture fixture;
    struct store_trail_walk found = {.seq = 0};

    fixture_init(&fixture);
    append(&fixture, 1); /* another first row: no later one has the hash that it had */
    append(&fixture, N_ROWS);
    write_anew(&fixture);
    cr_expect_eq(walk(&fixture, NULL, &found), 0, "the chain alone tells nothing");
    cr_expect_eq(found.seq, N_ROWS - 1);
    found = (struct store_trail_walk){.seq = 0};
    cr_expect_eq(walk(&fixture, "pepper", &found), ERR_DENIED);
    cr_expect_eq(found.seq, 2);
    fixture_fini(&fixture);
}

Test(store_trail, another_pepper_is_told_from_a_changed_row)
{
    struct fixture fixture;
    struct store_trail_walk found = {.seq = 0};

    fixture_init(&fixture);
    append(&fixture, N_ROWS);
    cr_expect_eq(walk(&fixture, "salt", &found), ERR_DENIED);
    cr_expect_eq(found.seq, 1);
    fixture_fini(&fixture);
}

/* Which is how it shows that the end is gone, where the counter was set back as well. */
Test(store_trail, a_row_that_was_known_must_be_there)
{
    struct fixture fixture;
    struct store_trail_walk known = {.seq = 0}, found = {.seq = 0};

    fixture_init(&fixture);
    append(&fixture, N_ROWS);
    cr_assert_eq(walk(&fixture, "pepper", &known), 0);
    found.known_seq = known.seq;
    memcpy(found.known_hash, known.hash, sizeof(known.hash));
    append(&fixture, 3);
    struct store_trail_walk again = found;
    cr_expect_eq(walk(&fixture, "pepper", &again), 0, "and what came later does not matter");
    tamper(&fixture, "DELETE FROM audit WHERE seq > 20;"
                     "UPDATE sqlite_sequence SET seq = 20 WHERE name = 'audit'");
    cr_expect_eq(verify(&fixture), 0, "no seal tells");
    again = found;
    cr_expect_eq(walk(&fixture, "pepper", &again), ERR_STALE);
    append(&fixture, 30);
    again = found;
    cr_expect_eq(walk(&fixture, "pepper", &again), ERR_STALE);
    cr_expect_eq(again.seq, N_ROWS);
    fixture_fini(&fixture);
}

/* The newest before a number, by any of the conditions. */
static int64_t
previous(struct fixture *fixture, const struct store_trail_filter *filter, int64_t before)
{
    struct trail_row row;
    struct buf room;

    buf_init(&room, 65536);
    int rc = store_trail_previous(fixture->store, filter, before, &row, &room);
    buf_fini(&room);
    return rc == ERR_MISSING ? 0 : rc == 0 ? row.seq : -1;
}

Test(store_trail, it_is_read_backwards_by_who_what_to_which_and_when)
{
    struct fixture fixture;
    struct trail_row row;
    struct buf room;

    fixture_init(&fixture);
    append(&fixture, N_ROWS);
    buf_init(&room, 65536);
    cr_assert_eq(
        store_trail_previous(fixture.store, &(struct store_trail_filter){0}, 0, &row, &room), 0);
    cr_expect_eq(row.seq, 40);
    cr_expect(slice_eq_str(row.who, "alice"));
    cr_expect(slice_eq_str(row.action, "key.revoke"));
    cr_expect(slice_eq_str(row.target, "key 20"));
    cr_expect(slice_eq_str(row.detail, "{\"n\":39}"));
    buf_fini(&room);

    struct store_trail_filter by_target = {.target = SLICE_LIT("key 7")};
    cr_expect_eq(previous(&fixture, &by_target, 0), 14);
    cr_expect_eq(previous(&fixture, &by_target, 14), 13);
    cr_expect_eq(previous(&fixture, &by_target, 13), 0);
    by_target.action = SLICE_LIT("key.create");
    cr_expect_eq(previous(&fixture, &by_target, 0), 13);
    struct store_trail_filter by_who = {.who = SLICE_LIT("bob"), .until_us = FIXTURE_NOW_US + 4};
    cr_expect_eq(previous(&fixture, &by_who, 0), 2);
    struct store_trail_filter by_action = {.action = SLICE_LIT("key.create"),
                                           .since_us = FIXTURE_NOW_US + 38};
    cr_expect_eq(previous(&fixture, &by_action, 0), 39);
    cr_expect_eq(previous(&fixture, &by_action, 39), 0);
    cr_expect_eq(previous(&fixture, &(struct store_trail_filter){.who = SLICE_LIT("ali")}, 0), 0);
    fixture_fini(&fixture);
}
