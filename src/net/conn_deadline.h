/* SPDX-License-Identifier: ISC
 *
 * conn_deadline - how long a connection may take for what it does now: one timer, a limit for each
 * state. When it fires on a body or an answer it looks how far that has come, and is set again.
 */
#ifndef NET_CONN_DEADLINE_H
#define NET_CONN_DEADLINE_H

#include "conn.h"

/* After the library has run: is it waiting for something else than before? The connection may be
 * gone when this returns. */
void conn_deadline_settle(struct conn *conn);
void conn_deadline_set(struct conn *conn, int64_t after_us);

#endif
