/* SPDX-License-Identifier: ISC
 *
 * store_fixture - a database in a directory of its own, and flights to put into it.
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db.h"
#include "relayos/store/store_audit.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_ledger.h"
#include "relayos/store/store_trace.h"
#include "relayos/store/store_usage.h"

struct fixture {
    char dir[64], path[96];
    struct store *store;
};

#define FIXTURE_NOW_US INT64_C(1764100000000000) /* 2025-11-25 */

static inline void
fixture_open(struct fixture *fixture)
{
    struct errmsg why = {""};

    cr_assert_eq(store_open(fixture->path, &fixture->store, &why), 0, "%s", why.text);
}

static inline void
fixture_init(struct fixture *fixture)
{
    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/relayos-test-XXXXXX");
    cr_assert_not_null(mkdtemp(fixture->dir));
    snprintf(fixture->path, sizeof(fixture->path), "%s/relayos.db", fixture->dir);
    fixture_open(fixture);
}

static inline void
fixture_fini(struct fixture *fixture)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-seq"};
    char path[128];

    store_close(&fixture->store);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s%s", fixture->path, suffixes[i]);
        unlink(path);
    }
    rmdir(fixture->dir);
}

/* One number out of the database, by the same connection. */
static inline int64_t
fixture_query(struct fixture *fixture, const char *sql)
{
    sqlite3_stmt *stmt;
    int64_t n = -1;

    cr_assert_eq(sqlite3_prepare_v2(fixture->store->handle, sql, -1, &stmt, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(fixture->store->handle));
    if (sqlite3_step(stmt) == SQLITE_ROW)
        n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

/* A flight that went well; n tells one from another. */
static inline void
fixture_flight(struct flight_record *flight, uint32_t n)
{
    memset(flight, 0, sizeof(*flight));
    flight->accepted_real_us = FIXTURE_NOW_US + n * INT64_C(1000);
    flight->request_id = text_uuid_new(flight->accepted_real_us);
    flight->key_id = 1 + n % 5;
    flight->day_id = 20251125;
    snprintf(flight->model, sizeof(flight->model), "model-%u", n % 3);
    snprintf(flight->client_address, sizeof(flight->client_address), "127.0.0.1");
    snprintf(flight->user_agent, sizeof(flight->user_agent), "OpenAI/Python 2.8.1");
    for (int i = 0; i < FLIGHT_STAGE_SETTLED; i++)
        flight->stage_us[i] = 1000000 + i * 100;
    flight->status = 200;
    flight->provenance = USAGE_REPORTED;
    flight->usage.count[USAGE_INPUT] = 100 + n;
    flight->usage.count[USAGE_OUTPUT] = 10 + n;
    flight->usage.count[USAGE_REQUEST] = 1;
    flight->usage.tier_permille = 1000;
    flight->charge_nusd = 1000 + n;
    flight->cost_nusd = 500 + n;
    flight->n_attempts = 1;
    flight->attempts[0] = (struct flight_attempt){.route_id = 7,
                                                  .status = 200,
                                                  .outcome = ATTEMPT_OK,
                                                  .start_us = 1000300,
                                                  .end_us = 1000700};
    snprintf(flight->attempts[0].upstream, LIMIT_NAME, "openai-main");
    snprintf(flight->attempts[0].upstream_model, LIMIT_MODEL_NAME, "gpt-4.1-mini-2025-04-14");
}

static inline int
fixture_insert(struct fixture *fixture, const struct flight_record *flight, enum store_insert *out)
{
    struct store_settlement settlement = {.flight = flight,
                                          .quota_tokens = flight->usage.count[USAGE_INPUT] +
                                                          flight->usage.count[USAGE_OUTPUT],
                                          .now_us = 1001000};

    return store_ledger_insert(fixture->store, &settlement, out);
}

/* Rows 0 to n - 1, in one batch. */
static inline void
fixture_fill(struct fixture *fixture, uint32_t n)
{
    struct flight_record flight;
    enum store_insert inserted;

    cr_assert_eq(store_begin(fixture->store), 0);
    for (uint32_t i = 0; i < n; i++) {
        fixture_flight(&flight, i);
        cr_assert_eq(fixture_insert(fixture, &flight, &inserted), 0);
    }
    cr_assert_eq(store_commit(fixture->store), 0);
}

static inline struct store_audit
fixture_audit(struct store *store)
{
    struct store_audit report;
    struct errmsg why = {""};

    cr_assert_eq(store_audit_run(store, 0, &report, &why), 0, "%s", why.text);
    return report;
}

/* Behind the store's back. */
static inline void
fixture_change(struct fixture *fixture, const char *sql)
{
    cr_assert_eq(sqlite3_exec(fixture->store->handle, sql, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(fixture->store->handle));
}

/* A page of traces; it may be short only at the end. */
static inline int
fixture_list(struct fixture *fixture, const struct store_trace_filter *filter,
             struct store_trace *out, size_t n, size_t *out_n)
{
    struct store_trace_page page = {.traces = out, .room = n};
    int rc = store_trace_list(fixture->store, filter, &page);

    *out_n = page.n;
    return rc;
}

#endif
