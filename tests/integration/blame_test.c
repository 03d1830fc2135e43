/* SPDX-License-Identifier: ISC
 *
 * What a caller alone brings about shuts nothing for others: no route, no credential (SE-07). Each
 * case is an upstream's answer to one odd request; an ordinary one must be served right after.
 */
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
ask(const struct gateway *gateway, const char *key, enum operation operation, bool is_stream)
{
    struct http_reply *reply =
        call_model(gateway, call_of(operation), key, "routed", is_stream, "hi");
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

/* Somebody was answered just before; then ten odd requests; then others want to be answered. */
static void
check(struct gateway *gateway, const char *rules, enum operation operation, bool is_stream)
{
    char *key = gateway_key(gateway, ""), *other = gateway_key(gateway, "");

    gateway_mock_control(gateway, 0, "");
    routes_heal(gateway, "routed");
    cr_expect_eq(ask(gateway, other, OPERATION_CHAT, false), 200);
    gateway_mock_control(gateway, 0, rules);
    for (int i = 0; i < 10; i++)
        cr_expect_neq(ask(gateway, key, operation, is_stream), 200, "%s", rules);
    gateway_mock_control(gateway, 0, "");
    cr_expect_eq(ask(gateway, other, OPERATION_CHAT, false), 200, "shut by: %s", rules);
    cr_expect_eq(ask(gateway, other, OPERATION_MESSAGE, true), 200, "shut by: %s", rules);
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
    struct gateway *gateway = gateway_start(&options);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(gateway, cases[i].rules, cases[i].operation, cases[i].is_stream);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
