/* SPDX-License-Identifier: ISC
 *
 * Upstreams that fail (QE-03, UF-01..06): before usage nothing is charged and nothing stays
 * reserved; before content another route takes over; after content the caller gets the protocol's
 * own error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

static const struct gateway_options impatient = {
    .settings = "upstream_defaults: {connect_timeout: 500ms, first_byte_timeout: 500ms,"
                " idle_timeout: 500ms}\n"
                "health: {breaker_failures: 0}\n"};

static const enum operation operations[] = {OPERATION_CHAT, OPERATION_COMPLETION,
                                            OPERATION_RESPONSE, OPERATION_MESSAGE};
#define N_OPERATIONS (sizeof operations / sizeof *operations)

static bool
nothing_is_reserved(const struct gateway *gateway, void *data)
{
    (void)data;
    return books_reserved(gateway) == 0;
}

static void
expect_served(const struct gateway *gateway, const char *key)
{
    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");

    cr_expect_eq(reply->status, 200, "the route serves again: %d %s", reply->status, reply->body);
    http_reply_free(&reply);
}

Test(failure, before_usage_nothing_is_charged_and_nothing_stays_reserved, .timeout = 250)
{
    static const char *const faults[] = {"reset",      "close",    "stall",     "bad-head",
                                         "big-head",   "redirect", "error-200", "garbage",
                                         "status=500", "gzip"};
    /* Of streams alone; then what speaks of our credential, which is not used again for a while. */
    static const char *const more_faults[] = {"error-event", "cut=0",      "rst=0",
                                              "eof=0",       "status=429", "status=401"};
    struct gateway *gateway = gateway_start(&impatient);
    char *key = gateway_key(gateway, "--quota 10usd"), text[64];
    size_t n = sizeof faults / sizeof *faults, n_all = n + sizeof more_faults / sizeof *more_faults;

    for (size_t i = 0; i < n_all * N_OPERATIONS * 2; i++) {
        const struct call *call = call_of(operations[i / 2 % N_OPERATIONS]);
        size_t fault = i / 2 / N_OPERATIONS;
        bool is_stream = i % 2 == 1;

        if (fault >= n && fault < n + 4 && !is_stream)
            continue;
        if (fault == n + 4 && i % (N_OPERATIONS * 2) == 0)
            expect_served(gateway, key);
        snprintf(text, sizeof text, "!mock:%s", fault < n ? faults[fault] : more_faults[fault - n]);
        struct http_reply *reply = call_make(gateway, call, key, is_stream, text);

        cr_expect_geq(reply->status, 400, "%s %s %s: %d %s", call->name,
                      is_stream ? "stream" : "plain", text, reply->status, reply->body);
        cr_expect(strcasestr(reply->body, "canary") == NULL);
        http_reply_free(&reply);
    }
    cr_expect(gateway_wait(gateway, nothing_is_reserved, NULL));
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE charge_nusd > 0"), 1,
                 "the one that was served");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(failure, after_content_a_stream_ends_in_an_error_event_and_is_not_tried_again, .timeout = 200)
{
    static const char *const faults[] = {"cut=4",     "rst=4",         "eof=4",
                                         "garbage=4", "error-event=4", "stall=4"};
    struct gateway *gateway = gateway_start(&impatient);
    char *key = gateway_key(gateway, "--quota 10usd"), text[64];

    for (size_t i = 0; i < sizeof faults / sizeof *faults * N_OPERATIONS; i++) {
        const struct call *call = call_of(operations[i % N_OPERATIONS]);
        /* The ladders of Responses and Messages have more steps before the first content. */
        int more = call->operation == OPERATION_RESPONSE ? 2 : 0;

        snprintf(text, sizeof text, "!mock:%s", faults[i / N_OPERATIONS]);
        text[strlen(text) - 1] = (char)(text[strlen(text) - 1] + more);
        gateway_mock_reset(gateway);
        struct http_reply *reply = call_make(gateway, call, key, true, text);

        cr_expect_eq(reply->status, 200, "%s %s: %d %s", call->name, text, reply->status,
                     reply->body);
        cr_expect(strstr(reply->body, "[DONE]") == NULL &&
                      strstr(reply->body, "message_stop") == NULL &&
                      strstr(reply->body, "response.completed") == NULL,
                  "%s %s: a clean end: %s", call->name, text, reply->body);
        cr_expect(strstr(reply->body, "\"error\"") != NULL, "%s %s: no error event: %s", call->name,
                  text, reply->body);
        cr_expect(strcasestr(reply->body, "canary") == NULL, "%s", reply->body);
        cr_expect_eq(gateway_mock_count(gateway, "requests"), 1, "%s %s: tried again", call->name,
                     text);
        http_reply_free(&reply);
    }
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE category IS NOT"
                                      " 'stream_interrupted'"),
                 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Models whose first route fails in some way, each on an upstream of its own, and whose second one
 * serves. */
