/* SPDX-License-Identifier: ISC */
#include "ledger_fixture.h"
#include "relayos/store/store_admin_key.h"
#include "relayos/store/store_session.h"
#include "relayos/store/store_user.h"

#define HASH "$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$c3Vt"

static void
make(struct fixture *fixture, const char *name, const char *role)
{
    struct frame_out *args = fixture_command(fixture, "user.create");

    frame_cstr(args, "name", name);
    frame_cstr(args, "role", role);
    frame_cstr(args, "password", HASH);
    (void)fixture_result(fixture);
}

static struct frame_out *
update(struct fixture *fixture, const char *name)
{
    struct frame_out *args = fixture_command(fixture, "user.update");

    frame_cstr(args, "user", name);
    return args;
}

static void
open_session(struct fixture *fixture, const char *name, uint8_t n)
{
    struct frame_out *args = fixture_command(fixture, "session.open");
    uint8_t hash[HASH_DIGEST_SIZE] = {n};

    frame_bin(args, "hash", hash, sizeof(hash));
    frame_cstr(args, "user", name);
    frame_cstr(args, "address", "127.0.0.1");
    (void)fixture_result(fixture);
}

static bool
has_session(struct fixture *fixture, uint8_t n)
{
    uint8_t hash[HASH_DIGEST_SIZE] = {n};
    struct session_record session;

    return store_session_get(fixture->ledger.store, hash, &session) == 0;
}

Test(user_admin, the_last_admin_can_neither_be_disabled_nor_demoted)
{
    static struct fixture fixture;

    fixture_init(&fixture);
    make(&fixture, "alice", "admin");
    make(&fixture, "bob", "operator");
    frame_cstr(update(&fixture, "alice"), "role", "operator");
    cr_expect_eq(fixture_failure(&fixture, "last admin"), ERR_CONFLICT);
    frame_bool(update(&fixture, "ALICE"), "is_disabled", true);
    cr_expect_eq(fixture_failure(&fixture, "last admin"), ERR_CONFLICT);
    frame_cstr(update(&fixture, "bob"), "role", "admin");
    (void)fixture_result(&fixture);
    frame_bool(update(&fixture, "alice"), "is_disabled", true);
    (void)fixture_result(&fixture);
    /* Another one who may not sign in does not count. */
    frame_cstr(update(&fixture, "bob"), "role", "member");
    cr_expect_eq(fixture_failure(&fixture, "last admin"), ERR_CONFLICT);
    fixture_fini(&fixture);
}

Test(user_admin, sessions_end_with_the_role_the_account_and_the_password)
{
    static struct fixture fixture;
    static const uint8_t kept[HASH_DIGEST_SIZE] = {2};
    struct frame_out *args;

    fixture_init(&fixture);
    make(&fixture, "alice", "admin");
    make(&fixture, "bob", "operator");
    open_session(&fixture, "alice", 9);
    open_session(&fixture, "bob", 1);
    frame_cstr(update(&fixture, "bob"), "issuer", "");
    (void)fixture_result(&fixture);
    cr_expect(has_session(&fixture, 1), "nothing that matters has changed");
    frame_cstr(update(&fixture, "bob"), "role", "member");
    (void)fixture_result(&fixture);
    cr_expect_not(has_session(&fixture, 1));

    open_session(&fixture, "bob", 1);
    open_session(&fixture, "bob", 2);
    args = fixture_command(&fixture, "user.password");
    frame_cstr(args, "user", "bob");
    frame_cstr(args, "password", HASH "x");
    frame_bin(args, "keep_session", kept, sizeof(kept));
    (void)fixture_result(&fixture);
    cr_expect(!has_session(&fixture, 1) && has_session(&fixture, 2));
    args = fixture_command(&fixture, "user.password");
    frame_cstr(args, "user", "bob");
    frame_cstr(args, "password", HASH "y");
    (void)fixture_result(&fixture);
    cr_expect_not(has_session(&fixture, 2));

    open_session(&fixture, "bob", 3);
    frame_bool(update(&fixture, "bob"), "is_disabled", true);
    (void)fixture_result(&fixture);
    cr_expect_not(has_session(&fixture, 3));
    args = fixture_command(&fixture, "session.open");
    frame_bin(args, "hash", kept, sizeof(kept));
    frame_cstr(args, "user", "bob");
    cr_expect_eq(fixture_failure(&fixture, "disabled"), ERR_DENIED);
    cr_expect(has_session(&fixture, 9), "somebody else's");
    fixture_fini(&fixture);
}

