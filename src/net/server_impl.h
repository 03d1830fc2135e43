/* SPDX-License-Identifier: ISC
 *
 * server_impl - the server as its parts see it.
 *
 *   server.c    listeners, accepting, drain, the library's config
 *   conn.c      one client connection: what the library is told to read, deadlines, hang-ups
 *   conn_body.c which bodies are read, and what they take
 *   interpose.c the library's functions that we define in its place; they call conn.c
 *   exchange.c  one request and its response
 *   request_head.c, response.c  the bytes of their heads
 *   refusal.c   the answer to bytes that never became a request
 *   linger.c    the last answer of a connection must survive its close
 */
#ifndef NET_SERVER_IMPL_H
#define NET_SERVER_IMPL_H

#include <h2o.h>

#include "linger.h"
#include "loop_impl.h"
#include "relayos/net/server.h"

#define SERVER_SCRATCH_SIZE (64 * 1024)

struct conn;

struct server_listener {
    struct server *server;
    h2o_socket_t *sock; /* NULL after a drain */
};

struct server {
    struct server_conf conf; /* its listener_fds are not kept */
    struct loop *loop;
    h2o_globalconf_t h2o_conf;
    h2o_context_t h2o_ctx;
    h2o_accept_ctx_t accept_ctx;
    struct server_listener *listeners;
    size_t n_listeners;
    struct conn *conns; /* doubly linked */
    uint32_t n_conns;
    size_t n_body_bytes; /* the sum of the connections' */
    uint64_t n_accepted, n_refused;
    struct linger_list lingering;
    struct timer accept_timer; /* pause after EMFILE */
    char *scratch;             /* requests are read into it first; nothing stays there */
    bool is_accepting;
    bool is_draining;
};

/* conn.c tells that a connection is gone. */
void server_on_conn_gone(struct server *server);

#endif
