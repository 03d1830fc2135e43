/* SPDX-License-Identifier: ISC
 *
 * books - see books.h.
 */
#include "books.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "json.h"
#include "relayos/base/period.h"

static bool books_are_still(const struct gateway *gateway, void *data);
static void books_check_key(const struct gateway *gateway, const cJSON *key);

void
books_check(const struct gateway *gateway)
{
    cr_assert(gateway_wait(gateway, books_are_still, NULL),
              "10 s after the last request something is still in flight, unsettled or reserved");
    cr_expect_eq(books_query(gateway,
                             "SELECT count(*) FROM (SELECT key_id, day, model,"
                             " sum(charge_nusd) AS charge, sum(output) AS output FROM ledger"
                             " GROUP BY 1, 2, 3) AS l LEFT JOIN usage AS u USING"
                             " (key_id, day, model)"
                             " WHERE u.charge_nusd IS NOT l.charge OR"
                             " u.output IS NOT l.output"),
                 0, "the usage table is not the sum of the ledger");
    cr_expect_eq(books_query(gateway, "SELECT (SELECT sum(charge_nusd) FROM ledger) IS NOT"
                                      " (SELECT sum(charge_nusd) FROM usage)"),
                 0, "the usage table holds more than the ledger");

    cJSON *keys = gateway_ctl(gateway, "key list");
    const cJSON *key;

    cr_assert(keys != NULL, "relayosctl key list failed");
    cJSON_ArrayForEach(key, json_at(keys, "keys")) books_check_key(gateway, key);
    cJSON_Delete(keys);
}

static bool
books_are_still(const struct gateway *gateway, void *data)
{
    (void)data;
    cJSON *top = gateway_ctl(gateway, "top"), *status = gateway_ctl(gateway, "status");
    bool is_still = top != NULL && cJSON_GetArraySize(json_at(top, "flights")) == 0 &&
                    json_int(status, "ledger.outbox") == 0 && books_reserved(gateway) == 0;

    cJSON_Delete(top);
    cJSON_Delete(status);
    return is_still;
}

/* A limit's `used` is what its period's rows add up to, those of keys it was rotated from included.
 */
static void
books_check_key(const struct gateway *gateway, const cJSON *key)
{
    const cJSON *limit;
    char sql[400];

    cJSON_ArrayForEach(limit, json_at(key, "limits"))
    {
        if (strcmp(json_text(limit, "unit"), "concurrent") == 0)
            continue;
        uint32_t id = (uint32_t)json_int(limit, "period_id");
        struct period period = {.last_day = PERIOD_DAY_MAX};
        const char *model = cJSON_GetStringValue(json_at(limit, "model"));

        if (id != 0)
            period = period_of_day(period_kind_of(id), period_first_day(id));
        snprintf(
            sql, sizeof sql,
            "SELECT coalesce(sum(%s), 0) FROM ledger WHERE key_id IN (SELECT id FROM keys WHERE"
            " group_id = (SELECT group_id FROM keys WHERE id = %" PRId64 ")) AND"
            " day BETWEEN %u AND %u AND model LIKE '%s'",
            strcmp(json_text(limit, "unit"), "usd") == 0 ? "charge_nusd" : "quota_tokens",
            json_int(key, "id"), period.first_day, period.last_day, model == NULL ? "%" : model);
        cr_expect_eq(books_query(gateway, sql), json_int(limit, "used"),
                     "%s: used is %" PRId64 ", its ledger rows say %" PRId64,
                     json_text(key, "name"), json_int(limit, "used"), books_query(gateway, sql));
    }
}

int64_t
books_reserved(const struct gateway *gateway)
{
    cJSON *keys = gateway_ctl(gateway, "key list");
    const cJSON *key, *limit;
    int64_t sum = 0;

    cJSON_ArrayForEach(key, json_at(keys, "keys"))
    {
        cJSON_ArrayForEach(limit, json_at(key, "limits")) sum += json_int(limit, "reserved");
    }
    cJSON_Delete(keys);
    return sum;
}

int64_t
books_n_rows(const struct gateway *gateway)
{
    books_check(gateway);
    return books_query(gateway, "SELECT count(*) FROM ledger");
}

int64_t
books_charged_nusd(const struct gateway *gateway)
{
    books_check(gateway);
    return books_query(gateway, "SELECT coalesce(sum(charge_nusd), 0) FROM ledger");
}

int64_t
books_query(const struct gateway *gateway, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    int64_t result = -1;

    cr_assert(sqlite3_open_v2(gateway->database, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    cr_assert(sqlite3_prepare_v2(db, sql, -1, &query, NULL) == SQLITE_OK, "%s: %s", sql,
              sqlite3_errmsg(db));
    if (sqlite3_step(query) == SQLITE_ROW)
        result = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    sqlite3_close(db);
    return result;
}
