/* SPDX-License-Identifier: ISC
 *
 * Tests of conf: upstreams' keys, and what says how routes are chosen, fail and heal.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf_text.h"
#include "relayos/base/fdio.h"
#include "relayos/conf/conf.h"

static char file_path[64];

static void
setup(void)
{
    snprintf(file_path, sizeof(file_path), "/tmp/conf_routes_test.%d.key", (int)getpid());
}

static void
teardown(void)
{
    unlink(file_path);
}

TestSuite(conf_routes, .init = setup, .fini = teardown);

static const char *
test_env(const char *name)
{
    (void)name;
    return "provider-key";
}

static struct conf *
parse(const char *text)
{
    struct conf *conf = NULL;
    struct errmsg why;

    cr_assert_eq(conf_parse("test.yaml", slice_str(text), test_env, &conf, &why), 0, "%s",
                 why.text);
    return conf;
}

Test(conf_routes, a_list_of_keys_becomes_credentials_with_ids_of_their_own)
{
    struct conf *conf =
        parse("upstreams:\n"
              "  a: {url: https://a/v1, protocols: openai_chat, keys: [{name: x, env: SET},\n"
              "      {name: y, env: SET2}]}\n"
              "  b: {url: https://b/v1, protocols: openai_chat, key_env: SET, family: a}\n"
              "models: {m: {price: free, routes: [{upstream: a}]}}\n");
    const struct conf_upstream *a = &conf->upstreams[0], *b = &conf->upstreams[1];

    cr_assert_eq(a->n_credentials, 2);
    cr_assert_str_eq(a->credentials[1].record.name, "y");
    cr_assert_str_eq(a->credentials[1].env, "SET2");
    cr_assert_not_null(a->credentials[1].secret);
    cr_assert_neq(a->credentials[0].record.id, 0);
    cr_assert_neq(a->credentials[0].record.id, a->credentials[1].record.id);
    cr_assert_eq(b->n_credentials, 1);
    cr_assert_str_eq(b->credentials[0].record.name, "");
    cr_assert_neq(b->credentials[0].record.id, a->credentials[0].record.id);
    cr_assert_eq(a->record.family, b->record.family, "b says that it is of a's");
    conf_free(&conf);
}

Test(conf_routes, a_key_of_the_list_may_be_in_a_file_of_its_owner)
{
    char text[512];
    struct conf *conf = NULL;
    struct errmsg why;

    snprintf(text, sizeof(text),
             BROKEN_UP("url: https://a/, protocols: openai_chat, keys: [{name: f, file: %s}]"),
             file_path);
    cr_assert_eq(fdio_replace_file(file_path, SLICE_LIT("from-a-file\n"), 0600, NULL), 0);
    conf = parse(text);
    cr_expect(slice_eq_str(secret_expose(conf->upstreams[0].credentials[0].secret), "from-a-file"));
    conf_free(&conf);

    cr_assert_eq(fdio_replace_file(file_path, SLICE_LIT("from-a-file\n"), 0644, NULL), 0);
    cr_expect_eq(conf_parse("c", slice_str(text), test_env, &conf, &why), ERR_CONFIG);
    cr_expect_not_null(strstr(why.text, "c:2:"), "%s", why.text);
}

Test(conf_routes, what_a_probe_asks_follows_from_the_upstream)
{
    struct conf *conf =
        parse("upstreams:\n"
              "  a: {url: https://a/v1, protocols: openai_chat, auth: none}\n"
              "  b: {url: https://b/v1, protocols: openai_chat, auth: none, probe: connect}\n"
              "  c: {url: http://127.0.0.1:1, protocols: openai_chat, auth: mock}\n"
              "  d: {url: http://127.0.0.1:1, protocols: openai_chat, auth: mock, probe: models}\n"
              "models: {m: {price: free, routes: [{upstream: a}]}}\n");

    cr_expect_eq(conf->upstreams[0].record.probe, PROBE_MODELS);
    cr_expect_eq(conf->upstreams[1].record.probe, PROBE_CONNECT);
    cr_expect_eq(conf->upstreams[2].record.probe, PROBE_NONE);
    cr_expect_eq(conf->upstreams[3].record.probe, PROBE_MODELS);
    cr_expect_neq(conf->upstreams[0].record.family, conf->upstreams[1].record.family);
    conf_free(&conf);
}

/* The words of a choice are the enum's, and in its order. */
Test(conf_routes, words_become_what_they_stand_for)
{
    static const char *const policies[ROUTE_N_POLICIES] = ROUTE_POLICY_NAMES;
    static const char *const probes[] = PROBE_KIND_NAMES;
    static const char *const causes[] = FALLBACK_CAUSE_NAMES;
    char text[512];

    for (uint8_t i = 0; i < ROUTE_N_POLICIES; i++) {
        snprintf(text, sizeof(text),
                 BROKEN_MODEL("  m: {price: free, policy: %s, routes: [{upstream: up}]}\n"),
                 policies[i]);
        struct conf *conf = parse(text);

        cr_expect_eq(conf->models[0].record.policy, i, "%s", policies[i]);
        conf_free(&conf);
    }
    for (uint8_t i = 0; i < N_OF(probes); i++) {
        snprintf(text, sizeof(text),
                 BROKEN_UP("url: https://a/, protocols: openai_chat, auth: none, probe: %s"),
                 probes[i]);
        struct conf *conf = parse(text);

        cr_expect_eq(conf->upstreams[0].record.probe, i, "%s", probes[i]);
        conf_free(&conf);
    }
    for (uint8_t i = 0; i < N_OF(causes); i++) {
        snprintf(text, sizeof(text),
                 BROKEN_MODEL("  m: {price: free, fallback_on: %s, routes: [{upstream: up}]}\n"),
                 causes[i]);
        struct conf *conf = parse(text);

        cr_expect_eq(conf->models[0].record.fallback_on, 1u << i, "%s", causes[i]);
        conf_free(&conf);
    }
}

