/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"

#define LINE_MAX 70 /* four steps of sixteen bytes and some */

/* One copy on the heap, to the byte: a sanitizer sees a read behind it. */
static enum field_state
next_line(char *bytes, size_t len, struct field_line *line)
{
    struct slice rest = slice_of(bytes, len);

    return field_next_line(&rest, line);
}

Test(field, a_control_character_is_found_wherever_it_stands)
{
    for (size_t len = 1; len < LINE_MAX; len++) {
        char *bytes = malloc(len + 2);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                struct field_line line;
                memset(bytes, 'a', len);
                memcpy(bytes + len, "\r\n", 2);
                bytes[at] = (char)c;
                enum field_state state = next_line(bytes, len + 2, &line);
                if (c == '\n') {
                    cr_assert_eq(state, FIELD_LINE_BAD);
                    continue;
                }
                cr_assert_eq(state, FIELD_LINE_OK);
                cr_assert_eq(line.text.len, len);
                cr_assert_eq(line.has_control, (c < 0x20 && c != '\t') || c == 0x7f,
                             "byte %02x at %zu of %zu", c, at, len);
            }
        }
        free(bytes);
    }
}

Test(field, a_line_without_its_end_is_incomplete_whatever_is_in_it)
{
    struct field_line line;
    char bytes[] = "X: a\x01"
                   "b\r\rc\r";

    for (size_t len = 0; len < sizeof bytes; len++)
        cr_assert_eq(next_line(bytes, len, &line), FIELD_LINE_INCOMPLETE);
}

Test(field, a_name_is_a_token_up_to_its_colon)
{
    for (size_t len = 1; len < LINE_MAX; len++) {
        char *bytes = malloc(len + 4);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                char character = (char)c;
                bool is_token = field_is_token(slice_of(&character, 1));
                struct http_header header;
                memset(bytes, 'a', len);
                memcpy(bytes + len, ": b ", 4);
                bytes[at] = character;
                struct field_line line = {.text = slice_of(bytes, len + 4)};
                const char *reason = field_parse(&line, &header);
                bool is_good = is_token || (c == ':' && at > 0);
                cr_assert_eq(reason == NULL, is_good, "byte %02x at %zu of %zu", c, at, len);
                cr_assert(!is_token || (header.name.len == len && slice_eq_str(header.value, "b")));
            }
        }
        free(bytes);
    }
}

Test(field, only_capitals_are_made_lower_case)
{
    for (size_t len = 0; len < LINE_MAX; len++) {
        for (int first = 0; first < 128; first++) {
            char token[LINE_MAX + 1];
            for (size_t i = 0; i <= len; i++)
                token[i] = (char)((first + (int)i) % 128);
            field_lower_token(token, len);
            for (size_t i = 0; i <= len; i++) {
                int c = (first + (int)i) % 128;
                bool is_capital = c >= 'A' && c <= 'Z' && i < len;
                cr_assert_eq(token[i], is_capital ? c + 0x20 : c);
            }
        }
    }
}
