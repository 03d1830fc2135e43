/* SPDX-License-Identifier: ISC
 *
 * What a caller alone brings about shuts nothing for others: no route, no credential (SE-07). Each
 * case is an upstream's answer to one odd request; an ordinary one must be served right after.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "routes.h"

/* One route, one credential: whatever is shut is shut for all. */
#define ONLY_A ROUTES_NAMED("routed", "    routes: [{upstream: a}]\n")

static const struct gateway_options options = {.settings =
                                                   ROUTES_NO_AFFINITY "health: {open_time: 60s}\n",
                                               .upstreams = ROUTES_UPSTREAMS,
                                               .models = ONLY_A};

static int
say(const struct gateway *gateway, const char *key, const char *text)
{
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_CHAT), key, "routed", false, text);
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

static int
ask(const struct gateway *gateway, const char *key, enum operation operation, bool is_stream)
{
    struct http_reply *reply =
        call_model(gateway, call_of(operation), key, "routed", is_stream, "hi");
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

#define POISON "hello !mock:status=500"

struct two {
    const char *key, *other;
};

static bool
is_other_answered(const struct gateway *gateway, void *data)
{
    const struct two *two = data;

    cr_expect_neq(say(gateway, two->key, POISON), 200);
    return say(gateway, two->other, "hello") == 200;
}

/* Ten odd requests; then others want to be answered. Whether anybody was just before, or the model
 * was left alone till then, makes no difference. */
static void
check(struct gateway *gateway, const char *rules, enum operation operation, bool is_stream)
{
    char *key = gateway_key(gateway, ""), *other = gateway_key(gateway, "");

    for (int is_used = 0; is_used < 2; is_used++) {
        gateway_mock_control(gateway, 0, rules);
        for (int i = 0; i < 10; i++)
            cr_expect_eq(ask(gateway, key, operation, is_stream) == 200,
                         dialect_operation_counts(operation), "%s", rules); /* an estimate */
        gateway_mock_control(gateway, 0, "");
        cr_expect_eq(ask(gateway, other, OPERATION_CHAT, false), 200, "shut by: %s", rules);
        cr_expect_eq(ask(gateway, other, OPERATION_MESSAGE, true), 200, "shut by: %s", rules);
        routes_heal(gateway, "routed");
    }
    free(key);
    free(other);
}

Test(blame, nobody_shuts_a_route_for_others_by_what_it_has_not, .timeout = 200)
{
    static const struct {
        const char *rules;
        enum operation operation;
        bool is_stream;
    } cases[] = {
        {"/a/v1/messages/count_tokens status=404", OPERATION_COUNT_TOKENS, false},
        {"/a/v1/messages/count_tokens status=405", OPERATION_COUNT_TOKENS, false},
        {"/a/v1/messages/count_tokens status=500", OPERATION_COUNT_TOKENS, false},
        {"/a/v1/messages/count_tokens status=429", OPERATION_COUNT_TOKENS, false},
        {"/a/v1/responses/input_tokens status=404", OPERATION_INPUT_TOKENS, false},
        {"/a/v1/responses/input_tokens status=500", OPERATION_INPUT_TOKENS, false},
        {"/a/v1/responses/compact status=404", OPERATION_COMPACTION, false},
        {"/a/v1/responses/compact status=501", OPERATION_COMPACTION, false},
        {"/a/v1/embeddings status=404", OPERATION_EMBEDDING, false},
        {"/a/v1/completions status=404,code=model_not_found", OPERATION_COMPLETION, false},
        {"/a/v1/responses status=424", OPERATION_RESPONSE, false},
        {"/a/v1/chat status=405", OPERATION_CHAT, true},
        {"/a/v1/chat status=400,code=model_not_found", OPERATION_CHAT, false},
        {"/a/v1/chat status=400,code=permission_error", OPERATION_CHAT, false},
        {"/a/v1/chat status=403", OPERATION_CHAT, false},
        {"/a/v1/chat error-200,code=PERMISSION_DENIED", OPERATION_CHAT, false},
        {"/a/v1/responses error-200,code=NOT_FOUND", OPERATION_RESPONSE, false},
    };
    struct gateway *gateway;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gateway = gateway_start(&options); /* anew: it has answered nobody */
        check(gateway, cases[i].rules, cases[i].operation, cases[i].is_stream);
        books_check(gateway);
        cr_expect_eq(gateway_stop(&gateway), 0);
    }
}

/* Two routes: one may be shut by that while nobody else is there, never both; and what a key's odd
 * requests try in vain is no other's budget for failover. */
Test(blame, odd_requests_leave_a_route_and_the_budget_for_others, .timeout = 100)
{
    static const struct gateway_options two = {
        .settings = ROUTES_NO_AFFINITY "health: {open_time: 60s}\n"
                                       "failover: {retry_percent: 0, retry_min: 2}\n",
        .upstreams = ROUTES_UPSTREAMS,
        .models = ROUTES_NAMED("routed", "    policy: ordered\n"
                                         "    routes: [{upstream: a}, {upstream: b}]\n")};
    struct gateway *gateway = gateway_start(&two);
    char *key = gateway_key(gateway, ""), *other = gateway_key(gateway, "");

    gateway_mock_control(gateway, 0, "/a/v1/embeddings status=404\n/b/v1/embeddings status=404");
    for (int i = 0; i < 30; i++)
        cr_expect_neq(ask(gateway, key, OPERATION_EMBEDDING, false), 200);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(ask(gateway, other, OPERATION_CHAT, i % 2), 200);
    routes_heal(gateway, "routed");
    gateway_mock_control(gateway, 0, "/a/ status=500");
    cr_expect_eq(ask(gateway, other, OPERATION_CHAT, false), 200, "no budget is left to it");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
    free(other);
}

/* A retry loop over a request that makes every upstream fail, beside others who work. */
Test(blame, one_callers_failing_requests_leave_the_model_to_others, .timeout = 100)
{
    static const char *const models[] = {
        ONLY_A, ROUTES_NAMED("routed", "    policy: weighted\n"
                                       "    routes: [{upstream: a}, {upstream: b}]\n")};

    for (size_t n = 0; n < sizeof(models) / sizeof(models[0]); n++) {
        const struct gateway_options here = {.workers = 1,
                                             .settings = ROUTES_NO_AFFINITY,
                                             .upstreams = ROUTES_UPSTREAMS,
                                             .models = models[n]};
        struct gateway *gateway = gateway_start(&here);
        char *key = gateway_key(gateway, ""), *other = gateway_key(gateway, "");
        struct two two = {key, other};

        for (int i = 0; i < 20; i++) /* by both routes */
            cr_expect_eq(say(gateway, other, "hello"), 200);
        for (int i = 0; i < 20; i++)
            cr_expect_neq(say(gateway, key, POISON), 200);
        cr_expect_eq(say(gateway, other, "hello"), 200, "%s", models[n]);
        /* Nobody else was there, and all of it is open by now; it goes on all the time. */
        gateway_end(gateway, SIGTERM);
        gateway_restart(gateway);
        for (int i = 0; i < 20; i++)
            cr_expect_neq(say(gateway, key, POISON), 200);
        cr_expect(gateway_wait(gateway, is_other_answered, &two), "%s", models[n]);
        for (int i = 0; i < 3; i++) /* the loop takes trials, too, but not all of them */
            cr_expect(gateway_wait(gateway, is_other_answered, &two), "%s", models[n]);
        books_check(gateway);
        cr_expect_eq(gateway_stop(&gateway), 0);
        free(key);
        free(other);
    }
}