Test(conf_routes, how_routes_fail_and_heal_has_defaults_and_can_be_said)
{
    struct conf *conf = parse(BROKEN_PROLOGUE);
    const struct routing_settings expected = {
        .max_attempts = 3,
        .retry_percent = 20,
        .retry_min = 10,
        .fails_uncertain = 1,
        .breaker_failures = 5,
        .breaker_percent = 50,
        .breaker_calls = 20,
        .probes_per_minute = 60,
        .open_us = 5000000,
        .open_max_us = 300000000,
        .hedge_min_us = 1000000,
        .affinity_ttl_us = 600000000,
    };

    cr_expect_eq(memcmp(&conf->routing, &expected, sizeof(expected)), 0);
    cr_expect_eq(conf->max_requests, 0);
    cr_expect_eq(conf->shed_delay_us, 250000);
    cr_expect_eq(conf->models[0].record.policy, ROUTE_BALANCED);
    cr_expect_eq(conf->models[0].record.fallback_on, FALLBACK_OUTAGE | FALLBACK_OVERLOAD);
    cr_expect_eq(conf->models[0].record.n_fallbacks, 0);
    cr_expect_eq(conf->models[0].record.may_hedge, 1);
    cr_expect_eq(conf->models[0].routes[0].is_disabled, 0);
    cr_expect_eq(conf->models[0].routes[0].max_concurrent, 0);
    conf_free(&conf);

    conf = parse("failover: {uncertain: false, attempts: 4}\n"
                 "health: {breaker_failures: 0}\n"
                 "hedge: {percent: 20}\n" BROKEN_MODEL(
                     "  m: {price: free, hedge: false, fallback: [late, n], fallback_on: [],\n"
                     "      routes: [{upstream: up, max_concurrent: 7, disabled: true}]}\n"
                     "  n: {price: free, routes: [{upstream: up}]}\n"
                     "  late: {price: free, routes: [{upstream: up}]}\n"));
    cr_expect_eq(conf->routing.fails_uncertain, 0);
    cr_expect_eq(conf->routing.max_attempts, 4);
    cr_expect_eq(conf->routing.breaker_failures, 0);
    cr_expect_eq(conf->routing.hedge_percent, 20);
    cr_expect_eq(conf->models[0].record.may_hedge, 0);
    cr_expect_eq(conf->models[0].record.n_fallbacks, 2);
    cr_expect_str_eq(conf->models[0].fallbacks[0], "late");
    cr_expect_eq(conf->models[0].record.fallback_on, 0);
    cr_expect_eq(conf->models[0].routes[0].is_disabled, 1);
    cr_expect_eq(conf->models[0].routes[0].max_concurrent, 7);
    conf_free(&conf);
}

