/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "print.h"

static void
assert_text(struct buf *out, const char *expected)
{
    cr_expect(slice_eq_str(buf_slice(out), expected), "%.*s", (int)out->len, out->ptr);
    buf_fini(out);
}

Test(print, columns_are_as_wide_as_they_need_and_numbers_stand_to_the_right)
{
    struct print_table *table = print_table_new("NAME >USED STATE");
    struct buf out;

    buf_init(&out, 4096);
    print_cell(table, "a");
    print_cell_usd(table, INT64_C(1500000000));
    print_cell(table, "active");
    print_cell_text(table, slice_str("a longer name"));
    print_cell_count(table, 1234567);
    print_cell_text(table, slice_str(""));
    print_table_end(&table, "nothing", &out);
    cr_assert_null(table);
    assert_text(&out, "NAME                USED  STATE\n"
                      "a                  $1.50  active\n"
                      "a longer name  1,234,567  -\n");
}

Test(print, width_counts_characters_and_not_bytes)
{
    struct print_table *table = print_table_new("NAME X");
    struct buf out;

    buf_init(&out, 4096);
    print_cell_text(table, slice_str("J\xc3\xbcrgen"));
    print_cell(table, "1");
    print_table_end(&table, "nothing", &out);
    assert_text(&out, "NAME    X\nJ\xc3\xbcrgen  1\n");
}

Test(print, a_table_without_rows_says_so)
{
    struct print_table *table = print_table_new("NAME");
    struct buf out;

    buf_init(&out, 4096);
    print_table_end(&table, "There are no keys.", &out);
    assert_text(&out, "There are no keys.\n");
}

Test(print, nothing_from_outside_moves_the_cursor)
{
    struct buf out;

    buf_init(&out, 4096);
    print_safe(slice_of("a\033[2Jb\x9b\r\n\x7f\xc2\x9b"
                        "c\xc3\xa9",
                        15),
               &out);
    assert_text(&out, "a?[2Jb\x9b???"
                      "?c\xc3\xa9");
}

Test(print, elapsed_times_are_in_the_unit_they_are_read_in)
{
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "0 us"},           {999, "999 us"},        {1000, "1.0 ms"},
        {3456, "3.4 ms"},      {999999, "999.9 ms"},   {1250000, "1.25 s"},
        {125000000, "2m 05s"}, {3600000000, "1h 00m"}, {90061000000, "25h 01m"},
    };

    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        char text[32];
        print_elapsed(rows[n].us, text);
        cr_expect_str_eq(text, rows[n].text);
    }
}
