/* SPDX-License-Identifier: ISC
 *
 * password - what is kept of a password, and whether one is the same: Argon2id (libsodium), which
 * takes a tenth of a second and 64 MiB on purpose. Never on an event loop.
 *
 * Process: a thread of the console, relayosctl. Thread-safe.
 */
#ifndef RELAYOS_BASE_PASSWORD_H
#define RELAYOS_BASE_PASSWORD_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"

#define PASSWORD_MIN       10  /* characters of one that is set */
#define PASSWORD_MAX       512 /* bytes that are looked at; a longer one is no password */
#define PASSWORD_HASH_SIZE 128

/* May it be set? else why not, for whoever chose it. */
int password_check(struct slice password, struct errmsg *why) MUST_CHECK;
/* ERR_FULL: no memory for it. */
int password_hash(struct slice password, char out[PASSWORD_HASH_SIZE]) MUST_CHECK;
/* hash "": nobody has it; takes as long as for somebody who is there, and is false. */
bool password_is(const char *hash, struct slice password);

#endif
