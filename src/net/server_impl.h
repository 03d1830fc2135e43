/* SPDX-License-Identifier: ISC
 *
 * server_impl - the server as its parts see it.
 *
 *   server.c    drain, the library's config, certificates
 *   accept.c    listeners, accepting, room for more
 *   places.c    who has the connections, and who gives up his
 *   conn.c      one client connection: what the library is told to read, hang-ups
 *   conn_deadline.c, conn_pace.c  how long each thing may take
 *   conn_tls.c  its bytes through TLS
 *   conn_front.c what comes before HTTP: the PROXY header, the TLS handshake
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

#include "conn_pace.h"
#include "linger.h"
#include "loop_impl.h"
#include "places.h"
#include "relayos/net/server.h"
#include "tls_server.h"

#define SERVER_SCRATCH_SIZE (64 * 1024)
#define SERVER_PLAIN_SIZE   (16 * 1024) /* a TLS record */

struct conn;

struct server_listener {
    struct server *server;
    h2o_socket_t *sock; /* NULL after a drain */
    struct server_way way;
    struct tls_server *tls; /* as of the vault's epoch; NULL: none (yet), or not wanted */
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
    struct places places; /* of these */
    struct conn_pace_limits body_pace;
    uint64_t write_least; /* bytes in a write_stall_timeout */
    size_t n_body_bytes;  /* the sum of the connections' */
    uint64_t n_accepted, n_refused;
    struct server_front_counts front_counts;
    uint32_t vault_epoch;    /* that the listeners' tls is of; odd: of none */
    int64_t said_front_us;   /* the last time that a log line was written of failures there */
    uint64_t n_front_unsaid; /* since then */
    struct linger_list lingering;
    struct timer accept_timer; /* pause for want of descriptors */
    uint32_t max_fds;
    int reserve_fd;     /* -1: none */
    int64_t short_us;   /* of descriptors, the last time; 0: not, for a while */
    char *scratch;      /* requests are read into it first; nothing stays there */
    char *plain;        /* the same for what TLS makes of it, and of answers; or NULL */
    char too_large[64]; /* what a larger body is refused with */
    bool is_accepting;
    bool is_draining;
};

/* The listener's TLS as the vault has it now; NULL: it has none that can be used. */
struct tls_server *server_tls_of(struct server_listener *listener);

#endif
