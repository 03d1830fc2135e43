/* SPDX-License-Identifier: ISC
 *
 * ready - telling the world that we serve: pid file, service manager, launcher, log.
 */
#ifndef MASTER_READY_H
#define MASTER_READY_H

struct master;

void ready_announce(struct master *master);
/* To the service manager alone: (still) ready, and what there is to say about it. */
void ready_notify(const struct master *master, const char *news);
/* The pid file goes with the process. */
void ready_withdraw(const struct master *master);

#endif
