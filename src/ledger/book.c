/* SPDX-License-Identifier: ISC */
#include "book.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "relayos/base/mem.h"
#include "relayos/shm/catalog.h"
#include "relayos/shm/quota.h"
#include "relayos/store/store_key.h"

#define FIRST_INDEX_SIZE 1024

static struct book_entry *find_or_add(struct book *book, uint64_t key_id, uint64_t group_id);
static uint32_t *index_slot(const struct book *book, uint64_t key_id);
static void grow(struct book *book);
struct cells;
static void enter(struct book *book, const struct key_record *key, uint32_t row);
static int open_cells(struct ledger *ledger, const struct key_record *key, struct key_view *view,
                      struct cells *cells);
static int open_limit(struct ledger *ledger, uint64_t group_id, const struct key_limit *limit,
                      struct key_view *view, struct cells *cells);
static int open_cell(struct ledger *ledger, uint64_t group_id, const struct key_limit *limit,
                     struct book_cell *cell);
static int used_of(struct ledger *ledger, uint64_t group_id, const struct key_limit *limit,
                   const struct book_cell *cell, int64_t *out);
static const struct book_cell *find_cell(const struct book *book, uint64_t group_id,
                                         const struct book_cell *like);
static void fill_view(struct ledger *ledger, const struct key_record *key, struct key_view *view);
static uint64_t owner_hash(const struct key_record *key);
static bool let_go_of_past(struct ledger *ledger, uint64_t group_id);
static void set_cells(struct book *book, uint64_t group_id, const struct cells *cells);
static void disown(struct book *book, uint32_t cell_idx);
static bool is_wanted(const struct book *book, uint64_t group_id, uint32_t cell_idx);
static void disown_keys(struct ledger *ledger);
static const struct book_entry *group_of(struct ledger *ledger, uint64_t key_id);
static void charge(struct quota_cell *cell, int64_t amount);

static_assert((int)PERIOD_MONTH == (int)LIMIT_PERIOD_MONTH &&
                  (int)PERIOD_TOTAL == (int)LIMIT_PERIOD_TOTAL &&
                  (int)PERIOD_DAY == (int)LIMIT_PERIOD_DAY &&
                  (int)PERIOD_WEEK == (int)LIMIT_PERIOD_WEEK &&
                  (int)PERIOD_N_KINDS == (int)LIMIT_N_PERIODS,
              "a limit's period is a period of the calendar");

/* The cells that a group is to have, while they are being opened. */
struct cells {
    uint32_t n;
    struct book_cell cell[BOOK_CELLS];
};

void
book_init(struct book *book)
{
    memset(book, 0, sizeof(*book));
    book->index_size = FIRST_INDEX_SIZE;
    book->index = mem_zalloc(book->index_size * sizeof(book->index[0]));
}

void
book_fini(struct book *book)
{
    for (uint32_t i = 0; i < book->n_entries; i++)
        free(book->entries[i].cells);
    free(book->entries);
    free(book->index);
    free(book->unwanted);
    book_walk_forget_page(book);
    memset(book, 0, sizeof(*book));
}

struct book_entry *
book_find(const struct book *book, uint64_t key_id)
{
    uint32_t *at = index_slot(book, key_id);

    return *at == 0 ? NULL : &book->entries[*at - 1];
}

static struct book_entry *
find_or_add(struct book *book, uint64_t key_id, uint64_t group_id)
{
    struct book_entry *entry = book_find(book, key_id);

    if (entry != NULL)
        return entry;
    if (book->n_entries == book->capacity)
        grow(book);
    book->entries[book->n_entries] =
        (struct book_entry){.key_id = key_id, .group_id = group_id, .row = BOOK_NO_ROW};
    *index_slot(book, key_id) = ++book->n_entries;
    return &book->entries[book->n_entries - 1];
}

