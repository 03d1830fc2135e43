/* SPDX-License-Identifier: ISC
 *
 * refusals - who was not let in, for the audit trail: at once where it is news, and then summed up
 * by the minute, so many rows an hour at most that nobody can fill the books with them.
 *
 * A name that is no account's is not told: people type passwords there.
 */
#ifndef CONSOLE_REFUSALS_H
#define CONSOLE_REFUSALS_H

#include <stdint.h>

#include "link.h"

struct call;

enum refusals_reason {
    REFUSALS_PASSWORD,
    REFUSALS_DISABLED,     /* the account is */
    REFUSALS_THROTTLED,    /* too early: nobody looked at the password */
    REFUSALS_OLD_PASSWORD, /* of who is signed in, and wants another one */
    REFUSALS_SETUP_LINK,
    REFUSALS_ADMIN_KEY,
    REFUSALS_ISSUER, /* signed in elsewhere, and is nobody here */
    REFUSALS_N_REASONS
};

struct refusals;
struct refusals *refusals_new(struct link *link);
void refusals_free(struct refusals **refusals);

/* account: its name, or "" = there is none. */
void refusals_note(struct call *call, const char *account, enum refusals_reason reason);
/* The same with what it is of a call. */
void refusals_add(struct refusals *refusals, const char *account, const char *address,
                  enum refusals_reason reason);
/* At every beat: tell the ledger what is due. */
void refusals_tell(struct refusals *refusals, int64_t now_us);

#endif
