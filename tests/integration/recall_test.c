/* SPDX-License-Identifier: ISC
 *
 * What clients cannot bring back is remembered for them: the reasoning behind the calls of chat
 * clients, and the items that clients of Responses name by id. For the owner of the key alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <signal.h>

#include "books.h"
#include "http.h"
#include "json.h"
#include "rig.h"

#define MODEL(name, upstream, model)                                                               \
    "  " name ":\n    price: {input: 2.00, output: 8.00}\n    max_output_tokens: 8000\n"           \
    "    routes: [{upstream: " upstream ", model: " model "}]\n"

#define MODELS                                                                                     \
    MODEL("over-chat", "chat", "gpt-4.1-mini")                                                     \
    MODEL("over-responses", "answers", "gpt-5")                                                    \
    MODEL("over-messages", "messages", "claude-sonnet-4-5")                                        \
    MODEL("over-gemini", "google", "gemini-3-pro-preview")                                         \
    MODEL("thinker", "chat", "deepseek-reasoner") MODEL("other", "chat", "gpt-5")

static const struct gateway_options remembering = {
    .settings = ROUTES_NO_AFFINITY, .upstreams = RIG_UPSTREAMS, .models = MODELS};
static const struct gateway_options forgetful = {
    .settings = ROUTES_NO_AFFINITY, .upstreams = RIG_UPSTREAMS, .models = MODELS, .recall = "0"};

static void
start(const struct gateway_options *options)
{
    gateway = gateway_start(options);
    key = gateway_key(gateway, "--quota 100usd --owner anna");
    gateway_mock_control(gateway, 0, "* strict,reasoning=3");
}

/* ---- chat ---- */

#define TOOL                                                                                       \
    "{\"type\":\"function\",\"function\":{\"name\":\"read_file\",\"parameters\":"                  \
    "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}}}}}"
#define ASK "{\"role\":\"user\",\"content\":\"use the tool\"}"

static struct http_reply *
chat(const char *secret, const char *model, bool is_stream, const char *messages)
{
    char *body;

    cr_assert_gt(asprintf(&body,
                          "{\"model\":\"%s\",\"stream\":%s,\"max_completion_tokens\":4000,"
                          "\"reasoning_effort\":\"low\",\"tools\":[" TOOL "],\"messages\":[%s]}",
                          model, is_stream ? "true" : "false", messages),
                 0);
    struct http_reply *reply = http_call(gateway->port, "/v1/chat/completions", secret, NULL, body);
    cr_expect_eq(reply->status, 200, "%s: %s\n%s", model, reply->body, body);
    free(body);
    return reply;
}

/* Id of the call in an answer, whole or streamed. Free it. */
static char *
call_id(struct http_reply *reply, bool is_stream)
{
    cJSON *answer = is_stream ? json_events(reply) : json_body(reply), *event;
    const char *id = json_text(answer, "choices.0.message.tool_calls.0.id");
    char *copy;

    cJSON_ArrayForEach(event, answer)
    {
        const char *said = json_text(event, "data.choices.0.delta.tool_calls.0.id");

        if (said[0] != '\0')
            id = said;
    }
    cr_assert_neq(id[0], '\0', "%s", reply->body);
    copy = strdup(id);
    cJSON_Delete(answer);
    http_reply_free(&reply);
    return copy;
}

/* The loop goes on as Cursor and most others do: calls and results, nothing else. Gives the request
 * that the provider got. Free it. */
static char *
go_on(const char *secret, const char *model, const char *id)
{
    char messages[1024];

    snprintf(messages, sizeof(messages),
             ASK ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"%s\","
                 "\"type\":\"function\",\"function\":{\"name\":\"read_file\",\"arguments\":"
                 "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"%s\",\"content\":\"it is "
                 "there\"}",
             id, id);
    struct http_reply *reply = chat(secret, model, false, messages);
    http_reply_free(&reply);
    return gateway_mock_last(gateway);
}

