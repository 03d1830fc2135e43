/* SPDX-License-Identifier: ISC
 *
 * How many tokens a request has, for every model: by whoever counts, else by a labelled estimate;
 * always in the client's own shape, and free. And what is shortened at an upstream that does it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "http.h"
#include "json.h"
#include "rig.h"

#define MODEL(name, routes) ROUTES_NAMED(name, "    policy: ordered\n    routes: [" routes "]\n")
#define ROUTE_MESSAGES      "{upstream: messages, model: claude-sonnet-4-5}"

/* One model per protocol of an upstream, and some of several. */
static const struct gateway_options each = {
    .settings = ROUTES_NO_AFFINITY "failover: {retry_min: 100000}\n",
    .upstreams = RIG_UPSTREAMS RIG_UPSTREAM("more", "/v1", "openai_responses"),
    .models = MODEL("over-chat", "{upstream: chat, model: gpt-4.1-mini}")
        MODEL("over-responses", "{upstream: answers, model: gpt-5-mini}")
            MODEL("over-two", "{upstream: answers, model: gpt-5-mini}, {upstream: more, model: "
                              "gpt-5-mini}") MODEL("over-messages", ROUTE_MESSAGES)
                MODEL("over-gemini", "{upstream: google, model: gemini-2.5-pro}")
                    MODEL("mixed", "{upstream: chat, model: gpt-4.1-mini}, " ROUTE_MESSAGES
                                   ", {upstream: google, model: gemini-2.5-pro, tier: 2}"),
};

static const enum operation operations[] = {OPERATION_COUNT_TOKENS, OPERATION_INPUT_TOKENS};
static const char *const counters[] = {"over-responses", "over-messages", "over-gemini"};
#define N(array) (sizeof(array) / sizeof(array)[0])

/* What a client of that operation gets, whoever counted; free it. */
static char *
shape(enum operation operation, int64_t tokens)
{
    char *text = NULL;

    cr_assert(
        asprintf(&text, "{%s\"input_tokens\":%lld}",
                 operation == OPERATION_INPUT_TOKENS ? "\"object\":\"response.input_tokens\"," : "",
                 (long long)tokens) > 0);
    return text;
}

static void
expect_count(const struct http_reply *reply, enum operation operation, int64_t tokens,
             bool is_estimated)
{
    char *expected = shape(operation, tokens), label[64];
    bool is_labelled = http_header(reply, "x-relayos-estimated", label, sizeof label);

    cr_expect_eq(reply->status, 200, "%s", reply->body);
    cr_expect_str_eq(reply->body, expected);
    cr_expect_eq(is_labelled, is_estimated);
    cr_expect_str_eq(label, is_estimated ? "input_tokens" : "");
    free(expected);
}

static struct http_reply *
ask(enum operation operation, const char *model, const char *text)
{
    return call_model(gateway, call_of(operation), key, model, false, text);
}

/* ---- by whoever counts ---- */

Test(count, every_counter_is_asked_in_its_own_words_and_its_number_is_the_answer, .timeout = 60)
{
    int64_t n = 0;

    rig_start_strict(&each);
    for (size_t o = 0; o < N(operations); o++) {
        for (size_t m = 0; m < N(counters); m++, n++) {
            struct http_reply *reply = ask(operations[o], counters[m], "hi !mock:in=321");

            expect_count(reply, operations[o], 321, false);
            http_reply_free(&reply);
        }
    }
    cr_expect_eq(routes_calls(gateway, "answers"), 2);
    cr_expect_eq(routes_calls(gateway, "messages"), 2);
    cr_expect_eq(routes_calls(gateway, "google"), 2);
    cr_expect_eq(books_n_rows(gateway), n);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt"), n);
    rig_stop();
}

#define SCHEMA "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}}}"
#define PIXEL                                                                                      \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"   \
    "Jggg=="

