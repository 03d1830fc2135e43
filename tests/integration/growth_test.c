/* SPDX-License-Identifier: ISC
 *
 * A few bytes may name many: what is remembered, or fetched, and put into a body counts among the
 * bodies in memory, and is forgotten with its request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway.h"
#include "http.h"
#include "json.h"
#include "routes.h"

#define N_LETTERS 150000 /* of the item */

static const struct gateway_options options = {
    .workers = 1,
    .settings = "limits: {body: 1MiB, body_memory: 1MiB}\n" ROUTES_NO_AFFINITY ROUTES_NO_BREAKER,
    .upstreams = "  answers:\n    url: http://127.0.0.1:%d/v1\n    probe: none\n"
                 "    protocols: openai_responses\n" ROUTES_KEY
                 "  google:\n    url: http://127.0.0.1:%d/v1beta\n    probe: none\n"
                 "    protocols: gemini\n" ROUTES_KEY,
    .models = "  straight:\n    price: {input: 2.00, output: 8.00}\n"
              "    routes: [{upstream: answers, model: gpt-5}]\n"
              "  translated:\n    price: {input: 2.00, output: 8.00}\n"
              "    routes: [{upstream: google, model: gemini-2.5-pro}]\n"};

static struct gateway *gateway;
static char *key;

static struct http_reply *
respond(const char *model, const char *items)
{
    char *body;

    cr_assert_gt(asprintf(&body, "{\"model\":\"%s\",\"input\":[%s]}", model, items), 0);
    struct http_reply *reply = http_call(gateway->port, "/v1/responses", key, NULL, body);
    free(body);
    return reply;
}

/* An answer of so many letters, by its id. Free it. */
static char *
remember(void)
{
    char *letters = malloc(N_LETTERS + 1), *items;

    memset(letters, 'a', N_LETTERS);
    letters[N_LETTERS] = '\0';
    cr_assert_gt(asprintf(&items, "{\"role\":\"user\",\"content\":\"%s\"}", letters), 0);
    struct http_reply *reply = respond("straight", items);
    cJSON *answer = json_body(reply);
    char *id = strdup(json_text(answer, "output.0.id"));

    cr_assert_eq(reply->status, 200, "%s", reply->body);
    cJSON_Delete(answer);
    http_reply_free(&reply);
    free(items);
    free(letters);
    return id;
}

/* How a call with those items ends; they are freed. */
static int
status_of(const char *model, char *items)
{
    struct http_reply *reply = respond(model, items);
    const int status = reply->status;

    http_reply_free(&reply);
    free(items);
    return status;
}

/* The item so often, behind a text of so many letters. */
static int
name_it(const char *model, const char *id, int n, size_t n_letters)
{
    const size_t size = n_letters + 128 + (size_t)n * (strlen(id) + 64);
    char *items = malloc(size);
    int len = snprintf(items, size, "{\"role\":\"user\",\"content\":\"");

    memset(items + len, 'b', n_letters);
    len += (int)n_letters;
    len += snprintf(items + len, size - (size_t)len, "\"}");
    for (int i = 0; i < n; i++)
        len += snprintf(items + len, size - (size_t)len,
                        ",{\"type\":\"item_reference\",\"id\":\"%s\"}", id);
    return status_of(model, items);
}

Test(growth, bodies_that_grow_by_references_count_and_are_forgotten, .timeout = 60)
{
    gateway = gateway_start(&options);
    key = gateway_key(gateway, "--quota 100usd");
    char *id = remember();

    for (int i = 0; i < 4; i++)
        cr_expect_eq(name_it("straight", id, 6, 1), 200);
    cr_expect_eq(name_it("straight", id, 2, 600000), 503);
    cr_expect_eq(name_it("straight", id, 9, 1), 413);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(name_it("straight", id, 6, 1), 200);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(id);
    free(key);
}

/* Each of these says more to Gemini: {"role":"user","parts":[{"text":"b"}]}. */
static int
say_often(int n)
{
    static const char item[] = "{\"role\":\"user\",\"content\":\"b\"},"
                               "{\"role\":\"assistant\",\"content\":\"b\"}";
    char *items = malloc((size_t)n * sizeof(item) + 1);
    size_t len = 0;

    for (int i = 0; i < n; i++) {
        memcpy(items + len, item, sizeof(item) - 1);
        len += sizeof(item) - 1;
        items[len++] = ',';
    }
    items[len - 1] = '\0';
    return status_of("translated", items);
}

Test(growth, bodies_that_grow_by_translation_count_and_are_forgotten, .timeout = 60)
{
    gateway = gateway_start(&options);
    key = gateway_key(gateway, "--quota 100usd");

    for (int i = 0; i < 6; i++)
        cr_expect_eq(say_often(9000), 200);
    cr_expect_eq(say_often(13500), 503);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(say_often(9000), 200);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
