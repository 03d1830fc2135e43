/* SPDX-License-Identifier: ISC
 *
 * status - the answer to the `status` command: processes, segment, counters, and the ledger's word.
 */
#ifndef MASTER_STATUS_H
#define MASTER_STATUS_H

#include "child_link.h"

/* ledger: result of ledger.status, or NULL: it does not answer. */
void status_answer(struct master *master, struct child_tag client,
                   const struct frame_value *ledger);

#endif
