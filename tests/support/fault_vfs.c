/* SPDX-License-Identifier: ISC
 *
 * fault_vfs - see fault_vfs.h.
 */
#include "fault_vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILES   8
#define SECTOR_SIZE 512

/* A write or, with data NULL, a truncation to offset, that no fsync has covered. */
struct pending {
    int64_t offset;
    int size;
    char *data;
};

/* What a disk would hold of a file. */
struct disk_file {
    char path[512];
    char *durable;
    int64_t size;
    struct pending *pending;
    size_t n_pending, capacity;
};

/* What SQLite sees: our methods, then the real file behind them. */
struct fault_file {
    sqlite3_file base;
    struct disk_file *disk; /* NULL: not watched */
    sqlite3_file *real;
};

static sqlite3_vfs *real_vfs, vfs;
static struct disk_file files[MAX_FILES];
static enum fault armed;
static uint32_t at_n, n_operations;
static bool has_fired;

static int open_file(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *out);
static struct disk_file *find_file(const char *path);
static void read_durable(struct disk_file *disk);
static bool strikes(enum fault fault);
static bool is_dark(void);
static void remember(struct disk_file *disk, int64_t offset, const void *data, int size);
static void apply(struct disk_file *disk, const struct pending *change, int size);
static void forget_pending(struct disk_file *disk);
static uint32_t draw(uint32_t *state, uint32_t below);

/* ---- what SQLite calls ---- */

static struct fault_file *
fault_file_from(sqlite3_file *file)
{
    return (struct fault_file *)(void *)file;
}

static int
on_close(sqlite3_file *file)
{
    sqlite3_file *real = fault_file_from(file)->real;

    return real->pMethods == NULL ? SQLITE_OK : real->pMethods->xClose(real);
}

static int
on_read(sqlite3_file *file, void *to, int size, sqlite3_int64 offset)
{
    sqlite3_file *real = fault_file_from(file)->real;

    return is_dark() ? SQLITE_IOERR_READ : real->pMethods->xRead(real, to, size, offset);
}

static int
on_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    struct fault_file *self = fault_file_from(file);

    if (self->disk != NULL) {
        if (strikes(FAULT_WRITE_FULL))
            return SQLITE_FULL;
        /* What the power fails in the middle of may be on the disk or not, like those before. */
        if (!is_dark())
            remember(self->disk, offset, data, size);
        if (strikes(FAULT_POWER_CUT) || is_dark())
            return SQLITE_IOERR_WRITE;
    }
    return self->real->pMethods->xWrite(self->real, data, size, offset);
}

static int
on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct fault_file *self = fault_file_from(file);

    if (self->disk != NULL) {
        if (!is_dark())
            remember(self->disk, size, NULL, 0);
        if (strikes(FAULT_POWER_CUT) || is_dark())
            return SQLITE_IOERR_TRUNCATE;
    }
    return self->real->pMethods->xTruncate(self->real, size);
}

static int
on_sync(sqlite3_file *file, int flags)
{
    struct fault_file *self = fault_file_from(file);

    if (self->disk == NULL)
        return self->real->pMethods->xSync(self->real, flags);
    if (strikes(FAULT_SYNC_EIO))
        return SQLITE_IOERR_FSYNC;
    if (strikes(FAULT_POWER_CUT) || is_dark())
        return SQLITE_IOERR_FSYNC;
    for (size_t i = 0; i < self->disk->n_pending; i++)
        apply(self->disk, &self->disk->pending[i], self->disk->pending[i].size);
    forget_pending(self->disk);
    return SQLITE_OK; /* nobody pulls the real plug: the real fsync would only cost time */
}

#define PASS_ON(name, args, ...)                                                                   \
    static int name args                                                                           \
    {                                                                                              \
        sqlite3_file *real = fault_file_from(file)->real;                                          \
        return real->pMethods->__VA_ARGS__;                                                        \
    }
PASS_ON(on_size, (sqlite3_file * file, sqlite3_int64 *out), xFileSize(real, out))
PASS_ON(on_lock, (sqlite3_file * file, int level), xLock(real, level))
PASS_ON(on_unlock, (sqlite3_file * file, int level), xUnlock(real, level))
PASS_ON(on_check_lock, (sqlite3_file * file, int *out), xCheckReservedLock(real, out))
PASS_ON(on_control, (sqlite3_file * file, int op, void *arg), xFileControl(real, op, arg))
PASS_ON(on_sector_size, (sqlite3_file * file), xSectorSize(real))
PASS_ON(on_characteristics, (sqlite3_file * file), xDeviceCharacteristics(real))
PASS_ON(on_shm_map, (sqlite3_file * file, int page, int size, int extend, void volatile **out),
        xShmMap(real, page, size, extend, out))
PASS_ON(on_shm_lock, (sqlite3_file * file, int offset, int n, int flags),
        xShmLock(real, offset, n, flags))
PASS_ON(on_shm_unmap, (sqlite3_file * file, int delete), xShmUnmap(real, delete))

