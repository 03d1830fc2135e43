/* SPDX-License-Identifier: ISC
 *
 * store_foreign - another program's SQLite database, read and left as it is. Columns are found by
 * their names, as versions of such programs differ.
 *
 * Process: any. Ownership: a row and its texts are good until its function returns.
 */
#ifndef RELAYOS_STORE_STORE_FOREIGN_H
#define RELAYOS_STORE_STORE_FOREIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct store_foreign;
struct store_foreign_row;
typedef void store_foreign_take(void *data, const struct store_foreign_row *row);

/* ERR_IO */
int store_foreign_open(const char *path, struct store_foreign **out, struct errmsg *why) MUST_CHECK;
void store_foreign_close(struct store_foreign **foreign);
bool store_foreign_can(const struct store_foreign *foreign, const char *sql);
/* Each row of a query. ERR_SYNTAX: it has no such tables, or is no database; ERR_IO. */
int store_foreign_each(const struct store_foreign *foreign, const char *sql,
                       store_foreign_take *take, void *data, struct errmsg *why) MUST_CHECK;

/* "" and 0 for null, and where there is no such column. */
const char *store_foreign_text(const struct store_foreign_row *row, const char *column);
int64_t store_foreign_int(const struct store_foreign_row *row, const char *column);

#endif
