/* SPDX-License-Identifier: ISC
 *
 * Any model over any protocol: every endpoint that can be translated with every protocol that an
 * upstream may speak, against mocks as strict as the real APIs. What the client gets is its own
 * protocol's, whole and of the gateway alone; what is charged is what the provider reports.
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
#include "relayos/base/err.h"
#include "rig.h"

#define ROUTE_CHAT     "{upstream: chat, model: gpt-4.1-mini, tier: 3}"
#define ROUTE_MESSAGES "{upstream: messages, model: claude-sonnet-4-5}"
#define ROUTE_GEMINI   "{upstream: google, model: gemini-2.5-pro, tier: 2}"

/* One model per protocol of an upstream, and one whose routes are of different ones. */
static const struct gateway_options each = {
    .settings = ROUTES_NO_AFFINITY "failover: {retry_min: 100000}\n" ROUTES_NO_BREAKER,
    .upstreams = RIG_UPSTREAMS,
    .models = RIG_MODEL("over-chat", "chat", "gpt-4.1-mini")
        RIG_MODEL("over-responses", "answers", "gpt-4.1-mini")
            RIG_MODEL("over-messages", "messages", "claude-sonnet-4-5")
                RIG_MODEL("over-gemini", "google", "gemini-2.5-pro")
                    RIG_MODEL("over-gemini-3", "google", "gemini-3-pro-preview")
                        ROUTES_NAMED("mixed", "    policy: ordered\n    routes: [" ROUTE_MESSAGES
                                              ", " ROUTE_GEMINI ", " ROUTE_CHAT "]\n"),
};

static const char *const models[] = {"over-chat", "over-responses", "over-messages", "over-gemini"};
#define N_MODELS (sizeof models / sizeof *models)

/* One of all ways: endpoint, model, plain or streamed. */
struct way {
    const struct call *call;
    const char *model;
    bool is_stream;
};

static bool
way_at(size_t n, struct way *out)
{
    const struct call *call;

    for (size_t i = 0; (call = call_at(i)) != NULL; i++) {
        if (call->operation != OPERATION_CHAT && call->operation != OPERATION_RESPONSE &&
            call->operation != OPERATION_MESSAGE)
            continue;
        if (n < 2 * N_MODELS) {
            *out = (struct way){call, models[n / 2], n % 2 == 1};
            return true;
        }
        n -= 2 * N_MODELS;
    }
    return false;
}

/* What every client insists on, and what none may see. */
static void
expect_clean(const struct way *way, const struct http_reply *reply)
{
    struct slice body = {reply->body, reply->body_len};

    cr_expect(strcasestr(reply->body, "canary") == NULL &&
                  strcasestr(reply->head, "canary") == NULL,
              "%s %s: %s%s", way->call->name, way->model, reply->head, reply->body);
    if (!way->is_stream || reply->status != 200)
        return;
    struct ladder ladder = ladder_climb(way->call->protocol, body);
    cr_expect_null(ladder.fault, "%s %s: %s: %s\n%s", way->call->name, way->model, ladder.fault,
                   ladder.why, reply->body);
}

static const char *
model_of(const struct way *way, const cJSON *answer)
{
    if (!way->is_stream)
        return json_text(answer, "model");
    if (way->call->operation == OPERATION_CHAT)
        return json_text(answer, "0.data.model");
    return json_text(answer, way->call->operation == OPERATION_RESPONSE ? "0.data.response.model"
                                                                        : "0.data.message.model");
}

static void
expect_text(const struct way *way, const struct http_reply *reply)
{
    cJSON *answer = way->is_stream ? json_events(reply) : json_body(reply);
    char *streamed = way->is_stream ? json_stream_text(answer) : NULL;
    const char *text = way->is_stream ? streamed : json_text(answer, way->call->text_path);

    cr_expect(strlen(text) > 10, "%s %s: %s", way->call->name, way->model, reply->body);
    cr_expect_str_eq(model_of(way, answer), way->model, "%s", way->call->name);
    free(streamed);
    cJSON_Delete(answer);
}

Test(translate, every_endpoint_reaches_every_protocol, .timeout = 120)
{
    struct way way;
    size_t n;

    rig_start_strict(&each);
    for (n = 0; way_at(n, &way); n++) {
        struct http_reply *reply =
            call_model(gateway, way.call, key, way.model, way.is_stream, "say something");

        cr_expect_eq(reply->status, 200, "%s %s: %s", way.call->name, way.model, reply->body);
        expect_clean(&way, reply);
        if (reply->status == 200)
            expect_text(&way, reply);
        http_reply_free(&reply);
    }
    cr_expect_geq(n, 24);
    cr_expect_eq(books_n_rows(gateway), (int64_t)n);
    cr_expect_eq(routes_calls(gateway, "chat"), (int64_t)(n / N_MODELS));
    cr_expect_eq(routes_calls(gateway, "google"), (int64_t)(n / N_MODELS));
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance != 'reported'"),
                 0);
    rig_stop();
}

