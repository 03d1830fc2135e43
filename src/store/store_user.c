/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_user.h"

#include <assert.h>

#include "db.h"
#include "relayos/store/store_name.h"

static int take_user(struct db_cursor *cursor, struct user_record *out);
static void bind_settings(struct db_cursor *cursor, const struct user_record *user);

int
store_user_get(struct store *store, uint64_t id, struct user_record *out)
{
    struct db_cursor get = db_start(store, STATEMENT_USER_GET);

    db_bind_int(&get, (int64_t)id);
    return take_user(&get, out);
}

int
store_user_find(struct store *store, struct slice name, struct user_record *out)
{
    struct db_cursor find = db_start(store, STATEMENT_USER_FIND);

    db_bind_slice(&find, name);
    return take_user(&find, out);
}

int
store_user_find_subject(struct store *store, struct slice issuer, struct slice subject,
                        struct user_record *out)
{
    struct db_cursor find = db_start(store, STATEMENT_USER_FIND_SUBJECT);

    db_bind_slice(&find, issuer);
    db_bind_slice(&find, subject);
    return take_user(&find, out);
}

int
store_user_next(struct store *store, uint64_t after, struct user_record *out)
{
    struct db_cursor next = db_start(store, STATEMENT_USER_NEXT);

    db_bind_int(&next, (int64_t)after);
    return take_user(&next, out);
}

static int
take_user(struct db_cursor *cursor, struct user_record *out)
{
    char role[16];
    int rc = db_step(cursor);

    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    out->id = (uint64_t)db_read_int(cursor);
    db_read_text(cursor, out->name, sizeof(out->name));
    db_read_text(cursor, role, sizeof(role));
    db_read_text(cursor, out->password, sizeof(out->password));
    db_read_text(cursor, out->issuer, sizeof(out->issuer));
    db_read_text(cursor, out->subject, sizeof(out->subject));
    out->is_disabled = db_read_int(cursor) != 0;
    out->created_us = db_read_int(cursor);
    out->updated_us = db_read_int(cursor);
    out->seen_us = db_read_int(cursor);
    db_finish(cursor);
    out->role = store_name_role(role);
    return 0;
}

int
store_user_count_admins(struct store *store, int64_t *out)
{
    struct db_cursor count = db_start(store, STATEMENT_USER_COUNT_ADMINS);

    return db_run_int(&count, out);
}

int
store_user_insert(struct store *store, struct user_record *user)
{
    struct db_cursor insert = db_start(store, STATEMENT_USER_INSERT);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_text(&insert, user->name);
    bind_settings(&insert, user);
    db_bind_int(&insert, user->is_disabled);
    db_bind_int(&insert, user->created_us);
    db_bind_int(&insert, user->updated_us);
    db_bind_int(&insert, user->seen_us);
    int rc = db_run(&insert);
    if (rc != 0)
        return rc;
    user->id = (uint64_t)sqlite3_last_insert_rowid(store->handle);
    return sqlite3_changes(store->handle) == 0 ? ERR_EXISTS : 0;
}

int
store_user_update(struct store *store, const struct user_record *user)
{
    struct db_cursor update = db_start(store, STATEMENT_USER_UPDATE);

    assert(store->batch != DB_BATCH_NONE);
    bind_settings(&update, user);
    db_bind_int(&update, user->is_disabled);
    db_bind_int(&update, user->updated_us);
    db_bind_int(&update, user->seen_us);
    db_bind_int(&update, (int64_t)user->id);
    int rc = db_run(&update);
    return rc == 0 && sqlite3_changes(store->handle) == 0 ? ERR_EXISTS : rc;
}

/* "" is NULL there. */
static void
bind_settings(struct db_cursor *cursor, const struct user_record *user)
{
    db_bind_text(cursor, store_name(STORE_NAME_ROLE, (uint8_t)user->role));
    db_bind_text(cursor, user->password);
    db_bind_text(cursor, user->issuer);
    db_bind_text(cursor, user->subject);
}

int
store_user_put_setup(struct store *store, const uint8_t hash[HASH_DIGEST_SIZE], int64_t expires_us)
{
    struct db_cursor clear = db_start(store, STATEMENT_SETUP_CLEAR);
    int rc = db_run(&clear);

    assert(store->batch != DB_BATCH_NONE);
    if (rc != 0)
        return rc;
    struct db_cursor insert = db_start(store, STATEMENT_SETUP_INSERT);
    db_bind_blob(&insert, hash, HASH_DIGEST_SIZE);
    db_bind_int(&insert, expires_us);
    return db_run(&insert);
}

int
store_user_take_setup(struct store *store, const uint8_t hash[HASH_DIGEST_SIZE], int64_t now_us)
{
    struct db_cursor take = db_start(store, STATEMENT_SETUP_TAKE);

    assert(store->batch != DB_BATCH_NONE);
    db_bind_blob(&take, hash, HASH_DIGEST_SIZE);
    db_bind_int(&take, now_us);
    int rc = db_run(&take);
    return rc == 0 && sqlite3_changes(store->handle) == 0 ? ERR_MISSING : rc;
}
