/* SPDX-License-Identifier: ISC */
#include "ledger_fixture.h"
#include "relayos/model/catalog.h"
#include "relayos/policy/auth.h"
#include "relayos/policy/key_secret.h"

/* What a worker would say to this secret. */
static int
check(struct fixture *fixture, const char *secret, struct key_view *view)
{
    return auth_check(fixture->heritage.segment, fixture->ledger.pepper, NULL, slice_str(secret),
                      clock_real_us(), view);
}

static const struct frame_value *
create(struct fixture *fixture, const char *name)
{
    frame_cstr(fixture_command(fixture, "key.create"), "name", name);
    return fixture_result(fixture);
}

Test(key_admin, a_new_key_opens_the_door_and_its_secret_is_nowhere)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX];
    struct key_view view;

    fixture_init(&fixture);
    uint64_t id = fixture_key(&fixture, "cursor of anna", 50 * USD, secret);
    cr_expect(key_secret_is_wellformed(slice_str(secret)), "%s", secret);
    cr_assert_eq(check(&fixture, secret, &view), 0);
    cr_expect_eq(view.key_id, id);
    cr_expect_eq(view.n_limits, 1);
    cr_expect_eq(view.limits[0].period_id[0], FIXTURE_MONTH);
    cr_expect_eq(view.limits[0].period_id[1], 202512);
    cr_expect(key_view_may_use(&view, 0));
    cr_expect_eq(check(&fixture, "sk-test-nonsense", &view), ERR_INVALID_KEY);

    const struct frame_value *result = fixture_key_command(&fixture, "key.show", "cursor of anna");
    const struct frame_value *key = frame_get(result, "key");
    cr_expect_null(frame_get(result, "secret"));
    cr_expect(fixture_str_is(key, "state", "active"));
    cr_expect(fixture_str_is(key, "source", "store"));
    cr_expect(fixture_str_is(key, "last4", secret + strlen(secret) - 4));
    const struct frame_value *limit = frame_at(frame_get(key, "limits"), 0);
    cr_expect_eq(frame_get_int(limit, "limit", 0), 50 * USD);
    cr_expect(fixture_str_is(limit, "period", "month"));

    /* SE-01 in small: the secret is not in the database or its log. */
    char command[256];
    snprintf(command, sizeof(command), "grep -c -a '%s' %s/relayos.db* | grep -q -v ':0$'",
             secret + 8, fixture.dir);
    cr_expect_neq(system(command), 0);
    fixture_fini(&fixture);
}

Test(key_admin, disable_and_revoke_are_seen_at_the_next_lookup)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX];
    struct key_view view;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "ci", 0, secret);
    const struct frame_value *key =
        frame_get(fixture_key_command(&fixture, "key.disable", "ci"), "key");
    cr_expect(fixture_str_is(key, "state", "disabled"));
    cr_expect_eq(check(&fixture, secret, &view), ERR_INVALID_KEY);
    (void)fixture_key_command(&fixture, "key.enable", "ci");
    cr_expect_eq(check(&fixture, secret, &view), 0);
    key = frame_get(fixture_key_command(&fixture, "key.revoke", "ci"), "key");
    cr_expect(fixture_str_is(key, "state", "revoked"));
    cr_expect_eq(check(&fixture, secret, &view), ERR_INVALID_KEY);

    frame_cstr(fixture_command(&fixture, "key.enable"), "key", "ci");
    cr_expect_eq(fixture_failure(&fixture, "revoked, for good"), ERR_CONFLICT);
    fixture_restart_ledger(&fixture);
    cr_expect_eq(check(&fixture, secret, &view), ERR_INVALID_KEY);
    (void)create(&fixture, "ci"); /* the name is free again */
    fixture_fini(&fixture);
}

Test(key_admin, what_a_dead_ledger_committed_but_did_not_publish_is_published_by_the_next)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX];
    struct key_view view;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "ci", USD, secret);
    (void)fixture_key_command(&fixture, "key.revoke", "ci");
    cr_assert_eq(check(&fixture, secret, &view), ERR_INVALID_KEY);
    key_table_set_flags(fixture.heritage.segment, 0, 0); /* as if that store had not happened */
    cr_assert_eq(check(&fixture, secret, &view), 0);
    fixture_restart_ledger(&fixture);
    cr_expect_eq(check(&fixture, secret, &view), ERR_INVALID_KEY);
    fixture_fini(&fixture);
}

