/* SPDX-License-Identifier: ISC
 *
 * A model that stands in for another (models.*.fallback): only for what its switch is on for, only
 * for keys that may use it; the answer says its name, the caller pays what was asked for.
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
#include "routes.h"

#define SETTINGS ROUTES_NO_AFFINITY ROUTES_NO_BREAKER "failover: {retry_min: 100000}\n"
/* Ten times as dear as what it stands in for. */
#define SPARE                                                                                      \
    "  spare:\n    price: {input: 20.00, output: 80.00}\n    max_output_tokens: 1000\n"            \
    "    routes: [{upstream: c}]\n"
#define ASKED(more)                                                                                \
    ROUTES_NAMED("routed", "    policy: ordered\n    routes: [{upstream: a}, {upstream: b}]\n"     \
                           "    fallback: [spare]\n" more)

struct cause {
    const char *fault;
    const char *name;  /* of its switch */
    bool is_usual;     /* it is on if nothing is said */
    int n_calls;       /* of the asked model's routes */
    int status;        /* where it is off */
    bool is_of_stream; /* of streams alone */
};

static const struct cause causes[] = {
    {"status=500", "outage", true, 2, 502, false},
    {"bad-head", "outage", true, 2, 502, false},
    {"status=404", "outage", true, 2, 502, false},
    {"error-200", "outage", true, 2, 502, false},
    {"error-event", "outage", true, 2, 502, true},
    {"status=503", "overload", true, 2, 503, false},
    {"status=400,code=context_length_exceeded", "context_overflow", false, 1, 400, false},
    {"status=400,code=content_filter", "refusal", false, 1, 400, false},
};

static const enum operation operations[] = {OPERATION_CHAT, OPERATION_RESPONSE, OPERATION_MESSAGE};

/* Statuses of the protocol that has its own. */
static int
status_of(const struct call *call, int status)
{
    return status == 503 && call->protocol == PROTOCOL_ANTHROPIC_MESSAGES ? 529 : status;
}

static bool
is_refusal(const struct cause *cause)
{
    return strcmp(cause->name, "refusal") == 0;
}

/* Each cause on each endpoint, streamed and not; is_on says whether spare is to answer. */
static int64_t
ask_all(const struct gateway *gateway, const char *key, bool (*is_on)(const struct cause *cause))
{
    char rules[160];
    int64_t n_answered = 0;

    for (size_t i = 0; i < 6 * (sizeof causes / sizeof *causes); i++) {
        const struct cause *cause = &causes[i / 6];
        const struct call *call = call_of(operations[i % 3]);
        bool is_stream = i / 3 % 2 == 0;

        if (cause->is_of_stream && !is_stream)
            continue;
        if (is_refusal(cause) && call->operation == OPERATION_MESSAGE)
            continue; /* that provider has no such error */
        snprintf(rules, sizeof rules, "/a/ %s\n/b/ %s", cause->fault, cause->fault);
        gateway_mock_control(gateway, 0, rules);
        gateway_mock_reset(gateway);
        struct http_reply *reply = call_model(gateway, call, key, "routed", is_stream, "hi");

        cr_expect_eq(reply->status, is_on(cause) ? 200 : status_of(call, cause->status),
                     "%s %s: %d %s", call->name, cause->fault, reply->status, reply->body);
        cr_expect_eq(strstr(reply->body, "\"spare\"") != NULL, is_on(cause), "%s %s: %s",
                     call->name, cause->fault, reply->body);
        cr_expect_eq(routes_calls(gateway, "a") + routes_calls(gateway, "b"), cause->n_calls,
                     "%s %s", call->name, cause->fault);
        cr_expect_eq(routes_calls(gateway, "c"), is_on(cause), "%s %s", call->name, cause->fault);
        n_answered += is_on(cause);
        http_reply_free(&reply);
    }
    return n_answered;
}

