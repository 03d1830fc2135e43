/* SPDX-License-Identifier: ISC
 *
 * store_key_row - how a row of the key tables becomes part of a key_record, for whoever reads them.
 */
#ifndef STORE_STORE_KEY_ROW_H
#define STORE_STORE_KEY_ROW_H

#include "db.h"
#include "relayos/model/key.h"

/* The columns of KEY_COLUMNS (statements.def). */
void store_key_read_row(struct db_cursor *cursor, struct key_record *out);
/* unit, period, amount, model, is_shadow: one more limit, or max_concurrent. */
void store_key_read_limit(struct db_cursor *cursor, struct key_record *key);

#endif
