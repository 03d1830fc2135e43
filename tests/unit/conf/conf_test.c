/* SPDX-License-Identifier: ISC
 *
 * Tests of conf: what is refused, and where it says the fault is; what a good config becomes.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_text.h"
#include "relayos/base/fdio.h"
#include "relayos/conf/conf.h"

#define BROKEN_DIGEST    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BROKEN_KEY(rest) "keys:\n  - {name: k, owner: o, digest: " BROKEN_DIGEST rest "}\n"

struct broken {
    const char *name;
    const char *text;
    const char *where;
    const char *words;
};

static const struct broken broken[] = {
#include "broken.def"
};

static const struct broken broken_keys[] = {
#include "broken_keys.def"
};

static char keys_path[64];

static void
setup(void)
{
    snprintf(keys_path, sizeof(keys_path), "/tmp/conf_test.%d.yaml", (int)getpid());
}

static void
teardown(void)
{
    unlink(keys_path);
}

TestSuite(conf, .init = setup, .fini = teardown);

static const char *
test_env(const char *name)
{
    if (strcmp(name, "SET") == 0 || strcmp(name, "SET2") == 0 || name[0] == 'V')
        return "provider-key";
    if (strcmp(name, "CRLF") == 0)
        return "provider-key\r\nX-Evil: 1";
    return NULL;
}

static const char *
full_env(const char *name)
{
    return strcmp(name, "RELAYOS_PORT") == 0 ? "9090" : "provider-key";
}

static const char *
empty_env(const char *name)
{
    (void)name;
    return NULL;
}

static struct conf *
parse(const char *text, conf_getenv *env)
{
    struct conf *conf = NULL;
    struct errmsg why;

    cr_assert_eq(conf_parse("test.yaml", slice_str(text), env, &conf, &why), 0, "%s", why.text);
    return conf;
}

static void
assert_refused(const struct broken *b, const char *file, const char *text)
{
    struct conf *conf = NULL;
    struct errmsg why = {"(nothing said)"};
    char where[128];

    snprintf(where, sizeof(where), "%s:%s", file, b->where);
    cr_expect_eq(conf_parse("test.yaml", slice_str(text), test_env, &conf, &why), ERR_CONFIG,
                 "%s was taken", b->name);
    cr_expect_null(conf, "%s", b->name);
    cr_expect_eq(strncmp(why.text, where, strlen(where)), 0, "%s: expected %s, got %s", b->name,
                 where, why.text);
    cr_expect_not_null(strstr(why.text, b->words), "%s: expected '%s' in %s", b->name, b->words,
                       why.text);
}

Test(conf, each_broken_config_is_refused_at_its_line_and_column)
{
    static char text[8192];

    for (size_t i = 0; i < N_OF(broken); i++) {
        bool is_added = broken[i].text[0] == '+';

        snprintf(text, sizeof(text), "%s%s", is_added ? BROKEN_PROLOGUE : "",
                 broken[i].text + is_added);
        assert_refused(&broken[i], "test.yaml", text);
    }
}

Test(conf, each_broken_keys_file_is_refused_at_its_line_and_column)
{
    char text[1024];

    snprintf(text, sizeof(text), BROKEN_PROLOGUE "keys_file: %s\n", keys_path);
    for (size_t i = 0; i < N_OF(broken_keys); i++) {
        cr_assert_eq(fdio_replace_file(keys_path, slice_str(broken_keys[i].text), 0600, NULL), 0);
        assert_refused(&broken_keys[i], keys_path, text);
    }
}

Test(conf, a_config_cut_anywhere_is_refused_or_whole)
{
    static const char text[] = BROKEN_PROLOGUE "workers: 2\nlog: {level: warn}\n";

    for (size_t len = 0; len < sizeof(text); len++) {
        struct conf *conf = NULL;
        struct errmsg why = {""};
        int err = conf_parse("cut", slice_of(text, len), test_env, &conf, &why);

        cr_assert(err == 0 || err == ERR_CONFIG);
        cr_assert_eq(err == 0, conf != NULL);
        cr_assert_eq(err == 0, why.text[0] == '\0', "%s", why.text);
        conf_free(&conf);
    }
}

Test(conf, a_missing_file_says_which)
{
    struct conf *conf = NULL;
    struct errmsg why;

    cr_assert_eq(conf_load("/nonexistent.yaml", NULL, &conf, &why), ERR_IO);
    cr_assert_str_eq(why.text, "/nonexistent.yaml: No such file or directory");

    int err = conf_parse("c", slice_str(BROKEN_PROLOGUE "keys_file: /nonexistent.keys\n"), test_env,
                         &conf, &why);

    cr_assert_eq(err, ERR_IO);
    cr_assert_str_eq(why.text, "/nonexistent.keys: No such file or directory");
}

Test(conf, defaults_hold_where_nothing_is_said)
{
    struct conf *conf = parse(BROKEN_PROLOGUE, test_env);

    cr_assert_str_eq(conf->file, "test.yaml");
    cr_assert_eq(strlen(conf->text_sha256), 64);
    cr_assert_eq(conf->n_listeners, 1);
    cr_assert_str_eq(conf->listeners[0].host, "127.0.0.1");
    cr_assert_eq(conf->listeners[0].port, 8080);
    cr_assert_str_eq(conf->public_url, "http://127.0.0.1:8080");
    cr_assert_str_eq(conf->pid_file, "/run/relayos/relayosd.pid");
    cr_assert_str_eq(conf->environment, "prod");
    cr_assert_eq(conf->max_body_bytes, 32 << 20);
    cr_assert_eq(conf->settle_interval_us, 100000);
    cr_assert_eq(conf->upstreams[0].record.first_byte_timeout_us, INT64_C(300000000));
    cr_assert_str_eq(conf->models[0].record.display_name, "m");
    cr_assert_eq(conf->n_keys, 0);
    conf_free(&conf);
    cr_assert_null(conf);
}

Test(conf, the_console_listens_unless_it_is_off)
{
    struct conf *conf = parse(BROKEN_PROLOGUE, test_env);
    char url[CONF_PATH_SIZE];

    cr_assert_str_eq(conf->console.host, "127.0.0.1");
    cr_assert_eq(conf->console.port, 8081);
    conf_console_url(&conf->console, 8081, url, sizeof(url));
    cr_assert_str_eq(url, "http://127.0.0.1:8081");
    conf_free(&conf);

    conf = parse("console: {listen: off}\n" BROKEN_PROLOGUE, test_env);
    cr_assert_str_eq(conf->console.host, "");
    cr_assert_str_eq(conf->console.text, "off");
    conf_free(&conf);
    conf = parse(
        "console: {listen: {address: \"unix:/run/c.sock\", mode: 0600},\n"
        "          public_url: \"https://c.example\", trusted_proxies: local}\n" BROKEN_PROLOGUE,
        test_env);
    cr_assert_str_eq(conf->console.host, "/run/c.sock");
    cr_assert_eq(conf->console.mode, 0600);
    cr_assert(conf->console_proxies.has_local);
    conf_free(&conf);
    conf = parse("console: {listen: \"[::1]:9\"}\n" BROKEN_PROLOGUE, test_env);
    conf_console_url(&conf->console, 9, url, sizeof(url));
    cr_assert_str_eq(url, "http://[::1]:9");
    conf_free(&conf);
}

Test(conf, an_upstream_is_taken_apart_into_its_record)
{
    struct conf *conf =
        parse("upstream_defaults: {idle_timeout: 7s}\n"
              "upstreams:\n"
              "  a: {url: \"https://API.Example.com/v1/\", protocols: [openai_chat, "
              "anthropic_messages], key_env: SET, connect_timeout: 1s}\n"
              "  b: {url: \"https://api.example.com:443\", protocols: openai_chat, auth: none}\n"
              "  c: {url: \"http://[::1]:81/x/y\", protocols: openai_chat, auth: mock}\n"
              "models: {m: {price: free, routes: [{upstream: c, model: other, tier: 1}]}}\n",
              test_env);
    const struct conf_upstream *a = &conf->upstreams[0], *b = &conf->upstreams[1],
                               *c = &conf->upstreams[2];

    cr_assert_str_eq(a->record.host, "api.example.com");
    cr_assert_str_eq(a->record.path, "/v1");
    cr_assert_eq(a->record.port, 443);
    cr_assert(a->record.is_tls);
    cr_assert_eq(a->record.protocols,
                 PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT) | PROTOCOL_BIT(PROTOCOL_ANTHROPIC_MESSAGES));
    cr_assert(slice_eq_str(secret_expose(a->credentials[0].secret), "provider-key"));
    cr_assert_eq(a->record.connect_timeout_us, 1000000);
    cr_assert_eq(a->record.idle_timeout_us, 7000000);
    cr_assert_eq(a->record.origin_hash, b->record.origin_hash, "one origin, one pool");
    cr_assert_str_eq(b->record.path, "");
    cr_assert_eq(b->n_credentials, 1);
    cr_assert_null(b->credentials[0].secret);
    cr_assert_str_eq(c->record.host, "::1");
    cr_assert_eq(c->record.port, 81);
    cr_assert_str_eq(c->record.path, "/x/y");
    cr_assert(c->record.is_mock && !c->record.is_tls);
    cr_assert_neq(c->record.origin_hash, b->record.origin_hash);
    cr_assert_eq(conf->models[0].routes[0].upstream_id, 2);
    cr_assert_str_eq(conf->models[0].routes[0].upstream_model, "other");
    cr_assert_eq(conf->models[0].routes[0].tier, 1);
    cr_assert_neq(conf->models[0].routes[0].id, 0);
    conf_free(&conf);
}

Test(conf, buckets_without_a_price_have_that_of_what_they_are_part_of)
{
    struct conf *conf = parse(
        BROKEN_MODEL("  m:\n"
                     "    price: {input: 3.00, output: 15, cache_write_5m: 3.75, request: 0.01}\n"
                     "    routes: [{upstream: up}, {upstream: up, model: x, cost: free}]\n"),
        test_env);
    const struct model_record *m = &conf->models[0].record;
    const struct route_record *routes = conf->models[0].routes;

    cr_assert_eq(m->price.nusd[USAGE_INPUT], INT64_C(3000000000));
    cr_assert_eq(m->price.nusd[USAGE_CACHE_READ], INT64_C(3000000000));
    cr_assert_eq(m->price.nusd[USAGE_CACHE_WRITE_1H], INT64_C(3750000000));
    cr_assert_eq(m->price.nusd[USAGE_OUTPUT_IMAGE], INT64_C(15000000000));
    cr_assert_eq(m->price.nusd[USAGE_REQUEST], 10000000);
    cr_assert_eq(m->price.nusd[USAGE_SERVER_TOOL], 0);
    cr_assert_not(m->price.is_free);
    cr_assert_eq(memcmp(&routes[0].cost, &m->price, sizeof(m->price)), 0);
    cr_assert(routes[1].cost.is_free);
    cr_assert_eq(routes[1].cost.nusd[USAGE_INPUT], 0);
    cr_assert_neq(routes[0].id, routes[1].id);
    conf_free(&conf);
}

Test(conf, a_tier_leaves_no_bucket_unpriced_either)
{
    struct conf *conf = parse(
        BROKEN_PRICE("input: 1, output: 2, request: 0.5, tiers: [{above: 9, input: 3, output: 4}]"),
        test_env);
    const struct price *price = &conf->models[0].record.price;

    cr_assert_eq(price->n_tiers, 1);
    cr_assert_eq(price->tiers[0].above, 9);
    cr_assert_eq(price->tiers[0].nusd[USAGE_CACHE_WRITE_1H], INT64_C(3000000000));
    cr_assert_eq(price->tiers[0].nusd[PRICE_REASONING], INT64_C(4000000000));
    cr_assert_eq(price->tiers[0].nusd[USAGE_REQUEST], 500000000);
    cr_assert_eq(price->nusd[PRICE_REASONING], INT64_C(2000000000));
    conf_free(&conf);
}

Test(conf, dated_prices_alone_begin_with_the_first_and_costs_follow_them)
{
    struct conf *conf =
        parse(BROKEN_MODEL("  m:\n"
                           "    prices: [{from: 2026-01-01, input: 1, output: 2},\n"
                           "             {from: 2027-01-01, input: 3, output: 4}]\n"
                           "    routes: [{upstream: up}, {upstream: up, model: x, cost: free},\n"
                           "             {upstream: up, model: y,\n"
                           "              costs: [{from: 2026-01-01, input: 5, output: 6}]}]\n"),
              test_env);
    const struct model_record *m = &conf->models[0].record;
    const struct route_record *routes = conf->models[0].routes;

    cr_assert_eq(m->price.nusd[USAGE_INPUT], INT64_C(1000000000));
    cr_assert_eq(m->price_changes[0].from_us, m->price_until_us);
    cr_assert_eq(m->price_changes[0].price.nusd[USAGE_INPUT], INT64_C(3000000000));
    cr_assert_eq(m->price_changes[1].from_us, 0);
    cr_assert_neq(m->price.version, m->price_changes[0].price.version);
    cr_assert_eq(routes[0].cost_until_us, m->price_until_us);
    cr_assert_eq(routes[0].cost.version, m->price.version);
    cr_assert_eq(routes[1].cost_until_us, 0);
    cr_assert(routes[1].cost.is_free);
    cr_assert_eq(routes[2].cost_until_us, 0);
    cr_assert_eq(routes[2].cost.nusd[USAGE_OUTPUT], INT64_C(6000000000));
    conf_free(&conf);
}

Test(conf, declared_keys_become_records)
{
    char text[512];

    cr_assert_eq(
        fdio_replace_file(
            keys_path,
            SLICE_LIT("keys:\n"
                      "  - name: ci-bot\n"
                      "    digest: " BROKEN_DIGEST "\n"
                      "    last4: abcd\n"
                      "    tool: script\n"
                      "    policy: cheapest\n"
                      "    owner: platform\n"
                      "    models: [m]\n"
                      "    quota: {usd: 50, tokens: 1000000, period: total}\n"
                      "    requests_per_minute: 60\n"
                      "    max_concurrent: 4\n"
                      "    expires: 2027-01-01\n"
                      "    disabled: true\n"
                      "  - {name: all, owner: o, digest: f" /* one digit moved */
                      "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}\n"),
            0600, NULL),
        0);
    snprintf(text, sizeof(text), BROKEN_PROLOGUE "keys_file: %s\n", keys_path);

    struct conf *conf = parse(text, test_env);
    const struct key_record *key = &conf->keys[0]->record;

    cr_assert_eq(conf->n_keys, 2);
    cr_assert_str_eq(key->name, "ci-bot");
    cr_assert_eq(key->digest[1], 0x23);
    cr_assert_str_eq(key->last4, "abcd");
    cr_assert_eq(key->tool, KEY_TOOL_SCRIPT);
    cr_assert_eq(key->source, KEY_SOURCE_FILE);
    cr_assert_eq(key->policy, ROUTE_CHEAPEST + 1);
    cr_assert_eq(key->flags, KEY_DISABLED);
    cr_assert_eq(key->n_models, 1);
    cr_assert_str_eq(key->models[0], "m");
    cr_assert_eq(key->n_limits, 2);
    cr_assert_eq(key->limits[0].unit, LIMIT_UNIT_NUSD);
    cr_assert_eq(key->limits[0].amount, INT64_C(50000000000));
    cr_assert_eq(key->limits[1].period, LIMIT_PERIOD_TOTAL);
    cr_assert_eq(key->requests_per_minute, 60);
    cr_assert_eq(key->expires_us, INT64_C(1798761600000000));
    cr_assert_eq(conf->keys[1]->record.flags, KEY_ALL_MODELS);
    cr_assert_eq(conf->keys[1]->record.tool, KEY_TOOL_OTHER);
    cr_assert_eq(conf->keys[1]->record.policy, 0, "as each model says");
    cr_assert_eq(conf->keys[1]->record.n_limits, 0);
    conf_free(&conf);
}

