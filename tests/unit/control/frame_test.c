/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <stdlib.h>

#include "frame_check.h"
#include "relayos/base/limits.h"
#include "relayos/control/frame.h"

static void
wire_init(struct buf *wire)
{
    buf_init(wire, LIMIT_CONTROL_FRAME + 64);
}

/* A frame around any bytes. */
static void
wire_wrap(struct buf *wire, const void *body, size_t len)
{
    uint32_t length = htonl((uint32_t)len);

    buf_append(wire, &length, sizeof(length));
    buf_append(wire, body, len);
}

static int
take_bytes(const void *body, size_t len)
{
    struct buf wire;
    struct frame_in *in = NULL;

    wire_init(&wire);
    wire_wrap(&wire, body, len);
    int rc = frame_in_take(&wire, &in);
    frame_in_free(&in);
    buf_fini(&wire);
    return rc;
}
#define TAKE(literal) take_bytes(literal, sizeof(literal) - 1)

/* One of everything. */
static void
write_sample(struct buf *wire)
{
    struct frame_out *out = frame_out_new();

    frame_map(out, NULL);
    frame_int(out, "id", -7);
    frame_int(out, "big", INT64_MAX);
    frame_bool(out, "ok", true);
    frame_nil(out, "nothing");
    frame_cstr(out, "name", "caf\xc3\xa9 \"q\"\n");
    frame_cstr(out, "absent", NULL);
    frame_bin(out, "digest", "\x00\xff", 2);
    frame_array(out, "list");
    frame_int(out, NULL, 1);
    frame_map(out, NULL);
    frame_end(out);
    frame_array(out, NULL);
    frame_end(out);
    frame_end(out);
    frame_end(out);
    frame_out_finish(out, wire);
    frame_out_free(&out);
}

static struct frame_in *
take(struct buf *wire)
{
    struct frame_in *in = NULL;

    cr_assert_eq(frame_in_take(wire, &in), 0);
    return in;
}

static void
assert_json(const struct frame_value *value, int indent, const char *expected)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    frame_to_json(value, indent, &text);
    cr_expect(slice_eq_str(buf_slice(&text), expected), "%.*s", (int)text.len, text.ptr);
    buf_fini(&text);
}

Test(frame, what_is_written_is_read)
{
    struct buf wire;
    wire_init(&wire);
    write_sample(&wire);
    struct frame_in *in = take(&wire);
    const struct frame_value *root = frame_root(in);

    cr_assert_eq(wire.len, 0);
    cr_assert_eq(frame_type(root), FRAME_MAP);
    cr_assert_eq(frame_length(root), 8);
    cr_assert_eq(frame_get_int(root, "id", 0), -7);
    cr_assert_eq(frame_get_int(root, "big", 0), INT64_MAX);
    cr_assert(frame_get_bool(root, "ok", false));
    cr_assert_eq(frame_type(frame_get(root, "nothing")), FRAME_NIL);
    cr_assert_eq(frame_type(frame_get(root, "absent")), FRAME_NIL);
    cr_assert(slice_eq(frame_as_bin(frame_get(root, "digest")), SLICE_LIT("\x00\xff")));
    cr_assert_eq(frame_length(frame_get(root, "list")), 3);
    cr_assert_eq(frame_as_int(frame_at(frame_get(root, "list"), 0)), 1);
    frame_in_free(&in);
    buf_fini(&wire);
}

Test(frame, members_of_another_type_or_none_give_the_fallback)
{
    struct buf wire;
    wire_init(&wire);
    write_sample(&wire);
    struct frame_in *in = take(&wire);
    const struct frame_value *root = frame_root(in);

    cr_assert_eq(frame_get_int(root, "name", 5), 5);
    cr_assert_eq(frame_get_int(root, "nosuch", 6), 6);
    cr_assert_eq(frame_get_int(NULL, "id", 7), 7);
    cr_assert(frame_get_bool(root, "id", true));
    cr_assert_eq(frame_get_str(root, "id").len, 0);
    cr_assert_null(frame_get(frame_get(root, "list"), "id"));
    cr_assert_null(frame_at(root, 0));
    cr_assert_null(frame_at(frame_get(root, "list"), 3));
    frame_in_free(&in);
    buf_fini(&wire);
}

