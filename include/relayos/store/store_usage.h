/* SPDX-License-Identifier: ISC
 *
 * store_usage - sums by key, day and model, kept in step with the ledger rows.
 *
 * A day is yyyymmdd (20261125) in the configured zone, pinned at admission: of these sums every
 * period (day, week, month, ever) is a range of days, both ends inclusive; 0 and UINT32_MAX are
 * open ends.
 *
 * Process: the ledger. Inside a batch the sums include what the batch has settled so far.
 */
#ifndef RELAYOS_STORE_STORE_USAGE_H
#define RELAYOS_STORE_STORE_USAGE_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/limits.h"
#include "relayos/base/slice.h"
#include "relayos/store/store.h"

/* What a group of keys has used of a model (empty = of all) on those days. */
int store_usage_of_group(struct store *store, uint64_t group_id, struct slice model,
                         uint32_t first_day, uint32_t last_day, int64_t *out_nusd,
                         int64_t *out_tokens) MUST_CHECK;

/*
 * The sums of many groups, read in one ordered pass: for a start, where asking for each group would
 * take as many look-ups. Rows are in order of group. Free with store_usage_page_fini().
 */
struct store_usage_sum {
    uint64_t group_id;
    uint32_t day;
    char model[LIMIT_MODEL_NAME];
    int64_t nusd, tokens;
};
struct store_usage_page {
    struct store_usage_sum *sums;
    size_t n_sums, capacity;
    uint64_t after, last;         /* what it answers for: after < group_id <= last, */
    uint32_t first_day, last_day; /* and these days */
};
int store_usage_page_load(struct store *store, struct store_usage_page *page) MUST_CHECK;
void store_usage_page_fini(struct store_usage_page *page);
/* As store_usage_of_group(), which it asks when the page does not hold the answer. */
struct store_usage_wanted {
    uint64_t group_id;
    struct slice model;
    uint32_t first_day, last_day;
};
int store_usage_page_sum(struct store *store, const struct store_usage_page *page,
                         const struct store_usage_wanted *wanted, int64_t *out_nusd,
                         int64_t *out_tokens) MUST_CHECK;

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
    uint32_t first_day, last_day;
};
int store_usage_report(struct store *store, const struct store_usage_query *query,
                       struct store_usage_row *out, size_t n, size_t *out_n) MUST_CHECK;

#endif
