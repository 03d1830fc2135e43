/* SPDX-License-Identifier: ISC
 *
 * resolver - addresses of names, looked up by the library's threads, off the loop.
 *
 * Addresses are kept for a while; past that they are still used while a new look-up runs, and for
 * as long as look-ups fail. Numeric hosts need none.
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include <h2o.h>
#include <netinet/in.h>

#include "loop_impl.h"
#include "relayos/base/limits.h"

#define RESOLVER_ADDRESSES_MAX 8

struct resolver;

struct resolver_address {
    struct sockaddr_storage sockaddr;
    socklen_t len;
};

struct resolver_name {
    struct resolver *resolver;
    char host[LIMIT_HOST];
    uint16_t port;
    struct resolver_address addresses[RESOLVER_ADDRESSES_MAX];
    size_t n_addresses;
    int64_t expires_us;
    h2o_hostinfo_getaddr_req_t *lookup; /* NULL: none runs */
    void (*on_done)(struct resolver_name *name);
};

enum resolver_state { RESOLVER_READY, RESOLVER_WAIT, RESOLVER_FAILED };

struct resolver *resolver_new(struct loop *loop);
void resolver_free(struct resolver **resolver);

/* on_done: called after each look-up, with n_addresses 0 if there are none. */
void resolver_name_init(struct resolver_name *name, struct resolver *resolver, const char *host,
                        uint16_t port, void (*on_done)(struct resolver_name *name));
void resolver_name_fini(struct resolver_name *name);
/* READY: use the addresses; WAIT: on_done will come; FAILED: a moment ago, and none before. */
enum resolver_state resolver_name_get(struct resolver_name *name);

#endif
