/* SPDX-License-Identifier: ISC
 *
 * json_skip - the scanner's steps, for json_value.c: each validates what it steps over.
 */
#ifndef CODEC_JSON_SKIP_H
#define CODEC_JSON_SKIP_H

#include "relayos/codec/json_scan.h"

struct json_skip {
    const char *begin, *end;
    int err; /* set with error when a step gives NULL */
    struct json_error error;
    bool may_have_escape; /* the string skipped last */
    bool has_escaped_key;
};

/* White space at p. */
static inline const char *
json_skip_space(const struct json_skip *s, const char *p)
{
    /* Nothing above a blank is space: most calls end at the first compare. */
    while (p != s->end && (uint8_t)*p <= ' ' &&
           (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* The value at p, inside `depth` containers. Byte behind it, or NULL. */
const char *json_skip_value(struct json_skip *s, const char *p, unsigned depth);
/* Key, colon and space at p: gives the key, returns where the value starts, or NULL. */
const char *json_skip_key(struct json_skip *s, const char *p, struct json_member *out);
enum json_type json_skip_type(char first);

/* Code point of the \u escape at p (two of them for a surrogate pair) and its bytes, or -1. */
int32_t json_skip_unicode(const char *p, const char *end, size_t *out_len);
/* Next code point of string text, *p moved behind it; -1 for what no valid string holds. */
int32_t json_skip_char(const char **p, const char *end);

#endif
