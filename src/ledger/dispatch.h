/* SPDX-License-Identifier: ISC
 *
 * dispatch - the ledger's end of the control socket: frames in, the command's handler, replies out
 * in order. Never blocks: a master that does not read gets no more answers, and nothing else.
 */
#ifndef LEDGER_DISPATCH_H
#define LEDGER_DISPATCH_H

#include "relayos/base/errmsg.h"
#include "relayos/control/frame.h"

struct ledger;
struct dispatch;

/* Writes the members of the result; on an error it says why, and what it wrote is dropped. */
typedef int dispatch_handler(struct ledger *ledger, const struct frame_value *args,
                             struct frame_out *out, struct errmsg *why);

/* fd may be -1: no master. */
struct dispatch *dispatch_new(int fd);
void dispatch_free(struct dispatch **dispatch);
/* -1 once the master is gone. */
int dispatch_fd(const struct dispatch *dispatch);
short dispatch_events(const struct dispatch *dispatch);
void dispatch_on_events(struct ledger *ledger, struct dispatch *dispatch, short events);
/* Before the end: write what is left, if it can be written soon. */
void dispatch_flush(struct dispatch *dispatch);

/* One frame in, its reply appended to wire. */
void dispatch_frame(struct ledger *ledger, const struct frame_value *request, struct frame_out *out,
                    struct buf *wire);

#endif
