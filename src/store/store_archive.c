/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_archive.h"

#include <assert.h>
#include <stdbool.h>

#include "db.h"
#include "relayos/store/store_ledger.h"
#include "relayos/store/store_row.h"

#define META_BEFORE "archived_before"
#define META_SEQ    "archived_seq" /* all rows up to it have been looked at */

/* The only statement of ours that takes rows out of the ledger; the trigger lets it, for days
 * before archived_before alone. Kept apart from those that run each day. */
static const char drop_sql[] = "DELETE FROM ledger WHERE seq > ?1 AND seq <= ?2 AND day < ?3";

static int drop_window(struct store *store, int64_t after, int64_t until, int64_t before_day);

uint32_t
store_archive_limit(uint32_t today)
{
    uint32_t month = today / 100;

    /* A week that began last month is over on the 7th. */
    if (today % 100 >= 7)
        return month * 100 + 1;
    return (month % 100 == 1 ? month - 89 : month - 1) * 100 + 1;
}

int
store_archive_allow(struct store *store, uint32_t before_day, uint32_t today, struct errmsg *why)
{
    int64_t before = 0;

    assert(store->batch != DB_BATCH_NONE);
    if (before_day > store_archive_limit(today)) {
        errmsg_set(why, "day %u is not of a closed period; %u at most", before_day,
                   store_archive_limit(today));
        return ERR_CONFLICT;
    }
    int rc = store_get_meta(store, META_BEFORE, 0, &before);
    if (rc == 0 && before >= before_day)
        return 0;
    if (rc == 0 && (rc = store_ledger_verify(store, 0, why)) != 0)
        return rc;
    /* What is marked is not counted again, so that it may go. */
    if (rc == 0)
        rc = store_ledger_mark(store);
    if (rc == 0)
        rc = store_put_meta(store, META_BEFORE, before_day);
    if (rc == 0)
        rc = store_put_meta(store, META_SEQ, 0);
    if (rc != 0)
        errmsg_set(why, "%s", store->error);
    return rc;
}

int
store_archive_drop(struct store *store, size_t n, size_t *out_n, bool *out_is_done)
{
    int64_t before = 0, after = 0, last = 0, until = 0;

    assert(store->batch != DB_BATCH_NONE);
    int rc = store_get_meta(store, META_BEFORE, 0, &before);
    if (rc == 0)
        rc = store_get_meta(store, META_SEQ, 0, &after);
    if (rc == 0)
        rc = store_row_last_seq(store, &last);
    if (rc != 0)
        return rc;
    until = last - 1 - after > (int64_t)n ? after + (int64_t)n : last - 1;
    if (before == 0 || until <= after) {
        *out_n = 0;
        *out_is_done = true;
        return 0;
    }
    if ((rc = drop_window(store, after, until, before)) != 0)
        return rc;
    size_t n_dropped = (size_t)sqlite3_changes(store->handle);
    if ((rc = store_put_meta(store, META_SEQ, until)) != 0)
        return rc;
    *out_n = n_dropped;
    *out_is_done = until == last - 1;
    return 0;
}

static int
drop_window(struct store *store, int64_t after, int64_t until, int64_t before_day)
{
    struct db_cursor drop = {.store = store};
    int rc = sqlite3_prepare_v2(store->handle, drop_sql, -1, &drop.stmt, NULL);

    if (rc != SQLITE_OK)
        return db_fail(store, rc);
    db_bind_int(&drop, after);
    db_bind_int(&drop, until);
    db_bind_int(&drop, before_day);
    rc = db_run(&drop);
    sqlite3_finalize(drop.stmt);
    return rc;
}
