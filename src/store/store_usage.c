/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_usage.h"

#include "db.h"

static void read_row(struct db_cursor *cursor, struct store_usage_row *out);

int
store_usage_of_group(struct store *store, uint64_t group_id, uint32_t period_id, int64_t *out_nusd,
                     int64_t *out_tokens)
{
    struct db_cursor sum =
        db_start(store, period_id == 0 ? STATEMENT_USAGE_OF_GROUP_EVER : STATEMENT_USAGE_OF_GROUP);

    db_bind_int(&sum, (int64_t)group_id);
    if (period_id != 0)
        db_bind_int(&sum, period_id);
    int rc = db_step(&sum);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_STORE;
    *out_nusd = db_read_int(&sum);
    *out_tokens = db_read_int(&sum);
    db_finish(&sum);
    return 0;
}

int
store_usage_report(struct store *store, const struct store_usage_query *query,
                   struct store_usage_row *out, size_t n, size_t *out_n)
{
    struct db_cursor rows = db_start(
        store, query->by == STORE_USAGE_BY_KEY ? STATEMENT_USAGE_BY_KEY : STATEMENT_USAGE_BY_MODEL);
    size_t i = 0;
    int rc;

    db_bind_int(&rows, query->period_id);
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
