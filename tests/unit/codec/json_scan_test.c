/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/limits.h"
#include "relayos/codec/json_scan.h"

/* Texts stand at the end of their allocation, so that a sanitizer sees a read past them. */
static int
scan_value(struct slice text, struct json_error *error)
{
    enum json_type type;
    char *copy = malloc(text.len + 1);

    memcpy(copy + 1, text.ptr, text.len);
    int err = json_scan_value(slice_of(copy + 1, text.len), &type, error);
    free(copy);
    return err;
}

static bool
is_valid(const char *text)
{
    struct json_error error;

    return scan_value(slice_str(text), &error) == 0;
}

Test(json_scan, takes_what_rfc_8259_takes)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "-1",
        "10",
        "0.5",
        "1e5",
        "1E+5",
        "1.25e-07",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        " [ ] ",
        "\t{\r\n}\n",
        "[1,2,3]",
        "[[],[[]],{}]",
        "{\"a\":{\"b\":[{}]}}",
        "{ \"a\" : 1 , \"b\" : 2 }",
        "{\"\":0}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0000\\u00e9\\uABCD\"",
        "\"\\ud83d\\ude00\"",
        "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\"",
        "\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"",
        "\"\x7f\"",
        "{\"a\":1,\"b\":{\"a\":1,\"a\":2}}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect(is_valid(texts[i]), "%s", texts[i]);
}

/* clang-format off */
static const char *const refused[] = {
    "", " ", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}",
    "{\"a\":1,}", "{,}", "{a:1}", "{1:1}", "{\"a\":1 \"b\":2}", "[1}", "{\"a\":1]", "[1]]", "1 2",
    "nul", "nulll", "True", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1.e5", "1e",
    "1e+", "0x1", "1_0", "'a'", "\"", "\"a", "\"\\\"", "\"\\", "\"\\x\"", "\"\\u12\"",
    "\"\\u12g4\"", "\"\\ud83d\"", "\"\\ud83dx\"", "\"\\ud83d\\u0041\"", "\"\\ude00\"",
    "\"\\ud83d\\ud83d\"", "\"a\nb\"", "\"a\tb\"", "\"\x1f\"", "\"\x80\"", "\"\xC3\"",
    "\"\xC0\xAF\"", "\"\xC1\x81\"", "\"\xE0\x9F\xBF\"", "\"\xED\xA0\x80\"",
    "\"\xF0\x8F\xBF\xBF\"", "\"\xF4\x90\x80\x80\"", "\"\xF5\x80\x80\x80\"", "\"\xFF\"",
    "\"\xE2\x82\"", "\"\xF0\x9F\x98\"", "\xEF\xBB\xBF{}", "/**/1", "[1]//", "\v1", "\f{}",
};
/* clang-format on */

Test(json_scan, refuses_what_is_not_json)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        cr_expect(!is_valid(refused[i]), "%s", refused[i]);
    cr_expect_neq(scan_value(slice_of("[1]\0", 4), &(struct json_error){0}), 0);
    cr_expect_neq(scan_value(slice_of("\"a\0b\"", 5), &(struct json_error){0}), 0);
}

static const struct {
    const char *bytes;
    bool is_valid;
} inserts[] = {
    {"\\n", true},
    {"\\\\", true},
    {"\\\"", true},
    {"\\u00e9", true},
    {"\xC3\xA9", true},
    {"\xE2\x82\xAC", true},
    {"\xF0\x9F\x98\x80", true},
    {"\\ud83d\\ude00", true},
    {"\\q", false},
    {"\x01", false},
    {"\x80", false},
    {"\"", false},
    {"\\ud83d", false},
    {"\xE2\x82", false},
    {"\n", false},
};

/* Each special byte at each place of strings of each length: vectors have edges. */
Test(json_scan, strings_are_judged_alike_at_every_length_and_place)
{
    char text[128];
    struct json_error error;

    for (size_t length = 0; length <= 70; length++) {
        for (size_t at = 0; at <= length; at++) {
            for (size_t i = 0; i < sizeof(inserts) / sizeof(inserts[0]); i++) {
                size_t n = strlen(inserts[i].bytes);

                memset(text, 'x', sizeof(text));
                text[0] = text[length + n + 1] = '"';
                memcpy(text + 1 + at, inserts[i].bytes, n);
                int err = scan_value(slice_of(text, length + n + 2), &error);
                cr_assert_eq(err == 0, inserts[i].is_valid, "insert %zu at %zu of %zu", i, at,
                             length);
            }
        }
    }
}

