/* SPDX-License-Identifier: ISC */
#include "usage_hours.h"

#include <stdlib.h>
#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "usage_sample.h"

#define ROWS_A_STEP 1000 /* some milliseconds */
#define GROUPS_MAX  100000

struct usage_hours {
    int64_t first_seq, last_seq;   /* first < seq <= last are added up: */
    struct store_usage_table sums; /* by key_id, period and label: day, hour and model */
};

static void forget(struct usage_hours *hours, int64_t seq);
static int read_on(struct store *store, struct usage_hours *hours, int64_t first, int64_t last);
static int read_rows(struct store *store, int64_t first, int64_t last,
                     struct store_usage_table *out);
static void add(const struct store_usage_group *sums, struct store_usage_table *table);
static bool is_wanted(const struct store_usage_group *sums,
                      const struct store_usage_table_query *query);

struct usage_hours *
usage_hours_new(void)
{
    return mem_zalloc(sizeof(struct usage_hours));
}

void
usage_hours_free(struct usage_hours **hours)
{
    if (*hours != NULL)
        store_usage_table_fini(&(*hours)->sums);
    free(*hours);
    *hours = NULL;
}

int
usage_hours_add(struct store *store, struct usage_hours *hours,
                const struct store_usage_table_query *query, struct store_usage_table *table)
{
    int64_t first, last;
    int rc = usage_sample_range(store, query, &first, &last);

    if (rc != 0)
        return rc;
    if (last < hours->first_seq || first > hours->last_seq || hours->sums.n > GROUPS_MAX)
        forget(hours, last); /* the newest are read first */
    while (rc == 0 && (hours->first_seq > first || hours->last_seq < last)) {
        rc = read_on(store, hours, first, last);
        if (rc == 0 && query->deadline_us != 0 && clock_mono_us() >= query->deadline_us)
            return ERR_BUSY;
    }
    for (size_t i = 0; rc == 0 && i < hours->sums.n; i++) {
        const struct store_usage_group *sums = &hours->sums.groups[i];
        const struct store_usage_group hour = {.period = sums->period};

        if (is_wanted(sums, query))
            store_usage_table_add(table, &hour, sums);
    }
    return rc;
}

static void
forget(struct usage_hours *hours, int64_t seq)
{
    store_usage_table_fini(&hours->sums);
    *hours = (struct usage_hours){.first_seq = seq, .last_seq = seq};
}

/* A step at the newer end, then at the older one. One that fails has added nothing. */
static int
read_on(struct store *store, struct usage_hours *hours, int64_t first, int64_t last)
{
    struct store_usage_table step = {0};
    int64_t from = hours->last_seq, until = last;
    bool is_newer = from < last;

    if (!is_newer) {
        until = hours->first_seq;
        from = until - first > ROWS_A_STEP ? until - ROWS_A_STEP : first;
    } else if (until - from > ROWS_A_STEP) {
        until = from + ROWS_A_STEP;
    }
    int rc = read_rows(store, from, until, &step);
    for (size_t i = 0; rc == 0 && i < step.n; i++)
        add(&step.groups[i], &hours->sums);
    if (rc == 0 && is_newer)
        hours->last_seq = until;
    else if (rc == 0)
        hours->first_seq = from;
    store_usage_table_fini(&step);
    return rc;
}

static int
read_rows(struct store *store, int64_t first, int64_t last, struct store_usage_table *out)
{
    struct db_cursor rows = db_start(store, STATEMENT_USAGE_HOURS);
    int rc;

    db_bind_int(&rows, first);
    db_bind_int(&rows, last);
    while ((rc = db_step(&rows)) == 1) {
        struct store_usage_group group = {.key_id = (uint64_t)db_read_int(&rows)}, sums;

        db_read_text(&rows, group.label, sizeof(group.label));
        group.period = (uint32_t)db_read_int(&rows);
        store_usage_table_read(&rows, &sums);
        store_usage_table_add(out, &group, &sums);
    }
    return rc;
}

static void
add(const struct store_usage_group *sums, struct store_usage_table *table)
{
    struct store_usage_group group = {.key_id = sums->key_id, .period = sums->period};

    memcpy(group.label, sums->label, sizeof(group.label));
    store_usage_table_add(table, &group, sums);
}

static bool
is_wanted(const struct store_usage_group *sums, const struct store_usage_table_query *query)
{
    return sums->key_id >= query->first_day && sums->key_id <= query->last_day &&
           (query->model.len == 0 || slice_eq_str(query->model, sums->label));
}
