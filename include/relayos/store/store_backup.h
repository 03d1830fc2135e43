/* SPDX-License-Identifier: ISC
 *
 * store_backup - a copy of the living database, in slices: what is written between two slices is in
 * the copy too.
 *
 * The copy is made under a temporary name, 0600, checked, made durable and only then renamed: a
 * file of the final name is whole.
 *
 * Process: the ledger.
 */
#ifndef RELAYOS_STORE_STORE_BACKUP_H
#define RELAYOS_STORE_STORE_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/store/store.h"

struct store_backup;

/* ERR_EXISTS: there is such a file, or a backup to it is under way. */
int store_backup_new(struct store *store, const char *path, struct store_backup **out,
                     struct errmsg *why) MUST_CHECK;
/* Copy about n_pages more (not inside a batch); ERR_BUSY: not now, try again. */
int store_backup_step(struct store_backup *backup, int n_pages, bool *out_is_done,
                      struct errmsg *why) MUST_CHECK;
/* After the last step: check, make durable, rename. */
int store_backup_finish(struct store_backup *backup, struct errmsg *why) MUST_CHECK;
/* Whatever is not finished is removed. To be called before the store is closed. */
void store_backup_free(struct store_backup **backup);

struct store_backup_progress {
    int n_pages, n_left;
};
struct store_backup_progress store_backup_progress(const struct store_backup *backup);

#endif