/* With all that a request may have beside its turns: what is no part of the prompt is left out. */
static char *
rich_body(enum operation operation, const char *model)
{
    char *body = NULL;
    int len;

    if (operation == OPERATION_COUNT_TOKENS)
        len = asprintf(&body,
                       "{\"model\":\"%s\",\"system\":\"Be brief.\",\"thinking\":{\"type\":"
                       "\"enabled\",\"budget_tokens\":2000},\"tools\":[{\"name\":\"read\","
                       "\"input_schema\":" SCHEMA "}],\"messages\":[{\"role\":\"user\","
                       "\"content\":[{\"type\":\"text\",\"text\":\"hi !mock:in=45\"},{\"type\":"
                       "\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
                       "\"data\":\"" PIXEL "\"}}]}]}",
                       model);
    else
        len = asprintf(&body,
                       "{\"model\":\"%s\",\"instructions\":\"Be brief.\",\"parallel_tool_calls\":"
                       "false,\"tools\":[{\"type\":\"function\",\"name\":\"read\",\"strict\":false,"
                       "\"parameters\":" SCHEMA "}],\"reasoning\":{\"effort\":\"low\"},\"text\":"
                       "{\"format\":{\"type\":\"text\"}},\"input\":[{\"role\":\"user\",\"content\":"
                       "[{\"type\":\"input_text\",\"text\":\"hi !mock:in=45\"},{\"type\":"
                       "\"input_image\",\"image_url\":\"data:image/png;base64," PIXEL "\"}]}]}",
                       model);
    cr_assert(len > 0);
    return body;
}

Test(count, all_of_the_prompt_is_counted_and_nothing_else_is_sent, .timeout = 60)
{
    rig_start_strict(&each);
    for (size_t o = 0; o < N(operations); o++) {
        for (size_t m = 0; m < N(counters); m++) {
            char *body = rich_body(operations[o], counters[m]);
            struct http_reply *reply =
                http_call(gateway->port, call_of(operations[o])->path, key, NULL, body);
            char *last = gateway_mock_last(gateway);

            expect_count(reply, operations[o], 45, false);
            cr_expect_not_null(strstr(last, "Be brief."), "%s: %s", counters[m], last);
            cr_expect_not_null(strstr(last, "\"read\""), "%s: %s", counters[m], last);
            cr_expect_not_null(strstr(last, PIXEL), "%s: %s", counters[m], last);
            free(last);
            http_reply_free(&reply);
            free(body);
        }
    }
    rig_stop();
}

/* The first speaks no protocol that counts, the next one has no counter. */
Test(count, routes_that_do_not_count_are_passed_over, .timeout = 60)
{
    rig_start_strict(&each);
    struct http_reply *reply = ask(OPERATION_COUNT_TOKENS, "mixed", "hi !mock:in=7");

    expect_count(reply, OPERATION_COUNT_TOKENS, 7, false);
    http_reply_free(&reply);
    cr_expect_eq(routes_calls(gateway, "chat"), 0);
    gateway_mock_control(gateway, 0, "* strict\n/messages/ status=404");
    reply = ask(OPERATION_COUNT_TOKENS, "mixed", "hi !mock:in=8");
    expect_count(reply, OPERATION_COUNT_TOKENS, 8, false);
    http_reply_free(&reply);
    cr_expect_eq(routes_calls(gateway, "google"), 1);
    rig_stop();
}

/* ---- by estimate ---- */

/* One turn's 4, and 22 bytes. */
#define TEXT     "how many tokens is it?"
#define ABOUT_IT (4 + 6)

Test(count, a_model_that_nobody_counts_for_is_estimated_at_once, .timeout = 60)
{
    rig_start_strict(&each);
    for (size_t o = 0; o < N(operations); o++) {
        struct http_reply *reply = ask(operations[o], "over-chat", TEXT);

        expect_count(reply, operations[o], ABOUT_IT, true);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM trace WHERE status = 200"), 2);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt"), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance != 'none'"), 0);
    rig_stop();
}

Test(count, whatever_ails_the_counter_there_is_an_estimate, .timeout = 120)
{
    static const char *const rules[] = {
        "status=404", "status=405", "status=429", "status=500", "status=501",        "status=529",
        "reset",      "garbage",    "error-200",  "bad-head",   "bad-usage=negative"};

    rig_start_strict(&each);
    for (size_t i = 0; i < N(rules); i++) {
        for (size_t o = 0; o < N(operations); o++) {
            for (size_t m = 0; m < N(counters); m++) {
                char rule[64];

                snprintf(rule, sizeof rule, "* %s", rules[i]);
                gateway_mock_control(gateway, 0, rule);
                struct http_reply *reply = ask(operations[o], counters[m], TEXT);
                bool is_straight = (o == 0 && m == 1) || (o == 1 && m == 0);

                /* What the provider says in the caller's own words is its own affair. */
                if (is_straight && strcmp(rules[i], "bad-usage=negative") == 0)
                    cr_expect_eq(reply->status, 200);
                else
                    expect_count(reply, operations[o], ABOUT_IT, true);
                http_reply_free(&reply);
                routes_heal(gateway, counters[m]);
            }
        }
    }
    cr_expect_eq(books_charged_nusd(gateway), 0);
    rig_stop();
}

