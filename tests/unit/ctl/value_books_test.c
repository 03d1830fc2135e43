/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "value_books.h"

Test(value_books, a_day_is_a_date_of_the_calendar)
{
    static const char *const wrong[] = {"",           "2026",      "2026-13-01", "2026-02-30",
                                        "26-11-25",   "2026112",   "202611255",  "2026-1125x",
                                        "2026--1125", "yesterday", "-20261125"};
    struct errmsg why;
    uint32_t day;

    cr_expect_eq(value_books_day("2026-11-25", &day, &why), 0);
    cr_expect_eq(day, 20261125);
    cr_expect_eq(value_books_day("20240229", &day, &why), 0);
    cr_expect_eq(day, 20240229);
    for (size_t n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++)
        cr_expect_eq(value_books_day(wrong[n], &day, &why), ERR_SYNTAX, "%s", wrong[n]);
}

Test(value_books, an_amount_has_a_sign)
{
    struct errmsg why;
    int64_t n;

    cr_expect_eq(value_books_amount("+1.25usd", &n, &why), 0);
    cr_expect_eq(n, 1250000000);
    cr_expect_eq(value_books_amount("-0.10usd", &n, &why), 0);
    cr_expect_eq(n, -100000000);
    cr_expect_eq(value_books_amount("-$3", &n, &why), 0);
    cr_expect_eq(n, -3000000000);
    cr_expect_eq(value_books_amount("1.25usd", &n, &why), ERR_SYNTAX);
    cr_expect_eq(value_books_amount("+-1usd", &n, &why), ERR_SYNTAX);
    cr_expect_eq(value_books_amount("+", &n, &why), ERR_SYNTAX);
    cr_expect_eq(value_books_signed("-20", &n, &why), 0);
    cr_expect_eq(n, -20);
    cr_expect_eq(value_books_signed("--20", &n, &why), ERR_SYNTAX);
    cr_expect_eq(value_books_signed("20", &n, &why), ERR_SYNTAX);
}

Test(value_books, money_for_programs_is_a_plain_number)
{
    char text[32];

    value_books_decimal(-100000000, text);
    cr_expect_str_eq(text, "-0.10");
    value_books_decimal(12000000001, text);
    cr_expect_str_eq(text, "12.000000001");
    value_books_decimal(0, text);
    cr_expect_str_eq(text, "0.00");
}