/* Whoever writes it means that nothing may be spent; without a quota all may. */
Test(key_admin, a_new_key_is_not_without_a_limit_because_its_quota_is_zero)
{
    static const char *const units[] = {"quota_nusd", "quota_tokens"};
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < 2; i++) {
        struct frame_out *args = fixture_command(&fixture, "key.create");

        frame_cstr(args, "name", "zero");
        frame_int(args, units[i], 0);
        cr_expect_eq(fixture_failure(&fixture, "a new key has none"), ERR_SYNTAX);
    }
    fixture_fini(&fixture);
}

static struct frame_out *
with_two_quotas(struct fixture *fixture, const char *command, const char *second_period)
{
    struct frame_out *args = fixture_command(fixture, command);

    frame_cstr(args, strcmp(command, "key.create") == 0 ? "name" : "key", "twice");
    frame_array(args, "quotas");
    for (int64_t n = 0; n < 2; n++) {
        frame_map(args, NULL);
        frame_cstr(args, "unit", "usd");
        frame_int(args, "amount", 1000 - n);
        if (n == 1)
            frame_cstr(args, "period", second_period);
        frame_end(args);
    }
    frame_end(args);
    return args;
}

Test(key_admin, of_two_quotas_for_the_same_neither_is_taken)
{
    struct fixture fixture;

    fixture_init(&fixture);
    (void)with_two_quotas(&fixture, "key.create", "month");
    cr_expect_eq(fixture_failure(&fixture, "quotas: two in usd by month"), ERR_SYNTAX);
    (void)with_two_quotas(&fixture, "key.create", "day");
    (void)fixture_result(&fixture);
    (void)with_two_quotas(&fixture, "key.update", "month");
    cr_expect_eq(fixture_failure(&fixture, "quotas: two in usd by month"), ERR_SYNTAX);
    (void)with_two_quotas(&fixture, "key.update", "day"); /* as it has them */
    cr_expect_eq(frame_length(frame_get(frame_get(fixture_result(&fixture), "key"), "limits")), 2);
    fixture_fini(&fixture);
}

Test(key_admin, models_must_exist_and_only_they_may_be_used)
{
    struct fixture fixture;
    struct key_view view;

    fixture_init(&fixture);
    struct frame_out *args = fixture_command(&fixture, "key.create");
    frame_cstr(args, "name", "narrow");
    frame_array(args, "models");
    frame_cstr(args, NULL, "claude-sonnet-5");
    frame_end(args);
    cr_expect_eq(fixture_failure(&fixture, "did you mean claude-sonnet-4?"), ERR_SYNTAX);

    args = fixture_command(&fixture, "key.create");
    frame_cstr(args, "name", "narrow");
    frame_array(args, "models");
    frame_cstr(args, NULL, "gpt-4.1-mini");
    frame_end(args);
    uint64_t id = (uint64_t)frame_get_int(frame_get(fixture_result(&fixture), "key"), "id", 0);
    fixture_view(&fixture, id, &view);
    cr_expect_not(key_view_may_use(&view, 0));
    cr_expect(key_view_may_use(&view, 1));

    args = fixture_command(&fixture, "key.update");
    frame_int(args, "key", (int64_t)id);
    frame_array(args, "models");
    frame_end(args);
    cr_expect(frame_get_bool(frame_get(fixture_result(&fixture), "key"), "all_models", false));
    fixture_view(&fixture, id, &view);
    cr_expect(key_view_may_use(&view, 0));
    fixture_fini(&fixture);
}

Test(key_admin, a_limit_lowered_raised_or_taken_away_counts_from_the_next_admission)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    cr_assert(fixture_request(&fixture, key, 600, 500));
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_not(fixture_request(&fixture, key, 600, 0));

    struct frame_out *args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "a");
    frame_int(args, "quota_nusd", 2000);
    (void)fixture_result(&fixture);
    cr_expect(fixture_request(&fixture, key, 600, 100));

    args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "a");
    frame_int(args, "quota_nusd", 0);
    (void)fixture_result(&fixture);
    struct key_view view;
    fixture_view(&fixture, key, &view);
    cr_expect_eq(view.n_limits, 0);
    cr_expect_eq(fixture_settle(&fixture), 1); /* it held on a cell that is not wanted any more */
    book_sweep(&fixture.ledger);
    cr_expect_eq(fixture.ledger.book.n_unwanted, 0);

    args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "a");
    frame_int(args, "quota_nusd", 2000);
    (void)fixture_result(&fixture);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 600); /* nothing was forgotten meanwhile */
    fixture_fini(&fixture);
}

