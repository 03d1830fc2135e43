/* SPDX-License-Identifier: ISC
 *
 * snapshot - a configuration's models, routes and upstreams, written into the idle half of the
 * catalog; catalog_commit() makes it the one that workers see.
 */
#ifndef MASTER_SNAPSHOT_H
#define MASTER_SNAPSHOT_H

#include "relayos/base/errmsg.h"
#include "relayos/conf/conf.h"
#include "relayos/shm/catalog.h"

/* ERR_FULL with the capacity to raise; the active snapshot is as it was in any case. */
int snapshot_prepare(struct segment *segment, struct catalog *catalog, const struct conf *conf,
                     struct errmsg *why) MUST_CHECK;

#endif
