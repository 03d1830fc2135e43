/* SPDX-License-Identifier: ISC */
#include "forwarded.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define HOPS_MAX 32

struct address {
    uint8_t bytes[16];
    size_t len; /* 4, 16; 0: none */
};

static struct address parse(struct slice text);
static struct slice without_port(struct slice text);
static bool is_trusted(const struct server_networks *trusted, const struct address *address);
static struct slice take_last(struct slice *list);

bool
forwarded_find(const struct server_networks *trusted, const char *peer,
               const struct http_header *headers, size_t n_headers,
               char out[FORWARDED_ADDRESS_SIZE])
{
    struct address at = parse(slice_str(peer));
    int n_hops = 0;

    snprintf(out, FORWARDED_ADDRESS_SIZE, "%s", peer);
    if (!is_trusted(trusted, &at))
        return false;
    for (size_t i = n_headers; i-- > 0;) {
        struct slice list = headers[i].value;

        if (!slice_eq_str(headers[i].name, "x-forwarded-for"))
            continue;
        while (list.len > 0) {
            at = parse(slice_trim(take_last(&list)));
            if (at.len == 0 || ++n_hops > HOPS_MAX) /* the last that could be read stands */
                return true;
            inet_ntop(at.len == 4 ? AF_INET : AF_INET6, at.bytes, out, FORWARDED_ADDRESS_SIZE);
            if (!is_trusted(trusted, &at))
                return true;
        }
    }
    return true;
}

static struct address
parse(struct slice text)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct slice host = without_port(text);
    struct address address = {.len = 0};
    char copy[INET6_ADDRSTRLEN];

    if (host.len == 0 || host.len >= sizeof(copy) || memchr(host.ptr, '\0', host.len) != NULL)
        return address;
    memcpy(copy, host.ptr, host.len);
    copy[host.len] = '\0';
    if (inet_pton(AF_INET, copy, address.bytes) == 1)
        address.len = 4;
    else if (inet_pton(AF_INET6, copy, address.bytes) == 1)
        address.len = 16;
    if (address.len == 16 && memcmp(address.bytes, mapped, sizeof(mapped)) == 0) {
        memmove(address.bytes, address.bytes + sizeof(mapped), 4);
        address.len = 4;
    }
    return address;
}

/* "192.0.2.7:4711" and "[2001:db8::1]:4711" are written by some. */
static struct slice
without_port(struct slice text)
{
    const char *end;

    if (text.len > 0 && text.ptr[0] == '[') {
        end = memchr(text.ptr, ']', text.len);
        return end == NULL ? text : slice_sub(text, 1, (size_t)(end - text.ptr));
    }
    end = text.len == 0 ? NULL : memchr(text.ptr, ':', text.len);
    if (end == NULL || memchr(end + 1, ':', text.len - (size_t)(end + 1 - text.ptr)) != NULL)
        return text;
    return slice_sub(text, 0, (size_t)(end - text.ptr));
}

static bool
is_trusted(const struct server_networks *trusted, const struct address *address)
{
    if (address->len == 0)
        return trusted->has_local;
    for (uint32_t i = 0; i < trusted->n; i++) {
        if (address_range_has(&trusted->ranges[i], address->bytes, address->len))
            return true;
    }
    return false;
}

static struct slice
take_last(struct slice *list)
{
    const char *comma = memrchr(list->ptr, ',', list->len);
    size_t start = comma == NULL ? 0 : (size_t)(comma - list->ptr) + 1;
    struct slice last = slice_sub(*list, start, list->len);

    *list = slice_sub(*list, 0, comma == NULL ? 0 : start - 1);
    return last;
}
