/* SPDX-License-Identifier: ISC
 *
 * id_token - what an OpenID provider says of who signed in (OpenID Connect Core 3.1.3.7), believed
 * when one of the provider's keys has signed it, for us, for this sign-in, and not long ago.
 *
 * RS256 and ES256 alone: the token does not choose how it is looked at.
 */
#ifndef CONSOLE_ID_TOKEN_H
#define CONSOLE_ID_TOKEN_H

#include <stdint.h>

#include "tree.h"

#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"
#include "relayos/model/user.h"

#define ID_TOKEN_MAX      8192
#define ID_TOKEN_LEEWAY_S 60 /* clocks of others */

struct id_token_wants {
    const char *issuer, *client_id, *nonce;
    int64_t now_s;
    const char *access_token; /* that came with it, which at_hash is of; NULL: none */
    const char *claim;        /* the one that `name` is of; NULL: none */
};

struct id_token {
    char subject[USER_SUBJECT_SIZE];
    char name[LIMIT_NAME]; /* "": there is none, or none that counts */
};

/* jwks: the provider's keys, {"keys":[...]}. 0; ERR_MISSING: its key is not among them (they may
 * have changed); ERR_DENIED: it is not to be believed. */
int id_token_verify(struct slice token, const struct tree *jwks, const struct id_token_wants *wants,
                    struct id_token *out, struct errmsg *why);

#endif
