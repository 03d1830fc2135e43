/* SPDX-License-Identifier: ISC
 *
 * conn_tls - a connection's bytes through its TLS session, where it has one.
 */
#ifndef NET_CONN_TLS_H
#define NET_CONN_TLS_H

#include "conn.h"

/* One read of the socket, its plaintext to the socket's input; as recv() says it. */
ssize_t conn_tls_read(struct conn *conn);
/* The plaintext of these to take(). More than 0; or 0: the client has ended it. */
ssize_t conn_tls_open(struct conn *conn, struct slice bytes,
                      void (*take)(struct conn *conn, const char *bytes, size_t len));
/* What goes on the wire for them, until it is written: of the session. */
h2o_iovec_t conn_tls_seal(struct conn *conn, const h2o_iovec_t *bufs, size_t n_bufs);

/* The socket of a connection or of something else is about to be closed. A last word, if there is
 * room for it: an alert, or that nothing is missing. */
void conn_tls_on_close(h2o_socket_t *sock);

#endif
