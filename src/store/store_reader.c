/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db.h"
#include "high_water.h"
#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/mem.h"
#include "trace_key.h"
#include "usage_sums.h"

#define BUSY_TIMEOUT_MS 5000
#define STEPS_PER_LOOK  1000 /* at the clock: some tens of microseconds */
#define TIMES_LONGER    10
#define URI_SIZE        1600 /* each byte of a path may become three */

static void write_uri(const char *path, enum store_reader_kind kind, char out[URI_SIZE]);
static int open_checked(struct store *store, enum store_reader_kind kind, struct errmsg *why);
static int check_version(struct store *store, struct errmsg *why);
static int64_t read_high_water(const char *database_path);
static int read_int(struct store *store, const char *sql, int64_t *out);
static int is_late(void *ctx);

int
store_reader_open(const char *path, enum store_reader_kind kind, struct store **out,
                  struct errmsg *why)
{
    int flags =
        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    char uri[URI_SIZE];

    if (access(path, R_OK) != 0) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    struct store *store = mem_zalloc(sizeof(*store));
    if (strlen(path) >= sizeof(store->path)) {
        errmsg_set(why, "%s: the path is too long", path);
        free(store);
        return ERR_TOO_LARGE;
    }
    snprintf(store->path, sizeof(store->path), "%s", path);
    store->sums = usage_sums_new();
    store->traced = trace_key_new();
    store->high_water_fd = -1;
    write_uri(path, kind, uri);
    int rc = ERR_STORE;
    if (sqlite3_open_v2(uri, &store->handle, flags, NULL) == SQLITE_OK)
        rc = open_checked(store, kind, why);
    else
        errmsg_set(why, "%s", sqlite3_errmsg(store->handle));
    if (rc == 0) {
        *out = store;
        return 0;
    }
    errmsg_prefix(why, "%s", path);
    store_close(&store);
    return rc;
}

int
store_reader_look(const char *path, bool *out_migrates, struct errmsg *why)
{
    struct store store = {.high_water_fd = -1};
    char uri[URI_SIZE];
    int64_t version = 0;
    int rc = ERR_STORE;

    if (access(path, R_OK) != 0) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    snprintf(store.path, sizeof(store.path), "%s", path);
    write_uri(store.path, STORE_READER_LIVE, uri);
    int flags =
        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(uri, &store.handle, flags, NULL) != SQLITE_OK)
        errmsg_set(why, "%s", sqlite3_errmsg(store.handle));
    else if ((rc = store_check_identity(&store, why)) == 0 &&
             (rc = read_int(&store, "PRAGMA user_version", &version)) != 0)
        errmsg_set(why, "%s", store.error);
    *out_migrates = version != store_newest_schema();
    (void)sqlite3_close(store.handle);
    if (rc != 0)
        errmsg_prefix(why, "%s", path);
    return rc;
}

/* What has a meaning in a URI is written by its number. */
static void
write_uri(const char *path, enum store_reader_kind kind, char out[URI_SIZE])
{
    size_t len = (size_t)snprintf(out, URI_SIZE, "file:");

    for (; *path != '\0'; path++) {
        bool is_plain = strchr("%?#", *path) == NULL;

        len += (size_t)snprintf(out + len, URI_SIZE - len, is_plain ? "%c" : "%%%02X",
                                (unsigned char)*path);
    }
    if (kind == STORE_READER_STILL)
        snprintf(out + len, URI_SIZE - len, "?immutable=1");
}

static int
open_checked(struct store *store, enum store_reader_kind kind, struct errmsg *why)
{
    sqlite3_busy_timeout(store->handle, BUSY_TIMEOUT_MS);
    int rc = db_exec(store, "PRAGMA trusted_schema = OFF;"
                            "PRAGMA mmap_size = 0;"
                            "PRAGMA temp_store = FILE;" /* sorts of millions of rows */
                            "PRAGMA cache_size = -32768;");
    if (rc != 0) {
        errmsg_set(why, "%s", store->error);
        return rc;
    }
    if (kind == STORE_READER_LIVE && (rc = store_check_identity(store, why)) != 0)
        return rc;
    if ((rc = check_version(store, why)) != 0)
        return rc;
    if ((rc = store_prepare(store)) != 0)
        errmsg_set(why, "%s", store->error);
    return rc;
}

/* One of another version cannot be read by our statements, and migrating is not for readers. */
static int
check_version(struct store *store, struct errmsg *why)
{
    int64_t known = read_high_water(store->path); /* first: rows come while we look */
    int64_t version = 0, last = 0;
    int rc = read_int(store, "PRAGMA user_version", &version);

    if (rc == 0 && version == store_newest_schema())
        rc = read_int(store, "SELECT coalesce(max(seq), 0) FROM ledger", &last);
    if (rc != 0) {
        errmsg_set(why, "%s", store->error);
        return rc;
    }
    if (version != store_newest_schema()) {
        errmsg_set(why, "it has schema %lld, this program reads %lld; %s", (long long)version,
                   (long long)store_newest_schema(),
                   version > store_newest_schema() ? "it was written by a newer relayosd"
                                                   : "relayosd brings it up to date");
        return ERR_STORE;
    }
    store->n_lost = known > last ? known - last : 0;
    return 0;
}

static int64_t
read_high_water(const char *database_path)
{
    char path[600];

    snprintf(path, sizeof(path), "%s-seq", database_path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int64_t known = high_water_read(fd);
    fdio_close(&fd);
    return known;
}

static int
read_int(struct store *store, const char *sql, int64_t *out)
{
    struct db_cursor cursor = {.store = store};
    int rc = sqlite3_prepare_v2(store->handle, sql, -1, &cursor.stmt, NULL);

    if (rc != SQLITE_OK)
        return db_fail(store, rc);
    rc = db_step(&cursor);
    if (rc == 1)
        *out = db_read_int(&cursor);
    sqlite3_finalize(cursor.stmt);
    return rc < 0 ? rc : 0;
}

void
store_reader_limit(struct store *store, int64_t cpu_us)
{
    store->late_cpu_us = clock_thread_us() + cpu_us;
    store->late_us = clock_mono_us() + cpu_us * TIMES_LONGER;
    sqlite3_progress_handler(store->handle, cpu_us == 0 ? 0 : STEPS_PER_LOOK, is_late, store);
}

static int
is_late(void *ctx)
{
    const struct store *store = ctx;

    return clock_thread_us() >= store->late_cpu_us || clock_mono_us() >= store->late_us;
}

int
store_reader_begin(struct store *store)
{
    return db_exec(store, "BEGIN");
}

void
store_reader_end(struct store *store)
{
    sqlite3_exec(store->handle, "COMMIT", NULL, NULL, NULL);
}
