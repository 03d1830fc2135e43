/* SPDX-License-Identifier: ISC
 *
 * undertaker - a worker died: each of its flights is brought to an end by what is known of it.
 *
 *   died in               row
 *   INTENT, HELD          internal, charge 0: nothing was sent
 *   RELEASING             its own category, charge 0: it had failed before usage
 *   DISPATCHED, usage     what the provider reported, at the price pinned at admission
 *   DISPATCHED, no usage  indeterminate, charge 0: the operator sees that something may have run
 */
#ifndef LEDGER_UNDERTAKER_H
#define LEDGER_UNDERTAKER_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct undertaker_tally {
    int64_t n_settled, n_voided, n_indeterminate;
};

struct ledger;

/* Flights first .. first + n - 1 whose worker is dead become DONE; settlement does the rest. */
void undertaker_bury_orphans(struct ledger *ledger, uint32_t first, uint32_t n,
                             struct undertaker_tally *tally);
/* All that is owed to the dead worker of a process slot, which is vacant afterwards. */
int undertaker_visit(struct ledger *ledger, uint32_t slot, struct undertaker_tally *tally,
                     struct errmsg *why) MUST_CHECK;

#endif
