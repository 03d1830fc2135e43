/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_usage.h"

#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "relayos/base/mem.h"
#include "usage_sums.h"

static void read_row(struct db_cursor *cursor, struct store_usage_row *out);

int
store_usage_of_group(struct store *store, uint64_t group_id, struct slice model, uint32_t first_day,
                     uint32_t last_day, int64_t *out_nusd, int64_t *out_tokens)
{
    int rc = usage_sums_flush(store);

    if (rc != 0)
        return rc;
    struct db_cursor sum = db_start(store, STATEMENT_USAGE_OF_GROUP);
    db_bind_int(&sum, (int64_t)group_id);
    db_bind_int(&sum, first_day);
    db_bind_int(&sum, last_day);
    db_bind_slice(&sum, model);
    rc = db_step(&sum);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_STORE;
    *out_nusd = db_read_int(&sum);
    *out_tokens = db_read_int(&sum);
    db_finish(&sum);
    return 0;
}

int
store_usage_page_load(struct store *store, struct store_usage_page *page)
{
    int rc = usage_sums_flush(store);

    if (rc != 0)
        return rc;
    struct db_cursor rows = db_start(store, STATEMENT_USAGE_PAGE);
    db_bind_int(&rows, (int64_t)page->after);
    db_bind_int(&rows, (int64_t)page->last);
    db_bind_int(&rows, page->first_day);
    db_bind_int(&rows, page->last_day);
    page->n_sums = 0;
    while ((rc = db_step(&rows)) == 1) {
        if (page->n_sums == page->capacity) {
            page->capacity = page->capacity == 0 ? 1024 : page->capacity * 2;
            page->sums = mem_array(page->sums, page->capacity, sizeof(page->sums[0]));
        }
        struct store_usage_sum *sum = &page->sums[page->n_sums++];
        sum->group_id = (uint64_t)db_read_int(&rows);
        sum->day = (uint32_t)db_read_int(&rows);
        db_read_text(&rows, sum->model, sizeof(sum->model));
        sum->nusd = db_read_int(&rows);
        sum->tokens = db_read_int(&rows);
    }
    return rc;
}

void
store_usage_page_fini(struct store_usage_page *page)
{
    free(page->sums);
    memset(page, 0, sizeof(*page));
}

int
store_usage_page_sum(struct store *store, const struct store_usage_page *page,
                     const struct store_usage_wanted *wanted, int64_t *out_nusd,
                     int64_t *out_tokens)
{
    size_t at = 0, end = page->n_sums;

    if (wanted->group_id <= page->after || wanted->group_id > page->last ||
        wanted->first_day < page->first_day || wanted->last_day > page->last_day)
        return store_usage_of_group(store, wanted->group_id, wanted->model, wanted->first_day,
                                    wanted->last_day, out_nusd, out_tokens);
    while (at < end) {
        size_t middle = at + (end - at) / 2;

        if (page->sums[middle].group_id < wanted->group_id)
            at = middle + 1;
        else
            end = middle;
    }
    *out_nusd = *out_tokens = 0;
    for (; at < page->n_sums && page->sums[at].group_id == wanted->group_id; at++) {
        const struct store_usage_sum *sum = &page->sums[at];

        if (sum->day < wanted->first_day || sum->day > wanted->last_day ||
            (wanted->model.len != 0 && !slice_eq_str(wanted->model, sum->model)))
            continue;
        *out_nusd += sum->nusd;
        *out_tokens += sum->tokens;
    }
    return 0;
}

int
store_usage_report(struct store *store, const struct store_usage_query *query,
                   struct store_usage_row *out, size_t n, size_t *out_n)
{
    size_t i = 0;
    int rc = usage_sums_flush(store);

    if (rc != 0)
        return rc;
    struct db_cursor rows = db_start(
        store, query->by == STORE_USAGE_BY_KEY ? STATEMENT_USAGE_BY_KEY : STATEMENT_USAGE_BY_MODEL);
    db_bind_int(&rows, query->first_day);
    db_bind_int(&rows, query->last_day);
    db_bind_int(&rows, (int64_t)query->key_id);
    db_bind_int(&rows, (int64_t)n);
    while ((rc = db_step(&rows)) == 1 && i < n)
        read_row(&rows, &out[i++]);
    db_finish(&rows);
    if (rc < 0)
        return rc;
    *out_n = i;
    return 0;
}

static void
read_row(struct db_cursor *cursor, struct store_usage_row *out)
{
    out->key_id = (uint64_t)db_read_int(cursor);
    db_read_text(cursor, out->key_name, sizeof(out->key_name));
    db_read_text(cursor, out->model, sizeof(out->model));
    out->n_requests = db_read_int(cursor);
    out->n_failed = db_read_int(cursor);
    out->input = db_read_int(cursor);
    out->cache_read = db_read_int(cursor);
    out->cache_write = db_read_int(cursor);
    out->output = db_read_int(cursor);
    out->reasoning = db_read_int(cursor);
    out->charge_nusd = db_read_int(cursor);
    out->cost_nusd = db_read_int(cursor);
}
