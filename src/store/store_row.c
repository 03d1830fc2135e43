/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_row.h"

#include <stdio.h>
#include <string.h>

#include "db.h"
#include "store_day.h"

#define WINDOW_ROWS 10000 /* looked at in one call */

static void read_row(struct db_cursor *cursor, struct store_row *out);
static int begin(struct store *store, const struct store_row_filter *filter,
                 struct store_row_cursor *cursor);

int
store_row_get(struct store *store, struct uuid request_id, struct store_row *out)
{
    struct db_cursor get = db_start(store, STATEMENT_ROW_GET);

    db_bind_blob(&get, request_id.bytes, sizeof(request_id.bytes));
    int rc = db_step(&get);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    read_row(&get, out);
    db_finish(&get);
    return 0;
}

static void
read_row(struct db_cursor *cursor, struct store_row *out)
{
    memset(out, 0, sizeof(*out));
    out->seq = db_read_int(cursor);
    db_read_blob(cursor, out->request_id.bytes, sizeof(out->request_id.bytes));
    out->is_correction = !db_read_is_null(cursor);
    db_read_blob(cursor, out->corrects.bytes, sizeof(out->corrects.bytes));
    out->key_id = (uint64_t)db_read_int(cursor);
    out->day = (uint32_t)db_read_int(cursor);
    out->route_id = (uint32_t)db_read_int(cursor);
    out->price_version = (uint32_t)db_read_int(cursor);
    out->status = (uint16_t)db_read_int(cursor);
    db_read_text(cursor, out->model, sizeof(out->model));
    db_read_text(cursor, out->endpoint, sizeof(out->endpoint));
    db_read_text(cursor, out->protocol, sizeof(out->protocol));
    db_read_text(cursor, out->category, sizeof(out->category));
    db_read_text(cursor, out->provenance, sizeof(out->provenance));
    for (int i = 0; i < USAGE_N_BUCKETS; i++)
        out->usage.count[i] = db_read_int(cursor);
    out->usage.reasoning_tokens = db_read_int(cursor);
    out->usage.tier_permille = (uint32_t)db_read_int(cursor);
    out->quota_tokens = db_read_int(cursor);
    out->charge_nusd = db_read_int(cursor);
    out->cost_nusd = db_read_int(cursor);
    out->reserved_nusd = db_read_int(cursor);
    out->t_accepted_us = db_read_int(cursor);
    out->t_done_us = db_read_int(cursor);
    db_read_text(cursor, out->who, sizeof(out->who));
    db_read_text(cursor, out->reason, sizeof(out->reason));
}

int
store_row_next(struct store *store, const struct store_row_filter *filter,
               struct store_row_cursor *cursor, struct store_row *out, size_t n, size_t *out_n)
{
    int64_t last;
    size_t i = 0;
    int rc = cursor->after == 0 ? begin(store, filter, cursor) : 0;

    if (rc == 0)
        rc = store_row_last_seq(store, &last);
    if (rc != 0)
        return rc;
    int64_t until = last - cursor->after > WINDOW_ROWS ? cursor->after + WINDOW_ROWS : last;
    struct db_cursor rows = db_start(store, STATEMENT_ROW_PAGE);
    db_bind_int(&rows, cursor->after);
    db_bind_int(&rows, until);
    db_bind_int(&rows, filter->first_day);
    db_bind_int(&rows, filter->last_day == 0 ? UINT32_MAX : filter->last_day);
    db_bind_int(&rows, (int64_t)filter->key_id);
    db_bind_int(&rows, (int64_t)n);
    while (i < n && (rc = db_step(&rows)) == 1)
        read_row(&rows, &out[i++]);
    db_finish(&rows);
    if (rc < 0)
        return rc;
    cursor->after = i == n && i > 0 ? out[i - 1].seq : until;
    cursor->is_at_end = cursor->after >= last;
    *out_n = i;
    return 0;
}

/* Rows of days long before the first one need not be looked at. */
static int
begin(struct store *store, const struct store_row_filter *filter, struct store_row_cursor *cursor)
{
    struct uuid floor = store_day_floor(filter->first_day);
    struct db_cursor find = db_start(store, STATEMENT_ROW_FLOOR);

    db_bind_blob(&find, floor.bytes, sizeof(floor.bytes));
    return db_run_int(&find, &cursor->after);
}

int
store_row_last_seq(struct store *store, int64_t *out)
{
    struct db_cursor last = db_start(store, STATEMENT_LEDGER_LAST);

    return db_run_int(&last, out);
}
