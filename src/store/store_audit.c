/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_audit.h"

#include <stdio.h>
#include <string.h>

#include "db.h"
#include "store_day.h"
#include "usage_sums.h"

#define CHEAP_PAGES 2048 /* 8 MiB: some tens of milliseconds */

/* The figures of a usage row, in the order of the queries below. */
static const char *const figures[] = {"requests",    "failed",   "input",     "cache_read",
                                      "cache_write", "output",   "reasoning", "quota_tokens",
                                      "charge_nusd", "cost_nusd"};
#define N_FIGURES (sizeof(figures) / sizeof(figures[0]))

#define KEPT_ROWS                                                                                  \
    " FROM ledger WHERE day >= ?1 AND seq > coalesce((SELECT seq FROM ledger"                      \
    " WHERE request_id < ?2 ORDER BY request_id DESC LIMIT 1), 0)"
#define FIGURE_COLUMNS                                                                             \
    "n_requests, n_failed, input, cache_read, cache_write, output, reasoning, quota_tokens,"       \
    " charge_nusd, cost_nusd"

/* Of rows and sums: those that are not in both, each beside the other. */
#define DIFFERENCES                                                                                \
    " unlike AS (SELECT key_id, day, model FROM (SELECT * FROM rows EXCEPT SELECT * FROM sums)"    \
    "  UNION SELECT key_id, day, model FROM (SELECT * FROM sums EXCEPT SELECT * FROM rows))"       \
    " SELECT * FROM unlike LEFT JOIN rows USING (key_id, day, model)"                              \
    " LEFT JOIN sums USING (key_id, day, model) ORDER BY 2, 1, 3"

static const char counts_sql[] = "SELECT count(*), count(corrects), coalesce(sum(quota_tokens), 0),"
                                 " coalesce(sum(charge_nusd), 0), coalesce(sum(cost_nusd), 0),"
                                 " (SELECT count(*) FROM usage WHERE day >= ?1),"
                                 " (SELECT count(*) FROM day_total WHERE day >= ?1)" KEPT_ROWS;
static const char usage_sql[] =
    "WITH rows(key_id, day, model, " FIGURE_COLUMNS ") AS MATERIALIZED (SELECT key_id, day, model,"
    "  sum(corrects IS NULL), sum(corrects IS NULL AND category IS NOT NULL),"
    "  sum(input + input_audio + input_image), sum(cache_read),"
    "  sum(cache_write_5m + cache_write_1h), sum(output + output_audio + output_image),"
    "  sum(reasoning), sum(quota_tokens), sum(charge_nusd), sum(cost_nusd)" KEPT_ROWS
    "  GROUP BY 1, 2, 3),"
    " sums AS (SELECT key_id, day, model, " FIGURE_COLUMNS
    " FROM usage WHERE day >= ?1)," DIFFERENCES;
static const char days_sql[] =
    "WITH rows(day, n_rows, quota_tokens, charge_nusd, cost_nusd) AS MATERIALIZED (SELECT day,"
    "  count(*), sum(quota_tokens), sum(charge_nusd), sum(cost_nusd)" KEPT_ROWS " GROUP BY day),"
    " totals AS (SELECT day, n_rows, quota_tokens, charge_nusd, cost_nusd FROM day_total"
    "  WHERE day >= ?1),"
    " unlike AS (SELECT day FROM (SELECT * FROM rows EXCEPT SELECT * FROM totals)"
    "  UNION SELECT day FROM (SELECT * FROM totals EXCEPT SELECT * FROM rows))"
    " SELECT day, coalesce(rows.n_rows, 0), coalesce(totals.n_rows, 0),"
    " coalesce(rows.charge_nusd, 0), coalesce(totals.charge_nusd, 0) FROM unlike"
    " LEFT JOIN rows USING (day) LEFT JOIN totals USING (day) ORDER BY day";
/* As usage_sql has them, of no key and without tokens, which are not counted here. */
static const char models_sql[] =
    "WITH rows(key_id, day, model, " FIGURE_COLUMNS ") AS MATERIALIZED (SELECT 0, day, model,"
    "  sum(n_requests), sum(n_failed), sum(input), sum(cache_read), sum(cache_write), sum(output),"
    "  sum(reasoning), 0, sum(charge_nusd), sum(cost_nusd)"
    "  FROM usage WHERE day >= ?1 GROUP BY day, model),"
    " sums AS (SELECT 0 AS key_id, day, model, n_requests, n_failed, input, cache_read,"
    "  cache_write, output, reasoning, 0 AS quota_tokens, charge_nusd, cost_nusd FROM usage_day"
    "  WHERE day >= ?1)," DIFFERENCES;
