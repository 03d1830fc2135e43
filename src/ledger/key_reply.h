/* SPDX-License-Identifier: ISC
 *
 * key_reply - a key as commands.def shows it: with what its limits have used and reserved.
 */
#ifndef LEDGER_KEY_REPLY_H
#define LEDGER_KEY_REPLY_H

#include "relayos/control/frame.h"
#include "relayos/model/key.h"

struct ledger;

/* A KEY map as member `name` of the reply (NULL inside an array). */
int key_reply_write(struct ledger *ledger, const struct key_record *key, const char *name,
                    struct frame_out *out) MUST_CHECK;
/* "active", "disabled", "expired", "revoked" */
const char *key_reply_state(const struct key_record *key, int64_t now_us);

#endif
