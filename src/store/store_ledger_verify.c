/* SPDX-License-Identifier: ISC
 *
 * Four sums of the same rows: by row (ledger), by key, day and model (usage), by day and model
 * (usage_day), by day (day_total). A start compares what was written since the last mark, the days'
 * totals with the mark's plus those, and the sums of some days with each other; the full comparison
 * of every row with its sum is a command.
 */
#include "db.h"
#include "relayos/store/store_ledger.h"
#include "store_day.h"
#include "usage_sums.h"

/* What a mark remembers, by its names in the meta table. */
enum figure { FIGURE_SEQ, FIGURE_ROWS, FIGURE_TOKENS, FIGURE_CHARGE, FIGURE_COST, N_FIGURES };
static const char *const mark_names[N_FIGURES] = {"mark_seq", "mark_rows", "mark_quota_tokens",
                                                  "mark_charge_nusd", "mark_cost_nusd"};

static int verify_usage(struct store *store, uint32_t first_day, struct errmsg *why);
static int verify_days(struct store *store, uint32_t first_day, struct errmsg *why);
static int verify_models(struct store *store, uint32_t first_day, struct errmsg *why);
static int verify_totals(struct store *store, struct errmsg *why);
static int days_differ(struct store *store, uint32_t first_day, bool *out);
static int first_day_kept(struct store *store, uint32_t *day);
static int read_mark(struct store *store, int64_t mark[N_FIGURES]);
static int put_mark(struct store *store, const int64_t mark[N_FIGURES]);
static int read_since(struct store *store, int64_t seq, int64_t out[N_FIGURES]);
static int read_totals(struct store *store, int64_t out[N_FIGURES]);
static int read_figures(struct db_cursor *cursor, enum figure from, int64_t out[N_FIGURES]);
static int run_for_days(struct store *store, enum statement statement, uint32_t first_day);

int
store_ledger_verify(struct store *store, uint32_t first_day, struct errmsg *why)
{
    int rc = usage_sums_flush(store);

    if (rc == 0)
        rc = first_day_kept(store, &first_day);
    if (rc != 0) {
        errmsg_set(why, "%s", store->error);
        return rc;
    }
    rc = verify_usage(store, first_day, why);
    if (rc == 0)
        rc = verify_days(store, first_day, why);
    return rc != 0 ? rc : verify_models(store, first_day, why);
}

/* Of days whose rows were archived the sums are all there is. */
static int
first_day_kept(struct store *store, uint32_t *day)
{
    int64_t archived_before;
    int rc = store_get_meta(store, "archived_before", 0, &archived_before);

    if (rc == 0 && archived_before > *day)
        *day = (uint32_t)archived_before;
    return rc;
}

static int
verify_usage(struct store *store, uint32_t first_day, struct errmsg *why)
{
    struct uuid floor = store_day_floor(first_day);
    struct db_cursor verify = db_start(store, STATEMENT_LEDGER_VERIFY);
    char model[LIMIT_MODEL_NAME];

    db_bind_int(&verify, first_day);
    db_bind_blob(&verify, floor.bytes, sizeof(floor.bytes));
    int rc = db_step(&verify);
    if (rc < 0)
        errmsg_set(why, "%s", store->error);
    if (rc <= 0)
        return rc;

    long long key_id = db_read_int(&verify), day = db_read_int(&verify);
    db_read_text(&verify, model, sizeof(model));
    db_finish(&verify);
    errmsg_set(why,
               "day %lld, key %lld, model %s: the usage sums differ from the ledger rows; "
               "somebody changed the database. Restore a backup, or repair the sums from the rows",
               day, key_id, model);
    return ERR_STORE;
}

static int
verify_days(struct store *store, uint32_t first_day, struct errmsg *why)
{
    struct db_cursor verify = db_start(store, STATEMENT_DAY_VERIFY);

    db_bind_int(&verify, first_day);
    int rc = db_step(&verify);
    if (rc < 0)
        errmsg_set(why, "%s", store->error);
    if (rc <= 0)
        return rc;
    long long day = db_read_int(&verify);
    db_finish(&verify);
    errmsg_set(why,
               "day %lld: its total differs from the usage sums; somebody changed the database. "
               "Restore a backup, or repair the sums from the rows",
               day);
    return ERR_STORE;
}

static int
verify_models(struct store *store, uint32_t first_day, struct errmsg *why)
{
    struct db_cursor verify = db_start(store, STATEMENT_USAGE_DAY_VERIFY);
    char model[LIMIT_MODEL_NAME];

    db_bind_int(&verify, first_day);
    int rc = db_step(&verify);
    if (rc < 0)
        errmsg_set(why, "%s", store->error);
    if (rc <= 0)
        return rc;
    long long day = db_read_int(&verify);
    db_read_text(&verify, model, sizeof(model));
    db_finish(&verify);
    errmsg_set(why,
               "day %lld, model %s: its sums of all keys differ from the usage sums; somebody "
               "changed the database. Restore a backup, or repair the sums from the rows",
               day, model);
    return ERR_STORE;
}

