/* SPDX-License-Identifier: ISC
 *
 * proxy_header - what a load balancer says before the client's first byte: the PROXY protocol,
 * versions 1 (a line of text) and 2 (binary). Pure: bytes in, a verdict out.
 *
 * Of version 2 the address blocks of TCP over IPv4 and IPv6 are read; LOCAL and UNSPEC are headers
 * without an address; TLVs are skipped. UDP and anything of another shape is bad.
 */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/base/slice.h"

#define PROXY_HEADER_MAX 4096 /* of both versions; the first has 107 at most */

enum proxy_header_verdict {
    PROXY_HEADER_OK,
    PROXY_HEADER_INCOMPLETE, /* so far it could become one */
    PROXY_HEADER_BAD
};

struct proxy_header {
    size_t size;        /* bytes of it; what follows is the client's */
    size_t address_len; /* 4 or 16; 0: it names none, the peer speaks for itself */
    uint8_t address[16];
};

enum proxy_header_verdict proxy_header_parse(struct slice bytes, struct proxy_header *out);

#endif
