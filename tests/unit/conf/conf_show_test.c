/* SPDX-License-Identifier: ISC
 *
 * Tests of conf_show and conf_diff: what is shown reads back the same; what differs is named.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relayos/conf/conf.h"

static const char *fresh = "fresh-canary";

static const char *
test_env(const char *name)
{
    if (strcmp(name, "FRESH") == 0)
        return fresh;
    return strcmp(name, "OTHER") == 0 ? "other-canary" : "canary-credential";
}

static struct conf *
parse(const char *text)
{
    struct conf *conf = NULL;
    struct errmsg why;

    cr_assert_eq(conf_parse("test.yaml", slice_str(text), test_env, &conf, &why), 0, "%s\n%s",
                 why.text, text);
    return conf;
}

#define UPSTREAMS                                                                                  \
    "upstreams:\n"                                                                                 \
    "  a: {url: https://a.example.com/v1, protocols: openai_chat, key_env: KEY}\n"                 \
    "  b: {url: https://b.example.com/v1, protocols: anthropic_messages, auth: none}\n"            \
    "  c: {url: https://c.example.com/v1, protocols: [openai_chat, openai_responses],\n"           \
    "      keys: [{name: one, env: KEY}, {name: two, env: OTHER}], family: a, probe: connect,\n"   \
    "      total_timeout: 2s}\n"

static const char before[] = UPSTREAMS
    "environment: dev\n"
    "console: {listen: off, oidc: {issuer: \"https://id.example/\", client_id: a b,\n"
    "    secret_env: KEY, scopes: openid groups}, public_url: \"https://c.example\"}\n"
    "capabilities: [{models: \"odd:\", like: gpt-5, adds: [stop, images]},\n"
    "    {models: x, thinking: budget, accepts: [], max_output_tokens: 9}]\n"
    "alerts: {url: \"https://a.example/x\", secret_env: KEY, kinds: [disk_low, model_down]}\n"
    "otlp: {endpoint: \"http://127.0.0.1:4318\", sample: 5, upstreams: true}\n"
    "failover: {uncertain: false, retry_min: 3}\n"
    "fetch: {allow: [10.0.0.0/8, \"fd00::/8\"], deny: 10.1.2.3}\n"
    "health: {breaker_failures: 0, open_time: 1s}\n"
    "hedge: {percent: 5}\n"
    "listen: [127.0.0.1:1, \"[::1]:2\"]\n"
    "workers: 2\n"
    "models:\n"
    "  \"odd:name/#1\":\n"
    "    display_name: \"Odd: \\\"quoted\\\" \\\\ name \"\n"
    "    price: {input: 3.00, output: 15.00, cache_read: 0.075}\n"
    "    policy: ordered\n"
    "    fallback: [tiered, free-one]\n"
    "    fallback_on: [refusal, outage]\n"
    "    hedge: false\n"
    "    routes: [{upstream: a, cost: {input: 1, output: 2}},\n"
    "             {upstream: b, model: x, disabled: true, max_concurrent: 9}]\n"
    "  free-one: {price: free, routes: [{upstream: b}]}\n"
    "  tiered:\n"
    "    price: {input: 1, output: 2, reasoning: 3, factors: {flex: 0.125},\n"
    "            tiers: [{above: 10, input: 2, output: 3, reasoning: 0.5}]}\n"
    "    prices: [{from: 2027-01-01T12:00:00Z, input: 4, output: 5, tiers: "
    "[{above: 1, input: 5, output: 6}]}, {from: 2028-01-01, input: 0, output: 0}]\n"
    "    routes: [{upstream: a}, {upstream: b, costs: [{from: 2027-01-01, input: 1, "
    "output: 1, factors: {batch: 1, priority: 2.5}}]}]\n";

static const char after[] =
    "upstreams:\n"
    "  a: {url: https://a.example.com/v1, protocols: openai_chat, key_env: OTHER}\n"
    "  c: {url: https://c.example.com/v1, protocols: [openai_chat, openai_responses],\n"
    "      keys: [{name: two, env: OTHER}, {name: three, env: KEY}], family: a, probe: connect,\n"
    "      total_timeout: 2s}\n"
    "  d: {url: https://b.example.com/v1, protocols: anthropic_messages, auth: none}\n"
    "environment: dev\n"
    "console: {listen: off, oidc: {issuer: \"https://id.example/\", client_id: a b,\n"
    "    secret_env: KEY, scopes: openid groups}, public_url: \"https://c.example\"}\n"
    "alerts: {url: \"https://a.example/x\", secret_env: KEY, kinds: [disk_low, model_down]}\n"
    "otlp: {endpoint: \"http://127.0.0.1:4318\", sample: 5, upstreams: true}\n"
    "failover: {uncertain: false, retry_min: 3}\n"
    "fetch: {allow: [10.0.0.0/8, \"fd00::/8\"], deny: 10.1.2.3}\n"
    "health: {breaker_failures: 7, open_time: 1s}\n"
    "hedge: {percent: 5}\n"
    "listen: [127.0.0.1:1, \"[::1]:2\"]\n"
    "workers: 4\n"
    "models:\n"
    "  \"odd:name/#1\":\n"
    "    display_name: \"Odd: \\\"quoted\\\" \\\\ name \"\n"
    "    price: {input: 2.50, output: 15.00, cache_read: 0.075}\n"
    "    policy: cheapest\n"
    "    fallback: [new-one]\n"
    "    fallback_on: [outage, refusal]\n"
    "    hedge: false\n"
    "    routes: [{upstream: a, weight: 5, cost: {input: 1, output: 2}}]\n"
    "  new-one: {price: free, routes: [{upstream: d}, {upstream: a}]}\n";

static const char *
diff_of(const struct conf *a, const struct conf *b, size_t *out_n, size_t *out_n_restart)
{
    static struct buf out;

    buf_fini(&out);
    buf_init(&out, 1 << 16);
    *out_n = conf_diff(a, b, &out, out_n_restart);
    buf_append_byte(&out, '\0');
    return out.ptr;
}

/* What is read of what is shown, which is the same. */
static struct conf *
read_back(const struct conf *conf)
{
    struct buf shown;
    size_t n, n_restart;

    buf_init(&shown, 1 << 16);
    conf_show(conf, &shown);
    buf_append_byte(&shown, '\0');

    struct conf *again = parse(shown.ptr);
    const char *diff = diff_of(conf, again, &n, &n_restart);

    cr_assert_eq(n, 0, "%s", diff);
    buf_fini(&shown);
    return again;
}

