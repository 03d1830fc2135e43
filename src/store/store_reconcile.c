/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_reconcile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "relayos/base/mem.h"
#include "relayos/store/store_name.h"
#include "relayos/store/store_trace.h"

#define SLICE_ROWS 5000

struct store_reconcile {
    struct store_reconcile_attempt *attempts;
    size_t n, capacity;
    uint32_t *by_request; /* positions in attempts, in order of request and attempt */
    struct uuid until;
    /* The last attempt looked at. */
    struct uuid at;
    int64_t at_attempt;
    bool is_done;
};

static void add(struct store_reconcile *reconcile, struct db_cursor *row);
static void index_all(struct store_reconcile *reconcile);
static int compare_upstream_ids(const void *a, const void *b);
static int compare_requests(const void *a, const void *b, void *ctx);

struct store_reconcile *
store_reconcile_new(int64_t since_us, int64_t until_us)
{
    struct store_reconcile *reconcile = mem_zalloc(sizeof(*reconcile));

    reconcile->at = store_trace_floor(since_us);
    reconcile->at_attempt = -1;
    reconcile->until = store_trace_floor(until_us);
    return reconcile;
}

void
store_reconcile_free(struct store_reconcile **reconcile)
{
    if (*reconcile == NULL)
        return;
    free((*reconcile)->attempts);
    free((*reconcile)->by_request);
    free(*reconcile);
    *reconcile = NULL;
}

int
store_reconcile_load(struct store *store, struct store_reconcile *reconcile, bool *out_is_done)
{
    struct db_cursor rows = db_start(store, STATEMENT_RECONCILE_PAGE);
    size_t n = 0;
    int rc;

    assert(!reconcile->is_done);
    /* Bound by pointer, and moved on by each row: from a copy. */
    struct uuid after = reconcile->at;
    db_bind_blob(&rows, after.bytes, sizeof(after.bytes));
    db_bind_int(&rows, reconcile->at_attempt);
    db_bind_blob(&rows, reconcile->until.bytes, sizeof(reconcile->until.bytes));
    db_bind_int(&rows, SLICE_ROWS);
    for (; (rc = db_step(&rows)) == 1; n++)
        add(reconcile, &rows);
    if (rc < 0)
        return rc;
    reconcile->is_done = n < SLICE_ROWS;
    if (reconcile->is_done)
        index_all(reconcile);
    *out_is_done = reconcile->is_done;
    return 0;
}

static void
add(struct store_reconcile *reconcile, struct db_cursor *row)
{
    struct store_reconcile_attempt attempt = {0};
    char outcome[16], provenance[16];

    db_read_blob(row, attempt.request_id.bytes, sizeof(attempt.request_id.bytes));
    attempt.attempt = (uint32_t)db_read_int(row);
    db_read_text(row, outcome, sizeof(outcome));
    db_read_text(row, provenance, sizeof(provenance));
    attempt.outcome = store_name_value(STORE_NAME_OUTCOME, outcome);
    attempt.provenance = store_name_value(STORE_NAME_PROVENANCE, provenance);
    attempt.input_tokens = db_read_int(row);
    attempt.output_tokens = db_read_int(row);
    attempt.cost_nusd = db_read_int(row);
    db_read_text(row, attempt.upstream_request_id, sizeof(attempt.upstream_request_id));
    db_read_text(row, attempt.upstream, sizeof(attempt.upstream));
    reconcile->at = attempt.request_id;
    reconcile->at_attempt = attempt.attempt;
    if (attempt.upstream_request_id[0] == '\0')
        return;
    if (reconcile->n == reconcile->capacity) {
        reconcile->capacity = reconcile->capacity == 0 ? 1024 : reconcile->capacity * 2;
        reconcile->attempts =
            mem_array(reconcile->attempts, reconcile->capacity, sizeof(reconcile->attempts[0]));
    }
    reconcile->attempts[reconcile->n++] = attempt;
}

static void
index_all(struct store_reconcile *reconcile)
{
    if (reconcile->n == 0)
        return;
    qsort(reconcile->attempts, reconcile->n, sizeof(reconcile->attempts[0]), compare_upstream_ids);
    reconcile->by_request = mem_array(NULL, reconcile->n, sizeof(reconcile->by_request[0]));
    for (size_t i = 0; i < reconcile->n; i++)
        reconcile->by_request[i] = (uint32_t)i;
    qsort_r(reconcile->by_request, reconcile->n, sizeof(reconcile->by_request[0]), compare_requests,
            reconcile->attempts);
}

static int
compare_upstream_ids(const void *a, const void *b)
{
    const struct store_reconcile_attempt *one = a, *other = b;

    return strcmp(one->upstream_request_id, other->upstream_request_id);
}

static int
compare_requests(const void *a, const void *b, void *ctx)
{
    const struct store_reconcile_attempt *attempts = ctx;
    const struct store_reconcile_attempt *one = &attempts[*(const uint32_t *)a];
    const struct store_reconcile_attempt *other = &attempts[*(const uint32_t *)b];
    int order = memcmp(&one->request_id, &other->request_id, sizeof(one->request_id));

    return order != 0 ? order : (one->attempt > other->attempt) - (one->attempt < other->attempt);
}

struct store_reconcile_attempt *
store_reconcile_find(struct store_reconcile *reconcile, struct slice upstream_request_id)
{
    struct store_reconcile_attempt key = {0};

    assert(reconcile->is_done);
    if (reconcile->n == 0 || upstream_request_id.len >= sizeof(key.upstream_request_id))
        return NULL;
    memcpy(key.upstream_request_id, upstream_request_id.ptr, upstream_request_id.len);
    return bsearch(&key, reconcile->attempts, reconcile->n, sizeof(key), compare_upstream_ids);
}

struct store_reconcile_attempt *
store_reconcile_of_request(struct store_reconcile *reconcile, struct uuid request_id)
{
    size_t from = 0, until = reconcile->n;

    assert(reconcile->is_done);
    while (from < until) {
        size_t middle = from + (until - from) / 2;
        const struct store_reconcile_attempt *at =
            &reconcile->attempts[reconcile->by_request[middle]];

        if (memcmp(&at->request_id, &request_id, sizeof(request_id)) < 0)
            from = middle + 1;
        else
            until = middle;
    }
    if (from == reconcile->n)
        return NULL;
    struct store_reconcile_attempt *found = &reconcile->attempts[reconcile->by_request[from]];
    return memcmp(&found->request_id, &request_id, sizeof(request_id)) == 0 ? found : NULL;
}

size_t
store_reconcile_count(const struct store_reconcile *reconcile)
{
    return reconcile->n;
}

struct store_reconcile_attempt *
store_reconcile_at(struct store_reconcile *reconcile, size_t n)
{
    assert(n < reconcile->n);
    return &reconcile->attempts[n];
}
