/* SPDX-License-Identifier: ISC
 *
 * store_session - who is signed in.
 *
 * Process: the ledger writes, in batches; the console reads.
 */
#ifndef RELAYOS_STORE_STORE_SESSION_H
#define RELAYOS_STORE_STORE_SESSION_H

#include "relayos/model/user.h"
#include "relayos/store/store.h"

/* ERR_MISSING: it is over, or never was. */
int store_session_get(struct store *store, const uint8_t hash[HASH_DIGEST_SIZE],
                      struct session_record *out) MUST_CHECK;

int store_session_insert(struct store *store, const struct session_record *session) MUST_CHECK;
/* And the user was seen then, too. */
int store_session_touch(struct store *store, const uint8_t hash[HASH_DIGEST_SIZE],
                        int64_t seen_us) MUST_CHECK;
int store_session_delete(struct store *store, const uint8_t hash[HASH_DIGEST_SIZE]) MUST_CHECK;
/* All of a user, but for one (NULL: for none): a new password, another role, a closed account. */
int store_session_delete_user(struct store *store, uint64_t user_id,
                              const uint8_t but[HASH_DIGEST_SIZE]) MUST_CHECK;
/* Those last seen, or begun, before. */
int store_session_purge(struct store *store, int64_t seen_before_us,
                        int64_t created_before_us) MUST_CHECK;

#endif