Test(conf_show, what_is_shown_reads_back_the_same)
{
    struct conf *conf = parse(before), *again = read_back(conf);

    for (size_t i = 0; i < 3; i++) {
        const struct conf_model *x = &conf->models[i], *y = &again->models[i];

        cr_assert_eq(memcmp(&x->record, &y->record, sizeof(x->record)), 0);
        cr_assert_eq(memcmp(x->routes, y->routes, x->record.n_routes * sizeof(*x->routes)), 0);
        cr_assert_eq(memcmp(x->fallbacks, y->fallbacks, sizeof(x->fallbacks)), 0);
    }
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(memcmp(&conf->upstreams[i].record, &again->upstreams[i].record,
                            sizeof(conf->upstreams[i].record)),
                     0);
    cr_assert_eq(memcmp(&conf->routing, &again->routing, sizeof(conf->routing)), 0);
    conf_free(&conf);
    conf_free(&again);
}

Test(conf_show, no_secret_is_shown)
{
    struct conf *conf = parse(before);
    struct buf shown;

    buf_init(&shown, 1 << 16);
    conf_show(conf, &shown);
    buf_append_byte(&shown, '\0');
    cr_assert_null(strstr(shown.ptr, "canary-credential"));
    cr_assert_not_null(strstr(shown.ptr, "(set)"));
    conf_free(&conf);
    buf_fini(&shown);
}

