/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_session.h"

#include <assert.h>

#include "db.h"

static int run_by_hash(struct store *store, enum statement statement, const uint8_t *hash,
                       int64_t seen_us);

int
store_session_get(struct store *store, const uint8_t hash[HASH_DIGEST_SIZE],
                  struct session_record *out)
{
    struct db_cursor get = db_start(store, STATEMENT_SESSION_GET);

    db_bind_blob(&get, hash, HASH_DIGEST_SIZE);
    int rc = db_step(&get);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    db_read_blob(&get, out->hash, sizeof(out->hash));
    out->user_id = (uint64_t)db_read_int(&get);
    out->created_us = db_read_int(&get);
    out->seen_us = db_read_int(&get);
    db_read_text(&get, out->address, sizeof(out->address));
    db_read_text(&get, out->user_agent, sizeof(out->user_agent));
    db_finish(&get);
    return 0;
}

int
store_session_insert(struct store *store, const struct session_record *session)
{
    struct db_cursor insert = db_start(store, STATEMENT_SESSION_INSERT);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_blob(&insert, session->hash, sizeof(session->hash));
    db_bind_int(&insert, (int64_t)session->user_id);
    db_bind_int(&insert, session->created_us);
    db_bind_int(&insert, session->seen_us);
    db_bind_text(&insert, session->address);
    db_bind_text(&insert, session->user_agent);
    int rc = db_run(&insert);
    return rc == 0 ? run_by_hash(store, STATEMENT_SESSION_SEEN, session->hash, session->seen_us)
                   : rc;
}

int
store_session_touch(struct store *store, const uint8_t hash[HASH_DIGEST_SIZE], int64_t seen_us)
{
    int rc = run_by_hash(store, STATEMENT_SESSION_TOUCH, hash, seen_us);

    if (rc == 0 && sqlite3_changes(store->handle) == 0)
        return ERR_MISSING;
    return rc == 0 ? run_by_hash(store, STATEMENT_SESSION_SEEN, hash, seen_us) : rc;
}

static int
run_by_hash(struct store *store, enum statement statement, const uint8_t *hash, int64_t seen_us)
{
    struct db_cursor change = db_start(store, statement);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_blob(&change, hash, HASH_DIGEST_SIZE);
    db_bind_int(&change, seen_us);
    return db_run(&change);
}

int
store_session_delete(struct store *store, const uint8_t hash[HASH_DIGEST_SIZE])
{
    struct db_cursor drop = db_start(store, STATEMENT_SESSION_DELETE);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_blob(&drop, hash, HASH_DIGEST_SIZE);
    return db_run(&drop);
}

int
store_session_delete_user(struct store *store, uint64_t user_id,
                          const uint8_t but[HASH_DIGEST_SIZE])
{
    struct db_cursor drop = db_start(store, STATEMENT_SESSION_DELETE_USER);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_int(&drop, (int64_t)user_id);
    if (but == NULL)
        db_bind_null(&drop);
    else
        db_bind_blob(&drop, but, HASH_DIGEST_SIZE);
    return db_run(&drop);
}

int
store_session_purge(struct store *store, int64_t seen_before_us, int64_t created_before_us)
{
    struct db_cursor purge = db_start(store, STATEMENT_SESSION_PURGE);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_int(&purge, seen_before_us);
    db_bind_int(&purge, created_before_us);
    return db_run(&purge);
}
