/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <string.h>

#include "relayos/net/guard.h"

#define B(s) s, sizeof(s) - 1

/* The wire -> the body, and what is behind it. */
static const struct {
    const char *bytes;
    size_t len;
    long result; /* as of guard_chunks_decode() */
    const char *body;
} cases[] = {
    {B("5\r\nhello\r\n0\r\n\r\n"), 0, "hello"},
    {B("1\r\nh\r\n4\r\nello\r\n00\r\n\r\n"), 0, "hello"},
    {B("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\nGET /"), 5, "01234567890123456789"},
    {B("0\r\n\r\n"), 0, ""},
    {B("2\r\nab\r\n0\r\nX-Sum: 1\r\nY:\t2\r\n\r\n"), 0, "ab"},
    {B("00000005\r\nhello\r\n0\r\n\r\n"), 0, "hello"},
    {B("5\r\nhel"), -2, "hel"},
    {B("5\r\nhello\r\n0\r\n"), -2, "hello"},
    {B("0x5\r\nhello\r\n0\r\n\r\n"), -1, ""},
    {B("5 \r\nhello\r\n0\r\n\r\n"), -1, ""},
    {B(" 5\r\nhello\r\n0\r\n\r\n"), -1, ""},
    {B("5;a=b\r\nhello\r\n0\r\n\r\n"), -1, ""},
    {B("5\nhello\n0\n\n"), -1, ""},
    {B("5\r\nhello0\r\n\r\n"), -1, "hello"},
    {B("5\r\nhello\n0\r\n\r\n"), -1, "hello"},
    {B("5\rhello\r\n0\r\n\r\n"), -1, ""},
    {B("\r\nhello\r\n0\r\n\r\n"), -1, ""},
    {B("+5\r\nhello\r\n0\r\n\r\n"), -1, ""},
    {B("-1\r\nhello\r\n0\r\n\r\n"), -1, ""},
    {B("5\r\nhello\r\n\r\n0\r\n\r\n"), -1, "hello"},
    {B("100000000\r\nhello"), -1, ""},
    {B("00000000000000005\r\nhello\r\n0\r\n\r\n"), -1, ""},
    {B("0\r\nX: a\nb\r\n\r\n"), -1, ""},
    {B("0\r\nX: \0\r\n\r\n"), -1, ""},
    {B("0\r\n\rX"), -1, ""},
};

/* Decode in two pieces, as the library does: each behind the body so far. */
static long
decode_split(const char *bytes, size_t len, size_t cut, char *out, size_t *out_len)
{
    struct guard_chunks chunks = {0};
    char raw[256];
    size_t n = cut;

    memcpy(raw, bytes, len);
    long result = guard_chunks_decode(&chunks, raw, &n);
    memcpy(out, raw, n);
    *out_len = n;
    if (result != -2)
        return result < 0 ? result : result + (long)(len - cut);
    n = len - cut;
    memcpy(raw, bytes + cut, n);
    result = guard_chunks_decode(&chunks, raw, &n);
    if (result != -1) {
        memcpy(out + *out_len, raw, n);
        *out_len += n;
    }
    return result;
}

Test(guard_chunks, every_split_gives_the_same_body_and_end)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t cut = 0; cut <= cases[i].len; cut++) {
            char body[256];
            size_t len;
            long result = decode_split(cases[i].bytes, cases[i].len, cut, body, &len);
            cr_expect_eq(result, cases[i].result, "case %zu cut at %zu: %ld", i, cut, result);
            if (cases[i].result != -1) {
                cr_expect_eq(len, strlen(cases[i].body), "case %zu cut at %zu", i, cut);
                cr_expect_eq(memcmp(body, cases[i].body, len), 0, "case %zu cut at %zu", i, cut);
            }
        }
    }
}

Test(guard_chunks, what_is_behind_the_end_stands_right_after_the_body)
{
    struct guard_chunks chunks = {0};
    char bytes[] = "3\r\nabc\r\n0\r\n\r\nnext";
    size_t len = sizeof bytes - 1;

    cr_assert_eq(guard_chunks_decode(&chunks, bytes, &len), 4);
    cr_assert_eq(len, 3);
    cr_assert_eq(memcmp(bytes, "abcnext", 7), 0);
}

Test(guard_chunks, trailers_are_bounded)
{
    struct guard_chunks chunks = {0};
    char last[] = "0\r\n";
    size_t len = 3;
    long result = guard_chunks_decode(&chunks, last, &len);

    for (int i = 0; i < 10000 && result == -2; i++) {
        char line[] = "a: b\r\n";
        len = 6;
        result = guard_chunks_decode(&chunks, line, &len);
    }
    cr_assert_eq(result, -1);
}
