/* SPDX-License-Identifier: ISC
 *
 * No change without its row in the audit trail: each WRITE command of the table is given once, and
 * one that is added to the table without being added to write_case.h fails.
 */
#include "ledger_fixture.h"
#include "relayos/store/store_trail.h"
#include "relayos/store/store_user.h"
#include "write_case.h"

/* The newest row; its number, 0 if there is none. */
static int64_t
newest(struct fixture *fixture, struct trail_row *out, struct buf *room)
{
    int rc =
        store_trail_previous(fixture->ledger.store, &(struct store_trail_filter){0}, 0, out, room);

    return rc == 0 ? out->seq : 0;
}

static void
check_command(enum command command)
{
    const struct command_info *info = command_info(command);
    static struct fixture fixture;
    struct trail_row row;
    struct buf room;

    cr_assert_not_null(write_cases[command].give, "%s has no case here", info->name);
    fixture_init(&fixture);
    buf_init(&room, 65536);
    (void)fixture_key(&fixture, "anna", USD, NULL);
    if (write_cases[command].prepare != NULL)
        write_cases[command].prepare(&fixture);
    int64_t before = newest(&fixture, &row, &room);

    /* Without saying who: nothing happens. */
    command_request_begin(fixture.writer, 7, info->name);
    write_cases[command].give(&fixture, fixture.writer);
    cr_expect_eq(fixture_failure(&fixture, "who"), ERR_SYNTAX, "%s", info->name);
    cr_expect_eq(newest(&fixture, &row, &room), before, "%s", info->name);

    write_cases[command].give(&fixture, fixture_command(&fixture, info->name));
    (void)fixture_result(&fixture);
    cr_assert_eq(newest(&fixture, &row, &room), before + 1, "%s: exactly one row", info->name);
    cr_expect(slice_eq_str(row.who, "tester"), "%s", info->name);
    cr_expect(slice_eq_str(row.action, info->name));
    cr_expect(slice_eq_str(row.target, write_cases[command].target), "%s: %.*s", info->name,
              (int)row.target.len, row.target.ptr);
    cr_expect_null(memmem(row.detail.ptr, row.detail.len, "argon2", 6), "%s", info->name);
    cr_expect_null(memmem(row.detail.ptr, row.detail.len, "token", 5), "%s", info->name);
    cr_expect(row.detail.ptr[0] == '{' && row.detail.ptr[row.detail.len - 1] == '}');

    if (command == COMMAND_BACKUP_BEGIN) {
        give_drop(&fixture, fixture_command(&fixture, "backup.end"));
        (void)fixture_result(&fixture);
    }
    buf_fini(&room);
    fixture_fini(&fixture);
}

