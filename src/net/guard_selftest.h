/* SPDX-License-Identifier: ISC
 *
 * guard_selftest - the proof, at each start, that the library parses with our guard.
 */
#ifndef NET_GUARD_SELFTEST_H
#define NET_GUARD_SELFTEST_H

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "server_impl.h"

/* Smuggle requests to the server over a socket pair. 0, or ERR_UNSAFE with *why. No listener may be
 * open yet; the handler is replaced meanwhile. */
int guard_selftest_run(struct server *server, struct errmsg *why) MUST_CHECK;

#endif