static void
on_shm_barrier(sqlite3_file *file)
{
    sqlite3_file *real = fault_file_from(file)->real;

    real->pMethods->xShmBarrier(real);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_characteristics,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

static int
open_file(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *out)
{
    struct fault_file *fault_file = fault_file_from(file);
    bool is_watched = path != NULL && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0;

    (void)self;
    fault_file->real = (sqlite3_file *)(void *)(fault_file + 1);
    fault_file->disk = NULL;
    fault_file->base.pMethods = NULL;
    int rc = real_vfs->xOpen(real_vfs, path, fault_file->real, flags, out);
    if (rc != SQLITE_OK)
        return rc;
    fault_file->base.pMethods = &methods;
    if (is_watched)
        fault_file->disk = find_file(path);
    return SQLITE_OK;
}

/* A log that is deleted with the last connection is gone at once: nobody cuts the power there. */
static int
delete_file(sqlite3_vfs *self, const char *path, int sync_dir)
{
    (void)self;
    if (is_dark())
        return SQLITE_IOERR_DELETE;
    for (int i = 0; i < MAX_FILES; i++) {
        if (strcmp(files[i].path, path) == 0) {
            forget_pending(&files[i]);
            files[i].size = 0;
        }
    }
    return real_vfs->xDelete(real_vfs, path, sync_dir);
}

/* ---- what a disk would hold ---- */

static struct disk_file *
find_file(const char *path)
{
    for (int i = 0; i < MAX_FILES; i++) {
        if (files[i].path[0] == '\0') {
            snprintf(files[i].path, sizeof(files[i].path), "%s", path);
            read_durable(&files[i]);
        }
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    }
    abort(); /* a test with more files than that */
}

static void
read_durable(struct disk_file *disk)
{
    FILE *file = fopen(disk->path, "r");

    disk->size = 0;
    if (file == NULL)
        return;
    fseek(file, 0, SEEK_END);
    disk->size = ftell(file);
    rewind(file);
    disk->durable = realloc(disk->durable, (size_t)disk->size + 1);
    if (disk->durable == NULL ||
        fread(disk->durable, 1, (size_t)disk->size, file) != (size_t)disk->size)
        abort();
    fclose(file);
}

static void
remember(struct disk_file *disk, int64_t offset, const void *data, int size)
{
    if (armed != FAULT_POWER_CUT)
        return; /* what is pending at that time was written before */
    if (disk->n_pending == disk->capacity) {
        disk->capacity = disk->capacity == 0 ? 64 : disk->capacity * 2;
        disk->pending = realloc(disk->pending, disk->capacity * sizeof(disk->pending[0]));
    }
    struct pending *change = &disk->pending[disk->n_pending++];
    *change = (struct pending){.offset = offset, .size = size};
    if (data != NULL) {
        change->data = malloc((size_t)size);
        memcpy(change->data, data, (size_t)size);
    }
}

static void
apply(struct disk_file *disk, const struct pending *change, int size)
{
    int64_t end = change->offset + size;

    if (end > disk->size) {
        disk->durable = realloc(disk->durable, (size_t)end);
        memset(disk->durable + disk->size, 0, (size_t)(end - disk->size));
        disk->size = end;
    }
    if (change->data != NULL)
        memcpy(disk->durable + change->offset, change->data, (size_t)size);
    else
        disk->size = change->offset;
}

static void
forget_pending(struct disk_file *disk)
{
    for (size_t i = 0; i < disk->n_pending; i++)
        free(disk->pending[i].data);
    disk->n_pending = 0;
}

void
fault_vfs_power_on(uint32_t seed)
{
    char shm[sizeof(files[0].path) + 8];

    for (int i = 0; i < MAX_FILES && files[i].path[0] != '\0'; i++) {
        struct disk_file *disk = &files[i];

        for (size_t k = 0; k < disk->n_pending; k++) {
            int size = disk->pending[k].size;

            if (draw(&seed, 2) == 0)
                continue;
            if (size > SECTOR_SIZE && draw(&seed, 4) == 0)
                size = SECTOR_SIZE * (1 + (int)draw(&seed, (uint32_t)(size / SECTOR_SIZE)));
            apply(disk, &disk->pending[k], size);
        }
        FILE *file = fopen(disk->path, "w");
        if (file == NULL ||
            fwrite(disk->durable, 1, (size_t)disk->size, file) != (size_t)disk->size)
            abort();
        fclose(file);
        snprintf(shm, sizeof(shm), "%.511s-shm", disk->path); /* memory: nothing survives of it */
        unlink(shm);
    }
    fault_vfs_forget();
}

void
fault_vfs_forget(void)
{
    for (int i = 0; i < MAX_FILES; i++) {
        struct disk_file *disk = &files[i];

        forget_pending(disk);
        free(disk->pending);
        free(disk->durable);
        *disk = (struct disk_file){0};
    }
    armed = FAULT_NONE;
    has_fired = false;
}

static uint32_t
draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

/* ---- when it fails ---- */

void
fault_vfs_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "fault";
    vfs.szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile;
    vfs.xOpen = open_file;
    vfs.xDelete = delete_file;
    int rc = sqlite3_vfs_register(&vfs, 1);
    assert(rc == SQLITE_OK);
    (void)rc;
}

void
fault_vfs_arm(enum fault fault, uint32_t n)
{
    armed = fault;
    at_n = n;
    n_operations = 0;
    has_fired = false;
    for (int i = 0; fault == FAULT_POWER_CUT && i < MAX_FILES; i++) {
        if (files[i].path[0] != '\0')
            read_durable(&files[i]); /* the past is on the disk */
    }
}

static bool
strikes(enum fault fault)
{
    if (armed != fault || has_fired)
        return false;
    has_fired = ++n_operations == at_n;
    return has_fired;
}

static bool
is_dark(void)
{
    return armed == FAULT_POWER_CUT && has_fired;
}

bool
fault_vfs_has_fired(void)
{
    return has_fired;
}

uint32_t
fault_vfs_count(void)
{
    return n_operations;
}