Test(translate, what_the_provider_reports_is_charged, .timeout = 120)
{
    struct way way;
    int64_t n = 0;

    rig_start_strict(&each);
    for (; way_at((size_t)n, &way); n++) {
        struct http_reply *reply = call_model(gateway, way.call, key, way.model, way.is_stream,
                                              "hi !mock:in=100,out=10,cached=40");

        cr_expect_eq(reply->status, 200, "%s %s: %s", way.call->name, way.model, reply->body);
        http_reply_free(&reply);
    }
    cr_expect_eq(
        books_charged_nusd(gateway),
        n * (100 * GATEWAY_INPUT_NUSD + 40 * GATEWAY_CACHED_NUSD + 10 * GATEWAY_OUTPUT_NUSD));
    rig_stop();
}

/* ---- tools ---- */

#define SCHEMA "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}}}"

static char *
tool_body(const struct way *way)
{
    const char *stream = way->is_stream ? ",\"stream\":true" : "";
    char *body = NULL;
    int len;

    if (way->call->operation == OPERATION_CHAT)
        len = asprintf(&body,
                       "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":"
                       "\"hi !mock:tools=2\"}],\"tools\":[{\"type\":\"function\",\"function\":{"
                       "\"name\":\"read_file\",\"parameters\":" SCHEMA "}}]%s}",
                       way->model, stream);
    else if (way->call->operation == OPERATION_RESPONSE)
        len = asprintf(&body,
                       "{\"model\":\"%s\",\"input\":\"hi !mock:tools=2\",\"tools\":[{\"type\":"
                       "\"function\",\"name\":\"read_file\",\"parameters\":" SCHEMA
                       ",\"strict\":false}]%s}",
                       way->model, stream);
    else
        len = asprintf(&body,
                       "{\"model\":\"%s\",\"max_tokens\":500,\"messages\":[{\"role\":\"user\","
                       "\"content\":\"hi !mock:tools=2\"}],\"tools\":[{\"name\":\"read_file\","
                       "\"input_schema\":" SCHEMA "}]%s}",
                       way->model, stream);
    cr_assert(len > 0);
    return body;
}

static int
n_of(const char *text, const char *what)
{
    int n = 0;

    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        n++;
    return n;
}

Test(translate, tools_are_called_whatever_the_pair, .timeout = 120)
{
    struct way way;

    rig_start_strict(&each);
    for (size_t n = 0; way_at(n, &way); n++) {
        char *body = tool_body(&way);
        struct http_reply *reply = http_call(gateway->port, way.call->path, key, NULL, body);

        cr_expect_eq(reply->status, 200, "%s %s: %s", way.call->name, way.model, reply->body);
        cr_expect_geq(n_of(reply->body, "\"read_file\""), 2, "%s %s: %s", way.call->name, way.model,
                      reply->body);
        expect_clean(&way, reply);
        http_reply_free(&reply);
        free(body);
    }
    rig_stop();
}

/* The tool's result goes up with the answer as it came: names, ids and signatures must fit. */
static cJSON *
answered_messages(const struct way *way, const cJSON *answer)
{
    bool is_chat = way->call->operation == OPERATION_CHAT;
    cJSON *turns = cJSON_Parse("[{\"role\":\"user\",\"content\":\"hi !mock:tools=2\"}]"), *results;
    const cJSON *said = json_at(answer, is_chat ? "choices.0.message" : "content"), *call;

    if (is_chat) {
        cJSON_AddItemToArray(turns, cJSON_Duplicate(said, true));
        cJSON_ArrayForEach(call, json_at(said, "tool_calls"))
        {
            cJSON *result = cJSON_CreateObject();

            cJSON_AddStringToObject(result, "role", "tool");
            cJSON_AddStringToObject(result, "tool_call_id", json_text(call, "id"));
            cJSON_AddStringToObject(result, "content", "it is there");
            cJSON_AddItemToArray(turns, result);
        }
        return turns;
    }
    cJSON *assistant = cJSON_CreateObject(), *user = cJSON_CreateObject();

    cJSON_AddStringToObject(assistant, "role", "assistant");
    cJSON_AddItemToObject(assistant, "content", cJSON_Duplicate(said, true));
    cJSON_AddStringToObject(user, "role", "user");
    results = cJSON_AddArrayToObject(user, "content");
    cJSON_ArrayForEach(call, said)
    {
        if (strcmp(json_text(call, "type"), "tool_use") != 0)
            continue;
        cJSON *result = cJSON_CreateObject();

        cJSON_AddStringToObject(result, "type", "tool_result");
        cJSON_AddStringToObject(result, "tool_use_id", json_text(call, "id"));
        cJSON_AddStringToObject(result, "content", "it is there");
        cJSON_AddItemToArray(results, result);
    }
    cJSON_AddItemToArray(turns, assistant);
    cJSON_AddItemToArray(turns, user);
    return turns;
}

