/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_once.h"

#include <assert.h>
#include <string.h>

#include "db.h"

int
store_once_find(struct store *store, const uint8_t name[HASH_DIGEST_SIZE], struct once_record *out)
{
    struct db_cursor get = db_start(store, STATEMENT_ONCE_GET);

    db_bind_blob(&get, name, HASH_DIGEST_SIZE);
    int rc = db_step(&get);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    memcpy(out->name, name, HASH_DIGEST_SIZE);
    db_read_blob(&get, out->body, sizeof(out->body));
    db_read_text(&get, out->target, sizeof(out->target));
    db_finish(&get);
    return 0;
}

int
store_once_put(struct store *store, const struct once_record *record, int64_t done_us,
               int64_t before_us)
{
    struct db_cursor purge = db_start(store, STATEMENT_ONCE_PURGE);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_int(&purge, before_us);
    int rc = db_run(&purge);
    if (rc != 0)
        return rc;
    struct db_cursor insert = db_start(store, STATEMENT_ONCE_INSERT);
    db_bind_blob(&insert, record->name, sizeof(record->name));
    db_bind_blob(&insert, record->body, sizeof(record->body));
    db_bind_int(&insert, done_us);
    db_bind_text(&insert, record->target);
    return db_run(&insert);
}

int
store_once_drop(struct store *store, const uint8_t name[HASH_DIGEST_SIZE])
{
    struct db_cursor drop = db_start(store, STATEMENT_ONCE_DELETE);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_blob(&drop, name, HASH_DIGEST_SIZE);
    return db_run(&drop);
}
