/* SPDX-License-Identifier: ISC
 *
 * value_books - days and signed amounts as people write them. Pure; failure as in value.h.
 */
#ifndef CTL_VALUE_BOOKS_H
#define CTL_VALUE_BOOKS_H

#include <stdint.h>

#include "args.h"

/* "2026-11-25" or "20261125": the day as a number, 20261125. */
int value_books_day(const char *text, uint32_t *out, struct errmsg *why) MUST_CHECK;
/* The same of an option; 0 if it was not given. */
int value_books_day_option(const struct args *args, const char *name, uint32_t *out,
                           struct errmsg *why) MUST_CHECK;
/* "+1.25usd", "-0.10usd": nano-USD. The sign must be there: it says who gets the money. */
int value_books_amount(const char *text, int64_t *out_nusd, struct errmsg *why) MUST_CHECK;
/* "+1000", "-20". */
int value_books_signed(const char *text, int64_t *out, struct errmsg *why) MUST_CHECK;
/* Money as a plain decimal number, for programs: "-0.10", "12.000000001". */
void value_books_decimal(int64_t nusd, char out[32]);

#endif
