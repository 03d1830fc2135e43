/* SPDX-License-Identifier: ISC */
#include "key.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "relayos/base/limits.h"

static void
print_revoked(int64_t rotated_from, char *text, size_t size)
{
    struct frame_out *out = frame_out_new();
    struct frame_in *in = NULL;
    struct args args = {0};
    struct buf wire, printed;

    buf_init(&wire, LIMIT_CONTROL_FRAME);
    buf_init(&printed, 4096);
    frame_map(out, NULL);
    frame_map(out, "key");
    frame_cstr(out, "name", "ci");
    frame_int(out, "id", 10);
    frame_int(out, "rotated_from", rotated_from);
    frame_end(out);
    frame_end(out);
    frame_out_finish(out, &wire);
    cr_assert_eq(frame_in_take(&wire, &in), 0);
    key_print_revoked(frame_root(in), &args, &printed);
    snprintf(text, size, "%.*s", (int)printed.len, printed.ptr);
    frame_in_free(&in);
    frame_out_free(&out);
    buf_fini(&wire);
    buf_fini(&printed);
}

Test(key, revoking_a_successor_tells_of_the_key_before_it)
{
    char text[4096];

    print_revoked(9, text, sizeof(text));
    cr_expect_not_null(strstr(text, "key revoke 9\n"), "%s", text);
    print_revoked(0, text, sizeof(text));
    cr_expect_null(strstr(text, "key revoke"), "%s", text);
}
