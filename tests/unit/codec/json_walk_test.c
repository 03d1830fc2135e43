/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "json_walk.h"

struct log {
    char text[4096];
    size_t len;
};

static void
note(struct log *log, unsigned depth, const struct json_member *member)
{
    int n = snprintf(log->text + log->len, sizeof(log->text) - log->len, "%u%s%.*s=%.*s/%d ", depth,
                     member->key_has_escape ? "\\" : "", (int)member->key.len, member->key.ptr,
                     (int)member->value.len, member->value.ptr, (int)member->type);

    log->len += (size_t)n;
    cr_assert_lt(log->len, sizeof(log->text));
}

static struct log
walk_all(struct slice text, const char *over)
{
    struct json_walk walk = json_walk_in(text);
    struct json_member member;
    struct log log = {.len = 0};

    while (json_walk_next(&walk, &member)) {
        note(&log, walk.depth, &member);
        if (over != NULL && json_key_is(&member, over))
            json_walk_over(&walk);
    }
    return log;
}

Test(json_walk, members_come_depth_first_and_in_order)
{
    static const char text[] = "{\"a\":1,\"b\":[ {\"c\":{}} , [{\"d\":[]}], \"x\", \"y\" ], "
                               "\"e\" : {\"f\":\"}\\\"\" ,\"\\u0067\":null}}";
    struct log log = walk_all(SLICE_LIT(text), NULL);

    cr_expect_str_eq(log.text,
                     "1a=1/3 1b=[/5 3c={/6 4d=[/5 1e={/6 2f=\"}\\\"\"/4 2\\\\u0067=null/0 ");
    log = walk_all(SLICE_LIT(text), "b");
    cr_expect_str_eq(log.text, "1a=1/3 1b=[/5 1e={/6 2f=\"}\\\"\"/4 2\\\\u0067=null/0 ");
    log = walk_all(SLICE_LIT(text), "f"); /* a string has no inside to go over */
    cr_expect_str_eq(log.text,
                     "1a=1/3 1b=[/5 3c={/6 4d=[/5 1e={/6 2f=\"}\\\"\"/4 2\\\\u0067=null/0 ");
    cr_expect_eq(walk_all(SLICE_LIT(" [1,[\"a\",{}],\"b\"] "), NULL).len, 0);
}

/* ---- against the walk that checks ---- */

static struct log visited;

static enum json_step
on_member(void *ctx, unsigned depth, const struct json_member *member)
{
    (void)ctx;
    note(&visited, depth, member);
    return json_key_is(member, "kk") ? JSON_STEP_OVER : JSON_STEP_INTO;
}

static void
append_value(struct buf *out, unsigned depth)
{
    static const char *const scalars[] = {
        "0",
        "-1.5e+7",
        "true",
        "null",
        "\"\"",
        "\"{\\\"a\\\":1}\"",
        "\"ends in \\\\\"",
        "\"[\"",
        "\"a string of more than sixteen bytes, or two of them\""};
    static const char *const keys[] = {"\"\"",   "\"a\"",
                                       "\"kk\"", "\"a\\\"key:\"",
                                       "\"}\"",  "\"a_key_of_more_than_sixteen_bytes\""};
    static const char *const gaps[] = {"", "", "", " ", "\n\t "};
    int kind = depth < 4 ? rand() % 4 : 3;

    buf_append_str(out, gaps[rand() % 5]);
    if (kind >= 2) {
        buf_append_str(out, scalars[rand() % 9]);
    } else {
        buf_append_byte(out, "[{"[kind]);
        for (int n = rand() % 4, i = 0; i < n; i++) {
            if (i > 0)
                buf_append_byte(out, ',');
            buf_append_str(out, gaps[rand() % 5]);
            if (kind == 1) {
                buf_append_str(out, keys[rand() % 6]);
                buf_append_str(out, gaps[rand() % 5]);
                buf_append_byte(out, ':');
            }
            append_value(out, depth + 1);
        }
        buf_append_byte(out, "]}"[kind]);
    }
    buf_append_str(out, gaps[rand() % 5]);
}

