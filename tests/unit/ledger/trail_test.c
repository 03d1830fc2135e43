/* SPDX-License-Identifier: ISC
 *
 * No change without its row in the audit trail: each WRITE command of the table is given once, and
 * one that is added to the table without being added here fails.
 */
#include "ledger_fixture.h"
#include "relayos/store/store_trail.h"
#include "relayos/store/store_user.h"

#define HASH "$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$c3Vt"

typedef void give(struct fixture *fixture, struct frame_out *args);

static void
make_user(struct fixture *fixture, const char *name, const char *role)
{
    struct frame_out *args = fixture_command(fixture, "user.create");

    frame_cstr(args, "name", name);
    frame_cstr(args, "role", role);
    frame_cstr(args, "password", HASH);
    (void)fixture_result(fixture);
}

static void
open_session(struct fixture *fixture, uint8_t n)
{
    struct frame_out *args = fixture_command(fixture, "session.open");
    uint8_t hash[HASH_DIGEST_SIZE] = {n};

    frame_bin(args, "hash", hash, sizeof(hash));
    frame_cstr(args, "user", "alice");
    (void)fixture_result(fixture);
}

static void
give_key(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_cstr(args, "key", "anna");
}

static void
give_name(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_cstr(args, "name", "new");
}

static void
give_adjustment(struct fixture *fixture, struct frame_out *args)
{
    give_key(fixture, args);
    frame_int(args, "charge_nusd", 5);
    frame_cstr(args, "reason", "late bill");
}

static void
give_day(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_int(args, "day", 20251031);
}

static void
give_file(struct fixture *fixture, struct frame_out *args)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/copy", fixture->dir);
    frame_cstr(args, "file", path);
}

static void
give_drop(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_bool(args, "keep", false);
}

static void
give_user(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_cstr(args, "user", "bob");
    frame_cstr(args, "role", "admin");
    frame_cstr(args, "password", HASH);
}

static void
give_session(struct fixture *fixture, struct frame_out *args)
{
    static const uint8_t hash[HASH_DIGEST_SIZE] = {1};

    (void)fixture;
    frame_bin(args, "hash", hash, sizeof(hash));
    frame_cstr(args, "user", "alice");
}

static void
give_id(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_int(args, "id", 1);
}

static void
give_nothing(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture, (void)args;
}

static char token[64];

static void
give_setup(struct fixture *fixture, struct frame_out *args)
{
    give_name(fixture, args);
    frame_cstr(args, "token", token);
    frame_cstr(args, "password", HASH);
}

/* What has to be there before. */
static void
prepare_user(struct fixture *fixture)
{
    make_user(fixture, "alice", "admin");
    make_user(fixture, "bob", "member");
}

static void
prepare_session(struct fixture *fixture)
{
    prepare_user(fixture);
    open_session(fixture, 1);
}

static void
prepare_link(struct fixture *fixture)
{
    (void)fixture_command(fixture, "user.setup_link");
    struct slice text = frame_get_str(fixture_result(fixture), "token");
    snprintf(token, sizeof(token), "%.*s", (int)text.len, text.ptr);
}

static void
prepare_admin_key(struct fixture *fixture)
{
    give_name(fixture, fixture_command(fixture, "adminkey.create"));
    (void)fixture_result(fixture);
}

static void
prepare_backup(struct fixture *fixture)
{
    give_file(fixture, fixture_command(fixture, "backup.begin"));
    (void)fixture_result(fixture);
}

static const struct {
    give *give;
    const char *target;
    void (*prepare)(struct fixture *fixture);
} cases[COMMAND_N] = {
    [COMMAND_KEY_CREATE] = {give_name, "key 2", NULL},
    [COMMAND_KEY_UPDATE] = {give_key, "key 1", NULL},
    [COMMAND_KEY_DISABLE] = {give_key, "key 1", NULL},
    [COMMAND_KEY_ENABLE] = {give_key, "key 1", NULL},
    [COMMAND_KEY_REVOKE] = {give_key, "key 1", NULL},
    [COMMAND_KEY_ROTATE] = {give_key, "key 1", NULL},
    [COMMAND_LEDGER_ADJUST] = {give_adjustment, "key 1", NULL},
    [COMMAND_LEDGER_BILLED] = {give_day, "day 20251031", NULL},
    [COMMAND_BACKUP_BEGIN] = {give_file, "backup", NULL},
    [COMMAND_BACKUP_END] = {give_drop, "backup", prepare_backup},
    [COMMAND_USER_CREATE] = {give_name, "user new", NULL},
    [COMMAND_USER_UPDATE] = {give_user, "user bob", prepare_user},
    [COMMAND_USER_PASSWORD] = {give_user, "user bob", prepare_user},
    [COMMAND_USER_SETUP_LINK] = {give_nothing, "setup link", NULL},
    [COMMAND_USER_SETUP] = {give_setup, "user new", prepare_link},
    [COMMAND_SESSION_OPEN] = {give_session, "user alice", prepare_user},
    [COMMAND_SESSION_CLOSE] = {give_session, "user alice", prepare_session},
    [COMMAND_ADMINKEY_CREATE] = {give_name, "admin key 1", NULL},
    [COMMAND_ADMINKEY_REVOKE] = {give_id, "admin key 1", prepare_admin_key},
};

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

    cr_assert_not_null(cases[command].give, "%s has no case here", info->name);
    fixture_init(&fixture);
    buf_init(&room, 65536);
    (void)fixture_key(&fixture, "anna", USD, NULL);
    if (cases[command].prepare != NULL)
        cases[command].prepare(&fixture);
    int64_t before = newest(&fixture, &row, &room);

    /* Without saying who: nothing happens. */
    command_request_begin(fixture.writer, 7, info->name);
    cases[command].give(&fixture, fixture.writer);
    cr_expect_eq(fixture_failure(&fixture, "who"), ERR_SYNTAX, "%s", info->name);
    cr_expect_eq(newest(&fixture, &row, &room), before, "%s", info->name);

    cases[command].give(&fixture, fixture_command(&fixture, info->name));
    (void)fixture_result(&fixture);
    cr_assert_eq(newest(&fixture, &row, &room), before + 1, "%s: exactly one row", info->name);
    cr_expect(slice_eq_str(row.who, "tester"), "%s", info->name);
    cr_expect(slice_eq_str(row.action, info->name));
    cr_expect(slice_eq_str(row.target, cases[command].target), "%s: %.*s", info->name,
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