Test(conf, a_key_has_several_quotas_at_once)
{
    static const struct key_limit expected[] = {
        {.unit = LIMIT_UNIT_NUSD, .period = LIMIT_PERIOD_DAY, .amount = INT64_C(5000000000)},
        {.unit = LIMIT_UNIT_TOKENS, .period = LIMIT_PERIOD_WEEK, .amount = 2000000},
        {.unit = LIMIT_UNIT_NUSD,
         .period = LIMIT_PERIOD_MONTH,
         .is_shadow = 1,
         .amount = INT64_C(10000000000),
         .model = "m"},
        {.unit = LIMIT_UNIT_NUSD, .period = LIMIT_PERIOD_MONTH, .amount = INT64_C(50000000000)},
    };
    char text[512];

    cr_assert_eq(
        fdio_replace_file(
            keys_path,
            SLICE_LIT(BROKEN_KEY(", strict: true, quota: {usd: 50}, quotas: [{usd: 5, period: day},"
                                 " {tokens: 2000000, period: week},"
                                 " {usd: 10, period: month, model: m, shadow: true}]")),
            0600, NULL),
        0);
    snprintf(text, sizeof(text), BROKEN_PROLOGUE "keys_file: %s\n", keys_path);

    struct conf *a = parse(text, test_env);
    const struct key_record *key = &a->keys[0]->record;

    cr_assert_eq(key->n_limits, 4);
    cr_expect_eq(memcmp(key->limits, expected, sizeof(expected)), 0);
    cr_expect_eq(key->flags, KEY_ALL_MODELS | KEY_STRICT);

    /* What a reload says of a change. */
    cr_assert_eq(fdio_replace_file(keys_path,
                                   SLICE_LIT(BROKEN_KEY(", quotas: [{usd: 6.5, period: day},"
                                                        " {tokens: 9, model: m, shadow: true}]")),
                                   0600, NULL),
                 0);
    struct conf *b = parse(text, test_env);
    struct buf diff;
    size_t n_restart;

    buf_init(&diff, 1 << 16);
    cr_expect_eq(conf_diff(a, b, &diff, &n_restart), 2);
    buf_append_byte(&diff, '\0');
    cr_expect_not_null(strstr(diff.ptr, "-> [{usd: 6.50, period: day}, {tokens: 9, period: month, "
                                        "model: m, shadow: true}]"),
                       "%s", diff.ptr);
    buf_fini(&diff);
    conf_free(&a);
    conf_free(&b);
}

