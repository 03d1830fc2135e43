/* SPDX-License-Identifier: ISC
 *
 * key_trail - what a key was before it was changed, for the audit trail: the members that the
 * command names, in its own words.
 */
#ifndef LEDGER_KEY_TRAIL_H
#define LEDGER_KEY_TRAIL_H

#include "relayos/control/frame.h"
#include "relayos/model/key.h"

struct ledger;

void key_trail_was(struct ledger *ledger, const struct frame_value *args,
                   const struct key_record *before);

#endif
