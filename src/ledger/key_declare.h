/* SPDX-License-Identifier: ISC
 *
 * key_declare - the keys file: the store is made to say what the file says, all of it or nothing.
 *
 * A declared key is known by its digest. What the file holds no more is revoked; what comes back is
 * the same key again, with what it had used.
 */
#ifndef LEDGER_KEY_DECLARE_H
#define LEDGER_KEY_DECLARE_H

#include "dispatch.h"

/* key.sync */
dispatch_handler key_declare;

#endif
