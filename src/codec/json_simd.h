/* SPDX-License-Identifier: ISC
 *
 * json_simd - the two loops over bytes that need the widest vectors the CPU has. Chosen at first
 * use; the codec's callers are single-threaded processes.
 */
#ifndef CODEC_JSON_SIMD_H
#define CODEC_JSON_SIMD_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "relayos/base/slice.h"

#ifdef __SSE2__
/*
 * Which of the 16 bytes at p are not plain string text: quotes, backslashes, control characters,
 * bytes past ASCII. The last two are below a blank as signed bytes: subtracting one with saturation
 * leaves them, and only them, with the sign that movemask gathers.
 */
static inline unsigned
json_simd_stops(const char *p)
{
    __m128i x = _mm_loadu_si128((const __m128i *)p);
    __m128i stop = _mm_subs_epi8(x, _mm_set1_epi8(' '));

    stop = _mm_or_si128(stop, _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
    stop = _mm_or_si128(stop, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
    return (unsigned)_mm_movemask_epi8(stop);
}
#endif

/*
 * Skip string text from p: plain bytes and two-byte escapes. Returns the first byte that needs a
 * closer look (closing quote, \u or bad escape, control character, byte past ASCII), or a place
 * near end from which the caller goes on by itself.
 */
typedef const char *json_simd_skip(const char *p, const char *end);
extern json_simd_skip *json_simd_string;

/*
 * Does text hold one of the needles (2..32 bytes each, at most JSON_SIMD_NEEDLES)? All must end in
 * the same byte: one pass looks for that and for the bytes before it.
 */
#define JSON_SIMD_NEEDLES 3
bool json_simd_contains(struct slice text, const struct slice *needles, size_t n);

/* True after a backslash for the escapes of one letter. */
extern const bool json_simd_is_escape[256];

#endif