/*
 * Scan an object with `more` blanks behind it, all at the end of an allocation: near the end of a
 * text strings are read otherwise than far from it.
 */
static int
scan_with_more_behind(struct slice text, size_t more, struct json_object *object,
                      struct json_error *error)
{
    char *copy = malloc(text.len + more);

    memcpy(copy, text.ptr, text.len);
    memset(copy + text.len, ' ', more);
    int err = json_scan_object(slice_of(copy, text.len + more), object, error);
    free(copy);
    return err;
}

static void
expect_same_with_more_behind(struct slice text, bool is_valid)
{
    struct json_error error, here;
    struct json_object object, there;

    cr_assert_eq(scan_with_more_behind(text, 0, &object, &error), is_valid ? 0 : ERR_SYNTAX);
    for (size_t more = 1; more <= 40; more++) {
        cr_assert_eq(scan_with_more_behind(text, more, &there, &here), is_valid ? 0 : ERR_SYNTAX,
                     "%.*s and %zu", (int)text.len, text.ptr, more);
        if (!is_valid) {
            cr_assert_eq(here.offset, error.offset, "%.*s and %zu", (int)text.len, text.ptr, more);
            continue;
        }
        cr_assert_eq(there.has_escaped_key, object.has_escaped_key);
        cr_assert_eq(there.n_members, object.n_members);
        cr_assert_eq(there.members[0].key.len, object.members[0].key.len);
        cr_assert_eq(there.members[0].key_has_escape, object.members[0].key_has_escape);
        cr_assert_eq(there.members[0].value.len, object.members[0].value.len);
    }
}

Test(json_scan, what_stands_behind_a_string_changes_nothing_before_it)
{
    const char xs[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    char text[256];

    for (size_t length = 0; length < sizeof(xs); length++) {
        for (size_t i = 0; i < sizeof(inserts) / sizeof(inserts[0]); i++) {
            int before = (int)length / 2, after = (int)length - before;
            const char *insert = inserts[i].bytes;

            snprintf(text, sizeof(text), "{\"%.*s%s%.*s\":1}", before, xs, insert, after, xs);
            expect_same_with_more_behind(slice_str(text), inserts[i].is_valid);
            snprintf(text, sizeof(text), "{\"k\":\"%.*s%s%.*s\"}", before, xs, insert, after, xs);
            expect_same_with_more_behind(slice_str(text), inserts[i].is_valid);
            snprintf(text, sizeof(text), "{\"k\":[{\"%.*s%s%.*s\" : {}}]}", before, xs, insert,
                     after, xs);
            expect_same_with_more_behind(slice_str(text), inserts[i].is_valid);
        }
    }
}

/* All the ways to stretch one text by n blanks, one of which is another byte. */
static void
expect_stretched(size_t n, char byte, bool is_valid)
{
    static const char *const parts[] = {"{", "\"a\"", ":", "1", ",", "\"b\":2}"};
    char blanks[64], text[128];
    struct json_error error;

    for (size_t at = 0; at < n; at++) {
        memset(blanks, ' ', n);
        blanks[at] = byte;
        for (size_t gap = 0; gap < sizeof(parts) / sizeof(parts[0]); gap++) {
            size_t len = 0;

            for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
                len += (size_t)sprintf(text + len, "%s", parts[part]);
                if (part == gap)
                    len = (size_t)((char *)mempcpy(text + len, blanks, n) - text);
            }
            cr_assert_eq(scan_value(slice_of(text, len), &error) == 0, is_valid,
                         "byte %d at %zu of %zu in gap %zu", byte, at, n, gap);
        }
    }
}

Test(json_scan, white_space_may_be_of_any_length_and_is_of_four_kinds)
{
    static const char spaces[] = " \n\t\r", others[] = "\v\f\x1f\x7f\xa0";

    for (size_t n = 1; n <= 40; n++) {
        for (const char *c = spaces; *c != '\0'; c++)
            expect_stretched(n, *c, true);
        for (const char *c = others; c != others + sizeof(others); c++) /* with its NUL */
            expect_stretched(n, *c, false);
    }
}

