/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "relayos/base/limits.h"
#include "relayos/control/command.h"

Test(command, every_row_is_found_by_its_name)
{
    for (unsigned i = 0; i < COMMAND_N; i++) {
        enum command found = COMMAND_N;
        const char *name = command_info((enum command)i)->name;

        cr_assert_eq(command_find(slice_str(name), &found), 0);
        cr_assert_eq((unsigned)found, i, "%s", name);
    }
}

Test(command, other_names_are_missing)
{
    enum command found;

    cr_assert_eq(command_find(SLICE_LIT(""), &found), ERR_MISSING);
    cr_assert_eq(command_find(SLICE_LIT("key.creat"), &found), ERR_MISSING);
    cr_assert_eq(command_find(SLICE_LIT("key.created"), &found), ERR_MISSING);
}

Test(command, every_error_crosses_as_a_word_and_comes_back)
{
    for (int err = ERR_IO; err <= ERR_DENIED; err++)
        cr_assert_eq(command_code_find(slice_str(command_code(err))), err);
    for (int i = 1; i < ERR_N_CATEGORIES; i++)
        cr_assert_eq(command_code_find(slice_str(command_code(-i))), -i);
    cr_assert_eq(command_code_find(SLICE_LIT("from a newer version")), ERR_IO);
}

static struct frame_in *
take(struct buf *wire)
{
    struct frame_in *in = NULL;

    cr_assert_eq(frame_in_take(wire, &in), 0);
    return in;
}

Test(command, requests_and_replies_have_their_shape)
{
    struct frame_out *out = frame_out_new();
    struct buf wire;
    struct frame_in *in;

    buf_init(&wire, LIMIT_CONTROL_FRAME);
    command_request_begin(out, 3, "usage");
    frame_cstr(out, "by", "key");
    command_request_end(out, &wire);
    in = take(&wire);
    cr_assert_eq(frame_get_int(frame_root(in), "id", 0), 3);
    cr_assert(slice_eq_str(frame_get_str(frame_root(in), "cmd"), "usage"));
    cr_assert(slice_eq_str(frame_get_str(frame_get(frame_root(in), "args"), "by"), "key"));
    frame_in_free(&in);

    command_reply_begin(out, 4);
    frame_int(out, "n", 1);
    command_reply_end(out, &wire);
    in = take(&wire);
    cr_assert(frame_get_bool(frame_root(in), "ok", false));
    cr_assert_eq(frame_get_int(frame_get(frame_root(in), "result"), "n", 0), 1);
    frame_in_free(&in);
    frame_out_free(&out);
    buf_fini(&wire);
}

Test(command, an_error_replaces_a_reply_that_was_begun)
{
    struct frame_out *out = frame_out_new();
    struct errmsg why;
    struct buf wire;

    buf_init(&wire, LIMIT_CONTROL_FRAME);
    errmsg_set(&why, "there is no key \"x\"");
    command_reply_begin(out, 5);
    frame_array(out, "keys");
    command_reply_error(out, 5, ERR_MISSING, &why, &wire);
    struct frame_in *in = take(&wire);
    cr_assert_not(frame_get_bool(frame_root(in), "ok", true));
    cr_assert(slice_eq_str(frame_get_str(frame_root(in), "error"), why.text));
    cr_assert(slice_eq_str(frame_get_str(frame_root(in), "code"), "missing"));
    frame_in_free(&in);
    frame_out_free(&out);
    buf_fini(&wire);
}

Test(command, a_reply_past_the_bound_becomes_an_error_under_its_id)
{
    struct frame_out *out = frame_out_new();
    struct buf wire;
    static char block[1 << 20];

    buf_init(&wire, LIMIT_CONTROL_FRAME);
    command_reply_begin(out, 77);
    frame_array(out, "blocks");
    for (size_t n = 0; n <= LIMIT_CONTROL_FRAME / sizeof(block); n++)
        frame_str(out, NULL, slice_of(block, sizeof(block)));
    frame_end(out);
    command_reply_end(out, &wire);
    struct frame_in *in = take(&wire);
    cr_assert_eq(frame_get_int(frame_root(in), "id", 0), 77);
    cr_assert(slice_eq_str(frame_get_str(frame_root(in), "code"), "large"));
    frame_in_free(&in);
    frame_out_free(&out);
    buf_fini(&wire);
}
