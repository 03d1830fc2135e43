/* SPDX-License-Identifier: ISC
 *
 * What comes to chat's endpoints in odd clothes, over every protocol: bodies and tools made for
 * Responses, the old completions, embeddings in both ways of writing, and Azure's paths. Strict
 * mocks: whatever goes up is what the real API takes.
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

static const struct gateway_options options = {
    .settings = ROUTES_NO_AFFINITY "failover: {retry_percent: 0, retry_min: 2}\n",
    .upstreams = RIG_UPSTREAMS RIG_UPSTREAM("both", "/v1beta", "[anthropic_messages, gemini]")
        RIG_UPSTREAM("spare", "/v1", "openai_chat"),
    .models = RIG_MODEL("over-chat", "chat", "gpt-4.1-mini")
        RIG_MODEL("over-responses", "answers", "gpt-4.1-mini")
            RIG_MODEL("over-messages", "messages", "claude-sonnet-4-5")
                RIG_MODEL("over-gemini", "google", "gemini-2.5-pro")
                    RIG_MODEL("vendor/over-both", "both", "gemini-embedding-001")
                        ROUTES_NAMED("twice", "    policy: ordered\n    routes: [{upstream: chat, "
                                              "model: gpt-4.1-mini}, {upstream: spare, model: "
                                              "gpt-4.1-mini}]\n"),
};

static const char *const models[] = {"over-chat", "over-responses", "over-messages", "over-gemini"};
#define N_MODELS (sizeof models / sizeof *models)

static struct http_reply *
post(const char *path, const char *fields, const char *model)
{
    char body[1024];

    snprintf(body, sizeof body, "{\"model\":\"%s\",%s}", model, fields);
    return http_call(gateway->port, path, key, NULL, body);
}

static void
expect_clean(const struct http_reply *reply)
{
    cr_expect(strcasestr(reply->body, "canary") == NULL, "%s", reply->body);
    cr_expect(strcasestr(reply->head, "canary") == NULL, "%s", reply->head);
}

static void
expect_refused(const char *path, const char *body, int status, const char *param)
{
    struct http_reply *reply = http_call(gateway->port, path, key, NULL, body);
    cJSON *answer = json_body(reply);

    cr_expect_eq(reply->status, status, "%s: %s", body, reply->body);
    cr_expect_str_eq(json_text(answer, "error.param"), param, "%s: %s", body, reply->body);
    cJSON_Delete(answer);
    http_reply_free(&reply);
}

/* ---- bodies made for Responses ---- */

#define CURSOR                                                                                     \
    "\"instructions\":\"Be kind.\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":"          \
    "\"input_text\",\"text\":\"use the tool\"}]}],\"store\":false,\"max_output_tokens\":500,"      \
    "\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\","        \
    "\"properties\":{\"a\":{\"type\":\"string\"}}}}]"

Test(shapes, a_body_made_for_responses_is_answered_as_chat, .timeout = 120)
{
    rig_start_strict(&options);
    for (size_t i = 0; i < 2 * N_MODELS; i++) {
        bool is_stream = i % 2 == 1;
        struct http_reply *reply = post(
            "/v1/chat/completions", is_stream ? CURSOR ",\"stream\":true" : CURSOR, models[i / 2]);
        struct slice body = {reply->body, reply->body_len};

        cr_expect_eq(reply->status, 200, "%s: %s", models[i / 2], reply->body);
        expect_clean(reply);
        if (is_stream) {
            struct ladder ladder = ladder_climb(PROTOCOL_OPENAI_CHAT, body);

            cr_expect_null(ladder.fault, "%s: %s", models[i / 2], ladder.why);
            cr_expect_eq(ladder.n_calls, 1);
            cr_expect_null(strstr(reply->body, "\"usage\":{"), "nobody asked: %s", reply->body);
        } else {
            cJSON *answer = json_body(reply);

            cr_expect_str_eq(json_text(answer, "object"), "chat.completion");
            cr_expect_str_eq(json_text(answer, "model"), models[i / 2]);
            cr_expect_str_eq(json_text(answer, "choices.0.message.tool_calls.0.function.arguments"),
                             "{\"a\":\"value 1\"}", "%s", reply->body);
            cJSON_Delete(answer);
        }
        http_reply_free(&reply);
    }
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance != 'reported'"),
                 0);
    cr_expect_eq(books_n_rows(gateway), 2 * N_MODELS);
    rig_stop();
}

