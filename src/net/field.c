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

static const char *find_control(const char *at, const char *end);
static bool is_control(char c);
static size_t count_plain(struct slice s);
static bool is_blank(char c);
static const char *name_fault(struct slice line);
static void lower_word(char *at);

/* One pass: what ends the line is, but for a line that will be refused, its first control. */
enum field_state
field_next_line(struct slice *rest, struct field_line *out)
{
    if (rest->len == 0)
        return FIELD_LINE_INCOMPLETE;

    const char *end = rest->ptr + rest->len;
    const char *control = find_control(rest->ptr, end);
    bool is_crlf = end - control >= 2 && control[0] == '\r' && control[1] == '\n';
    const char *lf = is_crlf ? control + 1 : memchr(control, '\n', (size_t)(end - control));

    if (lf == NULL)
        return FIELD_LINE_INCOMPLETE;
    size_t len = (size_t)(lf - rest->ptr);
    if (len == 0 || lf[-1] != '\r')
        return FIELD_LINE_BAD;
    out->text = slice_sub(*rest, 0, len - 1);
    out->has_control = control < lf - 1;
    *rest = slice_sub(*rest, len + 1, rest->len);
    return FIELD_LINE_OK;
}

/* The first control character; the end if there is none. */
static const char *
find_control(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i last_low = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(0x7f);

    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_low), bytes);
        __m128i is_low_not_tab = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), is_low);
        int mask = _mm_movemask_epi8(_mm_or_si128(is_low_not_tab, _mm_cmpeq_epi8(bytes, del)));
        if (mask != 0)
            return at + __builtin_ctz((unsigned)mask);
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

const char *
field_parse(const struct field_line *line, struct http_header *out)
{
    struct slice text = line->text;
    size_t n = count_plain(text);

    while (n < text.len && is_token_char[(unsigned char)text.ptr[n]])
        n++;
    if (n == 0 || n == text.len || text.ptr[n] != ':')
        return name_fault(text);
    if (line->has_control) /* the name has none */
        return "a header value has a control character";

    const char *value = text.ptr + n + 1, *end = text.ptr + text.len;
    while (value < end && is_blank(*value))
        value++;
    while (value < end && is_blank(end[-1]))
        end--;
    *out = (struct http_header){slice_sub(text, 0, n), slice_of(value, (size_t)(end - value))};
    return NULL;
}

/* Letters and dashes at the start, which are all of most names: sixteen at a time, or too few. */
static size_t
count_plain(struct slice s)
{
    size_t n = 0;
#ifdef __SSE2__
    for (; s.len - n >= 16; n += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(s.ptr + n));
        __m128i small = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        __m128i is_letter = _mm_and_si128(_mm_cmpgt_epi8(small, _mm_set1_epi8('a' - 1)),
                                          _mm_cmplt_epi8(small, _mm_set1_epi8('z' + 1)));
        __m128i is_dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
        int mask = _mm_movemask_epi8(_mm_or_si128(is_letter, is_dash));
        if (mask != 0xffff)
            return n + (size_t)__builtin_ctz(~(unsigned)mask);
    }
#else
    (void)s;
#endif
    return n;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Of a line that does not begin with a token and a colon. */
static const char *
name_fault(struct slice line)
{
    if (line.len > 0 && is_blank(line.ptr[0]))
        return "a header line is folded";
    if (line.len == 0 || memchr(line.ptr, ':', line.len) == NULL)
        return "a header line has no colon";
    return "a header name has a character that is not allowed";
}

void
field_lower_token(char *token, size_t len)
{
    if (len < sizeof(uint64_t)) {
        for (size_t i = 0; i < len; i++)
            token[i] = (char)(token[i] >= 'A' && token[i] <= 'Z' ? token[i] | 0x20 : token[i]);
        return;
    }
    for (size_t i = 0; i < len - sizeof(uint64_t); i += sizeof(uint64_t))
        lower_word(token + i);
    lower_word(token + len - sizeof(uint64_t)); /* some of it for the second time */
}

/* Eight characters at once, none above 0x7f: the top bit of each tells whether it is a capital. */
static void
lower_word(char *at)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t word;

    memcpy(&word, at, sizeof word);
    uint64_t is_from_a = word + each * (0x80 - 'A');
    uint64_t is_past_z = word + each * (0x7f - 'Z');
    uint64_t is_capital = is_from_a & ~is_past_z & (each * 0x80);
    word |= is_capital >> 2; /* 0x80 >> 2 is the bit that makes a letter small */
    memcpy(at, &word, sizeof word);
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
