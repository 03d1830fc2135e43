/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_intent.h"

#include <assert.h>
#include <string.h>

#include "db.h"
#include "relayos/store/store_name.h"

static uint8_t read_name(struct db_cursor *row, enum store_name_kind kind);

int
store_intent_put(struct store *store, const struct flight_record *flight)
{
    struct db_cursor row = db_start(store, STATEMENT_INTENT_INSERT);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_blob(&row, flight->request_id.bytes, sizeof(flight->request_id.bytes));
    db_bind_int(&row, (int64_t)flight->key_id);
    db_bind_int(&row, flight->day_id);
    db_bind_text(&row, flight->model);
    db_bind_text(&row, store_name(STORE_NAME_ENDPOINT, flight->endpoint));
    db_bind_text(&row, store_name(STORE_NAME_PROTOCOL, flight->protocol));
    db_bind_int(&row, flight->is_stream);
    db_bind_int(&row, flight->reserved_nusd);
    db_bind_int(&row, flight->accepted_real_us);
    return db_run(&row);
}

int
store_intent_drop(struct store *store, struct uuid request_id)
{
    struct db_cursor row = db_start(store, STATEMENT_INTENT_DELETE);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_blob(&row, request_id.bytes, sizeof(request_id.bytes));
    return db_run(&row);
}

int
store_intent_next(struct store *store, struct uuid after, struct flight_record *out)
{
    struct db_cursor row = db_start(store, STATEMENT_INTENT_NEXT);

    db_bind_blob(&row, after.bytes, sizeof(after.bytes));
    int rc = db_step(&row);
    if (rc != 1)
        return rc;
    memset(out, 0, sizeof(*out));
    db_read_blob(&row, out->request_id.bytes, sizeof(out->request_id.bytes));
    out->key_id = (uint64_t)db_read_int(&row);
    out->day_id = (uint32_t)db_read_int(&row);
    db_read_text(&row, out->model, sizeof(out->model));
    out->endpoint = read_name(&row, STORE_NAME_ENDPOINT);
    out->protocol = read_name(&row, STORE_NAME_PROTOCOL);
    out->is_stream = db_read_int(&row) != 0;
    out->reserved_nusd = db_read_int(&row);
    out->accepted_real_us = db_read_int(&row);
    out->has_intent = 1;
    db_finish(&row);
    return 1;
}

static uint8_t
read_name(struct db_cursor *row, enum store_name_kind kind)
{
    char name[64];

    db_read_text(row, name, sizeof(name));
    return store_name_value(kind, name);
}
