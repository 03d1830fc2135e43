/* SPDX-License-Identifier: ISC
 *
 * retention - what is dropped of old: traces after trace_retention; ledger rows, if row_retention
 * says so, of whole months that are over for that long, are billed, and verify.
 *
 * Always in slices with settlements between them.
 */
#ifndef LEDGER_RETENTION_H
#define LEDGER_RETENTION_H

#include "dispatch.h"

/* With each checkpoint, for a bounded time; what is left is for the next one. */
int retention_run(struct ledger *ledger, struct errmsg *why) MUST_CHECK;

/* Days up to one are billed: only rows of those are ever dropped. It never goes back. */
dispatch_handler retention_set_billed;

#endif
