/* SPDX-License-Identifier: ISC
 *
 * Before content another route takes over, whatever went wrong (UF-01, UF-02, UF-04, UF-06, UF-07);
 * when none is left the caller is told so in its own protocol; after content nothing is asked a
 * second time (UF-05). Each fault on each endpoint, streamed and not, from one table.
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
#include "relayos/base/err.h"
#include "routes.h"

/* A budget that these storms of failures do not use up. No answer of the mock takes that long
 * unless it is told to. */
#define BUDGET ROUTES_NO_AFFINITY "failover: {retry_min: 100000}\n"
#define PATIENCE                                                                                   \
    "upstream_defaults: {connect_timeout: 2s, tls_timeout: 2s, first_byte_timeout: 1200ms,"        \
    " idle_timeout: 1200ms, first_token_timeout: 2400ms}\n"

static const struct gateway_options abc = {.settings = PATIENCE BUDGET ROUTES_NO_BREAKER,
                                           .upstreams = ROUTES_UPSTREAMS,
                                           .models = ROUTES_MODEL};

enum { PLAIN = 1, STREAM = 2, BOTH = PLAIN | STREAM };

struct trouble {
    const char *fault;
    unsigned where;             /* PLAIN, STREAM: where it can be */
    enum err_category category; /* what the caller gets when every route is like that */
    bool is_slow;               /* takes a timeout: not tried with every endpoint */
    bool is_of_credential;      /* whose credential is then put aside */
};

/* What another route may do better. */
static const struct trouble troubles[] = {
    {"reset", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"close", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"bad-head", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"big-head", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"redirect", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"gzip", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"garbage", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"error-200", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"cut=0", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"rst=0", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"eof=0", STREAM, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"error-event", STREAM, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"status=500", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"status=502,html", BOTH, ERR_CATEGORY_UPSTREAM_ERROR, .is_slow = false},
    {"status=404,code=model_not_found", BOTH, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, .is_slow = false},
    {"status=504", BOTH, ERR_CATEGORY_UPSTREAM_TIMEOUT, .is_slow = false},
    {"status=503", BOTH, ERR_CATEGORY_OVERLOADED, .is_slow = false},
    {"status=529", BOTH, ERR_CATEGORY_OVERLOADED, .is_slow = false},
    {"status=429", BOTH, ERR_CATEGORY_UPSTREAM_RATE_LIMITED, .is_of_credential = true},
    {"status=401", BOTH, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, .is_of_credential = true},
    {"status=402", BOTH, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, .is_of_credential = true},
    {"status=403", BOTH, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, .is_slow = false},
    {"stall", BOTH, ERR_CATEGORY_FIRST_BYTE_TIMEOUT, .is_slow = true},
    {"head", BOTH, ERR_CATEGORY_IDLE_TIMEOUT, .is_slow = true},
    {"only-comments=100", STREAM, ERR_CATEGORY_FIRST_TOKEN_TIMEOUT, .is_slow = true},
    {"token=60000", STREAM, ERR_CATEGORY_IDLE_TIMEOUT, .is_slow = true},
};
#define N_TROUBLES (sizeof troubles / sizeof *troubles)

/* The endpoints of the table; those in which nothing is generated have no such errors in streams.
 */
static bool
is_in(const struct trouble *trouble, const struct call *call, bool is_stream)
{
    if (is_stream && !call->can_stream)
        return false;
    if (trouble->is_slow && call->operation != OPERATION_CHAT &&
        call->operation != OPERATION_MESSAGE)
        return false;
    if (strncmp(trouble->fault, "token", 5) == 0 && call->n_start_events == 0)
        return false;
    return (trouble->where & (is_stream ? STREAM : PLAIN)) != 0;
}

static void
expect_answer(const struct call *call, const struct trouble *trouble, bool is_stream,
              struct http_reply *reply)
{
    const char *way = is_stream ? "stream" : "plain";

    cr_expect_eq(reply->status, 200, "%s %s %s: %d %s", call->name, way, trouble->fault,
                 reply->status, reply->body);
    cr_expect(strcasestr(reply->body, "\"error\":{") == NULL, "%s %s %s: %s", call->name, way,
              trouble->fault, reply->body);
    cr_expect(strcasestr(reply->body, "canary") == NULL, "%s %s: %s", call->name, trouble->fault,
              reply->body);
    http_reply_free(&reply);
}

