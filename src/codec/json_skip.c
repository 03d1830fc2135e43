/* SPDX-License-Identifier: ISC */
#include "json_skip.h"

#include "utf8.h"

static unsigned last_stops(const struct json_skip *s, const char *p);
static const char *skip_plain(const struct json_skip *s, const char *p);
static const char *skip_escape(struct json_skip *s, const char *p);
static const char *skip_beyond_ascii(struct json_skip *s, const char *p);

const uint8_t json_skip_types[256] = {
    ['{'] = JSON_OBJECT, ['['] = JSON_ARRAY, ['"'] = JSON_STRING,         ['t'] = JSON_TRUE,
    ['f'] = JSON_FALSE,  ['n'] = JSON_NULL,  ['0' ... '9'] = JSON_NUMBER, ['-'] = JSON_NUMBER,
};

/* Byte by byte: how far an indented text is indented is foreseen by the CPU, which then need not
 * wait for what a vector finds. */
const char *
json_skip_spaces(const char *p, const char *end)
{
    while (p != end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

const char *
json_skip_last(const struct json_skip *s, const char *p)
{
    unsigned stops = last_stops(s, p);

    if (stops == 0)
        return NULL;
    p += (unsigned)__builtin_ctz(stops);
    return *p == '"' && p + 1 != s->end ? p : NULL;
}

/* For at most 16 bytes at the end of the text: no more than these may be read, so it is done in the
 * 16 that end with it. */
static inline unsigned
last_stops(const struct json_skip *s, const char *p)
{
#ifdef __SSE2__
    if (s->end - s->begin >= 16) {
        const char *block = s->end - 16;

        return json_simd_stops(block) >> (p - block);
    }
#else
    (void)s;
    (void)p;
#endif
    return 0;
}

const char *
json_skip_string(struct json_skip *s, const char *p)
{
    const char *start = p;

    for (;;) {
        p = skip_plain(s, p);
        if (p == s->end)
            return json_skip_fail(s, start - 1, "string without end");
        if (*p == '"')
            return p + 1;
        if (*p == '\\') {
            p = skip_escape(s, p);
        } else if (*p < 0) {
            p = skip_beyond_ascii(s, p);
        } else {
            return json_skip_fail(s, p, "control character in a string");
        }
        if (p == NULL)
            return NULL;
    }
}

/* To the first byte of string text that needs a closer look, or the end of all text. */
static inline const char *
skip_plain(const struct json_skip *s, const char *p)
{
    if (s->end - p > 32)
        p = json_simd_string(p, s->end);
#ifdef __SSE2__
    for (; s->end - p >= 16; p += 16) {
        unsigned stops = json_simd_stops(p);

        if (stops != 0)
            return p + (unsigned)__builtin_ctz(stops);
    }
#endif
    unsigned last = last_stops(s, p);
    if (last != 0)
        return p + (unsigned)__builtin_ctz(last);
    while (p != s->end && *p >= ' ' && *p != '"' && *p != '\\')
        p++;
    return p;
}

static const char *
skip_escape(struct json_skip *s, const char *p)
{
    size_t len;

    if (s->end - p >= 2 && json_simd_is_escape[(uint8_t)p[1]])
        return p + 2;
    if (s->end - p < 2 || p[1] != 'u' || json_skip_unicode(p, s->end, &len) < 0)
        return json_skip_fail(s, p, "invalid escape");
    return p + len;
}

static const char *
skip_beyond_ascii(struct json_skip *s, const char *p)
{
    while (p != s->end && *p < 0) {
        if (s->end - p >= 4 && utf8_is_three(p)) {
            p += 3;
            continue;
        }
        size_t len = utf8_length(p, s->end);

        if (len == 0)
            return json_skip_fail(s, p, "invalid UTF-8");
        p += len;
    }
    return p;
}

const char *
json_skip_fail(struct json_skip *s, const char *p, const char *reason)
{
    s->err = ERR_SYNTAX;
    s->error = (struct json_error){(size_t)(p - s->begin), reason};
    return NULL;
}
