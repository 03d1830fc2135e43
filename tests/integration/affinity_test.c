/* SPDX-License-Identifier: ISC
 *
 * Where a conversation's prompt cache lies, there it goes: by what clients say of their sessions,
 * or by how the conversation begins. A short pause of its route does not end that.
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
#include "routes.h"

#define BALANCED ROUTES_NAMED("routed", ROUTES_ABC)
#define HEAD     "{\"model\":\"routed\",\"max_tokens\":50,"

static const struct gateway_options usual = {.upstreams = ROUTES_UPSTREAMS, .models = BALANCED};

/* Which of the three answered: "a", "b" or "c"; "?" if it failed. */
static char
served_by(const struct gateway *gateway, const char *path, const char *key, const char *headers,
          const char *body)
{
    static const char *const names[] = {"a", "b", "c"};
    char who = '?';

    gateway_mock_reset(gateway);
    struct http_reply *reply = http_call(gateway->port, path, key, headers, body);

    cr_expect_eq(reply->status, 200, "%d %s", reply->status, reply->body);
    for (int i = 0; i < 3 && reply->status == 200; i++) {
        if (routes_calls(gateway, names[i]) > 0)
            who = names[i][0];
    }
    http_reply_free(&reply);
    return who;
}

struct turn {
    const char *path, *headers, *first, *later;
};

