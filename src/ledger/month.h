/* SPDX-License-Identifier: ISC
 *
 * month - calendar months in UTC as period ids (202611), and the roll from one to the next.
 *
 * A key's cells for this month and the next are both open, so workers change over by themselves at
 * the boundary, to the microsecond; the ledger then opens the month after, at its leisure. There is
 * no reset: the old month's cell stays until its last reservation is settled.
 */
#ifndef LEDGER_MONTH_H
#define LEDGER_MONTH_H

#include <stdint.h>

#include "relayos/base/err.h"

uint32_t month_next(uint32_t month);
/* First instant after it, real time. */
int64_t month_end_us(uint32_t month);

struct ledger;
/* At start: the later of the clock's month and the last one seen, which is written down. */
int month_restore(struct ledger *ledger) MUST_CHECK;
/* Has a month ended? Then all keys are published anew. */
int month_check(struct ledger *ledger) MUST_CHECK;

#endif