Test(failover, whatever_goes_wrong_before_content_the_next_route_answers, .timeout = 280)
{
    struct gateway *gateway = gateway_start(&abc);
    char *key = gateway_key(gateway, "--quota 100usd"), rules[64];
    const struct call *call;
    int64_t n_calls = 0;

    for (size_t i = 0; i < N_TROUBLES; i++) {
        snprintf(rules, sizeof rules, "/a/ %s", troubles[i].fault);
        gateway_mock_control(gateway, 0, rules);
        for (size_t n = 0; (call = call_at(n / 2)) != NULL; n++) {
            if (!is_in(&troubles[i], call, n % 2 == 1))
                continue;
            gateway_mock_reset(gateway);
            expect_answer(call, &troubles[i], n % 2 == 1,
                          call_model(gateway, call, key, "routed", n % 2 == 1, "hi"));
            n_calls++;
            /* A pooled connection that ends without a byte may be dialled anew, once. */
            int64_t n_failed = routes_calls(gateway, "a");
            cr_expect(n_failed >= 1 && n_failed <= 2, "%s %s: %lld calls of a", call->name,
                      troubles[i].fault, (long long)n_failed);
            cr_expect_eq(routes_calls(gateway, "b"), 1, "%s %s", call->name, troubles[i].fault);
            cr_expect_eq(routes_calls(gateway, "c"), 0, "%s %s", call->name, troubles[i].fault);
            if (troubles[i].is_of_credential)
                routes_heal(gateway, "routed");
        }
    }
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE category IS NOT NULL"), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE outcome = 'ok'"),
                 n_calls);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt"), 2 * n_calls);
    cr_expect_gt(books_query(gateway, "SELECT count(*) FROM attempt WHERE outcome = 'uncertain'"),
                 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* What is counted is estimated then; few have compaction: who says 404 to it is without it. */
static bool
is_told_otherwise(const struct trouble *trouble, const struct call *call)
{
    return dialect_operation_counts(call->operation) ||
           (call->operation == OPERATION_COMPACTION &&
            strncmp(trouble->fault, "status=404", 10) == 0);
}

/* In a stream the head may be gone, with heartbeats: then it ends in the protocol's error. */
static void
expect_error(const struct call *call, const struct trouble *trouble, bool is_stream,
             struct http_reply *reply)
{
    const struct err_info *info = err_info(trouble->category);
    bool is_anthropic = call->protocol == PROTOCOL_ANTHROPIC_MESSAGES;
    int status = is_anthropic ? info->anthropic_status : info->openai_status;
    char value[64] = "";

    cr_expect_eq(reply->status, status, "%s %s %s: %d %s", call->name, is_stream ? "stream" : "",
                 trouble->fault, reply->status, reply->body);
    cr_expect(strstr(reply->body, is_anthropic ? info->anthropic_type : info->openai_type) != NULL,
              "%s %s: %s", call->name, trouble->fault, reply->body);
    cr_expect(strcasestr(reply->body, "canary") == NULL, "%s %s: %s", call->name, trouble->fault,
              reply->body);
    http_header(reply, "content-type", value, sizeof value);
    cr_expect_str_eq(value, "application/json");
    bool is_final = http_header(reply, "x-should-retry", value, sizeof value);
    bool has_after = http_header(reply, "retry-after", value, sizeof value);
    cr_expect_eq(is_final, info->retry != RETRY_AFTER, "%s %s: three routes, and x-should-retry",
                 call->name, trouble->fault);
    cr_expect_eq(has_after, info->retry == RETRY_AFTER, "%s %s", call->name, trouble->fault);
    if (has_after)
        cr_expect(atoi(value) >= 1 && atoi(value) <= 60, "%s: retry-after %s", trouble->fault,
                  value);
    http_reply_free(&reply);
}

Test(failover, when_no_route_is_left_the_caller_gets_the_status_of_its_protocol, .timeout = 280)
{
    struct gateway *gateway = gateway_start(&abc);
    char *key = gateway_key(gateway, "--quota 100usd"), rules[64];
    const struct call *call;

    for (size_t i = 0; i < N_TROUBLES; i++) {
        snprintf(rules, sizeof rules, "* %s", troubles[i].fault);
        gateway_mock_control(gateway, 0, rules);
        for (size_t n = 0; (call = call_at(n / 2)) != NULL; n++) {
            if (!is_in(&troubles[i], call, n % 2 == 1) || is_told_otherwise(&troubles[i], call) ||
                (troubles[i].is_slow && call->operation != OPERATION_CHAT))
                continue;
            gateway_mock_reset(gateway);
            expect_error(call, &troubles[i], n % 2 == 1,
                         call_model(gateway, call, key, "routed", n % 2 == 1, "hi"));
            int64_t n_attempts = gateway_mock_count(gateway, "requests");
            cr_expect(n_attempts >= 3 && n_attempts <= 6, "%s %s: %lld calls", call->name,
                      troubles[i].fault, (long long)n_attempts);
            if (troubles[i].is_of_credential)
                routes_heal(gateway, "routed");
        }
    }
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cr_expect_eq(books_reserved(gateway), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE category IS NULL"), 0);
    gateway_mock_control(gateway, 0, "");
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_CHAT), key, "routed", false, "hi");
    cr_expect_eq(reply->status, 200, "it serves again: %d %s", reply->status, reply->body);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* In other words, without what the model does not take: by the same route. (The mock's Anthropic
 * gives no code.) */
static int
is_said_again(const struct call *call, const char *fault)
{
    return strstr(fault, "unsupported") != NULL &&
           (call->operation == OPERATION_CHAT || call->operation == OPERATION_RESPONSE);
}

Test(failover, what_the_caller_has_done_is_tried_once_and_ejects_nothing, .timeout = 120)
{
    static const char *const faults[] = {"status=400",
                                         "status=413",
                                         "status=422",
                                         "status=400,code=context_length_exceeded",
                                         "status=400,code=content_policy_violation",
                                         "status=400,code=unsupported_parameter"};
    static const struct gateway_options options = {
        .settings = PATIENCE, .upstreams = ROUTES_UPSTREAMS, .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), rules[64];
    const struct call *call;
    int64_t n_calls = 0;

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        snprintf(rules, sizeof rules, "/a/ %s", faults[i]);
        gateway_mock_control(gateway, 0, rules);
        for (size_t n = 0; (call = call_at(n / 2)) != NULL; n++) {
            struct http_reply *reply =
                call_model(gateway, call, key, "routed", n % 2 == 1 && call->can_stream, "hi");

            n_calls += 1 + is_said_again(call, faults[i]);
            cr_expect(reply->status >= 400 && reply->status < 500, "%s %s: %d", call->name,
                      faults[i], reply->status);
            cr_expect_eq(http_header_count(reply, "x-should-retry"), 1, "%s", faults[i]);
            http_reply_free(&reply);
        }
    }
    cr_expect_eq(routes_calls(gateway, "a"), n_calls, "breakers are on, and a is still asked");
    cr_expect_eq(gateway_mock_count(gateway, "requests"), n_calls);
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* The last of start frames, and of content: UF-06 before it, UF-05 behind it. */
Test(failover, ends_with_the_first_piece_of_content, .timeout = 200)
{
    static const char *const faults[] = {"cut", "rst", "eof", "garbage", "error-event", "stall"};
    struct gateway *gateway = gateway_start(&abc);
    char *key = gateway_key(gateway, "--quota 100usd"), rules[64];
    const struct call *call;

    for (size_t i = 0; i < 2 * (sizeof faults / sizeof *faults); i++) {
        bool is_behind = i % 2 == 1;

        for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
            if (!call->can_stream || call->n_start_events == 0)
                continue;
            snprintf(rules, sizeof rules, "/a/ %s=%d", faults[i / 2],
                     call->n_start_events + is_behind);
            gateway_mock_control(gateway, 0, rules);
            gateway_mock_reset(gateway);
            struct http_reply *reply = call_model(gateway, call, key, "routed", true, "hi");
            bool is_whole = strstr(reply->body,
                                   call->end_event[0] == '\0' ? "[DONE]" : call->end_event) != NULL;

            cr_expect_eq(reply->status, 200, "%s %s: %d", call->name, rules, reply->status);
            cr_expect_eq(is_whole, !is_behind, "%s %s: %s", call->name, rules, reply->body);
            cr_expect_eq(strstr(reply->body, "\"error\":{") != NULL, is_behind, "%s %s: %s",
                         call->name, rules, reply->body);
            cr_expect_eq(gateway_mock_count(gateway, "requests"), is_behind ? 1 : 2, "%s %s",
                         call->name, rules);
            http_reply_free(&reply);
        }
    }
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(failover, of_an_uncertain_end_only_if_the_operator_wants_it, .timeout = 100)
{
    static const struct gateway_options options = {.settings = PATIENCE ROUTES_NO_BREAKER
                                                   "failover: {uncertain: false}\n",
                                                   .upstreams = ROUTES_UPSTREAMS,
                                                   .models = ROUTES_MODEL};
    static const struct {
        const char *rules;
        int64_t n_calls;
    } rows[] = {{"/a/ reset", 1},
                {"/a/ close", 1},
                {"/a/ stall", 1},
                {"/a/ status=500", 2},
                {"/a/ error-200", 2}};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        gateway_mock_control(gateway, 0, rows[i].rules);
        gateway_mock_reset(gateway);
        struct http_reply *reply =
            call_model(gateway, call_of(OPERATION_MESSAGE), key, "routed", false, "hi");

        cr_expect_eq(reply->status == 200, rows[i].n_calls == 2, "%s: %d %s", rows[i].rules,
                     reply->status, reply->body);
        cr_expect_eq(routes_calls(gateway, "b"), rows[i].n_calls - 1, "%s", rows[i].rules);
        http_reply_free(&reply);
    }
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE outcome = 'uncertain'"),
                 3);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* UF-01: nobody listens; who listens speaks no TLS. (A wrong certificate: see tls_test of net.) */
