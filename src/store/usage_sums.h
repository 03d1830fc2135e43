/* SPDX-License-Identifier: ISC
 *
 * usage_sums - what a batch adds to the usage table, summed in memory by key, day and model until
 * the batch ends: one upsert each, however many rows it settles.
 *
 * Bounds: written early when the table is full.
 */
#ifndef STORE_USAGE_SUMS_H
#define STORE_USAGE_SUMS_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/limits.h"

struct usage_sum {
    uint64_t key_id;
    uint32_t day;
    uint32_t n_rows; /* ledger rows, corrections included */
    char model[LIMIT_MODEL_NAME];
    int64_t n_requests, n_failed, input, cache_read, cache_write, output, reasoning, quota_tokens,
        charge_nusd, cost_nusd, last_us;
};

struct store;
struct usage_sums;

struct usage_sums *usage_sums_new(void);
void usage_sums_free(struct usage_sums **sums);

/* Inside a batch: add to the sum of delta's key, day and model. */
int usage_sums_add(struct store *store, const struct usage_sum *delta) MUST_CHECK;
/* Before the commit, and before anybody reads the tables inside a batch. */
int usage_sums_flush(struct store *store) MUST_CHECK;
void usage_sums_forget(struct usage_sums *sums);

#endif
