/* SPDX-License-Identifier: ISC */
#include "field.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define LENGTH_DIGITS_MAX 18 /* below 2^63 */

/* RFC 9110 5.6.2 */
static const bool is_token_char[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true,  ['0' ... '9'] = true,
    ['!'] = true,         ['#' ... '\''] = true, /* # $ % & ' */
    ['*'] = true,         ['+'] = true,          ['-'] = true,
    ['.'] = true,         ['^' ... '`'] = true, /* ^ _ ` */
    ['|'] = true,         ['~'] = true,
};

static enum field_state next(struct slice *rest, struct http_header *out, const char **reason);
static const char *small_end(const char *at, const char *end);
static char *lower_token(char *at, const char *end);
static char lower(char c);
static const char *find_control(const char *at, const char *end);
static bool is_control(char c);
static bool is_blank(char c);
static enum field_state without_field(struct slice *rest, const char **reason)
    __attribute__((cold, noinline));
static const char *fault_of(struct slice line);

enum field_state
field_next_line(struct slice *rest, struct slice *out)
{
    const char *lf = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);

    if (lf == NULL)
        return FIELD_INCOMPLETE;
    size_t len = (size_t)(lf - rest->ptr);
    if (len == 0 || lf[-1] != '\r')
        return FIELD_BAD;
    *out = slice_sub(*rest, 0, len - 1);
    *rest = slice_sub(*rest, len + 1, rest->len);
    return len == 1 ? FIELD_END : FIELD_OK;
}

enum field_state
field_read(struct slice *rest, struct http_header *out, size_t max, size_t *out_n,
           const char **reason)
{
    struct slice left = *rest;
    struct http_header one_more;
    enum field_state state;
    size_t n = 0;

    while ((state = next(&left, n < max ? &out[n] : &one_more, reason)) == FIELD_OK && n < max)
        n++;
    *rest = left;
    *out_n = n;
    return state;
}

/* One pass over what is as it should be; why something is not is found out afterwards. */
static enum field_state
next(struct slice *rest, struct http_header *out, const char **reason)
{
    const char *name = rest->ptr, *end = name + rest->len;
    const char *colon = small_end(name, end);

    if (colon == end || *colon != ':')
        colon = lower_token((char *)colon, end);
    if (colon == name || colon == end || *colon != ':')
        return without_field(rest, reason);
    const char *value = colon + 1;
    const char *stop = find_control(value, end);
    if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n')
        return without_field(rest, reason);
    *rest = slice_of(stop + 2, (size_t)(end - stop - 2));
    while (value < stop && is_blank(*value))
        value++;
    while (value < stop && is_blank(stop[-1]))
        stop--;
    out->name = slice_of(name, (size_t)(colon - name));
    out->value = slice_of(value, (size_t)(stop - value));
    return FIELD_OK;
}

/*
 * Over small letters and dashes, which most names consist of. lower_token() would get there too,
 * but writes: a load that overlaps bytes just written waits for them, and the value is loaded next.
 */
static inline const char *
small_end(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i of_alphabet = _mm_sub_epi8(bytes, _mm_set1_epi8('a'));
        __m128i last = _mm_min_epu8(of_alphabet, _mm_set1_epi8('z' - 'a'));
        __m128i is_dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
        __m128i is_small = _mm_or_si128(_mm_cmpeq_epi8(of_alphabet, last), is_dash);
        unsigned others = (unsigned)_mm_movemask_epi8(is_small) ^ 0xffff;

        if (others != 0)
            return at + __builtin_ctz(others);
    }
#else
    (void)end;
#endif
    return at;
}

/*
 * Over the token characters from here on. Most names are letters and dashes, and taken sixteen at a
 * time: a bit makes the letters small and is in the dash already. What stands behind them in the
 * same sixteen bytes stays as it is.
 */
static char *
lower_token(char *at, const char *end)
{
#ifdef __SSE2__
    static const char bits[32] = "                "; /* sixteen times 0x20, then zeros */
    const char *none = bits + 16;

    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((__m128i *)at);
        __m128i small = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        __m128i of_alphabet = _mm_sub_epi8(small, _mm_set1_epi8('a'));
        __m128i last = _mm_min_epu8(of_alphabet, _mm_set1_epi8('z' - 'a'));
        __m128i is_letter = _mm_cmpeq_epi8(of_alphabet, last);
        __m128i is_dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(is_letter, is_dash));
        size_t n = (size_t)__builtin_ctz(~mask); /* 16: all */
        __m128i bit = _mm_loadu_si128((const __m128i *)(none - n));
        _mm_storeu_si128((__m128i *)at, _mm_or_si128(bytes, bit));
        if (n < 16) {
            at += n;
            if (*at == ':') /* nearly always */
                return at;
            break;
        }
    }
#endif
    for (; at < end && is_token_char[(unsigned char)*at]; at++)
        *at = lower(*at);
    return at;
}

static char
lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* The first control character; the end if there is none. A tab is none, but rare enough. */
static inline const char *
find_control(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        __m128i is_del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(is_low, is_del));

        for (; mask != 0; mask &= mask - 1) {
            const char *found = at + __builtin_ctz(mask);
            if (*found != '\t')
                return found;
        }
    }
#endif
    while (at < end && !is_control(*at))
        at++;
    return at;
}

/* Not visible, space, tab, or what is not ASCII. */
static bool
is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* Space or tab, where there is no other control character. */
static bool
is_blank(char c)
{
    return (unsigned char)c <= ' ';
}

/* The empty line, part of a line, or a whole one that is no header. */
static enum field_state
without_field(struct slice *rest, const char **reason)
{
    struct slice line;
    enum field_state state = field_next_line(rest, &line);

    if (state == FIELD_BAD)
        *reason = "a line ends without CR";
    if (state != FIELD_OK)
        return state;
    *reason = fault_of(line);
    return FIELD_BAD;
}

static const char *
fault_of(struct slice line)
{
    const char *colon = memchr(line.ptr, ':', line.len);

    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return "a header line is folded";
    if (colon == NULL)
        return "a header line has no colon";
    if (!field_is_token(slice_of(line.ptr, (size_t)(colon - line.ptr))))
        return "a header name has a character that is not allowed";
    return "a header value has a control character";
}

bool
field_is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_token_char[(unsigned char)s.ptr[i]])
            return false;
    }
    return s.len > 0;
}

int64_t
field_parse_length(struct slice s)
{
    int64_t n = 0;

    if (s.len == 0 || s.len > LENGTH_DIGITS_MAX)
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return -1;
        n = n * 10 + (s.ptr[i] - '0');
    }
    return n;
}
