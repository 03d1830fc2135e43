/* SPDX-License-Identifier: ISC
 *
 * retry_hint - see the header.
 */
#include "relayos/codec/retry_hint.h"

#include <string.h>
#include <time.h>

#include "relayos/base/clock.h"

enum { MAX_MS = RETRY_HINT_MAX_S * 1000, NOT_SAID = -1 };

static void read_limit(struct retry_hint *hint, struct slice name, struct slice value, int64_t now);
static bool cut_suffix(struct slice *name, const char *suffix);
static int64_t read_wait(struct slice value, int64_t now_real_us);
static int64_t read_date(struct slice value, int64_t now_real_us);
static int64_t read_duration(struct slice text);
static int64_t take_number(struct slice *text, int64_t *out_scale);
static int64_t take_unit(struct slice *text);
static int64_t behind(struct slice body, const char *words, const char *skipped);

void
retry_hint_init(struct retry_hint *hint)
{
    *hint = (struct retry_hint){
        .said_ms = NOT_SAID, .body_ms = NOT_SAID, .reset_ms = {NOT_SAID, NOT_SAID}};
}

void
retry_hint_header(struct retry_hint *hint, struct slice name, struct slice value,
                  int64_t now_real_us)
{
    value = slice_trim(value);
    if (slice_eq_str(name, "retry-after-ms")) {
        int64_t scale = 1, ms = take_number(&value, &scale);

        if (ms != NOT_SAID && value.len == 0)
            hint->said_ms = ms / scale;
    } else if (slice_eq_str(name, "retry-after") && hint->said_ms == NOT_SAID) {
        hint->said_ms = read_wait(value, now_real_us);
    } else {
        read_limit(hint, name, value, now_real_us);
    }
}

/* x-ratelimit-reset-requests: 6m0s; anthropic-ratelimit-tokens-remaining: 0; and the like. */
static void
read_limit(struct retry_hint *hint, struct slice name, struct slice value, int64_t now_real_us)
{
    if (memmem(name.ptr, name.len, "ratelimit-", 10) == NULL)
        return;
    /* Anthropic writes the two words the other way round. */
    bool is_tokens = cut_suffix(&name, "-tokens");
    bool is_requests = cut_suffix(&name, "-requests");
    bool is_reset = cut_suffix(&name, "-reset"), is_left = cut_suffix(&name, "-remaining");
    is_tokens = is_tokens || cut_suffix(&name, "-tokens");
    is_requests = is_requests || cut_suffix(&name, "-requests");
    if (!is_tokens && !is_requests)
        return;
    int64_t wait_ms = is_reset ? read_wait(value, now_real_us) : NOT_SAID;
    if (wait_ms > hint->reset_ms[is_tokens])
        hint->reset_ms[is_tokens] = wait_ms;
    if (is_left && slice_eq_str(value, "0"))
        hint->is_used_up[is_tokens] = true;
}

static bool
cut_suffix(struct slice *name, const char *suffix)
{
    size_t len = strlen(suffix);

    if (name->len < len || memcmp(name->ptr + name->len - len, suffix, len) != 0)
        return false;
    name->len -= len;
    return true;
}

void
retry_hint_body(struct retry_hint *hint, struct slice body)
{
    hint->body_ms = behind(body, "\"retryDelay\"", " \t\r\n:\"");
    if (hint->body_ms == NOT_SAID)
        hint->body_ms = behind(body, "try again in ", "");
}

/* The duration that stands behind those words. */
static int64_t
behind(struct slice body, const char *words, const char *skipped)
{
    size_t len = strlen(words);
    const char *at = body.len == 0 ? NULL : memmem(body.ptr, body.len, words, len);

    if (at == NULL)
        return NOT_SAID;
    struct slice rest = slice_sub(body, (size_t)(at - body.ptr) + len, body.len);
    while (rest.len > 0 && rest.ptr[0] != '\0' && strchr(skipped, rest.ptr[0]) != NULL)
        rest = slice_sub(rest, 1, rest.len);
    size_t n = 0;
    while (n < rest.len && n < 32 && strchr("0123456789.hms", rest.ptr[n]) != NULL &&
           rest.ptr[n] != '\0')
        n++;
    while (n > 0 && rest.ptr[n - 1] == '.') /* of the sentence */
        n--;
    return read_duration(slice_sub(rest, 0, n));
}

static int64_t
read_wait(struct slice value, int64_t now_real_us)
{
    int64_t ms = read_duration(value);

    return ms != NOT_SAID ? ms : read_date(value, now_real_us);
}

/* RFC 3339, or the one of the three forms of RFC 9110 that is still written. */
static int64_t
read_date(struct slice value, int64_t now_real_us)
{
    char text[64];
    struct tm tm = {0};
    int64_t at_us, ms;

    if (value.len == 0 || value.len >= sizeof(text))
        return NOT_SAID;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (end != NULL && *end == '\0')
        at_us = (int64_t)timegm(&tm) * 1000000;
    else if (clock_parse_utc(text, &at_us) != 0)
        return NOT_SAID;
    ms = (at_us - now_real_us) / 1000;
    return ms < 0 ? 0 : ms > MAX_MS ? MAX_MS : ms;
}

/* "30", "1.5", "6m0s", "250ms", "1h2m3.5s": milliseconds. */
static int64_t
read_duration(struct slice text)
{
    int64_t total = 0;

    if (text.len == 0)
        return NOT_SAID;
    while (text.len > 0) {
        int64_t scale = 1, number = take_number(&text, &scale);
        int64_t unit = number == NOT_SAID ? 0 : take_unit(&text);

        if (unit == 0)
            return NOT_SAID;
        total += number * unit / scale;
        if (total > MAX_MS)
            total = MAX_MS;
    }
    return total;
}

/* Digits and perhaps a fraction: the number is what is given, over *out_scale. Saturated. */
static int64_t
take_number(struct slice *text, int64_t *out_scale)
{
    int64_t number = NOT_SAID;
    bool is_fraction = false;
    size_t i = 0;

    for (; i < text->len; i++) {
        char c = text->ptr[i];

        if (c == '.' && number != NOT_SAID && !is_fraction) {
            is_fraction = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        if (is_fraction && *out_scale >= 1000) /* finer than a thousandth */
            continue;
        number = (number == NOT_SAID ? 0 : number) * 10 + (c - '0');
        if (number > INT64_C(1000) * MAX_MS)
            number = INT64_C(1000) * MAX_MS;
        if (is_fraction)
            *out_scale *= 10;
    }
    *text = slice_sub(*text, i, text->len);
    return number;
}

/* Milliseconds of the unit; a number without one counts seconds, and must be the last. */
static int64_t
take_unit(struct slice *text)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

    if (text->len == 0)
        return 1000;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (slice_starts_with(*text, slice_str(units[i].name))) {
            *text = slice_sub(*text, strlen(units[i].name), text->len);
            return units[i].ms;
        }
    }
    return 0;
}

int
retry_hint_seconds(const struct retry_hint *hint)
{
    int64_t ms = hint->said_ms != NOT_SAID ? hint->said_ms : hint->body_ms;

    for (int i = 0; i < 2 && hint->said_ms == NOT_SAID; i++) {
        if (hint->is_used_up[i] && hint->reset_ms[i] > ms)
            ms = hint->reset_ms[i];
    }
    if (ms == NOT_SAID)
        return 0;
    return ms > MAX_MS ? RETRY_HINT_MAX_S : ms < 1000 ? 1 : (int)((ms + 999) / 1000);
}
