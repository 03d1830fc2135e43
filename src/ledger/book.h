/* SPDX-License-Identifier: ISC
 *
 * book - the accountant's own index: key -> its group -> the group's open quota cells.
 *
 * A cell's `used` is at all times the sum that the store has for its group, period and model: it
 * is set when the cell is opened and charged with each committed row after that, whether or not
 * that request held a reservation on it.
 *
 * Process: the ledger. Cells that are no longer wanted (a limit taken away, a period gone by) are
 * closed when nothing is reserved on them any more.
 */
#ifndef LEDGER_BOOK_H
#define LEDGER_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/period.h"
#include "relayos/model/key.h"
#include "relayos/shm/key_table.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_usage.h"

#define BOOK_NO_ROW UINT32_MAX
#define BOOK_CELLS  (2 * LIMIT_KEY_LIMITS + 1) /* of one group: this and the next period of each */

struct book_cell {
    uint32_t idx, generation;
    uint32_t period_id, first_day, last_day;
    uint32_t model_id; /* QUOTA_ALL_MODELS */
    uint8_t unit, period;
};

struct book_entry {
    uint64_t key_id, group_id;
    uint32_t row; /* in the key table; BOOK_NO_ROW: not published */
    uint32_t day; /* when it was published last */
    /* Of the entry whose key_id is the group_id: */
    uint32_t n_members; /* published keys of the group */
    uint32_t n_cells;
    struct book_cell *cells;
};

struct book {
    struct book_entry *entries;
    uint32_t n_entries, capacity;
    uint32_t *index; /* open addressing over key_id: entry + 1, 0 = empty */
    uint32_t index_size;
    uint32_t n_published;
    uint32_t *unwanted; /* quota cells to be closed */
    uint32_t n_unwanted, unwanted_capacity;
    uint32_t n_names;                   /* model names there were when scopes were last seen to */
    uint32_t day;                       /* of the calendar: never goes backwards */
    struct period now[PERIOD_N_KINDS];  /* those that hold the day: cells [0] of keys */
    struct period next[PERIOD_N_KINDS]; /* and [1] */
    bool is_walking;                    /* keys are being published anew: */
    bool is_rolling;                    /* those with a limit whose period has ended, or all, */
    uint64_t walk_after;                /* from this id on; of a roll: entry */
    uint32_t n_short;                   /* found no room in this walk; in the last one: */
    bool is_short;                      /* some did, */
    int64_t short_us;                   /* then */
    bool has_new_room;                  /* a cell was closed since that was looked at */
    struct store_key_page keys;         /* those that come next in a walk, */
    size_t keys_at;                     /* from this one on, */
    struct store_usage_page page;       /* and the sums of their groups */
};

struct ledger;
struct settle_row;

void book_init(struct book *book);
void book_fini(struct book *book);
/* Entry of a key, NULL if it is not known. Good until the next key is published. */
struct book_entry *book_find(const struct book *book, uint64_t key_id);

/* Cells first, then the row: workers meet a key with all its limits, or not at all. */
int book_publish(struct ledger *ledger, const struct key_record *key) MUST_CHECK;
/* Flags of a published key take effect at once; a revoked one is not published any more. */
void book_set_flags(struct ledger *ledger, uint64_t key_id, uint32_t flags);

/* A day begins; the first one before any key is published. */
void book_set_day(struct book *book, uint32_t day);

/* Publish every key of the store anew, in slices between settlements. */
void book_walk_begin(struct book *book);
/* The same for those whose cells a new day has changed. */
void book_roll_begin(struct book *book);
/* Go on for about budget_us; INT64_MAX = to the end. */
int book_walk(struct ledger *ledger, int64_t budget_us) MUST_CHECK;
/* Once a tick: begin a walk if the last one was short of cells and some have been closed. */
void book_walk_again_if_short(struct book *book, int64_t now_us);
void book_walk_forget_page(struct book *book);

/* After a takeover, once all keys are published: cells and keys that the store does not back. */
void book_disown_strays(struct ledger *ledger);
/* Close unwanted cells on which nothing is reserved. */
void book_sweep(struct ledger *ledger);

/* A new row was committed; of a correction the amounts may be negative. */
void book_charge(struct ledger *ledger, const struct settle_row *row);

#endif
