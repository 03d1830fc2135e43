/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_usage_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db.h"
#include "relayos/base/clock.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "store_usage_cache.h"
#include "usage_hours.h"
#include "usage_sample.h"

#define FIRST_ROOM  64
#define ROWS_A_STEP 1000 /* of the ledger, between two looks at the clock */

static int add_rows(struct store *store, const struct store_usage_table_query *query,
                    struct store_usage_table *table);
static int add_of_days(struct store *store, const struct store_usage_table_query *query,
                       struct store_usage_table *table);
static int fold(struct store *store, const struct store_usage_table *keys,
                enum store_usage_column by, struct store_usage_table *table);
static int add_keys(struct store *store, const struct store_usage_table_query *query,
                    struct store_usage_table *table);
static int add_hours(struct store *store, const struct store_usage_table_query *query,
                     struct store_usage_table *table);
static int add_corrections(struct store *store, const struct store_usage_table_query *query,
                           struct store_usage_table *table);
static int add_hours_of_requests(struct store *store, const struct store_usage_table_query *query,
                                 struct store_usage_table *table);
static bool is_late(const struct store_usage_table_query *query);
static int add_hours_step(struct store *store, const struct store_usage_table_query *query,
                          int64_t last_seq, struct store_usage_table *table);
static int take_rows(struct db_cursor *rows, const struct store_usage_table_query *query,
                     struct store_usage_table *table);
static bool is_of_keys(const struct store_usage_table_query *query, uint64_t key_id);
static void write_hours(struct store_usage_table *table);
static struct store_usage_group *find(struct store_usage_table *table,
                                      const struct store_usage_group *wanted);
static bool is_same(const struct store_usage_group *a, const struct store_usage_group *b);
static void grow(struct store_usage_table *table);
static uint32_t *slot_of(const struct store_usage_table *table,
                         const struct store_usage_group *wanted);
static int compare_periods(const void *a, const void *b);
static int compare_charges(const void *a, const void *b);

int
store_usage_table_make(struct store *store, const struct store_usage_table_query *query,
                       struct store_usage_table *out)
{
    bool is_by_time = query->by == STORE_USAGE_DAY || query->by == STORE_USAGE_HOUR;
    int rc;

    if (query->by == STORE_USAGE_HOUR)
        rc = add_hours(store, query, out);
    else if (query->any_key)
        rc = add_rows(store, query, out);
    else
        rc = add_keys(store, query, out);
    if (rc == 0)
        rc = usage_sample_add(store, query, out);
    if (rc == 0 && query->by == STORE_USAGE_HOUR)
        write_hours(out);
    if (rc == 0 && out->n > 1)
        qsort(out->groups, out->n, sizeof(out->groups[0]),
              is_by_time ? compare_periods : compare_charges);
    return rc;
}

void
store_usage_table_fini(struct store_usage_table *table)
{
    if (table->keys != NULL)
        store_usage_table_fini(table->keys);
    free(table->keys);
    free(table->groups);
    free(table->index);
    *table = (struct store_usage_table){0};
}

static int
add_rows(struct store *store, const struct store_usage_table_query *query,
         struct store_usage_table *table)
{
    bool is_of_days = query->by == STORE_USAGE_DAY || query->by == STORE_USAGE_MODEL;
    int rc;

    if (is_of_days)
        return add_of_days(store, query, table);
    /* Key by key first: thousands of rows have the same name, tool and owner. */
    if (table->keys == NULL)
        table->keys = mem_zalloc(sizeof(*table->keys));
    rc = store_usage_cache_add(store, query, table->keys);
    return rc != 0 ? rc : fold(store, table->keys, query->by, table);
}

static int
add_of_days(struct store *store, const struct store_usage_table_query *query,
            struct store_usage_table *table)
{
    struct db_cursor rows = db_start(store, STATEMENT_USAGE_ROWS_OF_DAYS);

    db_bind_int(&rows, query->first_day);
    db_bind_int(&rows, query->last_day);
    db_bind_slice(&rows, query->model);
    return take_rows(&rows, query, table);
}

/* What keys have used, into the groups that they are of. A key that is gone has no name. */
static int
fold(struct store *store, const struct store_usage_table *keys, enum store_usage_column by,
     struct store_usage_table *table)
{
    static const enum store_usage_column columns[] = {STORE_USAGE_KEY, STORE_USAGE_TOOL,
                                                      STORE_USAGE_OWNER};
    struct db_cursor labels = db_start(store, STATEMENT_USAGE_KEY_LABELS);
    int rc;

