/* SPDX-License-Identifier: ISC */
#include "usage_sums.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"

#define MAX_SUMS   2048
#define INDEX_SIZE 4096 /* a power of two, half full at most */

struct usage_sums {
    uint32_t n;
    struct usage_sum sums[MAX_SUMS];
    uint16_t index[INDEX_SIZE]; /* open addressing: sum + 1, 0 = empty */
};

static uint16_t *find(struct usage_sums *sums, const struct usage_sum *wanted);
static void add(struct usage_sum *sum, const struct usage_sum *delta);
static int compare(const void *a, const void *b);
static int write_sum(struct store *store, const struct usage_sum *sum);
static void bind_counts(struct db_cursor *row, const struct usage_sum *sum);
static int write_days(struct store *store);
static int compare_models(const void *a, const void *b);
static int write_models(struct store *store);
static int write_model(struct store *store, const struct usage_sum *sum);
static int write_day(struct store *store, const struct usage_sum *day);

struct usage_sums *
usage_sums_new(void)
{
    return mem_zalloc(sizeof(struct usage_sums));
}

void
usage_sums_free(struct usage_sums **sums)
{
    free(*sums);
    *sums = NULL;
}

int
usage_sums_add(struct store *store, const struct usage_sum *delta)
{
    struct usage_sums *sums = store->sums;
    int rc;

    assert(store->batch != DB_BATCH_NONE);
    if (sums->n == MAX_SUMS && (rc = usage_sums_flush(store)) != 0)
        return rc;
    uint16_t *at = find(sums, delta);
    if (*at == 0) {
        sums->sums[sums->n] = *delta;
        *at = (uint16_t)++sums->n;
    } else {
        add(&sums->sums[*at - 1], delta);
    }
    return 0;
}

/* Where it is in the index, or the empty place where it would be: it is never full. */
static uint16_t *
find(struct usage_sums *sums, const struct usage_sum *wanted)
{
    uint64_t hash = hash_table64(slice_str(wanted->model)) ^ wanted->day ^
                    (wanted->key_id * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    uint32_t at = hash & (INDEX_SIZE - 1);

    for (; sums->index[at] != 0; at = (at + 1) & (INDEX_SIZE - 1)) {
        const struct usage_sum *sum = &sums->sums[sums->index[at] - 1];

        if (sum->key_id == wanted->key_id && sum->day == wanted->day &&
            strcmp(sum->model, wanted->model) == 0)
            break;
    }
    return &sums->index[at];
}

static void
add(struct usage_sum *sum, const struct usage_sum *delta)
{
    sum->n_rows += delta->n_rows;
    sum->n_requests += delta->n_requests;
    sum->n_failed += delta->n_failed;
    sum->input += delta->input;
    sum->cache_read += delta->cache_read;
    sum->cache_write += delta->cache_write;
    sum->output += delta->output;
    sum->reasoning += delta->reasoning;
    sum->quota_tokens += delta->quota_tokens;
    sum->charge_nusd += delta->charge_nusd;
    sum->cost_nusd += delta->cost_nusd;
    if (delta->last_us > sum->last_us)
        sum->last_us = delta->last_us;
}

int
usage_sums_flush(struct store *store)
{
    struct usage_sums *sums = store->sums;
    int rc = 0;

    if (sums->n == 0)
        return 0;
    /* In the order of the table: neighbours share a page. */
    qsort(sums->sums, sums->n, sizeof(sums->sums[0]), compare);
    for (uint32_t i = 0; rc == 0 && i < sums->n; i++)
        rc = write_sum(store, &sums->sums[i]);
    if (rc == 0)
        rc = write_days(store);
    if (rc == 0)
        rc = write_models(store);
    usage_sums_forget(sums);
    return rc;
}

static int
compare(const void *a, const void *b)
{
    const struct usage_sum *one = a, *other = b;

    if (one->key_id != other->key_id)
        return one->key_id < other->key_id ? -1 : 1;
    return compare_models(a, b);
}

static int
write_sum(struct store *store, const struct usage_sum *sum)
{
    struct db_cursor row = db_start(store, STATEMENT_USAGE_ADD);

    db_bind_int(&row, (int64_t)sum->key_id);
    db_bind_int(&row, sum->day);
    db_bind_text(&row, sum->model);
    bind_counts(&row, sum);
    db_bind_int(&row, sum->quota_tokens);
    db_bind_int(&row, sum->charge_nusd);
    db_bind_int(&row, sum->cost_nusd);
    db_bind_int(&row, sum->last_us);
    return db_run(&row);
}

static void
bind_counts(struct db_cursor *row, const struct usage_sum *sum)
{
    db_bind_int(row, sum->n_requests);
    db_bind_int(row, sum->n_failed);
    db_bind_int(row, sum->input);
    db_bind_int(row, sum->cache_read);
    db_bind_int(row, sum->cache_write);
    db_bind_int(row, sum->output);
    db_bind_int(row, sum->reasoning);
}

/* A batch spans a day or two, corrections a few more: what is equal and adjacent is one upsert. */
static int
write_days(struct store *store)
{
    const struct usage_sums *sums = store->sums;
    struct usage_sum day = sums->sums[0];
    int rc = 0;

    for (uint32_t i = 1; rc == 0 && i < sums->n; i++) {
        if (sums->sums[i].day == day.day) {
            add(&day, &sums->sums[i]);
            continue;
        }
        rc = write_day(store, &day);
        day = sums->sums[i];
    }
    return rc != 0 ? rc : write_day(store, &day);
}

static int
write_day(struct store *store, const struct usage_sum *day)
{
    struct db_cursor row = db_start(store, STATEMENT_DAY_ADD);

    db_bind_int(&row, day->day);
    db_bind_int(&row, day->n_rows);
    db_bind_int(&row, day->quota_tokens);
    db_bind_int(&row, day->charge_nusd);
    db_bind_int(&row, day->cost_nusd);
    return db_run(&row);
}

/* A batch of many keys is of a few models. */
static int
write_models(struct store *store)
{
    struct usage_sums *sums = store->sums;
    int rc = 0;

    qsort(sums->sums, sums->n, sizeof(sums->sums[0]), compare_models);
    for (uint32_t i = 0, end; rc == 0 && i < sums->n; i = end) {
        struct usage_sum *sum = &sums->sums[i];

        for (end = i + 1; end < sums->n && compare_models(sum, &sums->sums[end]) == 0; end++)
            add(sum, &sums->sums[end]);
        rc = write_model(store, sum);
    }
    return rc;
}

static int
compare_models(const void *a, const void *b)
{
    const struct usage_sum *one = a, *other = b;

    if (one->day != other->day)
        return one->day < other->day ? -1 : 1;
    return strcmp(one->model, other->model);
}

static int
write_model(struct store *store, const struct usage_sum *sum)
{
    struct db_cursor row = db_start(store, STATEMENT_USAGE_DAY_ADD);

    db_bind_int(&row, sum->day);
    db_bind_text(&row, sum->model);
    bind_counts(&row, sum);
    db_bind_int(&row, sum->charge_nusd);
    db_bind_int(&row, sum->cost_nusd);
    return db_run(&row);
}

void
usage_sums_forget(struct usage_sums *sums)
{
    memset(sums->index, 0, sizeof(sums->index));
    sums->n = 0;
}
