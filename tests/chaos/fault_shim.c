/* SPDX-License-Identifier: ISC
 *
 * fault_shim - for LD_PRELOAD: writes and syncs of the ledger's database that fail when a test says
 * so. Only the ledger writes files named relayos.db, relayos.db-wal and so on.
 *
 * RELAYOS_FAULT_FILE names a file of seven 32-bit numbers that all processes share (class Shim of
 * tests/chaos/faults): the write from now that fails with ENOSPC, the sync that fails with EIO (1 =
 * the next, 0 = none), whether the disk is full (every write fails), the failures, writes and syncs
 * so far, and the process from now that never comes back from its first write.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct shim_control {
    _Atomic int write_in;
    _Atomic int sync_in;
    _Atomic int is_full;
    _Atomic int n_failed;
    _Atomic int n_writes;
    _Atomic int n_syncs;
    _Atomic int hang_in;
};

typedef ssize_t shim_pwrite_fn(int fd, const void *bytes, size_t len, off64_t at);
typedef int shim_sync_fn(int fd);

static struct shim_control *control; /* NULL: nobody wants faults */
static _Atomic int n_own_writes;     /* of this process, to the database */
static shim_pwrite_fn *next_pwrite;
static shim_sync_fn *next_fdatasync, *next_fsync;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void set_up(void);
static void map_control(void);
static bool is_database(int fd);
static bool is_due(_Atomic int *countdown);
static int sync_or_fail(int fd, shim_sync_fn *next);

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    pthread_once(&once, set_up);
    if (control != NULL && is_database(fd)) {
        if (atomic_fetch_add(&n_own_writes, 1) == 0 && is_due(&control->hang_in)) {
            for (;;)
                (void)poll(NULL, 0, -1); /* the sandbox knows it */
        }
        atomic_fetch_add(&control->n_writes, 1);
        if (is_due(&control->write_in) || atomic_load(&control->is_full) != 0) {
            atomic_fetch_add(&control->n_failed, 1);
            errno = ENOSPC;
            return -1;
        }
    }
    return next_pwrite(fd, bytes, len, at);
}

int
fdatasync(int fd)
{
    pthread_once(&once, set_up);
    return sync_or_fail(fd, next_fdatasync);
}

int
fsync(int fd)
{
    pthread_once(&once, set_up);
    return sync_or_fail(fd, next_fsync);
}

static int
sync_or_fail(int fd, shim_sync_fn *next)
{
    if (control != NULL && is_database(fd)) {
        atomic_fetch_add(&control->n_syncs, 1);
        if (is_due(&control->sync_in)) {
            atomic_fetch_add(&control->n_failed, 1);
            errno = EIO;
            return -1;
        }
    }
    return next(fd);
}

static bool
is_due(_Atomic int *countdown)
{
    return atomic_load(countdown) > 0 && atomic_fetch_sub(countdown, 1) == 1;
}

static bool
is_database(int fd)
{
    char link[64], path[4096];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);

    if (len < 0)
        return false;
    path[len] = '\0';
    return strstr(path, "/relayos.db") != NULL;
}

static void
set_up(void)
{
    *(void **)&next_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    *(void **)&next_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    *(void **)&next_fsync = dlsym(RTLD_NEXT, "fsync");
    map_control();
}

static void
map_control(void)
{
    const char *path = getenv("RELAYOS_FAULT_FILE");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (memory != MAP_FAILED)
        control = memory;
    close(fd);
}
