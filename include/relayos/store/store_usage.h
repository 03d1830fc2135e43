/* SPDX-License-Identifier: ISC
 *
 * store_usage - sums by key, period and model, kept in step with the ledger rows.
 *
 * Process: the ledger.
 */
#ifndef RELAYOS_STORE_STORE_USAGE_H
#define RELAYOS_STORE_STORE_USAGE_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/limits.h"
#include "relayos/store/store.h"

/* What a group of keys has used: in one period, or ever (period_id 0). */
int store_usage_of_group(struct store *store, uint64_t group_id, uint32_t period_id,
                         int64_t *out_nusd, int64_t *out_tokens) MUST_CHECK;

struct store_usage_row {
    uint64_t key_id;              /* 0 in a report by model */
    char key_name[LIMIT_NAME];    /* "" likewise */
    char model[LIMIT_MODEL_NAME]; /* "" in a report by key */
    int64_t n_requests, n_failed, input, cache_read, cache_write, output, reasoning, charge_nusd,
        cost_nusd;
};
enum store_usage_by { STORE_USAGE_BY_KEY, STORE_USAGE_BY_MODEL };

/* The n rows that cost most; key_id 0 = all keys. */
struct store_usage_query {
    enum store_usage_by by;
    uint64_t key_id;
    uint32_t period_id;
};
int store_usage_report(struct store *store, const struct store_usage_query *query,
                       struct store_usage_row *out, size_t n, size_t *out_n) MUST_CHECK;

#endif
