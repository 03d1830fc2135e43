/* SPDX-License-Identifier: ISC
 *
 * book_walk - all keys are published anew, or those whose cells a day has changed: in slices, so
 * that settlement goes on. What finds no room is tried again once cells have been closed.
 */
#include <string.h>

#include "book.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/store/store_key.h"

#define PAGE_KEYS     512               /* that a walk reads at a time, with what they have used */
#define SHORT_WAIT_US INT64_C(10000000) /* before what found no room is tried again */

static void note_short(struct book *book, uint64_t key_id);
static void end_walk(struct book *book);
static int next_key(struct ledger *ledger, const struct key_record **out);
static int load_page(struct ledger *ledger);
static int next_stale_key(struct ledger *ledger, struct key_record *out);
static bool is_stale(const struct book *book, const struct book_entry *entry);

void
book_walk_begin(struct book *book)
{
    book->is_walking = true;
    book->is_rolling = false;
    book->walk_after = 0;
    book->n_short = 0;
}

void
book_roll_begin(struct book *book)
{
    if (book->is_walking && !book->is_rolling) { /* all of them are being seen to */
        book->walk_after = 0;
        return;
    }
    book->is_walking = book->is_rolling = true;
    book->walk_after = 0;
}

int
book_walk(struct ledger *ledger, int64_t budget_us)
{
    struct book *book = &ledger->book;
    int64_t start_us = clock_mono_us();
    int rc = 0;

    while (rc == 0 && book->is_walking && clock_mono_us() - start_us < budget_us) {
        struct key_record stale = {0};
        const struct key_record *key = &stale;

        rc = book->is_rolling ? next_stale_key(ledger, &stale) : next_key(ledger, &key);
        if (rc != 0)
            break;
        rc = book_publish(ledger, key);
        if (rc == ERR_FULL) {
            note_short(book, key->id);
            rc = 0;
        }
        store_key_fini(&stale);
    }
    if (rc == ERR_MISSING) {
        end_walk(book);
        rc = 0;
    }
    book_walk_forget_page(book); /* what is settled or changed now is not in it */
    return rc;
}

static void
note_short(struct book *book, uint64_t key_id)
{
    if (book->n_short++ > 0)
        return;
    log_error("key.unpublished",
              "key_id=%llu no room in shared memory for this key or its next period; raise "
              "capacity.keys or capacity.quota_cells and restart",
              (unsigned long long)key_id);
}

static void
end_walk(struct book *book)
{
    book->is_walking = book->is_rolling = false;
    if (book->n_short > 1)
        log_error("key.unpublished", "keys=%u of which the first was named", book->n_short);
    book->is_short = book->n_short > 0;
    book->short_us = clock_mono_us();
    book->n_short = 0;
}

void
book_walk_again_if_short(struct book *book, int64_t now_us)
{
    if (!book->is_short || !book->has_new_room || book->is_walking ||
        now_us - book->short_us < SHORT_WAIT_US)
        return;
    book_walk_begin(book);
    book->has_new_room = false;
}

/* ERR_MISSING: that was the last one. */
static int
next_key(struct ledger *ledger, const struct key_record **out)
{
    struct book *book = &ledger->book;

    if (book->keys_at == book->keys.n) {
        int rc = load_page(ledger);

        if (rc != 0)
            return rc;
    }
    *out = &book->keys.keys[book->keys_at++];
    book->walk_after = (*out)->id;
    return 0;
}

/* The next few hundred keys and what their groups have used, in a pass each rather than by looking
 * up one after the other. */
static int
load_page(struct ledger *ledger)
{
    struct book *book = &ledger->book;
    const struct period *week = &book->now[PERIOD_WEEK], *month = &book->now[PERIOD_MONTH];

    book->keys_at = 0;
    int rc = store_key_page_load(ledger->store, book->walk_after, PAGE_KEYS, &book->keys);
    if (rc != 0)
        return rc;
    if (book->keys.n == 0)
        return ERR_MISSING;
    book->page.after = book->walk_after;
    book->page.last = book->keys.keys[book->keys.n - 1].id;
    book->page.first_day = week->first_day < month->first_day ? week->first_day : month->first_day;
    book->page.last_day = UINT32_MAX;
    return store_usage_page_load(ledger->store, &book->page);
}

void
book_walk_forget_page(struct book *book)
{
    store_usage_page_fini(&book->page);
    store_key_page_fini(&book->keys);
    book->keys_at = 0;
}

static int
next_stale_key(struct ledger *ledger, struct key_record *out)
{
    struct book *book = &ledger->book;

    while (book->walk_after < book->n_entries) {
        const struct book_entry *entry = &book->entries[book->walk_after++];

        if (entry->row != BOOK_NO_ROW && is_stale(book, entry))
            return store_key_get(ledger->store, entry->key_id, out);
    }
    return ERR_MISSING;
}

/* Has one of its limits' periods begun since it was published? */
static bool
is_stale(const struct book *book, const struct book_entry *entry)
{
    const struct book_entry *group = book_find(book, entry->group_id);

    for (uint32_t i = 0; i < group->n_cells; i++) {
        if (entry->day < book->now[group->cells[i].period].first_day)
            return true;
    }
    return false;
}
