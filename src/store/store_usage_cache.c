/* SPDX-License-Identifier: ISC */
#include "store_usage_cache.h"

#include <stdlib.h>
#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "usage_sample.h"

#define DAYS_MAX    100
#define ENTRIES_MAX 600000 /* of all days: 55 MB */
#define N_MARKS     5

struct entry {
    uint64_t key_id;
    int64_t n_requests, n_failed, input, cache_read, cache_write, output, reasoning, charge_nusd,
        cost_nusd;
};

struct day {
    uint32_t day;
    int64_t marks[N_MARKS]; /* sums of all keys when it was read: USAGE_MARKS */
    size_t n;
    struct entry *entries;
};

struct store_usage_cache {
    size_t n, n_entries;
    struct day days[DAYS_MAX];
};

struct marks {
    uint32_t day;
    int64_t marks[N_MARKS];
};

static int read_marks(struct store *store, uint32_t first_day, uint32_t last_day,
                      struct marks **out, size_t *out_n);
static int load(struct store *store, struct store_usage_cache *cache, const struct marks *marks,
                struct day **out);
static int read_day(struct store *store, struct day *day);
static struct day *find(struct store_usage_cache *cache, uint32_t day);
static struct day *make_room(struct store_usage_cache *cache, size_t n_entries);
static void drop(struct store_usage_cache *cache, struct day *day);
static void add(const struct day *day, struct store_usage_table *table);

struct store_usage_cache *
store_usage_cache_new(void)
{
    return mem_zalloc(sizeof(struct store_usage_cache));
}

void
store_usage_cache_free(struct store_usage_cache **cache)
{
    while (*cache != NULL && (*cache)->n > 0)
        drop(*cache, &(*cache)->days[0]);
    free(*cache);
    *cache = NULL;
}

int
store_usage_cache_warm(struct store *store, struct store_usage_cache *cache, uint32_t day)
{
    struct marks *marks = NULL;
    struct day *found;
    size_t n = 0;
    int rc = read_marks(store, day, day, &marks, &n);

    if (rc == 0 && n > 0)
        rc = load(store, cache, &marks[0], &found);
    free(marks);
    return rc;
}

int
store_usage_cache_add(struct store *store, const struct store_usage_table_query *query,
                      struct store_usage_table *table)
{
    struct store_usage_cache *cache = query->cache;
    struct marks *marks = NULL;
    struct day *day;
    size_t n = 0;

    if (cache == NULL)
        cache = store_usage_cache_new();
    int rc = read_marks(store, query->first_day, query->last_day, &marks, &n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (query->deadline_us != 0 && clock_mono_us() >= query->deadline_us)
            rc = ERR_BUSY; /* the next time it goes on from what was read */
        else if ((rc = load(store, cache, &marks[i], &day)) == 0)
            add(day, table);
    }
    free(marks);
    if (query->cache == NULL)
        store_usage_cache_free(&cache);
    return rc;
}

static int
read_marks(struct store *store, uint32_t first_day, uint32_t last_day, struct marks **out,
           size_t *out_n)
{
    struct db_cursor rows = db_start(store, STATEMENT_USAGE_MARKS);
    size_t room = 0;
    int rc;

    db_bind_int(&rows, first_day);
    db_bind_int(&rows, last_day);
    while ((rc = db_step(&rows)) == 1) {
        if (*out_n == room) {
            room = room == 0 ? 32 : room * 2;
            *out = mem_array(*out, room, sizeof(**out));
        }
        struct marks *marks = &(*out)[(*out_n)++];
        marks->day = (uint32_t)db_read_int(&rows);
        for (int i = 0; i < N_MARKS; i++)
            marks->marks[i] = db_read_int(&rows);
    }
    return rc;
}

/* *out is good until the next one is loaded. */
static int
load(struct store *store, struct store_usage_cache *cache, const struct marks *marks,
     struct day **out)
{
    struct day fresh = {.day = marks->day};

    *out = find(cache, marks->day);
    if (*out != NULL && memcmp((*out)->marks, marks->marks, sizeof(marks->marks)) == 0)
        return 0;
    if (*out != NULL)
        drop(cache, *out);
    int rc = read_day(store, &fresh);
    if (rc != 0) {
        free(fresh.entries);
        return rc;
    }
    memcpy(fresh.marks, marks->marks, sizeof(fresh.marks));
    *out = make_room(cache, fresh.n);
    **out = fresh;
    cache->n_entries += fresh.n;
    return 0;
}

static int
read_day(struct store *store, struct day *day)
{
    struct db_cursor rows = db_start(store, STATEMENT_USAGE_ROWS_OF_KEYS);
    size_t room = 0;
    int rc;

    db_bind_int(&rows, day->day);
    while ((rc = db_step(&rows)) == 1) {
        struct store_usage_group sums;

        if (day->n == room) {
            room = room == 0 ? 256 : room * 2;
            day->entries = mem_array(day->entries, room, sizeof(day->entries[0]));
        }
        struct entry *entry = &day->entries[day->n++];
        entry->key_id = (uint64_t)db_read_int(&rows);
        store_usage_table_read(&rows, &sums);
#define COPY(member) entry->member = sums.member
        COPY(n_requests), COPY(n_failed), COPY(input), COPY(cache_read), COPY(cache_write);
        COPY(output), COPY(reasoning), COPY(charge_nusd), COPY(cost_nusd);
#undef COPY
    }
    return rc;
}

static struct day *
find(struct store_usage_cache *cache, uint32_t day)
{
    for (size_t i = 0; i < cache->n; i++) {
        if (cache->days[i].day == day)
            return &cache->days[i];
    }
    return NULL;
}

/* The oldest days go first. */
static struct day *
make_room(struct store_usage_cache *cache, size_t n_entries)
{
    while (cache->n == DAYS_MAX || (cache->n > 0 && cache->n_entries + n_entries > ENTRIES_MAX)) {
        struct day *oldest = &cache->days[0];

        for (size_t i = 1; i < cache->n; i++) {
            if (cache->days[i].day < oldest->day)
                oldest = &cache->days[i];
        }
        drop(cache, oldest);
    }
    return &cache->days[cache->n++];
}

static void
drop(struct store_usage_cache *cache, struct day *day)
{
    cache->n_entries -= day->n;
    free(day->entries);
    *day = cache->days[--cache->n];
}

static void
add(const struct day *day, struct store_usage_table *table)
{
    for (size_t i = 0; i < day->n; i++) {
        const struct entry *entry = &day->entries[i];
        const struct store_usage_group wanted = {.key_id = entry->key_id};
        struct store_usage_group sums;

#define COPY(member) sums.member = entry->member
        COPY(n_requests), COPY(n_failed), COPY(input), COPY(cache_read), COPY(cache_write);
        COPY(output), COPY(reasoning), COPY(charge_nusd), COPY(cost_nusd);
#undef COPY
        store_usage_table_add(table, &wanted, &sums);
    }
}
