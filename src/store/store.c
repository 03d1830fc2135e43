/* SPDX-License-Identifier: ISC */
#include "relayos/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db.h"
#include "high_water.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/model/usage.h" /* for statements.def */
#include "trace_key.h"
#include "usage_sums.h"

#define APPLICATION_ID  0x524c4f53 /* "RLOS": file(1) and we tell our databases by it */
#define BUSY_TIMEOUT_MS 5000
#define CHECK_PAGES_MAX 1024 /* 8 MiB: some tens of milliseconds */
#define TRUNCATE_WAL_BYTES                                                                         \
    (16 * 1024 * 1024) /* a log larger than this is cut after a checkpoint                         \
                        */

static const char *const statement_sql[STATEMENT_N] = {
#define STATEMENT(NAME, ...) [STATEMENT_##NAME] = __VA_ARGS__,
#include "statements.def"
#undef STATEMENT
};

static const struct migration {
    int64_t number;
    const char *sql;
} migrations[] = {
#define MIGRATION(number, sql) {number, sql},
#include "schema.def"
#undef MIGRATION
};
#define N_MIGRATIONS (sizeof(migrations) / sizeof(migrations[0]))

static int make_private_file(const char *path, struct errmsg *why);
static int open_checked(struct store *store, struct errmsg *why);
static int configure(struct store *store);
static int check_if_small(struct store *store, struct errmsg *why);
static int migrate(struct store *store, struct errmsg *why);
static int migrate_one(struct store *store, const struct migration *migration);
static int measure_gap(struct store *store);
static int query_int(struct store *store, const char *sql, int64_t *out);

int
store_open(const char *path, struct store **out, struct errmsg *why)
{
    int rc = make_private_file(path, why);
    if (rc != 0)
        return rc;

    /* One thread, nobody reads the statistics: no mutexes. (Only the first call has an effect.) */
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

    struct store *store = mem_zalloc(sizeof(*store));
    snprintf(store->path, sizeof(store->path), "%s", path);
    store->sums = usage_sums_new();
    store->traced = trace_key_new();
    store->high_water_fd = -1;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &store->handle, flags, NULL) != SQLITE_OK) {
        errmsg_set(why, "%s: %s", path, sqlite3_errmsg(store->handle));
        store_close(&store);
        return ERR_STORE;
    }
    rc = open_checked(store, why);
    if (rc != 0) {
        errmsg_prefix(why, "%s", path);
        store_close(&store);
        return rc;
    }
    *out = store;
    return 0;
}

/* Also mode and owner of the -wal and -shm files: SQLite copies them from this one. */
static int
make_private_file(const char *path, struct errmsg *why)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 || fstat(fd, &st) != 0 || ((st.st_mode & 077) != 0 && fchmod(fd, 0600) != 0)) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return ERR_IO;
    }
    close(fd);
    return 0;
}

static int
open_checked(struct store *store, struct errmsg *why)
{
    int rc = configure(store);
    if (rc != 0) {
        errmsg_set(why, "%s", store->error);
        return rc;
    }
    if ((rc = store_check_identity(store, why)) != 0)
        return rc;
    if ((rc = check_if_small(store, why)) != 0)
        return rc;
    if ((rc = migrate(store, why)) != 0)
        return rc;
    if ((rc = store_prepare(store)) != 0 || (rc = measure_gap(store)) != 0)
        errmsg_set(why, "%s", store->error);
    return rc;
}

/*
 * synchronous=FULL: with NORMAL a power cut would lose all since the last checkpoint, not a batch.
 * No mmap: an I/O error must be an error code, not a SIGBUS. Checkpoints are the master's schedule.
 */
static int
configure(struct store *store)
{
    sqlite3_busy_timeout(store->handle, BUSY_TIMEOUT_MS);
    sqlite3_wal_autocheckpoint(store->handle, 0);
    return db_exec(store, "PRAGMA trusted_schema = OFF;"
                          "PRAGMA mmap_size = 0;"
                          "PRAGMA foreign_keys = ON;"
                          "PRAGMA temp_store = MEMORY;"
                          "PRAGMA cache_size = -16384;" /* KiB */
                          "PRAGMA page_size = 8192;"    /* of a new file */
                          "PRAGMA journal_mode = WAL;"
                          "PRAGMA synchronous = FULL;");
}