/* What only the provider can have signed, by the model's protocol. */
static const struct {
    const char *model, *state, *without;
} signed_models[] = {
    {"over-gemini", "\"thoughtSignature\":\"bW9jay1nZW1pbmk=\"",
     "skip_thought_signature_validator"},
    {"over-messages", "\"signature\":\"bW9jaw==\"", NULL},
    {"over-responses", "\"encrypted_content\":\"bW9jaw==\"", NULL},
};
#define N_SIGNED (sizeof(signed_models) / sizeof(signed_models[0]))

static bool
holds(const char *text, const char *piece)
{
    return piece == NULL || strstr(text, piece) != NULL;
}

Test(recall, a_chat_clients_calls_bring_their_reasoning_back_to_its_vendor, .timeout = 120)
{
    start(&remembering);
    char *same = gateway_key(gateway, "--quota 100usd --owner anna");
    char *other = gateway_key(gateway, "--quota 100usd --owner bert");

    for (size_t i = 0; i < 2 * N_SIGNED; i++) {
        const char *model = signed_models[i / 2].model, *state = signed_models[i / 2].state;
        char *id = call_id(chat(key, model, i % 2 == 1, ASK), i % 2 == 1);

        char *last = go_on(i % 2 == 0 ? key : same, model, id);
        cr_expect(holds(last, state), "%s: %s", model, last);
        cr_expect(holds(last, "it is there"), "%s", last);
        if (strcmp(model, "over-messages") == 0)
            cr_expect(holds(last, "\"thinking\":{\"type\":\"enabled\""), "%s", last);
        free(last);

        last = go_on(other, model, id);
        cr_expect_not(holds(last, state), "another owner's: %s", last);
        cr_expect(holds(last, signed_models[i / 2].without), "%s", last);
        if (strcmp(model, "over-messages") == 0)
            cr_expect_not(holds(last, "\"thinking\":{\"type\":\"enabled\""), "%s", last);
        free(last);
        free(id);
    }
    free(same);
    free(other);
    rig_stop();
}

/* What is put into the prompt costs as much as what was sent. */
Test(recall, a_strict_key_reserves_what_comes_back_as_well, .timeout = 60)
{
    static const char sum[] = "SELECT sum(reserved_nusd) FROM ledger";

    start(&remembering);
    char *other = gateway_key(gateway, "--quota 100usd --strict on --owner bert");
    char *same = gateway_key(gateway, "--quota 100usd --strict on --owner anna");
    char *hers = gateway_key(gateway, "--quota 100usd --owner anna");
    char *id = call_id(chat(hers, "over-messages", false, ASK), false);

    int64_t first = books_n_rows(gateway) == 1 ? books_query(gateway, sum) : 0;
    free(go_on(other, "over-messages", id));
    int64_t second = books_n_rows(gateway) == 2 ? books_query(gateway, sum) - first : INT64_MAX;
    free(go_on(same, "over-messages", id));
    cr_expect_eq(books_n_rows(gateway), 3);
    cr_expect_gt(books_query(gateway, sum) - first - second, second);
    free(id);
    free(hers);
    free(same);
    free(other);
    rig_stop();
}

/* A model that thinks in the open is reached straight: nothing of the body changes but for what it
 * said itself, while its tools are used. */
Test(recall, a_model_that_thinks_in_the_open_gets_its_thoughts_back, .timeout = 60)
{
    static const char thought[] = "\"reasoning_content\":\"Thinking \\\"aloud\\\".";

    start(&remembering);
    gateway_mock_control(gateway, 0, "* strict,open");
    for (int i = 0; i < 4; i++) {
        const char *model = i < 2 ? "thinker" : "other";
        char *id = call_id(chat(key, model, i % 2 == 1, ASK), i % 2 == 1);
        char *last = go_on(key, model, id);

        cr_expect_eq(holds(last, thought), i < 2, "%s: %s", model, last);
        cr_expect(holds(last, "\"content\":null,\"tool_calls\":[{\"id\":\"call_"), "%s", last);
        free(last);
        free(id);
    }
    /* Elsewhere the same id is another call's. */
    char *id = call_id(chat(key, "thinker", false, ASK), false);
    char messages[512];
    snprintf(messages, sizeof(messages),
             "{\"role\":\"user\",\"content\":\"use another tool\"},{\"role\":\"assistant\","
             "\"tool_calls\":[{\"id\":\"%s\",\"type\":\"function\",\"function\":{\"name\":"
             "\"read_file\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":"
             "\"%s\",\"content\":\"it is there\"}",
             id, id);
    struct http_reply *reply = chat(key, "thinker", false, messages);
    char *last = gateway_mock_last(gateway);
    cr_expect_not(holds(last, thought), "%s", last);
    http_reply_free(&reply);
    free(last);
    free(id);
    rig_stop();
}

