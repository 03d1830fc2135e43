/* SPDX-License-Identifier: ISC */
#include "usage_sample.h"

#include <stdlib.h>
#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/base/period.h"
#include "relayos/store/store_trace.h"

#define PLACES      90
#define PER_PLACE   10 /* that follow one another: they lie on the same pages */
#define SAMPLES     (PLACES * PER_PLACE)
#define SAMPLES_MIN 20 /* of a group */
#define PAGE        32
#define TIME_US     INT64_C(50000) /* else what there is by then: the sums are what was asked for */
#define SLACK_US                                                                                   \
    INT64_C(7200000000) /* a row is written so long after its request came, at most                \
                         */

struct sample {
    size_t group;
    int64_t latency_us, first_token_us; /* -1: none */
};

struct samples {
    struct store *store;
    const struct store_usage_table_query *query;
    struct store_usage_table *table;
    int64_t deadline_us;
    size_t n;
    struct sample all[SAMPLES];
};

static int spread(struct samples *samples);
static int newest(struct samples *samples);
static void take(struct samples *samples, struct db_cursor *row);
static int seq_at(struct store *store, enum statement statement, int64_t real_us, int64_t *out);
static void fill_in(struct samples *samples);
static void fill_group(struct store_usage_group *group, struct sample *samples, size_t n);
static int64_t percentile(const struct sample *samples, size_t n, size_t offset, int permille);
static int by_group_and_latency(const void *a, const void *b);
static int by_first_token(const void *a, const void *b);

int
usage_sample_add(struct store *store, const struct store_usage_table_query *query,
                 struct store_usage_table *table)
{
    struct samples *samples = mem_zalloc(sizeof(*samples));
    struct sample none;

    samples->store = store;
    samples->query = query;
    samples->table = table;
    samples->deadline_us = query->deadline_us == 0 ? 0 : clock_mono_us() + TIME_US;
    for (size_t i = 0; i < table->n; i++)
        fill_group(&table->groups[i], &none, 0);
    int rc = query->any_key ? spread(samples) : newest(samples);
    if (rc == 0)
        fill_in(samples);
    free(samples);
    return rc;
}

/* By number, so that each request is as likely as any other, whenever it came. */
static int
spread(struct samples *samples)
{
    const struct store_usage_table_query *query = samples->query;
    int64_t first, last;
    int rc = usage_sample_range(samples->store, query, &first, &last);

    for (int64_t i = 0; rc == 0 && i < PLACES; i++) {
        struct db_cursor row = db_start(samples->store, STATEMENT_USAGE_SAMPLE);

        if (samples->deadline_us != 0 && clock_mono_us() >= samples->deadline_us)
            break;
        db_bind_int(&row, first + (last - first) * i / PLACES);
        db_bind_int(&row, first + (last - first) * (i + 1) / PLACES);
        db_bind_int(&row, PER_PLACE);
        db_bind_slice(&row, query->model);
        while ((rc = db_step(&row)) == 1) {
            (void)db_read_int(&row);
            take(samples, &row);
        }
    }
    return rc;
}

static int
newest(struct samples *samples)
{
    const struct store_usage_table_query *query = samples->query;
    struct period first = period_of_day(PERIOD_DAY, query->first_day),
                  last = period_of_day(PERIOD_DAY, query->last_day);
    struct store_trace_filter filter = {.key_ids = query->key_ids,
                                        .n_key_ids = query->n_key_ids,
                                        .model = query->model,
                                        .status = SLICE_LIT("ok"),
                                        .since_us = first.start_us,
                                        .until_us = last.end_us,
                                        .deadline_us = samples->deadline_us};
    struct store_trace_page page = {.traces = mem_array(NULL, PAGE, sizeof(struct store_trace)),
                                    .room = PAGE};
    int rc = 0;

    do {
        rc = store_trace_list(samples->store, &filter, &page);
        for (size_t i = 0; rc == 0 && i < page.n; i++) {
            struct db_cursor row = db_start(samples->store, STATEMENT_USAGE_SAMPLE_OF_ID);

            db_bind_blob(&row, page.traces[i].flight.request_id.bytes, sizeof(struct uuid));
            if ((rc = db_step(&row)) == 1) {
                (void)db_read_int(&row);
                take(samples, &row);
                db_finish(&row);
                rc = 0;
            }
        }
        filter.before = page.next;
    } while (rc == 0 && page.n == PAGE && samples->n + PAGE <= SAMPLES / 2);
    free(page.traces);
    return rc;
}

