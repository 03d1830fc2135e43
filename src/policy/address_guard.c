/* SPDX-License-Identifier: ISC
 *
 * address_guard - the special-purpose address registries of IANA (RFC 6890), as of 2026. Of IPv6
 * only 2000::/3 was ever given out: all else is not public without being listed.
 */
#include "relayos/policy/address_guard.h"

#include <assert.h>
#include <string.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct address_range special_v4[] = {
    {{0}, 8, false},             /* this network */
    {{10}, 8, false},            /* private */
    {{100, 64}, 10, false},      /* shared, of carriers */
    {{127}, 8, false},           /* loopback */
    {{169, 254}, 16, false},     /* link-local */
    {{172, 16}, 12, false},      /* private */
    {{192, 0, 0}, 24, false},    /* protocol assignments */
    {{192, 0, 2}, 24, false},    /* documentation */
    {{192, 31, 196}, 24, false}, /* AS112 */
    {{192, 52, 193}, 24, false}, /* AMT */
    {{192, 88, 99}, 24, false},  /* 6to4 relays */
    {{192, 168}, 16, false},     /* private */
    {{192, 175, 48}, 24, false}, /* AS112 */
    {{198, 18}, 15, false},      /* benchmarks */
    {{198, 51, 100}, 24, false}, /* documentation */
    {{203, 0, 113}, 24, false},  /* documentation */
    {{224}, 4, false},           /* multicast */
    {{240}, 4, false},           /* reserved, broadcast */
};

static const struct address_range global_v6 = {{0x20}, 3, true};
static const struct address_range special_v6[] = {
    {{0x20, 0x01}, 23, true},                         /* protocol assignments, Teredo, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, true},             /* documentation */
    {{0x20, 0x02}, 16, true},                         /* 6to4 */
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48, true}, /* AS112 */
    {{0x3f, 0xff}, 20, true},                         /* documentation */
};
/* What a translator on the way turns into IPv4: the last four bytes are where it goes. */
static const struct address_range nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96, true};
/* So it is with what our own kernel takes for IPv4. */
static const struct address_range mapped = {{[10] = 0xff, 0xff}, 96, true};

static const struct address_range metadata[] = {
    {{169, 254, 169, 254}, 32, false}, /* AWS, Azure, Google and others */
    {{169, 254, 170, 2}, 32, false},   /* AWS, of containers */
    {{169, 254, 170, 23}, 32, false},
    {{168, 63, 129, 16}, 32, false},   /* Azure's platform; a public address */
    {{192, 0, 0, 192}, 32, false},     /* Oracle */
    {{100, 100, 100, 200}, 32, false}, /* Alibaba */
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, true},
    {{0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, true},
};

static bool is_shut(const struct address_guard *guard, const uint8_t *bytes, size_t len);
static bool is_public(const uint8_t *bytes, size_t len);
static bool is_in(const struct address_range *ranges, size_t n, const uint8_t *bytes, size_t len);

bool
address_guard_allows(const struct address_guard *guard, const struct sockaddr *address, bool is_tls)
{
    const uint8_t *bytes;
    const size_t len = address_bytes(address, &bytes);
    const uint16_t port = address_port(address);

    if (len == 0 || is_shut(guard, bytes, len))
        return false;
    if (is_in(guard->allow, guard->n_allow, bytes, len))
        return true;
    if (!is_public(bytes, len))
        return false;
    return is_tls ? port == 443 : guard->allows_plain && port == 80;
}

static bool
is_shut(const struct address_guard *guard, const uint8_t *bytes, size_t len)
{
    if (address_range_has(&nat64, bytes, len) || address_range_has(&mapped, bytes, len))
        return is_shut(guard, bytes + 12, 4) || is_in(guard->deny, guard->n_deny, bytes, len);
    return is_in(metadata, N(metadata), bytes, len) ||
           is_in(guard->deny, guard->n_deny, bytes, len);
}

/* Globally reachable unicast; embedded IPv4 is judged as what it is. */
static bool
is_public(const uint8_t *bytes, size_t len)
{
    assert(len == 4 || len == 16);
    if (len == 16 && address_range_has(&nat64, bytes, len))
        return is_public(bytes + 12, 4) && !is_in(metadata, N(metadata), bytes + 12, 4);
    if (len == 16)
        return address_range_has(&global_v6, bytes, len) &&
               !is_in(special_v6, N(special_v6), bytes, len);
    return !is_in(special_v4, N(special_v4), bytes, len);
}

bool
address_guard_takes_name(struct slice host)
{
    static const char *const ends[] = {"localhost", "metadata.google.internal", "metadata.goog",
                                       "instance-data.ec2.internal", "metadata.azure.internal"};

    for (size_t i = 0; i < N(ends); i++) {
        struct slice end = slice_str(ends[i]);
        size_t before = host.len - end.len;

        if (host.len >= end.len && slice_eq(slice_sub(host, before, host.len), end) &&
            (before == 0 || host.ptr[before - 1] == '.'))
            return false;
    }
    return true;
}

static bool
is_in(const struct address_range *ranges, size_t n, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (address_range_has(&ranges[i], bytes, len))
            return true;
    return false;
}
