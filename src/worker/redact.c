/* SPDX-License-Identifier: ISC
 *
 * redact - word by word: a secret is one word of token characters, or is known and may be several;
 * no word is shown in part.
 */
#include "redact.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define STARS    SLICE_LIT("***")
#define LONG_RUN 24 /* letters and digits in a row: no name of a model, no part of a UUID */

/* A table: every request's user agent and ids come through here, byte by byte. */
enum kind { KIND_OTHER, KIND_ALPHANUMERIC, KIND_JOINT };
static const uint8_t kinds[256] = {['0' ... '9'] = KIND_ALPHANUMERIC,
                                   ['A' ... 'Z'] = KIND_ALPHANUMERIC,
                                   ['a' ... 'z'] = KIND_ALPHANUMERIC,
                                   ['-'] = KIND_JOINT,
                                   ['_'] = KIND_JOINT};

/* A secret that is known, where the text holds it next. */
struct known {
    struct slice secret, rest;
    const char *at; /* in rest; NULL: no more */
};

static struct known known_in(struct slice text, struct slice secret);
static bool overlaps(struct known *known, struct slice unit);
static char shown_as(char c);
static size_t word_length(struct slice text);
static bool is_alphanumeric(char c);
static bool has_long_run(struct slice word);
static bool looks_secret(struct slice word, bool after_bearer);

void
redact_copy(char *out, size_t size, struct slice text)
{
    redact_copy_without(out, size, text, (struct slice){NULL, 0});
}

void
redact_copy_without(char *out, size_t size, struct slice text, struct slice secret)
{
    struct known known = known_in(text, secret);
    bool after_bearer = false, is_masked = false;
    size_t len = 0;

    assert(size > 0);
    while (text.len > 0 && len + 1 < size) {
        size_t word_len = word_length(text);
        struct slice unit = slice_sub(text, 0, word_len > 0 ? word_len : 1);
        bool is_known = overlaps(&known, unit);
        char c = shown_as(unit.ptr[0]);
        struct slice shown = word_len > 0 ? unit : (struct slice){&c, 1};

        if (is_known)
            shown = is_masked ? SLICE_LIT("") : STARS; /* one that is of several words is one */
        else if (word_len > 0 && looks_secret(unit, after_bearer))
            shown = STARS;
        is_masked = is_known;
        after_bearer =
            word_len > 0 ? slice_eq_nocase(unit, SLICE_LIT("bearer")) : after_bearer && c == ' ';
        size_t n = shown.len < size - 1 - len ? shown.len : size - 1 - len;
        memcpy(out + len, shown.ptr, n);
        len += n;
        text = slice_sub(text, unit.len, text.len);
    }
    out[len] = '\0';
}

static struct known
known_in(struct slice text, struct slice secret)
{
    struct known known = {.secret = secret, .rest = text};

    if (secret.len > 0 && text.len > 0)
        known.at = memmem(text.ptr, text.len, secret.ptr, secret.len);
    return known;
}

/* Units are asked about from left to right: what ends before this one is done with. */
static bool
overlaps(struct known *known, struct slice unit)
{
    while (known->at != NULL && known->at + known->secret.len <= unit.ptr) {
        size_t done = (size_t)(known->at - known->rest.ptr) + known->secret.len;

        *known = known_in(slice_sub(known->rest, done, known->rest.len), known->secret);
    }
    return known->at != NULL && known->at < unit.ptr + unit.len;
}

static char
shown_as(char c)
{
    return c >= 0x20 && c < 0x7f ? c : '?';
}

static size_t
word_length(struct slice text)
{
    size_t n = 0;

    while (n < text.len && kinds[(unsigned char)text.ptr[n]] != KIND_OTHER)
        n++;
    return n;
}

static bool
is_alphanumeric(char c)
{
    return kinds[(unsigned char)c] == KIND_ALPHANUMERIC;
}

static bool
looks_secret(struct slice word, bool after_bearer)
{
    return after_bearer || slice_starts_with(word, SLICE_LIT("sk-")) ||
           slice_starts_with(word, SLICE_LIT("AIza")) ||
           (word.len >= LONG_RUN && has_long_run(word));
}

static bool
has_long_run(struct slice word)
{
    size_t run = 0;

    for (size_t i = 0; i < word.len; i++) {
        run = is_alphanumeric(word.ptr[i]) ? run + 1 : 0;
        if (run == LONG_RUN)
            return true;
    }
    return false;
}
