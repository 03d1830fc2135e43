/* SPDX-License-Identifier: ISC */
#include "store_usage_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/buf.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "usage_hours.h"
#include "usage_sample.h"

#define DAYS_MAX  1000
#define BYTES_MAX (96 * 1024 * 1024) /* of all days: some thirty bytes a row */
#define N_MARKS   5
#define ANY_MODEL UINT64_MAX

/* Rows of usage as numbers of variable length, in the order of their keys: the key's distance from
 * the one before, the model's number in cache->models, the figures. */
struct day {
    uint32_t day;
    int64_t marks[N_MARKS]; /* sums of all keys when it was read: USAGE_MARKS */
    struct buf rows;
};

struct store_usage_cache {
    size_t n, n_bytes;
    struct day days[DAYS_MAX];
    struct store_usage_table models; /* by label */
    struct usage_hours *hours;
};

struct marks {
    uint32_t day;
    int64_t marks[N_MARKS];
};

#define FIGURES(FIGURE)                                                                            \
    FIGURE(n_requests)                                                                             \
    FIGURE(n_failed)                                                                               \
    FIGURE(input)                                                                                  \
    FIGURE(cache_read)                                                                             \
    FIGURE(cache_write)                                                                            \
    FIGURE(output)                                                                                 \
    FIGURE(reasoning)                                                                              \
    FIGURE(charge_nusd)                                                                            \
    FIGURE(cost_nusd)

static int read_marks(struct store *store, uint32_t first_day, uint32_t last_day,
                      struct marks **out, size_t *out_n);
static int load(struct store *store, struct store_usage_cache *cache, const struct marks *marks,
                struct day **out);
static int read_day(struct store *store, struct store_usage_cache *cache, struct day *day);
static uint64_t number_of(struct store_usage_table *models, const char *model);
static struct day *find(struct store_usage_cache *cache, uint32_t day);
static struct day *make_room(struct store_usage_cache *cache, size_t n_bytes);
static void drop(struct store_usage_cache *cache, struct day *day);
static bool find_model(const struct store_usage_cache *cache, struct slice model, uint64_t *out);
static void add(const struct day *day, uint64_t model, struct store_usage_table *table);
static void add_row(const uint8_t **at, bool is_wanted, struct store_usage_group *sums);
static void put(struct buf *out, int64_t value);
static int64_t take(const uint8_t **at);

struct store_usage_cache *
store_usage_cache_new(void)
{
    struct store_usage_cache *cache = mem_zalloc(sizeof(*cache));

    cache->hours = usage_hours_new();
    return cache;
}

void
store_usage_cache_free(struct store_usage_cache **cache)
{
    if (*cache == NULL)
        return;
    while ((*cache)->n > 0)
        drop(*cache, &(*cache)->days[0]);
    store_usage_table_fini(&(*cache)->models);
    usage_hours_free(&(*cache)->hours);
    free(*cache);
    *cache = NULL;
}

