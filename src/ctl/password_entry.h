/* SPDX-License-Identifier: ISC
 *
 * password_entry - a password from whoever sits at the terminal, unseen and twice; where stdin is
 * none, its first line. Never from argv, which everyone on the machine can read.
 */
#ifndef CTL_PASSWORD_ENTRY_H
#define CTL_PASSWORD_ENTRY_H

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/password.h"

#define PASSWORD_ENTRY_SIZE (PASSWORD_MAX + 2)

/* Wipe out after use. */
int password_entry_read(const char *name, char out[PASSWORD_ENTRY_SIZE],
                        struct errmsg *why) MUST_CHECK;

#endif
