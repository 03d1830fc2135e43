/* SPDX-License-Identifier: ISC
 *
 * value - what people write after an option, as the numbers that commands take. Pure.
 *
 * Failure: ERR_SYNTAX, with the forms that are understood.
 */
#ifndef CTL_VALUE_H
#define CTL_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"

/*
 * AMOUNT[/PERIOD][:MODEL][,shadow]: "50usd", "0.25usd/day", "2Mtok/week", "10usd/month:gpt-4.1",
 * "50usd/month,shadow". "0" or "none" takes every quota away.
 */
struct value_quota {
    bool is_none;
    const char *unit;   /* "usd", "tokens" */
    int64_t amount;     /* nano-USD, tokens */
    const char *period; /* "" = not said */
    struct slice model; /* empty = all */
    bool is_shadow;
};
int value_quota(const char *text, struct value_quota *out, struct errmsg *why) MUST_CHECK;
/* "day", "daily", "d", ...: "day"; NULL if it is none. */
const char *value_period(struct slice text);
/* "2026-12-31", "2026-12-31T12:00:00Z", or a time from now: "90d"; "never" is 0. */
int value_expiry(const char *text, int64_t now_us, int64_t *out, struct errmsg *why) MUST_CHECK;
/* A moment in the past: a date as above, or so long ago: "1h". */
int value_since(const char *text, int64_t now_us, int64_t *out, struct errmsg *why) MUST_CHECK;
/* "24h", "0s" */
int value_duration(const char *text, int64_t *out_us, struct errmsg *why) MUST_CHECK;
/* A whole number, 0 or more; "none" is 0. */
int value_count(const char *text, int64_t *out, struct errmsg *why) MUST_CHECK;

#endif
