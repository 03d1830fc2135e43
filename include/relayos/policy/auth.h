/* SPDX-License-Identifier: ISC
 *
 * auth - from a request's headers to the key it carries. One answer for all that is wrong with a
 * key: ERR_INVALID_KEY (unknown, malformed, expired, disabled, revoked).
 *
 * Process: workers. Order of headers: Authorization: Bearer, then x-api-key, then api-key; the same
 * on every path.
 */
#ifndef RELAYOS_POLICY_AUTH_H
#define RELAYOS_POLICY_AUTH_H

#include <stdint.h>

#include "relayos/base/hash.h"
#include "relayos/base/slice.h"
#include "relayos/policy/key_secret.h"
#include "relayos/shm/key_table.h"

/* The key text out of the three header values (empty = absent); empty slice if there is none. */
struct slice auth_token(struct slice authorization, struct slice x_api_key, struct slice api_key);

/*
 * The good key that a connection said last, and its digest: who says the same one again does not
 * pay for the HMAC again. All zero at first. It holds a secret: whoever keeps it wipes it.
 */
struct auth_memo {
    size_t len;
    char token[KEY_SECRET_MAX];
    uint8_t digest[KEY_DIGEST_SIZE];
};

/* Copy of the key's view, checked at now (real time). On ERR_INVALID_KEY of a known key (expired,
 * disabled, revoked) out->key_id says whose it was, else it is 0: for the trace alone. memo may be
 * NULL. The key itself is looked up every time: what is revoked is revoked at once. */
int auth_check(const struct segment *segment, struct hash_hmac *pepper, struct auth_memo *memo,
               struct slice token, int64_t now_real_us, struct key_view *out) MUST_CHECK;

/* May the key be used from there ("192.0.2.7", "2001:db8::1"; what is no address is nowhere)? */
bool auth_lets_in(const struct key_view *key, const char *client_address);

#endif
