/* SPDX-License-Identifier: ISC
 *
 * sealed - a secret as text that only the master key opens, and only where it was sealed for:
 * AES-256-GCM, a random nonce of 96 bits, the place authenticated beside it.
 *
 * Text: "v1." KEY "." BYTES. KEY tells master keys apart (four bytes of a MAC, hex), BYTES is
 * nonce, ciphertext and tag in base64url. A nonce is good for 2^32 secrets of one master key.
 */
#ifndef RELAYOS_BASE_SEALED_H
#define RELAYOS_BASE_SEALED_H

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/secret.h"

#define SEALED_CLEAR_MAX  1024
#define SEALED_TEXT_SIZE  1536
#define SEALED_MASTER_MIN 32 /* bytes of a master key, as it stands in its file */

/* place: any text that says what for. ERR_UNSAFE: the master key is too short; ERR_TOO_LARGE. */
int sealed_make(const struct secret *master, struct slice place, struct slice clear,
                struct buf *out, struct errmsg *why) MUST_CHECK;
/* ERR_UNSAFE: the master key; ERR_SYNTAX: no such text; ERR_DENIED: another master key's, another
 * place's, or damaged. Nothing of it is given out then. */
int sealed_open(const struct secret *master, struct slice place, struct slice text,
                struct secret **out, struct errmsg *why) MUST_CHECK;

#endif