Test(user_admin, a_session_is_replaced_touched_and_closed)
{
    static struct fixture fixture;
    static const uint8_t first[HASH_DIGEST_SIZE] = {1}, second[HASH_DIGEST_SIZE] = {2};
    struct session_record session;
    struct frame_out *args;

    fixture_init(&fixture);
    make(&fixture, "alice", "admin");
    open_session(&fixture, "alice", 1);
    args = fixture_command(&fixture, "session.open");
    frame_bin(args, "hash", second, sizeof(second));
    frame_bin(args, "replaces", first, sizeof(first));
    frame_cstr(args, "user", "alice");
    (void)fixture_result(&fixture);
    cr_expect(!has_session(&fixture, 1) && has_session(&fixture, 2));
    clock_fake_set(2000000, FIXTURE_NOW_US + 60000000);
    frame_bin(fixture_command(&fixture, "session.touch"), "hash", second, sizeof(second));
    (void)fixture_result(&fixture);
    cr_assert_eq(store_session_get(fixture.ledger.store, second, &session), 0);
    cr_expect_eq(session.seen_us, FIXTURE_NOW_US + 60000000);
    cr_expect_eq(session.created_us, FIXTURE_NOW_US);
    frame_bin(fixture_command(&fixture, "session.close"), "hash", second, sizeof(second));
    (void)fixture_result(&fixture);
    cr_expect_not(has_session(&fixture, 2));
    frame_bin(fixture_command(&fixture, "session.touch"), "hash", second, sizeof(second));
    cr_expect_eq(fixture_failure(&fixture, "over"), ERR_MISSING);
    fixture_fini(&fixture);
}

static int
set_up(struct fixture *fixture, const char *token, const char *part)
{
    struct frame_out *args = fixture_command(fixture, "user.setup");

    frame_cstr(args, "token", token);
    frame_cstr(args, "name", "alice");
    frame_cstr(args, "password", HASH);
    if (part != NULL)
        return fixture_failure(fixture, part);
    cr_expect(fixture_str_is(frame_get(fixture_result(fixture), "user"), "role", "admin"));
    return 0;
}

static void
make_link(struct fixture *fixture, char out[64])
{
    (void)fixture_command(fixture, "user.setup_link");
    const struct frame_value *result = fixture_result(fixture);
    struct slice token = frame_get_str(result, "token");

    cr_expect_eq(frame_get_int(result, "expires_us", 0), clock_real_us() + INT64_C(86400000000));
    cr_expect_eq(token.len, 43);
    snprintf(out, 64, "%.*s", (int)token.len, token.ptr);
}

Test(user_admin, a_setup_link_makes_one_admin_once_within_a_day)
{
    static struct fixture fixture;
    char first[64], second[64], third[64];

    fixture_init(&fixture);
    cr_expect_eq(set_up(&fixture, "", "never was one"), ERR_DENIED);
    make_link(&fixture, first);
    make_link(&fixture, second);
    cr_expect_eq(set_up(&fixture, first, "never was one"), ERR_DENIED);
    clock_fake_set(2000000, FIXTURE_NOW_US + INT64_C(86400000000));
    cr_expect_eq(set_up(&fixture, second, "is over"), ERR_DENIED);
    make_link(&fixture, third);
    cr_expect_eq(set_up(&fixture, third, NULL), 0);
    cr_expect_eq(set_up(&fixture, third, "already"), ERR_CONFLICT);
    (void)fixture_command(&fixture, "user.setup_link");
    cr_expect_eq(fixture_failure(&fixture, "already"), ERR_CONFLICT);
    fixture_fini(&fixture);
}

