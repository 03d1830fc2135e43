/* SPDX-License-Identifier: ISC
 *
 * row_reply - ledger rows as commands answer them (ROW in commands.def): one by one, page by page.
 */
#ifndef LEDGER_ROW_REPLY_H
#define LEDGER_ROW_REPLY_H

#include "dispatch.h"
#include "relayos/base/text.h"

dispatch_handler row_reply_page, row_reply_show;

#endif
