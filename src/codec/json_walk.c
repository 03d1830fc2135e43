/* SPDX-License-Identifier: ISC */
#include "json_walk.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "json_skip.h"

#define COUNT_DIGITS 18 /* no number of so many overflows */

/* What may stand behind a number or a word. */
static const bool ends_scalar[256] = {
    ['\0' ... ' '] = true, [','] = true, [']'] = true, ['}'] = true};

static bool take_member(struct json_walk *walk, const char *value, struct json_member *out);
static const char *space_end(const char *p, const char *end);
static const char *string_end(const char *p, const char *end, bool *out_has_escape);
static const char *quote_or_escape(const char *p, const char *end);
static bool is_opening(char c);
static bool is_closing(char c);

/* A string with a colon behind it is a key: no need to remember what is open. */
bool
json_walk_next(struct json_walk *walk, struct json_member *out)
{
    const char *p = walk->p, *end = walk->end;

    for (; p < end; p++) {
        if (*p == ',') { /* mostly the only byte between two members */
            continue;
        } else if (*p == '"') {
            const char *quote = string_end(p + 1, end, &out->key_has_escape);
            const char *colon = quote == end ? end : space_end(quote + 1, end);

            if (colon != end && *colon == ':') {
                out->key = slice_of(p + 1, (size_t)(quote - p - 1));
                return take_member(walk, space_end(colon + 1, end), out);
            }
            p = quote;
        } else if (is_opening(*p)) {
            walk->depth++;
        } else if (is_closing(*p)) {
            walk->depth--;
        }
    }
    walk->p = end;
    return false;
}

static bool
take_member(struct json_walk *walk, const char *value, struct json_member *out)
{
    const char *end = walk->end, *p = value;
    bool has_escape;

    walk->p = end;
    if (value == end)
        return false;
    out->type = json_skip_type(*value);
    if (*value == '"') {
        p = string_end(value + 1, end, &has_escape);
        p += p != end;
    } else if (!is_opening(*value)) {
        while (p != end && !ends_scalar[(uint8_t)*p])
            p++;
    }
    walk->p = p;
    out->value = slice_of(value, is_opening(*value) ? 1 : (size_t)(p - value));
    return true;
}

bool
json_walk_count(struct json_walk *walk, struct slice name, int64_t *out)
{
    const char *p = walk->p;
    int64_t count = 0;

    /* With the name come a comma, quotes, a colon, at least a digit, and the byte behind it. */
    if (walk->end - p < (ptrdiff_t)name.len + 6 || (*p != ',' && *p != '{'))
        return false;
    const char *key = p + 2, *colon = key + name.len + 1, *digit = colon + 1;
    if (p[1] != '"' || colon[-1] != '"' || *colon != ':' || memcmp(key, name.ptr, name.len) != 0)
        return false;
    const char *last = walk->end - digit > COUNT_DIGITS ? digit + COUNT_DIGITS : walk->end - 1;
    for (; digit != last && (uint8_t)(*digit - '0') <= 9; digit++)
        count = count * 10 + (*digit - '0');
    if (digit == colon + 1 || (*digit != ',' && *digit != '}'))
        return false;
    walk->depth += *p == '{';
    walk->p = digit;
    *out = count;
    return true;
}

void
json_walk_over(struct json_walk *walk)
{
    const char *p = walk->p, *end = walk->end;
    unsigned open = 0;
    bool has_escape;

    if (p == end || !is_opening(*p))
        return;
    do {
        if (*p == '"')
            p = string_end(p + 1, end, &has_escape);
        else if (is_opening(*p))
            open++;
        else if (is_closing(*p))
            open--;
        p += p != end;
    } while (p != end && open > 0);
    walk->p = p;
}

/* With the scanner's steps: they pass over long texts in vectors. */
bool
json_walk_member(struct json_walk *walk, struct json_member *out)
{
    struct json_skip s = {.begin = walk->p, .end = walk->end};
    const char *p = json_skip_space(&s, walk->p), *value;

    walk->p = walk->end;
    if (p == s.end || (*p != '{' && *p != ','))
        return false;
    value = json_skip_key(&s, json_skip_space(&s, p + 1), out);
    if (value == NULL || (p = json_skip_value(&s, value, 1)) == NULL)
        return false;
    out->value = slice_of(value, (size_t)(p - value));
    out->type = json_skip_type(*value);
    walk->p = p;
    return true;
}

static inline const char *
space_end(const char *p, const char *end)
{
    while (p != end && (uint8_t)*p <= ' ')
        p++;
    return p;
}

/* The quote that closes the string text at p, or end. */
static inline const char *
string_end(const char *p, const char *end, bool *out_has_escape)
{
    *out_has_escape = false;
    while ((p = quote_or_escape(p, end)) != end && *p != '"') {
        *out_has_escape = true;
        p += end - p >= 2 ? 2 : 1;
    }
    return p;
}

static inline const char *
quote_or_escape(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)p);
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')),
                                    _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
        unsigned stops = (unsigned)_mm_movemask_epi8(stop);

        if (stops != 0)
            return p + __builtin_ctz(stops);
    }
#endif
    while (p != end && *p != '"' && *p != '\\')
        p++;
    return p;
}

static inline bool
is_opening(char c)
{
    return (c | 0x20) == '{';
}

static inline bool
is_closing(char c)
{
    return (c | 0x20) == '}';
}
