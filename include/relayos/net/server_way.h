/* SPDX-License-Identifier: ISC
 *
 * server_way - how a listener of the server (server.h) is spoken to before the first request.
 */
#ifndef RELAYOS_NET_SERVER_WAY_H
#define RELAYOS_NET_SERVER_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/address.h"

/* Ranges of addresses, the caller's; has_local: who comes over a UNIX socket, too. */
struct server_networks {
    const struct address_range *ranges;
    uint32_t n;
    bool has_local;
};

/* How a listener is spoken to. All zero: HTTP, in plain, from the first byte. */
struct server_way {
    bool is_tls;      /* with what the vault has for that listener's number */
    bool wants_proxy; /* a PROXY header comes first, and proxies alone may send it: anything else is
                         closed without an answer */
    struct server_networks proxies;
};

/* Handshakes that were done; connections closed before there was a request: a handshake that
 * failed, a PROXY header that was missing, malformed or not from one of the proxies; too many of
 * one address, or no descriptor. And those that waited for a request and were closed to make room.
 */
struct server_front_counts {
    uint64_t n_handshakes, n_tls_failed, n_proxy_refused, n_turned_away, n_displaced;
};

#endif
