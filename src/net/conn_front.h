/* SPDX-License-Identifier: ISC
 *
 * conn_front - what comes before HTTP on a connection: the PROXY header of a load balancer, then
 * the TLS handshake. It fails closed: who does not do what the listener wants is closed.
 */
#ifndef NET_CONN_FRONT_H
#define NET_CONN_FRONT_H

#include "conn.h"

/* Does the listener want anything of it? */
bool conn_front_is_wanted(const struct server_listener *listener);
/* The connection may be gone when this returns. */
void conn_front_begin(struct conn *conn, struct server_listener *listener);
/* Too late, or a drain: the connection is closed. */
void conn_front_end(struct conn *conn, const char *reason);
void conn_front_free(struct conn *conn);

/* Sets request->client_address, by what proxies that are trusted say of it, and is_by_proxy. */
void conn_front_note_client(const struct conn *conn, struct http_request *request);
/* Is that address (4 or 16 bytes; none: a UNIX socket's) one of them? */
bool conn_front_is_of(const struct server_networks *networks, struct slice address);
/* Closed before it was a connection of ours: said in the log, not too often. */
void conn_front_note(struct server *server, const char *client_address, const char *reason);

#endif