Test(conf_routes, a_model_stands_in_for_another_whatever_its_upstreams_speak)
{
    struct conf *conf =
        parse("upstreams:\n"
              "  a: {url: https://a/v1, protocols: openai_chat, auth: none}\n"
              "  b: {url: https://b/v1, protocols: anthropic_messages, auth: none}\n"
              "  c: {url: https://c/v1beta, protocols: gemini, auth: none}\n"
              "models:\n"
              "  m: {price: free, fallback: [n, o], routes: [{upstream: a}]}\n"
              "  n: {price: free, fallback: [m], routes: [{upstream: b}]}\n"
              "  o: {price: free, routes: [{upstream: c}]}\n");

    cr_expect_eq(conf->models[0].record.n_fallbacks, 2);
    cr_expect_eq(conf->models[1].record.n_fallbacks, 1);
    cr_expect_eq(conf->upstreams[2].record.protocols, PROTOCOL_BIT(PROTOCOL_GEMINI));
    cr_expect_eq(conf->upstreams[2].record.probe, PROBE_MODELS);
    conf_free(&conf);
}

Test(conf_routes, the_words_for_protocols_are_in_the_order_of_the_bits)
{
    static const char *const words[] = {"openai_chat", "openai_responses", "anthropic_messages",
                                        "gemini", "[gemini, openai_chat]"};
    static const uint32_t expected[] = {
        PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT), PROTOCOL_BIT(PROTOCOL_OPENAI_RESPONSES),
        PROTOCOL_BIT(PROTOCOL_ANTHROPIC_MESSAGES), PROTOCOL_BIT(PROTOCOL_GEMINI),
        PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT) | PROTOCOL_BIT(PROTOCOL_GEMINI)};
    char text[512];

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        snprintf(text, sizeof text,
                 "upstreams: {up: {url: https://a/, protocols: %s, auth: none}}\n"
                 "models: {m: {price: free, routes: [{upstream: up}]}}\n",
                 words[i]);

        struct conf *conf = parse(text);

        cr_expect_eq(conf->upstreams[0].record.protocols, expected[i], "%s", words[i]);
        conf_free(&conf);
    }
}

Test(conf_routes, a_model_has_up_to_128_routes)
{
    static char text[16384];
    size_t at =
        (size_t)snprintf(text, sizeof(text), BROKEN_MODEL("  m:\n    price: free\n    routes:\n"));
    struct conf *conf = NULL;
    struct errmsg why;

    for (int i = 0; i < LIMIT_MODEL_ROUTES; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               "      - {upstream: up, model: m%d, tier: %d}\n", i, i % 16);
    conf = parse(text);
    cr_expect_eq(conf->models[0].record.n_routes, LIMIT_MODEL_ROUTES);
    cr_expect_str_eq(conf->models[0].routes[127].upstream_model, "m127");
    conf_free(&conf);

    snprintf(text + at, sizeof(text) - at, "      - {upstream: up, model: more}\n");
    cr_expect_eq(conf_parse("c", slice_str(text), test_env, &conf, &why), ERR_CONFIG);
    cr_expect_not_null(strstr(why.text, "129 routes are more than 128"), "%s", why.text);
}

/* A short total_timeout shortens the deadline that nobody spoke of, and what is shown reads back.
 */
Test(conf_routes, the_first_token_is_never_waited_for_longer_than_the_whole)
{
    struct conf *conf =
        parse(BROKEN_UP("url: https://a/, protocols: openai_chat, auth: none, "
                        "total_timeout: 2s") "upstream_defaults: {first_token_timeout: "
                                             "7s, total_timeout: 7s}\n");

    cr_expect_eq(conf->upstreams[0].record.first_token_timeout_us, 2000000);
    cr_expect_eq(conf->first_token_timeout_us, 7000000);
    conf_free(&conf);
    conf = parse(BROKEN_PROLOGUE "upstream_defaults: {total_timeout: 9s}\n");
    cr_expect_eq(conf->first_token_timeout_us, 9000000);
    cr_expect_eq(conf->upstreams[0].record.first_token_timeout_us, 9000000);
    conf_free(&conf);
}

