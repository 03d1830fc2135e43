/* SPDX-License-Identifier: ISC
 *
 * conn_body - which bodies are read, and what they take of memory.
 *
 * A body that is not here with its head is read only if the handler wants it (server.h, on_head)
 * and there is room. Otherwise it is withheld: the library is made to believe that the request is
 * whole and hands it over, the handler answers, and the connection is closed behind the answer.
 *
 * Memory is counted as bytes arrive, never as announced: whoever promises 32 MiB and sends nothing
 * takes nothing from others.
 */
#ifndef NET_CONN_BODY_H
#define NET_CONN_BODY_H

#include "conn.h"

/* Small ones always do: size bytes, of which `more` are not in the sum yet. */
bool conn_body_fits(const struct server *server, size_t size, size_t more);
/* Of a head that has a body. False: withhold it. */
bool conn_body_is_wanted(struct conn *conn, const struct guard_head *head);
/* More of a body was read: count it, and withhold it from the library if that is too much. */
void conn_body_on_bytes(struct conn *conn);
/* Room for the next read of a body of known length. */
void conn_body_reserve(struct conn *conn);

/* The request at hand takes what is in the buffer behind its head. */
void conn_body_count(struct conn *conn);
/* It takes nothing any more. */
void conn_body_forget(struct conn *conn);
/* Free the input; as far as the library goes it still holds size bytes, the request at hand. */
void conn_body_drop(struct conn *conn, size_t size);

#endif
