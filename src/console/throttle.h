/* SPDX-License-Identifier: ISC
 *
 * throttle - who fails to sign in waits, longer each time: by account, so that no password is
 * guessed, and by address, so that no list of accounts is tried. An account's wait ends soon enough
 * that nobody can be kept out of theirs.
 *
 * Pure but for the seed of its table.
 */
#ifndef CONSOLE_THROTTLE_H
#define CONSOLE_THROTTLE_H

#include <stdint.h>

#include "relayos/base/slice.h"

enum throttle_kind { THROTTLE_ACCOUNT, THROTTLE_ADDRESS, THROTTLE_N_KINDS };

struct throttle;
struct throttle *throttle_new(void);
void throttle_free(struct throttle **throttle);

/* How long this one has to wait; 0: it may try now, and that counts as a failure until it is
 * forgiven. Names are the same whatever their case; of an IPv6 address the first 64 bits count. */
int64_t throttle_take(struct throttle *throttle, enum throttle_kind kind, struct slice text,
                      int64_t now_us);
/* It was no failure: an account begins anew, an address gets that one back. */
void throttle_forgive(struct throttle *throttle, enum throttle_kind kind, struct slice text,
                      int64_t now_us);

#endif