Test(json_scan, every_prefix_of_a_text_is_refused)
{
    static const char text[] =
        "{\"model\":\"m\\u00e9\",\"messages\":[{\"role\":\"user\",\"content\":"
        "\"\xF0\x9F\x98\x80 long enough for the vectors, with \\n\"}],"
        "\"n\":-1.5e+3,\"stream\":true,\"x\":[[],{},null]}";
    struct json_error error;

    cr_assert_eq(scan_value(SLICE_LIT(text), &error), 0);
    for (size_t length = 0; length < sizeof(text) - 1; length++)
        cr_assert_eq(scan_value(slice_of(text, length), &error), ERR_SYNTAX, "%zu", length);
}

Test(json_scan, nesting_has_a_limit_at_any_shape)
{
    char text[6 * LIMIT_JSON_DEPTH + 64];
    struct json_error error;

    for (int is_object = 0; is_object <= 1; is_object++) {
        for (size_t depth = LIMIT_JSON_DEPTH - 1; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
            const char *open = is_object ? "{\"\":" : "[";
            size_t n = strlen(open), len = 0;

            for (size_t i = 0; i < depth; i++, len += n)
                memcpy(text + len, open, n);
            text[len++] = '1';
            memset(text + len, is_object ? '}' : ']', depth);
            len += depth;
            int expected = depth <= LIMIT_JSON_DEPTH ? 0 : ERR_TOO_LARGE;
            cr_assert_eq(scan_value(slice_of(text, len), &error), expected);
        }
    }
}

Test(json_scan, a_million_brackets_are_refused_where_the_limit_is)
{
    size_t n = 1000000;
    char *text = malloc(n);
    struct json_error error;

    memset(text, '[', n);
    cr_assert_eq(scan_value(slice_of(text, n), &error), ERR_TOO_LARGE);
    cr_assert_eq(error.offset, LIMIT_JSON_DEPTH);
    free(text);
}

Test(json_scan, gives_the_members_as_views)
{
    static const char text[] = "  {\"a\": \"x\" ,\"b\\n\":[1, 2],\"c\":{\"d\\u0041\":1},\"e\":-0.5,"
                               "\"f\":true,\"g\":false,\"h\":null} ";
    static const enum json_type types[] = {JSON_STRING, JSON_ARRAY, JSON_OBJECT, JSON_NUMBER,
                                           JSON_TRUE,   JSON_FALSE, JSON_NULL};
    struct json_object object;
    struct json_error error;

    cr_assert_eq(json_scan_object(SLICE_LIT(text), &object, &error), 0);
    cr_assert_eq(object.n_members, 7);
    cr_assert(slice_eq(object.text, slice_of(text + 2, sizeof(text) - 4)));
    for (size_t i = 0; i < 7; i++)
        cr_expect_eq(object.members[i].type, types[i]);
    cr_expect(slice_eq_str(object.members[0].value, "\"x\""));
    cr_expect(slice_eq_str(object.members[1].value, "[1, 2]"));
    cr_expect(object.members[1].key_has_escape && !object.members[0].key_has_escape);
    cr_expect(object.has_escaped_key);
    cr_expect_eq(json_find(&object, "b\n"), &object.members[1]);
    cr_expect_null(json_find(&object, "d"));
}

Test(json_scan, an_escaped_key_is_noticed_at_any_depth_and_in_no_value)
{
    struct json_object object;
    struct json_error error;

    cr_assert_eq(
        json_scan_object(SLICE_LIT("{\"a\":\"\\n\",\"bcdefghijklmnopqrstuvw\":[\"\\u0041\"]}"),
                         &object, &error),
        0);
    cr_expect_not(object.has_escaped_key);
    cr_assert_eq(json_scan_object(SLICE_LIT("{\"a\":[{\"a rather long key of \\u0041\":1}]}"),
                                  &object, &error),
                 0);
    cr_expect(object.has_escaped_key);
}

