/* SPDX-License-Identifier: ISC */
#include "json_simd.h"

#include <assert.h>
#include <stdint.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

/* What is looked for: needles that end in the same byte, and the bytes before it. */
struct search {
    const struct slice *needles;
    size_t n;
    char last;
    char before[JSON_SIMD_NEEDLES];
};

typedef bool search_fn(struct slice text, const struct search *search);

static json_simd_skip string_first_use;
static search_fn contains_first_use;
static void choose(void);

json_simd_skip *json_simd_string = string_first_use;
static search_fn *contains = contains_first_use;

const bool json_simd_is_escape[256] = {['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
                                       ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true};

bool
json_simd_contains(struct slice text, const struct slice *needles, size_t n)
{
    struct search search = {.needles = needles, .n = n};

    assert(n >= 1 && n <= JSON_SIMD_NEEDLES);
    for (size_t i = 0; i < JSON_SIMD_NEEDLES; i++) {
        const struct slice needle = needles[i < n ? i : 0];

        search.last = needles[0].ptr[needles[0].len - 1];
        assert(needle.len >= 2 && needle.len <= 32 && needle.ptr[needle.len - 1] == search.last);
        search.before[i] = needle.ptr[needle.len - 2];
    }
    return contains(text, &search);
}

static const char *
string_first_use(const char *p, const char *end)
{
    choose();
    return json_simd_string(p, end);
}

static bool
contains_first_use(struct slice text, const struct search *search)
{
    choose();
    return contains(text, search);
}

/* Does a needle end at the byte behind `at` (which is its last but one)? */
static bool
ends_at(struct slice text, size_t at, const struct search *search)
{
    for (size_t i = 0; i < search->n; i++) {
        const struct slice needle = search->needles[i];
        size_t end = at + 2;

        if (text.ptr[at] == search->before[i] && end >= needle.len &&
            memcmp(text.ptr + end - needle.len, needle.ptr, needle.len) == 0)
            return true;
    }
    return false;
}

/* From `at` on, byte by byte: the end of a text, or all of it where there are no vectors. */
static bool
contains_slowly(struct slice text, size_t at, const struct search *search)
{
    for (; at + 1 < text.len; at++) {
        if (text.ptr[at + 1] == search->last && ends_at(text, at, search))
            return true;
    }
    return false;
}

#ifdef __SSE2__

/*
 * Walk the stops of one block of `size` bytes at p. Escapes of one letter are stepped over within
 * the block, because text of programs has one every few dozen bytes. NULL: nothing else stands in
 * the block and *p is moved behind it; the byte behind a backslash may be in the next one.
 */
static inline __attribute__((always_inline)) const char *
block_stop(const char **p, uint64_t stops, unsigned size)
{
    while (stops != 0) {
        unsigned i = (unsigned)__builtin_ctzll(stops);
        const char *at = *p + i;

        if (at[0] != '\\' || !json_simd_is_escape[(uint8_t)at[1]])
            return at;
        if (i == size - 1) {
            *p += size + 1;
            return NULL;
        }
        stops &= ~(UINT64_C(3) << i);
    }
    *p += size;
    return NULL;
}

static const char *
string_sse2(const char *p, const char *end)
{
    while (end - p > 16) {
        const char *at = block_stop(&p, json_simd_stops(p), 16);

        if (at != NULL)
            return at;
    }
    return p;
}

/* json_simd_stops() of 32 bytes. */
__attribute__((target("avx2"))) static inline uint64_t
stops_avx2(const char *p)
{
    __m256i x = _mm256_loadu_si256((const __m256i *)p);
    __m256i stop = _mm256_subs_epi8(x, _mm256_set1_epi8(' '));

    stop = _mm256_or_si256(stop, _mm256_cmpeq_epi8(x, _mm256_set1_epi8('"')));
    stop = _mm256_or_si256(stop, _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\\')));
    return (uint32_t)_mm256_movemask_epi8(stop);
}

__attribute__((target("avx2"))) static const char *
string_avx2(const char *p, const char *end)
{
    const char *at = NULL;

    while (at == NULL && end - p > 64)
        at = block_stop(&p, stops_avx2(p) | stops_avx2(p + 32) << 32, 64);
    if (at == NULL && end - p > 32)
        at = block_stop(&p, stops_avx2(p), 32);
    return at != NULL ? at : p;
}

/* Does a needle end at one of the marked places of the block at `from`? */
static inline __attribute__((always_inline)) bool
any_ends(struct slice text, size_t from, uint64_t marks, const struct search *search)
{
    for (; marks != 0; marks &= marks - 1) {
        if (ends_at(text, from + (size_t)__builtin_ctzll(marks), search))
            return true;
    }
    return false;
}

static bool
contains_sse2(struct slice text, const struct search *search)
{
    const __m128i last = _mm_set1_epi8(search->last), x = _mm_set1_epi8(search->before[0]);
    const __m128i y = _mm_set1_epi8(search->before[1]), z = _mm_set1_epi8(search->before[2]);
    size_t at = 0;

    for (; at + 17 <= text.len; at += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(text.ptr + at));
        __m128i b = _mm_loadu_si128((const __m128i *)(text.ptr + at + 1));
        __m128i before = _mm_or_si128(_mm_cmpeq_epi8(a, x), _mm_cmpeq_epi8(a, y));

        before = _mm_or_si128(before, _mm_cmpeq_epi8(a, z));
        before = _mm_and_si128(before, _mm_cmpeq_epi8(b, last));
        if (any_ends(text, at, (uint32_t)_mm_movemask_epi8(before), search))
            return true;
    }
    return contains_slowly(text, at, search);
}

/* Which of 64 bytes are that one? */
__attribute__((target("avx2"))) static inline uint64_t
equal_avx2(const char *p, __m256i byte)
{
    __m256i low = _mm256_loadu_si256((const __m256i *)p);
    __m256i high = _mm256_loadu_si256((const __m256i *)(p + 32));

    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, byte)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, byte)) << 32;
}

/* Of the 64 places from `at`. What is before is asked only where there is a last byte: long texts
 * have few quotes. */
__attribute__((target("avx2"))) static inline bool
block_contains(struct slice text, size_t at, const struct search *search)
{
    const char *p = text.ptr + at;
    uint64_t marks = equal_avx2(p + 1, _mm256_set1_epi8(search->last));

    if (marks == 0)
        return false;
    marks &= equal_avx2(p, _mm256_set1_epi8(search->before[0])) |
             equal_avx2(p, _mm256_set1_epi8(search->before[1])) |
             equal_avx2(p, _mm256_set1_epi8(search->before[2]));
    return any_ends(text, at, marks, search);
}

__attribute__((target("avx2"))) static bool
contains_avx2(struct slice text, const struct search *search)
{
    if (text.len < 65)
        return contains_slowly(text, 0, search);
    for (size_t at = 0; at < text.len - 65; at += 64) {
        if (block_contains(text, at, search))
            return true;
    }
    return block_contains(text, text.len - 65, search);
}

static void
choose(void)
{
    bool has_avx2 = __builtin_cpu_supports("avx2");

    json_simd_string = has_avx2 ? string_avx2 : string_sse2;
    contains = has_avx2 ? contains_avx2 : contains_sse2;
}

#else /* other machines: the scanner's own loop does all the work */

static const char *
string_none(const char *p, const char *end)
{
    (void)end;
    return p;
}

static bool
contains_none(struct slice text, const struct search *search)
{
    return contains_slowly(text, 0, search);
}

static void
choose(void)
{
    json_simd_string = string_none;
    contains = contains_none;
}

#endif
