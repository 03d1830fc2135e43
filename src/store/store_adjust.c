/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_adjust.h"

#include <assert.h>
#include <string.h>

#include "db.h"
#include "relayos/base/period.h"
#include "usage_sums.h"

/* Charge, cost and tokens: of a row, of a day, or added to them. */
struct amounts {
    int64_t charge_nusd, cost_nusd, quota_tokens;
};

static int check_given(const struct store_adjustment *adjustment, struct errmsg *why);
static bool is_sane(int64_t amount);
static int find_target(struct store *store, struct store_adjustment *adjustment,
                       struct errmsg *why);
static int check_key(struct store *store, uint64_t key_id, struct errmsg *why);
static int check_day(struct store *store, uint32_t day, struct errmsg *why);
static int check_sums(struct store *store, const struct store_adjustment *adjustment,
                      struct errmsg *why);
static int read_amounts(struct db_cursor *cursor, struct amounts *out);
static bool falls_below_zero(const struct amounts *there, const struct store_adjustment *added);
static bool grows_too_large(const struct amounts *there, const struct store_adjustment *added);
static int write_row(struct store *store, const struct store_adjustment *adjustment,
                     struct errmsg *why);
static int write_note(struct store *store, const struct store_adjustment *adjustment);
static int add_usage(struct store *store, const struct store_adjustment *adjustment);
static bool is_of_a_row(const struct store_adjustment *adjustment);

int
store_adjust(struct store *store, struct store_adjustment *adjustment, struct errmsg *why)
{
    assert(store->batch != DB_BATCH_NONE);

    errmsg_set(why, "%s", "");
    int rc = check_given(adjustment, why);
    if (rc == 0)
        rc = usage_sums_flush(store);
    if (rc == 0)
        rc = is_of_a_row(adjustment) ? find_target(store, adjustment, why)
                                     : check_key(store, adjustment->key_id, why);
    if (rc == 0)
        rc = check_day(store, adjustment->day, why);
    if (rc == 0)
        rc = check_sums(store, adjustment, why);
    if (rc == 0)
        rc = write_row(store, adjustment, why);
    if (rc == 0)
        rc = write_note(store, adjustment);
    if (rc == 0)
        rc = add_usage(store, adjustment);
    if (rc != 0 && why->text[0] == '\0')
        errmsg_set(why, "%s", store->error);
    return rc;
}

static bool
is_of_a_row(const struct store_adjustment *adjustment)
{
    static const struct uuid none;

    return memcmp(&adjustment->corrects, &none, sizeof(none)) != 0;
}

static int
check_given(const struct store_adjustment *adjustment, struct errmsg *why)
{
    if (adjustment->who.len == 0 || adjustment->reason.len == 0) {
        errmsg_set(why, "a correction names who makes it and why");
        return ERR_SYNTAX;
    }
    if (!is_sane(adjustment->charge_nusd) || !is_sane(adjustment->cost_nusd) ||
        !is_sane(adjustment->quota_tokens)) {
        errmsg_set(why, "an amount is too large: 1,000,000 USD at most, or 10^15 tokens");
        return ERR_SYNTAX;
    }
    if (adjustment->charge_nusd == 0 && adjustment->cost_nusd == 0 &&
        adjustment->quota_tokens == 0) {
        errmsg_set(why, "there is nothing to add or to take away");
        return ERR_SYNTAX;
    }
    return 0;
}

static bool
is_sane(int64_t amount)
{
    return amount >= -STORE_ADJUST_AMOUNT_MAX && amount <= STORE_ADJUST_AMOUNT_MAX;
}

static int
find_target(struct store *store, struct store_adjustment *adjustment, struct errmsg *why)
{
    struct db_cursor target = db_start(store, STATEMENT_ADJUST_TARGET);

    db_bind_blob(&target, adjustment->corrects.bytes, sizeof(adjustment->corrects.bytes));
    int rc = db_step(&target);
    if (rc < 0)
        return rc;
    if (rc == 0) {
        errmsg_set(why, "no ledger row has this request id");
        return ERR_MISSING;
    }
    adjustment->key_id = (uint64_t)db_read_int(&target);
    adjustment->day = (uint32_t)db_read_int(&target);
    db_read_text(&target, adjustment->model, sizeof(adjustment->model));
    bool is_correction = db_read_int(&target) != 0;
    db_finish(&target);
    if (!is_correction)
        return 0;
    errmsg_set(why, "that row is a correction; correct the row that it is of once more");
    return ERR_CONFLICT;
}

static int
check_key(struct store *store, uint64_t key_id, struct errmsg *why)
{
    struct db_cursor key = db_start(store, STATEMENT_KEY_NAME);

    db_bind_int(&key, (int64_t)key_id);
    int rc = db_step(&key);
    db_finish(&key);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    errmsg_set(why, "there is no key %llu", (unsigned long long)key_id);
    return ERR_MISSING;
}

