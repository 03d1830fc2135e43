/* SPDX-License-Identifier: ISC
 *
 * landlock - see the header.
 *
 * libc has no wrappers, and the headers of a build machine know less than the kernel it will run
 * on: the bits are written out here, by the version of Landlock that brought them.
 */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "relayos/base/fdio.h"

#define VERSION_ONLY 1U
#define RULE_BENEATH 1

enum file_right {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_CHAR = 1 << 6,
    MAKE_DIR = 1 << 7,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    MAKE_FIFO = 1 << 10,
    MAKE_BLOCK = 1 << 11,
    MAKE_SYM = 1 << 12,
    REFER = 1 << 13,    /* 2 */
    TRUNCATE = 1 << 14, /* 3 */
    IOCTL_DEV = 1 << 15 /* 5 */
};
#define FILE_RIGHTS_1 (REFER - 1)
#define READ          (READ_FILE | READ_DIR)
#define LEAVE         (WRITE_FILE | MAKE_REG | TRUNCATE)
#define ADD           (READ | LEAVE)
#define OWN           (ADD | REMOVE_FILE | REFER)
/* What can be said of something that is no directory. */
#define OF_FILES (WRITE_FILE | READ_FILE | TRUNCATE)

/* Nobody needs EXECUTE, devices, sockets, links: they stay forbidden everywhere. */
static const uint64_t rights_of[] = {
    [SANDBOX_READS] = READ, [SANDBOX_ADDS] = ADD, [SANDBOX_OWNS] = OWN, [SANDBOX_LEAVES] = LEAVE};

enum tcp_right { BIND_TCP = 1 << 0, CONNECT_TCP = 1 << 1 };     /* 4 */
enum scope { ABSTRACT_SOCKETS = 1 << 0, SIGNALS_OUT = 1 << 1 }; /* 6 */

struct ruleset {
    uint64_t files, tcp, scopes;
};

struct beneath {
    uint64_t rights;
    int32_t fd;
} __attribute__((packed));

static struct ruleset handled_by(int abi, bool may_connect);
static int add_path(int ruleset_fd, const struct sandbox_path *path, uint64_t handled);

int
landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_ONLY);

    return abi < 0 ? -errno : (int)abi;
}

int
landlock_enter(const struct sandbox_path *paths, size_t n, bool may_connect)
{
    int abi = landlock_abi();

    if (abi < 1)
        return abi < 0 ? abi : -ENOSYS;
    struct ruleset ruleset = handled_by(abi, may_connect);
    /* A kernel takes no more of the struct than it knows. */
    size_t size = abi < 4   ? sizeof(ruleset.files)
                  : abi < 6 ? offsetof(struct ruleset, scopes)
                            : sizeof(ruleset);
    int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
    if (fd < 0)
        return -errno;

    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_path(fd, &paths[i], ruleset.files);
    if (rc == 0 && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        rc = -errno;
    fdio_close(&fd);
    return rc;
}

static struct ruleset
handled_by(int abi, bool may_connect)
{
    struct ruleset ruleset = {.files = FILE_RIGHTS_1};

    if (abi >= 2)
        ruleset.files |= REFER;
    if (abi >= 3)
        ruleset.files |= TRUNCATE;
    if (abi >= 4)
        ruleset.tcp = may_connect ? BIND_TCP : BIND_TCP | CONNECT_TCP;
    if (abi >= 5)
        ruleset.files |= IOCTL_DEV;
    if (abi >= 6)
        ruleset.scopes = ABSTRACT_SOCKETS | SIGNALS_OUT;
    return ruleset;
}

/* What is not there, or not ours to see, needs no right. */
static int
add_path(int ruleset_fd, const struct sandbox_path *path, uint64_t handled)
{
    int fd = open(path->path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return 0;
    uint64_t rights = rights_of[path->access];
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rights &= OF_FILES;
    struct beneath rule = {.rights = rights & handled, .fd = fd};
    int rc = syscall(SYS_landlock_add_rule, ruleset_fd, RULE_BENEATH, &rule, 0) == 0 ? 0 : -errno;
    fdio_close(&fd);
    return rc;
}
