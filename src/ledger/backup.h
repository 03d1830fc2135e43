/* SPDX-License-Identifier: ISC
 *
 * backup - a copy of the database, made slice by slice as its asker asks for the next: settlements
 * come between, and nothing goes on when the asker is gone.
 */
#ifndef LEDGER_BACKUP_H
#define LEDGER_BACKUP_H

#include "dispatch.h"

dispatch_handler backup_begin, backup_next, backup_end;

/* Give up one whose asker has gone. */
void backup_tick(struct ledger *ledger, int64_t now_us);
/* Before the store is closed: what is not finished is removed. */
void backup_drop(struct ledger *ledger);

#endif