Test(trail, each_command_that_changes_something_leaves_one_row, .timeout = 200)
{
#define COMMAND(name, NAME, where, right)                                                          \
    if (COMMAND_##where == COMMAND_LEDGER && COMMAND_##right == COMMAND_WRITE)                     \
        check_command(COMMAND_##NAME);
#include "relayos/control/commands.def"
#undef COMMAND
}

/* By "once", which its console may send again: after a restart of either, too. */
static int
give_once(struct fixture *fixture, enum command command, uint8_t body)
{
    struct frame_out *args = fixture_command(fixture, command_info(command)->name);
    uint8_t once[2 * HASH_DIGEST_SIZE] = {9, [HASH_DIGEST_SIZE] = body};

    write_cases[command].give(fixture, args);
    frame_bin(args, "once", once, sizeof(once));
    const struct frame_value *reply = fixture_call(fixture);
    return frame_get_bool(reply, "ok", false) ? 0 : command_code_find(frame_get_str(reply, "code"));
}

static void
check_once(enum command command)
{
    const char *name = command_info(command)->name;
    static struct fixture fixture;
    struct trail_row row;
    struct buf room;

    fixture_init(&fixture);
    buf_init(&room, 65536);
    (void)fixture_key(&fixture, "anna", USD, NULL);
    if (write_cases[command].prepare != NULL)
        write_cases[command].prepare(&fixture);
    cr_expect_eq(give_once(&fixture, command, 1), 0, "%s", name);
    int64_t done = newest(&fixture, &row, &room);
    cr_expect_eq(give_once(&fixture, command, 1), ERR_IDEMPOTENCY_FINISHED, "%s", name);
    fixture_restart_ledger(&fixture);
    cr_expect_eq(give_once(&fixture, command, 1), ERR_IDEMPOTENCY_FINISHED, "%s", name);
    cr_expect_eq(give_once(&fixture, command, 2), ERR_IDEMPOTENCY_CONFLICT, "%s", name);
    cr_expect_eq(newest(&fixture, &row, &room), done, "%s", name);
    (void)fixture_command(&fixture, "key.list");
    size_t n_keys = frame_length(frame_get(fixture_result(&fixture), "keys"));
    cr_expect_eq(n_keys, command == COMMAND_KEY_CREATE || command == COMMAND_KEY_ROTATE ? 2 : 1,
                 "%s: %zu", name, n_keys);
    if (command == COMMAND_BACKUP_BEGIN) {
        char path[128];

        snprintf(path, sizeof(path), "%s/copy.partial", fixture.dir);
        unlink(path); /* of the ledger that was killed */
    }
    buf_fini(&room);
    fixture_fini(&fixture);
}

Test(trail, each_command_that_is_sent_again_is_not_done_again, .timeout = 200)
{
#define COMMAND(name, NAME, where, right)                                                          \
    if (COMMAND_##where == COMMAND_LEDGER && COMMAND_##right == COMMAND_WRITE)                     \
        check_once(COMMAND_##NAME);
#include "relayos/control/commands.def"
#undef COMMAND
}

/* Neither what was refused, nor what was done and had to be taken back, stands in its way. */
Test(trail, what_came_to_nothing_may_be_sent_again)
{
    static struct fixture fixture;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "new", USD, NULL);
    cr_expect_eq(give_once(&fixture, COMMAND_KEY_CREATE, 1), ERR_EXISTS);
    (void)fixture_key_command(&fixture, "key.revoke", "new");
    cr_expect_eq(give_once(&fixture, COMMAND_KEY_CREATE, 1), 0);
    cr_expect_eq(give_once(&fixture, COMMAND_KEY_CREATE, 1), ERR_IDEMPOTENCY_FINISHED);
    fixture_fini(&fixture);
}

/* Each command on something that can change, as of a time that was and as of now. */
static void
check_version(enum command command, const char *thing)
{
    const char *name = command_info(command)->name;
    static struct fixture fixture;
    int64_t updated_us = 0;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "anna", USD, NULL);
    if (write_cases[command].prepare != NULL)
        write_cases[command].prepare(&fixture);
    for (int n = 0; n < 2; n++) { /* the clock stands still meanwhile: their times differ */
        struct frame_out *args =
            fixture_command(&fixture, strcmp(thing, "key") == 0 ? "key.update" : "user.update");
        frame_cstr(args, thing, strcmp(thing, "key") == 0 ? "anna" : "bob");
        int64_t before_us = updated_us;
        updated_us = frame_get_int(frame_get(fixture_result(&fixture), thing), "updated_us", 0);
        cr_expect_gt(updated_us, before_us);
    }
    struct frame_out *args = fixture_command(&fixture, name);
    write_cases[command].give(&fixture, args);
    frame_int(args, "updated_us", updated_us - 1);
    cr_expect_eq(fixture_failure(&fixture, "meanwhile"), ERR_STALE, "%s", name);
    args = fixture_command(&fixture, name);
    write_cases[command].give(&fixture, args);
    frame_int(args, "updated_us", updated_us);
    (void)fixture_result(&fixture);
    fixture_fini(&fixture);
}

Test(trail, a_change_of_what_was_changed_meanwhile_is_refused, .timeout = 100)
{
    static const struct {
        enum command command;
        const char *thing;
    } changes[] = {
        {COMMAND_KEY_UPDATE, "key"},     {COMMAND_KEY_DISABLE, "key"},
        {COMMAND_KEY_ENABLE, "key"},     {COMMAND_KEY_REVOKE, "key"},
        {COMMAND_KEY_ROTATE, "key"},     {COMMAND_USER_UPDATE, "user"},
        {COMMAND_USER_PASSWORD, "user"},
    };

    for (size_t n = 0; n < sizeof(changes) / sizeof(changes[0]); n++)
        check_version(changes[n].command, changes[n].thing);
}

Test(trail, nobody_is_called_what_we_are_called_in_it)
{
    static const char *const names[] = {"relayosd", "RelayOSd", "keys_file"};
    static struct fixture fixture;

    fixture_init(&fixture);
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        struct frame_out *args = fixture_command(&fixture, "user.create");

        frame_cstr(args, "name", names[n]);
        cr_expect_eq(fixture_failure(&fixture, "trail"), ERR_SYNTAX, "%s", names[n]);
    }
    fixture_fini(&fixture);
}

/* Its answer got lost, and the master says it again. */
Test(trail, what_the_master_tells_twice_has_one_row)
{
    uint8_t once[2 * HASH_DIGEST_SIZE] = {3};
    static struct fixture fixture;
    struct trail_row row;
    struct buf room;

    fixture_init(&fixture);
    buf_init(&room, 65536);
    for (int n = 0; n < 3; n++) {
        struct frame_out *args = fixture_command(&fixture, "audit.append");

        frame_int(args, "at_us", 5);
        frame_cstr(args, "who", "alice");
        frame_cstr(args, "action", "route.drain");
        frame_cstr(args, "target", "route m/u/x");
        frame_cstr(args, "detail", "{}");
        once[0] = n == 2 ? 4 : 3;
        frame_bin(args, "once", once, sizeof(once));
        (void)fixture_result(&fixture);
    }
    cr_expect_eq(newest(&fixture, &row, &room), 2);
    buf_fini(&room);
    fixture_fini(&fixture);
}

Test(trail, what_is_refused_or_only_read_leaves_none)
{
    static struct fixture fixture;
    struct trail_row row;
    struct buf room;

    fixture_init(&fixture);
    buf_init(&room, 65536);
    (void)fixture_key(&fixture, "anna", USD, NULL);
    frame_cstr(fixture_command(&fixture, "key.create"), "name", "anna");
    cr_expect_eq(fixture_failure(&fixture, "already"), ERR_EXISTS);
    frame_cstr(fixture_command(&fixture, "key.revoke"), "key", "nobody");
    cr_expect_eq(fixture_failure(&fixture, "nobody"), ERR_MISSING);
    (void)fixture_command(&fixture, "key.list");
    (void)fixture_result(&fixture);
    cr_expect_eq(fixture_settle(&fixture), 0);
    cr_expect_eq(newest(&fixture, &row, &room), 1);
    cr_expect(slice_eq_str(row.detail, "{\"name\":\"anna\",\"quota_nusd\":1000000000}"), "%.*s",
              (int)row.detail.len, row.detail.ptr);
    buf_fini(&room);
    fixture_fini(&fixture);
}

Test(trail, of_a_change_it_tells_what_was_there_before)
{
    static struct fixture fixture;
    struct trail_row row;
    struct frame_out *args;
    struct buf room;

    fixture_init(&fixture);
    buf_init(&room, 65536);
    (void)fixture_key(&fixture, "anna", USD, NULL);
    args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "anna");
    frame_cstr(args, "name", "berta");
    frame_int(args, "quota_nusd", 2 * USD);
    frame_int(args, "max_concurrent", 3);
    frame_array(args, "models");
    frame_cstr(args, NULL, "gpt-4.1-mini");
    frame_end(args);
    (void)fixture_result(&fixture);
    (void)newest(&fixture, &row, &room);
    cr_expect(slice_eq_str(row.detail,
                           "{\"name\":\"berta\",\"quota_nusd\":2000000000,\"max_concurrent\":3,"
                           "\"models\":[\"gpt-4.1-mini\"],\"was\":{\"name\":\"anna\",\"models\":[],"
                           "\"quotas\":[{\"unit\":\"usd\",\"amount\":1000000000,\"period\":"
                           "\"month\"}],\"max_concurrent\":0}}"),
              "%.*s", (int)row.detail.len, row.detail.ptr);
    prepare_user(&fixture);
    args = fixture_command(&fixture, "user.update");
    frame_cstr(args, "user", "bob");
    frame_cstr(args, "role", "operator");
    (void)fixture_result(&fixture);
    (void)newest(&fixture, &row, &room);
    cr_expect(slice_eq_str(row.detail, "{\"role\":\"operator\",\"was\":{\"role\":\"member\"}}"),
              "%.*s", (int)row.detail.len, row.detail.ptr);
    buf_fini(&room);
    fixture_fini(&fixture);
}

