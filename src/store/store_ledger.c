/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_ledger.h"

#include <assert.h>
#include <string.h>

#include "db.h"
#include "relayos/store/store_name.h"
#include "relayos/store/store_trace.h"
#include "usage_sums.h"

static int insert_row(struct store *store, const struct store_settlement *settlement);
static int compare_row(struct store *store, const struct store_settlement *settlement,
                       enum store_insert *out);
static int add_usage(struct store *store, const struct store_settlement *settlement);
static uint32_t route_of(const struct flight_record *flight);
static const char *category_or_null(uint8_t category);

int
store_ledger_insert(struct store *store, const struct store_settlement *settlement,
                    enum store_insert *out)
{
    assert(store->batch != DB_BATCH_NONE);
    assert(settlement->flight->charge_nusd >= 0);

    int rc = insert_row(store, settlement);
    if (rc != 0)
        return rc;
    if (sqlite3_changes(store->handle) == 0)
        return compare_row(store, settlement, out);
    store->batch_seq = sqlite3_last_insert_rowid(store->handle);
    if ((rc = add_usage(store, settlement)) != 0)
        return rc;
    if ((rc = store_trace_insert(store, settlement)) != 0)
        return rc;
    *out = STORE_INSERT_NEW;
    return 0;
}

static int
insert_row(struct store *store, const struct store_settlement *settlement)
{
    const struct flight_record *flight = settlement->flight;
    int64_t lasted_us =
        flight->stage_us[FLIGHT_STAGE_COMPLETED] - flight->stage_us[FLIGHT_STAGE_ACCEPTED];
    struct db_cursor row = db_start(store, STATEMENT_LEDGER_INSERT);

    db_bind_blob(&row, flight->request_id.bytes, sizeof(flight->request_id.bytes));
    db_bind_int(&row, (int64_t)flight->key_id);
    db_bind_int(&row, flight->day_id);
    db_bind_text(&row, flight->model);
    db_bind_text(&row, store_name(STORE_NAME_ENDPOINT, flight->endpoint));
    db_bind_text(&row, store_name(STORE_NAME_PROTOCOL, flight->protocol));
    db_bind_int(&row, route_of(flight));
    db_bind_int(&row, flight->status);
    db_bind_text(&row, category_or_null(flight->category));
    db_bind_text(&row, store_name(STORE_NAME_PROVENANCE, flight->provenance));
    for (int i = 0; i < USAGE_N_BUCKETS; i++)
        db_bind_int(&row, flight->usage.count[i]);
    db_bind_int(&row, flight->usage.reasoning_tokens);
    db_bind_int(&row, flight->usage.tier_permille);
    db_bind_int(&row, settlement->quota_tokens);
    db_bind_int(&row, flight->charge_nusd);
    db_bind_int(&row, flight->cost_nusd);
    db_bind_int(&row, flight->price.version);
    db_bind_int(&row, flight->reserved_nusd);
    db_bind_int(&row, flight->accepted_real_us);
    db_bind_int(&row, flight->accepted_real_us + (lasted_us > 0 ? lasted_us : 0));
    return db_run(&row);
}

static int
compare_row(struct store *store, const struct store_settlement *settlement, enum store_insert *out)
{
    const struct flight_record *flight = settlement->flight;
    struct db_cursor same = db_start(store, STATEMENT_LEDGER_IS_SAME);

    db_bind_int(&same, (int64_t)flight->key_id);
    db_bind_int(&same, flight->day_id);
    db_bind_text(&same, flight->model);
    db_bind_int(&same, flight->status);
    db_bind_int(&same, settlement->quota_tokens);
    db_bind_int(&same, flight->charge_nusd);
    db_bind_int(&same, flight->cost_nusd);
    db_bind_int(&same, flight->accepted_real_us);
    db_bind_blob(&same, flight->request_id.bytes, sizeof(flight->request_id.bytes));
    int rc = db_step(&same);
    if (rc < 0)
        return rc;
    *out = rc == 1 && db_read_int(&same) == 1 ? STORE_INSERT_SAME : STORE_INSERT_CONFLICT;
    db_finish(&same);
    return 0;
}

static int
add_usage(struct store *store, const struct store_settlement *settlement)
{
    const struct flight_record *flight = settlement->flight;
    const int64_t *count = flight->usage.count;
    struct usage_sum delta = {
        .key_id = flight->key_id,
        .day = flight->day_id,
        .n_rows = 1,
        .n_requests = 1,
        .n_failed = flight->category != ERR_CATEGORY_NONE,
        .input = count[USAGE_INPUT] + count[USAGE_INPUT_AUDIO] + count[USAGE_INPUT_IMAGE],
        .cache_read = count[USAGE_CACHE_READ],
        .cache_write = count[USAGE_CACHE_WRITE_5M] + count[USAGE_CACHE_WRITE_1H],
        .output = count[USAGE_OUTPUT] + count[USAGE_OUTPUT_AUDIO] + count[USAGE_OUTPUT_IMAGE],
        .reasoning = flight->usage.reasoning_tokens,
        .quota_tokens = settlement->quota_tokens,
        .charge_nusd = flight->charge_nusd,
        .cost_nusd = flight->cost_nusd,
        .last_us = flight->accepted_real_us,
    };

    memcpy(delta.model, flight->model, sizeof(delta.model));
    return usage_sums_add(store, &delta);
}

/* Of the attempt that answered, which in a hedge pair need not be the last; else of the last. */
static uint32_t
route_of(const struct flight_record *flight)
{
    uint32_t route_id = 0;

    for (uint32_t i = 0; i < flight->n_attempts && i < LIMIT_ATTEMPTS; i++) {
        route_id = flight->attempts[i].route_id;
        if (flight->attempts[i].outcome == ATTEMPT_OK)
            break;
    }
    return route_id;
}

static const char *
category_or_null(uint8_t category)
{
    return category == ERR_CATEGORY_NONE ? NULL : err_category_name((enum err_category)category);
}
