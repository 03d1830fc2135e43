/* SPDX-License-Identifier: ISC
 *
 * request - one request of the control socket: checked against the command table, then answered
 * from here, or forwarded to the ledger and its answer passed on.
 */
#ifndef MASTER_REQUEST_H
#define MASTER_REQUEST_H

#include <stdint.h>

#include "child_link.h"

/* Answers the tag's peer, now or later, exactly once. */
void request_carry_out(struct master *master, struct child_tag client,
                       const struct frame_value *root, int64_t now_us);

#endif