Test(json_scan, a_key_is_there_once_however_it_is_written)
{
    static const char *const texts[] = {
        "{\"model\":1,\"model\":2}",
        "{\"model\":1,\"mod\\u0065l\":2}",
        "{\"mod\\u0065l\":1,\"model\":2}",
        "{\"\\u006dodel\":1,\"mod\\u0065l\":2}",
        "{\"a\":0,\"\xC3\xA9\":1,\"\\u00E9\":2}",
        "{\"\xF0\x9F\x98\x80\":1,\"b\":0,\"\\ud83d\\ude00\":2}",
        "{\"a/b\":1,\"a\\/b\":2}",
        "{\"\":1,\"\":2}",
    };
    struct json_object object;
    struct json_error error;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cr_expect_eq(json_scan_object(slice_str(texts[i]), &object, &error), ERR_SYNTAX, "%s",
                     texts[i]);
        cr_expect_str_eq(error.reason, "duplicate key");
    }
    cr_expect_eq(json_scan_object(SLICE_LIT("{\"model\":1,\"modes\":2,\"m\\u006fdels\":3}"),
                                  &object, &error),
                 0);
}

Test(json_scan, members_have_a_limit)
{
    char text[16 * (JSON_MAX_MEMBERS + 1)];
    struct json_object object;
    struct json_error error;

    for (size_t n = JSON_MAX_MEMBERS; n <= JSON_MAX_MEMBERS + 1; n++) {
        size_t len = 0;

        for (size_t i = 0; i < n; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%c\"k%zu\":1",
                                    i == 0 ? '{' : ',', i);
        text[len++] = '}';
        cr_assert_eq(json_scan_object(slice_of(text, len), &object, &error),
                     n <= JSON_MAX_MEMBERS ? 0 : ERR_TOO_LARGE);
    }
}

Test(json_scan, only_an_object_is_one)
{
    static const char *const texts[] = {"", "[]", "1", "\"{}\"", "null", "{}x", "{} {}"};
    struct json_object object;
    struct json_error error;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect_eq(json_scan_object(slice_str(texts[i]), &object, &error), ERR_SYNTAX, "%s",
                     texts[i]);
}

/* ---- against cJSON ---- */

static unsigned long long random_state = 88172645463325252ull;

static unsigned
draw(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % n);
}

static void
draw_value(struct buf *out, unsigned depth)
{
    static const char *const scalars[] = {"0",
                                          "-12.5e3",
                                          "true",
                                          "null",
                                          "\"\"",
                                          "\"plain text that is longer than a vector is\"",
                                          "\"\\u00e9\\n\"",
                                          "\"\xE2\x82\xAC\""};
    unsigned kind = depth == 0 ? 0 : draw(4);

    if (kind < 2) {
        buf_append_str(out, scalars[draw(8)]);
        return;
    }
    buf_append_byte(out, kind == 2 ? '[' : '{');
    for (unsigned i = 0, n = draw(4); i < n; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        if (kind == 3)
            buf_printf(out, "\"k%u\":%s", i, draw(2) == 0 ? " " : "");
        draw_value(out, depth - 1);
    }
    buf_append_byte(out, kind == 2 ? ']' : '}');
}

static bool
cjson_takes(struct slice text)
{
    char *copy = malloc(text.len + 1);

    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    cJSON *tree = cJSON_ParseWithLengthOpts(copy, text.len + 1, NULL, 1);
    bool takes = tree != NULL;
    cJSON_Delete(tree);
    free(copy);
    return takes;
}

Test(json_scan, takes_random_documents_and_nothing_that_cjson_refuses)
{
    static const char junk[] = "{}[]\",:\\0123456789-+.eEutrfalsn \n\x80\xC3\xE2\x01";
    struct json_error error;
    struct buf text;
    unsigned n_taken = 0;

    buf_init(&text, 1 << 20);
    for (int i = 0; i < 20000; i++) {
        buf_clear(&text);
        draw_value(&text, 6);
        cr_assert_eq(scan_value(buf_slice(&text), &error), 0, "%.*s: %s", (int)text.len, text.ptr,
                     error.reason);
        for (unsigned k = 1 + draw(2); k > 0; k--)
            text.ptr[draw((unsigned)text.len)] = junk[draw(sizeof(junk) - 1)];
        if (scan_value(buf_slice(&text), &error) != 0)
            continue;
        n_taken++;
        cr_assert(cjson_takes(buf_slice(&text)), "%.*s", (int)text.len, text.ptr);
    }
    cr_assert_gt(n_taken, 1000); /* mutations are not all nonsense */
    buf_fini(&text);
}
