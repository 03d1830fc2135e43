/* SPDX-License-Identifier: ISC
 *
 * repeat - answers by Idempotency-Key: a create that is sent twice happens once. Remembered for ten
 * minutes, in memory: they may hold a secret that is shown once.
 */
#ifndef CONSOLE_REPEAT_H
#define CONSOLE_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/hash.h"

struct call;
struct repeats;
struct repeat_entry;

struct repeats *repeat_new(void);
void repeat_free(struct repeats **repeats);

/* At a POST with an Idempotency-Key: false: answered, with what was answered before, or 409 (still
 * under way), or 422 (another body). */
bool repeat_begin(struct call *call);
/* The call's answer; one of 500 and more, or 429, may be asked for again. */
void repeat_end(struct call *call, int status);
/* For the ledger, which remembers for a day what was done, whoever is started anew meanwhile: two
 * digests of a call that is remembered; false: it is not. */
bool repeat_digests(const struct call *call, const char *cmd, uint8_t out[2 * HASH_DIGEST_SIZE]);
/* Answers that are ten minutes old are wiped: at every beat, whether anybody asks or not. */
void repeat_expire(struct repeats *repeats, int64_t now_us);

#endif