Test(conf_diff, each_change_is_a_line_and_restarts_are_counted)
{
    static const char *const lines[] = {
        "workers: 2 -> 4 (needs a restart)\n",
        "upstreams.a.key_env: KEY -> OTHER\n",
        "upstreams.a: key changed\n",
        "upstreams.b: removed\n",
        "upstreams.d: added\n",
        "upstreams.c.keys: [{name: one, env: KEY}, {name: two, env: OTHER}] -> "
        "[{name: two, env: OTHER}, {name: three, env: KEY}]\n",
        "health.breaker_failures: 0 -> 7\n",
        "models.odd:name/#1.policy: ordered -> cheapest\n",
        "models.odd:name/#1.fallback: [tiered, free-one] -> [new-one]\n",
        "models.odd:name/#1.price.input: 3.00 -> 2.50\n",
        "models.odd:name/#1.routes[a odd:name/#1].weight: 1 -> 5\n",
        "models.odd:name/#1.routes[b x]: removed\n",
        "models.free-one: removed\n",
        "models.new-one: added\n",
    };
    struct conf *a = parse(before), *b = parse(after);
    size_t n, n_restart;
    const char *diff = diff_of(a, b, &n, &n_restart);

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_assert_not_null(strstr(diff, lines[i]), "no '%s' in\n%s", lines[i], diff);
    cr_assert_null(strstr(diff, "canary"));
    cr_assert_eq(n_restart, 1);
    cr_assert_geq(n, sizeof(lines) / sizeof(lines[0]));
    conf_free(&a);
    conf_free(&b);
}

Test(conf_diff, an_upstream_that_speaks_another_protocol_is_a_line)
{
    static const char text[] =
        "upstreams:\n"
        "  g: {url: https://g.example.com/v1beta, protocols: %s, auth: none}\n"
        "models: {m: {price: free, routes: [{upstream: g}]}}\n";
    char texts[2][256];
    size_t n, n_restart;

    snprintf(texts[0], sizeof(texts[0]), text, "[openai_chat, gemini]");
    snprintf(texts[1], sizeof(texts[1]), text, "gemini");

    struct conf *a = parse(texts[0]), *b = parse(texts[1]);

    cr_assert_str_eq(diff_of(a, b, &n, &n_restart),
                     "upstreams.g.protocols: [openai_chat, gemini] -> [gemini]\n");
    cr_assert_eq(n, 1);
    cr_assert_eq(n_restart, 0);
    conf_free(&a);
    conf_free(&b);
}

Test(conf_diff, a_credential_with_other_bytes_is_named_and_not_shown)
{
    static const char text[] = "upstreams:\n"
                               "  c: {url: https://c.example.com/v1, protocols: openai_chat,\n"
                               "      keys: [{name: one, env: KEY}, {name: two, env: FRESH}]}\n"
                               "models: {m: {price: free, routes: [{upstream: c}]}}\n";
    struct conf *a = parse(text), *b;
    size_t n, n_restart;

    fresh = "rotated-canary";
    b = parse(text);
    cr_assert_str_eq(diff_of(a, b, &n, &n_restart), "upstreams.c.keys[two]: key changed\n");
    cr_assert_eq(n, 1);
    cr_assert_eq(n_restart, 0);
    conf_free(&a);
    conf_free(&b);
}

Test(conf_diff, the_same_has_no_difference)
{
    struct conf *a = parse(before), *b = parse(before);
    size_t n, n_restart;

    cr_assert_str_eq(diff_of(a, b, &n, &n_restart), "");
    cr_assert_eq(n + n_restart, 0);
    conf_free(&a);
    conf_free(&b);
}

