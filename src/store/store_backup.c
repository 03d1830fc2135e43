/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_backup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db.h"
#include "relayos/base/mem.h"

struct store_backup {
    sqlite3_backup *copying;
    sqlite3 *copy;
    bool is_done, has_file;
    char path[512], partial[520];
};

static int make_partial(struct store_backup *backup, struct errmsg *why);
static int open_copy(struct store *store, struct store_backup *backup, struct errmsg *why);
static int fail(struct store_backup *backup, int rc, struct errmsg *why);
static int check_copy(struct store_backup *backup, struct errmsg *why);
static int make_durable(const char *path, struct errmsg *why);
static int sync_directory_of(const char *path, struct errmsg *why);

int
store_backup_new(struct store *store, const char *path, struct store_backup **out,
                 struct errmsg *why)
{
    struct store_backup *backup;

    if (strlen(path) >= sizeof(backup->path)) {
        errmsg_set(why, "%s: the path is too long", path);
        return ERR_TOO_LARGE;
    }
    if (access(path, F_OK) == 0) {
        errmsg_set(why, "%s: there is such a file already", path);
        return ERR_EXISTS;
    }
    backup = mem_zalloc(sizeof(*backup));
    snprintf(backup->path, sizeof(backup->path), "%s", path);
    snprintf(backup->partial, sizeof(backup->partial), "%s.partial", path);
    int rc = make_partial(backup, why);
    if (rc == 0)
        rc = open_copy(store, backup, why);
    if (rc != 0) {
        store_backup_free(&backup);
        return rc;
    }
    *out = backup;
    return 0;
}

static int
make_partial(struct store_backup *backup, struct errmsg *why)
{
    int fd = open(backup->partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        int rc = errno == EEXIST ? ERR_EXISTS : ERR_IO;
        errmsg_set(why, "%s: %s", backup->partial, strerror(errno));
        return rc;
    }
    close(fd);
    backup->has_file = true;
    return 0;
}

/* The copy is worth nothing before it is finished, so it is written without a journal and synced
 * once, at the end. */
static int
open_copy(struct store *store, struct store_backup *backup, struct errmsg *why)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(backup->partial, &backup->copy, flags, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(backup->copy,
                          "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                          "PRAGMA locking_mode = EXCLUSIVE",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        backup->copying = sqlite3_backup_init(backup->copy, "main", store->handle, "main");
    return backup->copying != NULL ? 0 : fail(backup, sqlite3_errcode(backup->copy), why);
}

static int
fail(struct store_backup *backup, int rc, struct errmsg *why)
{
    errmsg_set(why, "%s: %s", backup->partial, sqlite3_errstr(rc));
    return (rc & 0xff) == SQLITE_FULL   ? ERR_FULL
           : (rc & 0xff) == SQLITE_BUSY ? ERR_BUSY
                                        : ERR_STORE;
}

int
store_backup_step(struct store_backup *backup, int n_pages, bool *out_is_done, struct errmsg *why)
{
    assert(!backup->is_done);

    int rc = sqlite3_backup_step(backup->copying, n_pages);
    backup->is_done = rc == SQLITE_DONE;
    *out_is_done = backup->is_done;
    return rc == SQLITE_OK || rc == SQLITE_DONE ? 0 : fail(backup, rc, why);
}

int
store_backup_finish(struct store_backup *backup, struct errmsg *why)
{
    assert(backup->is_done);

    int rc = sqlite3_backup_finish(backup->copying);
    backup->copying = NULL;
    if (rc != SQLITE_OK)
        return fail(backup, rc, why);
    rc = check_copy(backup, why);
    sqlite3_close_v2(backup->copy);
    backup->copy = NULL;
    if (rc != 0 || (rc = make_durable(backup->partial, why)) != 0)
        return rc;
    /* link() and not rename(): whatever has been put there meanwhile stays. */
    if (link(backup->partial, backup->path) != 0) {
        rc = errno == EEXIST ? ERR_EXISTS : ERR_IO;
        errmsg_set(why, "%s: %s", backup->path, strerror(errno));
        return rc;
    }
    unlink(backup->partial);
    backup->has_file = false;
    return sync_directory_of(backup->path, why);
}

/* Its head at least: quick_check of a large one would hold up settlements. A restore, like any
 * start, checks more, and `ledger verify` all. */
static int
check_copy(struct store_backup *backup, struct errmsg *why)
{
    sqlite3_stmt *stmt = NULL;
    int rc =
        sqlite3_prepare_v2(backup->copy, "SELECT count(*) FROM sqlite_schema", -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    bool is_sound = rc == SQLITE_ROW && sqlite3_column_int64(stmt, 0) > 0;
    sqlite3_finalize(stmt);
    return is_sound ? 0 : fail(backup, rc, why);
}

static int
make_durable(const char *path, struct errmsg *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && fsync(fd) == 0) {
        close(fd);
        return 0;
    }
    errmsg_set(why, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ERR_IO;
}

static int
sync_directory_of(const char *path, struct errmsg *why)
{
    char dir[512];
    const char *slash = strrchr(path, '/');

    snprintf(dir, sizeof(dir), "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
             slash == NULL ? "." : path);
    return make_durable(dir, why);
}

void
store_backup_free(struct store_backup **backup)
{
    if (*backup == NULL)
        return;
    sqlite3_backup_finish((*backup)->copying);
    sqlite3_close_v2((*backup)->copy);
    if ((*backup)->has_file)
        unlink((*backup)->partial);
    free(*backup);
    *backup = NULL;
}

struct store_backup_progress
store_backup_progress(const struct store_backup *backup)
{
    return (struct store_backup_progress){.n_pages = sqlite3_backup_pagecount(backup->copying),
                                          .n_left = sqlite3_backup_remaining(backup->copying)};
}
