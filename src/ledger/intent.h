/* SPDX-License-Identifier: ISC
 *
 * intent - durability strict: no call is made before a note of it is durable, and the notes that
 * are left without a flight at a start (the power was cut) become indeterminate rows.
 */
#ifndef LEDGER_INTENT_H
#define LEDGER_INTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

#define INTENT_BATCH 1000

struct ledger;

/* Flights that ask for a note. */
struct intents {
    uint32_t asking[INTENT_BATCH];
    size_t n_asking;
};

/* Steps of a settlement (settle.c): who asks, the rows of the batch, and, once it is durable, the
 * word to those who wait. by_scan: look at every slot. */
void intent_collect(struct ledger *ledger, bool by_scan);
int intent_write(struct ledger *ledger) MUST_CHECK;
void intent_release(struct ledger *ledger);

/* At a start: notes of calls that no flight is left of. */
int intent_adopt(struct ledger *ledger, struct errmsg *why) MUST_CHECK;

#endif
