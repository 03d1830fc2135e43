/* SPDX-License-Identifier: ISC
 *
 * store_reader - a second connection that only reads: whoever has much to read does it beside the
 * ledger and not in it.
 *
 * What it opens is a store on which everything works that needs no batch; it never creates,
 * migrates or repairs, and settlement goes on. While a snapshot lasts the write-ahead log cannot be
 * cut down.
 *
 * Process: any.
 */
#ifndef RELAYOS_STORE_STORE_READER_H
#define RELAYOS_STORE_STORE_READER_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/store/store.h"

enum store_reader_kind {
    STORE_READER_LIVE,  /* somebody may be writing it */
    STORE_READER_STILL, /* a copy that nobody writes: no files are made beside it */
};

/* ERR_IO: cannot be opened. ERR_STORE: not ours, or of another version than this program. */
int store_reader_open(const char *path, enum store_reader_kind kind, struct store **out,
                      struct errmsg *why) MUST_CHECK;
/* Whether this program can take the database over, and would have to migrate it for that.
 * ERR_STORE: not ours, or of a newer version; ERR_IO. */
int store_reader_look(const char *path, bool *out_migrates, struct errmsg *why) MUST_CHECK;
/* What is read from now on takes so much of this thread's CPU time, and ten times as long, at most:
 * then all reading answers ERR_BUSY. On a busy machine an answer is late rather than none. 0 = no
 * limit. */
void store_reader_limit(struct store *store, int64_t cpu_us);
/* From here to the end all that is read is of one moment. store_close() ends it too. */
int store_reader_begin(struct store *store) MUST_CHECK;
void store_reader_end(struct store *store);

#endif
