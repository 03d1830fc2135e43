/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "dialect_parts.h"

Test(edits, apply_in_the_order_of_the_text_whatever_came_first)
{
    struct edits edits = {.n = 0};
    struct slice text = SLICE_LIT("0123456789");
    struct buf out;

    cr_assert_eq(edits_add(&edits, (struct edit){8, 10, SLICE_LIT("Z")}), 0);
    cr_assert_eq(edits_add(&edits, (struct edit){0, 1, SLICE_LIT("aa")}), 0);
    cr_assert_eq(edits_add(&edits, (struct edit){5, 5, SLICE_LIT("+")}), 0);
    cr_assert_eq(edits_add(&edits, (struct edit){5, 8, {0}}), 0);
    buf_init(&out, 64);
    edits_apply(&edits, text, &out);
    cr_expect(slice_eq_str(buf_slice(&out), "aa1234+Z"), "%.*s", (int)out.len, out.ptr);
    cr_expect_eq(edits_length(&edits, text), out.len);
    buf_fini(&out);
}

Test(edits, are_refused_past_their_number)
{
    struct edits edits = {.n = 0};

    for (size_t i = 0; i < EDITS_MAX; i++)
        cr_assert_eq(edits_add(&edits, (struct edit){i, i, {0}}), 0);
    cr_expect_eq(edits_add(&edits, (struct edit){0, 0, {0}}), ERR_FULL);
}