static cJSON *
answered_items(const cJSON *answer)
{
    cJSON *items = cJSON_Parse("[{\"role\":\"user\",\"content\":\"hi !mock:tools=2\"}]");
    const cJSON *item;

    cJSON_ArrayForEach(item, json_at(answer, "output"))
        cJSON_AddItemToArray(items, cJSON_Duplicate(item, true));
    cJSON_ArrayForEach(item, json_at(answer, "output"))
    {
        if (strcmp(json_text(item, "type"), "function_call") != 0)
            continue;
        cJSON *result = cJSON_CreateObject();

        cJSON_AddStringToObject(result, "type", "function_call_output");
        cJSON_AddStringToObject(result, "call_id", json_text(item, "call_id"));
        cJSON_AddStringToObject(result, "output", "it is there");
        cJSON_AddItemToArray(items, result);
    }
    return items;
}

/* The second request of a loop: that of the first, with what came of it. */
static char *
next_body(const struct way *way, const char *first, const cJSON *answer)
{
    cJSON *body = cJSON_Parse(first);

    if (way->call->operation == OPERATION_RESPONSE)
        cJSON_ReplaceItemInObject(body, "input", answered_items(answer));
    else
        cJSON_ReplaceItemInObject(body, "messages", answered_messages(way, answer));
    char *text = cJSON_PrintUnformatted(body);

    cJSON_Delete(body);
    return text;
}

static void
loop(const struct way *way)
{
    char *first = tool_body(way);
    struct http_reply *reply = http_call(gateway->port, way->call->path, key, NULL, first);
    cJSON *answer = json_body(reply);
    char *second = next_body(way, first, answer);

    http_reply_free(&reply);
    reply = http_call(gateway->port, way->call->path, key, NULL, second);
    cr_expect_eq(reply->status, 200, "%s %s: %s\n%s", way->call->name, way->model, reply->body,
                 second);
    char *last = gateway_mock_last(gateway);
    cr_expect_geq(n_of(last, "it is there"), 2, "%s", last);
    cr_expect_eq(n_of(last, "relay1."), 0, "%s", last);
    /* Chat has no place for it. */
    if (strcmp(way->model, "over-gemini-3") == 0 && way->call->operation != OPERATION_CHAT)
        cr_expect(strstr(last, "\"thoughtSignature\":\"bW9jay1nZW1pbmk=\"") != NULL, "%s\n%s",
                  second, last);
    free(last);
    http_reply_free(&reply);
    cJSON_Delete(answer);
    free(first);
    free(second);
}

Test(translate, a_tools_result_goes_back_to_who_asked_for_it, .timeout = 120)
{
    struct way way;

    rig_start_strict(&each);
    for (size_t n = 0; way_at(n, &way); n += 2) {
        loop(&way);
        if (strcmp(way.model, "over-gemini") == 0) {
            way.model = "over-gemini-3";
            loop(&way);
        }
    }
    rig_stop();
}

/* A conversation moves to a model that is reached straight: what another vendor has signed would be
 * refused there, and is left out at once. */
Test(translate, a_conversation_goes_on_with_a_model_of_another_vendor, .timeout = 60)
{
    struct way way = {call_of(OPERATION_MESSAGE), "over-gemini-3", false};

    rig_start_strict(&each);
    char *first = tool_body(&way);
    struct http_reply *reply = http_call(gateway->port, way.call->path, key, NULL, first);
    cJSON *answer = json_body(reply);
    char *second = next_body(&way, first, answer);
    cJSON *body = cJSON_Parse(second);

    cr_assert(strstr(second, "relay1.gem.") != NULL, "%s", second);
    http_reply_free(&reply);
    free(second);
    cJSON_ReplaceItemInObject(body, "model", cJSON_CreateString("over-messages"));
    second = cJSON_PrintUnformatted(body);
    reply = http_call(gateway->port, way.call->path, key, NULL, second);
    cr_expect_eq(reply->status, 200, "%s", reply->body);
    expect_clean(&way, reply);
    char *last = gateway_mock_last(gateway);
    cr_expect(strstr(last, "relay1.") == NULL, "%s", last);
    cr_expect(strstr(last, "tool_result") != NULL, "%s", last);
    free(last);
    http_reply_free(&reply);
    /* There is no other way to say it. */
    gateway_mock_control(gateway, 0, "* status=400");
    reply = http_call(gateway->port, way.call->path, key, NULL, second);
    cr_expect_eq(reply->status, 400, "%s", reply->body);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt"), 3);
    http_reply_free(&reply);
    cJSON_Delete(answer);
    cJSON_Delete(body);
    free(first);
    free(second);
    rig_stop();
}

