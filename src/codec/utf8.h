/* SPDX-License-Identifier: ISC
 *
 * utf8 - one character at a time, by the table of RFC 3629 section 4.
 */
#ifndef CODEC_UTF8_H
#define CODEC_UTF8_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool
utf8_is_tail(char c)
{
    return (c & 0xC0) == 0x80;
}

/* Bytes of the well-formed character at p (1..4), or 0: overlong, surrogate, past U+10FFFF, cut. */
static inline size_t
utf8_length(const char *p, const char *end)
{
    const uint8_t *u = (const uint8_t *)p;
    size_t left = (size_t)(end - p);

    if (u[0] < 0x80)
        return 1;
    if (u[0] < 0xC2 || u[0] > 0xF4 || left < 2 || !utf8_is_tail(p[1]))
        return 0;
    if (u[0] < 0xE0)
        return 2;
    if (left < 3 || !utf8_is_tail(p[2]))
        return 0;
    if (u[0] < 0xF0) {
        bool is_overlong = u[0] == 0xE0 && u[1] < 0xA0;
        bool is_surrogate = u[0] == 0xED && u[1] > 0x9F;

        return is_overlong || is_surrogate ? 0 : 3;
    }
    if (left < 4 || !utf8_is_tail(p[3]) || (u[0] == 0xF0 && u[1] < 0x90) ||
        (u[0] == 0xF4 && u[1] > 0x8F))
        return 0;
    return 4;
}

/* Is there a well-formed character of three bytes at p, of which four can be read? One load. */
static inline bool
utf8_is_three(const char *p)
{
    uint32_t w;

    memcpy(&w, p, sizeof(w));
    w = le32toh(w);
    /* 1110xxxx 10xxxxxx 10xxxxxx; the five bits that must not be 00000 (overlong) or 11011. */
    uint32_t bits = w & 0x200F;
    return (w & 0xC0C0F0) == 0x8080E0 && bits != 0 && bits != 0x200D;
}

/* Code point of a character whose utf8_length() is n. */
static inline uint32_t
utf8_decode(const char *p, size_t n)
{
    const uint8_t *u = (const uint8_t *)p;

    if (n == 1)
        return u[0];
    uint32_t c = u[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (u[i] & 0x3F);
    return c;
}

/* Write a code point (not a surrogate, <= U+10FFFF); returns its bytes. */
static inline size_t
utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((0xF00u >> n) | c);
    return n;
}

#endif
