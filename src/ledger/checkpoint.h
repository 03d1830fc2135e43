/* SPDX-License-Identifier: ISC
 *
 * checkpoint - the store's housekeeping: its log into the database, old traces out of it.
 */
#ifndef LEDGER_CHECKPOINT_H
#define LEDGER_CHECKPOINT_H

#include "dispatch.h"

dispatch_handler checkpoint_run;

struct ledger;
/* The same when nobody has asked for three intervals: the log must not grow for ever. */
void checkpoint_unasked(struct ledger *ledger, int64_t now_us);

#endif
