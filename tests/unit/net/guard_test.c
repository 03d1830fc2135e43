/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "relayos/net/guard.h"

#define B(s) s, sizeof(s) - 1
#define H    "Host: a\r\n"

static const struct {
    const char *bytes;
    size_t len;
    enum guard_verdict verdict;
} cases[] = {
    {B("GET / HTTP/1.1\r\n" H "\r\n"), GUARD_OK},
    {B("GET /v1/models?x=%20 HTTP/1.0\r\n" H "X:\t a b \t\r\n\r\nrest"), GUARD_OK},
    {B("POST / HTTP/1.1\r\n" H "content-LENGTH: 12\r\nExpect: 100-Continue\r\n\r\n"), GUARD_OK},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"), GUARD_OK},
    {B("GET / HTTP/1.1\r\n" H "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n"),
     GUARD_OK},
    {B("\r\nGET / HTTP/1.1\r\n" H "\r\n"), GUARD_OK},
    {B("GET / HTTP/1.1\r\n" H "X: \xc3\xa4\r\n\r\n"), GUARD_OK},
    {B("TRACE / HTTP/1.1\r\n" H "\r\n"), GUARD_METHOD},
    {B("CONNECT a:443 HTTP/1.1\r\n" H "\r\n"), GUARD_METHOD},
    {B("POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n"), GUARD_EXPECTATION},
    {B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\r\n\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.0\r\n\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\r\n" H H "\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.2\r\n" H "\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.10\r\n" H "\r\n"), GUARD_BAD},
    {B("GET / http/1.1\r\n" H "\r\n"), GUARD_BAD},
    {B("GET /\r\n" H "\r\n"), GUARD_BAD},
    {B("GET  / HTTP/1.1\r\n" H "\r\n"), GUARD_BAD},
    {B("GET /  HTTP/1.1\r\n" H "\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1 \r\n" H "\r\n"), GUARD_BAD},
    {B(" GET / HTTP/1.1\r\n" H "\r\n"), GUARD_BAD},
    {B("GE(T / HTTP/1.1\r\n" H "\r\n"), GUARD_BAD},
    {B("GET http://a/ HTTP/1.1\r\n" H "\r\n"), GUARD_BAD},
    {B("GET * HTTP/1.1\r\n" H "\r\n"), GUARD_BAD},
    {B("GET /a#b HTTP/1.1\r\n" H "\r\n"), GUARD_BAD},
    {B("GET /a\tb HTTP/1.1\r\n" H "\r\n"), GUARD_BAD},
    {B("GET /\xff HTTP/1.1\r\n" H "\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\n" H "\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\r\n" H "X: a\n\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\r\n " H "\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\r\n" H "X : a\r\n\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\r\n" H ": a\r\n\r\n"), GUARD_BAD},
    {B("GET / HTTP/1.1\r\n" H "no colon\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 1,1\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
     GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
     GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"), GUARD_BAD},
    {B("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"), GUARD_BAD},
};

/* A copy that is written to, and as long as it says. */
static enum guard_verdict
parse(const char *bytes, size_t len, struct guard_head *head)
{
    static char copy[1024];

    cr_assert_leq(len, sizeof copy);
    memcpy(copy, bytes, len);
    return guard_parse_head(slice_of(copy, len), head);
}

Test(guard, each_form_has_its_verdict_however_it_arrives)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct guard_head head;
        for (size_t len = 0; len < cases[i].len; len++) {
            enum guard_verdict early = parse(cases[i].bytes, len, &head);
            cr_expect(early == GUARD_INCOMPLETE || early == cases[i].verdict,
                      "case %zu cut at %zu: %d", i, len, early);
        }
        cr_expect_eq(parse(cases[i].bytes, cases[i].len, &head), cases[i].verdict, "case %zu: %s",
                     i, cases[i].bytes);
    }
}

Test(guard, a_good_head_is_taken_apart)
{
    struct slice bytes = SLICE_LIT("POST /v1/x?y=1 HTTP/1.1\r\n" H "A:  b c \r\n"
                                   "Content-Length: 5\r\n\r\nhello");
    struct guard_head head;

    cr_assert_eq(parse(bytes.ptr, bytes.len, &head), GUARD_OK);
    cr_assert(slice_eq_str(head.method, "POST") && slice_eq_str(head.target, "/v1/x?y=1"));
    cr_assert_eq(head.minor_version, 1);
    cr_assert_eq(head.n_headers, 3);
    cr_assert(slice_eq_str(head.headers[1].name, "a"));
    cr_assert(slice_eq_str(head.headers[1].value, "b c"));
    cr_assert_eq(head.content_length, 5);
    cr_assert_eq(head.head_size, bytes.len - 5);
}

static enum guard_verdict
verdict_of(size_t n_headers, size_t padding)
{
    struct guard_head head;
    char *bytes = malloc(65536), *p = bytes;

    p += sprintf(p, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (size_t i = 1; i < n_headers; i++)
        p += sprintf(p, "x%zu: 1\r\n", i);
    if (padding > 0)
        p += sprintf(p, "y: %0*d\r\n", (int)padding, 0);
    p += sprintf(p, "\r\n");
    enum guard_verdict verdict = guard_parse_head(slice_of(bytes, (size_t)(p - bytes)), &head);
    free(bytes);
    return verdict;
}

Test(guard, heads_are_bounded_in_fields_and_in_bytes)
{
    cr_assert_eq(verdict_of(LIMIT_HEADERS, 0), GUARD_OK);
    cr_assert_eq(verdict_of(LIMIT_HEADERS + 1, 0), GUARD_TOO_LARGE);
    size_t rest = sizeof("GET / HTTP/1.1\r\nHost: a\r\ny: \r\n\r\n") - 1;
    cr_assert_eq(verdict_of(1, LIMIT_HEAD_BYTES - rest), GUARD_OK);
    cr_assert_eq(verdict_of(1, LIMIT_HEAD_BYTES - rest + 1), GUARD_TOO_LARGE);
}
