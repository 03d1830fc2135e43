/* SPDX-License-Identifier: ISC
 *
 * upstream - our HTTP/1.1 client: one call = one request to a provider over a pooled connection.
 *
 * Pool per worker and origin: LIFO, caps on open and idle, idle sockets stay registered so that an
 * early close is noticed; a reused connection that dies before any byte of the answer is replaced
 * once by a fresh one (the request is sent again; n_redials in the report). TLS 1.2+, one SSL_CTX
 * per origin with the host name verified by us (the library skips it on TLS 1.3); IP literals too.
 * Names are resolved off the loop, cached with a TTL, next address tried on connect failure.
 *
 * Strict on answers: CL with TE, bad chunks, heads over LIMIT_UPSTREAM_HEAD, close before the end,
 * any encoding but identity = UPSTREAM_BAD_ANSWER / UPSTREAM_CUT. 1xx are skipped. Redirects are
 * never followed.
 *
 * Process:   worker, prober. Ownership: a call is the client's until on_end; after
 *            on_end, or after upstream_cancel() returned, it is gone.
 * Deadlines: connect, TLS, first byte, idle (between reads; not while paused), total: each its own.
 */
#ifndef RELAYOS_NET_UPSTREAM_H
#define RELAYOS_NET_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/slice.h"
#include "relayos/model/catalog.h"
#include "relayos/net/loop.h"
#include "relayos/net/server.h"

struct upstream_pool;
struct upstream_call;
struct sockaddr;

enum upstream_result {
    UPSTREAM_OK,        /* the whole answer was read, framing complete */
    UPSTREAM_RESOLVE,   /* no address for the name */
    UPSTREAM_CONNECT,   /* refused, unreachable */
    UPSTREAM_FORBIDDEN, /* none of its addresses passes the pool's guard */
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_TLS, /* handshake, certificate or name refused */
    UPSTREAM_TLS_TIMEOUT,
    UPSTREAM_NO_CONNECTION, /* pool cap reached, or descriptors */
    UPSTREAM_RESET,         /* closed or reset before the answer's head was whole */
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_IDLE_TIMEOUT,
    UPSTREAM_TOTAL_TIMEOUT,
    UPSTREAM_CUT,        /* closed inside the body */
    UPSTREAM_BAD_ANSWER, /* not HTTP as it should be */
};
const char *upstream_result_name(enum upstream_result result);

struct upstream_report {
    enum upstream_result result;
    bool was_sent; /* at least one byte of the request reached the kernel */
    bool is_reused;
    uint8_t n_redials;
    int64_t start_us, connected_us, first_byte_us, end_us;
};

struct upstream_events {
    /* The answer's head. headers are good during the callback. Called once, before any body. */
    void (*on_head)(void *data, int status, const struct http_header *headers, size_t n_headers);
    /* Body bytes, decoded; good during the callback. Pause from here is allowed. */
    void (*on_body)(void *data, struct slice bytes);
    /* The end, once, in every case but cancel. The last body bytes of an answer come in the same
     * loop turn, so that a small answer is one on_head, one on_body, one on_end. */
    void (*on_end)(void *data, const struct upstream_report *report);
};

struct upstream_request {
    const struct upstream_record *target; /* copied as needed */
    struct slice head; /* complete head: request line, host, headers, content-length, empty line */
    struct slice body[8]; /* pieces in order: the caller's bytes with the edits in between */
    size_t n_body;
    int64_t deadline_us; /* monotonic; total */
};

struct upstream_pool *upstream_pool_new(struct loop *loop);
/* Each address is asked about right before it is connected to: there is no look-up in between. */
typedef bool upstream_guard(void *ctx, const struct sockaddr *address, bool is_tls);
void upstream_pool_guard(struct upstream_pool *pool, upstream_guard *guard, void *ctx);
/* Close idle connections; calls must be over. */
void upstream_pool_free(struct upstream_pool **pool);

/*
 * Start a call. head and body pieces must stay until on_end or cancel (they are sent again on a
 * redial). Events never fire before upstream_start() has returned. Never NULL: failures arrive as
 * on_end.
 */
struct upstream_call *upstream_start(struct upstream_pool *pool,
                                     const struct upstream_request *request,
                                     const struct upstream_events *events, void *data);
/* Resolve, connect and, where it speaks TLS, shake hands, on a connection of its own that is closed
 * then: on_end is the only event. */
struct upstream_call *upstream_connect(struct upstream_pool *pool,
                                       const struct upstream_request *request,
                                       const struct upstream_events *events, void *data);
/* Stop reading the answer (back-pressure) and go on. What has been read already is still delivered
 * (at most one read, 128 KiB), on_end included if it holds the end. */
void upstream_pause(struct upstream_call *call);
void upstream_resume(struct upstream_call *call);
/* Drop the call; its connection is closed (HTTP/1.1 knows no other way). No event follows; the
 * report so far is put in *out_report if it is not NULL. */
void upstream_cancel(struct upstream_call *call, struct upstream_report *out_report);

/* The answer has begun and the whole request is with the kernel: its head and body are not looked
 * at again (exchange_release_request() may follow). */
bool upstream_is_sent(const struct upstream_call *call);

struct upstream_pool_view {
    uint32_t n_open, n_idle;
    uint64_t n_calls, n_reused, n_redials, n_failed;
};
void upstream_pool_view(const struct upstream_pool *pool, struct upstream_pool_view *out);

#endif
