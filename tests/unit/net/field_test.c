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

/* Of what holds one header. */
static enum field_state
read_one(struct slice *rest, struct http_header *out, const char **reason)
{
    size_t n;
    enum field_state state = field_read(rest, out, 1, &n, reason);

    return n == 1 ? FIELD_OK : state;
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
                enum field_state state = read_one(&rest, &header, &reason);
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
        cr_assert_eq(read_one(&rest, &header, &reason), FIELD_INCOMPLETE);
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
                enum field_state state = read_one(&rest, &header, &reason);
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

Test(field, headers_are_taken_up_to_the_empty_line)
{
    static const char text[] = "A:\r\nBB: \t c d\t \r\n\r\nE: f\r\n";
    char *bytes = copy_of(text, sizeof text - 1);
    struct slice rest = slice_of(bytes, sizeof text - 1);
    struct http_header headers[3];
    const char *reason;
    size_t n;

    cr_assert_eq(field_read(&rest, headers, 3, &n, &reason), FIELD_END);
    cr_assert_eq(n, 2);
    cr_assert(slice_eq_str(headers[0].name, "a") && headers[0].value.len == 0);
    cr_assert(slice_eq_str(headers[1].name, "bb") && slice_eq_str(headers[1].value, "c d"));
    cr_assert(slice_eq_str(rest, "E: f\r\n"));
    free(bytes);
}

static size_t
count_lines(const char *bytes, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += bytes[i] == '\n';
    return n;
}

/* With any room for headers and any length of the text: a line counts as soon as it has ended. */
Test(field, as_many_headers_are_read_as_are_there_and_have_room)
{
    static const struct {
        const char *text;
        size_t n;
        enum field_state state; /* of the line behind those */
    } cases[] = {{"a: 1\r\nBb:2\r\nc-c: \r\n\r\nrest", 3, FIELD_END},
                 {"a: 1\r\nb b:2\r\n\r\n", 1, FIELD_BAD},
                 {"a: 1\r\nb:2\n\r\n", 1, FIELD_BAD},
                 {"\r\n", 0, FIELD_END}};
    static const char *const names[] = {"a", "bb", "c-c"}, *const values[] = {"1", "2", ""};

    for (size_t t = 0; t < sizeof cases / sizeof cases[0]; t++) {
        for (size_t len = 0; len <= strlen(cases[t].text); len++) {
            size_t n_lines = count_lines(cases[t].text, len);
            bool is_whole = n_lines > cases[t].n;
            size_t n_there = is_whole ? cases[t].n : n_lines;

            for (size_t max = 0; max < 5; max++) {
                char *bytes = copy_of(cases[t].text, len);
                struct slice rest = slice_of(bytes, len);
                struct http_header headers[5];
                const char *reason;
                size_t n;
                enum field_state state = field_read(&rest, headers, max, &n, &reason);
                cr_assert_eq(n, n_there < max ? n_there : max);
                cr_assert_eq(state, n_there > max ? FIELD_OK
                                    : is_whole    ? cases[t].state
                                                  : FIELD_INCOMPLETE);
                for (size_t i = 0; i < n; i++)
                    cr_assert(slice_eq_str(headers[i].name, names[i]) &&
                              slice_eq_str(headers[i].value, values[i]));
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
        cr_assert_eq(read_one(&rest, &header, &reason), FIELD_BAD, "case %zu", i);
        cr_assert_str_eq(reason, cases[i].reason, "case %zu", i);
        free(bytes);
    }
}

Test(field, only_capitals_are_made_lower_case_and_only_in_the_name)
{
    static const char token[] = "AZaz09-_.~!|ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789-abcdefghijklm";
    static const char value[] = ":ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n";

    for (size_t len = 1; len < sizeof token; len++) {
        size_t size = len + sizeof value - 1;
        char *bytes = malloc(size);
        struct slice rest = slice_of(bytes, size);
        struct http_header header;
        const char *reason;

        memcpy(bytes, token, len);
        memcpy(bytes + len, value, sizeof value - 1);
        cr_assert_eq(read_one(&rest, &header, &reason), FIELD_OK);
        cr_assert_eq(header.name.len, len);
        for (size_t i = 0; i < len; i++)
            cr_assert_eq(bytes[i], lower(token[i]));
        cr_assert_eq(memcmp(bytes + len, value, sizeof value - 1), 0);
        free(bytes);
    }
}