int64_t
store_newest_schema(void)
{
    return migrations[N_MIGRATIONS - 1].number;
}

int
store_check_identity(struct store *store, struct errmsg *why)
{
    int64_t application_id, version, n_tables, is_wal;
    int rc;

    if ((rc = query_int(store, "PRAGMA application_id", &application_id)) != 0 ||
        (rc = query_int(store, "PRAGMA user_version", &version)) != 0 ||
        (rc = query_int(store, "SELECT count(*) FROM sqlite_schema", &n_tables)) != 0 ||
        (rc = query_int(store, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &is_wal))) {
        errmsg_set(why, "%s", store->error);
        return rc;
    }
    if (!is_wal) {
        errmsg_set(why, "this file system cannot hold a write-ahead log; use a local disk");
        return ERR_STORE;
    }
    if (n_tables > 0 && application_id != APPLICATION_ID) {
        errmsg_set(why, "this is a database of another program");
        return ERR_STORE;
    }
    if (version > migrations[N_MIGRATIONS - 1].number) {
        errmsg_set(why, "schema %lld was written by a newer relayosd; this one knows %lld",
                   (long long)version, (long long)migrations[N_MIGRATIONS - 1].number);
        return ERR_STORE;
    }
    return 0;
}

static int
check_if_small(struct store *store, struct errmsg *why)
{
    int64_t n_pages;
    int rc = query_int(store, "PRAGMA page_count", &n_pages);

    if (rc != 0)
        errmsg_set(why, "%s", store->error);
    return rc != 0 || n_pages > CHECK_PAGES_MAX ? rc : store_check(store, why);
}

int
store_check(struct store *store, struct errmsg *why)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(store->handle, "PRAGMA quick_check(1)", -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW) {
        rc = db_fail(store, rc);
        errmsg_set(why, "quick_check: %s", store->error);
        sqlite3_finalize(stmt);
        return rc;
    }
    const char *verdict = (const char *)sqlite3_column_text(stmt, 0);
    bool is_sound = strcmp(verdict, "ok") == 0;
    if (!is_sound)
        errmsg_set(why,
                   "damaged: %s. Restore a backup, or recover what can be with sqlite3's "
                   ".recover",
                   verdict);
    sqlite3_finalize(stmt);
    return is_sound ? 0 : ERR_STORE;
}

static int
migrate(struct store *store, struct errmsg *why)
{
    int64_t version;
    int rc = query_int(store, "PRAGMA user_version", &version);

    if (rc == 0 && version > 0 && version < store_newest_schema())
        log_warn("store.migration",
                 "file=%s from=%lld to=%lld action=\"a start waits for it; a backup is what takes "
                 "it back\"",
                 store->path, (long long)version, (long long)store_newest_schema());
    for (size_t i = 0; rc == 0 && i < N_MIGRATIONS; i++) {
        if (migrations[i].number > version)
            rc = migrate_one(store, &migrations[i]);
    }
    if (rc != 0)
        errmsg_set(why, "migration from schema %lld: %s", (long long)version, store->error);
    return rc;
}

