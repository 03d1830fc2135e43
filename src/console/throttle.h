/* SPDX-License-Identifier: ISC
 *
 * throttle - who fails to sign in waits, longer each time: by account, so that no password is
 * guessed, and by address, so that no list of accounts is tried. Where an account has been let in
 * from, it is let in from again whatever others do to it meanwhile: there, and only there, its own
 * failures count alone. So nobody can be kept out of theirs by who keeps guessing.
 *
 * Pure but for the seed of its table.
 */
#ifndef CONSOLE_THROTTLE_H
#define CONSOLE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/slice.h"

enum throttle_kind {
    THROTTLE_ACCOUNT,
    THROTTLE_ADDRESS,
    THROTTLE_PAIR, /* an account at an address that it is known at */
    THROTTLE_OWN,  /* of who is signed in: their old password */
    THROTTLE_N_KINDS
};

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

/* The same for signing in: account and address, or both together where it is known. */
struct throttle_door {
    struct slice account, address;
};
bool throttle_is_known(const struct throttle *throttle, const struct throttle_door *door);
int64_t throttle_enter(struct throttle *throttle, const struct throttle_door *door, int64_t now_us);
/* It was the right password: forgiven, and known from now on. */
void throttle_welcome(struct throttle *throttle, const struct throttle_door *door, int64_t now_us);

#endif
