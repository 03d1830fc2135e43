/* SPDX-License-Identifier: ISC
 *
 * store_trail - the audit trail: who changed what, each row sealed over the one before.
 *
 * hash = SHA-256(hash of the row before (zeros for the first) || seq || at_us || who || action ||
 * target || detail), numbers as eight bytes big-endian, each text with its length before it as
 * four. Append-only by trigger. A row is written in the batch of the change that it tells of.
 *
 * Whoever can write the file could write such a chain anew. mac = HMAC-SHA-256(key of the pepper,
 * hash) is what they cannot make: it needs the pepper, which no backup holds. That the newest rows
 * were taken away shows by neither, but by a hash that was kept elsewhere: the log has them all.
 *
 * Process: the ledger writes, in batches; the console and relayosctl read.
 */
#ifndef RELAYOS_STORE_STORE_TRAIL_H
#define RELAYOS_STORE_STORE_TRAIL_H

#include "relayos/base/buf.h"
#include "relayos/base/hash.h"
#include "relayos/base/secret.h"
#include "relayos/base/slice.h"
#include "relayos/store/store.h"

struct trail_row {
    int64_t seq, at_us;
    struct slice who;    /* "alice", "uid 0 by relayosctl", "admin key ci" */
    struct slice action; /* the command's name: "key.revoke" */
    struct slice target; /* "key 12", "user bob", "route 8a3f..." */
    struct slice detail; /* one JSON object, at most 16 KiB; no secrets */
    uint8_t hash[HASH_DIGEST_SIZE], mac[HASH_DIGEST_SIZE];
};

/* What rows are sealed with; free with hash_hmac_free(). */
struct hash_hmac *store_trail_seal_new(const struct secret *pepper);
/* seq, hash and mac are filled in. */
int store_trail_append(struct store *store, struct hash_hmac *seal,
                       struct trail_row *row) MUST_CHECK;

struct store_trail_filter {
    struct slice who, action, target; /* "" = all */
    int64_t since_us, until_us;       /* 0 = all */
};
/* The newest row before a number (0: the newest of all), or ERR_MISSING. Its texts lie in room. */
int store_trail_previous(struct store *store, const struct store_trail_filter *filter,
                         int64_t before, struct trail_row *out, struct buf *room) MUST_CHECK;

/* How far a verification has come: begin with zeros, but for seal and what is to be found. */
struct store_trail_walk {
    struct hash_hmac *seal;         /* NULL: there is no pepper, the chain alone is looked at */
    int64_t seq;                    /* rows that hold, then the number of the one that does not */
    uint8_t hash[HASH_DIGEST_SIZE]; /* of the last that holds */
    int64_t known_seq;              /* a row that must be there with this hash; 0: none */
    uint8_t known_hash[HASH_DIGEST_SIZE];
};
/*
 * At most n rows more. 1: there are more; 0: the end, all was well; ERR_CONFLICT: row seq is not as
 * it was written, or not there; ERR_DENIED: it is not sealed by this pepper; ERR_STALE: the chain
 * holds, but row known_seq has another hash: all was written anew, or an older copy put back.
 */
int store_trail_verify(struct store *store, struct store_trail_walk *walk, int64_t n) MUST_CHECK;

#endif
