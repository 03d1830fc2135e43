/* SPDX-License-Identifier: ISC
 *
 * takeover - the shared segment at start: made anew, or kept from a master that died.
 *
 * The segment is the outbox: a request that was charged in it and not yet settled stands nowhere
 * else. So one that is there is never thrown away. Children of the dead master are ended (workers
 * first, the ledger last), and the new ledger settles what their flights hold. A segment that this
 * program cannot read refuses the start, with the way out.
 */
#ifndef MASTER_TAKEOVER_H
#define MASTER_TAKEOVER_H

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct master;

/* One master for each data_dir: held until this process ends, however it ends. */
int takeover_lock(struct master *master, struct errmsg *why) MUST_CHECK;
/* Sets master->segment; its worker slots that held anything are PROC_DEAD. */
int takeover_open_segment(struct master *master, struct errmsg *why) MUST_CHECK;

#endif
