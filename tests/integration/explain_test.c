/* SPDX-License-Identifier: ISC
 *
 * relayosctl explain: it foretells what then happens, and changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define UPSTREAM(name, mock)                                                                       \
    "  " name ":\n    url: http://127.0.0.1:" mock "/v1\n    protocols: openai_chat\n"             \
    "    key_env: GATEWAY_CREDENTIAL\n    probe: none\n"
#define PRICE "    price: {input: 2.00, output: 8.00}\n    max_output_tokens: 1000\n"

static const struct gateway_options options = {
    .settings = "health: {breaker_failures: 2}\n",
    .upstreams = UPSTREAM("left", "%1") UPSTREAM("right", "%2"),
    .models = "  tiers:\n" PRICE "    routes:\n"
              "      - {upstream: left, cost: {input: 1.00, output: 4.00}}\n"
              "      - {upstream: right, tier: 1, cost: {input: 3.00, output: 9.00}}\n"
              "  pair:\n" PRICE "    policy: weighted\n    routes:\n"
              "      - {upstream: left, weight: 100}\n      - {upstream: right, weight: 900}\n"
              "  fragile:\n" PRICE "    fallback: [spare]\n    routes: [{upstream: left}]\n"
              "  spare:\n" PRICE "    routes: [{upstream: right}]\n",
    .n_mocks = 2};

/* What is said of such a request; the key is the last that was made. */
static cJSON *
explain(const struct gateway *gateway, const char *model, const char *words)
{
    cJSON *said = gateway_ctl(gateway, "explain test-%u %s %s", gateway->n_keys, model, words);

    cr_assert_not_null(said);
    return said;
}

/* Each is another conversation, which has no place yet. */
static int
status_of_a_call(const struct gateway *gateway, const char *key, const char *model)
{
    static unsigned n;
    char text[32];

    snprintf(text, sizeof text, "hello %u", n++);
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_CHAT), key, model, false, text);
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

/* It is foretold so, and then it is so. */
static void
expect_refused(const struct gateway *gateway, const char *key, const char *model,
               const char *category)
{
    cJSON *said = explain(gateway, model, "");

    cr_expect_not(json_is_true(said, "verdict.admitted"));
    cr_expect_str_eq(json_text(said, "verdict.category"), category);
    cr_expect_eq(json_int(said, "verdict.openai_status"), status_of_a_call(gateway, key, model));
    cJSON_Delete(said);
}

static void
expect_served_by(const struct gateway *gateway, const char *key, const char *model,
                 const char *served_by)
{
    cJSON *said = explain(gateway, model, "");

    cr_expect(json_is_true(said, "verdict.admitted"), "%s", json_text(said, "verdict.category"));
    cr_expect_str_eq(json_text(said, "verdict.served_by"), served_by);
    cr_expect_eq(status_of_a_call(gateway, key, model), 200);
    cJSON_Delete(said);
}

static void
ctl(const struct gateway *gateway, const char *words)
{
    cJSON *said = gateway_ctl(gateway, "%s", words);

    cr_assert_not_null(said, "%s", words);
    cJSON_Delete(said);
}