/* ---- what models take, whose server an upstream is ---- */

#define ONE_MODEL "models: {m: {price: free, routes: [{upstream: a}]}}\n"
#define UP(rest)  "upstreams: {a: {protocols: openai_chat, " rest "}}\n" ONE_MODEL

Test(conf_routes, rows_of_capabilities_keep_what_was_said_and_what_was_not)
{
    struct conf *conf = parse("capabilities:\n"
                              "  - {models: new-, like: gpt-5, lacks: [stop, images], adds: []}\n"
                              "  - {models: bare, thinking: gemini_level, accepts: [],\n"
                              "     max_output_tokens: 0}\n" UP("url: https://a/v1, auth: none"));
    const struct capability_row *rows = conf->capabilities;

    cr_assert_eq(conf->n_capabilities, 2);
    cr_expect_str_eq(rows[0].models, "new-");
    cr_expect_str_eq(rows[0].like, "gpt-5");
    cr_expect_str_eq(rows[0].thinking, "");
    cr_expect_eq(rows[0].accepts, CAPABILITY_UNSAID_FLAGS);
    cr_expect_eq(rows[0].adds, 0);
    cr_expect_eq(rows[0].lacks, (uint32_t)(CAP_STOP | CAP_IMAGES));
    cr_expect_eq(rows[0].max_output_tokens, CAPABILITY_UNSAID_TOKENS);
    cr_expect_str_eq(rows[1].thinking, "gemini_level");
    cr_expect_eq(rows[1].accepts, 0);
    cr_expect_eq(rows[1].adds, CAPABILITY_UNSAID_FLAGS);
    cr_expect_eq(rows[1].max_output_tokens, 0);
    conf_free(&conf);
}

Test(conf_routes, a_flavor_follows_from_the_host_unless_it_is_said)
{
    static const struct {
        const char *text;
        enum upstream_flavor flavor;
    } rows[] = {
        {UP("url: https://api.openai.com/v1, auth: none"), FLAVOR_OPENAI},
        {UP("url: https://eu.api.openai.com/v1, auth: none"), FLAVOR_OPENAI},
        {UP("url: https://api.openai.com.example/v1, auth: none"), FLAVOR_COMPATIBLE},
        {UP("url: https://r.openai.azure.com/openai/v1, auth: none"), FLAVOR_AZURE},
        {UP("url: https://r.services.ai.azure.com/openai/v1, auth: none"), FLAVOR_AZURE},
        {UP("url: https://api.openai.com/v1, auth: none, flavor: vllm"), FLAVOR_VLLM},
        {UP("url: \"http://127.0.0.1:11434/v1\", auth: none, flavor: ollama"), FLAVOR_OLLAMA},
        {UP("url: \"http://127.0.0.1:1/v1\", auth: none, flavor: openai"), FLAVOR_OPENAI},
    };

    for (size_t i = 0; i < N_OF(rows); i++) {
        struct conf *conf = parse(rows[i].text);

        cr_expect_eq(conf->upstreams[0].record.flavor, rows[i].flavor, "%s", rows[i].text);
        conf_free(&conf);
    }
}

Test(conf_routes, azures_older_form_has_deployments_and_its_newer_one_none)
{
    struct conf *conf =
        parse(UP("url: https://r.openai.azure.com/openai, auth: bearer, key_env: SET, "
                 "api_version: 2024-10-21"));
    const struct upstream_record *record = &conf->upstreams[0].record;

    cr_expect(record->has_deployments && record->is_bearer);
    cr_expect_str_eq(record->api_version, "2024-10-21");
    cr_expect_not_null(conf->upstreams[0].credentials[0].secret);
    conf_free(&conf);

    conf = parse(UP("url: https://gate.example/openai/v1, key_env: SET, flavor: azure"));
    record = &conf->upstreams[0].record;
    cr_expect(!record->has_deployments && !record->is_bearer);
    cr_expect_str_eq(record->api_version, "");
    conf_free(&conf);
}
