/* SPDX-License-Identifier: ISC */
#include "relayos/base/password.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "relayos/base/text.h"

/* libsodium's "interactive" by its numbers, so that another version of it changes nothing here. */
#define N_PASSES 2
#define N_BYTES  (64 * 1024 * 1024)

static const char *nobody(void);

int
password_check(struct slice password, struct errmsg *why)
{
    if (password.len <= PASSWORD_MAX && text_characters(password) >= PASSWORD_MIN)
        return 0;
    errmsg_set(why, "a password has %d characters at least and %d bytes at most", PASSWORD_MIN,
               PASSWORD_MAX);
    return ERR_SYNTAX;
}

int
password_hash(struct slice password, char out[PASSWORD_HASH_SIZE])
{
    _Static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "what libsodium writes fits");
    if (sodium_init() < 0 || crypto_pwhash_str_alg(out, password.ptr, password.len, N_PASSES,
                                                   N_BYTES, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return ERR_FULL;
    return 0;
}

bool
password_is(const char *hash, struct slice password)
{
    bool is_somebody = hash[0] != '\0';

    if (sodium_init() < 0 || password.len > PASSWORD_MAX)
        return false;
    bool is_same =
        crypto_pwhash_str_verify(is_somebody ? hash : nobody(), password.ptr, password.len) == 0;
    return is_same && is_somebody;
}

/* What a password of nobody's is compared with: salt and sum are zeros, the work is the same. */
static const char *
nobody(void)
{
    return "$argon2id$v=19$m=65536,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
}
