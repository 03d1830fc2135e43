/* SPDX-License-Identifier: ISC
 *
 * status - the answer to the `status` command: processes, segment, counters, and the ledger's word.
 */
#ifndef MASTER_STATUS_H
#define MASTER_STATUS_H

#include "child_link.h"
#include "relayos/base/limits.h"
#include "relayos/conf/conf.h"

#define STATUS_URL_SIZE (CONF_PATH_SIZE + LIMIT_HOST)

/* ledger: result of ledger.status, or NULL: it does not answer. */
void status_answer(struct master *master, struct child_tag client,
                   const struct frame_value *ledger);
/* Where the console is reached; "" where there is none. */
void status_console_url(const struct master *master, char out[STATUS_URL_SIZE]);

#endif
