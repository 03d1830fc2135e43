/* SPDX-License-Identifier: ISC */
#include "field.h"

#define LENGTH_DIGITS_MAX 18 /* below 2^63 */

/* RFC 9110 5.6.2 */
static const bool is_token_char[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true,  ['0' ... '9'] = true,
    ['!'] = true,         ['#' ... '\''] = true, /* # $ % & ' */
    ['*'] = true,         ['+'] = true,          ['-'] = true,
    ['.'] = true,         ['^' ... '`'] = true, /* ^ _ ` */
    ['|'] = true,         ['~'] = true,
};

static bool is_value(struct slice s);

enum field_line
field_next_line(struct slice *rest, struct slice *out_line)
{
    const char *lf = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);

    if (lf == NULL)
        return FIELD_LINE_INCOMPLETE;
    size_t len = (size_t)(lf - rest->ptr);
    if (len == 0 || lf[-1] != '\r')
        return FIELD_LINE_BAD;
    *out_line = slice_sub(*rest, 0, len - 1);
    *rest = slice_sub(*rest, len + 1, rest->len);
    return FIELD_LINE_OK;
}

const char *
field_parse(struct slice line, struct http_header *out)
{
    const char *colon = line.len == 0 ? NULL : memchr(line.ptr, ':', line.len);

    if (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
        return "a header line is folded";
    if (colon == NULL)
        return "a header line has no colon";

    struct slice name = slice_sub(line, 0, (size_t)(colon - line.ptr));
    struct slice value = slice_trim(slice_sub(line, name.len + 1, line.len));
    if (!field_is_token(name))
        return "a header name has a character that is not allowed";
    if (!is_value(value))
        return "a header value has a control character";
    *out = (struct http_header){name, value};
    return NULL;
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

/* Visible characters, spaces, tabs, and what is not ASCII. */
static bool
is_value(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}
