/* SPDX-License-Identifier: ISC
 *
 * ledger_link - the master's end of the ledger's control socket: requests out, each with who waits
 * for its reply; replies in, by id. Never blocks.
 *
 * Ownership: the reply given to a callback is good for the call.
 * Failure:   whoever waits is told exactly once: by the reply, or by NULL when the ledger died or
 * did not answer in time.
 */
#ifndef MASTER_LEDGER_LINK_H
#define MASTER_LEDGER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/control/command.h"

#define LEDGER_LINK_MAX_CALLS 96

struct master;

/* Who asked: a client of the control socket (its place and its own id), a slot, nothing. */
struct ledger_tag {
    uint64_t owner;
    int64_t id;
};

/* reply is the whole frame ({"id", "ok", ...}) or NULL: there will be none. */
typedef void ledger_on_reply(struct master *master, struct ledger_tag tag,
                             const struct frame_value *reply);

struct ledger_call {
    enum command command;
    struct ledger_tag tag;
    int64_t timeout_us; /* 0 = however long it takes */
    ledger_on_reply *on_reply;
};

struct ledger_pending {
    struct ledger_call call;
    int64_t id, deadline_us;
};

struct ledger_link {
    int fd; /* -1 = no ledger */
    struct buf in, out;
    struct frame_out *writer;
    int64_t next_id;
    size_t n_pending;
    struct ledger_pending pending[LEDGER_LINK_MAX_CALLS];
};

void ledger_link_init(struct ledger_link *link);
void ledger_link_fini(struct ledger_link *link);
/* A ledger was started: talk to it over fd (non-blocking from here on), which we close. */
void ledger_link_open(struct ledger_link *link, int fd);
/* It ended: everybody who waits is told so. */
void ledger_link_close(struct master *master);

/* The arguments' writer, or NULL when there is no ledger or too much is under way. */
struct frame_out *ledger_link_begin(struct ledger_link *link, enum command command);
/* ERR_TOO_LARGE: nothing was sent, nobody will be called. */
int ledger_link_send(struct ledger_link *link, const struct ledger_call *call,
                     int64_t now_us) MUST_CHECK;
/* A command without arguments; ERR_BUSY when there is no ledger. */
int ledger_link_call(struct ledger_link *link, const struct ledger_call *call,
                     int64_t now_us) MUST_CHECK;

/* Poll events wanted; what to do when they came; calls that are overdue. */
short ledger_link_events(const struct ledger_link *link);
void ledger_link_on_events(struct master *master, short events);
void ledger_link_expire(struct master *master, int64_t now_us);

#endif