    db_bind_int(&labels, 0);
    while ((rc = db_step(&labels)) == 1) {
        struct store_usage_group group = {.key_id = (uint64_t)db_read_int(&labels)};
        const struct store_usage_group *key = store_usage_table_find(keys, &group);
        char text[sizeof(group.label)];

        if (key == NULL)
            continue;
        group.key_id = by == STORE_USAGE_KEY ? group.key_id : 0;
        for (int i = 0; i < 3; i++)
            db_read_text(&labels, by == columns[i] ? group.label : text, sizeof(text));
        store_usage_table_add(table, &group, key);
    }
    return rc;
}

void
store_usage_table_add(struct store_usage_table *table, const struct store_usage_group *wanted,
                      const struct store_usage_group *sums)
{
    struct store_usage_group *group = find(table, wanted);

#define ADD(member) group->member += sums->member
    ADD(n_requests), ADD(n_failed), ADD(input), ADD(cache_read), ADD(cache_write), ADD(output);
    ADD(reasoning), ADD(charge_nusd), ADD(cost_nusd);
#undef ADD
}

static int
add_keys(struct store *store, const struct store_usage_table_query *query,
         struct store_usage_table *table)
{
    size_t first = table->next_key;
    int rc = 0;

    for (size_t i = first; rc == 0 && i < query->n_key_ids; i++) {
        if (i > first && is_late(query))
            return ERR_BUSY;
        struct db_cursor rows = db_start(store, STATEMENT_USAGE_ROWS_OF_KEY);
        db_bind_int(&rows, query->first_day);
        db_bind_int(&rows, query->last_day);
        db_bind_slice(&rows, query->model);
        db_bind_int(&rows, (int64_t)query->key_ids[i]);
        rc = take_rows(&rows, query, table);
        table->next_key = i + 1;
    }
    return rc;
}

static bool
is_late(const struct store_usage_table_query *query)
{
    return query->deadline_us != 0 && clock_mono_us() >= query->deadline_us;
}

static int
add_hours(struct store *store, const struct store_usage_table_query *query,
          struct store_usage_table *table)
{
    int rc;

    if (query->any_key && query->cache != NULL) {
        rc = usage_hours_add(store, store_usage_cache_hours(query->cache), query, table);
        return rc == 0 ? add_corrections(store, query, table) : rc;
    }
    rc = table->next_seq == 0 ? add_corrections(store, query, table) : 0; /* once */
    return rc == 0 ? add_hours_of_requests(store, query, table) : rc;
}

static int
add_corrections(struct store *store, const struct store_usage_table_query *query,
                struct store_usage_table *table)
{
    struct db_cursor rows = db_start(store, STATEMENT_USAGE_ROWS_OF_CORRECTIONS);

    db_bind_int(&rows, query->first_day);
    db_bind_int(&rows, query->last_day);
    db_bind_slice(&rows, query->model);
    return take_rows(&rows, query, table);
}

static int
add_hours_of_requests(struct store *store, const struct store_usage_table_query *query,
                      struct store_usage_table *table)
{
    int64_t first_seq, last_seq;

    int rc = usage_sample_range(store, query, &first_seq, &last_seq);
    if (table->next_seq < first_seq)
        table->next_seq = first_seq;
    while (rc == 0 && table->next_seq < last_seq) {
        rc = add_hours_step(store, query, last_seq, table);
        if (rc == 0 && table->next_seq < last_seq && is_late(query))
            rc = ERR_BUSY;
    }
    return rc;
}

static int
add_hours_step(struct store *store, const struct store_usage_table_query *query, int64_t last_seq,
               struct store_usage_table *table)
{
    struct db_cursor rows = db_start(store, STATEMENT_USAGE_ROWS_OF_LEDGER);
    int64_t left = last_seq - table->next_seq,
            until = table->next_seq + (left > ROWS_A_STEP ? ROWS_A_STEP : left);

    db_bind_int(&rows, query->first_day);
    db_bind_int(&rows, query->last_day);
    db_bind_slice(&rows, query->model);
    db_bind_int(&rows, table->next_seq);
    db_bind_int(&rows, until);
    table->next_seq = until;
    return take_rows(&rows, query, table);
}

