/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/limits.h"
#include "upstream_parse.h"

#define B(s) s, sizeof(s) - 1

static const struct {
    const char *bytes;
    size_t len;
    enum upstream_verdict verdict;
    int status;
    enum upstream_framing framing;
    int64_t length;
    bool is_keep_alive;
} cases[] = {
    {B("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), UPSTREAM_HEAD_OK, 200,
     UPSTREAM_FRAMING_LENGTH, 5, true},
    {B("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"), UPSTREAM_HEAD_OK, 200,
     UPSTREAM_FRAMING_CHUNKED, -1, true},
    {B("HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n"), UPSTREAM_HEAD_OK,
     429, UPSTREAM_FRAMING_LENGTH, 0, false},
    {B("HTTP/1.1 200 OK\r\n\r\n"), UPSTREAM_HEAD_OK, 200, UPSTREAM_FRAMING_CLOSE, -1, false},
    {B("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"), UPSTREAM_HEAD_OK, 200,
     UPSTREAM_FRAMING_LENGTH, 1, false},
    {B("HTTP/1.1 204 No Content\r\n\r\n"), UPSTREAM_HEAD_OK, 204, UPSTREAM_FRAMING_LENGTH, 0, true},
    {B("HTTP/1.1 100 Continue\r\n\r\n"), UPSTREAM_HEAD_OK, 100, UPSTREAM_FRAMING_LENGTH, 0, true},
    {B("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n\r\n"),
     UPSTREAM_HEAD_OK, 200, UPSTREAM_FRAMING_LENGTH, 1, true},
    {B("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
     UPSTREAM_HEAD_BAD, 0, 0, 0, 0},
    {B("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"), UPSTREAM_HEAD_BAD, 0,
     0, 0, 0},
    {B("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"), UPSTREAM_HEAD_BAD, 0, 0, 0, 0},
    {B("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), UPSTREAM_HEAD_BAD, 0, 0, 0,
     0},
    {B("HTTP/1.1 200 OK\nContent-Length: 5\n\n"), UPSTREAM_HEAD_BAD, 0, 0, 0, 0},
    {B("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), UPSTREAM_HEAD_BAD, 0, 0, 0, 0},
    {B("HTTP/1.1 200 OK\r\nA b\r\n\r\n"), UPSTREAM_HEAD_BAD, 0, 0, 0, 0},
    {B("HTTP/2 200 is not what we asked for\r\n\r\n"), UPSTREAM_HEAD_BAD, 0, 0, 0, 0},
    {B("HTTP/1.1 2000 OK\r\n\r\n"), UPSTREAM_HEAD_BAD, 0, 0, 0, 0},
    {B("HTTP/1.1 20x OK\r\n\r\n"), UPSTREAM_HEAD_BAD, 0, 0, 0, 0},
    {B("HTTP/1.1 099 OK\r\n\r\n"), UPSTREAM_HEAD_BAD, 0, 0, 0, 0},
    {B("ICY 200 OK is garbage\r\n\r\n"), UPSTREAM_HEAD_BAD, 0, 0, 0, 0},
};

static enum upstream_verdict
parse(const char *bytes, size_t len, struct upstream_head *head)
{
    static char copy[256];

    memcpy(copy, bytes, len);
    return upstream_parse_head(copy, len, false, head);
}

Test(upstream_parse, each_head_has_its_framing_however_it_arrives)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct upstream_head head;
        for (size_t len = 0; len < cases[i].len; len++) {
            enum upstream_verdict early = parse(cases[i].bytes, len, &head);
            cr_expect(early == UPSTREAM_HEAD_INCOMPLETE ||
                          (early == UPSTREAM_HEAD_BAD && cases[i].verdict == UPSTREAM_HEAD_BAD),
                      "case %zu cut at %zu", i, len);
        }
        cr_expect_eq(parse(cases[i].bytes, cases[i].len, &head), cases[i].verdict, "case %zu", i);
        if (cases[i].verdict != UPSTREAM_HEAD_OK)
            continue;
        cr_expect_eq(head.status, cases[i].status, "case %zu", i);
        cr_expect_eq(head.framing, cases[i].framing, "case %zu", i);
        cr_expect_eq(head.content_length, cases[i].length, "case %zu", i);
        cr_expect_eq(head.is_keep_alive, cases[i].is_keep_alive, "case %zu", i);
        cr_expect_eq(head.head_size, cases[i].len, "case %zu", i);
    }
}

Test(upstream_parse, names_come_in_lower_case)
{
    struct upstream_head head;

    cr_assert_eq(parse(B("HTTP/1.1 200 OK\r\nRetry-After: 3\r\n\r\n"), &head), UPSTREAM_HEAD_OK);
    cr_assert(slice_eq_str(head.headers[0].name, "retry-after"));
    cr_assert(slice_eq_str(head.headers[0].value, "3"));
}

Test(upstream_parse, an_answer_to_HEAD_has_no_body)
{
    struct upstream_head head;
    char bytes[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

    cr_assert_eq(upstream_parse_head(bytes, sizeof bytes - 1, true, &head), UPSTREAM_HEAD_OK);
    cr_assert_eq(head.content_length, 0);
}

Test(upstream_parse, heads_are_bounded)
{
    struct upstream_head head;
    char *bytes = malloc(2 * LIMIT_UPSTREAM_HEAD);
    int n = sprintf(bytes, "HTTP/1.1 200 OK\r\nX: %0*d\r\n\r\n", LIMIT_UPSTREAM_HEAD, 1);

    cr_assert_eq(upstream_parse_head(bytes, (size_t)n, false, &head), UPSTREAM_HEAD_BAD);
    n = sprintf(bytes, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i <= UPSTREAM_PARSE_HEADERS_MAX; i++)
        n += sprintf(bytes + n, "x: 1\r\n");
    n += sprintf(bytes + n, "\r\n");
    cr_assert_eq(upstream_parse_head(bytes, (size_t)n, false, &head), UPSTREAM_HEAD_BAD);
    free(bytes);
}