static const char corrections_sql[] =
    "SELECT l.request_id, l.key_id, l.day, l.model, CASE"
    " WHEN a.request_id IS NULL THEN 'nobody is named who made it'"
    " WHEN l.corrects = zeroblob(16) THEN NULL"
    " WHEN t.request_id IS NULL THEN 'the row it is of is not there'"
    " WHEN t.corrects IS NOT NULL THEN 'it is of a correction'"
    " WHEN t.key_id <> l.key_id OR t.day <> l.day OR t.model <> l.model"
    "  THEN 'it is of another key, day or model than its row'"
    " WHEN t.charge_nusd + (SELECT sum(charge_nusd) FROM ledger WHERE corrects = l.corrects) < 0"
    "  THEN 'with it the row falls below zero' END AS wrong"
    " FROM ledger l LEFT JOIN ledger t ON t.request_id = l.corrects"
    " LEFT JOIN adjustment a ON a.request_id = l.request_id"
    " WHERE l.corrects IS NOT NULL AND l.day >= ?1 AND wrong IS NOT NULL ORDER BY l.seq";
static const char numbers_sql[] =
    "SELECT coalesce(max(seq), 0), count(*) FROM ledger WHERE NOT EXISTS"
    " (SELECT 1 FROM meta WHERE name = 'archived_before' AND value > 0)";
static const char corrections_of_sql[] =
    "SELECT request_id FROM ledger WHERE corrects = ? ORDER BY seq LIMIT ?";

typedef void read_difference(struct db_cursor *row, struct store_audit_difference *out);

static int first_kept(struct store *store, uint32_t *day);
static int count_all(struct store *store, uint32_t first_day, struct store_audit *out);
static int compare(struct store *store, const char *sql, uint32_t first_day, read_difference *read,
                   struct store_audit *out);
static read_difference read_usage, read_model, read_day, read_correction;
static int check_numbers(struct store *store, struct store_audit *out);
static void note(struct store_audit *out, const struct store_audit_difference *difference);
static int prepare(struct store *store, const char *sql, struct db_cursor *out);

int
store_audit_run(struct store *store, uint32_t first_day, struct store_audit *out,
                struct errmsg *why)
{
    memset(out, 0, sizeof(*out));
    int rc = first_kept(store, &first_day);

    if (rc == 0)
        rc = count_all(store, first_day, out);
    if (rc == 0)
        rc = compare(store, usage_sql, first_day, read_usage, out);
    if (rc == 0)
        rc = compare(store, models_sql, first_day, read_model, out);
    if (rc == 0)
        rc = compare(store, days_sql, first_day, read_day, out);
    if (rc == 0)
        rc = compare(store, corrections_sql, first_day, read_correction, out);
    if (rc == 0)
        rc = check_numbers(store, out);
    if (rc != 0)
        errmsg_set(why, "%s", store->error);
    return rc;
}

/* Of days whose rows were archived the sums are all there is. */
static int
first_kept(struct store *store, uint32_t *day)
{
    int64_t archived_before;
    int rc = store_get_meta(store, "archived_before", 0, &archived_before);

    if (rc == 0 && archived_before > *day)
        *day = (uint32_t)archived_before;
    return rc;
}

static int
count_all(struct store *store, uint32_t first_day, struct store_audit *out)
{
    struct uuid floor = store_day_floor(first_day);
    struct db_cursor row;
    int rc = prepare(store, counts_sql, &row);

    if (rc != 0)
        return rc;
    db_bind_int(&row, first_day);
    db_bind_blob(&row, floor.bytes, sizeof(floor.bytes));
    if ((rc = db_step(&row)) == 1) {
        out->n_rows = db_read_int(&row);
        out->n_corrections = db_read_int(&row);
        out->quota_tokens = db_read_int(&row);
        out->charge_nusd = db_read_int(&row);
        out->cost_nusd = db_read_int(&row);
        out->n_sums = db_read_int(&row);
        out->n_days = db_read_int(&row);
    }
    sqlite3_finalize(row.stmt);
    return rc < 0 ? rc : 0;
}

static int
compare(struct store *store, const char *sql, uint32_t first_day, read_difference *read,
        struct store_audit *out)
{
    struct uuid floor = store_day_floor(first_day);
    struct db_cursor row;
    int rc = prepare(store, sql, &row);

    if (rc != 0)
        return rc;
    db_bind_int(&row, first_day);
    if (sqlite3_bind_parameter_count(row.stmt) > 1)
        db_bind_blob(&row, floor.bytes, sizeof(floor.bytes));
    while ((rc = db_step(&row)) == 1) {
        struct store_audit_difference difference = {0};

        read(&row, &difference);
        note(out, &difference);
    }
    sqlite3_finalize(row.stmt);
    return rc;
}

/* The first figure that differs; what one side does not have counts as zeros. */
static void
read_usage(struct db_cursor *row, struct store_audit_difference *out)
{
    int64_t rows[N_FIGURES], sums[N_FIGURES];
    size_t n = 0;

    out->kind = STORE_AUDIT_USAGE;
    out->key_id = (uint64_t)db_read_int(row);
    out->day = (uint32_t)db_read_int(row);
    db_read_text(row, out->model, sizeof(out->model));
    for (size_t i = 0; i < N_FIGURES; i++)
        rows[i] = db_read_int(row);
    for (size_t i = 0; i < N_FIGURES; i++)
        sums[i] = db_read_int(row);
    while (n < N_FIGURES - 1 && rows[n] == sums[n])
        n++;
    snprintf(out->what, sizeof(out->what), "%s", figures[n]);
    out->rows = rows[n];
    out->sums = sums[n];
}

