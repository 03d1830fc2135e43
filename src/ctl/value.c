/* SPDX-License-Identifier: ISC */
#include "value.h"

#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/base/text.h"

static bool strip_suffix(struct slice *text, const char *suffix);

int
value_quota(const char *text, struct value_quota *out, struct errmsg *why)
{
    struct slice number = slice_str(text);
    int64_t amount = -1;

    if (strcmp(text, "0") == 0 || strcmp(text, "none") == 0) {
        *out = (struct value_quota){.nusd = 0, .tokens = 0};
        return 0;
    }
    bool is_money = strip_suffix(&number, "usd");
    if (is_money && text_usd_parse(number, &amount) == 0 && amount >= 0) {
        *out = (struct value_quota){.nusd = amount, .tokens = -1};
        return 0;
    }
    if (!is_money && strip_suffix(&number, "tokens") && text_int_parse(number, &amount) == 0 &&
        amount >= 0) {
        *out = (struct value_quota){.nusd = -1, .tokens = amount};
        return 0;
    }
    errmsg_set(why, "\"%s\" is not a quota: write 50usd, 0.25usd, 1000000tokens or none", text);
    return ERR_SYNTAX;
}

int
value_expiry(const char *text, int64_t now_us, int64_t *out, struct errmsg *why)
{
    int64_t duration_us, date_us;

    if (strcmp(text, "never") == 0 || strcmp(text, "0") == 0) {
        *out = 0;
        return 0;
    }
    if (clock_parse_utc(text, &date_us) == 0) {
        *out = date_us;
        return 0;
    }
    if (text_duration_parse(slice_str(text), &duration_us) == 0 && duration_us > 0 &&
        duration_us < INT64_MAX - now_us) {
        *out = now_us + duration_us;
        return 0;
    }
    errmsg_set(why, "\"%s\" is not a time: write 2026-12-31, 90d or never", text);
    return ERR_SYNTAX;
}

int
value_since(const char *text, int64_t now_us, int64_t *out, struct errmsg *why)
{
    int64_t duration_us;

    if (clock_parse_utc(text, out) == 0)
        return 0;
    if (text_duration_parse(slice_str(text), &duration_us) == 0 && duration_us >= 0 &&
        duration_us <= now_us) {
        *out = now_us - duration_us;
        return 0;
    }
    errmsg_set(why, "\"%s\" is not a time: write 2026-11-01, 2026-11-01T12:00:00Z or 1h", text);
    return ERR_SYNTAX;
}

int
value_duration(const char *text, int64_t *out_us, struct errmsg *why)
{
    if (strcmp(text, "0") == 0) {
        *out_us = 0;
        return 0;
    }
    if (text_duration_parse(slice_str(text), out_us) == 0 && *out_us >= 0)
        return 0;
    errmsg_set(why, "\"%s\" is not a duration: write 30s, 24h or 7d", text);
    return ERR_SYNTAX;
}

int
value_count(const char *text, int64_t *out, struct errmsg *why)
{
    int64_t n;

    if (strcmp(text, "none") == 0)
        text = "0";
    if (text_int_parse(slice_str(text), &n) == 0 && n >= 0) {
        *out = n;
        return 0;
    }
    errmsg_set(why, "\"%s\" is not a whole number", text);
    return ERR_SYNTAX;
}

static bool
strip_suffix(struct slice *text, const char *suffix)
{
    size_t len = strlen(suffix);

    if (text->len <= len ||
        !slice_eq_nocase(slice_sub(*text, text->len - len, text->len), slice_str(suffix)))
        return false;
    *text = slice_trim(slice_sub(*text, 0, text->len - len));
    return true;
}
