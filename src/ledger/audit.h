/* SPDX-License-Identifier: ISC
 *
 * audit - the books against themselves at a start, and quota cells against the sums while it runs.
 */
#ifndef LEDGER_AUDIT_H
#define LEDGER_AUDIT_H

#include "dispatch.h"

/*
 * Before anything is published: the sums are what the ledger rows add up to, or the start is
 * refused with what differs and what to do. When we were told to repair they are made so.
 */
int audit_start(struct ledger *ledger, struct errmsg *why) MUST_CHECK;

dispatch_handler audit_cells;

#endif