static int
migrate_one(struct store *store, const struct migration *migration)
{
    char stamp[128];
    int rc = db_exec(store, "BEGIN IMMEDIATE");

    snprintf(stamp, sizeof(stamp), "PRAGMA user_version = %lld; PRAGMA application_id = %d; COMMIT",
             (long long)migration->number, APPLICATION_ID);
    if (rc == 0 && (rc = db_exec(store, migration->sql)) == 0)
        rc = db_exec(store, stamp);
    if (rc != 0 && !sqlite3_get_autocommit(store->handle))
        sqlite3_exec(store->handle, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int
store_prepare(struct store *store)
{
    for (int i = 0; i < STATEMENT_N; i++) {
        int rc = sqlite3_prepare_v3(store->handle, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &store->statements[i], NULL);
        if (rc != SQLITE_OK)
            return db_fail(store, rc);
    }
    return 0;
}

static int
measure_gap(struct store *store)
{
    int64_t last;
    int rc = query_int(store, "SELECT coalesce(max(seq), 0) FROM ledger", &last);

    if (rc != 0)
        return rc;
    store->high_water_fd = high_water_open(store->path);
    int64_t known = high_water_read(store->high_water_fd);
    store->n_lost = known > last ? known - last : 0;
    return 0;
}

int64_t
store_n_lost(const struct store *store)
{
    return store->n_lost;
}

static int
query_int(struct store *store, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(store->handle, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    else
        rc = db_fail(store, rc);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? 0 : rc;
}

void
store_close(struct store **store)
{
    if (*store == NULL)
        return;
    for (int i = 0; i < STATEMENT_N; i++)
        sqlite3_finalize((*store)->statements[i]);
    sqlite3_close_v2((*store)->handle);
    usage_sums_free(&(*store)->sums);
    trace_key_free(&(*store)->traced);
    fdio_close(&(*store)->high_water_fd);
    free(*store);
    *store = NULL;
}

int
store_begin(struct store *store)
{
    assert(store->batch == DB_BATCH_NONE);

    struct db_cursor begin = db_start(store, STATEMENT_BEGIN);
    int rc = db_run(&begin);
    if (rc == 0)
        store->batch = DB_BATCH_OPEN;
    return rc;
}

int
store_commit(struct store *store)
{
    assert(store->batch != DB_BATCH_NONE);

    int rc = usage_sums_flush(store);
    if (rc == 0) {
        struct db_cursor commit = db_start(store, STATEMENT_COMMIT);
        rc = db_run(&commit);
    }
    if (rc != 0) {
        store_rollback(store);
        return rc;
    }
    store->batch = DB_BATCH_NONE;
    if (store->batch_seq != 0)
        high_water_write(store->high_water_fd, store->batch_seq);
    store->batch_seq = 0;
    return 0;
}

void
store_rollback(struct store *store)
{
    assert(store->batch != DB_BATCH_NONE);

    for (int i = 0; i < STATEMENT_N; i++)
        sqlite3_reset(store->statements[i]);
    if (!sqlite3_get_autocommit(store->handle))
        sqlite3_exec(store->handle, "ROLLBACK", NULL, NULL, NULL);
    usage_sums_forget(store->sums);
    trace_key_forget(store->traced);
    store->batch_seq = 0;
    store->batch = DB_BATCH_NONE;
}

const char *
store_error(const struct store *store)
{
    return store->error;
}

int
store_get_meta(struct store *store, const char *name, int64_t fallback, int64_t *out)
{
    struct db_cursor get = db_start(store, STATEMENT_META_GET);

    db_bind_text(&get, name);
    int rc = db_step(&get);
    if (rc < 0)
        return rc;
    *out = rc == 1 ? db_read_int(&get) : fallback;
    db_finish(&get);
    return 0;
}

int
store_put_meta(struct store *store, const char *name, int64_t value)
{
    struct db_cursor put = db_start(store, STATEMENT_META_PUT);

    db_bind_text(&put, name);
    db_bind_int(&put, value);
    return db_run(&put);
}

int
store_checkpoint(struct store *store, struct store_checkpoint *out)
{
    assert(store->batch == DB_BATCH_NONE);

    int n_frames = 0, n_done = 0;
    int rc = sqlite3_wal_checkpoint_v2(store->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_frames,
                                       &n_done);
    if (rc != SQLITE_OK)
        return db_fail(store, rc);
    *out = (struct store_checkpoint){.wal_frames = n_frames, .checkpointed = n_done};

    /* All moved and no reader left behind: cut the file down, without waiting for anybody. */
    if (n_done == n_frames && store_wal_bytes(store) > TRUNCATE_WAL_BYTES) {
        sqlite3_busy_timeout(store->handle, 0);
        rc = sqlite3_wal_checkpoint_v2(store->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        sqlite3_busy_timeout(store->handle, BUSY_TIMEOUT_MS);
        if (rc != SQLITE_OK && db_fail(store, rc) == ERR_STORE)
            return ERR_STORE;
    }
    return 0;
}

int64_t
store_wal_bytes(const struct store *store)
{
    char path[sizeof(store->path) + 8];
    struct stat st;

    snprintf(path, sizeof(path), "%s-wal", store->path);
    return stat(path, &st) == 0 ? st.st_size : 0;
}
