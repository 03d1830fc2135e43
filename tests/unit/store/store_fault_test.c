/* SPDX-License-Identifier: ISC
 *
 * The store on a disk that fails: LI-06, LI-08, LI-09, LI-10, CK-12. After any error no part of a
 * batch is visible, and what was acknowledged is there.
 */
#include "fault_vfs.h"
#include "store_fixture.h"

enum { BATCH = 20 };

static uint32_t
n_seeds(uint32_t fallback)
{
    const char *seeds = getenv("RELAYOS_TEST_SEEDS");

    return seeds == NULL ? fallback : (uint32_t)strtoul(seeds, NULL, 10);
}

/* Flights n .. n + BATCH - 1 in one transaction. */
static int
settle_batch(struct fixture *fixture, uint32_t n)
{
    enum store_insert inserted;
    int rc = store_begin(fixture->store);

    if (rc != 0)
        return rc;
    for (uint32_t i = n; rc == 0 && i < n + BATCH; i++) {
        struct flight_record flight;

        fixture_flight(&flight, i);
        /* The same flight each time, down to its id. */
        memset(flight.request_id.bytes + 6, 0x77, 6);
        memcpy(flight.request_id.bytes + 12, &i, 4);
        rc = fixture_insert(fixture, &flight, &inserted);
    }
    if (rc == 0)
        return store_commit(fixture->store);
    store_rollback(fixture->store);
    return rc;
}

static void
expect_whole(struct fixture *fixture, uint32_t n, const char *what, uint32_t at)
{
    struct errmsg why = {""};

    cr_expect_eq(fixture_query(fixture, "SELECT count(*) FROM ledger"), n, "%s %u", what, at);
    cr_expect_eq(fixture_query(fixture, "SELECT sum(n_requests) FROM usage"), n, "%s %u", what, at);
    cr_expect_eq(fixture_query(fixture, "SELECT sum(n_rows) FROM day_total"), n, "%s %u", what, at);
    cr_expect_eq(fixture_query(fixture, "SELECT count(*) FROM trace"), n, "%s %u", what, at);
    cr_expect_eq(store_ledger_verify_recent(fixture->store, 0, &why), 0, "%s %u: %s", what, at,
                 why.text);
}

static void
expect_sound(struct fixture *fixture, const char *what, uint32_t at)
{
    struct errmsg why = {""};

    cr_expect_eq(store_check(fixture->store, &why), 0, "%s %u: %s", what, at, why.text);
    cr_expect_eq(store_ledger_verify(fixture->store, 0, &why), 0, "%s %u: %s", what, at, why.text);
}

static void
mark_and_checkpoint(struct fixture *fixture)
{
    struct store_checkpoint done;

    if (store_begin(fixture->store) != 0)
        return;
    if (store_ledger_mark(fixture->store) != 0) {
        store_rollback(fixture->store);
        return;
    }
    if (store_commit(fixture->store) == 0)
        (void)!store_checkpoint(fixture->store, &done);
}

Test(store_fault, a_disk_that_is_full_at_any_write_takes_no_part_of_a_batch, .timeout = 120)
{
    struct fixture fixture;
    uint32_t n = 0;

    fault_vfs_install();
    fixture_init(&fixture);
    for (uint32_t at = 1; at <= 200; at++) {
        fault_vfs_arm(FAULT_WRITE_FULL, at);
        while (!fault_vfs_has_fired()) {
            int rc = settle_batch(&fixture, n);

            cr_assert(rc == 0 || (rc == ERR_FULL && fault_vfs_has_fired()), "write %u: %d", at, rc);
            n += rc == 0 ? BATCH : 0;
            if (!fault_vfs_has_fired() && at % 3 == 0)
                mark_and_checkpoint(&fixture);
        }
        expect_whole(&fixture, n, "write", at);
    }
    cr_expect_eq(settle_batch(&fixture, n), 0);
    store_close(&fixture.store);
    fixture_open(&fixture);
    expect_whole(&fixture, n + BATCH, "end", 0);
    expect_sound(&fixture, "end", 0);
    fixture_fini(&fixture);
}

/* After a failed fsync nobody knows what is on the disk: close, open, look, settle again. */
Test(store_fault, an_error_at_any_fsync_is_survived_by_opening_anew, .timeout = 120)
{
    struct fixture fixture;
    uint32_t n = 0;

    fault_vfs_install();
    fixture_init(&fixture);
    for (uint32_t at = 1; at <= 50; at++) {
        int rc = 0;

        fault_vfs_arm(FAULT_SYNC_EIO, 1 + at % 4);
        while (!fault_vfs_has_fired()) {
            rc = settle_batch(&fixture, n);
            cr_assert(rc == 0 || (rc == ERR_STORE && fault_vfs_has_fired()), "fsync %u: %d", at,
                      rc);
            n += rc == 0 ? BATCH : 0;
            if (!fault_vfs_has_fired() && at % 2 == 0)
                mark_and_checkpoint(&fixture);
        }
        store_close(&fixture.store);
        fixture_open(&fixture);
        expect_sound(&fixture, "fsync", at);
        /* The batch whose commit failed is all there or not at all; a second time changes nothing.
         */
        int64_t n_there = fixture_query(&fixture, "SELECT count(*) FROM ledger");
        cr_expect(n_there == n || (rc != 0 && n_there == n + BATCH), "fsync %u", at);
        cr_assert_eq(settle_batch(&fixture, n), 0);
        n += BATCH;
        expect_whole(&fixture, n, "fsync", at);
    }
    fixture_fini(&fixture);
}

