/* SPDX-License-Identifier: ISC
 *
 * user_admin - the console's accounts: made, changed, given another password; the setup link that
 * makes the first one. An account is disabled and never deleted: keys and the trail name it.
 */
#ifndef LEDGER_USER_ADMIN_H
#define LEDGER_USER_ADMIN_H

#include "dispatch.h"
#include "relayos/model/user.h"

dispatch_handler user_admin_create, user_admin_list, user_admin_update, user_admin_password;
dispatch_handler user_admin_setup_link, user_admin_setup;

/* The account that "user" names by id or name; ERR_MISSING. */
int user_admin_find(struct ledger *ledger, const struct frame_value *args, struct user_record *out,
                    struct errmsg *why) MUST_CHECK;
/* rc; ERR_EXISTS with its sentence. */
int user_admin_taken(int rc, const struct user_record *user, struct errmsg *why);
/* "role", as far as args have one. */
int user_admin_role(const struct frame_value *args, enum user_role *out,
                    struct errmsg *why) MUST_CHECK;
/* A name of letters, digits, dots, dashes, underscores, pluses and @, that is no number alone. */
int user_admin_name(const struct frame_value *args, char out[LIMIT_NAME],
                    struct errmsg *why) MUST_CHECK;

#endif
