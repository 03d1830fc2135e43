/* SPDX-License-Identifier: ISC
 *
 * store - the durable side: keys, ledger, usage, traces. One writer, the ledger process.
 *
 * Nothing here or in the store_*.h beside it speaks of a particular database, so that another
 * engine is an addition and not a rewrite.
 *
 * Process:   the ledger alone writes. A store never crosses fork.
 * Batches:   every change happens between store_begin() and store_commit(). After the first failure
 *            inside a batch all later calls of it fail too, until store_rollback(): a batch is
 *            rebuilt from its sources, never continued.
 * Failure:   ERR_BUSY  somebody else holds the write lock for longer than we wait (5 s)
 *            ERR_FULL  the disk is full; rolled back and whole, try again later
 *            ERR_STORE anything else: close, reopen (which checks the file), rebuild the batch
 */
#ifndef RELAYOS_STORE_STORE_H
#define RELAYOS_STORE_STORE_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct store;

/*
 * Open the database at path, made 0600 if new, check it and bring its schema up to date.
 * Errors: ERR_STORE (not ours, damaged, of a newer version), ERR_IO, ERR_BUSY, with the reason.
 */
int store_open(const char *path, struct store **out, struct errmsg *why) MUST_CHECK;
void store_close(struct store **store);
/* Ledger rows that were committed before and were not found when the store was opened: its log was
 * damaged, or an older copy was put back. Whoever opens it says so to the operator. */
int64_t store_n_lost(const struct store *store);
/* Look at every page: after an error, or when asked to. store_open() does so with a small file; of
 * a large one it reads what a start needs, and damage elsewhere is an error where it is met. */
int store_check(struct store *store, struct errmsg *why) MUST_CHECK;

int store_begin(struct store *store) MUST_CHECK;
/* Durable when it returns 0. On an error the batch is rolled back. */
int store_commit(struct store *store) MUST_CHECK;
void store_rollback(struct store *store);

/* What the database said when the last call failed. */
const char *store_error(const struct store *store);

/* Named integers: "period_max" and the like. Put only inside a batch. */
int store_get_meta(struct store *store, const char *name, int64_t fallback,
                   int64_t *out) MUST_CHECK;
int store_put_meta(struct store *store, const char *name, int64_t value) MUST_CHECK;

struct store_checkpoint {
    int64_t wal_frames, checkpointed;
};
/* Move the write-ahead log into the database as far as readers allow; never waits for them. */
int store_checkpoint(struct store *store, struct store_checkpoint *out) MUST_CHECK;
/* Bytes in the write-ahead log; 0 if it cannot be told. */
int64_t store_wal_bytes(const struct store *store);

#endif
