/* SPDX-License-Identifier: ISC
 *
 * rebuild - a process died in a way that may have left anything in shared memory, and the audit
 * found that it did: everybody ends, a fresh segment takes the place of the damaged one, what was
 * owed is carried over, everybody starts again. (PostgreSQL does the same.) Connections wait in the
 * listening sockets meanwhile.
 */
#ifndef MASTER_REBUILD_H
#define MASTER_REBUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct master;

/* Did this signal end a process that may have written anywhere before? */
bool rebuild_is_suspect(int wait_status);
/* Audit the segment; begin if it is damaged. */
void rebuild_if_damaged(struct master *master, int64_t now_us);
/* The work list's entry: once nobody is left. */
void rebuild_work(struct master *master, int64_t now_us);

/* The exchange itself, with nobody attached but us: master->segment is the fresh one after it. */
int rebuild_exchange(struct master *master, struct errmsg *why) MUST_CHECK;

#endif