Test(explain, what_it_costs_and_which_routes_in_which_order, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--policy cheapest");
    cJSON *said = explain(gateway, "tiers", "--prompt-tokens=2000 --max-tokens=500");

    cr_expect_str_eq(json_text(said, "key.state"), "active");
    cr_expect_str_eq(json_text(said, "policy"), "cheapest");
    cr_expect_str_eq(json_text(said, "policy_of"), "key");
    cr_expect_eq(json_int(said, "estimate.charge_nusd"), 2000 * 2000 + 500 * 8000);
    cr_expect_eq(json_int(said, "estimate.reserved_tokens"), 4 * 2000 + 500);
    cr_expect_str_eq(json_text(said, "routes.0.upstream"), "left");
    cr_expect_str_eq(json_text(said, "routes.1.upstream"), "right");
    cr_expect_eq(json_int(said, "routes.0.cost_nusd"), 2000 * 1000 + 500 * 4000);
    cr_expect_eq(json_int(said, "routes.1.cost_nusd"), 2000 * 3000 + 500 * 9000);
    cr_expect_eq(json_int(said, "routes.0.score"), json_int(said, "routes.0.cost_nusd"));
    cr_expect_eq(json_int(said, "routes.0.first_permille"), 1000);
    cr_expect_eq(json_int(said, "routes.1.first_permille"), 0);
    cr_expect(json_is_true(said, "verdict.admitted"));
    cJSON_Delete(said);

    said = explain(gateway, "pair", "--max-tokens 500");
    cr_expect_str_eq(json_text(said, "policy"), "cheapest");
    cJSON_Delete(said);
    ctl(gateway, "key update test-1 --policy model");
    said = explain(gateway, "pair", "--max-tokens 500");
    cr_expect_str_eq(json_text(said, "policy"), "weighted");
    cr_expect_str_eq(json_text(said, "policy_of"), "model");
    cr_expect_str_eq(json_text(said, "routes.0.upstream"), "right");
    int64_t share = json_int(said, "routes.0.first_permille");
    cr_expect(share > 860 && share < 940, "%d", (int)share);
    cJSON_Delete(said);
    free(key);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(explain, what_a_key_may_not_do_is_foretold, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--models tiers,fragile");

    expect_served_by(gateway, key, "tiers", "tiers");
    expect_refused(gateway, key, "pair", "model_not_allowed");
    ctl(gateway, "key disable test-1");
    expect_refused(gateway, key, "tiers", "invalid_key");
    ctl(gateway, "key enable test-1");
    expect_served_by(gateway, key, "tiers", "tiers");
    ctl(gateway, "key revoke test-1");
    expect_refused(gateway, key, "tiers", "invalid_key");
    free(key);
    cr_expect_null(gateway_ctl(gateway, "explain test-1 no-such-model"));
    cr_expect_null(gateway_ctl(gateway, "explain no-such-key tiers"));
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(explain, limits_are_asked_and_nothing_of_them_is_taken, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--rpm 1 --quota 1usd");

    for (int i = 0; i < 5; i++) {
        cJSON *said = explain(gateway, "tiers", "");

        cr_expect(json_is_true(said, "verdict.admitted"));
        cr_expect_eq(json_int(said, "rates.0.wait_us"), 0);
        cr_expect_eq(json_int(said, "quotas.0.used"), 0);
        cr_expect_eq(json_int(said, "quotas.0.reserved"), 0);
        cr_expect_eq(json_int(said, "quotas.0.needed"), json_int(said, "estimate.reserved_nusd"));
        cJSON_Delete(said);
    }
    expect_served_by(gateway, key, "tiers", "tiers");
    expect_refused(gateway, key, "tiers", "rate_limited");
    free(key);

    key = gateway_key(gateway, "--quota 0.001usd");
    cJSON *said = explain(gateway, "tiers", "");
    cr_expect_not(json_is_true(said, "quotas.0.fits"));
    cJSON_Delete(said);
    expect_refused(gateway, key, "tiers", "quota_exceeded");
    free(key);

    key = gateway_key(gateway, "--quota 0.001usd,shadow");
    said = explain(gateway, "tiers", "");
    cr_expect_not(json_is_true(said, "quotas.0.fits"));
    cJSON_Delete(said);
    expect_served_by(gateway, key, "tiers", "tiers");
    free(key);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(explain, routes_that_are_out_are_said_to_be_and_why, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    ctl(gateway, "route drain tiers/left");
    cJSON *said = explain(gateway, "tiers", "");
    cr_expect_str_eq(json_text(said, "routes.0.upstream"), "right");
    cr_expect_str_eq(json_text(said, "routes.0.state"), "usable");
    cr_expect_str_eq(json_text(said, "routes.1.upstream"), "left");
    cr_expect_str_eq(json_text(said, "routes.1.state"), "drained");
    cJSON_Delete(said);
    expect_served_by(gateway, key, "tiers", "tiers");
    ctl(gateway, "route disable tiers/right");
    expect_refused(gateway, key, "tiers", "no_healthy_route");
    ctl(gateway, "route enable tiers/left");
    expect_served_by(gateway, key, "tiers", "tiers");
    free(key);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(explain, an_open_breaker_and_its_end_are_shown, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    gateway_mock_control(gateway, 1, "* status=500");
    for (int i = 0; i < 4; i++)
        cr_expect_eq(status_of_a_call(gateway, key, "tiers"), 200);
    cJSON *said = explain(gateway, "tiers", "");
    cr_expect_str_eq(json_text(said, "routes.1.upstream"), "left");
    cr_expect_str_eq(json_text(said, "routes.1.state"), "open");
    cr_expect_gt(json_int(said, "routes.1.until_us"), 0);
    cr_expect_str_eq(json_text(said, "routes.0.upstream"), "right");
    cJSON_Delete(said);
    free(key);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(explain, who_stands_in_and_whether_the_key_may_use_it, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char *free_key = gateway_key(gateway, "");

    ctl(gateway, "route disable fragile/left");
    expect_served_by(gateway, free_key, "fragile", "spare");
    char *bound_key = gateway_key(gateway, "--models fragile");
    cJSON *said = explain(gateway, "fragile", "");
    cr_expect_str_eq(json_text(said, "fallbacks.0.model"), "spare");
    cr_expect_not(json_is_true(said, "fallbacks.0.may_use"));
    cr_expect_str_eq(json_text(said, "fallback_on.0"), "outage");
    cJSON_Delete(said);
    expect_refused(gateway, bound_key, "fragile", "no_healthy_route");
    free(free_key);
    free(bound_key);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(explain, people_read_it_too, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--rpm 5 --quota 1usd");
    char out[8192];

    cr_expect_eq(gateway_ctl_raw(gateway, "explain test-1 tiers", out, sizeof out), 0);
    for (const char *const *word =
             (const char *const[]){"test-1: active", "tiers: allowed", "usd/month", "tiers/left",
                                   "tiers/right", "Would be admitted", NULL};
         *word != NULL; word++)
        cr_expect_not_null(strstr(out, *word), "%s is not in\n%s", *word, out);
    ctl(gateway, "key disable test-1");
    cr_expect_eq(gateway_ctl_raw(gateway, "explain test-1 tiers", out, sizeof out), 0);
    cr_expect_not_null(strstr(out, "Would be refused: 401 invalid_key"), "%s", out);
    free(key);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