/* It stands in the store, but there is no room for it: it is taken back, and the trail has both. */
Test(trail, a_change_that_fails_after_its_commit_leaves_a_second_row)
{
    static const struct segment_capacity capacity = {.n_workers = 2,
                                                     .flights_per_worker = 64,
                                                     .keys = 16,
                                                     .routes = 8,
                                                     .upstreams = 4,
                                                     .quota_cells = 2,
                                                     .refusals_per_worker = 16};
    static struct fixture fixture;
    struct trail_row row;
    struct buf room;

    fixture_init_sized(&fixture, &capacity);
    buf_init(&room, 65536);
    (void)fixture_key(&fixture, "first", USD, NULL);
    struct frame_out *args = fixture_command(&fixture, "key.create");
    frame_cstr(args, "name", "second");
    frame_int(args, "quota_nusd", USD);
    cr_expect_eq(fixture_failure(&fixture, "capacity"), ERR_FULL);
    cr_expect_eq(newest(&fixture, &row, &room), 3);
    cr_expect(slice_eq_str(row.action, "key.create"));
    cr_expect(slice_eq_str(row.target, "key 2"));
    cr_expect(slice_starts_with(row.detail, SLICE_LIT("{\"error\":\"")), "%.*s",
              (int)row.detail.len, row.detail.ptr);
    buf_fini(&room);
    fixture_fini(&fixture);
}