Test(conf_show, listeners_of_every_kind_read_back_the_same)
{
    static const char listeners[] =
        "listen:\n"
        "  - 127.0.0.1:1\n"
        "  - {address: \"unix:/run/a b.sock\", mode: 0600, owner: root, proxy_protocol: local}\n"
        "  - {address: \"127.0.0.1:2\", proxy_protocol: [10.0.0.0/8, 127.0.0.1]}\n"
        "console: {public_url: \"https://c.example\", listen: {address: \"unix:/run/c d.sock\",\n"
        "          mode: 0600, owner: root, proxy_protocol: local}}\n"
        "trusted_proxies: [local, 10.0.0.0/8]\n" UPSTREAMS
        "models: {m: {price: free, routes: [{upstream: a}]}}\n";
    struct conf *conf = parse(listeners), *again = read_back(conf);

    cr_assert_eq(again->n_listeners, 3);
    cr_expect_str_eq(again->listeners[1].host, "/run/a b.sock");
    cr_expect_eq(again->listeners[1].mode, 0600);
    cr_expect(again->listeners[1].proxies.has_local && again->trusted_proxies.has_local);
    cr_expect_eq(again->listeners[2].proxies.n, 2);
    cr_expect_str_eq(again->console.host, "/run/c d.sock");
    cr_expect(again->console.mode == 0600 && again->console.proxies.has_local);
    conf_free(&conf);
    conf_free(&again);
}

Test(conf_diff, another_address_needs_a_restart_and_what_a_listener_keeps_is_named)
{
    static const char rest[] = UPSTREAMS "models: {m: {price: free, routes: [{upstream: a}]}}\n";
    char first[4096], second[sizeof(first)];
    size_t n, n_restart;

    snprintf(first, sizeof(first),
             "listen: [127.0.0.1:1, 127.0.0.1:2]\nconsole: {listen: 127.0.0.1:9}\n%s", rest);
    snprintf(second, sizeof(second),
             "listen: [{address: \"127.0.0.1:1\", proxy_protocol: 10.0.0.1}, 127.0.0.1:3]\n"
             "console: {listen: {address: \"127.0.0.1:9\", proxy_protocol: 10.0.0.1}}\n%s",
             rest);

    struct conf *a = parse(first), *b = parse(second);
    const char *diff = diff_of(a, b, &n, &n_restart);

    cr_expect(strstr(diff, "listen: [\"127.0.0.1:1\", \"127.0.0.1:2\"] -> ") != NULL ||
                  strstr(diff, "listen: [127.0.0.1:1, 127.0.0.1:2] -> ") != NULL,
              "%s", diff);
    cr_expect(strstr(diff, "listen.127.0.0.1:1.proxy_protocol: (unset) -> ") != NULL, "%s", diff);
    cr_expect(strstr(diff, "console.listen.proxy_protocol: (unset) -> ") != NULL, "%s", diff);
    cr_expect_eq(n, 3);
    cr_expect_eq(n_restart, 3);
    conf_free(&a);
    conf_free(&b);
}

Test(conf_diff, what_waits_for_a_restart_is_told_until_it_holds_or_is_taken_back)
{
#define SIZES(workers, price)                                                                      \
    "workers: " workers "\nupstreams: {u: {url: \"http://127.0.0.1:1/v1\", auth: mock, "           \
    "protocols: openai_chat}}\nmodels: {m: {price: {input: " price ", output: 1}, routes: "        \
    "[{upstream: u}]}}\n"
    struct conf *started = parse(SIZES("2", "1")), *waits = parse(SIZES("4", "1")),
                *more = parse(SIZES("4", "3")), *back = parse(SIZES("2", "1"));
    size_t n_restart;
    struct buf out;

    buf_init(&out, 1 << 16);
    cr_expect_eq(conf_diff_since(started, waits, waits, &out, &n_restart), 1);
    cr_expect_eq(n_restart, 1);
    cr_expect(slice_eq_str(buf_slice(&out), "workers: 2 -> 4 (needs a restart)\n"));
    cr_expect_gt(conf_diff_since(started, waits, more, &out, &n_restart), 1);
    cr_expect_eq(n_restart, 1);
    cr_expect_eq(conf_diff_since(started, waits, back, &out, &n_restart), 0);
    cr_expect_eq(n_restart, 0);
    buf_fini(&out);
    conf_free(&started);
    conf_free(&waits);
    conf_free(&more);
    conf_free(&back);
}