Test(conf, the_zone_of_quotas_is_checked)
{
    struct conf *conf = parse(BROKEN_PROLOGUE "quota_zone: CET-1CEST,M3.5.0,M10.5.0/3\n", test_env);
    struct errmsg why;

    cr_expect_str_eq(conf->quota_zone, "CET-1CEST,M3.5.0,M10.5.0/3");
    conf_free(&conf);
    conf = parse(BROKEN_PROLOGUE, test_env);
    cr_expect_str_eq(conf->quota_zone, "UTC");
    conf_free(&conf);
    cr_expect_eq(conf_parse("c", SLICE_LIT(BROKEN_PROLOGUE "quota_zone: Mars/Olympus\n"), test_env,
                            &conf, &why),
                 ERR_CONFIG);
    cr_expect_not_null(strstr(why.text, "no time zone 'Mars/Olympus'"), "%s", why.text);
}

Test(conf, a_digest_alike_names_its_twin_and_a_name_alike_too)
{
    char text[512];
    struct conf *conf = NULL;
    struct errmsg why;

    cr_assert_eq(fdio_replace_file(
                     keys_path,
                     SLICE_LIT(BROKEN_KEY("") "  - {name: k, owner: o, digest: "
                                              "f123456789abcdef0123456789abcdef0123456789abcdef"
                                              "0123456789abcdef}\n"),
                     0600, NULL),
                 0);
    snprintf(text, sizeof(text), BROKEN_PROLOGUE "keys_file: %s\n", keys_path);
    cr_assert_eq(conf_parse("c", slice_str(text), test_env, &conf, &why), ERR_CONFIG);
    cr_assert_not_null(strstr(why.text, ":3:5: the name 'k' stands in line 2"), "%s", why.text);
}

