/* SPDX-License-Identifier: ISC
 *
 * store_once - commands that are carried out once, however often they are sent: the digest of what
 * names one, written in the batch of what it changed. A console or a ledger that was started anew
 * meanwhile knows of it, too.
 *
 * Process: the ledger.
 */
#ifndef RELAYOS_STORE_STORE_ONCE_H
#define RELAYOS_STORE_STORE_ONCE_H

#include <stdint.h>

#include "relayos/base/hash.h"
#include "relayos/store/store.h"

#define STORE_ONCE_TARGET_SIZE 320

struct once_record {
    uint8_t name[HASH_DIGEST_SIZE]; /* whose, for what, and the key they gave */
    uint8_t body[HASH_DIGEST_SIZE]; /* what was asked */
    char target[STORE_ONCE_TARGET_SIZE];
};

/* What was done under that name, or ERR_MISSING. */
int store_once_find(struct store *store, const uint8_t name[HASH_DIGEST_SIZE],
                    struct once_record *out) MUST_CHECK;
/* In a batch. What is older than before_us goes on the way. */
int store_once_put(struct store *store, const struct once_record *record, int64_t done_us,
                   int64_t before_us) MUST_CHECK;
/* In a batch: it did not hold after all. */
int store_once_drop(struct store *store, const uint8_t name[HASH_DIGEST_SIZE]) MUST_CHECK;

#endif
