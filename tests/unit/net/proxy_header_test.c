/* SPDX-License-Identifier: ISC */
#include "proxy_header.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define S(s)                                                                                       \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }
#define V2     "\r\n\r\n\0\r\nQUIT\n"
#define TCP4   V2 "\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xdc\4\1\xbb"
#define TCP4_T V2 "\x21\x11\0\x12\xc0\0\2\7\xc6\x33\x64\1\xdc\4\1\xbb\3\0\3abc"
#define A16    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define TCP6   V2 "\x21\x21\0\x24" A16 A16 "\xdc\4\1\xbb"

static const char *
address_of(const struct proxy_header *header)
{
    static char text[INET6_ADDRSTRLEN];

    if (header->address_len == 0)
        return "";
    return inet_ntop(header->address_len == 4 ? AF_INET : AF_INET6, header->address, text,
                     sizeof(text));
}

static const struct {
    struct slice bytes;
    const char *address;
} good[] = {
    {S("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"), "192.0.2.7"},
    {S("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255"},
    {S("PROXY TCP6 2001:db8::1 ::1 0 443\r\n"), "2001:db8::1"},
    {S("PROXY UNKNOWN\r\n"), ""},
    {S("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), ""},
    {S(TCP4), "192.0.2.7"},
    {S(TCP4_T), "192.0.2.7"},
    {S(TCP6), "2001:db8::1"},
    {S(V2 "\x20\x00\0\0"), ""},
    {S(V2 "\x20\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xdc\4\1\xbb"), ""},
    {S(V2 "\x21\x00\0\3abc"), ""},
};
#define N_GOOD (sizeof(good) / sizeof(good[0]))

Test(proxy_header, both_versions_name_the_client_or_nobody)
{
    for (size_t i = 0; i < N_GOOD; i++) {
        struct proxy_header header;

        cr_assert_eq(proxy_header_parse(good[i].bytes, &header), PROXY_HEADER_OK, "%zu", i);
        cr_expect_eq(header.size, good[i].bytes.len, "%zu", i);
        cr_expect_str_eq(address_of(&header), good[i].address, "%zu", i);
    }
}

Test(proxy_header, every_part_of_one_is_incomplete_and_what_follows_is_not_looked_at)
{
    for (size_t i = 0; i < N_GOOD; i++) {
        struct proxy_header header;
        char more[256];

        for (size_t len = 0; len < good[i].bytes.len; len++)
            cr_assert_eq(proxy_header_parse(slice_sub(good[i].bytes, 0, len), &header),
                         PROXY_HEADER_INCOMPLETE, "%zu: %zu bytes", i, len);
        memset(more, '\n', sizeof(more));
        memcpy(more, good[i].bytes.ptr, good[i].bytes.len);
        cr_assert_eq(proxy_header_parse(slice_of(more, sizeof(more)), &header), PROXY_HEADER_OK);
        cr_expect_eq(header.size, good[i].bytes.len, "%zu", i);
    }
}

Test(proxy_header, what_is_none_is_bad_at_the_first_byte_that_shows_it)
{
    static const struct slice bad[] = {
        S("GET / HTTP/1.1\r\n"),
        S("\x16\x03\x01"),
        S("PROXX"),
        S("PROXY  TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"),
        S("PROXY TCP4 192.0.2.7 198.51.100.1 56324  443\r\n"),
        S("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 \r\n"),
        S("PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n"),
        S("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\n"),
        S("PROXY TCP4 192.0.2.7 198.51.100.1 056324 443\r\n"),
        S("PROXY TCP4 192.0.2.7 198.51.100.1 56324 65536\r\n"),
        S("PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n"),
        S("PROXY TCP4 192.0.2 198.51.100.1 1 443\r\n"),
        S("PROXY TCP4 192.0.2.7\0 198.51.100.1 1 443\r\n"),
        S("PROXY TCP4 ::1 ::1 1 443\r\n"),
        S("PROXY TCP6 192.0.2.7 198.51.100.1 1 443\r\n"),
        S("PROXY UDP4 192.0.2.7 198.51.100.1 1 443\r\n"),
        S("PROXY \r\n"),
        S("PROXY UNKNOWN 67890123456789012345678901234567890123456789012345678901234567890123456789"
          "01234567890123456789012345"),
        S("\r\n\r\n\0\r\nQUIX"),
        S(V2 "\x11\x11\0\x0c"),
        S(V2 "\x22\x11\0\x0c"),
        S(V2 "\x21\x12\0\x0c"),
        S(V2 "\x21\x13\0\x0c"),
        S(V2 "\x21\x41\0\x0c"),
        S(V2 "\x21\x11\0\x0b"),
        S(V2 "\x21\x21\0\x23"),
        S(V2 "\x21\x11\xff\xff"),
        S(V2 "\x20\x00\x0f\xf1"),
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct proxy_header header;

        cr_expect_eq(proxy_header_parse(bad[i], &header), PROXY_HEADER_BAD, "%zu", i);
    }
}

Test(proxy_header, once_bad_it_stays_bad_and_a_verdict_never_reaches_past_the_bytes)
{
    srand(7);
    for (int round = 0; round < 200000; round++) {
        char bytes[160];
        size_t i = (size_t)rand() % N_GOOD, len = good[i].bytes.len;
        struct proxy_header header = {0};
        bool was_bad = false;

        memcpy(bytes, good[i].bytes.ptr, len);
        bytes[(size_t)rand() % len] = (char)rand();
        bytes[(size_t)rand() % len] ^= (char)(1 << rand() % 8);
        char *exact = malloc(len); /* so that a read past its end is seen by ASan */
        for (size_t n = 1; n <= len; n += 1 + (size_t)rand() % 8) {
            memcpy(exact, bytes, n);
            enum proxy_header_verdict verdict = proxy_header_parse(slice_of(exact + 0, n), &header);
            cr_assert(!was_bad || verdict == PROXY_HEADER_BAD);
            cr_assert(verdict != PROXY_HEADER_OK || header.size <= n);
            was_bad = verdict == PROXY_HEADER_BAD;
        }
        free(exact);
    }
}