Test(conf, the_built_in_default_works_with_all_keys_and_with_none)
{
    conf_getenv *const envs[] = {full_env, empty_env};

    for (int i = 0; i < 2; i++) {
        struct buf text;
        bool uses_mock;

        buf_init(&text, 1 << 16);
        cr_assert_eq(conf_write_default(envs[i], "http://127.0.0.1:9", &text, &uses_mock, NULL), 0);
        buf_append_byte(&text, '\0');
        cr_assert_eq(uses_mock, i == 1);

        struct conf *conf = parse(text.ptr, envs[i]);

        cr_expect_eq(conf->listeners[0].port, i == 0 ? 9090 : 8080);
        cr_expect_eq(conf->console.port, i == 0 ? 9091 : 8081);
        cr_assert_eq(conf->n_models, 4);
        cr_assert_eq(conf->n_upstreams, 3);
        for (size_t n = 0; n < conf->n_upstreams; n++) {
            cr_assert_eq(conf->upstreams[n].record.is_mock, i == 1);
            cr_assert_eq(conf->upstreams[n].record.is_tls, i == 0);
            cr_assert_not_null(conf->upstreams[n].credentials[0].secret);
        }
        cr_expect_eq(conf->upstreams[2].record.protocols, PROTOCOL_BIT(PROTOCOL_GEMINI));
        cr_expect_not_null(strstr(conf->upstreams[2].record.path, "/v1beta"));
        conf_free(&conf);
        buf_fini(&text);
    }
}

