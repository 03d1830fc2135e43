/* SPDX-License-Identifier: ISC */
#include "conn_front.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "accept.h"
#include "forwarded.h"
#include "interpose.h"
#include "linger.h"
#include "proxy_header.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"

#define SAY_EVERY_US 10000000

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* IPv4 in IPv6 begins so */

struct conn_front {
    struct tls_server *tls; /* NULL: no TLS; a reload does not change it */
    bool awaits_header;
    bool is_done;       /* once what is being written is out */
    struct buf partial; /* of a PROXY header */
};

static void on_front_readable(h2o_socket_t *sock, const char *err);
static void advance(struct conn *conn, struct slice bytes);
static bool read_header(struct conn *conn, struct slice *bytes);
static bool take_address(struct conn *conn, const struct proxy_header *header);
static void shake_hands(struct conn *conn, struct slice bytes);
static bool speaks_plainly(struct slice bytes);
static void turn_away_plain(struct conn *conn);
static void read_early(struct conn *conn);
static void send_output(struct conn *conn);
static void on_front_written(h2o_socket_t *sock, const char *err);

bool
conn_front_is_wanted(const struct server_listener *listener)
{
    return listener != NULL && (listener->way.is_tls || listener->way.wants_proxy);
}

void
conn_front_begin(struct conn *conn, struct server_listener *listener)
{
    struct conn_front *front = mem_zalloc(sizeof *front);

    conn->front = front;
    conn->state = CONN_FRONT;
    front->awaits_header = listener->way.wants_proxy;
    if (listener->way.is_tls) {
        struct tls_server *tls = server_tls_of(listener);

        if (tls == NULL) {
            conn_front_end(conn, "no certificate");
            return;
        }
        front->tls = tls_server_ref(tls);
    }
    interpose_read_start(conn->sock, on_front_readable);
}

static void
on_front_readable(h2o_socket_t *sock, const char *err)
{
    struct conn *conn = conn_from_socket(sock);
    struct server *server = conn->server;

    (void)err; /* none with DONT_READ */
    assert(conn->state == CONN_FRONT && conn->front != NULL);
    ssize_t n = recv(h2o_socket_get_fd(sock), server->scratch, SERVER_SCRATCH_SIZE, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        advance(conn, slice_of(server->scratch, (size_t)n));
    else
        conn_front_end(conn, NULL); /* port scans and health checks do that */
}

static void
advance(struct conn *conn, struct slice bytes)
{
    struct conn_front *front = conn->front;

    if (front->awaits_header && !read_header(conn, &bytes))
        return;
    if (front->tls != NULL) {
        shake_hands(conn, bytes);
        return;
    }
    if (bytes.len > 0) {
        memcpy(h2o_buffer_reserve(&conn->sock->input, bytes.len).base, bytes.ptr, bytes.len);
        conn->sock->input->size += bytes.len;
    }
    conn_enter_library(conn);
}

/* True: it is there, *bytes is what follows. Otherwise more is to come, or the connection is gone.
 */
static bool
read_header(struct conn *conn, struct slice *bytes)
{
    struct conn_front *front = conn->front;
    struct proxy_header header;

    if (front->partial.len > 0) {
        buf_append_slice(&front->partial, *bytes);
        *bytes = buf_slice(&front->partial);
    }
    switch (proxy_header_parse(*bytes, &header)) {
    case PROXY_HEADER_OK:
        if (!take_address(conn, &header)) {
            conn_front_end(conn, NULL);
            return false;
        }
        *bytes = slice_sub(*bytes, header.size, bytes->len);
        front->awaits_header = false;
        return true;
    case PROXY_HEADER_INCOMPLETE:
        if (front->partial.len == 0) {
            buf_init(&front->partial, PROXY_HEADER_MAX + SERVER_SCRATCH_SIZE);
            buf_append_slice(&front->partial, *bytes);
        }
        return false;
    case PROXY_HEADER_BAD:
        break;
    }
    conn->server->front_counts.n_proxy_refused++;
    conn_front_end(conn, "no PROXY header");
    return false;
}

/* Without one (LOCAL, UNKNOWN) the load balancer speaks for itself, as in its health checks. False:
 * there are enough of that address. */
static bool
take_address(struct conn *conn, const struct proxy_header *header)
{
    bool is_v4 = header->address_len == 4;
    const uint8_t *bytes = header->address;

    if (header->address_len == 0)
        return true;
    if (!is_v4 && memcmp(bytes, mapped, sizeof mapped) == 0) {
        is_v4 = true;
        bytes += sizeof mapped;
    }
    inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, conn->client_address, sizeof conn->client_address);

    struct places *places = &conn->server->places;
    struct slice address = slice_of((const char *)header->address, header->address_len);
    places_work(places, &conn->place); /* not to be the one that has to go */
    bool may = accept_lets_in(conn->server, address, conn->client_address);
    places_leave(places, &conn->place);
    places_join(places, &conn->place, places_address(header->address, header->address_len));
    places_wait(places, &conn->place);
    return may;
}

/* ---- TLS ---- */