Test(failover, goes_past_a_provider_that_cannot_be_connected, .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = PATIENCE BUDGET ROUTES_NO_BREAKER,
        .upstreams = ROUTES_UPSTREAM("a", "%1", ROUTES_KEY) ROUTES_UPSTREAM(
            "b", "%d", ROUTES_KEY) "  c:\n    url: https://127.0.0.1:%d/c/v1\n    probe: none\n"
                                   "    protocols: openai_chat\n" ROUTES_KEY,
        .models = ROUTES_NAMED("refused", "    policy: ordered\n"
                                          "    routes: [{upstream: a}, {upstream: b}]\n")
            ROUTES_NAMED("untls", "    policy: ordered\n"
                                  "    routes: [{upstream: c}, {upstream: b}]\n"),
        .n_mocks = 1};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    const struct call *call = call_of(OPERATION_CHAT);

    gateway_mock_kill(gateway, 1);
    for (int i = 0; i < 4; i++) {
        struct http_reply *reply =
            call_model(gateway, call, key, i < 2 ? "refused" : "untls", i % 2 == 1, "hi");

        cr_expect_eq(reply->status, 200, "call %d: %d %s", i, reply->status, reply->body);
        http_reply_free(&reply);
    }
    cr_expect_eq(routes_calls(gateway, "b"), 4);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE outcome = 'failed' AND"
                                      " status = 0"),
                 4, "known to have produced nothing");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* ---- credentials ---- */

