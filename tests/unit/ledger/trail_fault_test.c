/* SPDX-License-Identifier: ISC
 *
 * A change and its row in the audit trail are one: each WRITE command of the table, with a disk
 * that is full at any write of it, and killed at any.
 */
#include <sqlite3.h>

#include "fault_vfs.h"
#include "ledger_fixture.h"
#include "relayos/base/hash.h"
#include "write_case.h"

#define MAX_WRITES 100

/* Of all tables but those of the trail itself, and of what a start may note. */
struct books {
    uint64_t digest;
    int64_t n_rows; /* of the trail */
};

static sqlite3_stmt *
prepare(sqlite3 *handle, const char *sql)
{
    sqlite3_stmt *stmt = NULL;

    cr_assert_eq(sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL), SQLITE_OK, "%s: %s", sql,
                 sqlite3_errmsg(handle));
    return stmt;
}

static void
add_table(sqlite3 *handle, const char *table, uint64_t *digest)
{
    char sql[256];

    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"%s", table,
             strcmp(table, "meta") == 0 ? " WHERE name = 'billed_until'" : "");
    sqlite3_stmt *rows = prepare(handle, sql);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        for (int n = 0; n < sqlite3_column_count(rows); n++) {
            const void *text = sqlite3_column_blob(rows, n);
            size_t len = (size_t)sqlite3_column_bytes(rows, n);

            *digest = hash_mix64(*digest ^ hash_table64(slice_of(text == NULL ? "" : text, len)));
        }
    }
    sqlite3_finalize(rows);
}

static struct books
look(const struct fixture *fixture)
{
    struct books books = {.digest = 1};
    sqlite3 *handle;
    char path[128];

    snprintf(path, sizeof path, "%s/relayos.db", fixture->dir);
    cr_assert_eq(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_stmt *tables =
        prepare(handle, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN"
                        " ('audit', 'once') AND name NOT LIKE 'sqlite%' ORDER BY name");
    while (sqlite3_step(tables) == SQLITE_ROW)
        add_table(handle, (const char *)sqlite3_column_text(tables, 0), &books.digest);
    sqlite3_finalize(tables);
    sqlite3_stmt *count = prepare(handle, "SELECT count(*) FROM audit");
    cr_assert_eq(sqlite3_step(count), SQLITE_ROW);
    books.n_rows = sqlite3_column_int64(count, 0);
    sqlite3_finalize(count);
    sqlite3_close(handle);
    return books;
}

/* A backup is a file of its own; who was refused, or reads what was captured, is only told of: the
 * books do not change. */
static bool
is_tried(enum command command)
{
    const struct command_info *info = command_info(command);

    return info->where == COMMAND_LEDGER && info->right == COMMAND_WRITE &&
           command != COMMAND_BACKUP_BEGIN && command != COMMAND_BACKUP_END &&
           command != COMMAND_SESSION_REFUSED && command != COMMAND_REQUEST_BODY;
}

static void
begin(struct fixture *fixture, enum command command)
{
    cr_assert_not_null(write_cases[command].give, "%s has no case", command_info(command)->name);
    fixture_init(fixture);
    (void)fixture_key(fixture, "anna", USD, NULL);
    if (write_cases[command].prepare != NULL)
        write_cases[command].prepare(fixture);
}

/* True if it was carried out; false if the fault came in between. */
static bool
give(struct fixture *fixture, enum command command, enum fault fault, uint32_t at)
{
    struct frame_out *args = fixture_command(fixture, command_info(command)->name);
    uint8_t once[2 * HASH_DIGEST_SIZE] = {1};

    write_cases[command].give(fixture, args);
    frame_bin(args, "once", once, sizeof once);
    fault_vfs_arm(fault, at);
    return frame_get_bool(fixture_call(fixture), "ok", false);
}

static void
recover(struct fixture *fixture, enum fault fault, uint32_t seed)
{
    if (fault == FAULT_POWER_CUT) {
        fixture_kill_ledger(fixture);
        fault_vfs_power_on(seed);
    }
    fault_vfs_arm(FAULT_NONE, 0);
    if (fault == FAULT_POWER_CUT)
        fixture_start_ledger(fixture);
}

/* True if something was changed: then it must be tried on another. Over: the fault came too late.
 */
static bool
try_at(struct fixture *fixture, enum command command, enum fault fault, uint32_t at,
       bool *out_is_over)
{
    const char *name = command_info(command)->name;
    struct books before = look(fixture);
    bool is_done = give(fixture, command, fault, at), has_fired = fault_vfs_has_fired();

    *out_is_over = !has_fired;
    recover(fixture, fault, at);
    struct books after = look(fixture);
    bool is_changed = after.digest != before.digest;
    cr_expect(is_done || has_fired, "%s %u", name, at);
    cr_expect_eq(after.n_rows - before.n_rows, is_changed, "%s, write %u: %lld rows, %s", name, at,
                 (long long)(after.n_rows - before.n_rows),
                 is_changed ? "changed" : "nothing changed");
    cr_expect(is_changed || !is_done, "%s, write %u", name, at);
    cr_expect(fault == FAULT_POWER_CUT || is_done == is_changed, "%s, write %u", name, at);
    return is_changed;
}

static void
sweep(enum command command, enum fault fault)
{
    static struct fixture fixture;
    bool is_changed = true, is_over = false;

    for (uint32_t at = 1; !is_over && at < MAX_WRITES; at++) {
        if (is_changed)
            begin(&fixture, command);
        is_changed = try_at(&fixture, command, fault, at, &is_over);
        if (!is_changed)
            continue;
        fixture_fini(&fixture);
        fault_vfs_forget();
    }
    cr_expect(is_over && is_changed, "%s: there is no end of writes", command_info(command)->name);
}

Test(trail_fault, a_full_disk_leaves_no_change_without_its_row_and_no_row_alone, .timeout = 280)
{
    fault_vfs_install();
    for (int command = 0; command < COMMAND_N; command++) {
        if (is_tried((enum command)command))
            sweep((enum command)command, FAULT_WRITE_FULL);
    }
}

Test(trail_fault, killed_at_any_write_both_are_there_or_none, .timeout = 280)
{
    fault_vfs_install();
    for (int command = 0; command < COMMAND_N; command++) {
        if (is_tried((enum command)command))
            sweep((enum command)command, FAULT_POWER_CUT);
    }
}
