/* SPDX-License-Identifier: ISC
 *
 * Every endpoint, plain and streamed, through the real binary: the answer, the names and ids in it,
 * what the upstream got, and what the caller must not see.
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

static void
expect_nothing_leaks(const struct call *call, const struct http_reply *reply)
{
    cr_expect(strcasestr(reply->head, "canary") == NULL, "%s: %s", call->name, reply->head);
    cr_expect(strcasestr(reply->body, "canary") == NULL, "%s: %s", call->name, reply->body);
}

static void
expect_own_request_id(const struct call *call, const struct http_reply *reply)
{
    char id[128], anthropic_id[128];

    cr_expect(http_header(reply, "x-request-id", id, sizeof id), "%s: no x-request-id", call->name);
    cr_expect(http_header(reply, "request-id", anthropic_id, sizeof anthropic_id));
    cr_expect_str_eq(id, anthropic_id);
    cr_expect(strlen(id) >= 32, "%s: x-request-id %s", call->name, id);
    cr_expect_eq(http_header_count(reply, "x-request-id"), 1);
}

Test(endpoints, each_answers_under_the_public_name_and_leaks_nothing, .timeout = 120)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), type[64];
    const struct call *call;

    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        struct http_reply *reply = call_make(gateway, call, key, false, "hello there");
        cJSON *body = json_body(reply);

        cr_assert_eq(reply->status, 200, "%s: %d %s", call->name, reply->status, reply->body);
        http_header(reply, "content-type", type, sizeof type);
        cr_expect(strncmp(type, "application/json", 16) == 0, "%s: %s", call->name, type);
        if (dialect_operation_kind(call->operation) == OPERATION_ANSWERS)
            cr_expect_str_eq(json_text(body, "model"), call->model, "%s", call->name);
        if (call->text_path[0] != '\0')
            cr_expect_str_eq(json_text(body, call->text_path), "You said: hello there");
        expect_own_request_id(call, reply);
        expect_nothing_leaks(call, reply);
        cJSON_Delete(body);
        http_reply_free(&reply);
    }
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static void
check_stream(const struct gateway *gateway, const struct call *call, const char *key)
{
    struct http_reply *reply = call_make(gateway, call, key, true, "hello there");
    cJSON *events = json_events(reply);
    const cJSON *event, *last = cJSON_GetArrayItem(events, cJSON_GetArraySize(events) - 1);
    char *text = json_stream_text(events), type[64];

    cr_assert_eq(reply->status, 200, "%s: %d %s", call->name, reply->status, reply->body);
    cr_expect_eq(reply->end, HTTP_END_COMPLETE);
    http_header(reply, "content-type", type, sizeof type);
    cr_expect(strncmp(type, "text/event-stream", 17) == 0, "%s: %s", call->name, type);
    cr_expect_str_eq(text, "You said: hello there", "%s: %s", call->name, reply->body);
    cr_expect_str_eq(json_text(last, "event"), call->end_event);
    if (call->end_event[0] == '\0')
        cr_expect_str_eq(json_text(last, "data"), "[DONE]");
    cJSON_ArrayForEach(event, events)
    {
        const char *model = json_text(event, "data.model");

        cr_expect(*model == '\0' || strcmp(model, call->model) == 0, "%s: %s", call->name, model);
        cr_expect(!cJSON_IsObject(json_at(event, "data.usage")) || call->end_event[0] != '\0',
                  "%s: usage for a caller who did not ask", call->name);
    }
    expect_own_request_id(call, reply);
    expect_nothing_leaks(call, reply);
    free(text);
    cJSON_Delete(events);
    http_reply_free(&reply);
}

Test(endpoints, each_streams_to_its_own_end_and_leaks_nothing, .timeout = 120)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    const struct call *call;

    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        if (call->can_stream)
            check_stream(gateway, call, key);
    }
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Codex goes on without one at once after this status, and after no other. */
Test(endpoints, a_websocket_is_refused_in_a_way_that_ends_the_asking, .timeout = 60)
{
    static const char upgrade[] = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                                  "Sec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), value[64];
    const struct call *call = call_of(OPERATION_RESPONSE);
    int fd = http_connect(gateway->port);

    cr_assert(http_request(fd, call->path, key, upgrade, NULL));
    struct http_reply *reply = http_read(fd);

    cr_expect_eq(reply->status, 426, "%s", reply->head);
    cr_expect(http_header(reply, "allow", value, sizeof value) && strcmp(value, "POST") == 0);
    cr_expect(http_header(reply, "upgrade", value, sizeof value) && strcmp(value, "HTTP/1.1") == 0);
    http_reply_free(&reply);

    /* The connection is what it was. */
    char *body = call_body(call, NULL, false, "hello there");

    cr_assert(http_request(fd, call->path, key, NULL, body));
    reply = http_read(fd);
    cr_expect_eq(reply->status, 200, "%s", reply->body);
    http_reply_free(&reply);
    http_close(fd, false);
    free(body);

    /* Nobody learns of a path without a key, and one that is not there stays so. */
    reply = http_call(gateway->port, call->path, "sk-prod-nonsense", upgrade, NULL);
    cr_expect_eq(reply->status, 401);
    http_reply_free(&reply);
    reply = http_call(gateway->port, "/v1/realtime", key, upgrade, NULL);
    cr_expect_eq(reply->status, 404);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(endpoints, usage_is_streamed_to_who_asks_and_charged_to_all, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    struct http_reply *reply =
        http_call(gateway->port, "/v1/chat/completions", key, NULL,
                  "{\"model\":\"gpt-4.1-mini\",\"stream\":true,"
                  "\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\","
                  "\"content\":\"x !mock:in=100,cached=40,out=10\"}]}");
    cJSON *events = json_events(reply);
    int n = cJSON_GetArraySize(events);
    const cJSON *usage = cJSON_GetArrayItem(events, n - 2);

    cr_assert_gt(n, 2);
    cr_expect_eq(json_int(usage, "data.usage.prompt_tokens"), 140);
    cr_expect_eq(json_int(usage, "data.usage.completion_tokens"), 10);
    cr_expect_eq(cJSON_GetArraySize(json_at(usage, "data.choices")), 0);
    cJSON_Delete(events);
    http_reply_free(&reply);
    reply =
        call_make(gateway, call_of(OPERATION_CHAT), key, true, "x !mock:in=100,cached=40,out=10");
    http_reply_free(&reply);
    cr_expect_eq(
        books_charged_nusd(gateway),
        2 * (100 * GATEWAY_INPUT_NUSD + 40 * GATEWAY_CACHED_NUSD + 10 * GATEWAY_OUTPUT_NUSD));
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(endpoints, each_protocol_meters_the_same_buckets, .timeout = 60)
{
    static const enum operation operations[] = {OPERATION_CHAT, OPERATION_COMPLETION,
                                                OPERATION_RESPONSE, OPERATION_MESSAGE};
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    int64_t price = 100 * GATEWAY_INPUT_NUSD + 40 * GATEWAY_CACHED_NUSD + 10 * GATEWAY_OUTPUT_NUSD;
    int64_t expected = 0;

    for (size_t i = 0; i < 8; i++) {
        const struct call *call = call_of(operations[i / 2]);
        struct http_reply *reply = call_make(gateway, call, key, i % 2 == 1,
                                             "x !mock:in=100,cached=40,out=10,reasoning=4");

        cr_assert_eq(reply->status, 200, "%s", reply->body);
        http_reply_free(&reply);
        expected += price;
        cr_expect_eq(books_charged_nusd(gateway), expected, "%s %s", call->name,
                     i % 2 == 1 ? "streamed" : "plain");
    }
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE input = 100 AND"
                                      " cache_read = 40 AND output = 10 AND"
                                      " provenance = 'reported'"),
                 8);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(endpoints, the_upstream_gets_the_callers_bytes_but_for_the_model, .timeout = 60)
{
    static const struct gateway_options options = {
        .models = "  public-name:\n    price: free\n"
                  "    routes: [{upstream: canary-openai, model: upstream-name}]\n"};
    static const char body[] =
        "{ \"messages\" :[{\"content\":\"\\u0068i \xc3\xa9\", \"role\":\"user\"}],"
        "\t\"temperature\":1.0e0,\"model\": \"public-name\" ,\"x\":[1,{}]}";
    static const char expected[] =
        "{ \"messages\" :[{\"content\":\"\\u0068i \xc3\xa9\", \"role\":\"user\"}],"
        "\t\"temperature\":1.0e0,\"model\": \"upstream-name\" ,\"x\":[1,{}]}";
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    struct http_reply *reply = http_call(gateway->port, "/v1/chat/completions", key,
                                         "Cookie: a=b\r\nForwarded: for=1.2.3.4\r\nX-Evil: 1\r\n"
                                         "OpenAI-Organization: mine\r\n",
                                         body);
    char *last = gateway_mock_last(gateway), *sent = strstr(last, "\r\n\r\n");

    cr_assert_eq(reply->status, 200, "%s", reply->body);
    cr_assert_not_null(sent);
    cr_expect_str_eq(sent + 4, expected);
    cr_expect(strcasestr(last, "authorization: Bearer " GATEWAY_CREDENTIAL "\r\n") != NULL, "%s",
              last);
    cr_expect(strstr(last, key) == NULL, "the caller's key went upstream");
    for (const char *const *name = (const char *const[]){"cookie:", "forwarded:", "x-evil:", NULL};
         *name != NULL; name++)
        cr_expect(strcasestr(last, *name) == NULL, "%s went upstream", *name);
    http_reply_free(&reply);
    free(last);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(endpoints, models_are_listed_in_both_shapes_and_only_those_of_the_key, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *all = gateway_key(gateway, ""), *one = gateway_key(gateway, "--models claude-sonnet-4");
    struct http_reply *reply = http_call(gateway->port, "/v1/models", all, NULL, NULL);
    cJSON *body = json_body(reply);

    cr_expect_str_eq(json_text(body, "object"), "list");
    cr_expect_eq(cJSON_GetArraySize(json_at(body, "data")), 4);
    cr_expect_str_eq(json_text(body, "data.0.object"), "model");
    cJSON_Delete(body);
    http_reply_free(&reply);

    reply = http_call(gateway->port, "/v1/models?limit=1000", one,
                      "anthropic-version: 2023-06-01\r\n", NULL);
    body = json_body(reply);
    cr_expect_eq(cJSON_GetArraySize(json_at(body, "data")), 1, "%s", reply->body);
    cr_expect_str_eq(json_text(body, "data.0.type"), "model");
    cr_expect_str_eq(json_text(body, "data.0.id"), "claude-sonnet-4");
    cr_expect(cJSON_IsFalse(json_at(body, "has_more")));
    cr_expect_str_eq(json_text(body, "first_id"), "claude-sonnet-4");
    cJSON_Delete(body);
    http_reply_free(&reply);

    reply = http_call(gateway->port, "/v1/models/claude-sonnet-4", one, NULL, NULL);
    cr_expect_eq(reply->status, 200);
    http_reply_free(&reply);
    reply = http_call(gateway->port, "/v1/models/gpt-4.1-mini", one, NULL, NULL);
    cr_expect(reply->status == 403 || reply->status == 404, "out of scope: %d", reply->status);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(all);
    free(one);
}

Test(endpoints, a_key_is_taken_from_each_of_its_headers_on_each_path, .timeout = 60)
{
    static const char *const names[] = {"Authorization: Bearer ", "x-api-key: ", "api-key: "};
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), header[256];
    const struct call *call;

    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        char *body = call_body(call, NULL, false, "hi");

        for (size_t i = 0; i < 3; i++) {
            snprintf(header, sizeof header, "%s%s\r\n", names[i], key);
            struct http_reply *reply = http_call(gateway->port, call->path, NULL, header, body);

            cr_expect_eq(reply->status, 200, "%s %s: %d", call->name, names[i], reply->status);
            http_reply_free(&reply);
        }
        free(body);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(endpoints, paths_have_their_aliases_and_open_pages_need_no_key, .timeout = 60)
{
    static const char *const aliases[] = {"/chat/completions", "/v1/v1/chat/completions",
                                          "/v1/chat/completions/",
                                          "/v1/chat/completions?beta=true"};
    static const char *const pages[] = {"/", "/healthz", "/readyz"};
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""),
         *body = call_body(call_of(OPERATION_CHAT), NULL, false, "x");
    struct http_reply *reply;

    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        reply = http_call(gateway->port, aliases[i], key, NULL, body);
        cr_expect_eq(reply->status, 200, "%s: %d", aliases[i], reply->status);
        http_reply_free(&reply);
    }
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        reply = http_call(gateway->port, pages[i], NULL, NULL, NULL);
        cr_expect_eq(reply->status, 200, "%s: %d", pages[i], reply->status);
        http_reply_free(&reply);
    }
    cr_expect_eq(books_n_rows(gateway), (int64_t)(sizeof aliases / sizeof *aliases));
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
    free(body);
}
