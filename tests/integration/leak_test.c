/* SPDX-License-Identifier: ISC
 *
 * What must be nowhere: marks of the route in anything a caller sees (SE-06), callers' keys and the
 * upstream credential in anything that is stored or logged (SE-01, SE-05).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "faults.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "routes.h"

/* Everything about these routes is a canary: names, paths, models, credential. */
static const struct gateway_options canaries = {
    .settings = "upstream_defaults: {first_byte_timeout: 500ms, idle_timeout: 500ms,"
                " first_token_timeout: 700ms}\n"
                "failover: {retry_min: 100000}\n" ROUTES_NO_BREAKER ROUTES_NO_AFFINITY,
    .upstreams =
        ROUTES_UPSTREAM("canary-a", "%d", ROUTES_KEY) ROUTES_UPSTREAM("canary-b", "%d", ROUTES_KEY),
    .models = ROUTES_NAMED("routed", "    policy: ordered\n    routes:\n"
                                     "      - {upstream: canary-a, model: canary-model-a}\n"
                                     "      - {upstream: canary-b, model: canary-model-b}\n")};

static void
expect_no_canary(const struct call *call, const char *fault, const char *port,
                 struct http_reply *reply)
{
    cr_expect_neq(reply->status, 0, "%s %s", call->name, fault);
    cr_expect(strcasestr(reply->head, "canary") == NULL, "%s %s: %s", call->name, fault,
              reply->head);
    cr_expect(strcasestr(reply->body, "canary") == NULL, "%s %s: %s", call->name, fault,
              reply->body);
    cr_expect(strstr(reply->body, port) == NULL, "%s %s: %s", call->name, fault, reply->body);
    cr_expect(reply->status != 401 && reply->status != 402 && reply->status != 403,
              "%s %s: the operator's account is no matter of the caller's", call->name, fault);
    cr_expect_eq(http_header_count(reply, "location"), 0);
    cr_expect_eq(http_header_count(reply, "set-cookie"), 0);
    http_reply_free(&reply);
}

/* All endpoints, streamed and not, for one fault: of the first route, or of both. */
static void
look_for_canaries(const struct gateway *gateway, const char *key, size_t fault, bool is_everywhere)
{
    char rules[96], port[16];
    const struct call *call;

    snprintf(port, sizeof port, "%d", gateway->mock_port);
    snprintf(rules, sizeof rules, "%s %s", is_everywhere ? "*" : "/canary-a/", faults[fault].fault);
    gateway_mock_control(gateway, 0, rules);
    for (size_t n = 0; (call = call_at(n / 2)) != NULL; n++) {
        if ((n % 2 == 1 && !call->can_stream) ||
            (faults[fault].is_slow && call->operation != OPERATION_CHAT))
            continue;
        expect_no_canary(call, faults[fault].fault, port,
                         call_model(gateway, call, key, "routed", n % 2 == 1, "hi"));
        if (faults[fault].is_of_credential)
            routes_heal(gateway, "routed");
    }
}