Test(key_admin, arguments_that_cannot_be_are_refused_with_the_reason)
{
    static const struct {
        const char *name, *member;
        int64_t number;
        const char *text, *reason;
    } cases[] = {
        {"", NULL, 0, NULL, "name: a key needs one"},
        {"a\x1b[2J", NULL, 0, NULL, "control characters"},
        {"a", "tool", 0, "emacs", "none of cursor"},
        {"a", "quota_nusd", -1, NULL, "quotas"},
        {"a", "quota_period", 0, "year", "quotas: the period"},
        {"a", "expires_us", 5, NULL, "past"},
        {"a", "max_concurrent", INT64_MAX, NULL, "max_concurrent"},
        {"a", "requests_per_minute", 0, "many", "requests_per_minute"},
    };
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct frame_out *args = fixture_command(&fixture, "key.create");

        frame_cstr(args, "name", cases[i].name);
        if (cases[i].text != NULL)
            frame_cstr(args, cases[i].member, cases[i].text);
        else if (cases[i].member != NULL)
            frame_int(args, cases[i].member, cases[i].number);
        cr_expect_eq(fixture_failure(&fixture, cases[i].reason), ERR_SYNTAX, "case %zu", i);
    }
    (void)create(&fixture, "a");
    frame_cstr(fixture_command(&fixture, "key.create"), "name", "a");
    cr_expect_eq(fixture_failure(&fixture, "active key named \"a\""), ERR_EXISTS);
    frame_cstr(fixture_command(&fixture, "key.show"), "key", "b");
    cr_expect_eq(fixture_failure(&fixture, "there is no key \"b\""), ERR_MISSING);
    fixture_fini(&fixture);
}

Test(key_admin, a_full_key_table_refuses_before_anything_is_stored)
{
    struct fixture fixture;
    char name[16];

    fixture_init(&fixture);
    for (int i = 0; i < 16; i++) {
        snprintf(name, sizeof(name), "key %d", i);
        (void)create(&fixture, name);
    }
    frame_cstr(fixture_command(&fixture, "key.create"), "name", "one more");
    cr_expect_eq(fixture_failure(&fixture, "capacity.keys"), ERR_FULL);
    (void)fixture_key_command(&fixture, "key.revoke", "key 3");
    (void)create(&fixture, "one more");

    struct frame_out *args = fixture_command(&fixture, "key.list");
    frame_int(args, "limit", 5);
    frame_cstr(args, "state", "active");
    const struct frame_value *result = fixture_result(&fixture);
    cr_expect_eq(frame_length(frame_get(result, "keys")), 5);
    cr_expect_eq(frame_get_int(result, "next", 0), 6); /* 1 2 3 5 6: the fourth is revoked */
    fixture_fini(&fixture);
}

Test(key_admin, no_room_for_a_limit_leaves_no_key_behind)
{
    static const struct segment_capacity capacity = {.n_workers = 1,
                                                     .flights_per_worker = 64,
                                                     .keys = 16,
                                                     .routes = 8,
                                                     .upstreams = 4,
                                                     .quota_cells = 3,
                                                     .refusals_per_worker = 16};
    struct fixture fixture;

    fixture_init_sized(&fixture, &capacity);
    (void)fixture_key(&fixture, "a", 1000, NULL);
    struct frame_out *args = fixture_command(&fixture, "key.create");
    frame_cstr(args, "name", "b");
    frame_int(args, "quota_nusd", 1000);
    cr_expect_eq(fixture_failure(&fixture, "capacity.quota_cells"), ERR_FULL);
    (void)fixture_command(&fixture, "ledger.status");
    cr_expect_eq(frame_get_int(fixture_result(&fixture), "n_keys", 0), 1);
    book_sweep(&fixture.ledger);
    (void)fixture_command(&fixture, "ledger.status");
    cr_expect_eq(frame_get_int(fixture_result(&fixture), "quota_cells_used", 0), 2);
    (void)create(&fixture, "b"); /* without a quota there is room, and the name is free */
    fixture_fini(&fixture);
}

