/* SPDX-License-Identifier: ISC */
#include "relayos/model/catalog.h"
#include "relayos/store/store_name.h"
#include "store_fixture.h"

static void
make_key(struct key_record *key, const char *name, uint8_t n)
{
    memset(key, 0, sizeof(*key));
    memset(key->digest, n, sizeof(key->digest));
    snprintf(key->name, sizeof(key->name), "%s", name);
    snprintf(key->owner, sizeof(key->owner), "team-a");
    snprintf(key->last4, sizeof(key->last4), "ab%02u", n);
    key->tool = KEY_TOOL_CLAUDE_CODE;
    key->flags = KEY_ALL_MODELS;
    key->created_us = key->updated_us = FIXTURE_NOW_US;
}

static int
insert(struct fixture *fixture, struct key_record *key)
{
    cr_assert_eq(store_begin(fixture->store), 0);
    int rc = store_key_insert(fixture->store, key);
    if (rc != 0)
        store_rollback(fixture->store);
    else
        rc = store_commit(fixture->store);
    return rc;
}

static int
update(struct fixture *fixture, const struct key_record *key)
{
    cr_assert_eq(store_begin(fixture->store), 0);
    int rc = store_key_update(fixture->store, key);
    if (rc != 0)
        store_rollback(fixture->store);
    else
        rc = store_commit(fixture->store);
    return rc;
}

Test(store_key, comes_back_as_it_went_in)
{
    static char models[2][LIMIT_MODEL_NAME] = {"claude-sonnet-4", "gpt-4.1-mini"};
    struct fixture fixture;
    struct key_record key, got;

    fixture_init(&fixture);
    make_key(&key, "cursor of anna", 1);
    key.flags = KEY_DISABLED;
    key.n_models = 2;
    key.models = models;
    key.n_limits = 2;
    key.limits[0] = (struct key_limit){.unit = LIMIT_UNIT_NUSD, .amount = 50};
    key.limits[1] =
        (struct key_limit){.unit = LIMIT_UNIT_TOKENS, .period = LIMIT_PERIOD_TOTAL, .amount = 1000};
    key.max_concurrent = 4;
    key.policy = ROUTE_WEIGHTED + 1;
    key.requests_per_minute = 60;
    key.expires_us = FIXTURE_NOW_US + 1;
    cr_assert_eq(insert(&fixture, &key), 0);
    cr_expect_eq(key.group_id, key.id);
    cr_assert_eq(store_key_find_digest(fixture.store, key.digest, &got), 0);
    cr_expect_eq(got.id, key.id);
    cr_expect_eq(got.group_id, key.id);
    cr_expect_str_eq(got.name, "cursor of anna");
    cr_expect_eq(got.tool, KEY_TOOL_CLAUDE_CODE);
    cr_expect_eq(got.flags, KEY_DISABLED);
    cr_assert_eq(got.n_models, 2);
    cr_expect_str_eq(got.models[1], "gpt-4.1-mini");
    cr_assert_eq(got.n_limits, 2);
    cr_expect_eq(got.limits[0].amount, 50);
    cr_expect_eq(got.limits[1].unit, LIMIT_UNIT_TOKENS);
    cr_expect_eq(got.limits[1].period, LIMIT_PERIOD_TOTAL);
    cr_expect_eq(got.max_concurrent, 4);
    cr_expect_eq(got.policy, ROUTE_WEIGHTED + 1);
    cr_expect_eq(got.requests_per_minute, 60);
    cr_expect_eq(got.expires_us, FIXTURE_NOW_US + 1);
    store_key_fini(&got);
    fixture_fini(&fixture);
}

Test(store_key, an_active_name_is_taken_until_it_is_revoked_or_rotated_away)
{
    struct fixture fixture;
    struct key_record first, second, third;

    fixture_init(&fixture);
    make_key(&first, "ci", 1);
    make_key(&second, "ci", 2);
    make_key(&third, "ci", 3);
    cr_assert_eq(insert(&fixture, &first), 0);
    cr_expect_eq(insert(&fixture, &second), ERR_EXISTS);
    first.revoked_us = FIXTURE_NOW_US;
    cr_assert_eq(update(&fixture, &first), 0);
    second.id = 0;
    cr_expect_eq(insert(&fixture, &second), 0);
    cr_expect_gt(second.id, first.id);
    second.rotated_to = 99;
    cr_assert_eq(update(&fixture, &second), 0);
    cr_expect_eq(insert(&fixture, &third), 0);
    struct key_record got;
    cr_assert_eq(store_key_find_name(fixture.store, SLICE_LIT("ci"), &got), 0);
    cr_expect_eq(got.id, third.id);
    store_key_fini(&got);
    fixture_fini(&fixture);
}