Test(user_admin, says_what_is_wrong_with_an_account)
{
    static const char *const names[] = {"", "17", "a b", "a\"b", "a/b", "\xc3\xa9", "a\nb"};
    static struct fixture fixture;
    struct frame_out *args;

    fixture_init(&fixture);
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        frame_cstr(fixture_command(&fixture, "user.create"), "name", names[n]);
        cr_expect_eq(fixture_failure(&fixture, "name: 1 to 63 letters"), ERR_SYNTAX);
    }
    args = fixture_command(&fixture, "user.create");
    frame_cstr(args, "name", "alice");
    frame_cstr(args, "password", "correct horse battery");
    cr_expect_eq(fixture_failure(&fixture, "never itself"), ERR_SYNTAX);
    args = fixture_command(&fixture, "user.create");
    frame_cstr(args, "name", "alice");
    frame_cstr(args, "role", "root");
    cr_expect_eq(fixture_failure(&fixture, "operator"), ERR_SYNTAX);
    args = fixture_command(&fixture, "user.create");
    frame_cstr(args, "name", "alice");
    frame_cstr(args, "issuer", "https://issuer");
    cr_expect_eq(fixture_failure(&fixture, "both or none"), ERR_SYNTAX);
    make(&fixture, "alice@example.org", "member");
    frame_cstr(fixture_command(&fixture, "user.create"), "name", "Alice@Example.org");
    cr_expect_eq(fixture_failure(&fixture, "already"), ERR_EXISTS);
    frame_cstr(update(&fixture, "bob"), "role", "admin");
    cr_expect_eq(fixture_failure(&fixture, "no such user"), ERR_MISSING);

    (void)fixture_command(&fixture, "user.list");
    const struct frame_value *user = frame_at(frame_get(fixture_result(&fixture), "users"), 0);
    cr_expect(fixture_str_is(user, "name", "alice@example.org"));
    cr_expect(frame_get_bool(user, "has_password", false));
    cr_expect_null(frame_get(user, "password"));
    fixture_fini(&fixture);
}

Test(user_admin, an_admin_key_is_shown_once_and_found_by_its_digest)
{
    static struct fixture fixture;
    struct hash_hmac *pepper;
    struct admin_key_record key;
    uint8_t digest[HASH_DIGEST_SIZE];
    struct frame_out *args;

    fixture_init(&fixture);
    args = fixture_command(&fixture, "adminkey.create");
    frame_cstr(args, "name", "ci");
    frame_cstr(args, "role", "operator");
    frame_int(args, "expires_us", FIXTURE_NOW_US + 1);
    struct slice secret = frame_get_str(fixture_result(&fixture), "secret");
    cr_expect(slice_starts_with(secret, SLICE_LIT("sk-admin-")));
    pepper = hash_hmac_new(fixture.heritage.pepper);
    hash_hmac(pepper, secret, digest);
    hash_hmac_free(&pepper);
    cr_assert_eq(store_admin_key_find(fixture.ledger.store, digest, &key), 0);
    cr_expect_eq(key.role, USER_OPERATOR);
    cr_expect_str_eq(key.created_by, "tester");

    frame_cstr(fixture_command(&fixture, "adminkey.create"), "name", "ci");
    cr_expect_eq(fixture_failure(&fixture, "already"), ERR_EXISTS);
    (void)fixture_command(&fixture, "adminkey.list");
    const struct frame_value *row = frame_at(frame_get(fixture_result(&fixture), "admin_keys"), 0);
    cr_expect_null(frame_get(row, "secret"));
    frame_int(fixture_command(&fixture, "adminkey.revoke"), "id", 1);
    cr_expect_gt(frame_get_int(frame_get(fixture_result(&fixture), "admin_key"), "revoked_us", 0),
                 0);
    frame_int(fixture_command(&fixture, "adminkey.revoke"), "id", 1);
    cr_expect_eq(fixture_failure(&fixture, "already"), ERR_CONFLICT);
    args = fixture_command(&fixture, "adminkey.create");
    frame_cstr(args, "name", "late");
    frame_int(args, "expires_us", FIXTURE_NOW_US);
    cr_expect_eq(fixture_failure(&fixture, "past"), ERR_SYNTAX);
    fixture_fini(&fixture);
}

