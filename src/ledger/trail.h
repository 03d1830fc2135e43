/* SPDX-License-Identifier: ISC
 *
 * trail - the audit trail's rows: dispatch begins one for each WRITE command, the commit of what
 * the command changes takes it along (ledger_end), and one that changed nothing in the store gets
 * its row all the same. Handlers only say to what it was done.
 */
#ifndef LEDGER_TRAIL_H
#define LEDGER_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatch.h"
#include "relayos/base/buf.h"
#include "relayos/base/hash.h"
#include "relayos/control/command.h"
#include "relayos/store/store_once.h"

#define TRAIL_WHO_SIZE    128
#define TRAIL_TARGET_SIZE 320

struct trail {
    bool is_due;        /* the next commit takes it along */
    bool is_written;    /* it has */
    bool is_open;       /* it has, in the batch that is open */
    bool is_taken_back; /* what it did does not hold */
    const char *action;
    char who[TRAIL_WHO_SIZE], target[TRAIL_TARGET_SIZE];
    struct buf detail; /* a JSON object that is not closed yet */
    struct hash_hmac *seal;
    bool has_once; /* it is to be carried out once */
    struct once_record once;
};

void trail_init(struct trail *trail, const struct secret *pepper);
void trail_fini(struct trail *trail);

/*
 * A command begins; ERR_SYNTAX: it does not say who gives it. ERR_IDEMPOTENCY_FINISHED: with its
 * "once" (two digests: of what names it, and of what it asks) it was carried out already, in the
 * last 24 hours; ERR_IDEMPOTENCY_CONFLICT: something else was.
 */
int trail_begin(struct ledger *ledger, const struct command_info *info,
                const struct frame_value *args, struct errmsg *why) MUST_CHECK;
/* To what it is done: "key 12"; and what the arguments do not say. */
void trail_target(struct ledger *ledger, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void trail_add_int(struct ledger *ledger, const char *name, int64_t value);
/* Text that is JSON, or has overflown. */
void trail_add_json(struct ledger *ledger, const char *name, const struct buf *json);
/* In the batch that is open: the row that is due, if one is. */
int trail_write(struct ledger *ledger) MUST_CHECK;
/* What became of the batch. */
void trail_settle(struct ledger *ledger, bool is_committed);
/* It came to rc: what has no row yet gets one, and one that failed after its commit a second. */
int trail_end(struct ledger *ledger, int rc, struct errmsg *why) MUST_CHECK;

/* A row of no command, in the batch that is open. */
int trail_note(struct ledger *ledger, const char *who, const char *action, const char *target,
               const char *detail) MUST_CHECK;

dispatch_handler trail_list, trail_append;

#endif
