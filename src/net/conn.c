/* SPDX-License-Identifier: ISC */
#include "conn.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "accept.h"
#include "conn_body.h"
#include "conn_deadline.h"
#include "conn_front.h"
#include "conn_tls.h"
#include "exchange.h"
#include "interpose.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"

#define STASH_MAX   65536 /* pipelined bytes kept while busy */
#define STASH_MORE  32768 /* of one read past it, TLS records included */
#define READ_SIZE   4096  /* least room for a read */
#define LOCAL_PIECE 65536 /* written at a time to a UNIX socket */

/*
 * The library parses through functions that know no connection. It does so only within its read
 * callback or right after it starts reading, and both pass here first.
 */
static struct conn *current;
static uint64_t n_read_stops;

/*
 * The library's callback behind the last bytes of a response: it drops the request and reads the
 * next, or closes. It is the same for all of them and seen in the first one; a server's self-test
 * has had some before anybody else is answered.
 */
static h2o_socket_cb library_end;

static void conn_on_close(void *data);
static void conn_unref(struct conn *conn);
static void conn_on_read(h2o_socket_t *sock, const char *err);
static ssize_t read_input(struct conn *conn);
static void conn_on_busy_read(h2o_socket_t *sock, const char *err);
static void on_bytes_while_busy(struct conn *conn, const char *bytes, size_t len);
static void on_end_while_busy(struct conn *conn);
static void hand_over_stash(struct conn *conn);
static void write_piece(struct conn *conn);
static void begin_write(struct conn *conn, h2o_socket_cb after_write);
static void conn_on_write(h2o_socket_t *sock, const char *err);
static void conn_on_part_written(h2o_socket_t *sock, const char *err);

void
conn_open(struct server *server, struct server_listener *listener, int fd,
          const struct conn_peer *peer)
{
    struct conn *conn = mem_zalloc(sizeof *conn);

    conn->magic = CONN_MAGIC;
    conn->n_refs = 2; /* the socket's, ours in this function */
    conn->server = server;
    conn->is_first = true;
    conn->opened_us = loop_now_us(server->loop);
    memcpy(conn->client_address, peer->text, sizeof conn->client_address);
    conn->is_local = strcmp(peer->text, "local") == 0;
    places_join(&server->places, &conn->place, peer->address);
    conn->next = server->conns;
    if (server->conns != NULL)
        server->conns->prev = conn;
    server->conns = conn;
    server->n_conns++;

    conn->sock = h2o_evloop_socket_create(server->loop->evloop, fd,
                                          H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION |
                                              H2O_SOCKET_FLAG_DONT_READ);
    conn->sock->on_close.cb = conn_on_close;
    conn->sock->on_close.data = conn;
    if (conn_front_is_wanted(listener)) {
        places_wait(&server->places, &conn->place);
        conn_deadline_set(conn, server->conf.handshake_timeout_us);
        conn_front_begin(conn, listener);
        conn_unref(conn);
        return;
    }
    conn_enter_library(conn);
    conn_unref(conn);
}

void
conn_enter_library(struct conn *conn)
{
    conn->n_refs++;
    conn_front_free(conn);
    conn->state = CONN_IDLE;
    conn->timed_state = CONN_BUSY;
    h2o_accept(&conn->server->accept_ctx, conn->sock);
    conn_deadline_settle(conn);
    conn_unref(conn);
}

static void
conn_on_close(void *data)
{
    struct conn *conn = data;
    struct server *server = conn->server;

    assert(conn->magic == CONN_MAGIC && conn->exchange == NULL);
    if (current == conn)
        current = NULL;
    conn->sock = NULL;
    timer_unset(server->loop, &conn->timer);
    conn_body_forget(conn);
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        server->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    server->n_conns--;
    places_leave(&server->places, &conn->place);
    accept_on_room(server);
    conn_unref(conn);
}

static void
conn_unref(struct conn *conn)
{
    assert(conn->n_refs > 0);
    if (--conn->n_refs > 0)
        return;
    secret_wipe(conn->memo, sizeof conn->memo);
    conn_front_free(conn);
    tls_session_free(&conn->tls);
    buf_fini(&conn->stash);
    request_head_free(&conn->head);
    conn->magic = 0;
    free(conn);
}

void
conn_close(struct conn *conn)
{
    assert(conn->magic == CONN_MAGIC);
    if (conn->sock != NULL && conn->state == CONN_FRONT)
        conn_front_end(conn, NULL);
    else if (conn->sock != NULL)
        conn->library_read(conn->sock, h2o_socket_error_closed);
}

/* Whoever has connected, or keeps a connection for its next request, may be about to ask: closing
 * under that would be a reset. It is answered, with Connection: close. */
void
conn_drain(struct conn *conn)
{
    if (conn->state == CONN_FRONT || conn->state == CONN_IDLE)
        conn_deadline_set(conn, CONN_DRAIN_GRACE_US);
}

struct conn *
conn_from_socket(h2o_socket_t *sock)
{
    if (sock->on_close.cb != conn_on_close)
        return NULL;
    struct conn *conn = sock->on_close.data;
    assert(conn->magic == CONN_MAGIC);
    return conn;
}

