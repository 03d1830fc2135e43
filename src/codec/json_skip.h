/* SPDX-License-Identifier: ISC
 *
 * json_skip - the scanner's steps: each validates what it steps over, gives the place behind it, or
 * NULL with the error set. Those that a short body consists of are inline.
 */
#ifndef CODEC_JSON_SKIP_H
#define CODEC_JSON_SKIP_H

#include "json_simd.h"
#include "relayos/codec/json_scan.h"

#define JSON_SKIP_INLINE inline __attribute__((always_inline))

struct json_skip {
    const char *begin, *end;
    int err; /* set with error when a step gives NULL */
    struct json_error error;
    bool has_escaped_key;
};

/* ---- json_skip.c ---- */

/* White space at p: mostly there is none, or a blank behind a colon or a comma. */
const char *json_skip_spaces(const char *p, const char *end);
static inline const char *
json_skip_space(const struct json_skip *s, const char *p)
{
    if (p == s->end || (uint8_t)*p > ' ')
        return p;
    if (*p == ' ' && p + 1 != s->end && (uint8_t)p[1] > ' ')
        return p + 1;
    return json_skip_spaces(p, s->end);
}

/* Type of a valid value by its first byte. */
extern const uint8_t json_skip_types[256];
static inline enum json_type
json_skip_type(char first)
{
    return (enum json_type)json_skip_types[(uint8_t)first];
}

/* String text from p, whatever is in it; the byte behind the closing quote. */
const char *json_skip_string(struct json_skip *s, const char *p);

/*
 * The closing quote of the string text at p if it comes within 32 bytes, nothing but plain text
 * before it and at least a byte behind it; else NULL. Nearly all keys and most values are such, and
 * what they cost is what a small body costs: hence no call and no loop over bytes for them.
 */
const char *json_skip_last(const struct json_skip *s, const char *p);
static JSON_SKIP_INLINE const char *
json_skip_short(const struct json_skip *s, const char *p)
{
#ifdef __SSE2__
    ptrdiff_t left = s->end - p;

    if (left < 17)
        return json_skip_last(s, p);
    unsigned stops = json_simd_stops(p);
    if (stops == 0 && left >= 34) {
        p += 16;
        stops = json_simd_stops(p);
    }
    if (stops == 0)
        return NULL;
    p += (unsigned)__builtin_ctz(stops);
    return *p == '"' ? p : NULL;
#else
    return json_skip_last(s, p);
#endif
}

/* Set the error; NULL. */
const char *json_skip_fail(struct json_skip *s, const char *p, const char *reason)
    __attribute__((cold));

/* ---- json_scan.c ---- */

/* The value at p, inside `depth` containers. */
const char *json_skip_value(struct json_skip *s, const char *p, unsigned depth);
/* Key, colon and space at p: gives the key. */
const char *json_skip_key(struct json_skip *s, const char *p, struct json_member *out);

/* ---- json_value.c ---- */

/* Code point of the \u escape at p (two of them for a surrogate pair) and its bytes, or -1. */
int32_t json_skip_unicode(const char *p, const char *end, size_t *out_len);
/* Next code point of string text, *p moved behind it; -1 for what no valid string holds. */
int32_t json_skip_char(const char **p, const char *end);

#endif
