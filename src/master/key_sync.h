/* SPDX-License-Identifier: ISC
 *
 * key_sync - the keys that the keys file declares, told to the ledger as one whole set.
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
/* Send key.sync; the outcome goes to on_reply. ERR_BUSY without a ledger, ERR_TOO_LARGE. */
int key_sync_send(struct child_link *link, const struct key_sync *sync, int64_t now_us,
                  struct errmsg *why) MUST_CHECK;
/* Those of the running configuration, to a ledger that has started; workers start when it has them.
 */
void key_sync_all(struct master *master, int64_t now_us);

#endif
