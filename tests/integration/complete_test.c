/* SPDX-License-Identifier: ISC
 *
 * What a translation leaves out is said, or refused for those who want all or nothing; reasoning
 * that a provider does not take back costs a second attempt, not the conversation. The mocks are as
 * strict as the real APIs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "http.h"
#include "json.h"
#include "rig.h"

#define CACHED "    cache_prompts: true\n"
#define MODEL(name, upstream, model)                                                               \
    "  " name ":\n    price: {input: 2.00, output: 8.00}\n    max_output_tokens: 4000\n"           \
    "    routes: [{upstream: " upstream ", model: " model "}]\n"

static const struct gateway_options options = {
    .settings = ROUTES_NO_AFFINITY ROUTES_NO_BREAKER,
    .upstreams = RIG_UPSTREAM("chat", "/v1", "openai_chat")
        RIG_UPSTREAM("answers", "/v1", "openai_responses")
            RIG_UPSTREAM("messages", "/v1", "anthropic_messages")
                CACHED RIG_UPSTREAM("google", "/v1beta", "gemini"),
    .models = MODEL("gpt", "answers", "gpt-5-mini") MODEL("small", "chat", "gpt-4.1-mini") MODEL(
        "claude", "messages", "claude-sonnet-4-5") MODEL("gemini", "google", "gemini-2.5-flash"),
};

#define CHAT     "/v1/chat/completions"
#define MESSAGES "/v1/messages"
#define RESPONSE "/v1/responses"

static void
start(void)
{
    rig_start_strict(&options);
    gateway_mock_reset(gateway);
}

static struct http_reply *
ask(const char *path, const char *headers, const char *body)
{
    return http_call(gateway->port, path, key, headers, body);
}

/* ---- what is left out ---- */

Test(complete, fields_without_a_place_in_a_translation_are_named, .timeout = 60)
{
    static const struct {
        const char *path, *body, *dropped;
    } rows[] = {
        {CHAT,
         "{\"model\":\"claude\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
         "\"store\":true,\"seed\":1}",
         "seed, store"},
        {MESSAGES,
         "{\"model\":\"gemini\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"hi\"}],\"context_management\":{\"edits\":[]},\"stream\":true}",
         "context_management"},
        {RESPONSE,
         "{\"model\":\"claude\",\"input\":\"hi\",\"store\":false,\"truncation\":\"auto\","
         "\"tools\":[{\"type\":\"web_search\"}],\"client_metadata\":{\"a\":\"b\"}}",
         "tools.web_search, truncation"},
        {RESPONSE, "{\"model\":\"gpt\",\"input\":\"hi\",\"truncation\":\"auto\"}", ""},
    };
    char value[128];

    start();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_reply *reply = ask(rows[i].path, NULL, rows[i].body);

        cr_expect_eq(reply->status, 200, "%s", reply->body);
        (void)http_header(reply, "x-relayos-dropped", value, sizeof value);
        cr_expect_str_eq(value, rows[i].dropped, "%s", reply->head);
        http_reply_free(&reply);
    }
    rig_stop();
}