static struct frame_out *
claim(struct fixture *fixture, const char *name, const char *subject, bool may_create)
{
    struct frame_out *args = fixture_command(fixture, "user.claim");

    frame_cstr(args, "issuer", "https://id.example");
    frame_cstr(args, "subject", subject);
    frame_cstr(args, "name", name);
    frame_bool(args, "may_create", may_create);
    return args;
}

Test(user_admin, an_invitation_is_taken_once_and_nothing_else_is)
{
    static struct fixture fixture;
    struct user_record user;
    struct frame_out *args;

    fixture_init(&fixture);
    make(&fixture, "alice", "admin"); /* who has a password */
    args = fixture_command(&fixture, "user.create");
    frame_cstr(args, "name", "bob@example.com");
    frame_cstr(args, "role", "operator");
    (void)fixture_result(&fixture);
    (void)claim(&fixture, "alice", "s-1", true);
    cr_expect_eq(fixture_failure(&fixture, "has a password"), ERR_EXISTS);
    (void)claim(&fixture, "ALICE", "s-1", true);
    cr_expect_eq(fixture_failure(&fixture, "has a password"), ERR_EXISTS);
    (void)claim(&fixture, "bob@example.com", "", true);
    cr_expect_eq(fixture_failure(&fixture, "subject"), ERR_SYNTAX);
    (void)claim(&fixture, "Bob@example.com", "s-2", false);
    (void)fixture_result(&fixture);
    cr_assert_eq(store_user_find(fixture.ledger.store, SLICE_LIT("bob@example.com"), &user), 0);
    cr_expect_eq(user.role, USER_OPERATOR);
    cr_expect_str_eq(user.subject, "s-2");
    cr_expect_str_eq(user.issuer, "https://id.example");
    (void)claim(&fixture, "bob@example.com", "s-3", true);
    cr_expect_eq(fixture_failure(&fixture, "another subject's"), ERR_EXISTS);
    (void)claim(&fixture, "carol", "s-2", true);
    cr_expect_eq(fixture_failure(&fixture, "that issuer and subject"), ERR_EXISTS);
    fixture_fini(&fixture);
}

Test(user_admin, a_first_sign_in_makes_a_member_where_it_may)
{
    static struct fixture fixture;
    struct user_record user;

    fixture_init(&fixture);
    (void)claim(&fixture, "carol", "s-1", false);
    cr_expect_eq(fixture_failure(&fixture, "no account"), ERR_MISSING);
    (void)claim(&fixture, "a b", "s-1", true);
    cr_expect_eq(fixture_failure(&fixture, "name:"), ERR_SYNTAX);
    (void)claim(&fixture, "carol", "s-1", true);
    (void)fixture_result(&fixture);
    cr_assert_eq(store_user_find(fixture.ledger.store, SLICE_LIT("carol"), &user), 0);
    cr_expect_eq(user.role, USER_MEMBER);
    cr_expect_str_eq(user.password, "");
    struct frame_out *args = fixture_command(&fixture, "user.create");
    frame_cstr(args, "name", "dave");
    (void)fixture_result(&fixture);
    frame_bool(update(&fixture, "dave"), "is_disabled", true);
    (void)fixture_result(&fixture);
    (void)claim(&fixture, "dave", "s-2", true);
    cr_expect_eq(fixture_failure(&fixture, "is disabled"), ERR_DENIED);
    fixture_fini(&fixture);
}
