/* SPDX-License-Identifier: ISC
 *
 * text - see the header: numbers, money, durations and sizes. Ids and encodings: text_code.c.
 */
#include "relayos/base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define USD_NUSD     INT64_C(1000000000)
#define NEAREST_SIZE 64 /* longer words than this have no neighbours */

struct unit {
    const char *name;
    int64_t size;
};

/* Largest first: text_*_format() takes the first that divides. */
static const struct unit duration_units[] = {
    {"d", INT64_C(86400000000)},
    {"h", INT64_C(3600000000)},
    {"m", 60000000},
    {"s", 1000000},
    {"ms", 1000},
    {"us", 1},
};
static const struct unit size_units[] = {
    {"GiB", 1024 * 1024 * 1024}, {"MiB", 1024 * 1024}, {"KiB", 1024}, {"", 1}};

/* "00" to "99" */
static const char pairs[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static int digits_parse(struct slice *s, int64_t *out);
static struct slice usd_trim(struct slice s);
static int fraction_parse(struct slice s, int64_t *out_nusd);
static int amount_parse(struct slice s, const struct unit *units, size_t n, int64_t *out);
static void amount_format(int64_t amount, const struct unit *units, size_t n, char out[32]);
static size_t edit_distance(struct slice a, struct slice b);
static size_t min(size_t a, size_t b);

int
text_int_parse(struct slice s, int64_t *out)
{
    bool is_negative = s.len > 0 && s.ptr[0] == '-';
    int64_t value = 0;

    if (is_negative)
        s = slice_sub(s, 1, s.len);
    if (s.len == 0)
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        int digit = s.ptr[i] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return -1;
    }
    /* Gathered below zero, where INT64_MIN has its place. */
    if (!is_negative && __builtin_sub_overflow(0, value, &value))
        return -1;
    *out = value;
    return 0;
}

size_t
text_int_format(int64_t n, char out[TEXT_INT_SIZE])
{
    uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;
    char *end = out + (n < 0) + 1;

    if (rest < 10 && n >= 0) { /* many are */
        *out = (char)('0' + rest);
        return 1;
    }
    /* Its length first: each digit goes straight to its place. */
    for (uint64_t limit = 10; rest >= limit; limit *= 10)
        end++;
    *out = '-';

    char *at = end;

    for (; rest >= 100; rest /= 100)
        at = memcpy(at - 2, pairs + rest % 100 * 2, 2);
    if (rest >= 10)
        memcpy(at - 2, pairs + rest * 2, 2);
    else
        at[-1] = (char)('0' + rest);
    return (size_t)(end - out);
}

/* The digits s begins with, and s after them; -1 if there are none or too many. */
static int
digits_parse(struct slice *s, int64_t *out)
{
    size_t n = 0;

    while (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9')
        n++;
    if (text_int_parse(slice_sub(*s, 0, n), out) != 0)
        return -1;
    *s = slice_sub(*s, n, s->len);
    return 0;
}

int
text_usd_parse(struct slice s, int64_t *out_nusd)
{
    int64_t dollars, fraction_nusd = 0;

    s = usd_trim(s);
    if (digits_parse(&s, &dollars) != 0)
        return -1;
    if (s.len > 0 && (s.ptr[0] != '.' || fraction_parse(s, &fraction_nusd) != 0))
        return -1;
    if (__builtin_mul_overflow(dollars, USD_NUSD, &dollars) ||
        __builtin_add_overflow(dollars, fraction_nusd, &dollars))
        return -1;
    *out_nusd = dollars;
    return 0;
}

/* Without the "$" before or the "usd" behind, not both. */
static struct slice
usd_trim(struct slice s)
{
    if (s.len > 0 && s.ptr[0] == '$')
        return slice_sub(s, 1, s.len);
    if (s.len > 3 && slice_eq_nocase(slice_sub(s, s.len - 3, s.len), SLICE_LIT("usd")))
        return slice_trim(slice_sub(s, 0, s.len - 3));
    return s;
}

/* ".25" */
static int
fraction_parse(struct slice s, int64_t *out_nusd)
{
    int64_t unit_nusd = USD_NUSD;

    if (s.len < 2 || s.len > 10)
        return -1;
    *out_nusd = 0;
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return -1;
        unit_nusd /= 10;
        *out_nusd += (s.ptr[i] - '0') * unit_nusd;
    }
    return 0;
}