Test(complete, who_wants_all_or_nothing_is_refused_instead, .timeout = 60)
{
    static const char *const bodies[] = {
        "{\"model\":\"claude\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
        "\"logprobs\":true}",
        "{\"model\":\"claude\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
        "\"logprobs\":true,\"stream\":true}",
    };

    start();
    for (size_t i = 0; i < 2; i++) {
        struct http_reply *reply = ask(CHAT, "relayos-strict: 1\r\n", bodies[i]);
        cJSON *answer = json_body(reply);

        cr_expect_eq(reply->status, 400, "%s", reply->body);
        cr_expect_str_eq(json_text(answer, "error.param"), "logprobs");
        cr_expect_str_eq(json_text(answer, "error.code"), "unsupported_parameter");
        cJSON_Delete(answer);
        http_reply_free(&reply);
    }
    cr_expect_eq(routes_calls(gateway, "messages"), 0);
    struct http_reply *reply =
        ask(CHAT, "relayos-strict: 1\r\n",
            "{\"model\":\"claude\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    cr_expect_eq(reply->status, 200, "%s", reply->body);
    http_reply_free(&reply);
    rig_stop();
}

Test(complete, log_probabilities_come_in_the_callers_shape, .timeout = 60)
{
    static const struct {
        const char *path, *body, *whole, *streamed;
    } rows[] = {
        {CHAT,
         "\"model\":\"gemini\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"logprobs\":"
         "true}",
         "choices.0.logprobs.content.0.logprob", "1.data.choices.0.logprobs.content.0.logprob"},
        {RESPONSE,
         "\"model\":\"small\",\"input\":\"hi\",\"include\":[\"message.output_text.logprobs\"]}",
         "output.0.content.0.logprobs.0.logprob", "4.data.logprobs.0.logprob"},
    };

    start();
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        bool is_stream = i % 2 == 1;
        char body[256];

        snprintf(body, sizeof body, "{\"stream\":%s,%s", is_stream ? "true" : "false",
                 rows[i / 2].body);
        struct http_reply *reply = ask(rows[i / 2].path, NULL, body);
        cJSON *answer = is_stream ? json_events(reply) : json_body(reply);
        const cJSON *found = json_at(answer, is_stream ? rows[i / 2].streamed : rows[i / 2].whole);

        cr_expect_eq(reply->status, 200, "%s", reply->body);
        cr_expect(found != NULL && found->valuedouble == -0.5, "%s", reply->body);
        cJSON_Delete(answer);
        http_reply_free(&reply);
    }
    rig_stop();
}

/* The newer version of Anthropic's API takes none. */
Test(complete, sampling_reaches_claude_by_the_version_that_knows_it, .timeout = 60)
{
    start();
    struct http_reply *reply =
        ask(CHAT, "anthropic-version: 2026-10-21\r\n",
            "{\"model\":\"claude\",\"temperature\":0.5,\"messages\":[{\"role\":\"user\","
            "\"content\":\"hi\"}]}");
    char *last = gateway_mock_last(gateway);

    cr_expect_eq(reply->status, 200, "%s", reply->body);
    cr_expect(strstr(last, "anthropic-version: 2023-06-01") != NULL, "%s", last);
    cr_expect(strstr(last, "\"temperature\":0.5") != NULL, "%s", last);
    free(last);
    http_reply_free(&reply);
    rig_stop();
}

Test(complete, claude_caches_what_nobody_says_where_to_cut, .timeout = 60)
{
    static const struct {
        const char *path, *body;
        bool is_asked;
    } rows[] = {
        {CHAT, "{\"model\":\"claude\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
         true},
        {RESPONSE, "{\"model\":\"claude\",\"input\":\"hi\"}", true},
        {CHAT,
         "{\"model\":\"claude\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\","
         "\"cache_control\":{\"type\":\"ephemeral\"}}]}",
         false},
        {MESSAGES,
         "{\"model\":\"claude\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"hi\"}]}",
         false},
    };

    start();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_reply *reply = ask(rows[i].path, NULL, rows[i].body);
        char *last = gateway_mock_last(gateway);
        cJSON *sent = cJSON_Parse(strstr(last, "\r\n\r\n"));

        cr_expect_eq(reply->status, 200, "%s", reply->body);
        cr_expect_eq(json_at(sent, "cache_control") != NULL, rows[i].is_asked, "%s", last);
        cJSON_Delete(sent);
        free(last);
        http_reply_free(&reply);
    }
    rig_stop();
}

/* ---- reasoning that is not taken back ---- */

#define TEXT(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"
#define THINKING(sign)   "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"" sign "\"}"
#define CALL             "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}}"
#define RESULT                                                                                     \
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c\","             \
    "\"content\":\"r\"}]}"
#define TOOLS                                                                                      \
    ",\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]"
#define THINK ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},\"max_tokens\":2000"

/* The first attempt is as the caller wrote it, the second is the last. */
static void
expect_second(const char *path, const char *body, const char *gone, const char *kept)
{
    struct http_reply *reply = ask(path, NULL, body);
    char *last = gateway_mock_last(gateway);

    cr_expect_eq(reply->status, 200, "%s\n%s", body, reply->body);
    cr_expect(strstr(last, gone) == NULL, "%s", last);
    cr_expect(strstr(last, kept) != NULL, "%s", last);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt"), 2, "%s", body);
    free(last);
    http_reply_free(&reply);
}