static int
take_rows(struct db_cursor *rows, const struct store_usage_table_query *query,
          struct store_usage_table *table)
{
    int rc;

    while ((rc = db_step(rows)) == 1) {
        struct store_usage_group group, sums;

        if (is_of_keys(query, usage_sample_read(rows, query->by, &group))) {
            store_usage_table_read(rows, &sums);
            store_usage_table_add(table, &group, &sums);
        }
    }
    return rc == ERR_BUSY ? ERR_STORE : rc; /* what was half added cannot go on */
}

static bool
is_of_keys(const struct store_usage_table_query *query, uint64_t key_id)
{
    bool is_one = query->any_key;

    for (size_t i = 0; !is_one && i < query->n_key_ids; i++)
        is_one = query->key_ids[i] == key_id;
    return is_one;
}

void
store_usage_table_read(struct db_cursor *row, struct store_usage_group *out)
{
    out->n_requests = db_read_int(row);
    out->n_failed = db_read_int(row);
    out->input = db_read_int(row);
    out->cache_read = db_read_int(row);
    out->cache_write = db_read_int(row);
    out->output = db_read_int(row);
    out->reasoning = db_read_int(row);
    out->charge_nusd = db_read_int(row);
    out->cost_nusd = db_read_int(row);
}

const struct store_usage_group *
store_usage_table_find(const struct store_usage_table *table,
                       const struct store_usage_group *wanted)
{
    uint32_t at = table->index_size == 0 ? 0 : *slot_of(table, wanted);

    return at == 0 ? NULL : &table->groups[at - 1];
}

/* The group of that key, label and period; added with zeros if it is new. */
static struct store_usage_group *
find(struct store_usage_table *table, const struct store_usage_group *wanted)
{
    if (table->n == table->room)
        grow(table);
    uint32_t *slot = slot_of(table, wanted);
    if (*slot == 0) {
        table->groups[table->n] = *wanted;
        *slot = (uint32_t)++table->n;
    }
    return &table->groups[*slot - 1];
}

static void
grow(struct store_usage_table *table)
{
    table->room = table->room == 0 ? FIRST_ROOM : table->room * 2;
    table->groups = mem_array(table->groups, table->room, sizeof(table->groups[0]));
    free(table->index);
    table->index_size = 2 * table->room;
    table->index = mem_zalloc(table->index_size * sizeof(table->index[0]));
    for (size_t i = 0; i < table->n; i++)
        *slot_of(table, &table->groups[i]) = (uint32_t)i + 1;
}

/* Where it is in the index (open addressing: group + 1), or the empty place where it would be. */
static uint32_t *
slot_of(const struct store_usage_table *table, const struct store_usage_group *wanted)
{
    uint64_t hash = hash_table64(slice_str(wanted->label)) ^
                    (wanted->key_id + wanted->period) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (hash ^ hash >> 32) & (table->index_size - 1);

    while (table->index[at] != 0 && !is_same(&table->groups[table->index[at] - 1], wanted))
        at = (at + 1) & (table->index_size - 1);
    return &table->index[at];
}

static bool
is_same(const struct store_usage_group *a, const struct store_usage_group *b)
{
    return a->key_id == b->key_id && a->period == b->period && strcmp(a->label, b->label) == 0;
}

/* Hours since 1970 as people write them; what was found by the number is not found any more. */
static void
write_hours(struct store_usage_table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        time_t second = (time_t)table->groups[i].period * 3600;
        struct tm tm;

        gmtime_r(&second, &tm);
        table->groups[i].period = ((uint32_t)(tm.tm_year + 1900) * 10000 +
                                   (uint32_t)(tm.tm_mon + 1) * 100 + (uint32_t)tm.tm_mday) *
                                      100 +
                                  (uint32_t)tm.tm_hour;
    }
}

static int
compare_periods(const void *a, const void *b)
{
    const struct store_usage_group *x = a, *y = b;

    return (x->period > y->period) - (x->period < y->period);
}

static int
compare_charges(const void *a, const void *b)
{
    const struct store_usage_group *x = a, *y = b;

    if (x->charge_nusd != y->charge_nusd)
        return x->charge_nusd < y->charge_nusd ? 1 : -1;
    if (x->n_requests != y->n_requests)
        return x->n_requests < y->n_requests ? 1 : -1;
    return x->key_id != y->key_id ? (x->key_id > y->key_id ? 1 : -1) : strcmp(x->label, y->label);
}