void
text_usd_format(int64_t nusd, char out[32])
{
    uint64_t amount = nusd < 0 ? -(uint64_t)nusd : (uint64_t)nusd;
    int len = snprintf(out, 32, "%s$%" PRIu64 ".%09" PRIu64, nusd < 0 ? "-" : "",
                       amount / (uint64_t)USD_NUSD, amount % (uint64_t)USD_NUSD);

    assert(len > 10 && len < 32);
    for (int n_zeros = 0; n_zeros < 7 && out[len - 1] == '0'; n_zeros++)
        out[--len] = '\0';
}

int
text_duration_parse(struct slice s, int64_t *out_us)
{
    if (slice_eq_str(s, "0")) {
        *out_us = 0;
        return 0;
    }
    return amount_parse(s, duration_units, N_OF(duration_units), out_us);
}

void
text_duration_format(int64_t us, char out[32])
{
    if (us == 0)
        snprintf(out, 32, "0s");
    else
        amount_format(us, duration_units, N_OF(duration_units), out);
}

int
text_size_parse(struct slice s, int64_t *out_bytes)
{
    return amount_parse(s, size_units, N_OF(size_units), out_bytes);
}

void
text_size_format(int64_t bytes, char out[32])
{
    if (bytes == 0)
        snprintf(out, 32, "0");
    else
        amount_format(bytes, size_units, N_OF(size_units), out);
}

static int
amount_parse(struct slice s, const struct unit *units, size_t n, int64_t *out)
{
    int64_t count, amount;

    if (digits_parse(&s, &count) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!slice_eq_str(s, units[i].name))
            continue;
        if (__builtin_mul_overflow(count, units[i].size, &amount))
            return -1;
        *out = amount;
        return 0;
    }
    return -1;
}

static void
amount_format(int64_t amount, const struct unit *units, size_t n, char out[32])
{
    assert(units[n - 1].size == 1);

    while (amount % units->size != 0)
        units++;
    snprintf(out, 32, "%" PRId64 "%s", amount / units->size, units->name);
}

size_t
text_characters(struct slice s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

void
text_count_format(int64_t n, char out[32])
{
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%" PRId64, n);
    int first = digits[0] == '-';
    char *at = out;

    for (int i = 0; i < len; i++) {
        if (i > first && (len - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
}

const char *
text_nearest(struct slice word, const char *const *names, size_t n)
{
    const char *nearest = NULL;
    size_t best = (word.len < 6 ? 1 : word.len / 3) + 1; /* as far as this is another word */

    if (word.len == 0 || word.len >= NEAREST_SIZE)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t distance = edit_distance(word, slice_str(names[i]));

        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    /* "key" is far from "key_file", but a beginning of it. */
    for (size_t i = 0; i < n && nearest == NULL && word.len > 2; i++) {
        if (slice_starts_with(slice_str(names[i]), word))
            nearest = names[i];
    }
    return nearest;
}

/*
 * Optimal string alignment: an insertion, a deletion, a change or a swap of neighbours costs one.
 * Row i of the matrix needs the two rows before it only. Long words are far from everything.
 */
static size_t
edit_distance(struct slice a, struct slice b)
{
    size_t rows[3][NEAREST_SIZE];

    if (b.len >= NEAREST_SIZE)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool is_swap =
                i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1];

            row[j] =
                min(above[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]), min(above[j], row[j - 1]) + 1);
            if (is_swap)
                row[j] = min(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

static size_t
min(size_t a, size_t b)
{
    return a < b ? a : b;
}