Test(complete, a_finished_turn_goes_without_a_signature_that_is_refused, .timeout = 60)
{
    start();
    expect_second(MESSAGES,
                  "{\"model\":\"claude\"" THINK ",\"messages\":[" TEXT("user", "a") //
                  ",{\"role\":\"assistant\",\"content\":[" THINKING(
                      "b!d") ",{\"type\":\"text\","
                             "\"text\":\"b\"}]}," TEXT("user", "c") "]}",
                  "b!d", "\"text\":\"b\"");
    rig_stop();
}

Test(complete, a_loop_keeps_its_signature_when_an_older_one_is_refused, .timeout = 60)
{
    start();
    expect_second(MESSAGES,
                  "{\"model\":\"claude\"" THINK TOOLS ",\"stream\":true,\"messages\":[" //
                  TEXT("user", "a") ",{\"role\":\"assistant\",\"content\":["            //
                  THINKING("b!d") ",{\"type\":\"text\",\"text\":\"b\"}]},"              //
                  TEXT("user", "use it") ",{\"role\":\"assistant\",\"content\":["       //
                  THINKING("Z29vZA==") "," CALL "]}," RESULT "]}",
                  "b!d", "\"signature\":\"Z29vZA==\"");
    rig_stop();
}

Test(complete, a_loop_that_lost_its_thinking_goes_on_without, .timeout = 60)
{
    start();
    expect_second(MESSAGES,
                  "{\"model\":\"claude\"" THINK TOOLS ",\"messages\":[" TEXT(
                      "user", "use it") ",{\"role\":\"assistant\",\"content\":[" CALL "]}," RESULT
                                        "]}",
                  "budget_tokens", "tool_result");
    rig_stop();
}

Test(complete, a_reasoning_item_that_cannot_be_read_is_left_out, .timeout = 60)
{
    start();
    expect_second(
        RESPONSE,
        "{\"model\":\"gpt\",\"store\":false,\"input\":[" TEXT(
            "user",
            "a") ",{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":"
                 "\"b!d\"}," TEXT("assistant", "b") "," TEXT("user", "c") "]}",
        "b!d", "\"store\":false");
    rig_stop();
}

/* Tools go by a model's name, and the name here is none they know. */
Test(complete, what_a_model_does_not_take_is_left_out_when_it_is_refused, .timeout = 60)
{
    char value[128];

    start();
    struct http_reply *reply =
        ask(RESPONSE, NULL,
            "{\"model\":\"gpt\",\"input\":\"hi\",\"temperature\":0.5,\"truncation\":\"auto\"}");
    char *last = gateway_mock_last(gateway);

    cr_expect_eq(reply->status, 200, "%s", reply->body);
    (void)http_header(reply, "x-relayos-dropped", value, sizeof value);
    cr_expect_str_eq(value, "temperature");
    cr_expect(strstr(last, "\"truncation\":\"auto\"") != NULL, "%s", last);
    cr_expect_eq(routes_calls(gateway, "answers"), 2);
    free(last);
    http_reply_free(&reply);
    reply = ask(RESPONSE, "relayos-strict: true\r\n",
                "{\"model\":\"gpt\",\"input\":\"hi\",\"temperature\":0.5}");
    cr_expect_eq(reply->status, 400, "%s", reply->body);
    cr_expect(strstr(reply->body, "temperature") != NULL, "%s", reply->body);
    http_reply_free(&reply);
    rig_stop();
}

