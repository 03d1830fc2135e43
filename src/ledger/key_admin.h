/* SPDX-License-Identifier: ISC
 *
 * key_admin - making, showing, changing and ending keys.
 *
 * Order: commit first, then quota cells, then the row that workers look up, then the reply. Killed
 * in between, the next ledger publishes what the store says.
 */
#ifndef LEDGER_KEY_ADMIN_H
#define LEDGER_KEY_ADMIN_H

#include "dispatch.h"
#include "relayos/model/key.h"

dispatch_handler key_admin_create, key_admin_list, key_admin_show, key_admin_update,
    key_admin_disable, key_admin_enable, key_admin_revoke;

/* For key_rotate.c. A new secret: digest and last4 go into key, the text to secret (wipe it). */
void key_admin_make_secret(struct ledger *ledger, struct key_record *key, char *secret);
/* ERR_CONFLICT for a key that a file declares or that has been revoked. */
int key_admin_check_writable(struct ledger *ledger, const struct frame_value *args,
                             const struct key_record *key, struct errmsg *why) MUST_CHECK;
/* ERR_FULL when no further key can be published. */
int key_admin_check_room(struct ledger *ledger, struct errmsg *why) MUST_CHECK;
/* After the commit: the key (and its group, whose limits it shares) as workers see it. */
int key_admin_publish(struct ledger *ledger, const struct key_record *key,
                      struct errmsg *why) MUST_CHECK;

#endif
