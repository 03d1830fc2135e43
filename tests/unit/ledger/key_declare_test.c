/* SPDX-License-Identifier: ISC */
#include "ledger_fixture.h"
#include "relayos/store/store_key.h"

static void
begin_declared(struct frame_out *args, uint8_t n, const char *name, int64_t flags)
{
    uint8_t digest[KEY_DIGEST_SIZE];

    memset(digest, n, sizeof(digest));
    frame_map(args, NULL);
    frame_bin(args, "digest", digest, sizeof(digest));
    frame_cstr(args, "name", name);
    frame_cstr(args, "last4", "zzzz");
    frame_int(args, "flags", flags);
}

/* One declared key in an open array. */
static void
declare(struct frame_out *args, uint8_t n, const char *name, int64_t quota_nusd)
{
    begin_declared(args, n, name, KEY_ALL_MODELS);
    frame_cstr(args, "tool", "server");
    frame_int(args, "quota_nusd", quota_nusd);
    frame_cstr(args, "quota_period", "month");
    frame_end(args);
}

/* The same for one model, whatever it may spend. */
static void
declare_scoped(struct frame_out *args, uint8_t n, const char *name, const char *model)
{
    begin_declared(args, n, name, 0);
    frame_array(args, "models");
    frame_cstr(args, NULL, model);
    frame_end(args);
    frame_end(args);
}

static void
expect_counts(struct fixture *fixture, int64_t added, int64_t changed, int64_t removed)
{
    const struct frame_value *result = fixture_result(fixture);

    cr_expect_eq(frame_get_int(result, "added", -1), added);
    cr_expect_eq(frame_get_int(result, "changed", -1), changed);
    cr_expect_eq(frame_get_int(result, "removed", -1), removed);
}

static int
find(struct fixture *fixture, uint8_t n, struct key_view *view)
{
    uint8_t digest[KEY_DIGEST_SIZE];

    memset(digest, n, sizeof(digest));
    int rc = key_table_find(fixture->heritage.segment, digest, view);
    return rc == 0 && (view->flags & KEY_REVOKED) != 0 ? ERR_INVALID_KEY : rc;
}

static bool
has_entry(struct fixture *fixture, const char *action, const char *detail)
{
    struct frame_out *args = fixture_command(fixture, "audit.list");

    frame_cstr(args, "who", "keys_file");
    frame_cstr(args, "action", action);
    const struct frame_value *entries = frame_get(fixture_result(fixture), "entries");
    return frame_length(entries) == 1 && fixture_str_is(frame_at(entries, 0), "target", "key 1") &&
           fixture_str_is(frame_at(entries, 0), "detail", detail);
}

/* Who removed that key, and when: the history of the key has it. */
Test(key_declare, each_key_that_the_file_changes_has_a_row_in_the_trail)
{
    struct fixture fixture;

    fixture_init(&fixture);
    for (int n = 0; n < 4; n++) {
        struct frame_out *args = fixture_command(&fixture, "key.sync");

        frame_cstr(args, "who", n == 0 ? "" : "alice");
        frame_array(args, "keys");
        if (n < 3)
            declare(args, 1, "one \"1\"", n == 0 ? 1000 : 2000);
        frame_end(args);
        (void)fixture_result(&fixture);
    }
    cr_expect(has_entry(&fixture, "key.create", "{\"name\":\"one \\\"1\\\"\"}"));
    cr_expect(
        has_entry(&fixture, "key.update", "{\"name\":\"one \\\"1\\\"\",\"loaded_by\":\"alice\"}"));
    cr_expect(
        has_entry(&fixture, "key.revoke", "{\"name\":\"one \\\"1\\\"\",\"loaded_by\":\"alice\"}"));
    fixture_fini(&fixture);
}

Test(key_declare, the_store_comes_to_say_what_the_file_says)
{
    struct fixture fixture;
    struct key_view view;

    fixture_init(&fixture);
    struct frame_out *args = fixture_command(&fixture, "key.sync");
    frame_array(args, "keys");
    declare(args, 1, "one", 1000);
    declare(args, 2, "two", 1000);
    frame_end(args);
    expect_counts(&fixture, 2, 0, 0);
    cr_expect_eq(find(&fixture, 1, &view), 0);
    uint64_t one = view.key_id;
    cr_assert(fixture_request(&fixture, one, 500, 400));
    cr_expect_eq(fixture_settle(&fixture), 1);

    args = fixture_command(&fixture, "key.sync");
    frame_array(args, "keys");
    declare(args, 2, "two", 2000);
    declare(args, 3, "three", 0);
    frame_end(args);
    expect_counts(&fixture, 1, 1, 1);
    cr_expect_eq(find(&fixture, 1, &view), ERR_INVALID_KEY);
    cr_expect_eq(find(&fixture, 2, &view), 0);
    cr_expect_eq(fixture_quota(&fixture, view.key_id, 0).limit, 2000);
    cr_expect_eq(find(&fixture, 3, &view), 0);
    cr_expect_eq(fixture_quota(&fixture, view.key_id, 0).limit, 0); /* a quota of nothing */

    /* One comes back: the same key, with what it had used. The rest is as it was. */
    for (int i = 0; i < 2; i++) {
        args = fixture_command(&fixture, "key.sync");
        frame_array(args, "keys");
        declare(args, 1, "one", 1000);
        declare(args, 2, "two", 2000);
        declare(args, 3, "three", 0);
        frame_end(args);
        expect_counts(&fixture, 0, i == 0, 0);
    }
    cr_assert_eq(find(&fixture, 1, &view), 0);
    cr_expect_eq(view.key_id, one);
    cr_expect_eq(fixture_quota(&fixture, one, 0).used, 400);
    fixture_fini(&fixture);
}