Test(store_key, limits_belong_to_the_whole_chain_of_rotations)
{
    struct fixture fixture;
    struct key_record first, second, got;

    fixture_init(&fixture);
    make_key(&first, "ci", 1);
    first.n_limits = 1;
    first.limits[0] = (struct key_limit){.unit = LIMIT_UNIT_NUSD, .amount = 50};
    cr_assert_eq(insert(&fixture, &first), 0);
    first.rotated_to = 99;
    cr_assert_eq(update(&fixture, &first), 0);
    make_key(&second, "ci", 2);
    second.group_id = first.group_id;
    second.n_limits = 1;
    second.limits[0] = (struct key_limit){.unit = LIMIT_UNIT_NUSD, .amount = 80};
    cr_assert_eq(insert(&fixture, &second), 0);
    cr_assert_eq(store_key_get(fixture.store, first.id, &got), 0);
    cr_expect_eq(got.limits[0].amount, 80);
    store_key_fini(&got);
    fixture_fini(&fixture);
}

Test(store_key, last4_must_name_one_key)
{
    struct fixture fixture;
    struct key_record first, second, got;

    fixture_init(&fixture);
    make_key(&first, "a", 1);
    make_key(&second, "b", 2);
    cr_assert_eq(insert(&fixture, &first), 0);
    cr_assert_eq(insert(&fixture, &second), 0);
    cr_assert_eq(store_key_find_last4(fixture.store, SLICE_LIT("ab02"), &got), 0);
    cr_expect_eq(got.id, second.id);
    snprintf(second.last4, sizeof(second.last4), "ab01");
    cr_assert_eq(update(&fixture, &second), 0);
    cr_expect_eq(store_key_find_last4(fixture.store, SLICE_LIT("ab01"), &got), ERR_CONFLICT);
    cr_expect_eq(store_key_find_last4(fixture.store, SLICE_LIT("none"), &got), ERR_MISSING);
    fixture_fini(&fixture);
}

Test(store_key, a_walk_with_filters_meets_each_key_once)
{
    struct fixture fixture;
    struct key_record key, got;
    uint64_t after = 0, n = 0;

    fixture_init(&fixture);
    for (uint8_t i = 0; i < 30; i++) {
        char name[16];

        snprintf(name, sizeof(name), "key %u", i);
        make_key(&key, name, i);
        key.flags |= i % 3 == 0 ? KEY_DISABLED : 0;
        key.revoked_us = i % 10 == 9 ? FIXTURE_NOW_US : 0;
        key.expires_us = i == 1 ? FIXTURE_NOW_US - 1 : 0;
        cr_assert_eq(insert(&fixture, &key), 0);
    }
    struct store_key_filter active = {.state = SLICE_LIT("active"), .now_us = FIXTURE_NOW_US};
    while (store_key_next(fixture.store, &active, after, &got) == 0) {
        cr_expect_gt(got.id, after);
        after = got.id;
        n++;
    }
    /* 10 are disabled (one of them revoked too), 2 more are revoked, 1 is expired. */
    cr_expect_eq(n, 30 - 10 - 2 - 1);
    fixture_fini(&fixture);
}

