/* SPDX-License-Identifier: ISC
 *
 * console - the state of the console process: loop, server, a reader of the database, the way to
 * the master. It shows, and asks others to change; it owns nothing that would be missed.
 */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "hasher.h"
#include "history.h"
#include "link.h"
#include "refusals.h"
#include "relayos/base/hash.h"
#include "relayos/heritage.h"
#include "relayos/net/loop.h"
#include "relayos/net/server.h"
#include "relayos/store/store.h"
#include "relayos/store/store_usage_table.h"
#include "repeat.h"
#include "throttle.h"

struct console {
    const struct heritage *heritage;
    const struct conf *conf;
    struct segment *segment;
    struct catalog *catalog;
    struct loop *loop;
    struct server *server;
    struct store *store; /* opened when it is needed, again after a failure; NULL: not open */
    struct hash_hmac *pepper, *trail_seal;
    struct frame_out *writer; /* of answers */
    struct link link;
    struct hasher *hasher;
    struct throttle *throttle;
    struct repeats *repeats;
    struct refusals *refusals;
    struct upstream_pool *pool; /* of tests, and to the provider */
    struct trial *trials;       /* under way */
    struct oidc *oidc;          /* NULL: nobody signs in by a provider */
    struct timer heartbeat;
    struct history *history;
    struct store_usage_cache *usage;
    uint32_t n_warmed; /* days of it, from today back */
    struct timer warm;
    struct timer look;           /* at all routes, for their history */
    char origin[CONF_PATH_SIZE]; /* of console.public_url, "" = it is not set */
    uint32_t n_calls;
    bool is_over;
};

#endif