/* Two keys of one upstream, which serves alone. */
static const struct gateway_options two_keys = {
    .settings = PATIENCE BUDGET ROUTES_NO_BREAKER,
    .upstreams = ROUTES_UPSTREAM("a", "%d",
                                 "    keys:\n      - {name: first, env: GATEWAY_FIRST}\n"
                                 "      - {name: second, env: GATEWAY_SECOND}\n"),
    .models = ROUTES_NAMED("routed", "    routes: [{upstream: a}]\n")};

Test(failover, a_refused_credential_gives_way_to_another_of_the_same_provider, .timeout = 100)
{
    static const char *const statuses[] = {"401", "402", "429", "400,code=insufficient_quota"};
    char rules[128];

    setenv("GATEWAY_FIRST", "sk-canary-first", 1);
    setenv("GATEWAY_SECOND", "sk-canary-second", 1);
    struct gateway *gateway = gateway_start(&two_keys);
    char *key = gateway_key(gateway, "");

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        snprintf(rules, sizeof rules, "key:sk-canary-first status=%s", statuses[i]);
        gateway_mock_control(gateway, 0, rules);
        gateway_mock_reset(gateway);
        for (int k = 0; k < 6; k++) {
            struct http_reply *reply =
                call_model(gateway, call_of(OPERATION_CHAT), key, "routed", k % 2 == 1, "hi");

            cr_expect_eq(reply->status, 200, "%s: %d %s", statuses[i], reply->status, reply->body);
            http_reply_free(&reply);
        }
        /* Asked once at most: from then on it is known to be out. */
        cr_expect_leq(gateway_mock_count(gateway, "credentials.sk-canary-first"), 1, "%s",
                      statuses[i]);
        cr_expect_eq(gateway_mock_count(gateway, "credentials.sk-canary-second"), 6, "%s",
                     statuses[i]);
        routes_heal(gateway, "routed");
    }
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(failover, when_every_credential_is_out_nobody_asks_the_provider, .timeout = 100)
{
    static const struct {
        const char *fault;
        int status;
        const char *header; /* that the answer then has */
    } rows[] = {{"status=401", 502, "x-should-retry"},
                {"status=402", 502, "x-should-retry"},
                {"status=429,retry-after=30", 429, "retry-after"},
                {"status=429,retry-after=999999", 429, "retry-after"},
                {"status=429,retry-after=Sat;+26+Sep+2099+12:00:00+GMT", 429, "retry-after"},
                {"status=429,retry-after=junk", 429, "retry-after"}};
    static const struct gateway_options options = {
        .settings = PATIENCE BUDGET ROUTES_NO_BREAKER,
        .upstreams = ROUTES_UPSTREAM("a", "%d", ROUTES_KEY),
        .models = ROUTES_NAMED("routed", "    routes: [{upstream: a}]\n")};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), rules[128], value[64];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(rules, sizeof rules, "* %s", rows[i].fault);
        gateway_mock_control(gateway, 0, rules);
        gateway_mock_reset(gateway);
        for (int k = 0; k < 5; k++) {
            struct http_reply *reply =
                call_model(gateway, call_of(OPERATION_CHAT), key, "routed", false, "hi");

            cr_expect_eq(reply->status, rows[i].status, "%s: %d %s", rows[i].fault, reply->status,
                         reply->body);
            cr_expect(http_header(reply, rows[i].header, value, sizeof value), "%s: no %s",
                      rows[i].fault, rows[i].header);
            if (rows[i].status == 429)
                cr_expect(atoi(value) >= 1 && atoi(value) <= 60, "%s: %s", rows[i].fault, value);
            http_reply_free(&reply);
        }
        cr_expect_eq(gateway_mock_count(gateway, "requests"), 1, "%s", rows[i].fault);
        routes_heal(gateway, "routed");
    }
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* What a provider forbids one caller, by what it wrote, is no matter of the others. */
Test(failover, a_caller_who_is_forbidden_something_takes_nothing_from_others, .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = PATIENCE BUDGET, .upstreams = ROUTES_UPSTREAMS, .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *odd = gateway_key(gateway, ""), *key = gateway_key(gateway, "");
    const struct call *call = call_of(OPERATION_CHAT);

    for (int i = 0; i < 40; i++) {
        struct http_reply *reply = call_model(gateway, call, key, "routed", i % 2 == 1, "hi");

        cr_expect_eq(reply->status, 200, "%d: %d %s", i, reply->status, reply->body);
        http_reply_free(&reply);
        gateway_mock_reset(gateway);
        reply = call_model(gateway, call, odd, "routed", i % 2 == 1, "bad !mock:status=403");
        cr_expect_eq(reply->status, 502, "%d: %d %s", i, reply->status, reply->body);
        http_reply_free(&reply);
        cr_expect_eq(routes_calls(gateway, "a"), 1, "a is not asked any more");
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(odd);
    free(key);
}

/* It said that it is complete, in an event that could not be passed on. */
Test(failover, an_end_that_cannot_be_told_is_no_end, .timeout = 60)
{
    struct gateway *gateway = gateway_start(&abc);
    char *key = gateway_key(gateway, "");

    gateway_mock_control(gateway, 0, "* long-id");
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_RESPONSE), key, "routed", true, "hi");

    cr_expect_eq(reply->status, 200);
    cr_expect(strstr(reply->body, "response.completed") == NULL, "%s", reply->body);
    cr_expect(strstr(reply->body, "response.failed") != NULL, "%s", reply->body);
    http_reply_free(&reply);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt"), 1);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE outcome = 'ok'"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
