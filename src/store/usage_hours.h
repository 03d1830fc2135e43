/* SPDX-License-Identifier: ISC
 *
 * usage_hours - what was used by hour and model on the latest days: the ledger's rows added up as
 * far as they were read, so that only those that came since are read again.
 */
#ifndef STORE_USAGE_HOURS_H
#define STORE_USAGE_HOURS_H

#include "relayos/store/store_usage_table.h"

struct usage_hours;

struct usage_hours *usage_hours_new(void);
void usage_hours_free(struct usage_hours **hours);

/* The hours of the query's days, of all keys. ERR_BUSY: not by the deadline; next time it goes on.
 */
int usage_hours_add(struct store *store, struct usage_hours *hours,
                    const struct store_usage_table_query *query,
                    struct store_usage_table *table) MUST_CHECK;

#endif