struct usage_hours *
store_usage_cache_hours(struct store_usage_cache *cache)
{
    return cache->hours;
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
    uint32_t first_day = query->first_day;
    struct marks *marks = NULL;
    struct day *day;
    uint64_t model;
    size_t n = 0;

    if (cache == NULL)
        cache = store_usage_cache_new();
    if (table->next_day > first_day)
        first_day = table->next_day;
    int rc = read_marks(store, first_day, query->last_day, &marks, &n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (i > 0 && query->deadline_us != 0 && clock_mono_us() >= query->deadline_us) {
            rc = ERR_BUSY;
        } else if ((rc = load(store, cache, &marks[i], &day)) == 0) {
            if (find_model(cache, query->model, &model))
                add(day, model, table);
            table->next_day = marks[i].day + 1;
        }
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
    buf_init(&fresh.rows, BYTES_MAX);
    int rc = read_day(store, cache, &fresh);
    if (rc != 0) {
        buf_fini(&fresh.rows);
        return rc;
    }
    buf_shrink(&fresh.rows);
    memcpy(fresh.marks, marks->marks, sizeof(fresh.marks));
    *out = make_room(cache, fresh.rows.len);
    **out = fresh;
    cache->n_bytes += fresh.rows.len;
    return 0;
}

static int
read_day(struct store *store, struct store_usage_cache *cache, struct day *day)
{
    struct db_cursor rows = db_start(store, STATEMENT_USAGE_ROWS_OF_KEYS);
    char model[LIMIT_MODEL_NAME];
    int64_t last_id = 0;
    int rc;

    db_bind_int(&rows, day->day);
    while ((rc = db_step(&rows)) == 1) {
        struct store_usage_group sums;
        int64_t key_id = db_read_int(&rows);

        db_read_text(&rows, model, sizeof(model));
        store_usage_table_read(&rows, &sums);
        put(&day->rows, key_id - last_id);
        last_id = key_id;
        put(&day->rows, (int64_t)number_of(&cache->models, model));
#define FIGURE(member) put(&day->rows, sums.member);
        FIGURES(FIGURE)
#undef FIGURE
    }
    return rc == 0 && day->rows.overflow ? ERR_TOO_LARGE : rc;
}

/* One that is new gets the next one. */
static uint64_t
number_of(struct store_usage_table *models, const char *model)
{
    static const struct store_usage_group none;
    struct store_usage_group wanted = {0};

    snprintf(wanted.label, sizeof(wanted.label), "%s", model);
    store_usage_table_add(models, &wanted, &none);
    return (uint64_t)(store_usage_table_find(models, &wanted) - models->groups);
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
make_room(struct store_usage_cache *cache, size_t n_bytes)
{
    while (cache->n == DAYS_MAX || (cache->n > 0 && cache->n_bytes + n_bytes > BYTES_MAX)) {
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
    cache->n_bytes -= day->rows.len;
    buf_fini(&day->rows);
    *day = cache->days[--cache->n];
}

/* false: no row is of it */
static bool
find_model(const struct store_usage_cache *cache, struct slice model, uint64_t *out)
{
    struct store_usage_group wanted = {0};

    *out = ANY_MODEL;
    if (model.len == 0)
        return true;
    if (model.len >= sizeof(wanted.label))
        return false;
    memcpy(wanted.label, model.ptr, model.len);
    const struct store_usage_group *found = store_usage_table_find(&cache->models, &wanted);
    if (found != NULL)
        *out = (uint64_t)(found - cache->models.groups);
    return found != NULL;
}

/* A key's rows of a day follow one another: one addition a key. */
static void
add(const struct day *day, uint64_t model, struct store_usage_table *table)
{
    const uint8_t *at = (const uint8_t *)day->rows.ptr, *end = at + day->rows.len;
    struct store_usage_group key = {0}, sums = {0};
    bool has_rows = false;

    while (at < end) {
        int64_t step = take(&at);

        if (step != 0 && has_rows) {
            store_usage_table_add(table, &key, &sums);
            sums = (struct store_usage_group){0};
            has_rows = false;
        }
        key.key_id += (uint64_t)step;
        bool is_wanted = take(&at) == (int64_t)model || model == ANY_MODEL;
        has_rows |= is_wanted;
        add_row(&at, is_wanted, &sums);
    }
    if (has_rows)
        store_usage_table_add(table, &key, &sums);
}

static void
add_row(const uint8_t **at, bool is_wanted, struct store_usage_group *sums)
{
#define FIGURE(member)                                                                             \
    {                                                                                              \
        int64_t value = take(at);                                                                  \
        sums->member += is_wanted ? value : 0;                                                     \
    }
    FIGURES(FIGURE)
#undef FIGURE
}

/* Seven bits a byte, the least first; the sign is the lowest bit. */
static void
put(struct buf *out, int64_t value)
{
    uint64_t rest = (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);

    for (; rest >= 0x80; rest >>= 7)
        buf_append_byte(out, (char)(rest | 0x80));
    buf_append_byte(out, (char)rest);
}

static int64_t
take(const uint8_t **at)
{
    uint64_t value = 0;
    int shift = 0;

    for (; **at >= 0x80; shift += 7)
        value |= (uint64_t)(*(*at)++ & 0x7f) << shift;
    value |= (uint64_t) * (*at)++ << shift;
    return (int64_t)(value >> 1 ^ -(value & 1));
}
