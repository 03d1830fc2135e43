/* SPDX-License-Identifier: ISC
 *
 * usage_sample - how long requests took, for the percentiles of a table of usage: of some hundred
 * of them, whatever there were.
 */
#ifndef STORE_USAGE_SAMPLE_H
#define STORE_USAGE_SAMPLE_H

#include "db.h"
#include "relayos/store/store_usage_table.h"

/* Fills in the percentiles of the table's groups. */
int usage_sample_add(struct store *store, const struct store_usage_table_query *query,
                     struct store_usage_table *table) MUST_CHECK;

/* Ledger rows of the query's days have numbers in first < seq <= last. */
int usage_sample_range(struct store *store, const struct store_usage_table_query *query,
                       int64_t *first, int64_t *last) MUST_CHECK;
/* The group that a row is of (key, name, tool, owner, model, period), all its sums zero; its key.
 */
uint64_t usage_sample_read(struct db_cursor *row, enum store_usage_column by,
                           struct store_usage_group *out);

/* ---- store_usage_table.c ---- */

/* The columns of USAGE_NUMBERS, the rest of *out as it was. */
void store_usage_table_read(struct db_cursor *row, struct store_usage_group *out);
/* Added to the group of that key, label and period. */
void store_usage_table_add(struct store_usage_table *table, const struct store_usage_group *wanted,
                           const struct store_usage_group *sums);
/* NULL: there is none. */
const struct store_usage_group *store_usage_table_find(const struct store_usage_table *table,
                                                       const struct store_usage_group *wanted);

#endif
