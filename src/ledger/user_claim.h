/* SPDX-License-Identifier: ISC
 *
 * user_claim - the first sign-in by an OpenID provider: which account it is of.
 *
 * An account that an admin has made with neither password nor provider waits for whoever the
 * provider calls by its name. Any other is somebody's already, and is never given to another.
 */
#ifndef LEDGER_USER_CLAIM_H
#define LEDGER_USER_CLAIM_H

#include "relayos/base/errmsg.h"
#include "relayos/control/frame.h"

struct ledger;

/* ERR_MISSING: there is no such account, and none is to be made; ERR_EXISTS: it is somebody's;
 * ERR_DENIED: it is disabled. */
int user_claim_run(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                   struct errmsg *why);

#endif
