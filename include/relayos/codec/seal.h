/* SPDX-License-Identifier: ISC
 *
 * seal - ids of state kept upstream (response ids, conversations, files), bound to a key's owner.
 *
 * Keys of many people share one upstream account. The id we hand out is the upstream's id, the
 * place (route and account) and the owner, encrypted and authenticated (AES-256-GCM under a key
 * derived from the pepper, with a synthetic nonce so that one id always seals to the same text). An
 * id that is not ours, or not this owner's, does not open: 404.
 *
 * Process: workers.
 * Format: PREFIX base64url(nonce 12 | encrypted (place 4 | id) | tag 16), where PREFIX is that
 * of the upstream id ("resp_", "conv_", ...; "id_" if it has none). Owner and prefix are
 * authenticated with it; nothing of the route can be read.
 */
#ifndef RELAYOS_CODEC_SEAL_H
#define RELAYOS_CODEC_SEAL_H

#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/secret.h"
#include "relayos/base/slice.h"

struct seal;

struct seal *seal_new(const struct secret *pepper);
void seal_free(struct seal **seal);

/* Append the sealed form of an upstream id (<= 256 bytes; longer: ERR_TOO_LARGE). */
int seal_id(struct seal *seal, uint64_t owner_hash, uint32_t place, struct slice id,
            struct buf *out) MUST_CHECK;
/* Append the upstream id, give its place; ERR_NOT_FOUND if it is not ours or not this owner's. */
int seal_open(struct seal *seal, uint64_t owner_hash, struct slice sealed, uint32_t *out_place,
              struct buf *out) MUST_CHECK;

/* What proves later that bytes were given to this owner by us: HMAC-SHA-256, cut. */
#define SEAL_MAC_SIZE 16
void seal_mac(struct seal *seal, uint64_t owner_hash, struct slice bytes,
              uint8_t out[SEAL_MAC_SIZE]);

#endif