struct pair {
    pid_t pids[2];
};

static bool
is_replaced(const struct gateway *of, void *data)
{
    const struct pair *before = data;
    pid_t now[3];

    if (gateway_pids(of, "worker", now, 3) != 2)
        return false;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++)
            if (now[i] == before->pids[k])
                return false;
    return true;
}

static bool
serves(const struct gateway *of, void *data)
{
    struct http_reply *reply = http_call(of->port, "/v1/models", data, NULL, NULL);
    bool is_served = reply->status == 200;

    http_reply_free(&reply);
    return is_served;
}

Test(recall, it_outlives_the_workers_that_were_told, .timeout = 60)
{
    struct pair workers;

    start(&remembering);
    char *id = call_id(chat(key, "over-gemini", false, ASK), false);

    cr_assert_eq(gateway_pids(gateway, "worker", workers.pids, 2), 2);
    for (int i = 0; i < 2; i++)
        kill(workers.pids[i], SIGKILL);
    cr_assert(gateway_wait(gateway, is_replaced, &workers));
    cr_assert(gateway_wait(gateway, serves, key));
    char *last = go_on(key, "over-gemini", id);
    cr_expect(holds(last, signed_models[0].state), "%s", last);
    free(last);
    free(id);
    rig_stop();
}

/* ---- Responses ---- */

#define ITEM_USER "{\"role\":\"user\",\"content\":\"use the tool\"}"

static struct http_reply *
respond(const char *secret, const char *model, const char *more, const char *items)
{
    char *body;

    cr_assert_gt(asprintf(&body,
                          "{\"model\":\"%s\",%s\"tools\":[{\"type\":\"function\",\"name\":"
                          "\"read_file\",\"strict\":false,\"parameters\":{\"type\":\"object\","
                          "\"properties\":{}}}],\"input\":[%s]}",
                          model, more, items),
                 0);
    struct http_reply *reply = http_call(gateway->port, "/v1/responses", secret, NULL, body);
    free(body);
    return reply;
}

/* As the AI SDK goes on: every item of the answer by its id, then the results. */
static char *
references(const cJSON *output)
{
    char *items = strdup(ITEM_USER), *longer;
    const cJSON *item;

    cJSON_ArrayForEach(item, output)
    {
        cr_assert_gt(asprintf(&longer, "%s,{\"type\":\"item_reference\",\"id\":\"%s\"}", items,
                              json_text(item, "id")),
                     0);
        free(items);
        items = longer;
    }
    cJSON_ArrayForEach(item, output)
    {
        if (strcmp(json_text(item, "type"), "function_call") != 0)
            continue;
        cr_assert_gt(asprintf(&longer,
                              "%s,{\"type\":\"function_call_output\",\"call_id\":\"%s\","
                              "\"output\":\"it is there\"}",
                              items, json_text(item, "call_id")),
                     0);
        free(items);
        items = longer;
    }
    return items;
}

/* References to what this answer holds. Free it. */
static char *
answer_of(const char *model, const char *more, bool is_stream)
{
    struct http_reply *reply = respond(key, model, more, ITEM_USER);
    cJSON *answer = is_stream ? json_events(reply) : json_body(reply), *event;
    const cJSON *output = json_at(answer, "output");

    cr_assert_eq(reply->status, 200, "%s: %s", model, reply->body);
    cJSON_ArrayForEach(event, answer)
    {
        if (json_at(event, "data.response.output") != NULL)
            output = json_at(event, "data.response.output");
    }
    cr_assert_geq(cJSON_GetArraySize(output), 1, "%s: %s", model, reply->body);
    char *items = references(output);
    cJSON_Delete(answer);
    http_reply_free(&reply);
    return items;
}

