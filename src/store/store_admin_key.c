/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_admin_key.h"

#include <assert.h>

#include "db.h"
#include "relayos/store/store_name.h"

static int take_key(struct db_cursor *cursor, struct admin_key_record *out);

int
store_admin_key_get(struct store *store, uint64_t id, struct admin_key_record *out)
{
    struct db_cursor get = db_start(store, STATEMENT_ADMIN_KEY_GET);

    db_bind_int(&get, (int64_t)id);
    return take_key(&get, out);
}

int
store_admin_key_find(struct store *store, const uint8_t digest[HASH_DIGEST_SIZE],
                     struct admin_key_record *out)
{
    struct db_cursor find = db_start(store, STATEMENT_ADMIN_KEY_FIND);

    db_bind_blob(&find, digest, HASH_DIGEST_SIZE);
    return take_key(&find, out);
}

int
store_admin_key_next(struct store *store, uint64_t after, struct admin_key_record *out)
{
    struct db_cursor next = db_start(store, STATEMENT_ADMIN_KEY_NEXT);

    db_bind_int(&next, (int64_t)after);
    return take_key(&next, out);
}

static int
take_key(struct db_cursor *cursor, struct admin_key_record *out)
{
    char role[16];
    int rc = db_step(cursor);

    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    out->id = (uint64_t)db_read_int(cursor);
    db_read_text(cursor, out->name, sizeof(out->name));
    db_read_blob(cursor, out->digest, sizeof(out->digest));
    db_read_text(cursor, out->last4, sizeof(out->last4));
    db_read_text(cursor, role, sizeof(role));
    out->created_us = db_read_int(cursor);
    out->expires_us = db_read_int(cursor);
    out->revoked_us = db_read_int(cursor);
    db_read_text(cursor, out->created_by, sizeof(out->created_by));
    db_finish(cursor);
    out->role = store_name_role(role);
    return 0;
}

int
store_admin_key_insert(struct store *store, struct admin_key_record *key)
{
    struct db_cursor insert = db_start(store, STATEMENT_ADMIN_KEY_INSERT);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_text(&insert, key->name);
    db_bind_blob(&insert, key->digest, sizeof(key->digest));
    db_bind_text(&insert, key->last4);
    db_bind_text(&insert, store_name(STORE_NAME_ROLE, (uint8_t)key->role));
    db_bind_int(&insert, key->created_us);
    db_bind_int(&insert, key->expires_us);
    db_bind_text(&insert, key->created_by);
    int rc = db_run(&insert);
    if (rc != 0)
        return rc;
    key->id = (uint64_t)sqlite3_last_insert_rowid(store->handle);
    return sqlite3_changes(store->handle) == 0 ? ERR_EXISTS : 0;
}

int
store_admin_key_revoke(struct store *store, uint64_t id, int64_t now_us)
{
    struct db_cursor revoke = db_start(store, STATEMENT_ADMIN_KEY_REVOKE);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_int(&revoke, (int64_t)id);
    db_bind_int(&revoke, now_us);
    int rc = db_run(&revoke);
    return rc == 0 && sqlite3_changes(store->handle) == 0 ? ERR_MISSING : rc;
}
