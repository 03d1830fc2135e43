/* SPDX-License-Identifier: ISC
 *
 * reload - a new configuration takes the place of the running one, or nothing changes and the
 * reason is told.
 *
 *     read the file -> a forked child parses and checks it -> we parse the same bytes -> new
 * snapshot written beside the active one -> key.sync to the ledger -> flip -> registry to the
 * ledger
 *
 * The child is there so that a parser's crash ends the child. Nothing is seen by workers before the
 * flip; a failure before it leaves at most names in the registry, which mean nothing by themselves.
 */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "asked.h"
#include "child_link.h"
#include "relayos/conf/conf.h"
#include "witness.h"

enum reload_step { RELOAD_IDLE, RELOAD_CHECKING, RELOAD_SYNCING };

struct reload {
    bool is_wanted; /* by SIGHUP */
    enum reload_step step;
    bool has_client, has_next_client;
    bool is_check, next_is_check; /* nothing is to change: only what would is told */
    struct child_tag client;      /* who waits for the outcome on the control socket */
    struct child_tag next_client; /* who asked meanwhile: the file may have changed again */
    char who[WITNESS_WHO_SIZE], next_who[WITNESS_WHO_SIZE]; /* for the audit trail */
    struct buf text;                                        /* the file's bytes */
    struct asked checker;
    struct conf *conf; /* the candidate */
    bool has_previous;
    struct buf previous; /* bytes of the file that held before the last change */
    int64_t loaded_us;   /* real time of the last one; 0 = none since the start */
};

void reload_init(struct reload *reload);
void reload_fini(struct reload *reload, const struct conf *running);
/* Asked for on the control socket: the answer comes later, to this tag. */
void reload_request(struct master *master, struct child_tag client, const struct frame_value *args);
/* The same, but for the change. */
void reload_check(struct master *master, struct child_tag client);
/* The work list's entry: start what SIGHUP asked for, take the checker's verdict, keep its time. */
void reload_work(struct master *master, int64_t now_us);
/* When it has something to do without an event. */
int64_t reload_wake_us(const struct master *master);

#endif
