/* SPDX-License-Identifier: ISC
 *
 * store_user - the console's accounts as rows, and the one-time links that make the first of them.
 *
 * Process: the ledger writes, in batches; the console reads.
 */
#ifndef RELAYOS_STORE_STORE_USER_H
#define RELAYOS_STORE_STORE_USER_H

#include "relayos/base/slice.h"
#include "relayos/model/user.h"
#include "relayos/store/store.h"

/* One row, or ERR_MISSING. */
int store_user_get(struct store *store, uint64_t id, struct user_record *out) MUST_CHECK;
int store_user_find(struct store *store, struct slice name, struct user_record *out) MUST_CHECK;
int store_user_find_subject(struct store *store, struct slice issuer, struct slice subject,
                            struct user_record *out) MUST_CHECK;
/* Accounts after an id, in ascending order; ERR_MISSING past the end (after = 0: is there any?). */
int store_user_next(struct store *store, uint64_t after, struct user_record *out) MUST_CHECK;
/* Admins that are not disabled: the last of them stays one. */
int store_user_count_admins(struct store *store, int64_t *out) MUST_CHECK;

/* A new one, id filled in; ERR_EXISTS: the name is taken. */
int store_user_insert(struct store *store, struct user_record *user) MUST_CHECK;
int store_user_update(struct store *store, const struct user_record *user) MUST_CHECK;

/* Setup links: SHA-256 of a token, once; a new one takes the place of all others. */
int store_user_put_setup(struct store *store, const uint8_t hash[HASH_DIGEST_SIZE],
                         int64_t expires_us) MUST_CHECK;
/* ERR_MISSING: no such one (any more). */
int store_user_take_setup(struct store *store, const uint8_t hash[HASH_DIGEST_SIZE],
                          int64_t now_us) MUST_CHECK;

#endif
