/* SPDX-License-Identifier: ISC
 *
 * fdio - see the header.
 */
#include "relayos/base/fdio.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDIO_READ_SIZE 65536
#define FDIO_PATH_SIZE 4096

static int fdio_read_all(int fd, struct buf *out);
static int fdio_write_fresh(const char *path, struct slice contents, mode_t mode);
static int fdio_sync_parent(const char *path);
static int fdio_make_dir(const char *path, mode_t mode);
static int fdio_fail(const char *path, int err, struct errmsg *why);

int
fdio_write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int
fdio_read_file(const char *path, struct buf *out, struct errmsg *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return fdio_fail(path, errno, why);

    int err = fdio_read_all(fd, out);

    fdio_close(&fd);
    if (err == -EFBIG) {
        errmsg_set(why, "%s: is larger than %zu bytes", path, out->cap);
        return ERR_TOO_LARGE;
    }
    return err == 0 ? 0 : fdio_fail(path, -err, why);
}

int
fdio_check_not_for_all(const char *path, struct errmsg *why)
{
    struct stat st;

    if (stat(path, &st) != 0 || (st.st_mode & S_IWOTH) == 0 ||
        !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return 0;
    errmsg_set(why, "%s: has mode %04o, so everyone may write it: run chmod o-w %s", path,
               st.st_mode & 07777, path);
    return ERR_UNSAFE;
}

/* Appends through a scratch buffer, so that a file of exactly the cap's size still fits. */
static int
fdio_read_all(int fd, struct buf *out)
{
    char chunk[FDIO_READ_SIZE];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            buf_append(out, chunk, (size_t)n);
        if (out->overflow)
            return -EFBIG;
    }
}

int
fdio_replace_file(const char *path, struct slice contents, mode_t mode, struct errmsg *why)
{
    char fresh[FDIO_PATH_SIZE];

    if (snprintf(fresh, sizeof(fresh), "%s.tmp", path) >= (int)sizeof(fresh))
        return fdio_fail(path, ENAMETOOLONG, why);

    int err = fdio_write_fresh(fresh, contents, mode);

    if (err == 0 && rename(fresh, path) != 0)
        err = -errno;
    if (err != 0) {
        unlink(fresh);
        return fdio_fail(path, -err, why);
    }
    err = fdio_sync_parent(path);
    return err == 0 ? 0 : fdio_fail(path, -err, why);
}

static int
fdio_write_fresh(const char *path, struct slice contents, mode_t mode)
{
    /* What a crash has left goes first: O_EXCL never writes through a link or to a wider mode. */
    unlink(path);

    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0)
        return -errno;

    int err = fchmod(fd, mode) == 0 ? 0 : -errno;

    if (err == 0)
        err = fdio_write_all(fd, contents.ptr, contents.len);
    if (err == 0 && fsync(fd) != 0)
        err = -errno;
    fdio_close(&fd);
    return err;
}

/* A rename is durable only when its directory is. */
static int
fdio_sync_parent(const char *path)
{
    char parent[FDIO_PATH_SIZE];
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        snprintf(parent, sizeof(parent), ".");
    else
        snprintf(parent, sizeof(parent), "%.*s", (int)(slash == path ? 1 : slash - path), path);

    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;

    int err = fsync(fd) == 0 || errno == EINVAL ? 0 : -errno; /* not all file systems can */

    fdio_close(&fd);
    return err;
}

int
fdio_make_dirs(const char *path, mode_t mode, struct errmsg *why)
{
    char part[FDIO_PATH_SIZE];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part))
        return fdio_fail(path, len == 0 ? ENOENT : ENAMETOOLONG, why);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';

        int err = fdio_make_dir(part, mode);

        if (err != 0)
            return fdio_fail(part, -err, why);
    }
    return 0;
}

static int
fdio_make_dir(const char *path, mode_t mode)
{
    struct stat st;

    if (mkdir(path, mode) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    if (stat(path, &st) != 0)
        return -errno;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int
fdio_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ? -errno : 0;
}

void
fdio_leave_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
    if (null > STDERR_FILENO)
        fdio_close(&null);
    else /* one of them was closed: now it is this, and dup2() to itself leaves its flags */
        (void)fcntl(null, F_SETFD, 0);
}

void
fdio_close(int *fd)
{
    /* Never retried on EINTR: on Linux the descriptor is gone either way. errno stays the cause. */
    int saved_errno = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved_errno;
}

static int
fdio_fail(const char *path, int err, struct errmsg *why)
{
    assert(err > 0);

    errmsg_set(why, "%s: %s", path, strerror(err));
    return ERR_IO;
}
