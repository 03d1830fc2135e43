/* SPDX-License-Identifier: ISC
 *
 * journal - pages of the audit trail, the newest first.
 */
#ifndef CONSOLE_JOURNAL_H
#define CONSOLE_JOURNAL_H

#include "call.h"
#include "relayos/store/store_trail.h"

/* Answers the page that the query's cursor and limit name. */
void journal_page(struct call *call, const struct store_trail_filter *filter);

#endif