Test(key_declare, a_digest_of_the_store_is_refused_and_nothing_changes)
{
    struct fixture fixture;
    struct key_view view;
    struct key_record key;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "made by hand", 0, NULL);
    cr_assert_eq(store_key_find_name(fixture.ledger.store, SLICE_LIT("made by hand"), &key), 0);
    struct frame_out *args = fixture_command(&fixture, "key.sync");
    frame_array(args, "keys");
    declare(args, 1, "one", 1000);
    frame_map(args, NULL);
    frame_bin(args, "digest", key.digest, sizeof(key.digest));
    frame_cstr(args, "name", "declared");
    frame_end(args);
    frame_end(args);
    cr_expect_eq(fixture_failure(&fixture, "\"declared\" is declared with the digest of the key "
                                           "\"made by hand\""),
                 ERR_CONFLICT);
    cr_expect_eq(find(&fixture, 1, &view), ERR_INVALID_KEY);
    (void)fixture_command(&fixture, "key.list");
    cr_expect_eq(frame_length(frame_get(fixture_result(&fixture), "keys")), 1);
    fixture_fini(&fixture);
}

Test(key_declare, declared_keys_are_read_only_elsewhere)
{
    static const char *const commands[] = {"key.update", "key.disable", "key.enable", "key.revoke",
                                           "key.rotate"};
    struct fixture fixture;

    fixture_init(&fixture);
    struct frame_out *args = fixture_command(&fixture, "key.sync");
    frame_array(args, "keys");
    declare(args, 1, "one", 1000);
    frame_end(args);
    expect_counts(&fixture, 1, 0, 0);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        frame_cstr(fixture_command(&fixture, commands[i]), "key", "one");
        cr_expect_eq(fixture_failure(&fixture, "declared in keys.yaml"), ERR_CONFLICT);
    }
    const struct frame_value *key =
        frame_get(fixture_key_command(&fixture, "key.show", "one"), "key");
    cr_expect(fixture_str_is(key, "source", "file"));
    fixture_fini(&fixture);
}

Test(key_declare, the_same_digest_twice_is_refused)
{
    struct fixture fixture;

    fixture_init(&fixture);
    struct frame_out *args = fixture_command(&fixture, "key.sync");
    frame_array(args, "keys");
    declare(args, 1, "one", 1000);
    declare(args, 1, "uno", 1000);
    frame_end(args);
    cr_expect_eq(fixture_failure(&fixture, "same digest"), ERR_CONFLICT);
    fixture_fini(&fixture);
}

Test(key_declare, the_order_of_quotas_in_the_file_says_nothing)
{
    static const char *const periods[] = {"week", "day", "month", "total"};
    struct fixture fixture;

    fixture_init(&fixture);
    for (int turn = 0; turn < 3; turn++) { /* twice the same, then another amount */
        struct frame_out *args = fixture_command(&fixture, "key.sync");
        uint8_t digest[KEY_DIGEST_SIZE] = {1};

        frame_array(args, "keys");
        frame_map(args, NULL);
        frame_bin(args, "digest", digest, sizeof(digest));
        frame_cstr(args, "name", "one");
        frame_int(args, "flags", KEY_ALL_MODELS | KEY_STRICT);
        frame_array(args, "quotas");
        for (int i = 0; i < 4; i++) {
            frame_map(args, NULL);
            frame_cstr(args, "unit", "tokens");
            frame_int(args, "amount", turn == 2 ? 7 : 5);
            frame_cstr(args, "period", periods[(i + turn) % 4]);
            frame_end(args);
        }
        frame_end(args);
        frame_end(args);
        frame_end(args);
        expect_counts(&fixture, turn == 0, turn == 2, 0);
    }
    const struct frame_value *key =
        frame_get(fixture_key_command(&fixture, "key.show", "one"), "key");
    cr_expect_eq(frame_length(frame_get(key, "limits")), 4);
    cr_expect(frame_get_bool(key, "strict", false));
    fixture_fini(&fixture);
}

