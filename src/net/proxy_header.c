/* SPDX-License-Identifier: ISC */
#include "proxy_header.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#define LINE_MAX_SIZE 107
#define V2_HEAD_SIZE  16

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
enum { V2_UNSPEC = 0x00, V2_TCP4 = 0x11, V2_TCP6 = 0x21, V2_UNIX_STREAM = 0x31 };

static const char v1_start[] = "PROXY ";
static const char v2_start[] = "\r\n\r\n\0\r\nQUIT\n";

static bool begins_like(struct slice bytes, struct slice start);
static enum proxy_header_verdict parse_line(struct slice bytes, struct proxy_header *out);
static bool parse_fields(struct slice line, struct proxy_header *out);
static struct slice next_field(struct slice *line);
static bool parse_address(struct slice text, int family, uint8_t out[16]);
static bool is_port(struct slice text);
static enum proxy_header_verdict parse_binary(struct slice bytes, struct proxy_header *out);

enum proxy_header_verdict
proxy_header_parse(struct slice bytes, struct proxy_header *out)
{
    if (begins_like(bytes, slice_of(v2_start, sizeof(v2_start) - 1)))
        return parse_binary(bytes, out);
    if (begins_like(bytes, slice_of(v1_start, sizeof(v1_start) - 1)))
        return parse_line(bytes, out);
    return PROXY_HEADER_BAD;
}

/* As far as both go. */
static bool
begins_like(struct slice bytes, struct slice start)
{
    size_t len = bytes.len < start.len ? bytes.len : start.len;

    return len == 0 || memcmp(bytes.ptr, start.ptr, len) == 0;
}

/* ---- version 1: "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n" ---- */

static enum proxy_header_verdict
parse_line(struct slice bytes, struct proxy_header *out)
{
    struct proxy_header header = {0};
    size_t len = bytes.len < LINE_MAX_SIZE ? bytes.len : LINE_MAX_SIZE;
    const char *end = len == 0 ? NULL : memchr(bytes.ptr, '\n', len);

    if (end == NULL)
        return len < LINE_MAX_SIZE ? PROXY_HEADER_INCOMPLETE : PROXY_HEADER_BAD;
    header.size = (size_t)(end - bytes.ptr) + 1;
    if (header.size < 2 || end[-1] != '\r')
        return PROXY_HEADER_BAD;
    if (!parse_fields(slice_sub(bytes, sizeof(v1_start) - 1, header.size - 2), &header))
        return PROXY_HEADER_BAD;
    *out = header;
    return PROXY_HEADER_OK;
}

static bool
parse_fields(struct slice line, struct proxy_header *out)
{
    struct slice family = next_field(&line);
    uint8_t destination[16];

    if (slice_eq_str(family, "UNKNOWN")) /* the rest of the line means nothing */
        return true;
    if (!slice_eq_str(family, "TCP4") && !slice_eq_str(family, "TCP6"))
        return false;
    int af = family.ptr[3] == '4' ? AF_INET : AF_INET6;
    out->address_len = af == AF_INET ? 4 : 16;
    return parse_address(next_field(&line), af, out->address) &&
           parse_address(next_field(&line), af, destination) && is_port(next_field(&line)) &&
           is_port(line);
}

/* Up to the next space, which goes with it. */
static struct slice
next_field(struct slice *line)
{
    const char *space = line->len == 0 ? NULL : memchr(line->ptr, ' ', line->len);
    size_t len = space == NULL ? line->len : (size_t)(space - line->ptr);
    struct slice field = slice_sub(*line, 0, len);

    *line = slice_sub(*line, space == NULL ? len : len + 1, line->len);
    return field;
}

static bool
parse_address(struct slice text, int family, uint8_t out[16])
{
    char copy[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, out) == 1;
}

static bool
is_port(struct slice text)
{
    unsigned n = 0;

    if (text.len == 0 || text.len > 5 || (text.ptr[0] == '0' && text.len > 1))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text.ptr[i] - '0');
    }
    return n <= UINT16_MAX;
}

/* ---- version 2 ---- */

static enum proxy_header_verdict
parse_binary(struct slice bytes, struct proxy_header *out)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    struct proxy_header header = {0};

    if (bytes.len < V2_HEAD_SIZE)
        return PROXY_HEADER_INCOMPLETE;
    size_t body_size = (size_t)at[14] << 8 | at[15];
    uint8_t command = at[12], family = at[13];

    header.size = V2_HEAD_SIZE + body_size;
    if ((command != V2_LOCAL && command != V2_PROXY) || header.size > PROXY_HEADER_MAX)
        return PROXY_HEADER_BAD;
    if (command == V2_PROXY && family == V2_TCP4)
        header.address_len = 4;
    else if (command == V2_PROXY && family == V2_TCP6)
        header.address_len = 16;
    else if (command == V2_PROXY && family != V2_UNSPEC && family != V2_UNIX_STREAM)
        return PROXY_HEADER_BAD;
    if (header.address_len > 0 && body_size < 2 * header.address_len + 4)
        return PROXY_HEADER_BAD;
    if (bytes.len < header.size)
        return PROXY_HEADER_INCOMPLETE;
    memcpy(header.address, at + V2_HEAD_SIZE, header.address_len);
    *out = header;
    return PROXY_HEADER_OK;
}