Test(frame, any_split_of_the_bytes_gives_the_same_frames)
{
    struct buf whole;
    wire_init(&whole);
    write_sample(&whole);
    write_sample(&whole);

    for (size_t at = 0; at <= whole.len; at++) {
        struct buf wire;
        struct frame_in *in = NULL;
        int n = 0;

        wire_init(&wire);
        buf_append(&wire, whole.ptr, at);
        for (; frame_in_take(&wire, &in) == 0; n++)
            frame_in_free(&in);
        cr_assert_eq(frame_in_take(&wire, &in), ERR_INCOMPLETE);
        buf_append(&wire, whole.ptr + at, whole.len - at);
        for (; frame_in_take(&wire, &in) == 0; n++)
            frame_in_free(&in);
        cr_assert_eq(n, 2, "split at %zu", at);
        cr_assert_eq(wire.len, 0);
        buf_fini(&wire);
    }
    buf_fini(&whole);
}

Test(frame, what_is_not_one_wellformed_map_is_refused)
{
    cr_expect_eq(TAKE(""), ERR_SYNTAX);
    cr_expect_eq(TAKE("\x80"), 0);
    cr_expect_eq(TAKE("\xc0"), ERR_SYNTAX, "root is nil");
    cr_expect_eq(TAKE("\x90"), ERR_SYNTAX, "root is an array");
    cr_expect_eq(TAKE("\x80\x80"), ERR_SYNTAX, "bytes left over");
    cr_expect_eq(TAKE("\x81\xa1k"), ERR_SYNTAX, "value missing");
    cr_expect_eq(TAKE("\x81\x01\x01"), ERR_SYNTAX, "key is an integer");
    cr_expect_eq(TAKE("\x81\xa1k\xc1"), ERR_SYNTAX, "the never-used byte");
    cr_expect_eq(TAKE("\x81\xa1k\xca\0\0\0\0"), ERR_SYNTAX, "float");
    cr_expect_eq(TAKE("\x81\xa1k\xd4\x01\x01"), ERR_SYNTAX, "extension");
    cr_expect_eq(TAKE("\x81\xa1k\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), 0);
    cr_expect_eq(TAKE("\x81\xa1k\xcf\x80\0\0\0\0\0\0\0"), ERR_SYNTAX, "past INT64_MAX");
    cr_expect_eq(TAKE("\x81\xa1k\xd3\x80\0\0\0\0\0\0\0"), 0, "INT64_MIN");
    cr_expect_eq(TAKE("\x81\xa1k\xdb\xff\xff\xff\xff"), ERR_SYNTAX, "string past the end");
    cr_expect_eq(TAKE("\x81\xa1k\xdd\xff\xff\xff\xff"), ERR_SYNTAX, "array of 4 billion");
    cr_expect_eq(TAKE("\xdf\xff\xff\xff\xff\xa1k"), ERR_SYNTAX, "map of 4 billion");
}

Test(frame, every_cut_of_a_frame_body_is_refused)
{
    struct buf wire;
    wire_init(&wire);
    write_sample(&wire);

    for (size_t len = 0; len < wire.len - 4; len++) {
        /* A copy of just that size, so that a sanitizer sees one byte too many. */
        char *body = malloc(len + 1);
        memcpy(body, wire.ptr + 4, len);
        cr_assert_eq(take_bytes(body, len), ERR_SYNTAX, "cut at %zu", len);
        free(body);
    }
    buf_fini(&wire);
}

Test(frame, nesting_is_bounded)
{
    char body[2 * FRAME_DEPTH + 8];

    for (size_t depth = 1; depth <= FRAME_DEPTH + 1; depth++) {
        size_t len = 0;
        body[len++] = '\x81';
        body[len++] = '\xa0';
        for (size_t i = 1; i < depth; i++)
            body[len++] = '\x91';
        body[len++] = '\xc0';
        cr_assert_eq(take_bytes(body, len), depth <= FRAME_DEPTH ? 0 : ERR_SYNTAX);
    }
}

Test(frame, a_frame_of_too_many_values_is_refused)
{
    size_t n = FRAME_MAX_VALUES + 8;
    struct buf body;
    buf_init(&body, n + 16);
    uint32_t count = htonl((uint32_t)n);

    buf_append(&body, "\x81\xa0\xdd", 3);
    buf_append(&body, &count, 4);
    memset(buf_reserve(&body, n), 0xc0, n);
    buf_commit(&body, n);
    cr_assert_eq(take_bytes(body.ptr, body.len), ERR_SYNTAX);
    buf_fini(&body);
}

Test(frame, a_length_past_the_bound_is_refused_before_its_bytes_come)
{
    struct buf wire;
    struct frame_in *in = NULL;
    uint32_t length = htonl(LIMIT_CONTROL_FRAME + 1);

    wire_init(&wire);
    buf_append(&wire, &length, sizeof(length));
    cr_assert_eq(frame_in_take(&wire, &in), ERR_TOO_LARGE);
    buf_fini(&wire);
}

Test(frame, a_frame_that_outgrows_the_bound_is_not_sent_in_part)
{
    struct frame_out *out = frame_out_new();
    struct buf wire, blob;

    wire_init(&wire);
    buf_init(&blob, LIMIT_CONTROL_FRAME);
    memset(buf_reserve(&blob, LIMIT_CONTROL_FRAME), 'x', LIMIT_CONTROL_FRAME);
    buf_commit(&blob, LIMIT_CONTROL_FRAME);
    frame_map(out, NULL);
    frame_str(out, "blob", buf_slice(&blob));
    frame_end(out);
    frame_out_finish(out, &wire);
    cr_assert(wire.overflow);
    cr_assert_eq(wire.len, 0);
    frame_out_free(&out);
    buf_fini(&blob);
    buf_fini(&wire);
}

Test(frame, a_copied_value_is_the_same_value)
{
    struct frame_out *out = frame_out_new();
    struct buf wire, again;

    wire_init(&wire);
    wire_init(&again);
    write_sample(&wire);
    struct frame_in *in = take(&wire);
    frame_map(out, NULL);
    frame_copy(out, "result", frame_root(in));
    frame_end(out);
    frame_out_finish(out, &again);

    struct frame_in *copy = take(&again);
    struct buf a, b;
    buf_init(&a, 4096);
    buf_init(&b, 4096);
    frame_to_json(frame_root(in), 0, &a);
    frame_to_json(frame_get(frame_root(copy), "result"), 0, &b);
    cr_assert(slice_eq(buf_slice(&a), buf_slice(&b)));
    frame_in_free(&in);
    frame_in_free(&copy);
    frame_out_free(&out);
    buf_fini(&a);
    buf_fini(&b);
    buf_fini(&wire);
    buf_fini(&again);
}

Test(frame, json_shows_every_type_and_escapes)
{
    struct buf wire;
    wire_init(&wire);
    write_sample(&wire);
    struct frame_in *in = take(&wire);

    assert_json(frame_root(in), 0,
                "{\"id\":-7,\"big\":9223372036854775807,\"ok\":true,\"nothing\":null,"
                "\"name\":\"caf\xc3\xa9 \\\"q\\\"\\u000a\",\"absent\":null,\"digest\":\"AP8\","
                "\"list\":[1,{},[]]}");
    assert_json(frame_get(frame_root(in), "list"), 2, "[\n  1,\n  {},\n  []\n]");
    frame_in_free(&in);
    buf_fini(&wire);
}

Test(frame, json_is_wellformed_utf8_whatever_the_string)
{
    struct frame_out *out = frame_out_new();
    struct buf wire;

    wire_init(&wire);
    frame_map(out, NULL);
    /* overlong, surrogate, cut short, past U+10FFFF, lone continuation */
    frame_cstr(out, "a", "\xc0\xaf|\xed\xa0\x80|\xe2\x82|\xf5\x80\x80\x80|\x80|\xf0\x9f\x98\x80");
    frame_end(out);
    frame_out_finish(out, &wire);
    struct frame_in *in = take(&wire);
    assert_json(frame_root(in), 0,
                "{\"a\":\"\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd|"
                "\\ufffd\\ufffd\\ufffd\\ufffd|\\ufffd|\xf0\x9f\x98\x80\"}");
    frame_in_free(&in);
    frame_out_free(&out);
    buf_fini(&wire);
}

/* A small deterministic generator: the run can be repeated by its seed. */
static uint32_t
next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

Test(frame, mutated_frames_are_refused_or_are_whole_trees)
{
    struct buf sample;
    uint32_t seed = 2463534242u;

    wire_init(&sample);
    write_sample(&sample);
    for (int round = 0; round < 20000; round++) {
        struct buf wire, json;
        struct frame_in *in = NULL;

        wire_init(&wire);
        buf_init(&json, 1 << 20);
        buf_append_slice(&wire, buf_slice(&sample));
        for (uint32_t i = 0; i <= next_random(&seed) % 4; i++)
            wire.ptr[4 + next_random(&seed) % (wire.len - 4)] = (char)next_random(&seed);
        if (frame_in_take(&wire, &in) == 0)
            frame_to_json(frame_root(in), round % 3, &json);
        frame_in_free(&in);
        buf_fini(&wire);
        buf_fini(&json);
    }
    buf_fini(&sample);
}