Test(count, none_of_it_is_held_against_a_route, .timeout = 60)
{
    static const char *const rules[] = {"* status=404", "* status=500", "* status=429"};

    rig_start_strict(&each);
    for (size_t i = 0; i < N(rules); i++) {
        gateway_mock_control(gateway, 0, rules[i]);
        for (int n = 0; n < 20; n++) {
            struct http_reply *reply = ask(operations[n % 2], "over-responses", TEXT);

            cr_expect_eq(reply->status, 200, "%s", reply->body);
            http_reply_free(&reply);
        }
        gateway_mock_control(gateway, 0, "* strict");
        struct http_reply *reply = ask(OPERATION_RESPONSE, "over-responses", "hi");

        cr_expect_eq(reply->status, 200, "after %s: %s", rules[i], reply->body);
        http_reply_free(&reply);
    }
    rig_stop();
}

Test(count, what_the_counter_says_is_wrong_with_a_request_in_its_own_words_is_told, .timeout = 60)
{
    rig_start_strict(&each);
    gateway_mock_control(gateway, 0, "* status=400");
    struct http_reply *reply = ask(OPERATION_COUNT_TOKENS, "over-messages", TEXT);

    cr_expect_eq(reply->status, 400, "%s", reply->body);
    http_reply_free(&reply);
    reply = ask(OPERATION_INPUT_TOKENS, "over-responses", TEXT);
    cr_expect_eq(reply->status, 400, "%s", reply->body);
    http_reply_free(&reply);
    /* The words were ours. */
    reply = ask(OPERATION_INPUT_TOKENS, "over-messages", TEXT);
    expect_count(reply, OPERATION_INPUT_TOKENS, ABOUT_IT, true);
    http_reply_free(&reply);
    rig_stop();
}

Test(count, what_cannot_be_read_cannot_be_estimated, .timeout = 60)
{
    rig_start_strict(&each);
    struct http_reply *reply = http_call(
        gateway->port, "/v1/messages/count_tokens", key, NULL,
        "{\"model\":\"over-chat\",\"messages\":[{\"role\":\"robot\",\"content\":\"hi\"}]}");

    cr_expect_eq(reply->status, 400, "%s", reply->body);
    cr_expect_eq(http_header_count(reply, "x-relayos-estimated"), 0);
    http_reply_free(&reply);
    rig_stop();
}

Test(count, a_key_is_held_to_its_models_and_its_rate_but_not_to_its_quota, .timeout = 60)
{
    rig_start_strict(&each);
    char *scoped = gateway_key(gateway, "--models over-messages");
    char *slow = gateway_key(gateway, "--rpm 1");
    char *empty = gateway_key(gateway, "--quota 0.000000001usd");
    const struct call *call = call_of(OPERATION_COUNT_TOKENS);
    struct http_reply *reply = call_model(gateway, call, scoped, "over-chat", false, TEXT);

    cr_expect_eq(reply->status, 403, "%s", reply->body);
    http_reply_free(&reply);
    for (int i = 0; i < 2; i++) {
        reply = call_model(gateway, call, slow, "over-chat", false, TEXT);
        cr_expect_eq(reply->status, i == 0 ? 200 : 429, "%s", reply->body);
        http_reply_free(&reply);
    }
    reply = call_model(gateway, call, empty, "over-chat", false, TEXT);
    expect_count(reply, OPERATION_COUNT_TOKENS, ABOUT_IT, true);
    http_reply_free(&reply);
    cr_expect_eq(books_reserved(gateway), 0);
    free(scoped);
    free(slow);
    free(empty);
    rig_stop();
}

/* ---- what lies upstream ---- */

/* The answer's id; free it. */
static char *
first_id(enum operation operation, const char *model)
{
    struct http_reply *reply = ask(operation, model, "remember me");
    cJSON *answer = json_body(reply);
    char *id = strdup(json_text(answer, "id"));

    cr_expect_eq(reply->status, 200, "%s", reply->body);
    cr_expect_neq(id[0], '\0', "%s", reply->body);
    cJSON_Delete(answer);
    http_reply_free(&reply);
    return id;
}

static struct http_reply *
go_on(enum operation operation, const char *whose, const char *model, const char *id)
{
    char *body = NULL;

    cr_assert(asprintf(&body,
                       "{\"model\":\"%s\",\"previous_response_id\":\"%s\",\"input\":"
                       "\"hi !mock:in=12\"}",
                       model, id) > 0);
    struct http_reply *reply =
        http_call(gateway->port, call_of(operation)->path, whose, NULL, body);

    free(body);
    return reply;
}