#define LISTENERS(console, listen)                                                                 \
    "public_url: http://x.example\nconsole: {listen: " console "}\nlisten: " listen "\n" UPSTREAMS \
    "models: {m: {price: free, routes: [{upstream: a}]}}\n"

/* Two files that a certificate may name: nobody looks into them here. */
static const char *
file_of(char path[32], const char *bytes)
{
    snprintf(path, 32, "/tmp/conf_show.XXXXXX");
    int fd = mkstemp(path); /* 0600, as keys must be */

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    close(fd);
    return path;
}

/* A listener, or a console, of that certificate. */
static struct conf *
parse_tls(bool is_console, const char *file, const char *rest)
{
    char tls[256], whole[4096];

    snprintf(tls, sizeof(tls), "{address: \"127.0.0.1:1\", certificates: [{cert: %s, key: %s}]%s}",
             file, file, rest);
    snprintf(whole, sizeof(whole), LISTENERS("%s", "%s"), is_console ? tls : "off",
             is_console ? "127.0.0.1:2" : tls);
    return parse(whole);
}

static void
expect_diff(const struct conf *const of[3], size_t n_restart, const char *lines)
{
    struct buf out;
    size_t n_told, n_lines = 0;

    buf_init(&out, 1 << 16);
    size_t n = conf_diff_since(of[0], of[1], of[2], &out, &n_told);

    buf_append_byte(&out, '\0');
    for (const char *at = lines; (at = strchr(at, '\n')) != NULL; at++)
        n_lines++;
    cr_expect_str_eq(out.ptr, lines);
    cr_expect_eq(n, n_lines, "%zu changes", n);
    cr_expect_eq(n_told, n_restart, "%zu for a restart", n_told);
    buf_fini(&out);
}
#define DIFF(...) ((const struct conf *const[3]){__VA_ARGS__})

Test(conf_diff, tls_that_is_turned_on_waits_until_a_restart_or_until_it_is_taken_back)
{
    char path[32], line[256], both[512], other[32];
    const char *file = file_of(path, "one");
    struct conf *plain = parse(LISTENERS("off", "127.0.0.1:1")), *back = parse(plain->text);
    struct conf *tls = parse_tls(false, file, "");
    struct conf *strict = parse_tls(false, file, ", client_ca: /dev/null");
    struct conf *renewed = parse_tls(false, file_of(other, "two"), "");

    snprintf(line, sizeof(line),
             "listen.127.0.0.1:1.certificates: (unset) -> [{cert: %s, key: %s}] (needs a "
             "restart)\n",
             file, file);
    snprintf(both, sizeof(both),
             "%slisten.127.0.0.1:1.client_ca: (unset) -> /dev/null (needs a restart)\n", line);
    expect_diff(DIFF(plain, plain, tls), 1, line);
    expect_diff(DIFF(plain, tls, tls), 1, line);
    expect_diff(DIFF(plain, tls, strict), 2, both);
    expect_diff(DIFF(plain, tls, back), 0, "");

    snprintf(line, sizeof(line),
             "listen.127.0.0.1:1.certificates: [{cert: %s, key: %s}] -> (unset) (needs a "
             "restart)\n",
             file, file);
    expect_diff(DIFF(tls, tls, plain), 1, line);
    expect_diff(DIFF(tls, plain, plain), 1, line);
    expect_diff(DIFF(tls, plain, tls), 0, "");

    snprintf(line, sizeof(line),
             "listen.127.0.0.1:1.certificates: [{cert: %s, key: %s}] -> [{cert: %s, key: %s}]\n"
             "listen.127.0.0.1:1.certificates: changed\n",
             file, file, other, other);
    expect_diff(DIFF(tls, tls, renewed), 0, line);
    expect_diff(DIFF(tls, renewed, renewed), 0, "");
    expect_diff(DIFF(tls, plain, renewed), 0, line); /* what it was started with holds meanwhile */
    unlink(path);
    unlink(other);
    conf_free(&plain);
    conf_free(&back);
    conf_free(&tls);
    conf_free(&strict);
    conf_free(&renewed);
}

