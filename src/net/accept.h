/* SPDX-License-Identifier: ISC
 *
 * accept - connections in, and room for them. Whoever comes when all is taken gets the place of
 * somebody who waits (places.h); only when everybody is being served are the listeners left alone
 * until somebody is done.
 *
 * Connections have nine of twenty descriptors at most, as calls to upstreams need as many. They are
 * short from nine tenths of the limit on. Should
 * there be none at all, the one kept in reserve lets a caller in to be shown out, so that nobody
 * hangs; then there is a pause, as the listener stays readable and would be asked again at once.
 */
#ifndef NET_ACCEPT_H
#define NET_ACCEPT_H

#include "server_impl.h"

/* The listeners of its config are its own now. */
void accept_open(struct server *server);
void accept_close(struct server *server);
/* A connection is gone, or has begun to wait. */
void accept_on_room(struct server *server);

/* May one more of that address (4 or 16 bytes; none: a UNIX socket) come in? One of its own that
 * waits may have had to go for it. False: it has as many as it may; that is counted and said. */
bool accept_lets_in(struct server *server, struct slice address, const char *text);

/* The kernel gives out the lowest number that is free: all below it are taken. Pure. */
bool accept_is_short(int fd, uint32_t max_fds);

#endif