Test(json_walk, a_valid_text_gives_what_a_checking_walk_finds)
{
    struct buf text;

    srand(7);
    buf_init(&text, 1 << 16);
    for (int round = 0; round < 3000; round++) {
        buf_clear(&text);
        append_value(&text, 0);
        visited.len = 0;
        visited.text[0] = '\0';
        cr_assert_eq(json_visit(buf_slice(&text), on_member, NULL), 0);
        struct log log = walk_all(buf_slice(&text), "kk");
        cr_assert_str_eq(log.text, visited.text, "%.*s", (int)text.len, text.ptr);
    }
    buf_fini(&text);
}

/* Each text stands in memory of its own size, for the sanitizer. */
Test(json_walk, no_text_makes_it_look_beyond_the_end)
{
    struct buf text;

    srand(8);
    buf_init(&text, 1 << 16);
    for (int round = 0; round < 300; round++) {
        buf_clear(&text);
        append_value(&text, 0);
        for (size_t n = 0; n <= text.len; n++) {
            char *copy = malloc(n + 1);
            struct json_walk walk;
            struct json_member member;

            memcpy(copy + 1, text.ptr, n);
            if (n > 0 && round % 2 == 0)
                copy[1 + (size_t)rand() % n] = "{}[]\",:\\ "[rand() % 9];
            walk = json_walk_in(slice_of(copy + 1, n));
            for (size_t i = 0; json_walk_next(&walk, &member); i++) {
                cr_assert_lt(i, n);
                cr_assert(member.key.ptr > copy && walk.p <= copy + 1 + n);
                cr_assert(member.value.ptr + member.value.len <= copy + 1 + n);
                if (i % 2 == 1)
                    json_walk_over(&walk);
            }
            free(copy);
        }
    }
    buf_fini(&text);
}

/* What count takes, next would have given, and both go on from the same place. */
static bool
is_count_right(struct json_walk walk, const char *name)
{
    struct json_walk counted = walk;
    struct json_member member, after, want;
    int64_t count, value;

    if (!json_walk_count(&counted, slice_str(name), &count))
        return counted.p == walk.p && counted.depth == walk.depth;
    if (!json_walk_next(&walk, &member) || !json_key_is(&member, name) ||
        member.type != JSON_NUMBER || json_int(member.value, &value) != 0)
        return false;
    bool is_end = !json_walk_next(&walk, &want);
    return value == count && is_end == !json_walk_next(&counted, &after) &&
           counted.depth == walk.depth && (is_end || slice_eq(after.key, want.key));
}

/* Any byte of the text another, any length of it: what is not valid is no excuse to look too far.
 */
Test(json_walk, a_count_is_the_member_that_comes_next)
{
    static const char text[] = "{\"n\":123456789012345678,\"n\":-7,\"n\":1234567890123456789,"
                               "\"n\": 5,\"nn\":6,\"n\":{\"n\":0},\"n\":1.5,\"n\":2}";
    static const char others[] = "\"\\{}[],:0n ";
    size_t n_taken = 0;

    for (size_t len = 0; len < sizeof(text); len++) {
        char *bytes = malloc(len); /* to the byte: a sanitizer sees a read behind it */
        struct json_walk walk;
        struct json_member member;
        int64_t count;

        for (size_t k = 0; k < len * sizeof(others); k++) {
            memcpy(bytes, text, len);
            bytes[k / sizeof(others)] = others[k % sizeof(others)];
            for (walk = json_walk_in(slice_of(bytes, len));;) {
                struct json_walk copy = walk;
                cr_assert(is_count_right(walk, "n"), "%.*s", (int)len, bytes);
                n_taken += json_walk_count(&copy, SLICE_LIT("n"), &count);
                if (!json_walk_next(&walk, &member))
                    break;
            }
        }
        free(bytes);
    }
    cr_assert_gt(n_taken, 1000);
}
