/* SPDX-License-Identifier: ISC
 *
 * day - the day of the books, and the turn from one to the next.
 *
 * A key's cells for this period and the next are both open, so workers change over by themselves at
 * the boundary, to the microsecond; the ledger then opens the period after, at its leisure. There
 * is no reset: the old period's cell stays until its last reservation is settled.
 */
#ifndef LEDGER_DAY_H
#define LEDGER_DAY_H

#include "relayos/base/err.h"

struct ledger;
/* At start: the later of the clock's day and the last one seen, which is written down. */
int day_restore(struct ledger *ledger) MUST_CHECK;
/* Has a day ended? Then the keys whose limits' periods have ended are published anew. */
int day_check(struct ledger *ledger) MUST_CHECK;

#endif