static const char *default_port;

static const char *
port_env(const char *name)
{
    return strcmp(name, "RELAYOS_PORT") == 0 ? default_port : NULL;
}

Test(conf, the_port_of_the_built_in_default_leaves_the_console_the_next_one)
{
    static const char *const broken_ports[] = {"0", "65535", "65536", "-1", "80\"80", "80 ", "x"};
    static const char *const ports[] = {"1", "65534", "9090"};
    struct errmsg why;
    struct buf text;
    bool uses_mock;

    buf_init(&text, 1 << 16);
    for (size_t i = 0; i < N_OF(broken_ports); i++) {
        char words[64];

        default_port = broken_ports[i];
        snprintf(words, sizeof(words), "1 to 65534, not '%s'", default_port);
        cr_expect_eq(conf_write_default(port_env, "http://127.0.0.1:9", &text, &uses_mock, &why),
                     ERR_CONFIG, "%s", default_port);
        cr_expect_not_null(strstr(why.text, words), "%s", why.text);
        cr_expect_not_null(strstr(why.text, "RELAYOS_PORT"), "%s", why.text);
    }
    for (size_t i = 0; i < N_OF(ports); i++) {
        default_port = ports[i];
        buf_clear(&text);
        cr_assert_eq(conf_write_default(port_env, "http://127.0.0.1:9", &text, &uses_mock, &why), 0,
                     "%s", default_port);
        buf_append_byte(&text, '\0');
        struct conf *conf = parse(text.ptr, port_env);

        cr_expect_eq(conf->listeners[0].port, atoi(default_port));
        cr_expect_eq(conf->console.port, atoi(default_port) + 1);
        conf_free(&conf);
    }
    buf_fini(&text);
}

Test(conf, a_user_that_there_is_not_is_told_at_its_place)
{
    struct conf *conf = parse(BROKEN_PROLOGUE "user: no-such-user\n", test_env);
    struct errmsg why = {.text = ""};

    if (geteuid() != 0) {
        cr_expect_eq(conf_check_user(conf, &why), 0, "we shall stay who we are");
    } else {
        cr_expect_eq(conf_check_user(conf, &why), ERR_CONFIG);
        cr_expect_str_eq(why.text, "test.yaml:7:7: 'user': there is no user no-such-user");
    }
    conf_free(&conf);
    conf = parse(BROKEN_PROLOGUE "user: root\n", test_env);
    cr_expect_eq(conf_check_user(conf, &why), 0);
    conf_free(&conf);
}