static bool
is_always(const struct cause *cause)
{
    (void)cause;
    return true;
}

static bool
is_never(const struct cause *cause)
{
    (void)cause;
    return false;
}

static bool
is_usual(const struct cause *cause)
{
    return cause->is_usual;
}

Test(fallback, each_cause_has_its_switch, .timeout = 250)
{
    static const struct {
        const char *models;
        bool (*is_on)(const struct cause *cause);
    } rows[] = {{ASKED("") SPARE, is_usual},
                {ASKED("    fallback_on: refusal\n") SPARE, is_refusal},
                {ASKED("    fallback_on: [outage, overload, context_overflow, refusal]\n") SPARE,
                 is_always}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct gateway_options options = {
            .settings = SETTINGS, .upstreams = ROUTES_UPSTREAMS, .models = rows[i].models};
        struct gateway *gateway = gateway_start(&options);
        char *key = gateway_key(gateway, "--quota 100usd");
        int64_t n = ask_all(gateway, key, rows[i].is_on);

        books_check(gateway);
        cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE reason = 'fallback'"
                                          " AND model = 'spare' AND outcome = 'ok'"),
                     n);
        cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE model IS NOT NULL"),
                     n);
        cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE model <> 'routed'"), 0,
                     "booked as what was asked for");
        cr_expect_eq(gateway_stop(&gateway), 0);
        free(key);
    }
}

Test(fallback, the_caller_pays_what_was_asked_for, .timeout = 60)
{
    static const struct gateway_options options = {
        .settings = SETTINGS, .upstreams = ROUTES_UPSTREAMS, .models = ASKED("") SPARE};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 100usd");

    gateway_mock_control(gateway, 0, "/a/ status=500\n/b/ status=500\n/c/ in=100,out=10");
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_CHAT), key, "routed", false, "hi");

    cr_expect_eq(reply->status, 200, "%d %s", reply->status, reply->body);
    http_reply_free(&reply);
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), 100 * GATEWAY_INPUT_NUSD + 10 * GATEWAY_OUTPUT_NUSD);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(fallback, only_for_keys_that_may_use_it, .timeout = 120)
{
    static const struct gateway_options options = {
        .settings = SETTINGS, .upstreams = ROUTES_UPSTREAMS, .models = ASKED("") SPARE};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 100usd --models routed");

    cr_expect_eq(ask_all(gateway, key, is_never), 0);
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Nothing is asked of routes that are known to be out; of the spare's, the next is tried too. */
Test(fallback, takes_over_at_once_while_every_route_is_out, .timeout = 60)
{
    static const struct gateway_options options = {
        .settings = ROUTES_NO_AFFINITY "failover: {retry_min: 100000}\n"
                                       "health: {breaker_failures: 2, open_time: 60s}\n",
        .upstreams = ROUTES_UPSTREAMS,
        .models = "  routed:\n    price: free\n    routes: [{upstream: a}]\n    fallback: [spare]\n"
                  "  spare:\n    price: free\n    policy: ordered\n"
                  "    routes: [{upstream: b}, {upstream: c}]\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    gateway_mock_control(gateway, 0, "/a/ status=500");
    for (int i = 0; i < 20; i++) {
        struct http_reply *reply =
            call_model(gateway, call_of(OPERATION_MESSAGE), key, "routed", i % 2 == 0, "hi");

        cr_expect_eq(reply->status, 200, "call %d: %d %s", i, reply->status, reply->body);
        http_reply_free(&reply);
    }
    cr_expect_leq(routes_calls(gateway, "a"), 4);
    cr_expect_eq(routes_calls(gateway, "b"), 20);
    gateway_mock_control(gateway, 0, "/a/ status=500\n/b/ reset");
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_MESSAGE), key, "routed", true, "hi");

    cr_expect_eq(reply->status, 200, "%d %s", reply->status, reply->body);
    cr_expect_eq(routes_calls(gateway, "c"), 1);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
