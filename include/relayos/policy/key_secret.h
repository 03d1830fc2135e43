/* SPDX-License-Identifier: ISC
 *
 * key_secret - the text of a key: sk-<env>- + 43 base62 digits (256 random bits) + 6 base62 digits
 * of CRC-32 over everything before them, so that scanners and we reject typing errors offline.
 */
#ifndef RELAYOS_POLICY_KEY_SECRET_H
#define RELAYOS_POLICY_KEY_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/hash.h"
#include "relayos/base/slice.h"
#include "relayos/model/key.h"

#define KEY_SECRET_MAX 80

/* A new key from getrandom. out gets NUL-terminated text; wipe it after use. */
void key_secret_make(const char *environment, char out[KEY_SECRET_MAX]);
/* Right shape and checksum? Says nothing about whether it exists. */
bool key_secret_is_wellformed(struct slice text);
/* HMAC-SHA-256 under the pepper: what is stored and looked up. */
void key_secret_digest(struct hash_hmac *pepper, struct slice text, uint8_t out[KEY_DIGEST_SIZE]);

#endif
