/* SPDX-License-Identifier: ISC */
#include "relayos/base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "relayos/base/text.h"

static bool parse_bits(struct slice text, uint8_t max, uint8_t *out);
static bool ends_in_zeros(const struct address_range *range, size_t len);

int
address_range_parse(struct slice text, struct address_range *out)
{
    const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
    struct slice host = slash == NULL ? text : slice_sub(text, 0, (size_t)(slash - text.ptr));
    struct address_range range = {0};
    char address[INET6_ADDRSTRLEN];

    if (host.len == 0 || host.len >= sizeof(address))
        return -1;
    memcpy(address, host.ptr, host.len);
    address[host.len] = '\0';
    range.is_v6 = memchr(host.ptr, ':', host.len) != NULL;

    const size_t len = range.is_v6 ? 16 : 4;

    range.n_bits = (uint8_t)(8 * len);
    if (inet_pton(range.is_v6 ? AF_INET6 : AF_INET, address, range.bytes) != 1)
        return -1;
    if (slash != NULL &&
        !parse_bits(slice_sub(text, host.len + 1, text.len), range.n_bits, &range.n_bits))
        return -1;
    if (!ends_in_zeros(&range, len))
        return -1;
    *out = range;
    return 0;
}

static bool
parse_bits(struct slice text, uint8_t max, uint8_t *out)
{
    int64_t n;

    if (text.len > 3 || text_int_parse(text, &n) != 0 || n < 0 || n > max)
        return false;
    *out = (uint8_t)n;
    return true;
}

/* "10.1.0.0/8" is a slip: of which network? */
static bool
ends_in_zeros(const struct address_range *range, size_t len)
{
    for (size_t bit = range->n_bits; bit < 8 * len; bit++)
        if ((range->bytes[bit / 8] >> (7 - bit % 8) & 1) != 0)
            return false;
    return true;
}

void
address_range_format(const struct address_range *range, char out[ADDRESS_RANGE_SIZE])
{
    char address[INET6_ADDRSTRLEN];

    inet_ntop(range->is_v6 ? AF_INET6 : AF_INET, range->bytes, address, sizeof(address));
    snprintf(out, ADDRESS_RANGE_SIZE, "%s/%u", address, range->n_bits);
}

bool
address_range_has(const struct address_range *range, const uint8_t *bytes, size_t len)
{
    const size_t n_whole = range->n_bits / 8;
    const unsigned n_rest = range->n_bits % 8;

    if (len != (range->is_v6 ? 16 : 4) || memcmp(range->bytes, bytes, n_whole) != 0)
        return false;
    return n_rest == 0 || (range->bytes[n_whole] ^ bytes[n_whole]) >> (8 - n_rest) == 0;
}

size_t
address_bytes(const struct sockaddr *address, const uint8_t **out)
{
    switch (address->sa_family) {
    case AF_INET:
        *out = (const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr;
        return 4;
    case AF_INET6:
        *out = (const uint8_t *)&((const struct sockaddr_in6 *)address)->sin6_addr;
        return 16;
    default:
        return 0;
    }
}

uint16_t
address_port(const struct sockaddr *address)
{
    switch (address->sa_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)address)->sin_port);
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    default:
        return 0;
    }
}
