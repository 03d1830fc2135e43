/* SPDX-License-Identifier: ISC */
#include "value.h"

#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/base/text.h"

#define BILLION 1000000000

static int read_amount(struct slice text, struct value_quota *out);
static int read_count(struct slice text, int64_t factor, int64_t *out);
static int read_scope(struct slice text, struct value_quota *out);
static bool strip_suffix(struct slice *text, const char *suffix);

int
value_quota(const char *text, struct value_quota *out, struct errmsg *why)
{
    struct slice rest = slice_trim(slice_str(text));
    size_t at = 0;

    *out = (struct value_quota){.period = ""};
    if (slice_eq_str(rest, "0") || slice_eq_str(rest, "none")) {
        out->is_none = true;
        return 0;
    }
    out->is_shadow = strip_suffix(&rest, ",shadow");
    while (at < rest.len && rest.ptr[at] != '/' && rest.ptr[at] != ':')
        at++;
    if (read_amount(slice_sub(rest, 0, at), out) == 0 &&
        read_scope(slice_sub(rest, at, rest.len), out) == 0)
        return 0;
    errmsg_set(why,
               "\"%s\" is not a quota: write 50usd/month, 5usd/day, 2Mtok/week, "
               "10usd/month:MODEL, 50usd/month,shadow or none",
               text);
    return ERR_SYNTAX;
}

/* "50usd", "$50", "1000000tokens", "1.5Mtok" */
static int
read_amount(struct slice text, struct value_quota *out)
{
    static const struct {
        const char *suffix;
        int64_t factor;
    } tokens[] = {{"ktokens", 1000}, {"mtokens", 1000000}, {"gtokens", 1000000000}, {"ktok", 1000},
                  {"mtok", 1000000}, {"gtok", 1000000000}, {"tokens", 1},           {"tok", 1}};

    if (strip_suffix(&text, "usd") || (text.len > 0 && text.ptr[0] == '$')) {
        out->unit = "usd";
        return text_usd_parse(text, &out->amount);
    }
    for (size_t n = 0; n < sizeof(tokens) / sizeof(tokens[0]); n++) {
        if (!strip_suffix(&text, tokens[n].suffix))
            continue;
        out->unit = "tokens";
        return read_count(text, tokens[n].factor, &out->amount);
    }
    return -1;
}

/* A number of thousands, millions: with decimals, as long as it comes to a whole number. */
static int
read_count(struct slice text, int64_t factor, int64_t *out)
{
    int64_t billionths; /* money has as many decimals as we need */
    __int128 product;

    if (text.len == 0 || text.ptr[0] < '0' || text.ptr[0] > '9' ||
        text_usd_parse(text, &billionths) != 0)
        return -1;
    product = (__int128)billionths * factor;
    if (product % BILLION != 0 || product / BILLION > INT64_MAX)
        return -1;
    *out = (int64_t)(product / BILLION);
    return 0;
}

/* "", "/PERIOD", ":MODEL" or both. */
static int
read_scope(struct slice text, struct value_quota *out)
{
    size_t at = 1;

    if (text.len > 0 && text.ptr[0] == '/') {
        while (at < text.len && text.ptr[at] != ':')
            at++;
        out->period = value_period(slice_sub(text, 1, at));
        if (out->period == NULL)
            return -1;
        text = slice_sub(text, at, text.len);
    }
    if (text.len == 0)
        return 0;
    out->model = slice_sub(text, 1, text.len);
    return out->model.len > 0 ? 0 : -1;
}

const char *
value_period(struct slice text)
{
    static const char *const words[][2] = {
        {"day", "day"},     {"daily", "day"},     {"week", "week"},  {"weekly", "week"},
        {"month", "month"}, {"monthly", "month"}, {"total", "total"}};

    for (size_t n = 0; n < sizeof(words) / sizeof(words[0]); n++) {
        if (slice_eq_nocase(text, slice_str(words[n][0])))
            return words[n][1];
    }
    return NULL;
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
