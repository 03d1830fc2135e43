/* SPDX-License-Identifier: ISC
 *
 * key_rotate - a new secret for the same tool: the old key runs on for an overlap, the new one goes
 * on with its name, scope and limits, and what was used counts over both.
 */
#ifndef LEDGER_KEY_ROTATE_H
#define LEDGER_KEY_ROTATE_H

#include "dispatch.h"

dispatch_handler key_rotate;

/* Old keys whose overlap is over are revoked (some at a time): nothing else can become of them, and
 * their room in shared memory is wanted. */
int key_rotate_retire(struct ledger *ledger, struct errmsg *why) MUST_CHECK;

#endif