Test(trail, what_the_master_tells_is_kept_as_it_tells_it_and_listed_newest_first)
{
    static struct fixture fixture;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "anna", USD, NULL);
    struct frame_out *args = fixture_command(&fixture, "audit.append");
    frame_int(args, "at_us", 5);
    frame_cstr(args, "who", "alice");
    frame_cstr(args, "action", "route.drain");
    frame_cstr(args, "target", "route m/u/x");
    frame_cstr(args, "detail", "{}");
    (void)fixture_result(&fixture);

    (void)fixture_command(&fixture, "audit.list");
    const struct frame_value *result = fixture_result(&fixture);
    const struct frame_value *entries = frame_get(result, "entries");
    cr_assert_eq(frame_length(entries), 2);
    cr_expect(fixture_str_is(frame_at(entries, 0), "action", "route.drain"));
    cr_expect(fixture_str_is(frame_at(entries, 0), "who", "alice"));
    cr_expect_eq(frame_get_int(frame_at(entries, 0), "at_us", 0), 5);
    cr_expect(fixture_str_is(frame_at(entries, 1), "target", "key 1"));
    cr_expect_eq(frame_type(frame_get(result, "next")), FRAME_NIL);
    args = fixture_command(&fixture, "audit.list");
    frame_int(args, "limit", 1);
    cr_expect_eq(frame_get_int(fixture_result(&fixture), "next", 0), 2);
    args = fixture_command(&fixture, "audit.list");
    frame_int(args, "after", 2);
    cr_expect_eq(frame_length(frame_get(fixture_result(&fixture), "entries")), 1);
    fixture_fini(&fixture);
}
