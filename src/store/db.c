/* SPDX-License-Identifier: ISC */
#include "db.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int
db_fail(struct store *store, int rc)
{
    snprintf(store->error, sizeof(store->error), "%s (%d)", sqlite3_errmsg(store->handle),
             sqlite3_extended_errcode(store->handle));
    if (store->batch == DB_BATCH_OPEN)
        store->batch = DB_BATCH_FAILED;
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT: /* the deadline of a reader */
        return ERR_BUSY;
    case SQLITE_FULL:
        return ERR_FULL;
    default:
        return ERR_STORE;
    }
}

int
db_exec(struct store *store, const char *sql)
{
    int rc = sqlite3_exec(store->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_fail(store, rc);
}

struct db_cursor
db_start(struct store *store, enum statement statement)
{
    assert(statement < STATEMENT_N);
    assert(store->statements[statement] != NULL);

    return (struct db_cursor){.store = store, .stmt = store->statements[statement]};
}

void
db_bind_int(struct db_cursor *cursor, int64_t value)
{
    sqlite3_bind_int64(cursor->stmt, ++cursor->n, value);
}

void
db_bind_null(struct db_cursor *cursor)
{
    sqlite3_bind_null(cursor->stmt, ++cursor->n);
}

void
db_bind_text(struct db_cursor *cursor, const char *value)
{
    sqlite3_bind_text(cursor->stmt, ++cursor->n, value, -1, SQLITE_STATIC);
}

void
db_bind_slice(struct db_cursor *cursor, struct slice value)
{
    const char *ptr = value.len == 0 ? "" : value.ptr;

    sqlite3_bind_text(cursor->stmt, ++cursor->n, ptr, (int)value.len, SQLITE_STATIC);
}

void
db_bind_blob(struct db_cursor *cursor, const void *bytes, size_t len)
{
    sqlite3_bind_blob(cursor->stmt, ++cursor->n, bytes, (int)len, SQLITE_STATIC);
}

int
db_step(struct db_cursor *cursor)
{
    /*
     * SQLite rolls a batch back by itself when, say, the disk is full; what follows would then be
     * committed statement by statement. So nothing follows.
     */
    if (cursor->store->batch == DB_BATCH_FAILED)
        return ERR_STORE;

    int rc = sqlite3_step(cursor->stmt);

    cursor->n = -1;
    if (rc == SQLITE_ROW)
        return 1;
    int result = rc == SQLITE_DONE ? 0 : db_fail(cursor->store, rc);
    db_finish(cursor);
    return result;
}

int
db_run(struct db_cursor *cursor)
{
    int rc = db_step(cursor);

    assert(rc <= 0);
    return rc;
}

int
db_run_int(struct db_cursor *cursor, int64_t *out)
{
    int rc = db_step(cursor);

    if (rc <= 0)
        return rc < 0 ? rc : ERR_STORE;
    *out = db_read_int(cursor);
    db_finish(cursor);
    return 0;
}

void
db_finish(struct db_cursor *cursor)
{
    sqlite3_reset(cursor->stmt);
}

int64_t
db_read_int(struct db_cursor *cursor)
{
    return sqlite3_column_int64(cursor->stmt, ++cursor->n);
}

bool
db_read_is_null(struct db_cursor *cursor)
{
    return sqlite3_column_type(cursor->stmt, cursor->n + 1) == SQLITE_NULL;
}

void
db_read_text(struct db_cursor *cursor, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(cursor->stmt, ++cursor->n);
    size_t len = (size_t)sqlite3_column_bytes(cursor->stmt, cursor->n);

    len = text == NULL ? 0 : len < size ? len : size - 1;
    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
}

void
db_read_blob(struct db_cursor *cursor, void *out, size_t len)
{
    const void *bytes = sqlite3_column_blob(cursor->stmt, ++cursor->n);

    memset(out, 0, len);
    if (bytes != NULL && sqlite3_column_bytes(cursor->stmt, cursor->n) == (int)len)
        memcpy(out, bytes, len);
}
