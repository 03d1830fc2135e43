/* SPDX-License-Identifier: ISC
 *
 * address - ranges of IP addresses, as operators write them: "10.0.0.0/8", "fd00::/8", "192.0.2.7".
 */
#ifndef RELAYOS_BASE_ADDRESS_H
#define RELAYOS_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/slice.h"

#define ADDRESS_RANGE_SIZE 52 /* of its text, NUL included */

struct sockaddr;

struct address_range {
    uint8_t bytes[16]; /* of IPv4 the first four */
    uint8_t n_bits;    /* how many of them are the same in the range */
    bool is_v6;
};

/* An address alone is a range of one. 0, or -1: not one, or bits are set behind the prefix. */
int address_range_parse(struct slice text, struct address_range *out);
void address_range_format(const struct address_range *range, char out[ADDRESS_RANGE_SIZE]);

/* len bytes of an address: 4 or 16. An IPv4 address is in no range of IPv6. */
bool address_range_has(const struct address_range *range, const uint8_t *bytes, size_t len);
/* The bytes of a socket's address; their number, 0 if it is no IP address. */
size_t address_bytes(const struct sockaddr *address, const uint8_t **out);
/* Its port; 0 if it is no IP address. */
uint16_t address_port(const struct sockaddr *address);

#endif
