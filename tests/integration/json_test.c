/* SPDX-License-Identifier: ISC
 *
 * Bodies that are not what they should be (MI-05..07): refused quickly with 400, in bounded memory,
 * and nothing hidden in them gets past the key's scope or the price.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "memory.h"

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static struct http_reply *
post(const struct gateway *gateway, const char *key, const char *body, size_t len)
{
    char head[512];
    int fd = http_connect(gateway->port);
    int n = snprintf(head, sizeof head,
                     "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     key, len);

    http_send(fd, head, (size_t)n);
    http_send(fd, body, len);
    struct http_reply *reply = http_read(fd);

    http_close(fd, false);
    return reply;
}

/* prefix, then `unit` n times, then suffix. */
static char *
repeated(const char *prefix, const char *unit, size_t n, const char *suffix)
{
    size_t size = strlen(unit), head = strlen(prefix);
    char *text = malloc(head + size * n + strlen(suffix) + 1);

    memcpy(text, prefix, head);
    for (size_t i = 0; i < n; i++)
        memcpy(text + head + i * size, unit, size);
    memcpy(text + head + size * n, suffix, strlen(suffix) + 1);
    return text;
}

Test(json, what_is_not_json_is_400_and_goes_nowhere, .timeout = 100)
{
    static const struct {
        const char *body;
        size_t len; /* 0 = strlen */
    } bodies[] = {
        {"", 0},
        {"null", 0},
        {"[]", 0},
        {"\"text\"", 0},
        {"{", 0},
        {"{}", 0},
        {"{\"model\":\"flat\"," MESSAGES "} x", 0},
        {"{\"model\":\"flat\"," MESSAGES "}{}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",}", 0},
        {"{'model':'flat'}", 0},
        {"\xef\xbb\xbf{\"model\":\"flat\"," MESSAGES "}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",\"a\":NaN}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",\"a\":01}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",\"a\":1.}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",\"a\":\"\xff\"}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",\"a\":\"\xed\xa0\x80\"}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",\"a\":\"\xc0\x80\"}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",\"a\":\"\x01\"}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",\"a\":\"\\x\"}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",\"a\":\"\0\"}",
         sizeof "{\"model\":\"flat\"," MESSAGES ",\"a\":\"\0\"}" - 1},
        {"{\"model\":\"flat\"," MESSAGES "}\0", sizeof "{\"model\":\"flat\"," MESSAGES "}\0" - 1},
        {"{\"model\":5," MESSAGES "}", 0},
        {"{\"model\":null," MESSAGES "}", 0},
        {"{\"model\":\"\"," MESSAGES "}", 0},
        {"{\"model\":[\"flat\"]," MESSAGES "}", 0},
        {"{\"model\":\"flat\"," MESSAGES ",\"stream\":\"yes\"}", 0},
    };
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        size_t len = bodies[i].len != 0 ? bodies[i].len : strlen(bodies[i].body);
        struct http_reply *reply = post(gateway, key, bodies[i].body, len);

        cr_expect_eq(reply->status, 400, "%s: %d %s", bodies[i].body, reply->status, reply->body);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(json, monsters_are_refused_quickly_and_in_bounded_memory, .timeout = 100)
{
    static const struct gateway_options options = {.workers = 1};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    /* From small to large: the peak of memory never comes down. */
    char *bodies[] = {repeated("{\"model\":\"flat\",\"a\":", "[", 100000, ""),
                      repeated("{\"model\":\"flat\",\"a\":", "{\"a\":", 100000, "1"),
                      repeated("{\"model\":\"flat\"", ",\"k\":1", 1000000, "}"),
                      repeated("{\"model\":\"flat\",\"a\":[", "1,", 5000000, "}"),
                      repeated("{\"model\":\"flat\",\"a\":\"", "\xff", 20000000, "\"}"),
                      repeated("{\"model\":\"flat\",\"a\":", "9", 30000000, "x}")};
    pid_t pid;

    cr_assert_eq(gateway_pids(gateway, "worker", &pid, 1), 1);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        int64_t before = memory_resident(pid), size = (int64_t)strlen(bodies[i]);
        struct http_reply *reply = post(gateway, key, bodies[i], strlen(bodies[i]));
        int64_t grown = memory_peak(pid) - before;

        cr_expect_eq(reply->status, 400, "monster %zu: %d", i, reply->status);
        if (MEMORY_IS_TELLING)
            cr_expect_lt(grown, 2 * size + MEMORY_SLACK, "monster %zu of %ld bytes: %ld more", i,
                         (long)size, (long)grown);
        http_reply_free(&reply);
        free(bodies[i]);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(json, a_second_model_cannot_hide_behind_the_first, .timeout = 100)
{
    static const char *const bodies[] = {
        "{\"model\":\"flat\",\"model\":\"gpt-4.1-mini\"," MESSAGES "}",
        "{\"model\":\"gpt-4.1-mini\",\"model\":\"flat\"," MESSAGES "}",
        "{\"mod\\u0065l\":\"gpt-4.1-mini\",\"model\":\"flat\"," MESSAGES "}",
        "{\"model\":\"flat\",\"mod\\u0065l\":\"gpt-4.1-mini\"," MESSAGES "}",
        "{\"model\":\"flat\"," MESSAGES ",\"m\\u006fdel\":\"gpt-4.1-mini\"}",
    };
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--models flat");

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct http_reply *reply = post(gateway, key, bodies[i], strlen(bodies[i]));

        cr_expect(reply->status == 400 || reply->status == 403, "%s: %d", bodies[i], reply->status);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);

    /* A name written with escapes alone is just that name. */
    static const char escaped[] = "{\"mod\\u0065l\":\"fl\\u0061t\"," MESSAGES "}";
    struct http_reply *reply = post(gateway, key, escaped, strlen(escaped));

    cr_expect(reply->status == 200 || reply->status == 400, "%d %s", reply->status, reply->body);
    cr_expect_eq(gateway_mock_count(gateway, "models.gpt-4.1-mini"), -1);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(json, numbers_that_would_bend_the_price_are_400, .timeout = 100)
{
    static const char *const names[] = {"n", "max_tokens", "max_completion_tokens"};
    static const char *const values[] = {"18446744073709551615",
                                         "9223372036854775808",
                                         "-1",
                                         "1.5",
                                         "1e3",
                                         "\"5\"",
                                         "true",
                                         "{}",
                                         "1e400"};
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), body[256];

    for (size_t i = 0; i < 3 * (sizeof values / sizeof *values); i++) {
        int len = snprintf(body, sizeof body, "{\"model\":\"flat\"," MESSAGES ",\"%s\":%s}",
                           names[i % 3], values[i / 3]);
        struct http_reply *reply = post(gateway, key, body, (size_t)len);

        cr_expect_eq(reply->status, 400, "%s: %d", body, reply->status);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
