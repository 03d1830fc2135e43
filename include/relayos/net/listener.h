/* SPDX-License-Identifier: ISC
 *
 * listener - sockets bound in the master before it forks (no library call: the master stays free of
 * libh2o). TCP_NODELAY and close-on-exec are set here and inherited by what is accepted. IPv6
 * sockets take IPv6 alone, whatever the system's default: [::] and 0.0.0.0 stand side by side.
 */
#ifndef RELAYOS_NET_LISTENER_H
#define RELAYOS_NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

/* Bind and listen, non-blocking; port 0 takes a free one, see *out_port. ERR_EXISTS: another socket
 * listens there; ERR_IO; both say what to do. host is a numeric address or a name resolved once. */
int listener_open(const char *host, uint16_t port, int *out_fd, uint16_t *out_port,
                  struct errmsg *why) MUST_CHECK;

/* The same on a UNIX socket. It has its mode and owner ("USER", "USER:GROUP", "" = ours) before
 * anybody can connect. A path where nobody listens any more is taken over; one that is no socket is
 * ERR_EXISTS. The file stays when we end: a successor may listen there already. */
int listener_open_unix(const char *path, uint32_t mode, const char *owner, int *out_fd,
                       struct errmsg *why) MUST_CHECK;

/* Does fd (from a worker of a dead master) listen there? port 0 = any; *out_port = its own. A host
 * that begins with '/' is the path of a UNIX socket. */
bool listener_is_at(int fd, const char *host, uint16_t port, uint16_t *out_port);

#endif
