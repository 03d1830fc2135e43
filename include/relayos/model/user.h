/* SPDX-License-Identifier: ISC
 *
 * user - who signs in to the console, and what scripts hold instead: accounts, their sessions,
 * admin keys. Plain records.
 */
#ifndef RELAYOS_MODEL_USER_H
#define RELAYOS_MODEL_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/hash.h"
#include "relayos/base/limits.h"

/* Each may do all that those before it may. */
enum user_role { USER_NOBODY, USER_MEMBER, USER_OPERATOR, USER_ADMIN };
#define USER_ROLE_NAMES                                                                            \
    {                                                                                              \
        "", "member", "operator", "admin"                                                          \
    }

#define USER_PASSWORD_SIZE 128 /* of what is kept of one: crypto_pwhash_STRBYTES */
#define USER_ISSUER_SIZE   256
#define USER_SUBJECT_SIZE  256
#define USER_AGENT_SIZE    160
#define USER_ADDRESS_SIZE  48

struct user_record {
    uint64_t id;
    char name[LIMIT_NAME]; /* unique, whatever its case; the owner of keys */
    enum user_role role;
    char password[USER_PASSWORD_SIZE]; /* Argon2id, as libsodium writes it; "" = has none */
    char issuer[USER_ISSUER_SIZE];     /* of OpenID Connect; "" = signs in with a password only */
    char subject[USER_SUBJECT_SIZE];
    bool is_disabled;
    int64_t created_us, updated_us, seen_us; /* seen 0: has never signed in */
};

struct session_record {
    uint8_t hash[HASH_DIGEST_SIZE]; /* SHA-256 of the id, which the browser alone has */
    uint64_t user_id;
    int64_t created_us, seen_us;
    char address[USER_ADDRESS_SIZE];
    char user_agent[USER_AGENT_SIZE];
};

struct admin_key_record {
    uint64_t id;
    char name[LIMIT_NAME];
    uint8_t digest[HASH_DIGEST_SIZE]; /* HMAC under the pepper, as of keys */
    char last4[5];
    enum user_role role;
    int64_t created_us, expires_us, revoked_us; /* 0 = never */
    char created_by[LIMIT_NAME];
};

#endif
