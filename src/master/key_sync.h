/* SPDX-License-Identifier: ISC
 *
 * key_sync - the keys that the keys file declares, told to the ledger: to one that has started all
 * of them, then what differs from those that it said it has.
 */
#ifndef MASTER_KEY_SYNC_H
#define MASTER_KEY_SYNC_H

#include "child_link.h"
#include "relayos/base/errmsg.h"
#include "relayos/conf/conf.h"

struct key_sync {
    const struct conf *conf;
    const char *who; /* had the file read, "" = a start */
    child_on_reply *on_reply;
};
/* Send key.sync; the outcome goes to on_reply, which tells it to key_sync_on_reply(). ERR_BUSY
 * without a ledger that has had those of the running configuration, ERR_TOO_LARGE. */
int key_sync_send(struct master *master, const struct key_sync *sync, int64_t now_us,
                  struct errmsg *why) MUST_CHECK;
/* true: it has taken them. */
bool key_sync_on_reply(struct master *master, const struct frame_value *reply);
/* Those of the running configuration, to a ledger that has started; workers start when it has them.
 */
void key_sync_all(struct master *master, int64_t now_us);

#endif
