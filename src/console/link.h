/* SPDX-License-Identifier: ISC
 *
 * link - the console's end of its control socket: commands out, replies in, by id. Never blocks.
 *
 * Failure: whoever waits is told exactly once, by the reply or by NULL: none came in time.
 */
#ifndef CONSOLE_LINK_H
#define CONSOLE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/control/command.h"
#include "relayos/net/loop.h"

#define LINK_MAX_CALLS 64

/* reply is the whole frame ({"id", "ok", ...}), good for the call. */
typedef void link_on_reply(void *ctx, const struct frame_value *reply);

struct link_pending {
    int64_t id, deadline_us;
    link_on_reply *on_reply; /* NULL: nobody waits */
    void *ctx;
};

struct link {
    struct loop *loop;
    int fd;
    bool is_open;
    struct buf in, out;
    struct frame_out *writer;
    struct timer again, expiry;
    int64_t next_id;
    size_t n_pending;
    struct link_pending pending[LINK_MAX_CALLS];
    void (*on_end)(void *ctx); /* the master is gone, or speaks another language */
    void *ctx;
};

void link_open(struct link *link, struct loop *loop, int fd);
void link_close(struct link *link);

/* The arguments' writer, or NULL: too much is under way. */
struct frame_out *link_begin(struct link *link, const char *cmd);
/* ERR_TOO_LARGE: nothing was sent, nobody will be called. */
int link_send(struct link *link, link_on_reply *on_reply, void *ctx) MUST_CHECK;

#endif