static void
write_models(char *upstreams, char *models, size_t size, const char *const *faults, size_t n)
{
    size_t u = 0, m = 0;

    for (size_t i = 0; i < n; i++) {
        u += (size_t)snprintf(upstreams + u, size - u,
                              "  own%zu:\n    url: http://127.0.0.1:%%d/openai/v1\n"
                              "    protocols: openai_chat\n    key_env: GATEWAY_CREDENTIAL\n"
                              "    probe: none\n",
                              i);
        m += (size_t)snprintf(models + m, size - m,
                              "  m%zu:\n    price: free\n    routes:\n"
                              "      - {upstream: own%zu, model: \"bad%zu!%s\", tier: 0}\n"
                              "      - {upstream: canary-openai, model: good%zu, tier: 1}\n",
                              i, i, i, faults[i], i);
    }
}

Test(failure, before_content_the_next_route_takes_over, .timeout = 200)
{
    static const char *const faults[] = {"reset",      "close",       "stall",     "status=500",
                                         "status=429", "status=401",  "error-200", "bad-head",
                                         "cut=0",      "error-event", "eof=0"};
    size_t n = sizeof faults / sizeof *faults, n_plain = 8;
    static char upstreams[4096], models[4096];
    struct gateway_options options = impatient;

    write_models(upstreams, models, sizeof models, faults, n);
    options.upstreams = upstreams;
    options.models = models;
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), name[16], path[64];
    const struct call *call = call_of(OPERATION_CHAT);

    for (size_t i = 0; i < 2 * n; i++) {
        bool is_stream = i % 2 == 1;

        if (i / 2 >= n_plain && !is_stream)
            continue;
        snprintf(name, sizeof name, "m%zu", i / 2);
        snprintf(path, sizeof path, "models.good%zu", i / 2);
        gateway_mock_reset(gateway);
        char *body = call_body(call, name, is_stream, "hi");
        struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);

        cr_expect_eq(reply->status, 200, "%s %s: %d %s", faults[i / 2],
                     is_stream ? "stream" : "plain", reply->status, reply->body);
        cr_expect(strstr(reply->body, is_stream ? "[DONE]" : "You said") != NULL, "%s: %s",
                  faults[i / 2], reply->body);
        cr_expect_eq(gateway_mock_count(gateway, path), 1, "%s", faults[i / 2]);
        /* A pooled connection that ends without a byte may be dialled anew, once. */
        cr_expect_leq(gateway_mock_count(gateway, "requests"), 3, "%s", faults[i / 2]);
        http_reply_free(&reply);
        free(body);
    }
    books_check(gateway);
    cr_expect_gt(books_query(gateway, "SELECT count(*) FROM attempt WHERE outcome <> 'ok'"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(failure, a_callers_own_fault_never_fails_over, .timeout = 60)
{
    static const struct gateway_options options = {
        .models = "  m:\n    price: free\n    routes:\n"
                  "      - {upstream: canary-openai, model: a, tier: 0}\n"
                  "      - {upstream: canary-openai, model: b, tier: 1}\n"};
    static const char *const faults[] = {"status=400", "status=413", "status=422"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), text[64];
    const struct call *call = call_of(OPERATION_CHAT);

    for (size_t i = 0; i < 30; i++) {
        snprintf(text, sizeof text, "!mock:%s", faults[i % 3]);
        char *body = call_body(call, "m", false, text);
        struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);

        cr_expect(reply->status >= 400 && reply->status < 500, "%s: %d", text, reply->status);
        http_reply_free(&reply);
        free(body);
    }
    cr_expect_eq(gateway_mock_count(gateway, "models.a"), 30,
                 "no route was ejected either (UF-10)");
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 30);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(failure, a_stale_pooled_connection_costs_the_caller_nothing, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    const struct call *call = call_of(OPERATION_CHAT);

    for (int i = 0; i < 40; i++) {
        struct http_reply *reply = call_make(gateway, call, key, i % 2 == 1, "hi !mock:drop");

        cr_expect_eq(reply->status, 200, "call %d: %d %s", i, reply->status, reply->body);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 40);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(failure, usage_that_cannot_be_is_never_a_credit, .timeout = 60)
{
    static const char *const bad[] = {"negative", "huge", "text", "float"};
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 1usd"), text[64];

    for (size_t i = 0; i < 8 * N_OPERATIONS; i++) {
        snprintf(text, sizeof text, "!mock:bad-usage=%s", bad[i / 2 % 4]);
        struct http_reply *reply =
            call_make(gateway, call_of(operations[i / 8]), key, i % 2 == 1, text);

        cr_expect_eq(reply->status, 200, "%s: %d %s", text, reply->status, reply->body);
        http_reply_free(&reply);
    }
    books_check(gateway);
    cr_expect_eq(books_query(gateway,
                             "SELECT count(*) FROM ledger WHERE charge_nusd < 0 OR input < 0"
                             " OR output < 0 OR charge_nusd > 100000000"),
                 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