struct conn *
conn_from_request(h2o_req_t *req)
{
    struct conn *conn = conn_from_socket(req->conn->callbacks->get_socket(req->conn));

    assert(conn != NULL);
    return conn;
}

struct conn *
conn_current(void)
{
    return current;
}

uint64_t
conn_n_read_stops(void)
{
    return n_read_stops;
}

/* ---- reading ---- */

bool
conn_read_start(h2o_socket_t *sock, h2o_socket_cb cb)
{
    struct conn *conn = conn_from_socket(sock);

    if (conn == NULL)
        return false;
    current = conn;
    conn->library_read = cb;
    hand_over_stash(conn);
    if (conn->state == CONN_BUSY) { /* otherwise: at the start, or after "100 Continue" */
        conn_body_forget(conn);
        conn->state = CONN_IDLE;
    }
    interpose_read_start(sock, conn_on_read);
    return true;
}

bool
conn_read_stop(h2o_socket_t *sock)
{
    struct conn *conn = conn_from_socket(sock);

    if (conn == NULL)
        return false;
    n_read_stops++;
    interpose_read_start(sock, conn_on_busy_read);
    return true;
}

static void
conn_on_read(h2o_socket_t *sock, const char *err)
{
    struct conn *conn = conn_from_socket(sock);

    (void)err; /* none with DONT_READ */
    assert(conn != NULL);
    ssize_t n = read_input(conn);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    conn->n_refs++;
    current = conn;
    if (conn->state == CONN_BODY)
        conn_body_on_bytes(conn);
    sock->bytes_read = n > 0 ? (size_t)n : 0;
    conn->library_read(sock, n > 0 ? NULL : h2o_socket_error_closed);
    conn_deadline_settle(conn);
    conn_unref(conn);
}

/*
 * One read an event. The library would begin with 8 KiB and double: bodies go straight into the
 * room reserved for them, and what comes before takes the way by the scratch buffer.
 */
static ssize_t
read_input(struct conn *conn)
{
    int fd = h2o_socket_get_fd(conn->sock);
    h2o_buffer_t **input = &conn->sock->input;
    ssize_t n;

    if (conn->tls != NULL)
        return conn_tls_read(conn);
    if (conn->state == CONN_BODY) {
        h2o_iovec_t room = h2o_buffer_reserve(input, READ_SIZE);
        n = recv(fd, room.base, room.len, 0);
    } else {
        n = recv(fd, conn->server->scratch, SERVER_SCRATCH_SIZE, 0);
        if (n > 0)
            memcpy(h2o_buffer_reserve(input, (size_t)n).base, conn->server->scratch, (size_t)n);
    }
    if (n > 0)
        (*input)->size += (size_t)n;
    return n;
}

static void
conn_on_busy_read(h2o_socket_t *sock, const char *err)
{
    struct conn *conn = conn_from_socket(sock);
    char bytes[READ_SIZE];

    (void)err; /* none with DONT_READ */
    assert(conn != NULL);
    ssize_t n = recv(h2o_socket_get_fd(sock), bytes, sizeof bytes, 0);
    if (n > 0 && conn->tls != NULL)
        n = conn_tls_open(conn, slice_of(bytes, (size_t)n), on_bytes_while_busy);
    else if (n > 0)
        on_bytes_while_busy(conn, bytes, (size_t)n);
    if (n > 0)
        return;
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        on_end_while_busy(conn);
}

static void
on_bytes_while_busy(struct conn *conn, const char *bytes, size_t len)
{
    if (conn->stash.cap == 0)
        buf_init(&conn->stash, STASH_MAX + STASH_MORE);
    buf_append(&conn->stash, bytes, len);
    if (conn->stash.len >= STASH_MAX) /* the rest stays in the kernel until the response is over */
        interpose_read_stop(conn->sock);
}

static void
on_end_while_busy(struct conn *conn)
{
    /* A response that is only being flushed is still worth it: the client may have half-closed. */
    if (conn->is_writing && (conn->exchange == NULL || exchange_is_ended(conn->exchange)))
        interpose_read_stop(conn->sock);
    else
        conn_close(conn);
}

static void
hand_over_stash(struct conn *conn)
{
    if (conn->stash.len == 0)
        return;
    h2o_iovec_t room = h2o_buffer_reserve(&conn->sock->input, conn->stash.len);
    memcpy(room.base, conn->stash.ptr, conn->stash.len);
    conn->sock->input->size += conn->stash.len;
    buf_fini(&conn->stash);
    conn->stash = (struct buf){0};
}

/* ---- what the parser found ---- */

void
conn_on_head(struct conn *conn, const struct guard_head *head)
{
    conn->head_size = head->head_size;
    if (!head->is_chunked && head->content_length <= 0)
        return;
    if (!conn_body_is_wanted(conn, head)) {
        conn->is_body_withheld = conn->must_close = true;
        return;
    }
    conn->state = CONN_BODY;
    conn->input_size_due = head->is_chunked ? 0 : head->head_size + (size_t)head->content_length;
}