/* A row of USAGE_SAMPLE behind its number: as other rows of usage, but with both periods. */
static void
take(struct samples *samples, struct db_cursor *row)
{
    const struct store_usage_table_query *query = samples->query;
    struct store_usage_group wanted;
    struct sample *sample = &samples->all[samples->n];

    (void)usage_sample_read(row, query->by, &wanted);
    int64_t hour = db_read_int(row);
    if (query->by == STORE_USAGE_HOUR)
        wanted.period = (uint32_t)hour;
    const struct store_usage_group *group = store_usage_table_find(samples->table, &wanted);
    bool is_missing = db_read_is_null(row);
    sample->latency_us = db_read_int(row);
    sample->first_token_us = db_read_is_null(row) ? -1 : 0;
    sample->first_token_us += db_read_int(row);
    if (group == NULL || is_missing || db_read_int(row) == 0)
        return;
    sample->group = (size_t)(group - samples->table->groups);
    samples->n++;
}

int
usage_sample_range(struct store *store, const struct store_usage_table_query *query, int64_t *first,
                   int64_t *last)
{
    struct period from = period_of_day(PERIOD_DAY, query->first_day),
                  to = period_of_day(PERIOD_DAY, query->last_day);
    int rc = seq_at(store, STATEMENT_ROW_FLOOR, from.start_us - SLACK_US, first);

    return rc != 0 ? rc : seq_at(store, STATEMENT_ROW_CEILING, to.end_us + SLACK_US, last);
}

static int
seq_at(struct store *store, enum statement statement, int64_t real_us, int64_t *out)
{
    struct uuid floor = store_trace_floor(real_us);
    struct db_cursor find = db_start(store, statement);

    db_bind_blob(&find, floor.bytes, sizeof(floor.bytes));
    return db_run_int(&find, out);
}

uint64_t
usage_sample_read(struct db_cursor *row, enum store_usage_column by, struct store_usage_group *out)
{
    static const enum store_usage_column columns[] = {STORE_USAGE_KEY, STORE_USAGE_TOOL,
                                                      STORE_USAGE_OWNER, STORE_USAGE_MODEL};
    uint64_t key_id = (uint64_t)db_read_int(row);
    char text[sizeof(out->label)];

    *out = (struct store_usage_group){.key_id = by == STORE_USAGE_KEY ? key_id : 0};
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        db_read_text(row, by == columns[i] ? out->label : text, sizeof(text));
    uint32_t period = (uint32_t)db_read_int(row);
    if (by == STORE_USAGE_DAY || by == STORE_USAGE_HOUR)
        out->period = period;
    return key_id;
}

static void
fill_in(struct samples *samples)
{
    size_t at = 0;

    qsort(samples->all, samples->n, sizeof(samples->all[0]), by_group_and_latency);
    while (at < samples->n) {
        size_t group = samples->all[at].group, n = 1;

        while (at + n < samples->n && samples->all[at + n].group == group)
            n++;
        fill_group(&samples->table->groups[group], &samples->all[at], n);
        at += n;
    }
}

/* They come in the order of their latencies. */
static void
fill_group(struct store_usage_group *group, struct sample *samples, size_t n)
{
    size_t n_silent = 0;

    group->latency_p50_us = percentile(samples, n, offsetof(struct sample, latency_us), 500);
    group->latency_p95_us = percentile(samples, n, offsetof(struct sample, latency_us), 950);
    if (n > 1)
        qsort(samples, n, sizeof(samples[0]), by_first_token);
    while (n_silent < n && samples[n_silent].first_token_us < 0)
        n_silent++;
    samples += n_silent;
    n -= n_silent;
    group->first_token_p50_us =
        percentile(samples, n, offsetof(struct sample, first_token_us), 500);
    group->first_token_p95_us =
        percentile(samples, n, offsetof(struct sample, first_token_us), 950);
}

static int64_t
percentile(const struct sample *samples, size_t n, size_t offset, int permille)
{
    int64_t value = -1;

    if (n >= SAMPLES_MIN)
        memcpy(&value, (const char *)&samples[(n - 1) * (size_t)permille / 1000] + offset,
               sizeof(value));
    return value;
}

static int
by_group_and_latency(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;

    if (x->group != y->group)
        return x->group > y->group ? 1 : -1;
    return (x->latency_us > y->latency_us) - (x->latency_us < y->latency_us);
}

static int
by_first_token(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;

    return (x->first_token_us > y->first_token_us) - (x->first_token_us < y->first_token_us);
}