static void
declare_with_policy(struct fixture *fixture, const char *policy)
{
    struct frame_out *args = fixture_command(fixture, "key.sync");
    uint8_t digest[KEY_DIGEST_SIZE];

    memset(digest, 1, sizeof(digest));
    frame_array(args, "keys");
    frame_map(args, NULL);
    frame_bin(args, "digest", digest, sizeof(digest));
    frame_cstr(args, "name", "one");
    frame_int(args, "flags", KEY_ALL_MODELS);
    if (policy != NULL)
        frame_cstr(args, "policy", policy);
    frame_end(args);
    frame_end(args);
}

/* The file is the whole truth: a policy that it does not name any more is none. */
Test(key_declare, a_policy_comes_and_goes_with_the_file)
{
    struct fixture fixture;
    struct key_view view;

    fixture_init(&fixture);
    declare_with_policy(&fixture, "ordered");
    expect_counts(&fixture, 1, 0, 0);
    cr_assert_eq(find(&fixture, 1, &view), 0);
    cr_expect_eq(view.policy, ROUTE_ORDERED + 1);
    declare_with_policy(&fixture, "ordered");
    expect_counts(&fixture, 0, 0, 0);
    declare_with_policy(&fixture, NULL);
    expect_counts(&fixture, 0, 1, 0);
    cr_assert_eq(find(&fixture, 1, &view), 0);
    cr_expect_eq(view.policy, 0);
    fixture_fini(&fixture);
}

/* What a name means to keys' scopes is seen to when there is a new one, and only then. */
Test(key_declare, a_scope_comes_to_hold_with_the_models_name)
{
    struct fixture fixture;
    struct key_view view;
    uint32_t id;

    fixture_init(&fixture);
    struct frame_out *args = fixture_command(&fixture, "key.sync");
    frame_array(args, "keys");
    declare_scoped(args, 1, "one", "later");
    frame_end(args);
    (void)fixture_result(&fixture);
    cr_assert_eq(find(&fixture, 1, &view), 0);
    cr_expect_eq(view.scope[0], 0);
    (void)fixture_command(&fixture, "registry");
    (void)fixture_result(&fixture);
    cr_expect_not(fixture.ledger.book.is_walking, "there is no new name");
    cr_assert_eq(catalog_intern(fixture.heritage.catalog, SLICE_LIT("later"), &id), 0);
    (void)fixture_command(&fixture, "registry");
    (void)fixture_result(&fixture);
    ledger_tick(&fixture.ledger, clock_mono_us());
    cr_assert_eq(find(&fixture, 1, &view), 0);
    cr_expect_eq(view.scope[0], UINT64_C(1) << id);
    cr_expect_not(fixture.ledger.book.is_walking);
    fixture_fini(&fixture);
}

/* What is not named stays; what is named and was never there is no fault. */
Test(key_declare, what_has_changed_may_be_told_alone)
{
    struct fixture fixture;
    struct key_view view;
    uint8_t digest[KEY_DIGEST_SIZE];

    fixture_init(&fixture);
    uint64_t stored = fixture_key(&fixture, "made by hand", 0, NULL);
    struct frame_out *args = fixture_command(&fixture, "key.sync");
    frame_array(args, "keys");
    declare(args, 1, "one", 1000);
    declare(args, 2, "two", 1000);
    declare(args, 3, "three", 1000);
    frame_end(args);
    expect_counts(&fixture, 3, 0, 0);

    for (int i = 0; i < 2; i++) { /* the second time it is so already */
        args = fixture_command(&fixture, "key.sync");
        frame_array(args, "keys");
        declare(args, 3, "one", 2000); /* the name that is set free */
        declare(args, 4, "four", 1000);
        frame_end(args);
        frame_array(args, "removed");
        for (int n = 1; n < 7; n += 5) {
            memset(digest, n, sizeof(digest));
            frame_bin(args, NULL, digest, sizeof(digest));
        }
        frame_end(args);
        expect_counts(&fixture, i == 0, i == 0, i == 0);
        cr_expect_eq(find(&fixture, 1, &view), ERR_INVALID_KEY);
        cr_expect_eq(find(&fixture, 2, &view), 0, "not named");
        cr_expect_eq(find(&fixture, 3, &view), 0);
        cr_expect_eq(fixture_quota(&fixture, view.key_id, 0).limit, 2000);
        cr_expect_eq(find(&fixture, 4, &view), 0);
        fixture_view(&fixture, stored, &view);
        cr_expect_eq(view.flags & KEY_REVOKED, 0, "it never was of the file");
    }
    fixture_fini(&fixture);
}