Test(store_fault, a_power_cut_loses_nothing_that_was_acknowledged, .timeout = 300)
{
    uint32_t n_runs = n_seeds(40);

    fault_vfs_install();
    for (uint32_t seed = 1; seed <= n_runs; seed++) {
        struct fixture fixture;
        uint32_t n = 0;
        int rc = 0;

        fixture_init(&fixture);
        for (; n < 2 * BATCH; n += BATCH)
            cr_assert_eq(settle_batch(&fixture, n), 0);
        fault_vfs_arm(FAULT_POWER_CUT, 1 + seed * 7919 % 400);
        for (uint32_t i = 0; !fault_vfs_has_fired(); i++) {
            rc = settle_batch(&fixture, n);
            n += rc == 0 ? BATCH : 0;
            if (!fault_vfs_has_fired() && (i + seed) % 3 == 0)
                mark_and_checkpoint(&fixture);
        }
        store_close(&fixture.store);
        fault_vfs_power_on(seed);
        fixture_open(&fixture);
        expect_sound(&fixture, "seed", seed);
        int64_t n_there = fixture_query(&fixture, "SELECT count(*) FROM ledger");
        cr_expect(n_there == n || n_there == n + BATCH, "seed %u: %lld rows, %u acknowledged", seed,
                  (long long)n_there, n);
        cr_expect_eq(settle_batch(&fixture, n), 0, "seed %u", seed);
        expect_whole(&fixture, n + BATCH, "seed", seed);
        store_close(&fixture.store);
        fault_vfs_power_on(seed); /* forget the files; there is nothing pending */
        fixture_fini(&fixture);
    }
}

Test(store_fault, another_process_with_the_lock_costs_a_wait_and_no_row)
{
    struct fixture fixture;
    sqlite3 *other;

    fixture_init(&fixture);
    cr_assert_eq(settle_batch(&fixture, 0), 0);
    sqlite3_busy_timeout(fixture.store->handle, 10);
    cr_assert_eq(sqlite3_open(fixture.path, &other), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    cr_expect_eq(settle_batch(&fixture, BATCH), ERR_BUSY);
    cr_expect_eq(settle_batch(&fixture, BATCH), ERR_BUSY);
    cr_assert_eq(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    cr_expect_eq(settle_batch(&fixture, BATCH), 0);
    expect_whole(&fixture, 2 * BATCH, "lock", 0);
    fixture_fini(&fixture);
}

static void
flip(const char *path, uint32_t seed)
{
    FILE *file = fopen(path, "r+");

    cr_assert_not_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    for (int i = 0; i < 64; i++) {
        seed = seed * 1664525u + 1013904223u;
        fseek(file, (long)((seed >> 4) % (uint32_t)size), SEEK_SET);
        fputc((int)(seed >> 24), file);
    }
    fclose(file);
}

/* Damage is refused with a reason, or the rows that went with the log are counted, or the books are
 * whole; nothing crashes. */
Test(store_fault, a_damaged_file_is_refused_or_its_gap_is_told, .timeout = 120)
{
    uint32_t n_refused = 0, n_gaps = 0;

    for (uint32_t seed = 1; seed <= 30; seed++) {
        struct fixture fixture;
        struct errmsg why = {""};
        char wal[128];

        fixture_init(&fixture);
        for (uint32_t n = 0; n < 10 * BATCH; n += BATCH)
            cr_assert_eq(settle_batch(&fixture, n), 0);
        bool is_log = seed % 2 == 0;
        /* A crash leaves the log where it is; a proper close empties it into the database. */
        snprintf(wal, sizeof(wal), "%s-wal", fixture.path);
        sqlite3_db_config(fixture.store->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int)is_log,
                          NULL);
        store_close(&fixture.store);
        flip(is_log ? wal : fixture.path, seed);
        int rc = store_open(fixture.path, &fixture.store, &why);
        int64_t n_lost = rc == 0 ? store_n_lost(fixture.store) : 0;
        if (rc == 0)
            rc = store_ledger_verify_recent(fixture.store, 0, &why);
        if (rc == 0)
            rc = store_ledger_verify(fixture.store, 0, &why);
        if (rc != 0) {
            n_refused++;
            cr_expect_eq(rc, ERR_STORE, "seed %u", seed);
            cr_expect_gt(strlen(why.text), 10, "seed %u", seed);
        } else {
            n_gaps += n_lost > 0;
            cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM ledger"),
                         10 * BATCH - n_lost, "seed %u", seed);
        }
        fixture_fini(&fixture);
    }
    cr_expect_gt(n_refused, 5);
    cr_expect_gt(n_gaps, 5);
}