/* Where the key is in the index, or the empty place where it would be: it is never full. */
static uint32_t *
index_slot(const struct book *book, uint64_t key_id)
{
    uint32_t mask = book->index_size - 1;
    uint32_t at = (uint32_t)((key_id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & mask;

    while (book->index[at] != 0 && book->entries[book->index[at] - 1].key_id != key_id)
        at = (at + 1) & mask;
    return &book->index[at];
}

static void
grow(struct book *book)
{
    book->capacity = book->capacity == 0 ? FIRST_INDEX_SIZE / 2 : book->capacity * 2;
    book->entries = mem_array(book->entries, book->capacity, sizeof(book->entries[0]));
    free(book->index);
    book->index_size = 2 * book->capacity;
    book->index = mem_zalloc(book->index_size * sizeof(book->index[0]));
    for (uint32_t i = 0; i < book->n_entries; i++)
        *index_slot(book, book->entries[i].key_id) = i + 1;
}

int
book_publish(struct ledger *ledger, const struct key_record *key)
{
    struct book *book = &ledger->book;
    struct key_view view = {0};
    struct cells cells = {0};

    assert((key->flags & KEY_REVOKED) == 0);
    int rc = open_cells(ledger, key, &view, &cells);
    if (rc == ERR_FULL && let_go_of_past(ledger, key->group_id)) {
        view = (struct key_view){0};
        cells.n = 0;
        rc = open_cells(ledger, key, &view, &cells);
    }
    if (rc == 0) {
        fill_view(ledger, key, &view);
        rc = key_table_publish(ledger->segment, key->digest, &view);
    }
    if (rc == 0) {
        enter(book, key, view.row);
        set_cells(book, key->group_id, &cells);
        return 0;
    }
    for (uint32_t i = 0; i < cells.n; i++) {
        if (!is_wanted(book, key->group_id, cells.cell[i].idx))
            disown(book, cells.cell[i].idx);
    }
    return rc;
}

static void
enter(struct book *book, const struct key_record *key, uint32_t row)
{
    uint32_t is_new;

    find_or_add(book, key->group_id, key->group_id);
    struct book_entry *entry = find_or_add(book, key->id, key->group_id);
    is_new = entry->row == BOOK_NO_ROW;
    entry->row = row;
    entry->day = book->day;
    book_find(book, key->group_id)->n_members += is_new;
    book->n_published += is_new;
}

static int
open_cells(struct ledger *ledger, const struct key_record *key, struct key_view *view,
           struct cells *cells)
{
    struct key_limit concurrent = {
        .unit = LIMIT_UNIT_CONCURRENT, .period = LIMIT_PERIOD_TOTAL, .amount = key->max_concurrent};
    int rc = 0;

    for (uint8_t i = 0; rc == 0 && i < key->n_limits; i++)
        rc = open_limit(ledger, key->group_id, &key->limits[i], view, cells);
    if (rc == 0 && key->max_concurrent > 0)
        rc = open_limit(ledger, key->group_id, &concurrent, view, cells);
    return rc;
}

static int
open_limit(struct ledger *ledger, uint64_t group_id, const struct key_limit *limit,
           struct key_view *view, struct cells *cells)
{
    const struct period *const periods[] = {&ledger->book.now[limit->period],
                                            &ledger->book.next[limit->period]};
    struct key_limit_cells out = {.unit = limit->unit,
                                  .period = limit->period,
                                  .model_id = QUOTA_ALL_MODELS,
                                  .boundary_us = periods[0]->end_us,
                                  .next_boundary_us = periods[1]->end_us};

    /* A name the config does not know yet: nothing can be asked of it until `registry` comes. */
    if (limit->model[0] != '\0' &&
        catalog_model_id(ledger->catalog, slice_str(limit->model), &out.model_id) != 0)
        return 0;
    for (int i = 0; i < (limit->period == LIMIT_PERIOD_TOTAL ? 1 : 2); i++) {
        struct book_cell *cell = &cells->cell[cells->n];

        assert(cells->n < BOOK_CELLS);
        *cell = (struct book_cell){.unit = limit->unit,
                                   .period = limit->period,
                                   .model_id = out.model_id,
                                   .period_id = periods[i]->id,
                                   .first_day = periods[i]->first_day,
                                   .last_day = periods[i]->last_day};
        int rc = open_cell(ledger, group_id, limit, cell);
        if (rc != 0)
            return rc;
        cells->n++;
        out.period_id[i] = cell->period_id;
        out.cell_idx[i] = cell->idx;
        out.cell_generation[i] = cell->generation;
    }
    view->limits[view->n_limits++] = out;
    return 0;
}

static int
open_cell(struct ledger *ledger, uint64_t group_id, const struct key_limit *limit,
          struct book_cell *cell)
{
    const struct quota_cell_id id = {.key_id = group_id,
                                     .period_id = cell->period_id,
                                     .model_id = cell->model_id,
                                     .unit = cell->unit};
    struct quota_terms terms = {.limit = limit->amount, .is_shadow = limit->is_shadow};

    if (limit->unit != LIMIT_UNIT_CONCURRENT) {
        int rc = used_of(ledger, group_id, limit, cell, &terms.used);
        if (rc != 0)
            return rc;
    }
    return quota_cell_open(ledger->segment, &id, &terms, &cell->idx, &cell->generation);
}

/* What the store says; when a day turns, of what is open already, the cell itself: the same. */
static int
used_of(struct ledger *ledger, uint64_t group_id, const struct key_limit *limit,
        const struct book_cell *cell, int64_t *out)
{
    const struct store_usage_wanted wanted = {.group_id = group_id,
                                              .model = slice_str(limit->model),
                                              .first_day = cell->first_day,
                                              .last_day = cell->last_day};
    const struct book_cell *open = find_cell(&ledger->book, group_id, cell);
    int64_t nusd, tokens;

    if (ledger->book.is_rolling && open != NULL) {
        struct quota_view view;

        quota_view(quota_cell_at(ledger->segment, open->idx, open->generation), &view);
        *out = view.used;
        return 0;
    }
    int rc = store_usage_page_sum(ledger->store, &ledger->book.page, &wanted, &nusd, &tokens);
    *out = limit->unit == LIMIT_UNIT_NUSD ? nusd : tokens;
    return rc;
}

/* The open cell of a group that counts the same as `like` (unit, period, model), or NULL. */
static const struct book_cell *
find_cell(const struct book *book, uint64_t group_id, const struct book_cell *like)
{
    const struct book_entry *group = book_find(book, group_id);

    for (uint32_t i = 0; group != NULL && i < group->n_cells; i++) {
        const struct book_cell *cell = &group->cells[i];

        if (cell->unit == like->unit && cell->period_id == like->period_id &&
            cell->model_id == like->model_id)
            return cell;
    }
    return NULL;
}

static void
fill_view(struct ledger *ledger, const struct key_record *key, struct key_view *view)
{
    view->key_id = key->id;
    view->flags = key->flags;
    view->group_id = key->group_id;
    view->owner_hash = owner_hash(key);
    view->expires_us = key->expires_us;
    view->capture_until_us = key->capture_until_us;
    view->requests_per_minute = key->requests_per_minute;
    view->tokens_per_minute = key->tokens_per_minute;
    view->tool = key->tool;
    view->policy = key->policy;
    view->n_networks = key->n_networks;
    memcpy(view->networks, key->networks, sizeof(view->networks));
    for (uint32_t i = 0; i < key->n_models; i++) {
        uint32_t id;

        /* A name the config does not know yet: the `registry` command comes when it does. */
        if (catalog_model_id(ledger->catalog, slice_str(key->models[i]), &id) == 0)
            view->scope[id / 64] |= UINT64_C(1) << id % 64;
    }
}

/*
 * State kept upstream is shared within an owner. A key without one shares with nobody but its own
 * chain of rotations; no owner's name begins with that byte.
 */
static uint64_t
owner_hash(const struct key_record *key)
{
    char own[1 + sizeof(key->group_id)] = {'\x01'};

    if (key->owner[0] != '\0')
        return hash_table64(slice_str(key->owner));
    memcpy(own + 1, &key->group_id, sizeof(key->group_id));
    return hash_table64(slice_of(own, sizeof(own)));
}

/* A day turns and there is no cell to spare: those of periods that are over go first. */
static bool
let_go_of_past(struct ledger *ledger, uint64_t group_id)
{
    struct book *book = &ledger->book;
    const struct book_entry *group = book_find(book, group_id);
    struct cells kept = {0};

    for (uint32_t i = 0; group != NULL && i < group->n_cells; i++) {
        if (group->cells[i].last_day >= book->now[group->cells[i].period].first_day)
            kept.cell[kept.n++] = group->cells[i];
    }
    if (group == NULL || kept.n == group->n_cells)
        return false;
    set_cells(book, group_id, &kept);
    book_sweep(ledger);
    return true;
}

/* What the group had and has no more is closed in time. */
static void
set_cells(struct book *book, uint64_t group_id, const struct cells *cells)
{
    struct book_entry *group = book_find(book, group_id);
    struct book_cell *old = group->cells;
    uint32_t n_old = group->n_cells;

    group->n_cells = cells->n;
    group->cells = NULL;
    if (cells->n > 0) {
        group->cells = mem_array(NULL, cells->n, sizeof(cells->cell[0]));
        memcpy(group->cells, cells->cell, cells->n * sizeof(cells->cell[0]));
    }
    for (uint32_t i = 0; i < n_old; i++) {
        if (!is_wanted(book, group_id, old[i].idx))
            disown(book, old[i].idx);
    }
    free(old);
}

static void
disown(struct book *book, uint32_t cell_idx)
{
    if (book->n_unwanted == book->unwanted_capacity) {
        book->unwanted_capacity = book->unwanted_capacity == 0 ? 64 : book->unwanted_capacity * 2;
        book->unwanted =
            mem_array(book->unwanted, book->unwanted_capacity, sizeof(book->unwanted[0]));
    }
    book->unwanted[book->n_unwanted++] = cell_idx;
}

static bool
is_wanted(const struct book *book, uint64_t group_id, uint32_t cell_idx)
{
    const struct book_entry *group = book_find(book, group_id);

    for (uint32_t i = 0; group != NULL && i < group->n_cells; i++) {
        if (group->cells[i].idx == cell_idx)
            return true;
    }
    return false;
}

void
book_set_flags(struct ledger *ledger, uint64_t key_id, uint32_t flags)
{
    static const struct cells none;
    struct book *book = &ledger->book;
    struct book_entry *entry = book_find(book, key_id);

    if (entry == NULL || entry->row == BOOK_NO_ROW)
        return;
    key_table_set_flags(ledger->segment, entry->row, flags);
    if ((flags & KEY_CUT) != 0)
        segment_count_cut(ledger->segment);
    if ((flags & KEY_REVOKED) == 0)
        return;
    entry->row = BOOK_NO_ROW; /* the row may be another key's from now on */
    book->n_published--;
    if (--book_find(book, entry->group_id)->n_members == 0)
        set_cells(book, entry->group_id, &none);
}

void
book_set_day(struct book *book, uint32_t day)
{
    book->day = day;
    for (int kind = 0; kind < PERIOD_N_KINDS; kind++) {
        book->now[kind] = period_of_day((enum period_kind)kind, day);
        book->next[kind] = period_next(&book->now[kind]);
    }
}

void
book_disown_strays(struct ledger *ledger)
{
    uint32_t n_cells = segment_capacity(ledger->segment)->quota_cells;
    struct quota_cell_info info;

    for (uint32_t idx = 0; idx < n_cells; idx++) {
        if (quota_cell_info(ledger->segment, idx, &info) == 0 &&
            !is_wanted(&ledger->book, info.id.key_id, idx))
            disown(&ledger->book, idx);
    }
    disown_keys(ledger);
}

/* Revoked between a predecessor's commit and its store to the key table. */
static void
disown_keys(struct ledger *ledger)
{
    uint32_t n_rows = key_table_n_rows(ledger->segment);
    struct key_view view;

    for (uint32_t row = 0; row < n_rows; row++) {
        if (key_table_at(ledger->segment, row, &view) != 0)
            continue;
        struct book_entry *entry = book_find(&ledger->book, view.key_id);
        if (entry == NULL || entry->row != row)
            key_table_set_flags(ledger->segment, row, KEY_REVOKED);
    }
}

void
book_sweep(struct ledger *ledger)
{
    struct book *book = &ledger->book;
    uint32_t n_kept = 0;

    for (uint32_t i = 0; i < book->n_unwanted; i++) {
        uint32_t idx = book->unwanted[i];
        struct quota_cell_info info;

        /* Closed already, or wanted again: a limit that came back. */
        if (quota_cell_info(ledger->segment, idx, &info) != 0 ||
            is_wanted(book, info.id.key_id, idx))
            continue;
        if (quota_cell_close(ledger->segment, idx) != 0)
            book->unwanted[n_kept++] = idx;
        else
            book->has_new_room = true;
    }
    book->n_unwanted = n_kept;
}

void
book_charge(struct ledger *ledger, const struct settle_row *row)
{
    const struct book_entry *group = group_of(ledger, row->key_id);

    for (uint32_t i = 0; group != NULL && i < group->n_cells; i++) {
        const struct book_cell *ref = &group->cells[i];
        struct quota_cell *cell;

        if (ref->unit == LIMIT_UNIT_CONCURRENT || row->day_id < ref->first_day ||
            row->day_id > ref->last_day ||
            (ref->model_id != QUOTA_ALL_MODELS && ref->model_id != row->model_id))
            continue;
        cell = quota_cell_at(ledger->segment, ref->idx, ref->generation);
        assert(cell != NULL); /* only we close cells, and not those in the book */
        charge(cell, ref->unit == LIMIT_UNIT_NUSD ? row->charge_nusd : row->quota_tokens);
    }
}

/* A key that was revoked before this ledger began is not in the book; its chain may be. */
static const struct book_entry *
group_of(struct ledger *ledger, uint64_t key_id)
{
    struct book *book = &ledger->book;
    const struct book_entry *key = book_find(book, key_id);
    struct key_record record;

    if (key == NULL) {
        int rc = store_key_get(ledger->store, key_id, &record);

        if (rc == 0) {
            key = find_or_add(book, key_id, record.group_id);
            store_key_fini(&record);
        } else if (rc != ERR_MISSING) {
            book_walk_begin(book); /* all cells anew, of the sums */
        }
    }
    return key == NULL ? NULL : book_find(book, key->group_id);
}

/* Below zero it cannot come: no key's day does. */
static void
charge(struct quota_cell *cell, int64_t amount)
{
    struct quota_view view;

    if (amount >= 0) {
        quota_charge(cell, amount);
        return;
    }
    quota_view(cell, &view);
    quota_set_used(cell, view.used + amount < 0 ? 0 : view.used + amount);
}
