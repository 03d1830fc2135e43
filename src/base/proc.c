/* SPDX-License-Identifier: ISC
 *
 * proc - see the header.
 */
#include "relayos/base/proc.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"

extern char **environ;

/* The bytes that ps(1) shows: argv's strings and, as they follow without a gap, environ's. */
static struct {
    char *start;
    size_t size;
    char *name;
} title;

/* Where they have gone: keys are among the variables, so it is kept out of core dumps. */
static struct {
    char *next;
    size_t left;
} moved;

static void title_make_room(char **first, char **second);
static void title_take_strings(char **strings);
static int proc_become(const struct passwd *user);
static ssize_t read_small(const char *path, char *out, size_t size);

void
proc_init_title(int argc, char **argv)
{
    if (argc < 1 || title.start != NULL)
        return;

    const char *slash = strrchr(argv[0], '/');

    title.name = mem_strdup(slash == NULL ? argv[0] : slash + 1);
    title.start = argv[0];
    title.size = 0;
    title_make_room(argv, environ);
    title_take_strings(argv);
    title_take_strings(environ);

    /* libc keeps pointers into argv[0] for its messages. */
    program_invocation_name = program_invocation_short_name = title.name;
}

static void
title_make_room(char **first, char **second)
{
    size_t size = 0;

    for (char **string = first; *string != NULL; string++)
        size += strlen(*string) + 1;
    for (char **string = second; *string != NULL; string++)
        size += strlen(*string) + 1;
    moved.next = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(moved.next != MAP_FAILED); /* out of memory aborts, as in mem.c */
    moved.left = size;
    madvise(moved.next, size, MADV_DONTDUMP);
}

/* Copies each string, so that argv and environ outlive the title that overwrites them. */
static void
title_take_strings(char **strings)
{
    for (; *strings != NULL; strings++) {
        char *old = *strings;

        if (old != title.start + title.size)
            continue; /* not part of the run: set by setenv() before us */

        size_t size = strlen(old) + 1;
        assert(size <= moved.left);
        *strings = memcpy(moved.next, old, size);
        moved.next += size;
        moved.left -= size;
        title.size += size;
    }
}

void
proc_set_title(const char *text)
{
    if (title.start == NULL)
        return;

    /* Zeroed whole: what is left of environ, API keys among it, must not show in /proc either. */
    memset(title.start, 0, title.size);
    snprintf(title.start, title.size, "%s: %s", title.name, text);
}

int
proc_n_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int n = 0;

    if (tasks == NULL)
        return -errno;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

int
proc_n_cpus(void)
{
    cpu_set_t cpus;

    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        return CPU_COUNT(&cpus);

    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than a cpu_set_t has bits */

    return n < 1 ? 1 : (int)n;
}

uint64_t
proc_start_time(pid_t pid)
{
    char path[64], stat[1024];
    unsigned long long start = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (read_small(path, stat, sizeof(stat)) <= 0)
        return 0;

    /* The name in field 2 may hold anything, spaces and brackets too: count from its last ')'. */
    const char *at = strrchr(stat, ')');

    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at != NULL && sscanf(at, "%llu", &start) == 1 ? start : 0;
}

void
proc_boot_id(uint8_t out[16])
{
    char id[64];
    struct uuid uuid = {{0}};
    ssize_t len = read_small("/proc/sys/kernel/random/boot_id", id, sizeof(id));

    if (len >= TEXT_UUID_SIZE && text_uuid_parse(slice_of(id, TEXT_UUID_SIZE), &uuid) != 0)
        uuid = (struct uuid){{0}};
    memcpy(out, uuid.bytes, 16);
}

int
proc_pidfd_open(pid_t pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0);

    return fd < 0 ? -errno : (int)fd;
}

int
proc_pidfd_signal(int pidfd, int signo)
{
    return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) == 0 ? 0 : -errno;
}

int
proc_drop_rights(const char *name, struct errmsg *why)
{
    if (name[0] == '\0')
        return 0;
    errno = 0;

    const struct passwd *user = getpwnam(name);

    if (user == NULL) {
        errmsg_set(why, "user %s: %s", name, errno == 0 ? "no such user" : strerror(errno));
        return ERR_IO;
    }
    if (user->pw_uid != geteuid() && geteuid() != 0) {
        errmsg_set(why, "user %s: only root can become another user; start as root or as %s", name,
                   name);
        return ERR_DENIED;
    }

    int err = proc_become(user);

    if (err != 0) {
        errmsg_set(why, "user %s: %s", name, strerror(-err));
        return ERR_IO;
    }
    return 0;
}

static int
proc_become(const struct passwd *user)
{
    if (geteuid() == 0 && initgroups(user->pw_name, user->pw_gid) != 0)
        return -errno;
    if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0)
        return -errno;
    if (setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
        return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -errno;

    /* If root can be had back, the kernel did not do what it said. */
    assert(user->pw_uid == 0 || setuid(0) != 0);
    return 0;
}

void
proc_no_dumps(void)
{
    const struct rlimit none = {0, 0};

    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &none);
}

void
proc_run_last(void)
{
    const struct sched_param none = {0};

    (void)sched_setscheduler(0, SCHED_IDLE, &none);
}

uint64_t
proc_raise_nofile(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        const struct rlimit raised = {limit.rlim_max, limit.rlim_max};

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return limit.rlim_cur;
}

/* A file of /proc as a C string; its length or -errno. */
static ssize_t
read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;

    ssize_t n = read(fd, out, size - 1);

    fdio_close(&fd);
    out[n < 0 ? 0 : n] = '\0';
    return n;
}
