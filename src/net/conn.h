/* SPDX-License-Identifier: ISC
 *
 * conn - one client connection: ours around the library's.
 *
 * The library stops reading a client's socket while its request is handled. That costs two
 * epoll_ctl a request and hides that the client went away. Its h2o_socket_read_start and _stop are
 * interposed (interpose.c) and land here: the socket stays registered, and while a request is in
 * progress its events come to us. What the client pipelines meanwhile is stashed and handed over
 * when the library reads again; end-of-file means that nobody waits for the answer, and the
 * connection is closed at once. The library's own read callback, called with an error, is how a
 * connection is closed: it does that in every state.
 *
 * Ownership: a conn lives until its socket is closed and nothing is running on it (references).
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <h2o.h>

#include "conn_pace.h"
#include "refusal.h"
#include "relayos/base/buf.h"
#include "relayos/net/guard.h"
#include "request_head.h"
#include "server_impl.h"
#include "tls_session.h"

#define CONN_MAGIC          0x434f4e4e
#define CONN_WRITE_BUFS     4                /* of one write */
#define CONN_DRAIN_GRACE_US INT64_C(1000000) /* for a request that is on its way */

enum conn_state {
    CONN_FRONT, /* PROXY header or TLS handshake: not yet the library's */
    CONN_IDLE,  /* waits for the first byte of a request */
    CONN_HEAD,  /* has part of a head */
    CONN_BODY,  /* has the head, reads the body */
    CONN_BUSY,  /* the request is with the handler, or its response on the way */
};

struct conn {
    uint32_t magic;
    uint32_t n_refs;
    struct server *server;
    h2o_socket_t *sock;         /* NULL once closed */
    h2o_socket_cb library_read; /* what the library wants to be called */
    h2o_socket_cb after_write;  /* while is_writing */
    struct tls_session *tls;    /* NULL: plain */
    struct conn_front *front;   /* in CONN_FRONT */
    struct exchange *exchange;
    struct timer timer;                 /* the deadline of the state */
    enum conn_state state, timed_state; /* timed: the one whose deadline is set */
    bool is_writing;
    bool is_write_failed;
    bool is_body_withheld;     /* the request's body is not read: conn_body.h */
    bool must_close;           /* no further request on this connection */
    bool is_first;             /* no request yet */
    struct refusal refusal;    /* set: the library is about to hand over a made-up request */
    struct buf stash;          /* pipelined while busy */
    size_t head_size;          /* of the request at hand */
    struct request_head *head; /* from the parser until the exchange takes it */
    size_t input_size_due;     /* head and body, 0: unknown */
    size_t n_body_bytes;       /* in memory, for the server's sum */
    uint32_t n_requests;
    int64_t opened_us;
    struct conn_pace pace; /* of the body that comes in */
    uint64_t acked_bytes;  /* at the last look of the write deadline; is_local: not yet read */
    bool is_local;         /* a UNIX socket, written to in pieces: what is left for later ones */
    size_t n_unwritten;
    h2o_iovec_t unwritten[CONN_WRITE_BUFS];
    struct place place;
    struct conn *prev, *next;
    char client_address[48];
    _Alignas(8) char memo[SERVER_MEMO_SIZE];
};

/* Who is at the other end. */
struct conn_peer {
    uint64_t address; /* places_address() */
    char text[48];
};

/* Take over an accepted descriptor; listener NULL: plain. */
void conn_open(struct server *server, struct server_listener *listener, int fd,
               const struct conn_peer *peer);
/* The front is over, its bytes are in the socket's input: the library takes it from here. */
void conn_enter_library(struct conn *conn);
/* Close now; an exchange in progress ends incomplete. The conn may be gone afterwards. */
void conn_close(struct conn *conn);
/* Nothing new: an idle one is closed after a moment, in which its next request may still come. */
void conn_drain(struct conn *conn);
/* NULL if the socket is not a client's. */
struct conn *conn_from_socket(h2o_socket_t *sock);
struct conn *conn_from_request(h2o_req_t *req);

/* The library is asked for a request's handler: from now on the connection is busy. */
void conn_begin_request(struct conn *conn);
/*
 * Bytes of a response, head and framing included, past the library. After the last ones it goes on
 * with the connection as it does after a response of its own; they may be none, and the exchange
 * gone when this returns. After others exchange_on_written() is called.
 */
void conn_write(struct conn *conn, h2o_iovec_t *bufs, size_t n_bufs, bool is_last);
/* A whole response that the library writes: h2o_start_response() was called. */
void conn_send(struct conn *conn, h2o_req_t *req, h2o_iovec_t *body);

/* For interpose.c. The connection whose bytes the library is looking at, or NULL. */
struct conn *conn_current(void);
void conn_on_head(struct conn *conn, const struct guard_head *head);
void conn_on_refused(struct conn *conn, const struct refusal *refusal);
/* False: not a client connection, the library's own function is to be called. */
bool conn_read_start(h2o_socket_t *sock, h2o_socket_cb cb);
bool conn_read_stop(h2o_socket_t *sock);
bool conn_socket_write(h2o_socket_t *sock, h2o_iovec_t *bufs, size_t n_bufs, h2o_socket_cb cb);
/* How often the interposed read_stop was reached: the self-test wants to see it move. */
uint64_t conn_n_read_stops(void);

#endif