/* Two calls at once, and both are refused: what the first has shown, the second goes by. */
Test(complete, what_two_calls_refuse_is_left_out_as_well, .timeout = 60)
{
    static const struct gateway_options hedged = {
        .settings = ROUTES_NO_AFFINITY ROUTES_NO_BREAKER
        "failover: {retry_min: 100}\nhedge: {percent: 20, min_delay: 50ms}\n",
        .upstreams = RIG_UPSTREAM("answers", "/v1", "openai_responses")
            RIG_UPSTREAM("others", "/v1", "openai_responses"),
        .models = ROUTES_NAMED("gpt", "    hedge: true\n    policy: ordered\n"
                                      "    routes: [{upstream: answers, model: gpt-5-mini}, "
                                      "{upstream: others, model: gpt-5-mini}]\n"),
    };
    char value[128];

    rig_start_strict(&hedged);
    for (int i = 0; i < 10; i++) { /* of which a fifth may be hedged */
        struct http_reply *plain = ask(RESPONSE, NULL, "{\"model\":\"gpt\",\"input\":\"hi\"}");

        http_reply_free(&plain);
    }
    gateway_mock_control(gateway, 0, "* strict\n* slow=1000");
    struct http_reply *reply = ask(
        RESPONSE, NULL, "{\"model\":\"gpt\",\"input\":\"hi\",\"temperature\":0.5,\"stream\":true}");

    cr_expect_eq(reply->status, 200, "%s", reply->body);
    (void)http_header(reply, "x-relayos-dropped", value, sizeof value);
    cr_expect_str_eq(value, "temperature");
    cr_expect_eq(routes_calls(gateway, "others"), 1);
    http_reply_free(&reply);
    rig_stop();
}

Test(complete, another_refusal_is_told_at_once, .timeout = 60)
{
    start();
    struct http_reply *reply =
        ask(MESSAGES, NULL,
            "{\"model\":\"claude\",\"max_tokens\":100,\"stop_sequences\":[\" \"],\"messages\":[" //
            TEXT("user", "a") "]}");

    cr_expect_eq(reply->status, 400, "%s", reply->body);
    cr_expect_eq(routes_calls(gateway, "messages"), 1);
    http_reply_free(&reply);
    rig_stop();
}

/* ---- threads ---- */

Test(complete, a_thread_is_kept_upstream_or_clients_are_told_in_its_words, .timeout = 60)
{
    static const struct {
        const char *model, *thread;
        int status;
        const char *code;
    } rows[] = {
        {"claude", "{\"type\":\"create\"}", 200, ""},
        {"gemini", "{\"type\":\"create\"}", 400, "thread_unsupported_request"},
        {"claude", "{\"type\":\"continue\",\"previous_message_id\":\"msg_canary000001\"}", 404,
         "thread_not_found"},
        {"claude", "{\"type\":\"continue\",\"thread_id\":\"t\"}", 400,
         "thread_unsupported_request"},
    };

    start();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char body[512];

        snprintf(body, sizeof body,
                 "{\"model\":\"%s\",\"max_tokens\":50,\"thread\":%s,\"messages\":[" //
                 TEXT("user", "a") "]}",
                 rows[i].model, rows[i].thread);
        struct http_reply *reply = ask(MESSAGES, NULL, body);
        cJSON *answer = json_body(reply);

        cr_expect_eq(reply->status, rows[i].status, "%s", reply->body);
        cr_expect_str_eq(json_text(answer, "error.details.error_code"), rows[i].code, "%s",
                         reply->body);
        cr_expect(strstr(reply->body, "canary") == NULL, "%s", reply->body);
        cJSON_Delete(answer);
        http_reply_free(&reply);
    }
    cr_expect_eq(routes_calls(gateway, "messages"), 1);
    rig_stop();
}

/* The same account upstream, another owner: what one began the other does not go on with. */
Test(complete, a_thread_is_its_owners, .timeout = 60)
{
    static const char create[] = "{\"model\":\"claude\",\"max_tokens\":50,\"thread\":{\"type\":"
                                 "\"create\"},\"messages\":[" TEXT("user", "a") "]}";
    char body[1024];

    start();
    char *other = gateway_key(gateway, "--quota 100usd --owner other");
    struct http_reply *reply = ask(MESSAGES, NULL, create);
    cJSON *answer = json_body(reply);

    snprintf(body, sizeof body,
             "{\"model\":\"claude\",\"max_tokens\":50,\"thread\":{\"type\":\"continue\","
             "\"previous_message_id\":\"%s\"},\"messages\":[" TEXT("user", "b") "]}",
             json_text(answer, "id"));
    http_reply_free(&reply);
    reply = ask(MESSAGES, NULL, body);
    cr_expect_eq(reply->status, 200, "%s", reply->body);
    http_reply_free(&reply);
    reply = http_call(gateway->port, MESSAGES, other, NULL, body);
    cr_expect_eq(reply->status, 404, "%s", reply->body);
    http_reply_free(&reply);
    cJSON_Delete(answer);
    free(other);
    rig_stop();
}
