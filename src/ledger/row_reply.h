/* SPDX-License-Identifier: ISC
 *
 * row_reply - ledger rows as commands answer them (ROW in commands.def): one by one, page by page.
 */
#ifndef LEDGER_ROW_REPLY_H
#define LEDGER_ROW_REPLY_H

#include "dispatch.h"
#include "relayos/base/text.h"

dispatch_handler row_reply_page, row_reply_show;

struct store_row;
/* The members of a ROW, into an open map. */
void row_reply_write(struct ledger *ledger, const struct store_row *row, struct frame_out *out);

/* "corrections": those made of that row. */
int row_reply_corrections(struct ledger *ledger, struct uuid request_id,
                          struct frame_out *out) MUST_CHECK;

#endif
