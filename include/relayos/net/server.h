/* SPDX-License-Identifier: ISC
 *
 * server - the HTTP/1.1 front: listeners in, exchanges out. All of libh2o's server side is behind
 * this adapter (request in, respond/start/write/abort out, gone as an event), so that the library
 * can be replaced. Framing that the library is lax about is refused before a handler sees it
 * (guard.h).
 *
 * Process:   worker (and later console).
 * Ownership: an exchange lives from on_request to on_end, which is called exactly once in every
 *            ending (response complete, client gone, aborted); nothing of it may be used after.
 *            Slices of the request are good until then.
 * Back-pressure: one write is in flight at a time; on_writable says when the next may come.
 */
#ifndef RELAYOS_NET_SERVER_H
#define RELAYOS_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"
#include "relayos/net/http_request.h"
#include "relayos/net/loop.h"
#include "relayos/net/server_way.h"
#include "relayos/net/tls_vault.h"

struct server;
struct exchange;

struct server_handler {
    void *ctx;
    /*
     * A head announces a body that did not come whole with it: is it worth reading? false: the
     * request is handed to on_request at once, its body withheld. true vouches for who sends it, as
     * exchange_vouch(). NULL: every body is, of anybody.
     */
    bool (*on_head)(void *ctx, const struct http_request *head);
    /* A request is whole, or its body withheld. The handler must answer it, now or later. */
    void (*on_request)(void *ctx, struct exchange *exchange, const struct http_request *request);
    /*
     * The guard or the library refused bytes before there was a request (400, 405, 408, 413, 431,
     * 417): write the JSON body for it. category is the catalogue's word for it, detail a static
     * phrase for its sentence. *out_headers: header lines, each "name: value\r\n", content-type
     * among them; they are copied when this returns. The connection is closed after it.
     */
    void (*on_refused)(void *ctx, enum err_category category, const char *detail,
                       const char *client_address, struct buf *out_body, struct slice *out_headers);
};

struct server_conf {
    struct loop *loop;
    struct server_handler handler;
    size_t max_body_bytes;
    /*
     * Bytes of bodies in memory, of all connections, counted as they arrive and until the request
     * is released or ends. A body that would go over, by its Content-Length or by what has come, is
     * withheld. Bodies of up to 64 KiB count but are never withheld. 0: no limit.
     */
    size_t max_body_memory;
    /* Above: one that waits for a request makes room, or the listener is not read until one does.
     */
    uint32_t max_connections;
    /* Of one address (of IPv6: a /64), and of those on which no good key was shown yet
     * (exchange_vouch()); 0: no limit. trusted_proxies and UNIX sockets have none. */
    uint32_t max_client_connections, max_client_strangers;
    uint32_t max_connection_requests; /* then it is closed; 0: no limit */
    int64_t max_connection_age_us;    /* after the next request it is closed; 0: no limit */
    int64_t header_timeout_us, body_timeout_us, keepalive_timeout_us, write_stall_timeout_us;
    /* Bytes a second: of a body, in each window; of an answer, in each write_stall_timeout. */
    size_t body_rate, write_rate;
    int64_t body_window_us;
    int64_t handshake_timeout_us; /* for a PROXY header and a TLS handshake together */
    const int *listener_fds; /* listening, non-blocking; the server closes them (drain, free) */
    const struct server_way *ways; /* of each; NULL: all are plain */
    size_t n_listeners;
    const struct tls_vault *vault;          /* may be NULL if no listener is_tls */
    struct server_networks trusted_proxies; /* whose X-Forwarded-For says who the client is */
};

struct exchange_events { /* of one exchange, set by the handler with exchange_bind() */
    /* The write before is with the kernel; another may come. */
    void (*on_writable)(void *data);
    /* Once, at the very end; is_complete: every byte is with the kernel and we ended the response.
     * false: the client went away (or half-closed), stalled past the limit, or we aborted. */
    void (*on_end)(void *data, bool is_complete);
};

/* NULL with *why when the self-test of the framing guard fails (guard.h): the worker must not run.
 */
struct server *server_new(const struct server_conf *conf, struct errmsg *why);
void server_free(struct server **server);
/* Stop accepting, answer with Connection: close, close what is idle for a moment more. */
void server_drain(struct server *server);
/* Connections still open; 0 after a drain means done. */
uint32_t server_n_connections(const struct server *server);
uint64_t server_n_accepted(const struct server *server);
const struct server_front_counts *server_front_counts(const struct server *server);
/* Bytes of bodies in memory now. */
size_t server_n_body_bytes(const struct server *server);

/* Header by lower-case name, empty slice if absent (the first one if repeated). */
struct slice http_header_find_name(const struct http_request *request, struct slice name);
static inline struct slice
http_header_find(const struct http_request *request, const char *name)
{
    return http_header_find_name(request, slice_str(name)); /* a literal costs no strlen */
}
size_t http_header_count(const struct http_request *request, const char *name);

void exchange_bind(struct exchange *exchange, const struct exchange_events *events, void *data);
/* The request has shown a good key: its connection is not among those that go first any more. */
void exchange_vouch(struct exchange *exchange);
/*
 * The request's bytes are no longer needed: its slices, body included, are void from now on. A held
 * stream that calls this keeps no input buffer (8 KiB at least, the whole body at most). Not before
 * upstream_is_sent() if a call sends parts of it.
 */
void exchange_release_request(struct exchange *exchange);

/*
 * Whole response in one write. Headers and body are copied or kept as said:
 * body bytes must stay until on_end. Content-Length is set; HEAD sends no body.
 */
void exchange_respond(struct exchange *exchange, int status, const struct http_header *headers,
                      size_t n_headers, struct slice body);

/*
 * Begin a streamed response (chunked). Nothing is on the wire until the first write. Any status but
 * 200 costs the connection.
 */
void exchange_start(struct exchange *exchange, int status, const struct http_header *headers,
                    size_t n_headers);
/*
 * Next bytes; they must stay until on_writable (or on_end). is_last ends the response well.
 * Only when none is in flight: exchange_is_writable().
 */
void exchange_write(struct exchange *exchange, struct slice bytes, bool is_last);
bool exchange_is_writable(const struct exchange *exchange);
/* Break the connection without a well-formed end. on_end(false) follows (perhaps at once). */
void exchange_abort(struct exchange *exchange);

#endif