void
conn_on_refused(struct conn *conn, const struct refusal *refusal)
{
    assert(refusal->status != 0);
    conn->refusal = *refusal;
    conn->must_close = true;
}

void
conn_begin_request(struct conn *conn)
{
    const struct server_conf *conf = &conn->server->conf;

    conn_body_count(conn);
    conn->state = conn->timed_state = CONN_BUSY; /* the deadline that is set finds it so */
    conn->is_first = false;
    places_work(&conn->server->places, &conn->place);
    conn->n_requests++;
    if (conn->n_requests == conf->max_connection_requests ||
        (conf->max_connection_age_us > 0 &&
         loop_now_us(conn->server->loop) - conn->opened_us >= conf->max_connection_age_us))
        conn->must_close = true;
}

/* ---- writing ---- */

void
conn_send(struct conn *conn, h2o_req_t *req, h2o_iovec_t *body)
{
    h2o_send(req, body, 1, H2O_SEND_STATE_FINAL);
    library_end = conn->sock->_cb.write;
    conn->sock->_cb.write = conn_on_write;
    begin_write(conn, library_end);
}

void
conn_write(struct conn *conn, h2o_iovec_t *bufs, size_t n_bufs, bool is_last)
{
    h2o_iovec_t sealed;

    assert(library_end != NULL && (n_bufs > 0 || is_last) && n_bufs <= CONN_WRITE_BUFS);
    if (n_bufs > 0) {
        if (conn->tls != NULL) {
            sealed = conn_tls_seal(conn, bufs, n_bufs);
            bufs = &sealed;
            n_bufs = 1;
        }
        if (conn->is_local) {
            memcpy(conn->unwritten, bufs, n_bufs * sizeof bufs[0]);
            conn->n_unwritten = n_bufs;
            write_piece(conn);
        } else {
            interpose_write(conn->sock, bufs, n_bufs, conn_on_write);
        }
        begin_write(conn, is_last ? library_end : conn_on_part_written);
        return;
    }
    conn->n_refs++;
    library_end(conn->sock, NULL);
    conn_deadline_settle(conn);
    conn_unref(conn);
}

bool
conn_socket_write(h2o_socket_t *sock, h2o_iovec_t *bufs, size_t n_bufs, h2o_socket_cb cb)
{
    struct conn *conn = conn_from_socket(sock);

    if (conn == NULL || conn->tls == NULL)
        return false;
    h2o_iovec_t sealed = conn_tls_seal(conn, bufs, n_bufs);
    interpose_write(sock, &sealed, 1, cb);
    return true;
}

/*
 * Of a UNIX socket we learn no more than what waits in it, which is as much as ever once it has
 * been read and filled again. A piece is less than there is room for when the kernel says that
 * there is some: it is gone by then, and until then what waits can only become less.
 */
static void
write_piece(struct conn *conn)
{
    h2o_iovec_t bufs[CONN_WRITE_BUFS];
    size_t n = 0, n_whole = 0, room = LOCAL_PIECE;

    for (; n < conn->n_unwritten && room > 0; n++) {
        h2o_iovec_t *from = &conn->unwritten[n];
        size_t len = from->len < room ? from->len : room;

        bufs[n] = h2o_iovec_init(from->base, len);
        *from = h2o_iovec_init(from->base + len, from->len - len);
        n_whole += from->len == 0;
        room -= len;
    }
    conn->n_unwritten -= n_whole;
    memmove(conn->unwritten, conn->unwritten + n_whole, conn->n_unwritten * sizeof bufs[0]);
    conn->acked_bytes = UINT64_MAX; /* nobody has looked at this one */
    interpose_write(conn->sock, bufs, n, conn_on_write);
}

static void
begin_write(struct conn *conn, h2o_socket_cb after_write)
{
    assert(!conn->is_writing && h2o_socket_is_writing(conn->sock));
    conn->after_write = after_write;
    conn->is_writing = true;
    conn_deadline_set(conn, conn->server->conf.write_stall_timeout_us);
}

static void
conn_on_write(h2o_socket_t *sock, const char *err)
{
    struct conn *conn = conn_from_socket(sock);

    assert(conn != NULL && conn->is_writing);
    if (conn->n_unwritten > 0 && err == NULL) {
        write_piece(conn);
        conn_deadline_set(conn, conn->server->conf.write_stall_timeout_us);
        return;
    }
    conn->n_refs++;
    conn->is_writing = false;
    conn->n_unwritten = 0;
    if (conn->tls != NULL)
        tls_session_drop(conn->tls);
    if (err != NULL)
        conn->is_write_failed = true;
    conn->after_write(sock, err);
    conn_deadline_settle(conn);
    conn_unref(conn);
}

static void
conn_on_part_written(h2o_socket_t *sock, const char *err)
{
    struct conn *conn = conn_from_socket(sock);

    if (err != NULL)
        conn_close(conn);
    else
        exchange_on_written(conn->exchange);
}
