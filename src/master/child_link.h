/* SPDX-License-Identifier: ISC
 *
 * child_link - the master's end of a child's control socket, the ledger's or the prober's: requests
 * out, each with who waits for its reply; replies in, by id. Never blocks.
 *
 * Ownership: the reply given to a callback is good for the call.
 * Failure:   whoever waits is told exactly once: by the reply, or by NULL when the child died or
 *            did not answer in time.
 */
#ifndef MASTER_CHILD_LINK_H
#define MASTER_CHILD_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/control/command.h"

#define CHILD_LINK_MAX_CALLS 96

struct master;
struct child;

/* Who asked: a client of the control socket (its place and its own id), a slot, nothing. */
struct child_tag {
    uint64_t owner;
    int64_t id;
};

/* reply is the whole frame ({"id", "ok", ...}) or NULL: there will be none. */
typedef void child_on_reply(struct master *master, struct child_tag tag,
                            const struct frame_value *reply);

struct child_call {
    enum command command;
    struct child_tag tag;
    int64_t timeout_us; /* 0 = however long it takes */
    child_on_reply *on_reply;
};

struct child_pending {
    struct child_call call;
    int64_t id, deadline_us;
};

struct child_link {
    enum command_where where; /* of the commands that go this way */
    int fd;                   /* -1 = nobody is there */
    struct buf in, out;
    struct frame_out *writer;
    int64_t next_id;
    size_t n_pending;
    struct child_pending pending[CHILD_LINK_MAX_CALLS];
};

void child_link_init(struct child_link *link, enum command_where where);
void child_link_fini(struct child_link *link);
/* A child was started: talk to it over fd (non-blocking from here on), which we close. */
void child_link_open(struct child_link *link, int fd);
/* It ended: everybody who waits is told so. */
void child_link_close(struct master *master, struct child_link *link);

/* The arguments' writer, or NULL when nobody is there or too much is under way. */
struct frame_out *child_link_begin(struct child_link *link, enum command command);
/* ERR_TOO_LARGE: nothing was sent, nobody will be called. */
int child_link_send(struct child_link *link, const struct child_call *call,
                    int64_t now_us) MUST_CHECK;
/* A command without arguments; ERR_BUSY when nobody is there. */
int child_link_call(struct child_link *link, const struct child_call *call,
                    int64_t now_us) MUST_CHECK;

/* Poll events wanted; what to do when they came; calls that are overdue. */
short child_link_events(const struct child_link *link);
void child_link_on_events(struct master *master, const struct child *child, short events);
void child_link_expire(struct master *master, struct child_link *link, int64_t now_us);

#endif