Test(shapes, a_body_made_for_responses_names_no_state_and_no_second_model, .timeout = 60)
{
    rig_start_strict(&options);
    gateway_mock_reset(gateway);
    expect_refused("/v1/chat/completions",
                   "{\"model\":\"over-chat\",\"input\":\"x\",\"previous_response_id\":\"resp_1\"}",
                   400, "previous_response_id");
    expect_refused("/v1/chat/completions",
                   "{\"model\":\"over-responses\",\"input\":[{\"type\":\"item_reference\","
                   "\"id\":\"msg_1\"}]}",
                   400, "input");
    expect_refused("/v1/chat/completions",
                   "{\"model\":\"over-chat\",\"input\":\"x\",\"models\":[\"y\"]}", 400, "models");
    expect_refused("/v1/chat/completions", "{\"model\":\"over-chat\"}", 400, "messages");
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    rig_stop();
}

/* ---- tools of two shapes ---- */

#define FLAT "{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}"
#define NESTED                                                                                     \
    "{\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters\":{\"type\":\"object\"}}}"
#define ASK_TOOLS(tools)                                                                           \
    "\"messages\":[{\"role\":\"user\",\"content\":\"use the "                                      \
    "tool\"}],\"tools\":[" tools "]"

Test(shapes, tools_may_be_flat_or_nested_or_both, .timeout = 120)
{
    static const char *const bodies[] = {ASK_TOOLS(FLAT), ASK_TOOLS(FLAT "," NESTED),
                                         ASK_TOOLS(NESTED "," FLAT), ASK_TOOLS(NESTED)};

    rig_start_strict(&options);
    for (size_t i = 0; i < 4 * N_MODELS; i++) {
        struct http_reply *reply = post("/v1/chat/completions", bodies[i % 4], models[i / 4]);
        cJSON *answer = json_body(reply);

        cr_expect_eq(reply->status, 200, "%s: %s", models[i / 4], reply->body);
        cr_expect_str_eq(json_text(answer, "choices.0.message.tool_calls.0.function.name"),
                         i % 4 < 2 ? "f" : "g", "%s", reply->body);
        cJSON_Delete(answer);
        http_reply_free(&reply);
    }
    books_check(gateway);
    /* Only the mixture whose first is nested costs a second try, and only where it went as it is.
     */
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt"), 4 * (int64_t)N_MODELS + 1);
    rig_stop();
}

/* Another route, not the same once more. */
Test(shapes, what_is_mixed_fails_over_as_all_does, .timeout = 60)
{
    rig_start_strict(&options);
    gateway_mock_reset(gateway);
    gateway_mock_control(gateway, 0, "* strict\n/chat/ status=500");
    for (int i = 0; i < 2; i++) {
        struct http_reply *reply =
            post("/v1/chat/completions", i == 0 ? CURSOR : ASK_TOOLS(FLAT "," NESTED), "twice");

        cr_expect_eq(reply->status, 200, "%s", reply->body);
        http_reply_free(&reply);
    }
    cr_expect_eq(routes_calls(gateway, "chat"), 2);
    cr_expect_eq(routes_calls(gateway, "spare"), 2);
    rig_stop();
}

/* ---- the old completions ---- */

static void
expect_completion(const struct http_reply *reply, const char *model, bool is_stream)
{
    cJSON *answer = is_stream ? json_events(reply) : json_body(reply);
    char *text = is_stream ? json_stream_text(answer) : strdup(json_text(answer, "choices.0.text"));
    const cJSON *first = is_stream ? json_at(answer, "0.data") : answer;
    int n = is_stream ? cJSON_GetArraySize(answer) : 0;

    cr_expect_eq(reply->status, 200, "%s: %s", model, reply->body);
    expect_clean(reply);
    cr_expect_str_eq(text, "You said: once", "%s: %s", model, reply->body);
    cr_expect_str_eq(json_text(first, "object"), "text_completion");
    cr_expect_str_eq(json_text(first, "model"), model);
    cr_expect_eq(strncmp(json_text(first, "id"), "cmpl-", 5), 0);
    if (is_stream) {
        cr_expect_str_eq(json_text(cJSON_GetArrayItem(answer, n - 1), "data"), "[DONE]");
        cr_expect_gt(json_int(cJSON_GetArrayItem(answer, n - 2), "data.usage.total_tokens"), 0,
                     "%s", reply->body);
        cr_expect_str_eq(
            json_text(cJSON_GetArrayItem(answer, n - 3), "data.choices.0.finish_reason"), "stop");
    } else {
        cr_expect_str_eq(json_text(answer, "choices.0.finish_reason"), "stop");
        cr_expect_gt(json_int(answer, "usage.completion_tokens"), 0);
    }
    free(text);
    cJSON_Delete(answer);
}

