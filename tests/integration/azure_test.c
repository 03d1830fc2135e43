/* SPDX-License-Identifier: ISC
 *
 * Azure's two forms, and what the operator says that models take. The mock's Azure refuses a path
 * without its deployment or version, and a key in another header than its own; what it adds to
 * answers must not reach the caller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "http.h"
#include "json.h"
#include "ladder.h"
#include "rig.h"

#define AZURE(name, path, more)                                                                    \
    "  " name ":\n    url: http://127.0.0.1:%d/azure" path "\n    flavor: azure\n"                 \
    "    probe: none\n" more ROUTES_KEY
#define CHAT   "    api_version: 2024-10-21\n    protocols: openai_chat\n"
#define BOTH   "    protocols: [openai_chat, openai_responses]\n"
#define AZURES AZURE("older", "/openai", CHAT) AZURE("newer", "/openai/v1", BOTH)

#define ROUTE(upstream, model) "    routes: [{upstream: " upstream ", model: " model "}]\n"
#define SETTINGS               ROUTES_NO_AFFINITY ROUTES_NO_BREAKER

static const struct gateway_options azure = {
    .settings = SETTINGS,
    .upstreams = AZURES,
    .models = ROUTES_NAMED("by-deployment", ROUTE("older", "gpt-4.1-mini"))
        ROUTES_NAMED("by-name", ROUTE("newer", "gpt-4.1-mini"))
            ROUTES_NAMED("careful", "    fallback: [by-name]\n    fallback_on: refusal\n" ROUTE(
                                        "older", "gpt-4.1-mini")),
};

static void
expect_served(const struct call *call, const char *model, bool is_stream)
{
    struct http_reply *reply = call_model(gateway, call, key, model, is_stream, "say something");
    const struct slice body = {reply->body, reply->body_len};

    cr_expect_eq(reply->status, 200, "%s %s: %s", call->name, model, reply->body);
    cr_expect_null(strstr(reply->body, "canary"), "%s %s: %s", call->name, model, reply->body);
    cr_expect_null(strstr(reply->head, "canary"), "%s %s: %s", call->name, model, reply->head);
    cr_expect_null(strstr(reply->body, "filter_results"), "%s %s: %s", call->name, model,
                   reply->body);
    cr_expect_null(strstr(reply->body, "\"choices\":[],\"created\":0"), "%s", reply->body);
    if (is_stream && call->operation != OPERATION_COMPLETION) {
        struct ladder ladder = ladder_climb(call->protocol, body);

        cr_expect_null(ladder.fault, "%s %s: %s: %s\n%s", call->name, model, ladder.fault,
                       ladder.why, reply->body);
    }
    http_reply_free(&reply);
}

Test(azure, every_endpoint_reaches_both_forms, .timeout = 120)
{
    static const char *const models[] = {"by-deployment", "by-name"};
    const struct call *call;
    int64_t n = 0;

    rig_start_strict(&azure);
    for (size_t i = 0; (call = call_at(i)) != NULL; i++) {
        if (dialect_operation_counts(call->operation) || call->operation == OPERATION_COMPACTION)
            continue;
        for (size_t m = 0; m < 2; m++) {
            for (int is_stream = 0; is_stream <= call->can_stream; is_stream++, n++)
                expect_served(call, models[m], is_stream != 0);
        }
    }
    cr_expect_geq(n, 18);
    cr_expect_eq(books_n_rows(gateway), n);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance != 'reported'"),
                 0);
    rig_stop();
}

/* The test above proves nothing if its mock takes whatever comes. */
Test(azure, the_mock_is_as_strict_as_azure, .timeout = 60)
{
    static const struct {
        const char *path, *headers;
        int status;
    } rows[] = {
        {"/azure/openai/deployments/d/chat/completions?api-version=2024-10-21", "api-key: k\r\n",
         200},
        {"/azure/openai/deployments/d/chat/completions", "api-key: k\r\n", 404},
        {"/azure/openai/chat/completions?api-version=2024-10-21", "api-key: k\r\n", 404},
        {"/azure/openai/deployments/d/chat/completions?api-version=2024-10-21",
         "authorization: Bearer k\r\n", 401},
        {"/azure/openai/deployments/d/chat/completions?api-version=2024-10-21",
         "authorization: Bearer eyJ0\r\n", 200},
        {"/azure/openai/v1/chat/completions", "x-api-key: k\r\n", 401},
        {"/azure/openai/v1/chat/completions", "api-key: k\r\n", 200},
    };

    rig_start_strict(&azure);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_reply *reply =
            http_call(gateway->mock_port, rows[i].path, NULL, rows[i].headers,
                      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");

        cr_expect_eq(reply->status, rows[i].status, "%s %s: %d", rows[i].path, rows[i].headers,
                     reply->status);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(azure, a_blocked_prompt_is_a_refusal, .timeout = 60)
{
    const struct call *call = call_of(OPERATION_CHAT);
    const char *const blocked = "hi !mock:status=400,code=content_filter";

    rig_start_strict(&azure);
    struct http_reply *reply = call_model(gateway, call, key, "by-deployment", false, blocked);

    cr_expect_eq(reply->status, 400, "%s", reply->body);
    cr_expect_not_null(strstr(reply->body, "content_policy_violation"), "%s", reply->body);
    cr_expect_null(strstr(reply->body, "innererror"), "%s", reply->body);
    cr_expect_null(strstr(reply->body, "canary"), "%s", reply->body);
    http_reply_free(&reply);

    gateway_mock_control(gateway, 0, "/azure/openai/deployments/ status=400,code=content_filter");
    reply = call_model(gateway, call, key, "careful", false, "hi");
    cr_expect_eq(reply->status, 200, "%s", reply->body);
    http_reply_free(&reply);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE reason = 'fallback'"), 1);
    rig_stop();
}

Test(azure, how_long_to_wait_may_be_said_in_milliseconds, .timeout = 60)
{
    char value[32];

    rig_start_strict(&azure);
    struct http_reply *reply = call_model(gateway, call_of(OPERATION_CHAT), key, "by-name", false,
                                          "hi !mock:status=429,retry-after=7");

    cr_expect_eq(reply->status, 429, "%s", reply->body);
    cr_expect(http_header(reply, "retry-after", value, sizeof value) && strcmp(value, "7") == 0,
              "%s", reply->head);
    http_reply_free(&reply);
    rig_stop();
}

Test(azure, a_strict_keys_bound_goes_up_in_the_servers_own_word, .timeout = 60)
{
    static const char *const bounds[][2] = {
        {"by-deployment", "\"max_completion_tokens\":1000"},
        {"gpt-4.1-mini", "\"max_tokens\":"}, /* of a server that nothing is known of */
    };

    rig_start_strict(&azure);
    char *strict = gateway_key(gateway, "--quota 100usd --strict on");
    for (size_t i = 0; i < 2; i++) {
        struct http_reply *reply =
            call_model(gateway, call_of(OPERATION_CHAT), strict, bounds[i][0], false, "hi");
        char *last = gateway_mock_last(gateway);

        cr_expect_eq(reply->status, 200, "%s", reply->body);
        cr_expect_not_null(strstr(last, bounds[i][1]), "%s", last);
        free(last);
        http_reply_free(&reply);
    }
    free(strict);
    rig_stop();
}

/* ---- capabilities ---- */

#define HOUSE ROUTES_NAMED("house", ROUTE("older", "house-7"))
#define HOUSE_IS(row)                                                                              \
    {                                                                                              \
        .settings = SETTINGS "capabilities:\n  - {models: house-, " row "}\n",                     \
        .upstreams = AZURES, .models = HOUSE                                                       \
    }

/* What of a Messages request the model was sent; free it. */
static char *
sent(char *dropped, size_t size)
{
    struct http_reply *reply = http_call(
        gateway->port, "/v1/messages", key, NULL,
        "{\"model\":\"house\",\"max_tokens\":900,\"temperature\":0.5,\"stop_sequences\":[\"END\"],"
        "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");

    cr_expect_eq(reply->status, 200, "%s", reply->body);
    if (!http_header(reply, "x-relayos-dropped", dropped, size))
        dropped[0] = '\0';
    http_reply_free(&reply);
    return gateway_mock_last(gateway);
}

static bool
is_cut_to_50(const struct gateway *g, void *data)
{
    char dropped[256], *last = sent(dropped, sizeof dropped);
    bool is_cut = strstr(last, "\"max_completion_tokens\":50,") != NULL;

    (void)g;
    (void)data;
    free(last);
    return is_cut;
}

Test(azure, what_a_deployment_takes_is_the_operators_word_and_holds_from_the_reload_on,
     .timeout = 60)
{
    static const struct gateway_options reasons = HOUSE_IS("like: gpt-5.1");
    static const struct gateway_options talks =
        HOUSE_IS("like: gpt-4.1, lacks: stop, max_output_tokens: 50");
    char dropped[256], *last;

    rig_start_strict(&reasons);
    last = sent(dropped, sizeof dropped);
    cr_expect_str_eq(dropped, "stop, temperature");
    cr_expect_not_null(strstr(last, "\"max_completion_tokens\":900"), "%s", last);
    cr_expect_null(strstr(last, "temperature"), "%s", last);
    free(last);

    gateway_reconfigure(gateway, &talks);
    cr_assert(gateway_wait(gateway, is_cut_to_50, NULL));
    last = sent(dropped, sizeof dropped);
    cr_expect_str_eq(dropped, "stop");
    cr_expect_not_null(strstr(last, "\"temperature\":0.5"), "%s", last);
    free(last);

    cJSON *shown = gateway_ctl(gateway, "route show house/older");
    const char *takes = json_text(shown, "route.capability");

    cr_expect(strncmp(takes, "none; sampling, ", 16) == 0, "%s", takes);
    cr_expect_null(strstr(takes, "stop"), "%s", takes);
    cr_expect_not_null(strstr(takes, "at most 50 tokens"), "%s", takes);
    cJSON_Delete(shown);
    rig_stop();
}
