/* SPDX-License-Identifier: ISC
 *
 * settle - finished flights become rows: collect, one transaction, commit, charge, free.
 *
 * Order: commit, then used, then reserved, then the slot. Killed between any two, the slot is DONE
 * still and the next ledger derives used from the store: nothing is lost and nothing charged twice.
 */
#ifndef LEDGER_SETTLE_H
#define LEDGER_SETTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/model/flight.h"

#define SETTLE_BATCH_ROWS     1000
#define SETTLE_BATCH_REFUSALS 256

/* What is left to do for a flight once its row is committed. */
struct settle_row {
    uint32_t flight_idx;
    uint32_t day_id, model_id;
    uint64_t key_id;
    int64_t charge_nusd, quota_tokens;
    bool is_new;
};

struct settle {
    struct settle_row rows[SETTLE_BATCH_ROWS];
    size_t n_rows;
    uint8_t *is_queued; /* per flight: in rows already, by doorbell or scan */
    struct refusal_record refusals[SETTLE_BATCH_REFUSALS];
    size_t n_refusals; /* taken, not committed yet */
    bool scan_is_due;  /* look at every slot, not only where the doorbell rang */
    int64_t last_scan_us;
    struct flight_record flight; /* the one being written */
};

struct settle_tally {
    int64_t n_settled, n_refusals;
};

struct ledger;

void settle_init(struct settle *settle, uint32_t n_flights);
void settle_fini(struct settle *settle);

/* Batch after batch until nothing waits or enough is done for one turn; adds to *tally. */
int settle_run(struct ledger *ledger, struct settle_tally *tally) MUST_CHECK;
/* The same for those with nobody to tell: an error is in the log, and the flights wait. */
void settle_try(struct ledger *ledger);

#endif
