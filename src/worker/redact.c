/* SPDX-License-Identifier: ISC
 *
 * redact - word by word: a secret is one word of token characters.
 */
#include "redact.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define LONG_RUN 24 /* letters and digits in a row: no name of a model, no part of a UUID */

/* A table: every request's user agent and ids come through here, byte by byte. */
enum kind { KIND_OTHER, KIND_ALPHANUMERIC, KIND_JOINT };
static const uint8_t kinds[256] = {['0' ... '9'] = KIND_ALPHANUMERIC,
                                   ['A' ... 'Z'] = KIND_ALPHANUMERIC,
                                   ['a' ... 'z'] = KIND_ALPHANUMERIC,
                                   ['-'] = KIND_JOINT,
                                   ['_'] = KIND_JOINT};

static size_t word_length(struct slice text);
static bool is_alphanumeric(char c);
static bool has_long_run(struct slice word);
static bool looks_secret(struct slice word, bool after_bearer);

void
redact_copy(char *out, size_t size, struct slice text)
{
    bool after_bearer = false;
    size_t len = 0;

    assert(size > 0);
    while (text.len > 0 && len + 1 < size) {
        struct slice word = slice_sub(text, 0, word_length(text));

        if (word.len == 0) {
            unsigned char c = (unsigned char)text.ptr[0];
            out[len++] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
            after_bearer = after_bearer && c == ' ';
            text = slice_sub(text, 1, text.len);
            continue;
        }
        text = slice_sub(text, word.len, text.len);
        struct slice shown = looks_secret(word, after_bearer) ? SLICE_LIT("***") : word;
        size_t n = shown.len < size - 1 - len ? shown.len : size - 1 - len;
        memcpy(out + len, shown.ptr, n);
        len += n;
        after_bearer = word.len == 6 && slice_eq_nocase(word, SLICE_LIT("bearer"));
    }
    out[len] = '\0';
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