/* The first turn of a conversation, and a later one: %d is put in by number. */
static const struct turn turns[] = {
    /* By the session. */
    {"/v1/messages", "X-Claude-Code-Session-Id: s%d\r\n",
     HEAD "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
     HEAD "\"messages\":[{\"role\":\"user\",\"content\":\"other\"}]}"},
    {"/v1/chat/completions", "x-session-affinity: s%d\r\n",
     HEAD "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
     HEAD "\"messages\":[{\"role\":\"user\",\"content\":\"other\"}]}"},
    /* By the key of the cache. */
    {"/v1/responses", "", "{\"model\":\"routed\",\"prompt_cache_key\":\"k%d\",\"input\":\"x\"}",
     "{\"model\":\"routed\",\"prompt_cache_key\":\"k%d\",\"input\":\"other\"}"},
    /* By how it begins. */
    {"/v1/chat/completions", "",
     HEAD "\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":"
          "\"begin %d\"}]}",
     HEAD "\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":"
          "\"begin %d\"},{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":"
          "\"more\"}]}"},
    /* Claude Code: a first line that varies, marks of the cache that move on. */
    {"/v1/messages", "",
     HEAD "\"system\":[{\"type\":\"text\",\"text\":\"billing 1\"},{\"type\":\"text\",\"text\":"
          "\"You are\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
          "\"task %d\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}",
     HEAD
     "\"system\":[{\"type\":\"text\",\"text\":\"billing 2\"},{\"type\":\"text\",\"text\":"
     "\"You are\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
     "\"task %d\"}]},{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":"
     "[{\"type\":\"text\",\"text\":\"m\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}"},
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static char
serve_turn(const struct gateway *gateway, const struct turn *turn, const char *key, int number,
           bool is_later)
{
    char headers[128], body[1024];

    snprintf(headers, sizeof headers, turn->headers, number);
    snprintf(body, sizeof body, is_later ? turn->later : turn->first, number);
    return served_by(gateway, turn->path, key, headers, body);
}
#pragma GCC diagnostic pop

Test(affinity, a_conversation_stays_where_it_was_served, .timeout = 150)
{
    struct gateway *gateway = gateway_start(&usual);
    char *key = gateway_key(gateway, "");

    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        int n_of[3] = {0};

        for (int number = 0; number < 12; number++) {
            char first = serve_turn(gateway, &turns[i], key, number, false);

            n_of[(first - 'a') % 3]++;
            for (int later = 0; later < 4; later++)
                cr_expect_eq(serve_turn(gateway, &turns[i], key, number, true), first,
                             "kind %zu, conversation %d moved", i, number);
        }
        cr_expect(n_of[0] < 12 && n_of[1] < 12 && n_of[2] < 12,
                  "kind %zu: all conversations on one route", i);
    }
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(affinity, of_one_key_means_nothing_to_another, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&usual);
    char *key = gateway_key(gateway, "");
    int n_elsewhere = 0;
    char mine = serve_turn(gateway, &turns[0], key, 1, false);

    /* Same name of the session, other keys of other owners: they are spread. */
    for (int i = 0; i < 12; i++) {
        cJSON *reply =
            gateway_ctl(gateway, "key create --name other-%d --owner owner-%d --tool script", i, i);

        n_elsewhere += serve_turn(gateway, &turns[0], json_text(reply, "secret"), 1, false) != mine;
        cJSON_Delete(reply);
    }
    cr_expect_gt(n_elsewhere, 0);
    cr_expect_eq(serve_turn(gateway, &turns[0], key, 1, true), mine);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(affinity, outlives_a_short_pause_of_its_route, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&usual);
    char *key = gateway_key(gateway, ""), rules[64];
    char home = serve_turn(gateway, &turns[3], key, 1, false);

    /* It is told to wait; meanwhile others serve. */
    snprintf(rules, sizeof rules, "/%c/ status=429,retry-after=20", home);
    gateway_mock_control(gateway, 0, rules);
    for (int i = 0; i < 4; i++)
        serve_turn(gateway, &turns[3], key, 1, true);
    gateway_mock_control(gateway, 0, "");
    routes_heal(gateway, "routed");
    cr_expect_eq(serve_turn(gateway, &turns[3], key, 1, true), home, "it came back home");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(affinity, a_drained_route_keeps_its_conversations_and_gets_no_new_ones, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&usual);
    char *key = gateway_key(gateway, "");
    char home = serve_turn(gateway, &turns[3], key, 1, false);

    cJSON *reply = gateway_ctl(gateway, "route drain routed/%c", home);
    cr_assert(reply != NULL, "route drain");
    cJSON_Delete(reply);
    for (int i = 0; i < 12; i++) {
        cr_expect_eq(serve_turn(gateway, &turns[3], key, 1, true), home);
        cr_expect_neq(serve_turn(gateway, &turns[3], key, 100 + i, false), home);
    }
    reply = gateway_ctl(gateway, "route disable routed/%c", home);
    cJSON_Delete(reply);
    cr_expect_neq(serve_turn(gateway, &turns[3], key, 1, true), home, "disabled is disabled");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Reasoning that a's family has signed: b is of it, c is not. */
Test(affinity, signed_reasoning_stays_in_the_family_that_signed_it, .timeout = 100)
{
#define SIGNED                                                                                     \
    HEAD "\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\","            \
         "\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"s\"},{\"type\":"  \
         "\"text\",\"text\":\"a\"}]},{\"role\":\"user\",\"content\":\"m\"}]}"
#define UNSIGNED                                                                                   \
    HEAD "\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\","            \
         "\"content\":\"a\"},{\"role\":\"user\",\"content\":\"m\"}]}"
    static const struct gateway_options options = {
        .settings = ROUTES_NO_BREAKER "failover: {retry_min: 100000}\n",
        .upstreams = ROUTES_UPSTREAM("a", "%d", "    family: one\n" ROUTES_KEY)
            ROUTES_UPSTREAM("b", "%d", "    family: one\n" ROUTES_KEY)
                ROUTES_UPSTREAM("c", "%d", "    family: two\n" ROUTES_KEY),
        .models =
            ROUTES_NAMED("routed", "    policy: ordered\n    routes: [{upstream: a}, {upstream:"
                                   " c}, {upstream: b}]\n")};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    const char *path = "/v1/messages", *session = "session-id: s1\r\n";

    cr_expect_eq(served_by(gateway, path, key, session, UNSIGNED), 'a');
    gateway_mock_control(gateway, 0, "/a/ status=500");
    cr_expect_eq(served_by(gateway, path, key, session, SIGNED), 'b', "the family's other member");
    gateway_mock_control(gateway, 0, "/a/ status=500\n/b/ status=500");
    gateway_mock_reset(gateway);
    struct http_reply *reply = http_call(gateway->port, path, key, session, SIGNED);
    cr_expect_neq(reply->status, 200, "%s", reply->body);
    cr_expect_eq(routes_calls(gateway, "c"), 0, "it could not read the reasoning");
    http_reply_free(&reply);
    cr_expect_eq(served_by(gateway, path, key, session, UNSIGNED), 'c', "nothing binds it");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