int
store_ledger_verify_recent(struct store *store, uint32_t first_day, struct errmsg *why)
{
    bool differ = false;
    int rc = verify_totals(store, why);

    if (rc == 0 && (rc = days_differ(store, first_day, &differ)) != 0)
        errmsg_set(why, "%s", store->error);
    if (rc != 0 || !differ)
        return rc;
    /* Which: what was quick so far may now take its time, to name the key or at least the day. */
    rc = verify_usage(store, first_day, why);
    if (rc == 0)
        rc = verify_days(store, first_day, why);
    if (rc == 0)
        rc = verify_models(store, first_day, why);
    return rc != 0 ? rc : ERR_STORE;
}

static int
days_differ(struct store *store, uint32_t first_day, bool *out)
{
    struct db_cursor differ = db_start(store, STATEMENT_DAYS_DIFFER);

    db_bind_int(&differ, first_day);
    int rc = db_step(&differ);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_STORE;
    *out = db_read_int(&differ) != 0;
    *out |= db_read_int(&differ) != 0;
    db_finish(&differ);
    return 0;
}

static int
verify_totals(struct store *store, struct errmsg *why)
{
    int64_t mark[N_FIGURES], since[N_FIGURES], totals[N_FIGURES];
    int rc = read_mark(store, mark);

    if (rc == 0)
        rc = read_since(store, mark[FIGURE_SEQ], since);
    if (rc == 0)
        rc = read_totals(store, totals);
    if (rc != 0) {
        errmsg_set(why, "%s", store->error);
        return rc;
    }
    for (int i = FIGURE_ROWS; i < N_FIGURES; i++) {
        if (mark[i] + since[i] == totals[i])
            continue;
        errmsg_set(why,
                   "the days' totals differ from the ledger rows (%s %lld and since then %lld, in "
                   "all %lld); somebody changed the database. Restore a backup, or repair the sums "
                   "from the rows",
                   mark_names[i], (long long)mark[i], (long long)since[i], (long long)totals[i]);
        return ERR_STORE;
    }
    return 0;
}

static int
read_mark(struct store *store, int64_t mark[N_FIGURES])
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < N_FIGURES; i++)
        rc = store_get_meta(store, mark_names[i], 0, &mark[i]);
    return rc;
}

static int
read_since(struct store *store, int64_t seq, int64_t out[N_FIGURES])
{
    struct db_cursor rows = db_start(store, STATEMENT_LEDGER_SINCE);

    db_bind_int(&rows, seq);
    return read_figures(&rows, FIGURE_SEQ, out);
}

static int
read_totals(struct store *store, int64_t out[N_FIGURES])
{
    struct db_cursor days = db_start(store, STATEMENT_DAY_SUM);

    return read_figures(&days, FIGURE_ROWS, out);
}

static int
read_figures(struct db_cursor *cursor, enum figure from, int64_t out[N_FIGURES])
{
    int rc = db_step(cursor);

    if (rc <= 0)
        return rc < 0 ? rc : ERR_STORE;
    for (int i = from; i < N_FIGURES; i++)
        out[i] = db_read_int(cursor);
    db_finish(cursor);
    return 0;
}

/* From the rows, not from the totals: a mark never takes over an error of what it is to check. */
int
store_ledger_mark(struct store *store)
{
    int64_t mark[N_FIGURES], since[N_FIGURES];
    int rc = read_mark(store, mark);

    if (rc == 0)
        rc = read_since(store, mark[FIGURE_SEQ], since);
    if (rc != 0 || since[FIGURE_ROWS] == 0)
        return rc;
    mark[FIGURE_SEQ] = since[FIGURE_SEQ];
    for (int i = FIGURE_ROWS; i < N_FIGURES; i++)
        mark[i] += since[i];
    return put_mark(store, mark);
}

static int
put_mark(struct store *store, const int64_t mark[N_FIGURES])
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < N_FIGURES; i++)
        rc = store_put_meta(store, mark_names[i], mark[i]);
    return rc;
}

int
store_ledger_rebuild(struct store *store)
{
    static const enum statement steps[] = {STATEMENT_USAGE_CLEAR,     STATEMENT_USAGE_REBUILD,
                                           STATEMENT_USAGE_DAY_CLEAR, STATEMENT_USAGE_DAY_REBUILD,
                                           STATEMENT_DAY_CLEAR,       STATEMENT_DAY_REBUILD};
    int64_t all[N_FIGURES], totals[N_FIGURES];
    uint32_t first_day = 0;
    int rc = usage_sums_flush(store);

    if (rc == 0)
        rc = first_day_kept(store, &first_day);
    for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        rc = run_for_days(store, steps[i], first_day);
    if (rc == 0)
        rc = read_since(store, 0, all);
    if (rc == 0)
        rc = read_totals(store, totals);
    if (rc != 0)
        return rc;
    totals[FIGURE_SEQ] = all[FIGURE_SEQ];
    return put_mark(store, totals);
}

static int
run_for_days(struct store *store, enum statement statement, uint32_t first_day)
{
    struct db_cursor step = db_start(store, statement);

    db_bind_int(&step, first_day);
    return db_run(&step);
}
