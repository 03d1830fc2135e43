/* SPDX-License-Identifier: ISC
 *
 * passage - a sign-in that is on its way through a provider: a random seed in a cookie of the
 * browser that began it, sealed by a key of ours. What the provider is told (state, nonce, the
 * challenge of PKCE) follows from seed and key: nothing is kept here, and no other browser's
 * cookie fits what comes back.
 *
 * Pure, but for the seed.
 */
#ifndef CONSOLE_PASSAGE_H
#define CONSOLE_PASSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/hash.h"
#include "relayos/base/slice.h"

#define PASSAGE_SEED_SIZE   32
#define PASSAGE_LIFE_US     (INT64_C(600) * 1000000)
#define PASSAGE_TO_SIZE     512 /* where they were going; longer: to the first page */
#define PASSAGE_DIGEST_TEXT 43  /* of base64url */
#define PASSAGE_SEALED_SIZE 900

struct passage {
    uint8_t seed[PASSAGE_SEED_SIZE];
    int64_t begun_us;
    char to[PASSAGE_TO_SIZE]; /* a path of ours */
    char state[PASSAGE_DIGEST_TEXT + 1], nonce[PASSAGE_DIGEST_TEXT + 1];
    char verifier[PASSAGE_DIGEST_TEXT + 1], challenge[PASSAGE_DIGEST_TEXT + 1];
};

/* A new one; what is no path to a page of ours becomes "/". ERR_IO: nothing random. */
int passage_begin(struct hash_hmac *key, struct slice to, int64_t now_us,
                  struct passage *out) MUST_CHECK;
void passage_seal(struct hash_hmac *key, const struct passage *passage,
                  char out[PASSAGE_SEALED_SIZE]);
/* false: it is none of ours, or too old. */
bool passage_open(struct hash_hmac *key, struct slice sealed, int64_t now_us, struct passage *out);
bool passage_is_state(const struct passage *passage, struct slice state);

#endif
