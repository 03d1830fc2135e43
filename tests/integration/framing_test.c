/* SPDX-License-Identifier: ISC
 *
 * HTTP framing over a socket (MI-01, MI-03, MI-04): whatever could be read in two ways is refused
 * and the connection closed, and the request hidden in it never runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"

#define GOOD_BODY "{\"model\":\"flat\",\"messages\":[{\"role\":\"user\",\"content\":\"smuggled\"}]}"
#define START     "POST /v1/chat/completions HTTP/1.1\r\n"
#define HOST      "Host: a\r\n"
#define KEY       "Authorization: Bearer $KEY\r\n"
#define TYPE      "Content-Type: application/json\r\n"
#define LENGTH    "Content-Length: 66\r\n"
/* A whole request that must never run. */
#define SMUGGLED START HOST KEY LENGTH "\r\n" GOOD_BODY

struct framing {
    const char *name;
    const char *bytes; /* $KEY stands for a good key; what follows is always SMUGGLED */
};

static const struct framing refused[] = {
    {"two lengths", START HOST KEY LENGTH "Content-Length: 0\r\n\r\n"},
    {"two equal lengths", START HOST KEY LENGTH LENGTH "\r\n"},
    {"a list of lengths", START HOST KEY "Content-Length: 0, 0\r\n\r\n"},
    {"length and chunked", START HOST KEY LENGTH "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"chunked and length", START HOST KEY "Transfer-Encoding: chunked\r\n" LENGTH "\r\n0\r\n\r\n"},
    {"two encodings",
     START HOST KEY "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"},
    {"encoding in a list", START HOST KEY "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
    {"unknown encoding", START HOST KEY "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {"identity encoding", START HOST KEY "Transfer-Encoding: identity\r\n" LENGTH "\r\n"},
    {"space before the colon", START HOST KEY "Transfer-Encoding : chunked\r\n" LENGTH "\r\n"},
    {"tab in the encoding", START HOST KEY "Transfer-Encoding: \tchunked\t\r\n" LENGTH "\r\n"},
    {"chunked in HTTP/1.0", "POST /v1/chat/completions HTTP/1.0\r\n" HOST KEY
                            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"negative length", START HOST KEY "Content-Length: -1\r\n\r\n"},
    {"signed length", START HOST KEY "Content-Length: +66\r\n\r\n"},
    {"hexadecimal length", START HOST KEY "Content-Length: 0x42\r\n\r\n"},
    {"length that overflows", START HOST KEY "Content-Length: 18446744073709551682\r\n\r\n"},
    {"length with a space", START HOST KEY "Content-Length: 6 6\r\n\r\n"},
    {"empty length", START HOST KEY "Content-Length:\r\n\r\n"},
    {"length of letters", START HOST KEY "Content-Length: abc\r\n\r\n"},
    {"folded header", START HOST KEY "X-A: b\r\n " LENGTH "\r\n"},
    {"header that begins with a space", START " " HOST KEY LENGTH "\r\n"},
    {"no host", START KEY LENGTH "\r\n"},
    {"two hosts", START HOST "Host: b\r\n" KEY LENGTH "\r\n"},
    {"bare line feeds", "POST /v1/chat/completions HTTP/1.1\nHost: a\n" KEY LENGTH "\n"},
    {"bare line feed in a header", START HOST "X-A: b\n" KEY LENGTH "\r\n"},
    {"bare carriage return", START HOST "X-A: b\rX-B: c\r\n" KEY LENGTH "\r\n"},
    {"header without a name", START HOST ": b\r\n" KEY LENGTH "\r\n"},
    {"header without a colon", START HOST "nonsense\r\n" KEY LENGTH "\r\n"},
    {"control byte in a header", START HOST "X-A: \x01\r\n" KEY LENGTH "\r\n"},
    {"space in a header's name", START HOST "X A: b\r\n" KEY LENGTH "\r\n"},
    {"chunk size 0x5",
     START HOST KEY "Transfer-Encoding: chunked\r\n\r\n0x5\r\n{\"a\":\r\n0\r\n\r\n"},
    {"negative chunk size", START HOST KEY "Transfer-Encoding: chunked\r\n\r\n-5\r\n{\"a\":\r\n"},
    {"huge chunk size",
     START HOST KEY "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{\"a\":\r\n"},
    {"chunk size of nothing", START HOST KEY "Transfer-Encoding: chunked\r\n\r\n\r\n{\"a\":\r\n"},
    {"chunk size with a space",
     START HOST KEY "Transfer-Encoding: chunked\r\n\r\n5 5\r\n{\"a\":\r\n"},
    {"chunk without its line end",
     START HOST KEY "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":0\r\n\r\n"},
    {"chunk size split by a carriage return",
     START HOST KEY "Transfer-Encoding: chunked\r\n\r\n1\r0\r\n{\r\n0\r\n\r\n"},
    {"chunk extension",
     START HOST KEY "Transfer-Encoding: chunked\r\n\r\n42;a=b\r\n" GOOD_BODY "\r\n0\r\n\r\n"},
    {"absolute form", "POST http://a/v1/chat/completions HTTP/1.1\r\n" HOST KEY LENGTH "\r\n"},
    {"asterisk form", "OPTIONS * HTTP/1.1\r\n" HOST KEY "\r\n"},
    {"path without a slash", "POST v1/chat/completions HTTP/1.1\r\n" HOST KEY LENGTH "\r\n"},
    {"HTTP/0.9", "GET /v1/models\r\n\r\n"},
    {"HTTP/2.0", "POST /v1/chat/completions HTTP/2.0\r\n" HOST KEY LENGTH "\r\n"},
    {"HTTP/1.2", "POST /v1/chat/completions HTTP/1.2\r\n" HOST KEY LENGTH "\r\n"},
    {"a preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {"TRACE", "TRACE / HTTP/1.1\r\n" HOST KEY "\r\n"},
    {"CONNECT", "CONNECT a:443 HTTP/1.1\r\n" HOST KEY "\r\n"},
    {"an unknown expectation", START HOST KEY LENGTH "Expect: the-unexpected\r\n\r\n"},
};

/* text and after it more, each $KEY replaced. */
static char *
with_key(const char *text, const char *key, const char *more)
{
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);
    const char *parts[] = {text, more};

    for (size_t i = 0; i < 2; i++) {
        for (const char *at = parts[i]; *at != '\0'; at++) {
            if (strncmp(at, "$KEY", 4) != 0) {
                fputc(*at, stream);
                continue;
            }
            fputs(key, stream);
            at += 3;
        }
    }
    fclose(stream);
    return out;
}

Test(framing, what_can_be_read_in_two_ways_is_refused_and_hides_nothing, .timeout = 200)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char *bytes = with_key(refused[i].bytes, key, SMUGGLED);
        int fd = http_connect(gateway->port);

        cr_assert(http_send(fd, bytes, strlen(bytes)));
        struct http_reply *reply = http_read(fd);

        cr_expect(reply->status >= 400 && reply->status <= 505, "%s: %d", refused[i].name,
                  reply->status);
        http_reply_free(&reply);
        reply = http_read(fd);
        cr_expect_eq(reply->status, 0, "%s: a second answer, %d", refused[i].name, reply->status);
        cr_expect_neq(reply->end, HTTP_END_SILENT, "%s: the connection stays open",
                      refused[i].name);
        http_reply_free(&reply);
        http_close(fd, false);
        free(bytes);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0, "a smuggled request ran");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(framing, honest_requests_of_every_form_are_served, .timeout = 60)
{
    static const char *const honest[] = {
        SMUGGLED,
        START HOST KEY "content-length:66\r\n\r\n" GOOD_BODY,
        START HOST KEY "Transfer-Encoding: chunked\r\n\r\n42\r\n" GOOD_BODY "\r\n0\r\n\r\n",
        START HOST KEY "Transfer-Encoding: Chunked\r\n\r\n0042\r\n" GOOD_BODY "\r\n0\r\n\r\n",
        START HOST KEY LENGTH "Expect: 100-continue\r\n\r\n" GOOD_BODY,
        "\r\n" SMUGGLED,
    };
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");

    for (size_t i = 0; i < sizeof honest / sizeof *honest; i++) {
        char *bytes = with_key(honest[i], key, "");
        struct http_reply *reply = http_raw(gateway->port, bytes, strlen(bytes));

        cr_expect_eq(reply->status, 200, "form %zu: %d %s", i, reply->status, reply->body);
        http_reply_free(&reply);
        free(bytes);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(framing, a_request_in_single_bytes_is_the_same_request, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), *bytes = with_key(SMUGGLED, key, "");
    int fd = http_connect(gateway->port);

    for (size_t i = 0; i < strlen(bytes); i++)
        cr_assert(http_send(fd, bytes + i, 1));
    struct http_reply *reply = http_read(fd);

    cr_expect_eq(reply->status, 200);
    http_reply_free(&reply);
    http_close(fd, false);
    free(bytes);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static int
status_of(const struct gateway *gateway, const char *bytes)
{
    struct http_reply *reply = http_raw(gateway->port, bytes, strlen(bytes));
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

/* Bytes put together from a start, a run of one character and an end. */
static char *
padded(const char *start, char with, size_t n, const char *end)
{
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);

    fputs(start, stream);
    while (n-- > 0)
        fputc(with, stream);
    fputs(end, stream);
    fclose(stream);
    return out;
}

static void
expect_status(const struct gateway *gateway, const char *key, char *bytes, int status)
{
    char *request = with_key(bytes, key, "");

    cr_expect_eq(status_of(gateway, request), status, "%.60s", request);
    free(request);
    free(bytes);
}

static void
expect_words(const struct gateway *gateway, const char *key, const char *bytes, const char *words)
{
    char *request = with_key(bytes, key, "");
    struct http_reply *reply = http_raw(gateway->port, request, strlen(request));

    cr_expect_not_null(strstr(reply->body, words), "%d %s", reply->status, reply->body);
    http_reply_free(&reply);
    free(request);
}

Test(framing, heads_and_bodies_have_bounds, .timeout = 60)
{
    static const struct gateway_options options = {.settings = "limits: {body: 64KiB}\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), *lines = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&lines, &size);

    fputs(START HOST KEY, stream);
    for (int i = 0; i < 65; i++)
        fprintf(stream, "X-%d: y\r\n", i);
    fputs(LENGTH "\r\n" GOOD_BODY, stream);
    fclose(stream);
    expect_status(gateway, key, lines, 431);
    expect_status(gateway, key, padded(START HOST "X-Long: ", 'x', 33 * 1024, "\r\n\r\n"), 431);
    expect_status(gateway, key, padded(START HOST KEY "Content-Length: 65537\r\n\r\n", '{', 1, ""),
                  413);
    expect_status(gateway, key,
                  padded(START HOST KEY "Transfer-Encoding: chunked\r\n\r\n11170\r\n", ' ', 0x11170,
                         "\r\n0\r\n\r\n"),
                  413);
    expect_words(gateway, key, START HOST KEY "Content-Length: 65537\r\n\r\n", "limit of 64KiB");
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* What a newcomer does wrong is told apart from a wrong key, and a wrong model from none. */
Test(framing, a_request_without_a_key_or_of_no_model_is_told_what_to_do, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");

    expect_words(gateway, key, START HOST LENGTH "\r\n" GOOD_BODY,
                 "none came, as Authorization: Bearer");
    expect_words(gateway, key, START HOST "Authorization: $KEY\r\n" LENGTH "\r\n" GOOD_BODY,
                 "none came, as Authorization: Bearer");
    expect_words(gateway, key, START HOST "x-api-key: sk-test-other\r\n" LENGTH "\r\n" GOOD_BODY,
                 "check that it is complete");
    expect_words(gateway, key,
                 START HOST KEY "Content-Length: 28\r\n\r\n{\"model\":\"no\",\"messages\":[]}",
                 "GET /v1/models lists");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(framing, an_upgrade_to_http2_is_not_taken, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    char *bytes =
        with_key("GET /v1/models HTTP/1.1\r\n" HOST KEY "Connection: Upgrade, HTTP2-Settings\r\n"
                 "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
                 key, "");

    cr_expect_neq(status_of(gateway, bytes), 101);
    free(bytes);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