static void
shake_hands(struct conn *conn, struct slice bytes)
{
    struct conn_front *front = conn->front;

    if (conn->tls == NULL && speaks_plainly(bytes)) {
        turn_away_plain(conn);
        return;
    }
    if (conn->tls == NULL)
        conn->tls = tls_session_new(front->tls);
    tls_session_give(conn->tls, bytes);
    switch (tls_session_handshake(conn->tls)) {
    case TLS_SESSION_WAITS:
        break;
    case TLS_SESSION_DONE:
        conn->server->front_counts.n_handshakes++;
        front->is_done = true;
        read_early(conn); /* the bytes are somebody else's when this returns */
        break;
    case TLS_SESSION_FAILED:
        conn->server->front_counts.n_tls_failed++;
        conn_front_end(conn, tls_session_reason(conn->tls));
        return;
    }
    if (tls_session_has_output(conn->tls))
        send_output(conn);
    else if (front->is_done)
        conn_enter_library(conn);
}

/* A method's first letter, which is no type of a TLS record. */
static bool
speaks_plainly(struct slice bytes)
{
    return bytes.len > 0 && bytes.ptr[0] >= 'A' && bytes.ptr[0] <= 'Z';
}

/* http:// where https:// was meant: whoever does that finds out by nothing else. */
static void
turn_away_plain(struct conn *conn)
{
    const struct refusal plain = {400, ERR_CATEGORY_INVALID_REQUEST,
                                  "this port speaks TLS; use https:// in the base URL"};

    conn->server->front_counts.n_tls_failed++;
    refusal_write(conn, &plain);
    linger_start(&conn->server->lingering, conn->server->loop, h2o_socket_get_fd(conn->sock));
    conn_front_end(conn, "plain HTTP");
}

/* What came right behind the handshake. If it is no TLS any more, reading will find that out. */
static void
read_early(struct conn *conn)
{
    char *plain = conn->server->plain;
    ssize_t n;

    while ((n = tls_session_read(conn->tls, plain, SERVER_PLAIN_SIZE)) > 0) {
        memcpy(h2o_buffer_reserve(&conn->sock->input, (size_t)n).base, plain, (size_t)n);
        conn->sock->input->size += (size_t)n;
    }
}

/* One after the other: what the peer sends meanwhile waits in the kernel. */
static void
send_output(struct conn *conn)
{
    struct slice bytes = tls_session_take(conn->tls);
    h2o_iovec_t iov = h2o_iovec_init(bytes.ptr, bytes.len);

    interpose_read_stop(conn->sock);
    interpose_write(conn->sock, &iov, 1, on_front_written);
}

static void
on_front_written(h2o_socket_t *sock, const char *err)
{
    struct conn *conn = conn_from_socket(sock);

    tls_session_drop(conn->tls);
    if (err != NULL)
        conn_front_end(conn, NULL);
    else if (conn->front->is_done)
        conn_enter_library(conn);
    else
        interpose_read_start(sock, on_front_readable);
}

/* ---- its end ---- */

void
conn_front_end(struct conn *conn, const char *reason)
{
    assert(conn->state == CONN_FRONT);
    if (reason != NULL)
        conn_front_note(conn->server, conn->client_address, reason);
    h2o_socket_close(conn->sock);
}

void
conn_front_free(struct conn *conn)
{
    if (conn->front == NULL)
        return;
    buf_fini(&conn->front->partial);
    tls_server_unref(&conn->front->tls);
    free(conn->front);
    conn->front = NULL;
}

void
conn_front_note_client(const struct conn *conn, struct http_request *request)
{
    const struct server_networks *trusted = &conn->server->conf.trusted_proxies;

    if (trusted->n > 0 || trusted->has_local)
        request->is_by_proxy = forwarded_find(trusted, conn->client_address, request->headers,
                                              request->n_headers, request->client_address);
    else
        memcpy(request->client_address, conn->client_address, sizeof request->client_address);
}

bool
conn_front_is_of(const struct server_networks *networks, struct slice address)
{
    const uint8_t *bytes = (const uint8_t *)address.ptr;
    size_t len = address.len;

    if (len == 0)
        return networks->has_local;
    if (len == 16 && memcmp(bytes, mapped, sizeof mapped) == 0) {
        bytes += sizeof mapped;
        len = 4;
    }
    for (uint32_t i = 0; i < networks->n; i++) {
        if (address_range_has(&networks->ranges[i], bytes, len))
            return true;
    }
    return false;
}

/* Anybody can cause these, as often as he likes. */
void
conn_front_note(struct server *server, const char *client_address, const char *reason)
{
    int64_t now_us = loop_now_us(server->loop);

    server->n_front_unsaid++;
    if (server->said_front_us != 0 && now_us - server->said_front_us < SAY_EVERY_US)
        return;
    log_info("listener.refused", "client=\"%s\" reason=\"%s\" since_last=%llu", client_address,
             reason, (unsigned long long)server->n_front_unsaid);
    server->said_front_us = now_us;
    server->n_front_unsaid = 0;
}
