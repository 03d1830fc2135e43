/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"

#define LINE_MAX 70 /* four steps of sixteen bytes and some */

static char
lower(int c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 0x20 : c);
}

/* One copy on the heap, to the byte: a sanitizer sees a read behind it. */
static char *
copy_of(const char *bytes, size_t len)
{
    return memcpy(malloc(len), bytes, len);
}

/* "n: aaa?aaa\r\n" with any character in the place of any. */
Test(field, a_control_character_is_found_wherever_it_stands)
{
    for (size_t len = 1; len < LINE_MAX; len++) {
        size_t size = 3 + len + 2;
        char *bytes = malloc(size);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                struct slice rest = slice_of(bytes, size);
                struct http_header header;
                const char *reason = NULL;
                memcpy(bytes, "n: ", 3);
                memset(bytes + 3, 'a', len);
                memcpy(bytes + 3 + len, "\r\n", 2);
                bytes[3 + at] = (char)c;
                enum field_state state = field_next(&rest, &header, &reason);
                bool is_control = (c < 0x20 && c != '\t') || c == 0x7f;
                cr_assert_eq(state, is_control ? FIELD_BAD : FIELD_OK, "byte %02x at %zu of %zu", c,
                             at, len);
                if (is_control)
                    cr_assert_str_eq(reason, c == '\n' ? "a line ends without CR"
                                                       : "a header value has a control character");
                else
                    cr_assert(rest.len == 0 && header.value.len + (c == ' ' || c == '\t') >= len);
            }
        }
        free(bytes);
    }
}

Test(field, a_header_without_its_line_end_is_incomplete_whatever_is_in_it)
{
    static const char text[] = "X: a\x01"
                               "b\r\rc\r";

    for (size_t len = 0; len < sizeof text; len++) {
        char *bytes = copy_of(text, len);
        struct slice rest = slice_of(bytes, len), line;
        struct http_header header;
        const char *reason;
        cr_assert_eq(field_next(&rest, &header, &reason), FIELD_INCOMPLETE);
        cr_assert_eq(field_next_line(&rest, &line), FIELD_INCOMPLETE);
        cr_assert_eq(rest.len, len);
        free(bytes);
    }
}

/* "A?A:B \r\n" with any character in the place of any. */
Test(field, a_name_is_a_token_up_to_its_colon_and_made_lower_case)
{
    for (size_t len = 1; len < LINE_MAX; len++) {
        size_t size = len + 5;
        char *bytes = malloc(size);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                char character = (char)c;
                bool is_token = field_is_token(slice_of(&character, 1));
                struct slice rest = slice_of(bytes, size);
                struct http_header header;
                const char *reason;
                memset(bytes, 'A', len);
                memcpy(bytes + len, ":B \r\n", 5);
                bytes[at] = character;
                enum field_state state = field_next(&rest, &header, &reason);
                bool is_good = is_token || (c == ':' && at > 0);
                cr_assert_eq(state, is_good ? FIELD_OK : FIELD_BAD, "byte %02x at %zu of %zu", c,
                             at, len);
                if (!is_token)
                    continue;
                cr_assert(header.name.len == len && slice_eq_str(header.value, "B"));
                for (size_t i = 0; i < len; i++)
                    cr_assert_eq(bytes[i], i == at ? lower(c) : 'a');
            }
        }
        free(bytes);
    }
}

Test(field, headers_are_taken_one_by_one_up_to_the_empty_line)
{
    static const char text[] = "A:\r\nBB: \t c d\t \r\n\r\nE: f\r\n";
    char *bytes = copy_of(text, sizeof text - 1);
    struct slice rest = slice_of(bytes, sizeof text - 1);
    struct http_header header;
    const char *reason;

    cr_assert_eq(field_next(&rest, &header, &reason), FIELD_OK);
    cr_assert(slice_eq_str(header.name, "a") && header.value.len == 0);
    cr_assert_eq(field_next(&rest, &header, &reason), FIELD_OK);
    cr_assert(slice_eq_str(header.name, "bb") && slice_eq_str(header.value, "c d"));
    cr_assert_eq(field_next(&rest, &header, &reason), FIELD_END);
    cr_assert(slice_eq_str(rest, "E: f\r\n"));
    free(bytes);
}

/* With any room for fields, any length of it, and a fault in any line. */
Test(field, many_headers_are_read_as_one_by_one)
{
    static const char *const texts[] = {"a: 1\r\nBb:2\r\nc-c: \r\n\r\nrest",
                                        "a: 1\r\nb b:2\r\n\r\n", "a: 1\r\nb:2\n\r\n", "\r\n"};

    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        for (size_t len = 0; len <= strlen(texts[t]); len++) {
            for (size_t max = 0; max < 5; max++) {
                char *bytes = copy_of(texts[t], len);
                struct slice many = slice_of(bytes, len), single = many;
                struct http_header headers[5], header;
                const char *reason = NULL, *want_reason = NULL;
                enum field_state want;
                size_t n, n_want = 0;
                enum field_state state = field_read(&many, headers, max, &n, &reason);
                while ((want = field_next(&single, &header, &want_reason)) == FIELD_OK &&
                       n_want < max) {
                    cr_assert_lt(n_want, n);
                    cr_assert(slice_eq(headers[n_want].name, header.name));
                    cr_assert(slice_eq(headers[n_want].value, header.value));
                    n_want++;
                }
                cr_assert(state == want && n == n_want && reason == want_reason);
                cr_assert(many.ptr == single.ptr && many.len == single.len);
                free(bytes);
            }
        }
    }
}

Test(field, what_is_wrong_with_a_line_is_said)
{
    static const struct {
        const char *line, *reason;
    } cases[] = {
        {" folded: a\r\n", "a header line is folded"},
        {"no colon\r\n", "a header line has no colon"},
        {"a b: c\r\n", "a header name has a character that is not allowed"},
        {": c\r\n", "a header name has a character that is not allowed"},
        {"a : c\r\n", "a header name has a character that is not allowed"},
        {"a: b\rc\r\n", "a header value has a control character"},
        {"a: b\n\r\n", "a line ends without CR"},
        {"\n", "a line ends without CR"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *bytes = copy_of(cases[i].line, strlen(cases[i].line));
        struct slice rest = slice_of(bytes, strlen(cases[i].line));
        struct http_header header;
        const char *reason = NULL;
        cr_assert_eq(field_next(&rest, &header, &reason), FIELD_BAD, "case %zu", i);
        cr_assert_str_eq(reason, cases[i].reason, "case %zu", i);
        free(bytes);
    }
}

Test(field, only_capitals_are_made_lower_case)
{
    static const char token[] = "AZaz09-_.~!|ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789-abcdefghijklm";

    for (size_t len = 0; len < sizeof token; len++) {
        char *bytes = copy_of(token, sizeof token);
        field_lower_token(bytes, len);
        for (size_t i = 0; i < sizeof token; i++)
            cr_assert_eq(bytes[i], i < len ? lower(token[i]) : token[i]);
        free(bytes);
    }
}
