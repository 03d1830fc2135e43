/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_admin_key.h"
#include "relayos/store/store_session.h"
#include "relayos/store/store_user.h"
#include "store_fixture.h"

static uint64_t
make_user(struct fixture *fixture, const char *name, enum user_role role)
{
    struct user_record user = {.role = role, .password = "$argon2id$x", .created_us = 5};

    snprintf(user.name, sizeof(user.name), "%s", name);
    cr_assert_eq(store_user_insert(fixture->store, &user), 0);
    return user.id;
}

static void
make_session(struct fixture *fixture, uint8_t n, uint64_t user_id, int64_t at_us)
{
    struct session_record session = {
        .hash = {n}, .user_id = user_id, .created_us = at_us, .seen_us = at_us};

    cr_assert_eq(store_session_insert(fixture->store, &session), 0);
}

static bool
has_session(struct fixture *fixture, uint8_t n)
{
    uint8_t hash[HASH_DIGEST_SIZE] = {n};
    struct session_record session;

    return store_session_get(fixture->store, hash, &session) == 0;
}

Test(store_user, a_name_is_taken_whatever_its_case_and_an_identity_once)
{
    struct fixture fixture;
    struct user_record user, again = {.name = "ALICE", .role = USER_MEMBER};

    fixture_init(&fixture);
    cr_expect_eq(store_user_next(fixture.store, 0, &user), ERR_MISSING);
    cr_assert_eq(store_begin(fixture.store), 0);
    uint64_t alice = make_user(&fixture, "Alice", USER_ADMIN);
    cr_expect_eq(store_user_insert(fixture.store, &again), ERR_EXISTS);
    cr_assert_eq(store_user_find(fixture.store, SLICE_LIT("alice"), &user), 0);
    cr_expect_eq(user.id, alice);
    cr_expect_str_eq(user.name, "Alice");
    cr_expect_str_eq(user.password, "$argon2id$x");
    cr_expect_str_eq(user.issuer, "");
    cr_expect_eq(user.role, USER_ADMIN);

    snprintf(user.issuer, sizeof(user.issuer), "https://issuer");
    snprintf(user.subject, sizeof(user.subject), "17");
    user.role = USER_OPERATOR;
    user.is_disabled = true;
    user.password[0] = '\0';
    cr_assert_eq(store_user_update(fixture.store, &user), 0);
    cr_assert_eq(
        store_user_find_subject(fixture.store, SLICE_LIT("https://issuer"), SLICE_LIT("17"), &user),
        0);
    cr_expect_eq(user.role, USER_OPERATOR);
    cr_expect(user.is_disabled);
    cr_expect_str_eq(user.password, "");
    snprintf(again.name, sizeof(again.name), "bob");
    snprintf(again.issuer, sizeof(again.issuer), "https://issuer");
    snprintf(again.subject, sizeof(again.subject), "17");
    cr_expect_eq(store_user_insert(fixture.store, &again), ERR_EXISTS);
    cr_assert_eq(store_commit(fixture.store), 0);
    fixture_fini(&fixture);
}

Test(store_user, admins_who_may_not_sign_in_are_not_counted)
{
    struct fixture fixture;
    struct user_record user;
    int64_t n = -1;

    fixture_init(&fixture);
    cr_assert_eq(store_begin(fixture.store), 0);
    make_user(&fixture, "alice", USER_ADMIN);
    make_user(&fixture, "bob", USER_OPERATOR);
    uint64_t carol = make_user(&fixture, "carol", USER_ADMIN);
    cr_assert_eq(store_user_get(fixture.store, carol, &user), 0);
    user.is_disabled = true;
    cr_assert_eq(store_user_update(fixture.store, &user), 0);
    cr_assert_eq(store_user_count_admins(fixture.store, &n), 0);
    cr_expect_eq(n, 1);
    cr_assert_eq(store_commit(fixture.store), 0);
    fixture_fini(&fixture);
}