static const char *const all_models[] = {"over-chat", "over-responses", "over-messages",
                                         "over-gemini"};
#define N_ALL (sizeof(all_models) / sizeof(all_models[0]))

static const char *
state_of(const char *model)
{
    for (size_t i = 0; i < N_SIGNED; i++)
        if (strcmp(signed_models[i].model, model) == 0)
            return signed_models[i].state;
    return NULL;
}

Test(recall, items_named_by_id_reach_every_vendor_with_their_reasoning, .timeout = 120)
{
    start(&remembering);
    for (size_t i = 0; i < 2 * N_ALL; i++) {
        const char *model = all_models[i / 2];
        const char *more = i % 2 == 0 ? "\"reasoning\":{\"effort\":\"low\"},"
                                      : "\"stream\":true,\"reasoning\":{\"effort\":\"low\"},";

        if (strcmp(model, "over-chat") == 0)
            more = i % 2 == 0 ? "" : "\"stream\":true,";
        char *items = answer_of(model, more, i % 2 == 1);
        struct http_reply *reply = respond(key, model, more, items);
        char *last = gateway_mock_last(gateway);

        cr_expect_eq(reply->status, 200, "%s: %s\n%s", model, reply->body, items);
        cr_expect(holds(last, "it is there") && holds(last, "read_file"), "%s: %s", model, last);
        cr_expect(!holds(last, "item_reference") && !holds(last, "relay1."), "%s", last);
        cr_expect(holds(last, state_of(model)), "%s: %s", model, last);
        if (strcmp(model, "over-responses") == 0)
            cr_expect(!holds(last, "\"id\":\"fc_") && !holds(last, "\"id\":\"msg_"), "%s", last);
        free(last);
        free(items);
        http_reply_free(&reply);
    }
    rig_stop();
}

static void
expect_miss(struct http_reply *reply)
{
    cJSON *body = json_body(reply);

    cr_expect_eq(reply->status, 400, "%s", reply->body);
    cr_expect(holds(json_text(body, "error.message"), "Item with id '"), "%s", reply->body);
    cr_expect(holds(json_text(body, "error.message"), "' not found."), "%s", reply->body);
    cr_expect_str_eq(json_text(body, "error.type"), "invalid_request_error");
    cr_expect_str_eq(json_text(body, "error.param"), "input");
    cJSON_Delete(body);
    http_reply_free(&reply);
}

Test(recall, what_was_not_to_be_stored_or_is_somebody_elses_is_not_found, .timeout = 120)
{
    start(&remembering);
    char *other = gateway_key(gateway, "--quota 100usd --owner bert");

    for (size_t i = 0; i < N_ALL; i++) {
        char *stored = answer_of(all_models[i], "", false);
        char *streamed = answer_of(all_models[i], "\"store\":false,\"stream\":true,", true);
        char *unstored = answer_of(all_models[i], "\"store\":false,", false);

        gateway_mock_reset(gateway);
        gateway_mock_control(gateway, 0, "* strict,reasoning=3");
        expect_miss(respond(other, all_models[i], "", stored));
        expect_miss(respond(key, all_models[i], "", unstored));
        expect_miss(respond(key, all_models[i], "", streamed));
        cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
        free(stored);
        free(streamed);
        free(unstored);
    }
    books_check(gateway);
    cr_expect_eq(books_n_rows(gateway), 3 * (int64_t)N_ALL, "a miss costs nothing");
    free(other);
    rig_stop();
}

Test(recall, without_a_memory_references_are_refused_and_calls_go_on_without, .timeout = 60)
{
    start(&forgetful);
    char *items = answer_of("over-messages", "", false);
    struct http_reply *reply = respond(key, "over-messages", "", items);

    cr_expect_eq(reply->status, 400);
    cr_expect(holds(reply->body, "item_reference"), "%s", reply->body);
    http_reply_free(&reply);
    char *id = call_id(chat(key, "over-gemini", false, ASK), false);
    char *last = go_on(key, "over-gemini", id);
    cr_expect(holds(last, signed_models[0].without), "%s", last);
    free(last);
    free(id);
    free(items);
    rig_stop();
}
