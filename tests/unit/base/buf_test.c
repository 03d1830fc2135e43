/* SPDX-License-Identifier: ISC
 *
 * Tests of base/buf and base/slice.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "relayos/base/buf.h"

static void
assert_holds(const struct buf *buf, const char *text)
{
    cr_assert(slice_eq_str(buf_slice(buf), text), "holds '%.*s', not '%s'", (int)buf->len, buf->ptr,
              text);
}

Test(buf, appends_of_all_kinds_follow_each_other)
{
    struct buf buf;

    buf_init(&buf, 1000);
    buf_append(&buf, "ab", 2);
    buf_append_str(&buf, "cd");
    buf_append_byte(&buf, '-');
    buf_append_slice(&buf, slice_of(NULL, 0));
    buf_append_int(&buf, INT64_MIN);
    buf_append_int(&buf, 0);
    buf_printf(&buf, "%s=%d", "x", 7);
    assert_holds(&buf, "abcd--92233720368547758080x=7");
    buf_consume(&buf, 5);
    assert_holds(&buf, "-92233720368547758080x=7");
    buf_fini(&buf);
}

Test(buf, it_fills_to_the_last_byte_of_its_cap_and_then_refuses_everything)
{
    struct buf buf;

    buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++)
        buf_append_byte(&buf, 'x');
    cr_assert_eq(buf.len, 1000);
    cr_assert_not(buf.overflow);
    buf_append_byte(&buf, 'y');
    cr_assert(buf.overflow);
    cr_assert_eq(buf.len, 1000);
    buf_consume(&buf, 500);
    buf_append_byte(&buf, 'y');
    cr_assert_eq(buf.len, 500, "refused even where it would fit: a gap must not go unnoticed");
    buf_clear(&buf);
    buf_append_byte(&buf, 'z');
    assert_holds(&buf, "z");
    buf_fini(&buf);
}

Test(buf, a_refused_append_leaves_nothing_of_itself)
{
    struct buf buf;

    buf_init(&buf, 10);
    buf_append_str(&buf, "12345");
    buf_append_str(&buf, "678901");
    assert_holds(&buf, "12345");
    cr_assert(buf.overflow);
    cr_assert_null(buf_reserve(&buf, 1));
    buf_fini(&buf);
}

Test(buf, printf_of_more_than_its_scratch_is_whole)
{
    char text[3000];
    struct buf buf;

    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    buf_init(&buf, sizeof(text) - 1);
    buf_printf(&buf, "%s", text);
    assert_holds(&buf, text);
    cr_assert_not(buf.overflow);
    buf_fini(&buf);
}

Test(buf, reserved_room_can_be_filled_and_committed)
{
    struct buf buf;

    buf_init(&buf, 100);

    char *room = buf_reserve(&buf, 100);

    memset(room, 'r', 3);
    buf_commit(&buf, 3);
    assert_holds(&buf, "rrr");
    cr_assert_null(buf_reserve(&buf, 98));
    buf_fini(&buf);
}

Test(buf, an_empty_one_can_give_its_memory_back)
{
    struct buf buf;

    buf_init(&buf, 100);
    buf_append_str(&buf, "x");
    buf_shrink(&buf);
    cr_assert_not_null(buf.ptr, "not while it holds something");
    buf_consume(&buf, 1);
    buf_shrink(&buf);
    cr_assert_null(buf.ptr);
    buf_append_str(&buf, "again");
    assert_holds(&buf, "again");
    buf_fini(&buf);
}

Test(buf, random_histories_agree_with_a_plain_array)
{
    char model[2048];
    size_t len = 0;
    struct buf buf;

    srandom(3);
    buf_init(&buf, sizeof(model));
    for (int i = 0; i < 20000; i++) {
        char piece[64];
        size_t n = (size_t)random() % sizeof(piece);

        memset(piece, 'a' + i % 26, sizeof(piece));
        if (random() % 2 == 0 && len + n <= sizeof(model)) {
            memcpy(model + len, piece, n);
            len += n;
            buf_append(&buf, piece, n);
        } else if (n <= len) {
            memmove(model, model + n, len - n);
            len -= n;
            buf_consume(&buf, n);
        }
        cr_assert(slice_eq(buf_slice(&buf), slice_of(model, len)));
    }
    buf_fini(&buf);
}

Test(slice, comparisons_and_trimming)
{
    cr_assert(slice_eq_nocase(SLICE_LIT("Content-TYPE"), SLICE_LIT("content-type")));
    cr_assert_not(slice_eq_nocase(SLICE_LIT("a"), SLICE_LIT("ab")));
    cr_assert_not(slice_eq_nocase(SLICE_LIT("["), SLICE_LIT("{")), "letters only differ in case");
    cr_assert_not(slice_eq_nocase(SLICE_LIT("`"), SLICE_LIT("@")));
    cr_assert_not(slice_eq_nocase(SLICE_LIT("a"), SLICE_LIT("b")));
    cr_assert_not(slice_eq_nocase(SLICE_LIT("\xc3"), SLICE_LIT("\xe3")), "ASCII alone has cases");
    cr_assert(slice_eq_str(slice_trim(SLICE_LIT(" \t a b \t")), "a b"));
    cr_assert_eq(slice_trim(SLICE_LIT(" \t ")).len, 0);
    cr_assert(slice_eq(slice_str(NULL), SLICE_LIT("")));
    cr_assert(slice_starts_with(SLICE_LIT("abc"), SLICE_LIT("ab")));
    cr_assert_not(slice_starts_with(SLICE_LIT("a"), SLICE_LIT("ab")));
}
