/* SPDX-License-Identifier: ISC
 *
 * store_trail - the audit trail: who changed what, each row sealed over the one before.
 *
 * hash = SHA-256(hash of the row before (zeros for the first) || seq || at_us || who || action ||
 * target || detail), numbers as eight bytes big-endian, each text with its length before it as
 * four. Append-only by trigger. A row is written in the batch of the change that it tells of.
 *
 * Process: the ledger writes, in batches; the console and relayosctl read.
 */
#ifndef RELAYOS_STORE_STORE_TRAIL_H
#define RELAYOS_STORE_STORE_TRAIL_H

#include "relayos/base/buf.h"
#include "relayos/base/hash.h"
#include "relayos/base/slice.h"
#include "relayos/store/store.h"

struct trail_row {
    int64_t seq, at_us;
    struct slice who;    /* "alice", "uid 0 by relayosctl", "admin key ci" */
    struct slice action; /* the command's name: "key.revoke" */
    struct slice target; /* "key 12", "user bob", "route 8a3f..." */
    struct slice detail; /* one JSON object, at most 16 KiB; no secrets */
    uint8_t hash[HASH_DIGEST_SIZE];
};

/* seq and hash are filled in. */
int store_trail_append(struct store *store, struct trail_row *row) MUST_CHECK;

struct store_trail_filter {
    struct slice who, action, target; /* "" = all */
    int64_t since_us, until_us;       /* 0 = all */
};
/* The newest row before a number (0: the newest of all), or ERR_MISSING. Its texts lie in room. */
int store_trail_previous(struct store *store, const struct store_trail_filter *filter,
                         int64_t before, struct trail_row *out, struct buf *room) MUST_CHECK;

/* At most n rows more are looked at from *seq on, whose predecessor's hash is in hash (zeros for
 * 1); both are moved on. 1: there are more; 0: the end, all was well; ERR_CONFLICT: *seq is wrong.
 */
int store_trail_verify(struct store *store, int64_t *seq, uint8_t hash[HASH_DIGEST_SIZE],
                       int64_t n) MUST_CHECK;

#endif
