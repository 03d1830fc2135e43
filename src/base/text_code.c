/* SPDX-License-Identifier: ISC
 *
 * text - the part of text.h that encodes: request ids, hex, base64url, base62.
 */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "relayos/base/text.h"

#define ID_RANDOM_SIZE 16 /* bytes that one id is made of; its time takes the place of some */

/* Random bytes in stock: a system call per id would cost five times as much as the rest of it. */
static struct {
    size_t n_left;
    bool is_watching_forks;
    uint8_t bytes[ID_RANDOM_SIZE * 256];
} pool;

static const uint8_t *pool_take(void);
static void pool_fill(void);
static void pool_drop(void);
#ifdef __SSE2__
static __m128i hex_digits(__m128i values);
#endif
static int hex_digit(char c);
static int base64url_digit(char c);

struct uuid
text_uuid_new(int64_t real_us)
{
    uint64_t ms = (uint64_t)real_us / 1000;
    uint64_t halves[2];
    struct uuid id;

    assert(real_us >= 0);
    memcpy(halves, pool_take(), sizeof(halves));
    halves[0] = htobe64(ms << 16 | 0x7000 | (halves[0] & 0x0fff));            /* version 7 */
    halves[1] = htobe64(UINT64_C(2) << 62 | (halves[1] & (UINT64_MAX >> 2))); /* variant 10 */
    memcpy(id.bytes, halves, sizeof(id.bytes));
    return id;
}

static const uint8_t *
pool_take(void)
{
    if (pool.n_left == 0)
        pool_fill();
    pool.n_left -= ID_RANDOM_SIZE;
    return pool.bytes + pool.n_left;
}

static void
pool_fill(void)
{
    if (!pool.is_watching_forks) {
        int failed = pthread_atfork(NULL, NULL, pool_drop);

        assert(!failed);
        pool.is_watching_forks = true;
    }
    while (pool.n_left < sizeof(pool.bytes)) {
        ssize_t n = getrandom(pool.bytes + pool.n_left, sizeof(pool.bytes) - pool.n_left, 0);

        assert(n > 0 || errno == EINTR);
        if (n > 0)
            pool.n_left += (size_t)n;
    }
}

/* A child that went on with its parent's stock would mint the parent's ids. */
static void
pool_drop(void)
{
    pool.n_left = 0;
}

void
text_uuid_format(struct uuid id, char out[TEXT_UUID_SIZE])
{
    char digits[32];

    text_uuid_hex(id, digits);
    memcpy(out, digits, 8);
    memcpy(out + 9, digits + 8, 4);
    memcpy(out + 14, digits + 12, 4);
    memcpy(out + 19, digits + 16, 4);
    memcpy(out + 24, digits + 20, 12);
    out[8] = out[13] = out[18] = out[23] = '-';
}

void
text_uuid_hex(struct uuid id, char out[32])
{
    text_hex(id.bytes, sizeof(id.bytes), out);
}

int
text_uuid_parse(struct slice s, struct uuid *out)
{
    char digits[32];
    size_t n = 0;

    if (s.len == 32)
        return text_hex_parse(s, out->bytes, sizeof(out->bytes));
    if (s.len != TEXT_UUID_SIZE)
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        bool is_dash_due = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash_due != (s.ptr[i] == '-'))
            return -1;
        if (!is_dash_due)
            digits[n++] = s.ptr[i];
    }
    return text_hex_parse(slice_of(digits, n), out->bytes, sizeof(out->bytes));
}

/* Each request's id is written several times: sixteen bytes at once. */
void
text_hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

#ifdef __SSE2__
    for (; len >= 16; len -= 16, bytes += 16, out += 32) {
        /* An id was stored in two words: one load of both would wait for the stores. */
        __m128i x = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)bytes),
                                       _mm_loadl_epi64((const __m128i *)(bytes + 8)));
        __m128i low = _mm_and_si128(x, _mm_set1_epi8(15));
        __m128i high = _mm_and_si128(_mm_srli_epi16(x, 4), _mm_set1_epi8(15));

        _mm_storeu_si128((__m128i *)out, hex_digits(_mm_unpacklo_epi8(high, low)));
        _mm_storeu_si128((__m128i *)(out + 16), hex_digits(_mm_unpackhi_epi8(high, low)));
    }
#endif
    for (; len > 0; len--, bytes++) {
        *out++ = digits[*bytes >> 4];
        *out++ = digits[*bytes & 15];
    }
}

#ifdef __SSE2__
static inline __m128i
hex_digits(__m128i values)
{
    __m128i is_letter = _mm_cmpgt_epi8(values, _mm_set1_epi8(9));
    __m128i digits = _mm_add_epi8(values, _mm_set1_epi8('0'));

    return _mm_add_epi8(digits, _mm_and_si128(is_letter, _mm_set1_epi8('a' - '0' - 10)));
}
#endif

int
text_hex_parse(struct slice s, uint8_t *out, size_t len)
{
    if (s.len != 2 * len)
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        if (hex_digit(s.ptr[i]) < 0)
            return -1;
    }
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(hex_digit(s.ptr[2 * i]) << 4 | hex_digit(s.ptr[2 * i + 1]));
    return 0;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void
text_base64url(struct slice bytes, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    int n_bits = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | (uint8_t)bytes.ptr[i];
        for (n_bits += 8; n_bits >= 6; n_bits -= 6)
            buf_append_byte(out, digits[bits >> (n_bits - 6) & 63]);
    }
    if (n_bits > 0)
        buf_append_byte(out, digits[bits << (6 - n_bits) & 63]);
}

long
text_base64url_parse(struct slice s, uint8_t *out, size_t size)
{
    uint32_t bits = 0;
    int n_bits = 0;
    size_t len = 0;

    if (s.len % 4 == 1 || s.len / 4 * 3 + (s.len % 4 * 3) / 4 > size)
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        int digit = base64url_digit(s.ptr[i]);

        if (digit < 0)
            return -1;
        bits = bits << 6 | (uint32_t)digit;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[len++] = (uint8_t)(bits >> n_bits);
        }
    }
    /* Left-over bits must be zero: one value, one spelling, or a seal could be respelled. */
    return (bits & ((1u << n_bits) - 1)) == 0 ? (long)len : -1;
}

static int
base64url_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

void
text_base62(const uint8_t *bytes, size_t len, char *out, size_t n)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t rest[32];
    unsigned any = 0;

    assert(len <= sizeof(rest));
    memcpy(rest, bytes, len);
    while (n > 0) {
        unsigned remainder = 0;

        for (size_t i = 0; i < len; i++) { /* long division by 62 */
            unsigned value = remainder << 8 | rest[i];

            rest[i] = (uint8_t)(value / 62);
            remainder = value % 62;
        }
        out[--n] = digits[remainder];
    }
    for (size_t i = 0; i < len; i++)
        any |= rest[i];
    assert(any == 0); /* n digits were too few for the number */
}