#define STREAM ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"

Test(shapes, completions_reach_every_protocol, .timeout = 120)
{
    rig_start_strict(&options);
    for (size_t i = 0; i < 2 * N_MODELS; i++) {
        struct http_reply *reply = post(
            "/v1/completions", i % 2 == 1 ? "\"prompt\":\"once\"" STREAM : "\"prompt\":[\"once\"]",
            models[i / 2]);

        expect_completion(reply, models[i / 2], i % 2 == 1);
        http_reply_free(&reply);
    }
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance != 'reported'"),
                 0);
    rig_stop();
}

Test(shapes, a_completion_is_cut_and_fails_as_a_completion, .timeout = 60)
{
    rig_start_strict(&options);
    for (size_t i = 0; i < N_MODELS; i++) {
        struct http_reply *reply = post(
            "/v1/completions", "\"prompt\":\"x !mock:chunks=30\",\"max_tokens\":20", models[i]);
        cJSON *answer = json_body(reply);

        cr_expect_str_eq(json_text(answer, "choices.0.finish_reason"), "length", "%s: %s",
                         models[i], reply->body);
        cJSON_Delete(answer);
        http_reply_free(&reply);

        reply = post("/v1/completions", "\"prompt\":\"x !mock:cut=6,chunks=30\",\"stream\":true",
                     models[i]);
        cr_expect_eq(reply->status, 200);
        cr_expect_not_null(strstr(reply->body, "data: {\"error\":{"), "%s", reply->body);
        cr_expect_null(strstr(reply->body, "[DONE]"), "%s", reply->body);
        cr_expect_null(strstr(reply->body, "\"stop\""), "%s", reply->body);
        http_reply_free(&reply);
    }
    rig_stop();
}

Test(shapes, what_only_completions_can_do_is_refused_by_name_where_there_is_chat, .timeout = 60)
{
    static const char *const fields[][2] = {
        {"suffix", "\"prompt\":\"x\",\"suffix\":\"y\""},
        {"echo", "\"prompt\":\"x\",\"echo\":true"},
        {"best_of", "\"prompt\":\"x\",\"best_of\":2"},
        {"logprobs", "\"prompt\":\"x\",\"logprobs\":1"},
        {"prompt", "\"prompt\":[\"x\",\"y\"]"},
        {"prompt", "\"prompt\":[1,2,3]"},
        {"prompt", "\"prompt\":[[1,2,3]]"},
    };
    char body[256];

    rig_start_strict(&options);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        for (size_t m = 1; m < N_MODELS; m++) {
            snprintf(body, sizeof body, "{\"model\":\"%s\",%s}", models[m], fields[i][1]);
            expect_refused("/v1/completions", body, 400, fields[i][0]);
        }
        snprintf(body, sizeof body, "{\"model\":\"over-chat\",%s}", fields[i][1]);
        struct http_reply *reply = http_call(gateway->port, "/v1/completions", key, NULL, body);
        cr_expect_eq(reply->status, 200, "%s", reply->body);
        http_reply_free(&reply);
    }
    rig_stop();
}

/* An upstream that has only chat says so each time: no fault, and nobody else's budget. */
Test(shapes, a_completion_goes_as_chat_where_there_is_nothing_else, .timeout = 60)
{
    static const char *const rules[] = {"* strict\n/chat/v1/completions status=404",
                                        "* strict\n/chat/v1/completions status=405"};

    rig_start_strict(&options);
    for (int i = 0; i < 40; i++) {
        gateway_mock_control(gateway, 0, rules[i % 2]);
        struct http_reply *reply =
            post("/v1/completions",
                 i % 3 == 1 ? "\"prompt\":\"once\"" STREAM : "\"prompt\":\"once\"", "over-chat");

        expect_completion(reply, "over-chat", i % 3 == 1);
        http_reply_free(&reply);
    }
    expect_refused("/v1/completions", "{\"model\":\"over-chat\",\"prompt\":\"x\",\"echo\":true}",
                   400, "echo");
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE status = 200"), 40);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt"), 82);
    rig_stop();
}

/* ---- embeddings ---- */