Test(store_user, a_setup_link_is_good_once_and_in_its_time)
{
    static const uint8_t first[HASH_DIGEST_SIZE] = {1}, second[HASH_DIGEST_SIZE] = {2};
    struct fixture fixture;

    fixture_init(&fixture);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_user_put_setup(fixture.store, first, 1000), 0);
    cr_assert_eq(store_user_put_setup(fixture.store, second, 1000), 0);
    cr_expect_eq(store_user_take_setup(fixture.store, first, 1), ERR_MISSING);
    cr_expect_eq(store_user_take_setup(fixture.store, second, 1000), ERR_MISSING);
    cr_expect_eq(store_user_take_setup(fixture.store, second, 999), 0);
    cr_expect_eq(store_user_take_setup(fixture.store, second, 999), ERR_MISSING);
    cr_assert_eq(store_commit(fixture.store), 0);
    fixture_fini(&fixture);
}

Test(store_user, sessions_end_one_by_one_by_user_and_by_age)
{
    static const uint8_t kept[HASH_DIGEST_SIZE] = {2};
    struct fixture fixture;
    struct user_record user;

    fixture_init(&fixture);
    cr_assert_eq(store_begin(fixture.store), 0);
    uint64_t alice = make_user(&fixture, "alice", USER_ADMIN);
    uint64_t bob = make_user(&fixture, "bob", USER_MEMBER);
    for (uint8_t n = 1; n <= 3; n++)
        make_session(&fixture, n, alice, 100 * n);
    make_session(&fixture, 4, bob, 50);
    cr_assert_eq(store_user_get(fixture.store, alice, &user), 0);
    cr_expect_eq(user.seen_us, 300);

    cr_assert_eq(store_session_delete_user(fixture.store, alice, kept), 0);
    cr_expect(!has_session(&fixture, 1) && has_session(&fixture, 2) && !has_session(&fixture, 3));
    cr_expect(has_session(&fixture, 4));
    cr_assert_eq(store_session_touch(fixture.store, kept, 900), 0);
    cr_assert_eq(store_user_get(fixture.store, alice, &user), 0);
    cr_expect_eq(user.seen_us, 900);
    cr_assert_eq(store_session_purge(fixture.store, 100, 0), 0);
    cr_expect(has_session(&fixture, 2) && !has_session(&fixture, 4));
    cr_assert_eq(store_session_purge(fixture.store, 0, 201), 0);
    cr_expect_not(has_session(&fixture, 2), "however busy it is");
    cr_expect_eq(store_session_touch(fixture.store, kept, 901), ERR_MISSING);

    make_session(&fixture, 5, alice, 1);
    cr_assert_eq(store_session_delete_user(fixture.store, alice, NULL), 0);
    cr_expect_not(has_session(&fixture, 5));
    cr_assert_eq(store_commit(fixture.store), 0);
    fixture_fini(&fixture);
}

Test(store_admin_key, it_is_found_by_digest_and_its_name_is_free_once_it_is_revoked)
{
    struct fixture fixture;
    struct admin_key_record key = {.name = "ci",
                                   .digest = {7},
                                   .last4 = "abcd",
                                   .role = USER_OPERATOR,
                                   .expires_us = 9,
                                   .created_by = "alice"};
    struct admin_key_record other = {.name = "ci", .digest = {8}, .role = USER_MEMBER}, found;

    fixture_init(&fixture);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_admin_key_insert(fixture.store, &key), 0);
    cr_expect_eq(store_admin_key_insert(fixture.store, &other), ERR_EXISTS);
    cr_expect_eq(store_admin_key_revoke(fixture.store, key.id, 77), 0);
    cr_expect_eq(store_admin_key_revoke(fixture.store, key.id, 78), ERR_MISSING);
    cr_expect_eq(store_admin_key_insert(fixture.store, &other), 0);
    cr_assert_eq(store_admin_key_find(fixture.store, key.digest, &found), 0);
    cr_expect_eq(found.revoked_us, 77);
    cr_expect_eq(found.role, USER_OPERATOR);
    cr_expect_str_eq(found.created_by, "alice");
    cr_assert_eq(store_admin_key_next(fixture.store, key.id, &found), 0);
    cr_expect_eq(found.id, other.id);
    cr_expect_eq(store_admin_key_next(fixture.store, other.id, &found), ERR_MISSING);
    cr_assert_eq(store_commit(fixture.store), 0);
    fixture_fini(&fixture);
}
