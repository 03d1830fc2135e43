/* SPDX-License-Identifier: ISC
 *
 * report - what answers about keys, requests, usage, models and prices are made of: the store, the
 * segment, the catalog, and who asks. Answers are maps and arrays of a frame, the same for
 * relayosctl and for the console (commands.def has their members).
 *
 * A viewer who sees no routes is told nothing of routes, upstreams, credentials, attempts, choices
 * or costs; one with an owner finds their own keys and what those did, as if there was no more.
 *
 * Process: the ledger; the console, with a store that only reads.
 */
#ifndef RELAYOS_REPORT_REPORT_H
#define RELAYOS_REPORT_REPORT_H

#include "relayos/base/period.h"
#include "relayos/report/viewer.h"
#include "relayos/shm/catalog.h"
#include "relayos/shm/segment.h"
#include "relayos/store/store.h"

struct report {
    struct store *store; /* NULL where one may do without: what it would say is left out */
    const struct segment *segment;
    const struct catalog *catalog;
    const char *environment; /* of keys: sk-<environment>- */
    struct viewer viewer;
    struct period now[PERIOD_N_KINDS]; /* those that quotas are of */
};

/* The periods that hold an instant. */
void report_set_now(struct report *report, int64_t real_us);

#endif
