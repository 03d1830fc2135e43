/* SPDX-License-Identifier: ISC */
#include "conn_tls.h"

#include <errno.h>
#include <sys/socket.h>

static bool encrypt(struct conn *conn, const h2o_iovec_t *bufs, size_t n_bufs);

/* All that one read makes: nothing may stay behind in the session, no event would tell of it. */
ssize_t
conn_tls_read(struct conn *conn)
{
    struct server *server = conn->server;
    h2o_buffer_t **input = &conn->sock->input;
    ssize_t n = recv(h2o_socket_get_fd(conn->sock), server->scratch, SERVER_SCRATCH_SIZE, 0);
    ssize_t n_plain = 0, n_record;

    if (n <= 0)
        return n;
    tls_session_give(conn->tls, slice_of(server->scratch, (size_t)n));
    while ((n_record = tls_session_read(conn->tls, server->plain, SERVER_PLAIN_SIZE)) > 0) {
        memcpy(h2o_buffer_reserve(input, (size_t)n_record).base, server->plain, (size_t)n_record);
        (*input)->size += (size_t)n_record;
        n_plain += n_record;
    }
    if (n_plain > 0)
        return n_plain; /* if it has ended behind them, the next read says so */
    if (n_record < 0)
        return 0;   /* closed, or no TLS any more */
    errno = EAGAIN; /* a part of a record, or one that is not for us to see */
    return -1;
}

ssize_t
conn_tls_open(struct conn *conn, struct slice bytes,
              void (*take)(struct conn *conn, const char *bytes, size_t len))
{
    char *plain = conn->server->plain;
    ssize_t n;

    tls_session_give(conn->tls, bytes);
    while ((n = tls_session_read(conn->tls, plain, SERVER_PLAIN_SIZE)) > 0)
        take(conn, plain, (size_t)n);
    return n == 0 ? (ssize_t)bytes.len : 0;
}

h2o_iovec_t
conn_tls_seal(struct conn *conn, const h2o_iovec_t *bufs, size_t n_bufs)
{
    if (!encrypt(conn, bufs, n_bufs)) /* the write fails, and whoever waits for it hears */
        shutdown(h2o_socket_get_fd(conn->sock), SHUT_RDWR);

    struct slice bytes = tls_session_take(conn->tls);
    return bytes.len > 0 ? h2o_iovec_init(bytes.ptr, bytes.len) : h2o_iovec_init(H2O_STRLIT("\0"));
}

/* Small ones share a record: heads, the size of a chunk and its end. */
static bool
encrypt(struct conn *conn, const h2o_iovec_t *bufs, size_t n_bufs)
{
    char *plain = conn->server->plain;
    size_t len = 0;

    for (size_t i = 0; i < n_bufs; i++) {
        for (size_t at = 0, n; at < bufs[i].len; at += n) {
            n = bufs[i].len - at;
            if (n > SERVER_PLAIN_SIZE - len)
                n = SERVER_PLAIN_SIZE - len;
            memcpy(plain + len, bufs[i].base + at, n);
            len += n;
            if (len == SERVER_PLAIN_SIZE && !tls_session_write(conn->tls, slice_of(plain, len)))
                return false;
            len %= SERVER_PLAIN_SIZE;
        }
    }
    return tls_session_write(conn->tls, slice_of(plain, len));
}

void
conn_tls_on_close(h2o_socket_t *sock)
{
    struct conn *conn = conn_from_socket(sock);

    if (conn == NULL || conn->tls == NULL || h2o_socket_is_writing(sock))
        return;
    tls_session_say_goodbye(conn->tls);
    struct slice bytes = tls_session_take(conn->tls);
    if (bytes.len > 0)
        (void)!send(h2o_socket_get_fd(sock), bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}
