/* SPDX-License-Identifier: ISC */
#include "embedding_vector.h"

#include <assert.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "relayos/base/text.h"
#include "relayos/codec/json_scan.h"

#define EXACT_POWER 22                  /* 10^22 is the last that a double holds exactly */
#define EXACT_INT   (UINT64_C(1) << 53) /* and so are the integers below */
#define HALF_ULP    (UINT64_C(1) << 28) /* of a float, in the bits that a double has more */
#define ULP_MASK    ((UINT64_C(1) << 29) - 1)
#define NUMBER_SIZE 32

static const char *read_number(const char *p, float *out);
static bool read_quickly(const char **p, float *out);
static bool is_exact(double value);
static locale_t plain_locale(void);
static void append_base64(struct slice bytes, struct buf *out);
static int append_numbers(struct slice bytes, struct buf *out);

/* ---- numbers -> bytes ---- */

int
embedding_vector_pack(struct slice numbers, struct buf *out)
{
    const char *p = numbers.ptr + 1, *end = numbers.ptr + numbers.len - 1;
    struct buf bytes;
    int err = 0;

    buf_init(&bytes, 2 * numbers.len + sizeof(float)); /* a number has a digit and a comma */
    while (p < end && err == 0) {
        float number;

        if (*p == ',' || *p <= ' ') {
            p++;
            continue;
        }
        number = NAN;
        if (*p == '-' || (*p >= '0' && *p <= '9'))
            p = read_number(p, &number);
        err = isfinite(number) ? 0 : ERR_SYNTAX;
        buf_append(&bytes, &number, sizeof(number));
    }
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "as they lie in memory");
    if (err == 0)
        append_base64(buf_slice(&bytes), out);
    buf_fini(&bytes);
    return err;
}

/* At p stands a number and behind it a comma, a bracket or space. Gives its end. */
static const char *
read_number(const char *p, float *out)
{
    char *end;

    if (read_quickly(&p, out))
        return p;
    *out = strtof_l(p, &end, plain_locale());
    return end;
}

/*
 * A quotient or product of two exact doubles is rounded correctly, and rounding it once more, to a
 * float, does no harm unless it lies exactly in the middle of two.
 */
static bool
read_quickly(const char **text, float *out)
{
    static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *p = *text;
    bool is_negative = *p == '-', is_fraction = false;
    uint64_t digits = 0;
    int n_fraction = 0;

    for (p += is_negative; (*p >= '0' && *p <= '9') || (*p == '.' && !is_fraction); p++) {
        if (*p == '.') {
            is_fraction = true;
            continue;
        }
        digits = digits * 10 + (uint64_t)(*p - '0');
        n_fraction += is_fraction;
        if (digits >= EXACT_INT || n_fraction > EXACT_POWER)
            return false;
    }
    double value = (double)digits / powers[n_fraction];
    if (*p == 'e' || *p == 'E' || !is_exact(value))
        return false;
    *out = (float)(is_negative ? -value : value);
    *text = p;
    return true;
}

static bool
is_exact(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return value == 0 || (value >= FLT_MIN && value <= FLT_MAX && (bits & ULP_MASK) != HALF_ULP);
}

/* In others a number may have a comma. */
static locale_t
plain_locale(void)
{
    static locale_t locale;

    if (locale == NULL)
        locale = newlocale(LC_ALL_MASK, "C", NULL);
    return locale;
}

/* With padding and the letters of the old alphabet. */
static void
append_base64(struct slice bytes, struct buf *out)
{
    buf_append_byte(out, '"');
    size_t from = out->len;
    text_base64url(bytes, out);
    for (size_t i = from; i < out->len; i++)
        out->ptr[i] = out->ptr[i] == '-' ? '+' : out->ptr[i] == '_' ? '/' : out->ptr[i];
    buf_append(out, "==", (3 - bytes.len % 3) % 3);
    buf_append_byte(out, '"');
}

/* ---- bytes -> numbers ---- */

int
embedding_vector_unpack(struct slice string, struct buf *out)
{
    struct buf text;

    buf_init(&text, string.len);
    int err = json_string_decode(string, &text);
    while (text.len > 0 && text.ptr[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++)
        text.ptr[i] = text.ptr[i] == '+' ? '-' : text.ptr[i] == '/' ? '_' : text.ptr[i];
    /* In place: what is read is longer than what is written. */
    long len = err != 0 || text.len == 0
                   ? 0
                   : text_base64url_parse(buf_slice(&text), (uint8_t *)text.ptr, text.len);
    if (err == 0)
        err = len < 0 ? ERR_SYNTAX : append_numbers(slice_of(text.ptr, (size_t)len), out);
    buf_fini(&text);
    return err;
}

/* Nine digits tell a float from all others. */
static int
append_numbers(struct slice bytes, struct buf *out)
{
    locale_t before = uselocale(plain_locale());
    int err = bytes.len % sizeof(float) == 0 ? 0 : ERR_SYNTAX;

    buf_append_byte(out, '[');
    for (size_t i = 0; i < bytes.len && err == 0; i += sizeof(float)) {
        char number[NUMBER_SIZE];
        float value;

        memcpy(&value, bytes.ptr + i, sizeof(value));
        err = isfinite(value) ? 0 : ERR_SYNTAX;
        snprintf(number, sizeof(number), "%s%.9g", i == 0 ? "" : ",", (double)value);
        buf_append_str(out, number);
    }
    buf_append_byte(out, ']');
    uselocale(before);
    return err;
}
