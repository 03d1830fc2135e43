/* SPDX-License-Identifier: ISC
 *
 * forwarded - who the client is where proxies stand before us. Of X-Forwarded-For the rightmost
 * address counts that is not one of the trusted proxies' own: what is left of it anybody can write.
 */
#ifndef NET_FORWARDED_H
#define NET_FORWARDED_H

#include "relayos/net/server.h"

#define FORWARDED_ADDRESS_SIZE 48

/* out: peer, unless it is trusted and says of whom it speaks. "local" is who has no address. Is the
 * peer trusted? */
bool forwarded_find(const struct server_networks *trusted, const char *peer,
                    const struct http_header *headers, size_t n_headers,
                    char out[FORWARDED_ADDRESS_SIZE]);

#endif