/* Of answer data.N as numbers, however they are written. */
static int
vector_of(const cJSON *answer, int n, float *out, int max)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const cJSON *vector = cJSON_GetObjectItem(
        cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "data"), n), "embedding");
    const cJSON *number;
    unsigned char bytes[256];
    unsigned bits = 0;
    int len = 0, n_bits = 0;

    if (cJSON_IsArray(vector)) {
        cJSON_ArrayForEach(number, vector)
        {
            if (len < max)
                out[len++] = (float)number->valuedouble;
        }
        return len;
    }
    for (const char *p = cJSON_IsString(vector) ? vector->valuestring : ""; *p != '\0' && *p != '=';
         p++) {
        bits = bits << 6 | (unsigned)(strchr(digits, *p) - digits);
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        bytes[len++] = (unsigned char)(bits >> n_bits);
    }
    memcpy(out, bytes, (size_t)len);
    return len / (int)sizeof(float);
}

/* The mock's are (i + n) / 128, and 8 long unless said otherwise. */
static void
expect_vectors(const struct http_reply *reply, const char *model, bool is_base64, int size)
{
    cJSON *answer = json_body(reply);
    float vector[64];

    cr_assert_eq(reply->status, 200, "%s: %s", model, reply->body);
    expect_clean(reply);
    cr_expect_str_eq(json_text(answer, "object"), "list");
    cr_expect_str_eq(json_text(answer, "model"), model);
    cr_expect_gt(json_int(answer, "usage.prompt_tokens"), 0);
    cr_expect_eq(cJSON_GetArraySize(json_at(answer, "data")), 2);
    cr_expect_eq(cJSON_IsString(json_at(answer, "data.1.embedding")), is_base64, "%s: %s", model,
                 reply->body);
    for (int n = 0; n < 2; n++) {
        cr_assert_eq(vector_of(answer, n, vector, 64), size, "%s: %s", model, reply->body);
        for (int i = 0; i < size; i++)
            cr_expect_float_eq(vector[i], (float)(i + n) / 128.0F, 0);
    }
    cJSON_Delete(answer);
}

Test(shapes, vectors_are_written_as_asked_whatever_the_upstream_does, .timeout = 120)
{
    static const char *const embedders[] = {"over-chat", "over-gemini", "vendor/over-both"};
    static const char *const rules[] = {"* strict", "* strict,floats", "* strict,packed"};
    static const char *const mores[] = {"", ",\"encoding_format\":\"float\"",
                                        ",\"encoding_format\":\"base64\""};

    rig_start_strict(&options);
    for (size_t i = 0; i < 27; i++) {
        char body[256];
        const char *model = embedders[i / 9];

        gateway_mock_control(gateway, 0, rules[i / 3 % 3]);
        snprintf(body, sizeof body, "{\"model\":\"%s\",\"input\":[\"a\",\"b\"]%s%s}", model,
                 mores[i % 3], i % 2 == 1 ? ",\"dimensions\":5" : "");
        struct http_reply *reply = http_call(gateway->port, "/v1/embeddings", key, NULL, body);

        expect_vectors(reply, model, i % 3 == 2, i % 2 == 1 ? 5 : 8);
        cr_expect_eq(http_header_count(reply, "x-relayos-estimated"), i >= 9, "%s", reply->head);
        http_reply_free(&reply);
    }
    books_check(gateway);
    /* Gemini does not say what they took. */
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance = 'estimated'"),
                 18);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE charge_nusd = 0"), 0);
    rig_stop();
}

Test(shapes, the_estimate_that_is_told_is_the_one_that_is_charged, .timeout = 60)
{
    rig_start_strict(&options);
    struct http_reply *reply =
        post("/v1/embeddings", "\"input\":\"a few words\",\"user\":\"me\"", "over-gemini");
    char dropped[64];

    (void)http_header(reply, "x-relayos-dropped", dropped, sizeof dropped);
    cr_expect_str_eq(dropped, "user");
    cJSON *answer = json_body(reply);
    int64_t told = json_int(answer, "usage.prompt_tokens");

    cr_expect_gt(told, 0);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT input FROM ledger"), told);
    cJSON_Delete(answer);
    http_reply_free(&reply);
    rig_stop();
}

Test(shapes, what_cannot_be_embedded_is_refused, .timeout = 60)
{
    rig_start_strict(&options);
    gateway_mock_reset(gateway);
    expect_refused("/v1/embeddings", "{\"model\":\"over-gemini\",\"input\":[1,2,3]}", 400, "input");
    expect_refused("/v1/embeddings", "{\"model\":\"over-gemini\",\"input\":[[1],[2]]}", 400,
                   "input");
    expect_refused("/v1/embeddings", "{\"model\":\"over-gemini\",\"input\":\"x\",\"dimensions\":0}",
                   400, "dimensions");
    expect_refused("/v1/embeddings",
                   "{\"model\":\"over-gemini\",\"input\":\"x\",\"encoding_format\":\"int8\"}", 400,
                   "encoding_format");
    expect_refused("/v1/embeddings", "{\"model\":\"over-messages\",\"input\":\"x\"}", 404, "model");
    expect_refused("/v1/embeddings", "{\"model\":\"over-responses\",\"input\":\"x\"}", 404,
                   "model");
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    rig_stop();
}

