/* SPDX-License-Identifier: ISC
 *
 * server_body - what a handler makes of a body, beyond what came, counts among the bodies in memory
 * (server_conf.max_body_memory): a few bytes may name many that are remembered, or fetched.
 *
 * Process: worker. Failure: no room; the caller is told to come back.
 */
#ifndef RELAYOS_NET_SERVER_BODY_H
#define RELAYOS_NET_SERVER_BODY_H

#include "relayos/net/server.h"

/* It is n bytes now; *counted is what is in the sum for it. False: there is no room, and all is as
 * it was. For up to 64 KiB there always is. */
bool server_count_body(struct server *server, size_t *counted, size_t n) MUST_CHECK;
/* It is freed. */
void server_forget_body(struct server *server, size_t *counted);

#endif
