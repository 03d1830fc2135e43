/* SPDX-License-Identifier: ISC
 *
 * takeover - the shared segment at start: made anew, or kept from a master that died.
 *
 * The segment is the outbox: a request that was charged in it and not yet settled stands nowhere
 * else. So one that is there is never thrown away. The dead master's workers go on serving and are
 * adopted (adopt.h), its ledger is ended before ours starts: there is one accountant. A segment
 * that this program cannot read refuses the start, with the way out.
 */
#ifndef MASTER_TAKEOVER_H
#define MASTER_TAKEOVER_H

#include <stddef.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct master;
struct salvaged;
struct segment_capacity;

/* One master for each data_dir: held until this process ends, however it ends. */
int takeover_lock(struct master *master, struct errmsg *why) MUST_CHECK;
/* Sets master->segment and adopts living workers; the other worker slots are PROC_DEAD. */
int takeover_open_segment(struct master *master, struct errmsg *why) MUST_CHECK;
/* A new segment of the right name, with these flights in it; sets master->segment. */
int takeover_make_segment(struct master *master, const struct segment_capacity *capacity,
                          const struct salvaged *flights, size_t n_flights,
                          struct errmsg *why) MUST_CHECK;
/* The last step of a start, after all that may refuse it: from here on nobody settles until our
 * ledger does. */
int takeover_end_ledger(struct master *master, struct errmsg *why) MUST_CHECK;

#endif
