/* SPDX-License-Identifier: ISC
 *
 * quota - spending limits: one cell per limit and period, shared by workers and the ledger.
 *
 * Process:   held and given back by flights (flight.h), in workers and the ledger; the rest in the
 *            ledger.
 * Units:     a cell counts nano-USD, tokens or concurrent requests, never negative.
 * Shadow:    a cell that is a limit's shadow counts as others do, and refuses nothing.
 * Failure:   no locks, so a dead worker blocks nobody. What it had reserved stands in its flights;
 *            the ledger's reconcile gives it back.
 * Order:     an admission loads word (acquire), then used, then CAS; the ledger adds to used first,
 *            then takes the reservation off: an admission in between can only be too strict.
 */
#ifndef RELAYOS_SHM_QUOTA_H
#define RELAYOS_SHM_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/shm/segment.h"

struct quota_cell; /* layout: src/shm/layout.h, private to the shm layer */

/* The cell at idx if it is still of this generation, else NULL (it was recycled). */
struct quota_cell *quota_cell_at(const struct segment *segment, uint32_t idx, uint32_t generation);

/* Add what a committed ledger row says was used. Ledger only: used has one writer. */
void quota_charge(struct quota_cell *cell, int64_t used);

/* What people see: used, reserved, limit. Any process. */
struct quota_view {
    int64_t used, reserved, limit;
    uint32_t period_id, model_id;
    uint8_t unit;
    bool is_shadow;
};
void quota_view(const struct quota_cell *cell, struct quota_view *out);

/* What a cell counts. */
#define QUOTA_ALL_MODELS UINT32_MAX
struct quota_cell_id {
    uint64_t key_id;    /* of the group whose limit it is */
    uint32_t period_id; /* base/period.h */
    uint32_t model_id;  /* of the registry, or QUOTA_ALL_MODELS */
    uint8_t unit;       /* enum limit_unit */
};
struct quota_terms {
    int64_t limit, used;
    bool is_shadow;
};
/*
 * Ledger: the cell of that id, on these terms. The one that is open stays (a ledger that takes over
 * finds its predecessor's); else a free one is taken. ERR_FULL.
 */
int quota_cell_open(struct segment *segment, const struct quota_cell_id *id,
                    const struct quota_terms *terms, uint32_t *out_idx,
                    uint32_t *out_generation) MUST_CHECK;
/* Ledger, at start: what the store says was used. */
void quota_set_used(struct quota_cell *cell, int64_t used);
/* Walk, for a ledger that takes over a living segment: whose cell idx (< capacity.quota_cells) is.
 * ERR_MISSING if it is free. */
struct quota_cell_info {
    struct quota_cell_id id;
    uint32_t generation;
};
int quota_cell_info(const struct segment *segment, uint32_t idx,
                    struct quota_cell_info *out) MUST_CHECK;
/* Ledger: give a cell back once nothing is reserved on it; ERR_BUSY while something is. */
int quota_cell_close(struct segment *segment, uint32_t idx) MUST_CHECK;

/*
 * Ledger: make reserved of every open cell equal the sum over all flights that hold on it, where
 * the truth is uncertain (a worker died in INTENT or RELEASING): at each ledger start, and after
 * the flights of a dead worker were buried. Lock-free: reads words, sums, CAS on the word with its
 * version, retries while a living worker is in the middle of a move (bounded). ERR_BUSY when one
 * stays there (stopped): call again later, the reservation stays too high till then.
 */
int quota_reconcile_all(struct segment *segment) MUST_CHECK;

#endif