/* Two ways to read the same keys: one at a time, and in pages. */
Test(store_key, a_page_holds_what_looking_up_each_key_finds)
{
    static char models[3][LIMIT_MODEL_NAME] = {"a", "b", "c"};
    struct store_key_filter live = {.only_live = true};
    struct store_key_page page = {0};
    struct fixture fixture;
    struct key_record key, got;
    uint64_t after = 0, n_seen = 0;

    fixture_init(&fixture);
    for (uint8_t i = 0; i < 50; i++) {
        char name[16];

        snprintf(name, sizeof(name), "key %u", i);
        make_key(&key, name, i);
        key.flags = i % 4 == 0 ? KEY_ALL_MODELS : i % 4 == 1 ? KEY_STRICT : 0;
        key.models = models;
        key.n_models = i % 4;
        key.n_limits = i % 3;
        key.limits[0] = (struct key_limit){
            .unit = LIMIT_UNIT_TOKENS, .period = LIMIT_PERIOD_WEEK, .amount = i, .model = "b"};
        key.limits[1] =
            (struct key_limit){.unit = LIMIT_UNIT_NUSD, .amount = 1000 + i, .is_shadow = 1};
        key.max_concurrent = i % 2;
        key.revoked_us = i % 7 == 6 ? FIXTURE_NOW_US : 0;
        key.group_id = i == 30 ? 3 : 0;
        cr_assert_eq(insert(&fixture, &key), 0);
    }
    do {
        cr_assert_eq(store_key_page_load(fixture.store, after, 8, &page), 0);
        for (size_t i = 0; i < page.n; i++, n_seen++) {
            const struct key_record *on_page = &page.keys[i];

            cr_assert_eq(store_key_next(fixture.store, &live, after, &got), 0);
            after = got.id;
            cr_expect_eq(on_page->id, got.id);
            cr_expect_eq(on_page->group_id, got.group_id);
            cr_expect_eq(on_page->flags, got.flags);
            cr_expect_str_eq(on_page->name, got.name);
            cr_expect_eq(on_page->max_concurrent, got.max_concurrent);
            cr_assert_eq(on_page->n_limits, got.n_limits);
            cr_expect_eq(memcmp(on_page->limits, got.limits, sizeof(got.limits)), 0);
            cr_assert_eq(on_page->n_models, got.n_models);
            for (uint32_t k = 0; k < got.n_models; k++)
                cr_expect_str_eq(on_page->models[k], got.models[k]);
            store_key_fini(&got);
        }
    } while (page.n == 8);
    cr_expect_eq(n_seen, 50 - 7);
    store_key_page_fini(&page);
    fixture_fini(&fixture);
}

Test(store_key, a_policy_has_the_name_that_it_has_everywhere_else_and_can_be_changed)
{
    static const char *const names[ROUTE_N_POLICIES] = ROUTE_POLICY_NAMES;
    struct fixture fixture;
    struct key_record key, got;

    fixture_init(&fixture);
    make_key(&key, "ci", 1);
    cr_assert_eq(insert(&fixture, &key), 0);
    for (uint8_t policy = 0; policy <= ROUTE_N_POLICIES; policy++) {
        key.policy = policy;
        cr_expect_str_eq(store_name(STORE_NAME_POLICY, policy),
                         policy == 0 ? "model" : names[policy - 1]);
        cr_assert_eq(update(&fixture, &key), 0);
        cr_assert_eq(store_key_get(fixture.store, key.id, &got), 0);
        cr_expect_eq(got.policy, policy);
        store_key_fini(&got);
    }
    fixture_change(&fixture, "UPDATE keys SET policy = 'luckiest'");
    cr_assert_eq(store_key_get(fixture.store, key.id, &got), 0);
    cr_expect_eq(got.policy, 0, "one that nobody knows is none");
    store_key_fini(&got);
    fixture_fini(&fixture);
}

Test(store_key, networks_are_kept_in_their_order_and_what_cannot_be_read_lets_nobody_in)
{
    struct fixture fixture;
    struct key_record key, got;

    fixture_init(&fixture);
    make_key(&key, "ci", 1);
    key.n_networks = LIMIT_KEY_NETWORKS;
    for (int i = 0; i < LIMIT_KEY_NETWORKS; i++)
        cr_assert_eq(address_range_parse(i % 2 == 0
                                             ? SLICE_LIT("10.0.0.0/8")
                                             : SLICE_LIT("2001:db8:1111:2222:3333:4444:5555:6666"),
                                         &key.networks[i]),
                     0);
    key.capture_until_us = 77;
    cr_assert_eq(insert(&fixture, &key), 0);
    cr_assert_eq(store_key_get(fixture.store, key.id, &got), 0);
    cr_expect_eq(got.capture_until_us, 77);
    cr_expect_eq(got.n_networks, LIMIT_KEY_NETWORKS);
    cr_expect_eq(memcmp(got.networks, key.networks, sizeof(key.networks)), 0);
    store_key_fini(&got);

    key.n_networks = 1;
    key.capture_until_us = 0;
    cr_assert_eq(update(&fixture, &key), 0);
    cr_assert_eq(store_key_get(fixture.store, key.id, &got), 0);
    cr_expect_eq(got.capture_until_us, 0);
    cr_expect_eq(got.n_networks, 1);
    store_key_fini(&got);

    fixture_change(&fixture, "UPDATE keys SET allow_from = 'anywhere'");
    cr_assert_eq(store_key_get(fixture.store, key.id, &got), 0);
    cr_expect_eq(got.n_networks, 1);
    cr_expect_eq(got.networks[0].n_bits, 32);
    store_key_fini(&got);
    fixture_fini(&fixture);
}
