/* SPDX-License-Identifier: ISC
 *
 * store_archive - ledger rows of long closed days out of the database, once they were exported.
 *
 * The usage sums and totals of those days stay, and with them every quota and report. It never
 * touches a period that is not closed: neither this month nor a week that reaches into it.
 *
 * Process: the ledger, inside a batch.
 */
#ifndef RELAYOS_STORE_STORE_ARCHIVE_H
#define RELAYOS_STORE_STORE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/store/store.h"

/* First day that must stay, when today is that day. */
uint32_t store_archive_limit(uint32_t today);
/*
 * Rows of days before that one may go from now on. ERR_CONFLICT: not closed yet. ERR_STORE: the
 * rows do not verify against their sums, so they stay.
 */
int store_archive_allow(struct store *store, uint32_t before_day, uint32_t today,
                        struct errmsg *why) MUST_CHECK;
/* Look at n more rows and drop those that may go: *out_n were dropped. *out_is_done: all have been
 * looked at. The newest row always stays: row numbers go up for ever. */
int store_archive_drop(struct store *store, size_t n, size_t *out_n, bool *out_is_done) MUST_CHECK;

#endif
