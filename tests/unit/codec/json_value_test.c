/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_simd.h"
#include "relayos/codec/json_scan.h"

Test(json_value, strings_are_decoded_or_viewed)
{
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"a\\u00e9z\\u20ac\"", "a\xC3\xA9z\xE2\x82\xAC"},
        {"\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80"},
        {"\"\xC3\xA9\\n\"", "\xC3\xA9\n"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice json = slice_str(rows[i].json), view;
        struct buf out;
        char room[64];

        buf_init(&out, 64);
        cr_expect_eq(json_string_decode(json, &out), 0);
        cr_expect(slice_eq_str(buf_slice(&out), rows[i].text), "%s", rows[i].json);
        cr_expect_eq(json_string_view(json, room, sizeof(room), &view), 0);
        cr_expect(slice_eq_str(view, rows[i].text), "%s", rows[i].json);
        cr_expect_eq(json_string_length(json), strlen(rows[i].text));
        cr_expect(json_string_is(json, rows[i].text));
        cr_expect_not(json_string_is(json, "plain text"));
        buf_fini(&out);
    }
}

Test(json_value, what_does_not_decode_says_why)
{
    struct buf out;
    struct slice view;
    char room[4];

    buf_init(&out, 4);
    cr_expect_eq(json_string_decode(SLICE_LIT("\"\\ud83d\""), &out), ERR_SYNTAX);
    cr_expect_eq(json_string_decode(SLICE_LIT("12"), &out), ERR_SYNTAX);
    buf_clear(&out);
    cr_expect_eq(json_string_decode(SLICE_LIT("\"12345\""), &out), ERR_TOO_LARGE);
    cr_expect_eq(json_string_view(SLICE_LIT("\"\\n1234\""), room, sizeof(room), &view),
                 ERR_TOO_LARGE);
    cr_expect_eq(json_string_view(SLICE_LIT("null"), room, sizeof(room), &view), ERR_SYNTAX);
    buf_fini(&out);
}

Test(json_value, integers_are_integers)
{
    static const char *const bad[] = {
        "1.0", "1e2", "\"1\"", "true", "9223372036854775808", "-", "18446744073709551615", ""};
    int64_t n;

    cr_expect(json_int(SLICE_LIT("9223372036854775807"), &n) == 0 && n == INT64_MAX);
    cr_expect(json_int(SLICE_LIT("-9223372036854775808"), &n) == 0 && n == INT64_MIN);
    cr_expect(json_int(SLICE_LIT("-0"), &n) == 0 && n == 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(json_int(slice_str(bad[i]), &n), ERR_SYNTAX, "%s", bad[i]);
}

Test(json_value, paths_lead_through_objects)
{
    static const char *const path[] = {"a", "b", "c"};
    struct json_object object;
    struct json_error error;
    struct json_member member;

    cr_assert_eq(
        json_scan_object(SLICE_LIT("{\"x\":[{}],\"a\":{\"d\":\"}\",\"\\u0062\":{\"c\": 7}},"
                                   "\"z\":{\"b\":1}}"),
                         &object, &error),
        0);
    cr_assert(json_find_path(&object, path, 3, &member));
    cr_expect(slice_eq_str(member.value, "7"));
    cr_expect_eq(member.type, JSON_NUMBER);
    cr_expect_not(json_find_path(&object, (const char *[]){"a", "c"}, 2, &member));
    cr_expect_not(json_find_path(&object, (const char *[]){"x", "c"}, 2, &member));
    cr_expect_not(json_find_path(&object, (const char *[]){"z", "b", "c"}, 3, &member));
}

struct visit_log {
    char text[256];
    size_t len;
    const char *over, *stop;
};

static enum json_step
on_member(void *ctx, unsigned depth, const struct json_member *member)
{
    struct visit_log *log = ctx;

    log->len += (size_t)snprintf(log->text + log->len, sizeof(log->text) - log->len, "%u%.*s=%.*s ",
                                 depth, (int)member->key.len, member->key.ptr,
                                 (int)member->value.len, member->value.ptr);
    if (log->stop != NULL && json_key_is(member, log->stop))
        return JSON_STEP_STOP;
    return log->over != NULL && json_key_is(member, log->over) ? JSON_STEP_OVER : JSON_STEP_INTO;
}

Test(json_value, a_walk_meets_every_member_in_order)
{
    static const char text[] =
        "{\"a\":1,\"b\":[ {\"c\":{}} , [{\"d\":[]}], 5 ], \"e\":{\"f\":\"x\",\"g\":"
        "null}}";
    struct visit_log log = {0};

    cr_assert_eq(json_visit(SLICE_LIT(text), on_member, &log), 0);
    cr_expect_str_eq(log.text, "1a=1 1b=[ 3c={ 4d=[ 1e={ 2f=\"x\" 2g=null ");
    log = (struct visit_log){.over = "b"};
    cr_assert_eq(json_visit(SLICE_LIT(text), on_member, &log), 0);
    cr_expect_str_eq(log.text, "1a=1 1b=[ 1e={ 2f=\"x\" 2g=null ");
    log = (struct visit_log){.stop = "c"};
    cr_assert_eq(json_visit(SLICE_LIT(text), on_member, &log), 0);
    cr_expect_str_eq(log.text, "1a=1 1b=[ 3c={ ");
    log = (struct visit_log){0};
    cr_assert_eq(json_visit(SLICE_LIT(" 7 "), on_member, &log), 0);
    cr_expect_eq(log.len, 0);
}

Test(json_value, a_walk_refuses_every_cut_text)
{
    static const char text[] = "[{\"a\":[1,{\"b\":\"c\"}],\"d\":{}}]";
    struct visit_log log;

    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        log = (struct visit_log){0};
        cr_expect_neq(json_visit(slice_of(text, n), on_member, &log), 0, "%zu", n);
    }
    log = (struct visit_log){0};
    cr_expect_eq(json_visit(SLICE_LIT("[1,]"), on_member, &log), ERR_SYNTAX);
    cr_expect_eq(json_visit(SLICE_LIT("{\"a\":1]"), on_member, &log), ERR_SYNTAX);
    cr_expect_eq(json_visit(SLICE_LIT("[] []"), on_member, &log), ERR_SYNTAX);
}

