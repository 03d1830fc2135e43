/* SPDX-License-Identifier: ISC
 *
 * secret - see the header.
 */
#include "relayos/base/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relayos/base/fdio.h"

#define SECRET_MAP_SIZE (SECRET_MAX_SIZE + 4096)

struct secret {
    size_t len;
    char bytes[];
};

static uint64_t blind(uint64_t n);
static int secret_check_file(int fd, const char *path, struct errmsg *why);
static int secret_read_fd(int fd, const char *path, struct secret **out, struct errmsg *why);
static int secret_make_file(const char *path, size_t n, struct errmsg *why);
static void fill_random(uint8_t *bytes, size_t n);

struct secret *
secret_new(const void *bytes, size_t len)
{
    assert(len <= SECRET_MAX_SIZE);

    struct secret *secret =
        mmap(NULL, SECRET_MAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert(secret != MAP_FAILED); /* out of memory aborts, as in mem.c */
    madvise(secret, SECRET_MAP_SIZE, MADV_DONTDUMP);
    secret->len = len;
    if (len > 0)
        memcpy(secret->bytes, bytes, len);
    return secret;
}

void
secret_free(struct secret **secret)
{
    if (*secret == NULL)
        return;
    secret_wipe(*secret, sizeof(**secret) + (*secret)->len);
    munmap(*secret, SECRET_MAP_SIZE);
    *secret = NULL;
}

struct slice
secret_expose(const struct secret *secret)
{
    return slice_of(secret->bytes, secret->len);
}

bool
secret_equal(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;
    uint64_t difference = 0;

    for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t)) {
        uint64_t u, v;

        memcpy(&u, x, sizeof(u));
        memcpy(&v, y, sizeof(v));
        difference = blind(difference | (u ^ v));
        x += sizeof(u);
        y += sizeof(v);
    }
    for (; len > 0; len--)
        difference = blind(difference | (uint64_t)(*x++ ^ *y++));
    return difference == 0;
}

/* The compiler must not see what it is, or it might stop at the first difference. */
static inline uint64_t
blind(uint64_t n)
{
    __asm__ volatile("" : "+r"(n));
    return n;
}

void
secret_wipe(void *bytes, size_t len)
{
    if (len > 0) /* of nothing there may be no address */
        explicit_bzero(bytes, len);
}

int
secret_read_file(const char *path, struct secret **out, struct errmsg *why)
{
    /* Not to block on a FIFO somebody left there; what it is, is checked on the open descriptor. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }

    int err = secret_check_file(fd, path, why);

    if (err == 0)
        err = secret_read_fd(fd, path, out, why);
    fdio_close(&fd);
    return err;
}

static int
secret_check_file(int fd, const char *path, struct errmsg *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        errmsg_set(why, "%s: a secret must be a regular file", path);
        return ERR_UNSAFE;
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        errmsg_set(why, "%s: belongs to uid %u, must belong to us (uid %u) or root: chown it", path,
                   st.st_uid, geteuid());
        return ERR_UNSAFE;
    }
    if ((st.st_mode & 077) != 0) {
        errmsg_set(why, "%s: has mode %04o, so others may read the secret: run chmod 600 %s", path,
                   st.st_mode & 07777, path);
        return ERR_UNSAFE;
    }
    if (st.st_size == 0 || st.st_size > SECRET_MAX_SIZE) {
        errmsg_set(why, "%s: holds %lld bytes, a secret has 1 to %d", path, (long long)st.st_size,
                   SECRET_MAX_SIZE);
        return ERR_UNSAFE;
    }
    return 0;
}

static int
secret_read_fd(int fd, const char *path, struct secret **out, struct errmsg *why)
{
    char bytes[SECRET_MAX_SIZE];
    size_t len = 0;
    ssize_t n;

    do {
        n = read(fd, bytes + len, sizeof(bytes) - len);
        if (n > 0)
            len += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        secret_wipe(bytes, sizeof(bytes));
        return ERR_IO;
    }
    if (len > 0 && bytes[len - 1] == '\n')
        len--;
    if (len > 0 && bytes[len - 1] == '\r')
        len--;
    if (len > 0)
        *out = secret_new(bytes, len);
    else
        errmsg_set(why, "%s: holds no secret, only a line end", path);
    secret_wipe(bytes, sizeof(bytes));
    return len > 0 ? 0 : ERR_UNSAFE;
}

int
secret_ensure_file(const char *path, size_t n, struct secret **out, struct errmsg *why)
{
    assert(n > 0 && n <= SECRET_MAX_SIZE);

    if (access(path, F_OK) != 0 && errno == ENOENT) {
        int err = secret_make_file(path, n, why);

        if (err != 0)
            return err;
    }
    return secret_read_file(path, out, why);
}

/* By link(2), not rename(2): of two processes that start at once, both then read the same file. */
static int
secret_make_file(const char *path, size_t n, struct errmsg *why)
{
    uint8_t bytes[SECRET_MAX_SIZE];
    char fresh[4096];
    int err;

    if (snprintf(fresh, sizeof(fresh), "%s.%d", path, (int)getpid()) >= (int)sizeof(fresh)) {
        errmsg_set(why, "%s: the path is too long", path);
        return ERR_IO;
    }
    fill_random(bytes, n);
    err = fdio_replace_file(fresh, slice_of(bytes, n), 0600, why);
    secret_wipe(bytes, sizeof(bytes));
    if (err != 0)
        return err;
    if (link(fresh, path) != 0 && errno != EEXIST) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        err = ERR_IO;
    }
    unlink(fresh);
    return err;
}

/* The last byte must not read as a line end, which secret_read_file() would drop. */
static void
fill_random(uint8_t *bytes, size_t n)
{
    do {
        for (size_t len = 0; len < n;) {
            ssize_t got = getrandom(bytes + len, n - len, 0);

            assert(got > 0 || errno == EINTR);
            if (got > 0)
                len += (size_t)got;
        }
    } while (bytes[n - 1] == '\n' || bytes[n - 1] == '\r');
}
