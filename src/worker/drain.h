/* SPDX-License-Identifier: ISC
 *
 * drain - the signals of a worker, and how it comes to its end; until then it hands its listening
 * sockets to a new master that asks for them.
 */
#ifndef RELAYOS_WORKER_DRAIN_H
#define RELAYOS_WORKER_DRAIN_H

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct worker;

/* Signals, and the place where a new master asks. */
int drain_watch_signals(struct worker *worker, struct errmsg *why) MUST_CHECK;
/* Settle and cut whatever is left: nothing may stay open, whatever the clients do. */
void drain_end_all(struct worker *worker);

#endif