/* ---- Azure's paths ---- */

/* A call's body for another model, or for none: the path names it. */
static char *
body_of(const struct call *call, const char *model)
{
    char *body = call_body(call, "nobody", false, "hello"), *out = NULL, *member;
    size_t len = strlen("\"model\":\"nobody\",");

    member = strstr(body, "\"model\":");
    cr_assert_not_null(member);
    if (model == NULL)
        cr_assert_gt(asprintf(&out, "%.*s%s", (int)(member - body), body, member + len), 0);
    else
        cr_assert_gt(asprintf(&out, "%.*s\"model\":\"%s\",%s", (int)(member - body), body, model,
                              member + len),
                     0);
    free(body);
    return out;
}

static void
expect_deployed(const struct call *call, const char *path, const char *model, const char *body)
{
    char header[256];

    snprintf(header, sizeof header, "api-key: %s\r\n", key);
    struct http_reply *reply = http_call(gateway->port, path, NULL, header, body);
    cJSON *answer = json_body(reply);

    cr_expect_eq(reply->status, 200, "%s %s: %s", path, body, reply->body);
    expect_clean(reply);
    if (call->text_path[0] != '\0')
        cr_expect_str_eq(json_text(answer, call->text_path), "You said: hello", "%s", reply->body);
    if (call->operation == OPERATION_CHAT || call->operation == OPERATION_EMBEDDING)
        cr_expect_str_eq(json_text(answer, "model"), model);
    cJSON_Delete(answer);
    http_reply_free(&reply);
}

Test(shapes, azures_paths_are_the_same_endpoints, .timeout = 120)
{
    static const char *const bodies[] = {NULL, "gpt-4.1-mini", "another"};
    const struct call *call;
    char path[128];
    int n = 0;

    rig_start_strict(&options);
    for (size_t i = 0; (call = call_at(i)) != NULL; i++) {
        char *own = body_of(call, call->model);

        snprintf(path, sizeof path, "/openai%s?api-version=2025-04-01-preview", call->path);
        expect_deployed(call, path, call->model, own);
        n++;
        free(own);
        if (call->protocol != PROTOCOL_OPENAI_CHAT)
            continue;
        for (size_t b = 0; b < 3; b++) {
            char *body = body_of(call, bodies[b]);

            snprintf(path, sizeof path, "/openai/deployments/%s%s?api-version=2024-10-21",
                     b == 1 ? "over%2Dchat" : "over-chat", call->path + 3);
            expect_deployed(call, path, "over-chat", body);
            n++;
            free(body);
        }
    }
    cr_expect_geq(n, 15);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE model = 'over-chat'"), 9);
    rig_stop();
}

Test(shapes, the_path_names_the_model_for_scope_and_idempotency_too, .timeout = 60)
{
    static const char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                               "\"model\":\"over-chat\"}";

    rig_start_strict(&options);
    char *narrow = gateway_key(gateway, "--models over-chat");
    struct http_reply *reply = http_call(
        gateway->port, "/openai/deployments/over-gemini/chat/completions", narrow, NULL, body);
    cr_expect_eq(reply->status, 403, "%s", reply->body);
    http_reply_free(&reply);
    reply =
        http_call(gateway->port, "/openai/deployments/nobody/chat/completions", key, NULL, body);
    cr_expect_eq(reply->status, 404, "%s", reply->body);
    http_reply_free(&reply);

    /* A slash is a part of the name. */
    reply = http_call(gateway->port, "/openai/deployments/vendor/over-both/embeddings", key, NULL,
                      "{\"input\":[\"a\",\"b\"]}");
    expect_vectors(reply, "vendor/over-both", false, 8);
    http_reply_free(&reply);

    /* The same body for another deployment is another request. */
    reply = http_call(gateway->port, "/openai/deployments/over-chat/chat/completions", key,
                      "idempotency-key: 1\r\n", body);
    cr_expect_eq(reply->status, 200, "%s", reply->body);
    http_reply_free(&reply);
    reply = http_call(gateway->port, "/openai/deployments/over-gemini/chat/completions", key,
                      "idempotency-key: 1\r\n", body);
    cr_expect_neq(reply->status, 200, "%s", reply->body);
    http_reply_free(&reply);
    free(narrow);
    rig_stop();
}
