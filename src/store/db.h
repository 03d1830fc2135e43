/* SPDX-License-Identifier: ISC
 *
 * db - the one SQLite connection under the store_*.c files: prepared statements with a cursor to
 * bind and read them column by column, and the rule that a failed batch stays failed.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"

enum statement {
#define STATEMENT(NAME, ...) STATEMENT_##NAME,
#include "statements.def"
#undef STATEMENT
    STATEMENT_N
};

struct trace_keys;
struct usage_sums;

enum db_batch { DB_BATCH_NONE, DB_BATCH_OPEN, DB_BATCH_FAILED };

struct store {
    sqlite3 *handle;
    sqlite3_stmt *statements[STATEMENT_N];
    enum db_batch batch;
    struct usage_sums *sums; /* of the batch */
    struct trace_keys *traced;
    int high_water_fd;
    int64_t late_cpu_us, late_us; /* of a reader with a limit */
    int64_t batch_seq;            /* newest ledger row of the batch, 0 = none */
    int64_t n_lost;               /* rows that were committed once and are not there */
    char path[512];
    char error[256];
};

/* Of store.c, for whoever opens a database in another way than store_open() does. */
int store_check_identity(struct store *store, struct errmsg *why) MUST_CHECK;
int store_prepare(struct store *store) MUST_CHECK;
int64_t store_newest_schema(void);

/* Position in a statement: the next parameter to bind, then the next column to read. */
struct db_cursor {
    struct store *store;
    sqlite3_stmt *stmt;
    int n;
};

/* Remember what went wrong and say which of ERR_BUSY, ERR_FULL, ERR_STORE it is. */
int db_fail(struct store *store, int rc) MUST_CHECK;
int db_exec(struct store *store, const char *sql) MUST_CHECK;

struct db_cursor db_start(struct store *store, enum statement statement);
/* Texts and blobs are bound by pointer: they must outlive the cursor's last step. */
void db_bind_int(struct db_cursor *cursor, int64_t value);
void db_bind_null(struct db_cursor *cursor);
void db_bind_text(struct db_cursor *cursor, const char *value);
void db_bind_slice(struct db_cursor *cursor, struct slice value);
void db_bind_blob(struct db_cursor *cursor, const void *bytes, size_t len);

/* 1: a row to read, 0: no more (the statement is reset), else an error. */
int db_step(struct db_cursor *cursor) MUST_CHECK;
/* For statements without rows: 0 or an error. */
int db_run(struct db_cursor *cursor) MUST_CHECK;
/* One that always has a row, of one number. */
int db_run_int(struct db_cursor *cursor, int64_t *out) MUST_CHECK;
/* After reading fewer rows than there are. */
void db_finish(struct db_cursor *cursor);

int64_t db_read_int(struct db_cursor *cursor);
bool db_read_is_null(struct db_cursor *cursor);                      /* does not move on */
void db_read_text(struct db_cursor *cursor, char *out, size_t size); /* cut to fit */
void db_read_blob(struct db_cursor *cursor, void *out, size_t len); /* zeros if of another length */

#endif