/* ---- errors ---- */

Test(translate, before_content_the_route_of_another_protocol_answers, .timeout = 120)
{
    static const char *const troubles[] = {"status=500", "status=529", "error-event",
                                           "garbage",    "eof=0",      "reset"};
    struct way way;
    int64_t n = 0;

    rig_start_strict(&each);
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        char rules[128];

        snprintf(rules, sizeof rules, "* strict\n/messages %s\n/google %s", troubles[i],
                 troubles[i]);
        gateway_mock_control(gateway, 0, rules);
        for (size_t at = 0; way_at(at, &way); at += 2 * N_MODELS) {
            way.model = "mixed";
            way.is_stream = true;
            struct http_reply *reply =
                call_model(gateway, way.call, key, "mixed", true, "say something");

            cr_expect_eq(reply->status, 200, "%s %s: %s", way.call->name, troubles[i], reply->body);
            expect_clean(&way, reply);
            if (reply->status == 200)
                expect_text(&way, reply);
            http_reply_free(&reply);
            n++;
        }
    }
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE outcome = 'ok'"), n);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt"), 3 * n);
    rig_stop();
}

Test(translate, an_error_before_content_has_the_status_of_the_callers_protocol, .timeout = 120)
{
    struct way way;

    rig_start_strict(&each);
    gateway_mock_control(gateway, 0, "* strict\n* status=400");
    for (size_t n = 0; way_at(n, &way); n++) {
        struct http_reply *reply =
            call_model(gateway, way.call, key, way.model, way.is_stream, "hi");

        cr_expect_eq(reply->status, 400, "%s %s: %d %s", way.call->name, way.model, reply->status,
                     reply->body);
        cr_expect(strstr(reply->body, "\"error\":{") != NULL, "%s", reply->body);
        expect_clean(&way, reply);
        http_reply_free(&reply);
    }
    rig_stop();
}

Test(translate, an_error_after_content_ends_the_stream_in_the_callers_protocol, .timeout = 120)
{
    /* Behind the start frames of every mock, and in front of its last. */
    static const char *const troubles[] = {"error-event=6", "cut=6", "eof=6", "garbage=6"};
    struct way way;

    rig_start_strict(&each);
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        char text[64];

        snprintf(text, sizeof text, "hi !mock:chunks=20,%s", troubles[i]);
        for (size_t n = 1; way_at(n, &way); n += 2) {
            struct http_reply *reply = call_model(gateway, way.call, key, way.model, true, text);
            struct slice body = {reply->body, reply->body_len};
            struct ladder ladder = ladder_climb(way.call->protocol, body);

            cr_expect_eq(reply->status, 200, "%s %s %s: %s", way.call->name, way.model, troubles[i],
                         reply->body);
            cr_expect(ladder.fault == NULL && ladder.is_error, "%s %s %s: %s %s\n%s",
                      way.call->name, way.model, troubles[i],
                      ladder.fault == NULL ? "no error" : ladder.fault, ladder.why, reply->body);
            cr_expect(strcasestr(reply->body, "canary") == NULL, "%s", reply->body);
            http_reply_free(&reply);
        }
    }
    rig_stop();
}

/* ---- what cannot be said, or need not ---- */

static struct http_reply *
ask_chat(const char *model, const char *more)
{
    char body[256];

    snprintf(body, sizeof body,
             "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}", model,
             more);
    return http_call(gateway->port, "/v1/chat/completions", key, NULL, body);
}

Test(translate, what_only_tunes_is_dropped_and_named, .timeout = 60)
{
    static const char *const asks[] = {",\"seed\":7", ",\"seed\":7,\"stream\":true", ""};
    char value[64];

    rig_start_strict(&each);
    for (size_t i = 0; i < 3; i++) {
        struct http_reply *reply = ask_chat("over-messages", asks[i]);

        cr_expect_eq(reply->status, 200, "%s", reply->body);
        (void)http_header(reply, "x-relayos-dropped", value, sizeof value);
        cr_expect_str_eq(value, asks[i][0] == '\0' ? "" : "seed", "%s", reply->head);
        http_reply_free(&reply);
    }
    rig_stop();
}

