/* SPDX-License-Identifier: ISC */
#include "ledger_fixture.h"
#include "relayos/policy/auth.h"
#include "relayos/policy/key_secret.h"

static int
check(struct fixture *fixture, const char *secret)
{
    struct key_view view;

    return auth_check(fixture->heritage.segment, fixture->ledger.pepper, NULL, slice_str(secret),
                      clock_real_us(), &view);
}

static uint64_t
rotate(struct fixture *fixture, const char *key, int64_t overlap_us, char *secret)
{
    struct frame_out *args = fixture_command(fixture, "key.rotate");

    frame_cstr(args, "key", key);
    frame_int(args, "overlap_us", overlap_us);
    const struct frame_value *result = fixture_result(fixture);
    struct slice text = frame_get_str(result, "secret");
    sprintf(secret, "%.*s", (int)text.len, text.ptr);
    return (uint64_t)frame_get_int(frame_get(result, "key"), "id", 0);
}

Test(key_rotate, both_secrets_work_for_the_overlap_then_only_the_new_one)
{
    struct fixture fixture;
    char first[KEY_SECRET_MAX], second[KEY_SECRET_MAX];

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "ci", 1000, first);
    (void)rotate(&fixture, "ci", 60000000, second);
    cr_expect_eq(check(&fixture, first), 0);
    cr_expect_eq(check(&fixture, second), 0);
    clock_fake_set(2000000, FIXTURE_NOW_US + 60000001);
    cr_expect_eq(check(&fixture, first), ERR_INVALID_KEY);
    cr_expect_eq(check(&fixture, second), 0);
    (void)fixture_command(&fixture, "checkpoint"); /* which clears away what is over */
    (void)fixture_result(&fixture);
    frame_cstr(fixture_command(&fixture, "key.list"), "state", "revoked");
    cr_expect_eq(frame_length(frame_get(fixture_result(&fixture), "keys")), 1);
    cr_expect_eq(fixture.ledger.book.n_published, 1);
    cr_expect_eq(check(&fixture, second), 0);
    fixture_fini(&fixture);
}

Test(key_rotate, what_was_used_counts_over_the_whole_chain)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX];
    uint64_t keys[3];

    fixture_init(&fixture);
    keys[0] = fixture_key(&fixture, "ci", 1000, secret);
    cr_assert(fixture_request(&fixture, keys[0], 400, 300));
    keys[1] = rotate(&fixture, "ci", 60000000, secret);
    cr_expect_eq(fixture_quota(&fixture, keys[1], 0).reserved, 400);
    cr_assert(fixture_request(&fixture, keys[1], 400, 350));
    cr_expect_not(fixture_request(&fixture, keys[0], 300, 0)); /* 800 of 1000 are reserved */
    keys[2] = rotate(&fixture, "ci", 60000000, secret);
    cr_expect_eq(fixture_settle(&fixture), 2);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(fixture_quota(&fixture, keys[i], 0).used, 650);
    fixture_restart_ledger(&fixture);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(fixture_quota(&fixture, keys[i], 0).used, 650);

    /* A limit changed through one of them is changed for all. */
    struct frame_out *args = fixture_command(&fixture, "key.update");
    frame_int(args, "key", (int64_t)keys[2]);
    frame_int(args, "quota_nusd", 700);
    (void)fixture_result(&fixture);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(fixture_quota(&fixture, keys[i], 0).limit, 700);
    fixture_fini(&fixture);
}

Test(key_rotate, a_chain_outlives_its_first_key)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX];

    fixture_init(&fixture);
    uint64_t first = fixture_key(&fixture, "ci", 1000, secret);
    cr_assert(fixture_request(&fixture, first, 400, 300));
    cr_expect_eq(fixture_settle(&fixture), 1);
    uint64_t second = rotate(&fixture, "ci", 0, secret);
    frame_int(fixture_command(&fixture, "key.revoke"), "key", (int64_t)first);
    (void)fixture_result(&fixture);
    fixture_restart_ledger(&fixture);
    cr_expect_eq(fixture_quota(&fixture, second, 0).used, 300);
    cr_assert(fixture_request(&fixture, second, 400, 100));
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(fixture_quota(&fixture, second, 0).used, 400);
    fixture_fini(&fixture);
}

Test(key_rotate, a_key_is_rotated_once)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX];

    fixture_init(&fixture);
    uint64_t first = fixture_key(&fixture, "ci", 0, secret);
    (void)rotate(&fixture, "ci", 60000000, secret);
    frame_int(fixture_command(&fixture, "key.rotate"), "key", (int64_t)first);
    cr_expect_eq(fixture_failure(&fixture, "rotated already"), ERR_CONFLICT);
    struct frame_out *args = fixture_command(&fixture, "key.rotate");
    frame_cstr(args, "key", "ci"); /* by name: the newest */
    frame_int(args, "overlap_us", -1);
    cr_expect_eq(fixture_failure(&fixture, "overlap"), ERR_SYNTAX);
    fixture_fini(&fixture);
}

/* Its row counts on what the chain may use, whichever ledger writes it. */
Test(key_rotate, a_request_of_a_retired_key_is_charged_to_its_chain_after_a_restart)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX];

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "ci", 1000, secret);
    uint64_t old = rotate(&fixture, "ci", 0, secret); /* in the middle of its chain */
    struct flight *done = fixture_flight(&fixture, old, 100),
                  *open = fixture_flight(&fixture, old, 100);
    cr_assert_eq(fixture_hold(&fixture, done), 0);
    cr_assert_eq(fixture_hold(&fixture, open), 0);
    flight_dispatch(done);
    flight_dispatch(open);
    uint64_t new = rotate(&fixture, "ci", 0, secret);
    clock_fake_set(2000000, FIXTURE_NOW_US + 1);
    (void)fixture_command(&fixture, "checkpoint"); /* the old one is revoked */
    (void)fixture_result(&fixture);
    cr_assert_eq(fixture.ledger.book.n_published, 1);

    fixture_kill_ledger(&fixture);
    fixture_done(&fixture, done, 60);
    fixture_start_ledger(&fixture);
    cr_expect_eq(fixture_quota(&fixture, new, 0).used, 60);
    fixture_done(&fixture, open, 70);
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(fixture_quota(&fixture, new, 0).used, 130);
    cr_expect_eq(fixture_quota(&fixture, new, 0).reserved, 0);
    fixture_fini(&fixture);
}

Test(key_rotate, the_successor_has_the_policy_of_the_one_before)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX];

    fixture_init(&fixture);
    struct frame_out *args = fixture_command(&fixture, "key.create");
    frame_cstr(args, "name", "ci");
    frame_cstr(args, "policy", "fastest");
    (void)fixture_result(&fixture);
    (void)rotate(&fixture, "ci", 60000000, secret);
    const struct frame_value *key =
        frame_get(fixture_key_command(&fixture, "key.show", "ci"), "key");
    cr_expect_neq(frame_get_int(key, "rotated_from", 0), 0);
    cr_expect(fixture_str_is(key, "policy", "fastest"));
    fixture_fini(&fixture);
}
