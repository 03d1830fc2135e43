/* SPDX-License-Identifier: ISC
 *
 * spawn - children are born here and nowhere else.
 */
#ifndef MASTER_SPAWN_H
#define MASTER_SPAWN_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct master;
struct child;

/* Start every child whose time has come and that the phase wants. */
void spawn_work(struct master *master, int64_t now_us);
/* The earliest time at which spawn_work() has something to do. */
int64_t spawn_wake_us(const struct master *master);
/* A byte, or the end, on a child's ready pipe; true if it says that it is ready. */
bool spawn_on_ready_event(struct child *child);

#endif