static void
read_model(struct db_cursor *row, struct store_audit_difference *out)
{
    read_usage(row, out);
    out->kind = STORE_AUDIT_MODEL;
}

static void
read_day(struct db_cursor *row, struct store_audit_difference *out)
{
    int64_t n_rows, n_total;

    out->kind = STORE_AUDIT_DAY;
    out->day = (uint32_t)db_read_int(row);
    n_rows = db_read_int(row);
    n_total = db_read_int(row);
    out->rows = db_read_int(row);
    out->sums = db_read_int(row);
    snprintf(out->what, sizeof(out->what), "charge_nusd");
    if (out->rows != out->sums)
        return;
    snprintf(out->what, sizeof(out->what),
             n_rows != n_total ? "rows" : "cost_nusd or quota_tokens");
    out->rows = n_rows;
    out->sums = n_total;
}

static void
read_correction(struct db_cursor *row, struct store_audit_difference *out)
{
    out->kind = STORE_AUDIT_CORRECTION;
    db_read_blob(row, out->request_id.bytes, sizeof(out->request_id.bytes));
    out->key_id = (uint64_t)db_read_int(row);
    out->day = (uint32_t)db_read_int(row);
    db_read_text(row, out->model, sizeof(out->model));
    db_read_text(row, out->what, sizeof(out->what));
}

/* Rows are numbered without a gap, and the newest number that ever was is on record. */
static int
check_numbers(struct store *store, struct store_audit *out)
{
    struct store_audit_difference gap = {.kind = STORE_AUDIT_GAP};
    struct db_cursor row;
    int rc = prepare(store, numbers_sql, &row);

    if (rc != 0)
        return rc;
    if ((rc = db_step(&row)) == 1) {
        int64_t newest = db_read_int(&row);

        gap.rows = db_read_int(&row);
        gap.sums = newest + store_n_lost(store);
    }
    sqlite3_finalize(row.stmt);
    if (rc < 0)
        return rc;
    snprintf(gap.what, sizeof(gap.what), "rows are missing");
    if (gap.rows != gap.sums)
        note(out, &gap);
    return 0;
}

static void
note(struct store_audit *out, const struct store_audit_difference *difference)
{
    out->n_differences++;
    out->n_mendable += difference->kind <= STORE_AUDIT_MODEL;
    if (out->n_shown < STORE_AUDIT_SHOWN)
        out->shown[out->n_shown++] = *difference;
}

int
store_audit_pages(struct store *store, struct errmsg *why)
{
    struct db_cursor row;
    char verdict[512] = "";
    int rc = prepare(store, "PRAGMA integrity_check(1)", &row);

    if (rc == 0) {
        rc = db_step(&row);
        if (rc == 1)
            db_read_text(&row, verdict, sizeof(verdict));
        sqlite3_finalize(row.stmt);
    }
    if (rc < 0) {
        errmsg_set(why, "integrity_check: %s", store->error);
        return rc;
    }
    if (strcmp(verdict, "ok") == 0)
        return 0;
    errmsg_set(why, "damaged: %s", verdict);
    return ERR_STORE;
}

int
store_audit_is_cheap(struct store *store, bool *out)
{
    struct db_cursor row;
    int rc = prepare(store, "PRAGMA page_count", &row);

    if (rc != 0)
        return rc;
    rc = db_step(&row);
    *out = rc == 1 && db_read_int(&row) <= CHEAP_PAGES;
    sqlite3_finalize(row.stmt);
    return rc < 0 ? rc : 0;
}

int
store_audit_corrections(struct store *store, struct uuid corrects, struct store_row *out, size_t n,
                        size_t *out_n)
{
    struct db_cursor ids;
    int rc = prepare(store, corrections_of_sql, &ids);

    *out_n = 0;
    if (rc != 0)
        return rc;
    db_bind_blob(&ids, corrects.bytes, sizeof(corrects.bytes));
    db_bind_int(&ids, (int64_t)n);
    while ((rc = db_step(&ids)) == 1) {
        struct uuid id = {0};

        db_read_blob(&ids, id.bytes, sizeof(id.bytes));
        if ((rc = store_row_get(store, id, &out[*out_n])) != 0)
            break;
        ++*out_n;
    }
    sqlite3_finalize(ids.stmt);
    return rc;
}

static int
prepare(struct store *store, const char *sql, struct db_cursor *out)
{
    *out = (struct db_cursor){.store = store};
    int rc = sqlite3_prepare_v2(store->handle, sql, -1, &out->stmt, NULL);

    return rc == SQLITE_OK ? 0 : db_fail(store, rc);
}