Test(json_value, arrays_give_their_elements)
{
    static const char text[] = "[ 1 ,[2,3], {\"a\":[4]} ,\"x\"]";
    static const char *const elements[] = {"1", "[2,3]", "{\"a\":[4]}", "\"x\""};
    struct slice element;
    enum json_type type;
    size_t cursor = 0, n = 0;

    while (json_array_next(SLICE_LIT(text), &cursor, &element, &type))
        cr_expect(slice_eq_str(element, elements[n++]));
    cr_expect_eq(n, 4);
    cursor = 0;
    cr_expect_not(json_array_next(SLICE_LIT(" [ ] "), &cursor, &element, &type));
    cursor = 0;
    cr_expect_not(json_array_next(SLICE_LIT("{}"), &cursor, &element, &type));
}

Test(json_value, a_needle_is_found_at_every_place)
{
    static const struct slice needles[] = {{"file_id\"", 8}, {"_url\"", 5}, {"\"audio\"", 7}};
    char text[200];

    for (size_t len = 8; len < sizeof(text); len++) {
        memset(text, '"', sizeof(text));
        text[len - 2] = 'd';
        cr_assert_not(json_simd_contains(slice_of(text, len), needles, 3));
        for (size_t at = 0; at + 8 <= len; at++) {
            const struct slice *needle = &needles[at % 3];

            memset(text, 'd', sizeof(text));
            memcpy(text + at, needle->ptr, needle->len);
            cr_assert(json_simd_contains(slice_of(text, len), needles, 3));
            cr_assert(json_simd_contains(slice_of(text, at + needle->len), needle, 1));
            cr_assert_not(json_simd_contains(slice_of(text, at + needle->len - 1), needles, 3));
        }
    }
}

/* Byte by byte. */
static size_t
slow_length(const char *p, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        bool is_code = p[i] == '\\' && i + 1 < len && p[i + 1] == 'u';
        bool is_second = is_code && len - i >= 6 && p[i + 2] == 'd' && p[i + 3] >= 'c';

        n += (p[i] & 0xc0) != 0x80 && !is_second;
        i += is_code ? 5 : p[i] == '\\';
    }
    return n;
}

Test(json_value, characters_are_counted_whatever_stands_where)
{
    static const char *const pieces[] = {"a",       "plain text of some length, in one piece",
                                         "ä",       "\\n",
                                         "\\\\",    "\\\"",
                                         "\\u00e4", "\\ud83d\\ude00",
                                         "😀",       "€"};
    char text[256];

    for (unsigned seed = 1; seed < 20000; seed++) {
        size_t len = 0;

        for (unsigned left = seed * 2654435761u; left != 0; left /= 10)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
                                    len < 200 ? pieces[left % 10] : "");
        for (size_t cut = 0; cut < 8 && cut <= len; cut++)
            cr_assert_eq(json_length(slice_of(text, len - cut)), slow_length(text, len - cut),
                         "%.*s", (int)(len - cut), text);
    }
}
