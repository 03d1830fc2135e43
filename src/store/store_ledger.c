/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_ledger.h"

#include <assert.h>
#include <stdio.h>

#include "db.h"
#include "relayos/base/clock.h"
#include "relayos/base/text.h"
#include "relayos/store/store_name.h"
#include "relayos/store/store_trace.h"

static int insert_row(struct store *store, const struct store_settlement *settlement);
static int compare_row(struct store *store, const struct store_settlement *settlement,
                       enum store_insert *out);
static int add_usage(struct store *store, const struct store_settlement *settlement);
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
    db_bind_int(&row, flight->period_id);
    db_bind_text(&row, flight->model);
    db_bind_text(&row, store_name(STORE_NAME_ENDPOINT, flight->endpoint));
    db_bind_text(&row, store_name(STORE_NAME_PROTOCOL, flight->protocol));
    db_bind_int(&row,
                flight->n_attempts == 0 ? 0 : flight->attempts[flight->n_attempts - 1].route_id);
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
    db_bind_int(&same, flight->period_id);
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
    struct db_cursor add = db_start(store, STATEMENT_USAGE_ADD);

    db_bind_int(&add, (int64_t)flight->key_id);
    db_bind_int(&add, flight->period_id);
    db_bind_text(&add, flight->model);
    db_bind_int(&add, flight->category != ERR_CATEGORY_NONE);
    db_bind_int(&add, count[USAGE_INPUT] + count[USAGE_INPUT_AUDIO] + count[USAGE_INPUT_IMAGE]);
    db_bind_int(&add, count[USAGE_CACHE_READ]);
    db_bind_int(&add, count[USAGE_CACHE_WRITE_5M] + count[USAGE_CACHE_WRITE_1H]);
    db_bind_int(&add, count[USAGE_OUTPUT] + count[USAGE_OUTPUT_AUDIO] + count[USAGE_OUTPUT_IMAGE]);
    db_bind_int(&add, flight->usage.reasoning_tokens);
    db_bind_int(&add, settlement->quota_tokens);
    db_bind_int(&add, flight->charge_nusd);
    db_bind_int(&add, flight->cost_nusd);
    db_bind_int(&add, flight->accepted_real_us);
    return db_run(&add);
}

static const char *
category_or_null(uint8_t category)
{
    return category == ERR_CATEGORY_NONE ? NULL : err_category_name((enum err_category)category);
}

int
store_ledger_verify(struct store *store, uint32_t period_id, struct errmsg *why)
{
    static const int64_t slack_us = INT64_C(45) * 86400 * 1000000; /* for clocks that were wrong */
    char month[16];
    int64_t start_us = 0;
    struct uuid floor = {0};

    snprintf(month, sizeof(month), "%04u-%02u-01", period_id / 100, period_id % 100);
    if (clock_parse_utc(month, &start_us) == 0 && start_us > slack_us)
        floor = store_trace_floor(start_us - slack_us);

    struct db_cursor verify = db_start(store, STATEMENT_LEDGER_VERIFY);
    db_bind_int(&verify, period_id);
    db_bind_blob(&verify, floor.bytes, sizeof(floor.bytes));
    int rc = db_step(&verify);
    if (rc < 0)
        errmsg_set(why, "%s", store->error);
    if (rc <= 0)
        return rc;

    char model[LIMIT_MODEL_NAME];
    long long key_id = db_read_int(&verify);
    db_read_text(&verify, model, sizeof(model));
    db_finish(&verify);
    errmsg_set(why,
               "period %u, key %lld, model %s: the usage sums differ from the ledger rows; "
               "somebody changed the database. Restore a backup",
               period_id, key_id, model);
    return ERR_STORE;
}