Test(translate, what_changes_the_meaning_is_refused, .timeout = 60)
{
    rig_start_strict(&each);
    gateway_mock_reset(gateway);
    struct http_reply *reply = ask_chat("over-messages", ",\"n\":2");
    cJSON *answer = json_body(reply);

    cr_expect_eq(reply->status, 400, "%s", reply->body);
    cr_expect_str_eq(json_text(answer, "error.param"), "n", "%s", reply->body);
    cr_expect_eq(routes_calls(gateway, "messages"), 0);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cJSON_Delete(answer);
    http_reply_free(&reply);
    rig_stop();
}

Test(translate, what_cannot_be_said_goes_to_a_route_that_speaks_as_the_caller, .timeout = 60)
{
    rig_start_strict(&each);
    gateway_mock_reset(gateway);
    struct http_reply *reply = ask_chat("mixed", ",\"n\":2");

    cr_expect_eq(reply->status, 200, "%s", reply->body);
    cr_expect_eq(routes_calls(gateway, "messages"), 0);
    cr_expect_eq(routes_calls(gateway, "google"), 0);
    cr_expect_eq(routes_calls(gateway, "chat"), 1);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt"), 2);
    http_reply_free(&reply);
    rig_stop();
}

Test(translate, what_is_not_translated_is_not_found_and_says_what_is, .timeout = 60)
{
    static const struct {
        enum operation operation;
        const char *model;
    } asks[] = {{OPERATION_COMPACTION, "over-messages"},
                {OPERATION_EMBEDDING, "over-messages"},
                {OPERATION_EMBEDDING, "over-responses"}};

    rig_start_strict(&each);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct http_reply *reply =
            call_model(gateway, call_of(asks[i].operation), key, asks[i].model, false, "hi");

        cr_expect_eq(reply->status, 404, "%s", reply->body);
        cr_expect(strstr(reply->body, "/v1/chat/completions or /v1/responses or /v1/messages") !=
                      NULL,
                  "%s", reply->body);
        http_reply_free(&reply);
    }
    rig_stop();
}

/* What is to be thought costs as much as what is said: no more of both than was reserved. */
Test(translate, a_strict_keys_bound_is_not_raised_for_thinking, .timeout = 60)
{
    rig_start_strict(&each);
    char *strict = gateway_key(gateway, "--quota 100usd --strict on");

    for (int i = 0; i < 2; i++) {
        char *body = call_body(call_of(OPERATION_CHAT), "over-messages", false, "hi"), *with = NULL;
        int len = asprintf(&with, "{\"max_tokens\":200,\"reasoning_effort\":\"high\",%s", body + 1);

        cr_assert_geq(len, 0);
        struct http_reply *reply =
            http_call(gateway->port, "/v1/chat/completions", i == 0 ? strict : key, NULL, with);
        char *last = gateway_mock_last(gateway);

        cr_expect_eq(reply->status, 200, "%s", reply->body);
        cr_expect_eq(strstr(last, "\"max_tokens\":200,") != NULL, i == 0, "%s", last);
        free(last);
        free(with);
        free(body);
        http_reply_free(&reply);
    }
    free(strict);
    rig_stop();
}

/* A key that is held to what was reserved for it: the bound goes up in the upstream's words. */
Test(translate, a_strict_keys_bound_reaches_the_upstream, .timeout = 60)
{
    static const char *const bounds[] = {"max_tokens", "max_output_tokens", "max_tokens",
                                         "maxOutputTokens"};
    struct way way;

    rig_start_strict(&each);
    char *strict = gateway_key(gateway, "--quota 100usd --strict on");
    for (size_t n = 0; way_at(n, &way); n++) {
        if (way.call->operation == OPERATION_MESSAGE)
            continue; /* says one itself */
        struct http_reply *reply =
            call_model(gateway, way.call, strict, way.model, way.is_stream, "hi");
        char *last = gateway_mock_last(gateway), expected[64];

        snprintf(expected, sizeof expected, "\"%s\":1000", bounds[n / 2 % N_MODELS]);
        cr_expect_eq(reply->status, 200, "%s", reply->body);
        cr_expect(strstr(last, expected) != NULL, "%s %s: %s", way.call->name, way.model, last);
        free(last);
        http_reply_free(&reply);
    }
    free(strict);
    rig_stop();
}