Test(count, a_conversation_that_lies_upstream_is_counted_there_or_not_at_all, .timeout = 60)
{
    rig_start_strict(&each);
    char *id = first_id(OPERATION_RESPONSE, "over-responses"),
         *other = gateway_key(gateway, "--quota 100usd --owner bert");
    struct http_reply *reply = go_on(OPERATION_INPUT_TOKENS, key, "over-responses", id);

    expect_count(reply, OPERATION_INPUT_TOKENS, 12, false);
    http_reply_free(&reply);
    reply = go_on(OPERATION_INPUT_TOKENS, other, "over-responses", id);
    cr_expect_eq(reply->status, 404, "%s", reply->body);
    http_reply_free(&reply);
    gateway_mock_control(gateway, 0, "* status=500");
    reply = go_on(OPERATION_INPUT_TOKENS, key, "over-responses", id);
    cr_expect_eq(reply->status, 502, "%s", reply->body);
    http_reply_free(&reply);
    free(id);
    free(other);
    rig_stop();
}

/* ---- compact ---- */

Test(compact, is_metered_and_its_id_is_its_owners, .timeout = 60)
{
    rig_start_strict(&each);
    struct http_reply *reply =
        ask(OPERATION_COMPACTION, "over-responses", "long !mock:in=100,out=10,cached=40");
    cJSON *answer = json_body(reply);

    cr_expect_eq(reply->status, 200, "%s", reply->body);
    cr_expect_str_eq(json_text(answer, "object"), "response.compaction");
    cr_expect_str_eq(json_text(answer, "output.1.type"), "compaction");
    cr_expect_eq(json_int(answer, "usage.input_tokens"), 140);
    cr_expect_null(strstr(reply->body, "canary"), "%s", reply->body);
    cr_expect_eq(books_charged_nusd(gateway),
                 100 * GATEWAY_INPUT_NUSD + 40 * GATEWAY_CACHED_NUSD + 10 * GATEWAY_OUTPUT_NUSD);
    cJSON_Delete(answer);
    http_reply_free(&reply);

    char *id = first_id(OPERATION_COMPACTION, "over-responses"),
         *other = gateway_key(gateway, "--quota 100usd --owner bert");

    reply = go_on(OPERATION_COMPACTION, key, "over-responses", id);
    cr_expect_eq(reply->status, 200, "%s", reply->body);
    http_reply_free(&reply);
    reply = go_on(OPERATION_COMPACTION, other, "over-responses", id);
    cr_expect_eq(reply->status, 404, "%s", reply->body);
    http_reply_free(&reply);
    free(id);
    free(other);
    rig_stop();
}

static void
expect_not_there(const char *model)
{
    struct http_reply *reply = ask(OPERATION_COMPACTION, model, "hi");
    cJSON *answer = json_body(reply);

    cr_expect_eq(reply->status, 404, "%s", reply->body);
    cr_expect_str_eq(json_text(answer, "error.code"), "not_found");
    cr_expect_not_null(strstr(reply->body, "on this endpoint"), "%s", reply->body);
    cJSON_Delete(answer);
    http_reply_free(&reply);
}

Test(compact, where_no_route_has_it_it_is_not_found_and_nobody_is_blamed, .timeout = 60)
{
    rig_start_strict(&each);
    expect_not_there("over-chat");
    expect_not_there("over-messages");
    expect_not_there("over-gemini");
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    gateway_mock_control(gateway, 0, "* strict\n/answers/v1/responses/compact status=404");
    for (int i = 0; i < 20; i++)
        expect_not_there("over-responses");
    struct http_reply *reply = ask(OPERATION_RESPONSE, "over-responses", "hi");

    cr_expect_eq(reply->status, 200, "%s", reply->body);
    http_reply_free(&reply);
    /* Another route has it. */
    reply = ask(OPERATION_COMPACTION, "over-two", "hi");
    cr_expect_eq(reply->status, 200, "%s", reply->body);
    http_reply_free(&reply);
    cr_expect_eq(routes_calls(gateway, "more"), 1);
    rig_stop();
}

Test(compact, a_key_that_wants_a_bound_is_refused, .timeout = 60)
{
    rig_start_strict(&each);
    char *strict = gateway_key(gateway, "--quota 100usd --strict on");
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_COMPACTION), strict, "over-responses", false, "hi");

    cr_expect_eq(reply->status, 400, "%s", reply->body);
    http_reply_free(&reply);
    reply = call_model(gateway, call_of(OPERATION_INPUT_TOKENS), strict, "over-responses", false,
                       "hi !mock:in=3");
    expect_count(reply, OPERATION_INPUT_TOKENS, 3, false);
    http_reply_free(&reply);
    free(strict);
    rig_stop();
}
