/* SPDX-License-Identifier: ISC
 *
 * ledger - the one accountant: the only process that writes the store, charges quota cells,
 * publishes keys and ends the flights of dead workers. One thread, one poll(2) loop.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "book.h"
#include "intent.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/hash.h"
#include "relayos/heritage.h"
#include "relayos/report/report.h"
#include "relayos/store/store.h"
#include "settle.h"
#include "trail.h"

#define LEDGER_TICK_US 1000000

struct ledger {
    const struct heritage *heritage;
    struct segment *segment;
    const struct catalog *catalog;
    struct hash_hmac *pepper;
    struct store *store; /* NULL while it cannot be opened */
    uint64_t epoch;      /* ours; another in the segment: we are not the accountant any more */
    int lock_fd;
    struct book book;
    struct settle settle;
    struct intents intents;
    struct trail trail; /* the row of the command that is being carried out */
    uint64_t to_wake;   /* workers of which the batch has something, by slot */
    int64_t last_tick_us, last_settle_us, last_checkpoint_us; /* clock_mono_us */
    int64_t last_settle_real_us, last_checkpoint_real_us;     /* for people */
    struct store_backup *backup; /* under way, or NULL; before the store is closed it is dropped */
    int64_t backup_asked_us;
    bool backup_is_copied;
    bool reconcile_is_due;
    bool is_fenced;   /* another ledger has taken over: touch nothing, end */
    bool is_stopping; /* asked to end: outbox is flushed, the reply is on its way */
};

/* Lock, epoch, store, keys, what the segment holds. Nothing is served before it returns 0. */
int ledger_start(struct ledger *ledger, const struct heritage *heritage,
                 struct errmsg *why) MUST_CHECK;
void ledger_finish(struct ledger *ledger);

/* What has to happen now and then: heartbeat, fence, day, store trouble, admission. */
void ledger_tick(struct ledger *ledger, int64_t now_us);

/* Are we still the accountant? Asked before each COMMIT and each write to a quota cell. */
bool ledger_is_current(struct ledger *ledger);

/*
 * One batch: begin, changes, end with what the changes came to. End commits when rc is 0, else it
 * rolls back; it returns rc or what the commit came to, and sees to a store in trouble.
 */
int ledger_begin(struct ledger *ledger, struct errmsg *why) MUST_CHECK;
int ledger_end(struct ledger *ledger, int rc, struct errmsg *why) MUST_CHECK;
/* The database failed where it must not: it is closed, and admission with it, until it is checked.
 */
void ledger_distrust(struct ledger *ledger, const struct errmsg *why);

/* What answers are made of, for an operator. */
struct report ledger_report(const struct ledger *ledger);

/* DONE flights that wait for their row. */
uint32_t ledger_outbox(const struct ledger *ledger);
/* Settle until the outbox is empty or nothing moves; returns what is left in it. */
uint32_t ledger_flush(struct ledger *ledger);

#endif