Test(key_admin, a_name_is_never_the_id_of_another_key)
{
    struct fixture fixture;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "a", 1000, NULL);
    frame_cstr(fixture_command(&fixture, "key.create"), "name", "1");
    fixture_failure(&fixture, "not a number alone");
    struct frame_out *args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "a");
    frame_cstr(args, "name", "2");
    fixture_failure(&fixture, "not a number alone");
    fixture_fini(&fixture);
}

Test(key_admin, a_keys_policy_is_what_workers_read_and_goes_back_to_the_models_own)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX];
    struct key_view view;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "ci", 0, secret);
    cr_assert_eq(check(&fixture, secret, &view), 0);
    cr_expect_eq(view.policy, 0);
    cr_expect(fixture_str_is(frame_get(fixture_key_command(&fixture, "key.show", "ci"), "key"),
                             "policy", "model"));

    struct frame_out *args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "ci");
    frame_cstr(args, "policy", "cheapest");
    cr_expect(fixture_str_is(frame_get(fixture_result(&fixture), "key"), "policy", "cheapest"));
    cr_assert_eq(check(&fixture, secret, &view), 0);
    cr_expect_eq(view.policy, ROUTE_CHEAPEST + 1);
    fixture_restart_ledger(&fixture);
    cr_assert_eq(check(&fixture, secret, &view), 0);
    cr_expect_eq(view.policy, ROUTE_CHEAPEST + 1);

    /* What an update does not name stays. */
    args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "ci");
    frame_int(args, "requests_per_minute", 5);
    (void)fixture_result(&fixture);
    cr_assert_eq(check(&fixture, secret, &view), 0);
    cr_expect_eq(view.policy, ROUTE_CHEAPEST + 1);

    args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "ci");
    frame_cstr(args, "policy", "luckiest");
    fixture_failure(&fixture, "none of balanced");
    args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "ci");
    frame_cstr(args, "policy", "model");
    (void)fixture_result(&fixture);
    cr_assert_eq(check(&fixture, secret, &view), 0);
    cr_expect_eq(view.policy, 0);
    fixture_fini(&fixture);
}

static void
allow_from(struct fixture *fixture, const char *one, const char *two)
{
    struct frame_out *args = fixture_command(fixture, "key.update");

    frame_cstr(args, "key", "ci");
    frame_array(args, "allow_from");
    if (one != NULL)
        frame_cstr(args, NULL, one);
    if (two != NULL)
        frame_cstr(args, NULL, two);
    frame_end(args);
}

Test(key_admin, where_a_key_may_be_used_is_what_workers_read_and_survives_the_ledger)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX];
    struct key_view view;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "ci", 0, secret);
    allow_from(&fixture, "10.0.0.0/8", "192.0.2.7");
    const struct frame_value *networks =
        frame_get(frame_get(fixture_result(&fixture), "key"), "allow_from");
    cr_assert_eq(frame_length(networks), 2);
    cr_expect(slice_eq_str(frame_as_str(frame_at(networks, 1)), "192.0.2.7/32"));
    fixture_restart_ledger(&fixture);
    cr_assert_eq(check(&fixture, secret, &view), 0);
    cr_expect_eq(view.n_networks, 2);
    cr_expect(auth_lets_in(&view, "10.2.3.4") && !auth_lets_in(&view, "192.0.2.8"));

    struct frame_out *args = fixture_command(&fixture, "key.update"); /* of something else */
    frame_cstr(args, "key", "ci");
    frame_int(args, "requests_per_minute", 5);
    (void)fixture_result(&fixture);
    cr_assert_eq(check(&fixture, secret, &view), 0);
    cr_expect_eq(view.n_networks, 2);

    allow_from(&fixture, "10.1.0.0/8", NULL);
    fixture_failure(&fixture, "allow_from: \"10.1.0.0/8\"");
    allow_from(&fixture, NULL, NULL);
    (void)fixture_result(&fixture);
    cr_assert_eq(check(&fixture, secret, &view), 0);
    cr_expect_eq(view.n_networks, 0);
    fixture_fini(&fixture);
}
