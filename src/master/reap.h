/* SPDX-License-Identifier: ISC
 *
 * reap - children that ended: noted, mourned by the undertaker, replaced after a pause.
 */
#ifndef MASTER_REAP_H
#define MASTER_REAP_H

#include <stdbool.h>
#include <stdint.h>

struct master;

/* The work list's first entry. */
void reap_work(struct master *master, int64_t now_us);
/* Send the undertaker (of a ready ledger) to each dead worker's slot it is not at yet. */
void reap_send_undertaker(struct master *master, int64_t now_us);
/* The next visit's time. */
int64_t reap_wake_us(const struct master *master);
/* Is a dead worker's slot still to be taken care of? */
bool reap_has_dead(const struct master *master);

#endif
