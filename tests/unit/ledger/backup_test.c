/* SPDX-License-Identifier: ISC */
#include "backup.h"
#include "ledger_fixture.h"

#include <sys/stat.h>

static void
begin(struct fixture *fixture, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", fixture->dir, name);
    frame_cstr(fixture_command(fixture, "backup.begin"), "file", path);
}

static bool
is_there(const struct fixture *fixture, const char *name)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof(path), "%s/%s", fixture->dir, name);
    return stat(path, &st) == 0;
}

static void
remove_file(const struct fixture *fixture, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", fixture->dir, name);
    cr_expect_eq(unlink(path), 0);
}

Test(backup, is_made_part_by_part_with_settlements_between)
{
    static struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "anna", USD, NULL);
    begin(&fixture, "copy");
    (void)fixture_result(&fixture);
    begin(&fixture, "other");
    cr_expect_eq(fixture_failure(&fixture, "under way"), ERR_BUSY);
    (void)fixture_command(&fixture, "backup.end");
    cr_expect_eq(fixture_failure(&fixture, "not complete"), ERR_BUSY);
    frame_bool(fixture_command(&fixture, "backup.end"), "keep", false);
    (void)fixture_result(&fixture);
    cr_expect_not(is_there(&fixture, "copy.partial"));

    begin(&fixture, "copy");
    (void)fixture_result(&fixture);
    cr_assert(fixture_request(&fixture, key, 1000, 1000));
    cr_assert_eq(fixture_settle(&fixture), 1);
    (void)fixture_command(&fixture, "backup.next");
    cr_expect(frame_get_bool(fixture_result(&fixture), "is_copied", false));
    cr_expect_not(is_there(&fixture, "copy"));
    (void)fixture_command(&fixture, "backup.end");
    (void)fixture_result(&fixture);
    cr_expect(is_there(&fixture, "copy"));
    cr_expect_not(is_there(&fixture, "copy.partial"));
    remove_file(&fixture, "copy");
    fixture_fini(&fixture);
}

Test(backup, whose_asker_has_gone_is_given_up)
{
    static struct fixture fixture;

    fixture_init(&fixture);
    begin(&fixture, "copy");
    (void)fixture_result(&fixture);
    cr_expect(is_there(&fixture, "copy.partial"));
    backup_tick(&fixture.ledger, clock_mono_us() + 59000000);
    cr_expect(is_there(&fixture, "copy.partial"));
    backup_tick(&fixture.ledger, clock_mono_us() + 61000000);
    cr_expect_not(is_there(&fixture, "copy.partial"));
    (void)fixture_command(&fixture, "backup.next");
    cr_expect_eq(fixture_failure(&fixture, "no backup"), ERR_MISSING);
    fixture_fini(&fixture);
}

Test(backup, goes_with_the_ledger_that_made_it)
{
    static struct fixture fixture;

    fixture_init(&fixture);
    begin(&fixture, "copy");
    (void)fixture_result(&fixture);
    fixture_restart_ledger(&fixture);
    cr_expect_not(is_there(&fixture, "copy.partial"));
    frame_cstr(fixture_command(&fixture, "backup.begin"), "file", "relative");
    cr_expect_eq(fixture_failure(&fixture, "absolute"), ERR_SYNTAX);
    fixture_fini(&fixture);
}
