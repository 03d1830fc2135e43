/* SPDX-License-Identifier: ISC
 *
 * start - everything the children will inherit, in the order in which it can be had.
 */
#ifndef MASTER_START_H
#define MASTER_START_H

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct master;

/* Logs, directories, lock, pepper, segment, listeners, first snapshot, control socket. What was
 * opened before a failure is closed by start_undo(). */
int start_prepare(struct master *master, struct errmsg *why) MUST_CHECK;
void start_undo(struct master *master);
/* The console's listener, where it could not be had at the start. ERR_EXISTS, ERR_IO. */
int start_open_console(struct master *master, struct errmsg *why) MUST_CHECK;
/* Open the log files (again): at start and on SIGUSR1. */
int start_open_logs(const struct master *master, struct errmsg *why) MUST_CHECK;

#endif
