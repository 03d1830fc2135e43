/* SPDX-License-Identifier: ISC
 *
 * What of a configuration the catalog gets.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relayos/shm/health.h"
#include "snapshot.h"

static const struct segment_capacity capacity = {
    .n_workers = 2,
    .flights_per_worker = 8,
    .keys = 8,
    .routes = 16,
    .upstreams = 4,
    .quota_cells = 8,
    .refusals_per_worker = 8,
};

static const char text[] =
    "failover: {attempts: 2}\n"
    "capabilities: [{models: own-, like: claude-opus-5-5, adds: sampling}]\n"
    "upstreams:\n"
    "  a: {url: https://a/v1, protocols: openai_chat, keys: [{name: x, env: ONE},\n"
    "      {name: y, env: TWO}]}\n"
    "  b: {url: https://b/v1, protocols: openai_chat, auth: none}\n"
    "models:\n"
    "  first: {price: free, fallback: [last, middle], routes: [{upstream: a}, {upstream: b}]}\n"
    "  middle: {price: free, routes: [{upstream: a, model: own-1}, {upstream: b, model: gpt-5}]}\n"
    "  last: {price: free, routes: [{upstream: b}]}\n";

static struct segment *segment;
static struct catalog *catalog;
static struct conf *conf;

static const char *
environment(const char *name)
{
    return name;
}

static void
make(void)
{
    struct errmsg why = {""};
    char name[64];

    snprintf(name, sizeof(name), "relayos.test.%d", (int)getpid());
    cr_assert_eq(segment_create(name, &capacity, &segment, &why), 0, "%s", why.text);
    cr_assert_eq(segment_unlink(name), 0);
    catalog = catalog_new(segment);
    cr_assert_eq(conf_parse("c", slice_str(text), environment, &conf, &why), 0, "%s", why.text);
    cr_assert_eq(snapshot_prepare(segment, catalog, conf, &why), 0, "%s", why.text);
    catalog_commit(catalog);
}

static void
drop(void)
{
    conf_free(&conf);
    catalog_free(&catalog);
    segment_detach(&segment);
}

TestSuite(snapshot, .init = make, .fini = drop);

Test(snapshot, fallbacks_are_found_where_they_stand_further_down)
{
    struct model_record model;
    uint64_t epoch;

    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("first"), &model, &epoch), 0);
    cr_assert_eq(model.n_fallbacks, 2);
    cr_expect_str_eq(catalog_model_name(catalog, model.fallbacks[0]), "last");
    cr_expect_str_eq(catalog_model_name(catalog, model.fallbacks[1]), "middle");
}

Test(snapshot, each_credential_has_its_bytes_and_a_health_row)
{
    static const char *const bytes[] = {"ONE", "TWO"};
    struct credential_record credential;
    uint64_t epoch = catalog_epoch(catalog);
    struct buf out;
    uint32_t row;

    buf_init(&out, LIMIT_CREDENTIAL);
    for (uint32_t n = 0; n < 2; n++) {
        cr_assert_eq(catalog_get_credential(catalog, epoch, 0, n, &credential), 0);
        cr_expect_eq(credential.id, conf->upstreams[0].credentials[n].record.id);
        cr_assert_eq(health_row(segment, credential.id, &row), 0);
        cr_expect_eq(credential.health_row, row);
        buf_clear(&out);
        cr_assert_eq(catalog_append_credential(catalog, epoch, 0, n, &out), 0);
        cr_expect(slice_eq_str(buf_slice(&out), bytes[n]));
    }
    buf_clear(&out);
    cr_assert_eq(catalog_append_credential(catalog, epoch, 1, 0, &out), 0);
    cr_expect_eq(out.len, 0, "auth: none");
    buf_fini(&out);
}

Test(snapshot, each_route_has_a_health_row_of_its_own)
{
    struct model_record model;
    struct route_record routes[2];
    struct upstream_record upstream;
    uint64_t epoch;
    uint32_t row;

    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("first"), &model, &epoch), 0);
    for (uint32_t n = 0; n < 2; n++) {
        cr_assert_eq(catalog_get_route(catalog, epoch, &model, n, &routes[n], &upstream), 0);
        cr_assert_eq(health_row(segment, routes[n].id, &row), 0);
        cr_expect_eq(routes[n].health_row, row);
    }
    cr_expect_neq(routes[0].health_row, routes[1].health_row);
}

Test(snapshot, each_route_says_what_its_model_takes)
{
    struct model_record model;
    struct route_record own, known;
    struct upstream_record upstream;
    uint64_t epoch;

    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("middle"), &model, &epoch), 0);
    cr_assert_eq(catalog_get_route(catalog, epoch, &model, 0, &own, &upstream), 0);
    cr_assert_eq(catalog_get_route(catalog, epoch, &model, 1, &known, &upstream), 0);
    cr_expect_eq(own.capability.thinking, THINKING_ADAPTIVE);
    cr_expect((own.capability.flags & CAP_SAMPLING) != 0);
    cr_expect((own.capability.flags & CAP_FORCED_TOOL) == 0);
    cr_expect_eq(known.capability.thinking, THINKING_EFFORT);
    cr_expect_eq(known.capability.max_output_tokens, 128000);
}

Test(snapshot, how_routes_fail_is_what_the_configuration_says)
{
    struct routing_settings settings;

    catalog_get_settings(catalog, &settings);
    cr_expect_eq(settings.max_attempts, 2);
    cr_expect_eq(memcmp(&settings, &conf->routing, sizeof(settings)), 0);
}

Test(snapshot, one_that_does_not_fit_leaves_the_active_one_whole)
{
    static char many[4096];
    size_t at = (size_t)snprintf(many, sizeof(many), "upstreams:\n");
    struct conf *other = NULL;
    struct errmsg why;
    struct model_record model;
    uint64_t epoch;

    for (int n = 0; n < 5; n++)
        at += (size_t)snprintf(many + at, sizeof(many) - at,
                               "  u%d: {url: https://u/, protocols: openai_chat, auth: none}\n", n);
    snprintf(many + at, sizeof(many) - at,
             "models: {m: {price: free, routes: [{upstream: u0}]}}\n");
    cr_assert_eq(conf_parse("c", slice_str(many), environment, &other, &why), 0, "%s", why.text);
    cr_expect_eq(snapshot_prepare(segment, catalog, other, &why), ERR_FULL);
    cr_expect_not_null(strstr(why.text, "capacity.upstreams"), "%s", why.text);
    cr_expect_eq(catalog_find_model(catalog, SLICE_LIT("first"), &model, &epoch), 0);
    conf_free(&other);
}
