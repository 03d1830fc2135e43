/* SPDX-License-Identifier: ISC
 *
 * store_admin_key - keys of the console's API as rows: digests, never secrets.
 *
 * Process: the ledger writes, in batches; the console reads.
 */
#ifndef RELAYOS_STORE_STORE_ADMIN_KEY_H
#define RELAYOS_STORE_STORE_ADMIN_KEY_H

#include "relayos/model/user.h"
#include "relayos/store/store.h"

/* One row, or ERR_MISSING; revoked and expired ones are found, too. */
int store_admin_key_get(struct store *store, uint64_t id, struct admin_key_record *out) MUST_CHECK;
int store_admin_key_find(struct store *store, const uint8_t digest[HASH_DIGEST_SIZE],
                         struct admin_key_record *out) MUST_CHECK;
/* After an id, in ascending order; ERR_MISSING past the end. */
int store_admin_key_next(struct store *store, uint64_t after,
                         struct admin_key_record *out) MUST_CHECK;

/* id filled in. */
int store_admin_key_insert(struct store *store, struct admin_key_record *key) MUST_CHECK;
int store_admin_key_revoke(struct store *store, uint64_t id, int64_t now_us) MUST_CHECK;

#endif