static int
check_day(struct store *store, uint32_t day, struct errmsg *why)
{
    int64_t archived_before;
    int rc = store_get_meta(store, "archived_before", 0, &archived_before);

    if (rc != 0)
        return rc;
    if (!period_day_is_valid(day)) {
        errmsg_set(why, "a day is written YYYYMMDD");
        return ERR_SYNTAX;
    }
    if (day >= archived_before)
        return 0;
    errmsg_set(why, "the rows of day %u are archived", day);
    return ERR_CONFLICT;
}

static int
check_sums(struct store *store, const struct store_adjustment *adjustment, struct errmsg *why)
{
    struct amounts there;
    int rc = 0;

    if (is_of_a_row(adjustment)) {
        struct db_cursor row = db_start(store, STATEMENT_ADJUST_OF_ROW);
        db_bind_blob(&row, adjustment->corrects.bytes, sizeof(adjustment->corrects.bytes));
        rc = read_amounts(&row, &there);
        if (rc == 0 && falls_below_zero(&there, adjustment)) {
            errmsg_set(why, "the row, with what corrects it already, would fall below zero");
            return ERR_CONFLICT;
        }
    }
    if (rc != 0)
        return rc;
    struct db_cursor day = db_start(store, STATEMENT_ADJUST_OF_DAY);
    db_bind_int(&day, (int64_t)adjustment->key_id);
    db_bind_int(&day, adjustment->day);
    db_bind_text(&day, adjustment->model);
    if ((rc = read_amounts(&day, &there)) != 0)
        return rc;
    if (falls_below_zero(&there, adjustment)) {
        errmsg_set(why, "the key's sum of that day and model would fall below zero");
        return ERR_CONFLICT;
    }
    if (!grows_too_large(&there, adjustment))
        return 0;
    errmsg_set(why, "the key's sum of that day and model would be too large");
    return ERR_CONFLICT;
}

static int
read_amounts(struct db_cursor *cursor, struct amounts *out)
{
    int rc = db_step(cursor);

    if (rc <= 0)
        return rc < 0 ? rc : ERR_STORE;
    out->charge_nusd = db_read_int(cursor);
    out->cost_nusd = db_read_int(cursor);
    out->quota_tokens = db_read_int(cursor);
    db_finish(cursor);
    return 0;
}

/* Subtract rather than add: nothing here can overflow. */
static bool
falls_below_zero(const struct amounts *there, const struct store_adjustment *added)
{
    return there->charge_nusd < -added->charge_nusd || there->cost_nusd < -added->cost_nusd ||
           there->quota_tokens < -added->quota_tokens;
}

static bool
grows_too_large(const struct amounts *there, const struct store_adjustment *added)
{
    return there->charge_nusd > STORE_ADJUST_SUM_MAX - added->charge_nusd ||
           there->cost_nusd > STORE_ADJUST_SUM_MAX - added->cost_nusd ||
           there->quota_tokens > STORE_ADJUST_SUM_MAX - added->quota_tokens;
}

static int
write_row(struct store *store, const struct store_adjustment *adjustment, struct errmsg *why)
{
    struct db_cursor row = db_start(store, STATEMENT_ADJUST_INSERT);

    db_bind_blob(&row, adjustment->request_id.bytes, sizeof(adjustment->request_id.bytes));
    db_bind_blob(&row, adjustment->corrects.bytes, sizeof(adjustment->corrects.bytes));
    db_bind_int(&row, (int64_t)adjustment->key_id);
    db_bind_int(&row, adjustment->day);
    db_bind_text(&row, adjustment->model);
    db_bind_int(&row, adjustment->quota_tokens);
    db_bind_int(&row, adjustment->charge_nusd);
    db_bind_int(&row, adjustment->cost_nusd);
    db_bind_int(&row, adjustment->made_us);
    int rc = db_run(&row);
    if (rc != 0)
        return rc;
    if (sqlite3_changes(store->handle) != 0) {
        store->batch_seq = sqlite3_last_insert_rowid(store->handle);
        return 0;
    }
    errmsg_set(why, "this correction has been made already");
    return ERR_EXISTS;
}

static int
write_note(struct store *store, const struct store_adjustment *adjustment)
{
    struct db_cursor note = db_start(store, STATEMENT_ADJUST_NOTE);

    db_bind_blob(&note, adjustment->request_id.bytes, sizeof(adjustment->request_id.bytes));
    db_bind_int(&note, adjustment->made_us);
    db_bind_slice(&note, adjustment->who);
    db_bind_slice(&note, adjustment->reason);
    return db_run(&note);
}

/* It is no request, and no use of the key. */
static int
add_usage(struct store *store, const struct store_adjustment *adjustment)
{
    struct usage_sum delta = {
        .key_id = adjustment->key_id,
        .day = adjustment->day,
        .n_rows = 1,
        .quota_tokens = adjustment->quota_tokens,
        .charge_nusd = adjustment->charge_nusd,
        .cost_nusd = adjustment->cost_nusd,
    };

    memcpy(delta.model, adjustment->model, sizeof(delta.model));
    return usage_sums_add(store, &delta);
}