Test(conf_diff, a_console_that_becomes_tls_waits_for_a_restart)
{
    char path[32], line[256];
    const char *file = file_of(path, "one");
    struct conf *plain = parse(LISTENERS("127.0.0.1:1", "127.0.0.1:2"));
    struct conf *tls = parse_tls(true, file, "");

    snprintf(line, sizeof(line),
             "console.listen.certificates: (unset) -> [{cert: %s, key: %s}] (needs a restart)\n",
             file, file);
    expect_diff(DIFF(plain, plain, tls), 1, line);
    expect_diff(DIFF(plain, tls, tls), 1, line);
    expect_diff(DIFF(plain, tls, plain), 0, "");
    unlink(path);
    conf_free(&plain);
    conf_free(&tls);
}

Test(conf_diff, an_address_that_waits_is_told_once)
{
    struct conf *old = parse(LISTENERS("127.0.0.1:8", "127.0.0.1:1"));
    struct conf *new = parse(LISTENERS("127.0.0.1:9", "127.0.0.1:2"));
    struct conf *more = parse(LISTENERS(
        "127.0.0.1:9", "[127.0.0.1:1, {address: \"127.0.0.1:2\", proxy_protocol: 10.0.0.1}]"));
    static const char moved[] =
        "listen: [\"127.0.0.1:1\"] -> [\"127.0.0.1:2\"] (needs a restart)\n"
        "console.listen: \"127.0.0.1:8\" -> \"127.0.0.1:9\" (needs a restart)\n";

    expect_diff(DIFF(old, old, new), 2, moved);
    expect_diff(DIFF(old, new, new), 2, moved);
    expect_diff(DIFF(old, new, old), 0, "");
    expect_diff(
        DIFF(old, new, more), 2,
        "listen: [\"127.0.0.1:1\"] -> [\"127.0.0.1:1\", \"127.0.0.1:2\"] (needs a restart)\n"
        "console.listen: \"127.0.0.1:8\" -> \"127.0.0.1:9\" (needs a restart)\n");
    conf_free(&old);
    conf_free(&new);
    conf_free(&more);
}

Test(conf_diff, a_listener_that_goes_and_comes_back_is_compared_with_what_was_started)
{
    struct conf *started = parse(
        LISTENERS("off", "[127.0.0.1:1, {address: \"127.0.0.1:2\", proxy_protocol: 10.0.0.1}]"));
    struct conf *without = parse(LISTENERS("off", "127.0.0.1:1"));
    struct conf *back = parse(LISTENERS("off", "[127.0.0.1:1, 127.0.0.1:2]"));
    static const char line[] =
        "listen.127.0.0.1:2.proxy_protocol: [10.0.0.1/32] -> (unset) (needs a restart)\n";

    expect_diff(
        DIFF(started, without, without), 1,
        "listen: [\"127.0.0.1:1\", \"127.0.0.1:2\"] -> [\"127.0.0.1:1\"] (needs a restart)\n");
    expect_diff(DIFF(started, without, back), 1, line);
    expect_diff(DIFF(started, back, back), 1, line);
    expect_diff(DIFF(started, without, started), 0, "");
    conf_free(&started);
    conf_free(&without);
    conf_free(&back);
}
