/* SPDX-License-Identifier: ISC
 *
 * handover - listening sockets go from the workers of a dead master to a new one, so that between
 * two generations no connection is refused and none in the accept queue is lost.
 *
 * Process:   the master makes the meeting place (run_dir/handover.sock) before it forks; workers,
 *            who inherit it, answer there whoever asks with the same sockets that they listen on.
 *            A new master asks before it makes a place of its own.
 * Trust:     the socket's file is 0600, and both sides look at the other's uid.
 */
#ifndef RELAYOS_NET_HANDOVER_H
#define RELAYOS_NET_HANDOVER_H

#include <stddef.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

/* Master: a place under another name; it takes the name that new masters ask at once workers answer
 * there (a master that dies in between must not have hidden its predecessor's). ERR_IO. */
int handover_open(const char *run_dir, int *out_fd, struct errmsg *why) MUST_CHECK;
int handover_publish(const char *run_dir, struct errmsg *why) MUST_CHECK;
void handover_unlink(const char *run_dir);

/* Worker: somebody is there; n = 0 sends them on to another worker. Never blocks. */
void handover_answer(int handover_fd, const int *listener_fds, size_t n);

/* New master: the listening sockets of living workers (close-on-exec), at most max. Returns how
 * many; 0 when nobody is there or has any. */
size_t handover_ask(const char *run_dir, int *out_fds, size_t max);

#endif
