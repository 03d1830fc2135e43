/* SPDX-License-Identifier: ISC
 *
 * store_usage_cache - what each key has used of each model on a day, kept while the day's sums are
 * what they were.
 */
#ifndef STORE_STORE_USAGE_CACHE_H
#define STORE_STORE_USAGE_CACHE_H

#include "relayos/store/store_usage_table.h"

/* The sums of all keys on the query's days, by key; from its cache, if it has one. ERR_BUSY: called
 * again with the same table it goes on. */
int store_usage_cache_add(struct store *store, const struct store_usage_table_query *query,
                          struct store_usage_table *table) MUST_CHECK;
struct usage_hours *store_usage_cache_hours(struct store_usage_cache *cache);

#endif
