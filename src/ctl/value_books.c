/* SPDX-License-Identifier: ISC */
#include "value_books.h"

#include <stdio.h>
#include <string.h>

#include "relayos/base/period.h"
#include "relayos/base/text.h"

int
value_books_day(const char *text, uint32_t *out, struct errmsg *why)
{
    char digits[9];
    size_t n = 0;
    int64_t day;

    for (const char *at = text; *at != '\0' && n < sizeof(digits); at++) {
        bool is_dash = *at == '-' && ((n == 4 && at == text + 4) || (n == 6 && at == text + 7));

        if (!is_dash)
            digits[n++] = *at;
    }
    if (n == 8 && text_int_parse(slice_of(digits, 8), &day) == 0 && period_day_is_valid(day)) {
        *out = (uint32_t)day;
        return 0;
    }
    errmsg_set(why, "\"%s\" is not a day: write 2026-11-25", text);
    return ERR_SYNTAX;
}

int
value_books_day_option(const struct args *args, const char *name, uint32_t *out, struct errmsg *why)
{
    *out = 0;
    return args_has(args, name) ? value_books_day(args_get(args, name), out, why) : 0;
}

int
value_books_amount(const char *text, int64_t *out_nusd, struct errmsg *why)
{
    bool has_sign = text[0] == '+' || text[0] == '-';

    if (has_sign && text_usd_parse(slice_str(text + 1), out_nusd) == 0) {
        if (text[0] == '-')
            *out_nusd = -*out_nusd;
        return 0;
    }
    errmsg_set(why, "\"%s\" is not an amount to add or take away: write +1.25usd or -0.10usd",
               text);
    return ERR_SYNTAX;
}

int
value_books_signed(const char *text, int64_t *out, struct errmsg *why)
{
    bool has_sign = text[0] == '+' || text[0] == '-';

    if (has_sign && text[1] >= '0' && text[1] <= '9' &&
        text_int_parse(slice_str(text + 1), out) == 0) {
        if (text[0] == '-')
            *out = -*out;
        return 0;
    }
    errmsg_set(why, "\"%s\" is not a number to add or take away: write +1000 or -20", text);
    return ERR_SYNTAX;
}

void
value_books_decimal(int64_t nusd, char out[32])
{
    char *dollar;

    text_usd_format(nusd, out);
    dollar = strchr(out, '$');
    memmove(dollar, dollar + 1, strlen(dollar));
}