Test(leak, no_mark_of_the_route_reaches_a_caller_whatever_happens, .timeout = 280)
{
    struct gateway *gateway = gateway_start(&canaries);
    char *key = gateway_key(gateway, "");

    for (size_t i = 0; i < 2 * N_FAULTS; i++)
        look_for_canaries(gateway, key, i / 2, i % 2 == 1);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* SE-07: what a caller writes into a head, and what of it a provider may see. */
Test(leak, nothing_of_a_callers_head_reaches_a_provider_but_what_is_on_the_list, .timeout = 60)
{
    static const char headers[] = "X-Api-Key: sk-smuggled\r\n"
                                  "Connection: x-api-key, authorization\r\n"
                                  "Proxy-Authorization: Basic smuggled\r\n"
                                  "Proxy-Connection: smuggled\r\n"
                                  "Cookie: session=smuggled\r\n"
                                  "Forwarded: for=smuggled\r\n"
                                  "X-Forwarded-For: 6.6.6.6-smuggled\r\n"
                                  "X-Forwarded-Host: smuggled\r\n"
                                  "X-Real-IP: smuggled\r\n"
                                  "Via: 1.1 smuggled\r\n"
                                  "TE: trailers, smuggled\r\n"
                                  "Referer: http://smuggled/\r\n"
                                  "Origin: http://smuggled\r\n"
                                  "User-Agent: smuggled\r\n"
                                  "X-Goog-Api-Key: smuggled\r\n"
                                  "Api-Key: smuggled\r\n"
                                  "OpenAI-Organization: smuggled\r\n"
                                  "OpenAI-Project: smuggled\r\n"
                                  "X-Amz-Security-Token: smuggled\r\n"
                                  "X-Mock-Fault: status=418\r\n"
                                  "X-Request-Id: smuggled\r\n"
                                  "X-Stainless-Lang: smuggled\r\n"
                                  "Accept-Language: smuggled\r\n";
    static const struct gateway_options options = {
        .settings = ROUTES_NO_AFFINITY, .upstreams = ROUTES_UPSTREAMS, .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), host[64];
    const struct call *call;

    snprintf(host, sizeof host, "host: 127.0.0.1:%d\r\n", gateway->mock_port);
    for (size_t n = 0; (call = call_at(n / 2)) != NULL; n++) {
        if (n % 2 == 1 && !call->can_stream)
            continue;
        char *body = call_body(call, "routed", n % 2 == 1, "hi");
        struct http_reply *reply = http_call(gateway->port, call->path, key, headers, body);
        char *last = gateway_mock_last(gateway);

        cr_expect_eq(reply->status, 200, "%s: %d %s", call->name, reply->status, reply->body);
        *strstr(last, "\r\n\r\n") = '\0';
        cr_expect(strcasestr(last, "smuggled") == NULL, "%s: %s", call->name, last);
        cr_expect(strstr(last, key) == NULL, "%s: the caller's key", call->name);
        cr_expect(strcasestr(last, host) != NULL, "%s: %s", call->name, last);
        cr_expect(strcasestr(last, GATEWAY_CREDENTIAL) != NULL, "%s: %s", call->name, last);
        cr_expect(strcasestr(last, "\nconnection: x-api") == NULL, "%s: %s", call->name, last);
        free(last);
        free(body);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Files below the directory that hold the text; the test's own config is not one of them. */
static int
n_files_with(const struct gateway *gateway, const char *text)
{
    char command[512];
    int n = -1;

    snprintf(command, sizeof command,
             "grep -rlaF -e '%s' %s /dev/shm/relayos.* 2>/dev/null | wc -l", text, gateway->dir);
    FILE *pipe = popen(command, "r");

    cr_assert(pipe != NULL && fscanf(pipe, "%d", &n) == 1);
    pclose(pipe);
    return n;
}

static void
expect_nowhere(const struct gateway *gateway, const char *secret)
{
    cr_expect_eq(n_files_with(gateway, secret), 0, "%.12s... is in a file", secret);
}

Test(leak, keys_and_credentials_are_stored_and_logged_nowhere, .timeout = 120)
{
    static const struct gateway_options options = {.settings = "log: {level: debug}\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), wrong[64], command[256];
    const struct call *call = call_of(OPERATION_CHAT);
    pid_t pids[8];

    snprintf(wrong, sizeof wrong, "%.40sWRONG", key);
    for (size_t i = 0; i < 4; i++) {
        struct http_reply *reply = call_make(gateway, call, i == 0 ? wrong : key, i == 1,
                                             i == 3 ? "!mock:status=401" : "hi");

        cr_expect(strstr(reply->body, key) == NULL && strstr(reply->head, key) == NULL);
        http_reply_free(&reply);
    }
    routes_heal(gateway, call->model);
    struct http_reply *reply =
        http_call(gateway->port, call->path, NULL, "Authorization: Bearer\r\n", "{}");

    http_reply_free(&reply);
    /* A secret where names belong: of a call that is refused, and of one that is served. */
    for (int i = 0; i < 2; i++) {
        char *body = call_body(call, i == 0 ? "sk-stray0secret" : NULL, false, "hi");

        reply = http_call(gateway->port, call->path, key,
                          "User-Agent: tool sk-stray0secret\r\nX-Request-Id: sk-stray0secret\r\n",
                          body);
        cr_expect_eq(reply->status, i == 0 ? 404 : 200);
        http_reply_free(&reply);
        free(body);
    }
    books_check(gateway);
    expect_nowhere(gateway, key);
    expect_nowhere(gateway, key + strlen("sk-prod-")); /* the secret part alone */
    expect_nowhere(gateway, wrong);
    expect_nowhere(gateway, GATEWAY_CREDENTIAL);
    int n = gateway_pids(gateway, "worker", pids, 8);

    for (int i = 0; i < n; i++) {
        snprintf(command, sizeof command, "grep -qaF %s /proc/%d/cmdline", GATEWAY_CREDENTIAL,
                 pids[i]);
        cr_expect_neq(system(command), 0, "the credential is on a command line");
    }
    /* Only now is all written: lines of the access log wait a little. */
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    expect_nowhere(gateway, "stray0secret");
    gateway_restart(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Some repeat it in their error, and it need not look like one. */
Test(leak, a_credential_that_a_provider_repeats_is_stored_and_logged_nowhere, .timeout = 60)
{
    static const char credential[] = "own.key-of-canary";
    static const struct gateway_options options = {
        .settings = "log: {level: debug}\n",
        .upstreams = ROUTES_UPSTREAM("own", "%d", "    key_env: OWN_CREDENTIAL\n"),
        .models = ROUTES_NAMED("owned", "    routes: [{upstream: own}]\n")};

    cr_assert_eq(setenv("OWN_CREDENTIAL", credential, 1), 0);
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    char *body = call_body(call_of(OPERATION_CHAT), "owned", false, "!mock:status=401,echo-key");
    struct http_reply *reply =
        http_call(gateway->port, call_of(OPERATION_CHAT)->path, key, NULL, body);

    cr_expect_eq(reply->status, 502);
    books_check(gateway);
    cr_expect_gt(n_files_with(gateway, "Incorrect API key provided: ***"), 0);
    expect_nowhere(gateway, credential);
    http_reply_free(&reply);
    free(body);
    free(key);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
