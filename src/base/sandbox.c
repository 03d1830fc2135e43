/* SPDX-License-Identifier: ISC
 *
 * sandbox - see the header.
 */
#include "relayos/base/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "landlock.h"
#include "sandbox_filter.h"

/* Those that find memory by their own system calls, and builds that are killed from within. */
#if defined(__SANITIZE_ADDRESS__) || defined(RELAYOS_CRASH_POINTS)
#define IS_TEST_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_TEST_BUILD 1
#endif
#endif
#ifndef IS_TEST_BUILD
#define IS_TEST_BUILD 0
#endif

#define BY_SECCOMP 1 /* si_code; libc has no name for it */

/* Of sandbox_wish.note. A signal handler has no other way to know. */
static _Atomic int32_t *note;

static int drop_capabilities(void);
static int enter_files(const struct sandbox_wish *wish);
static int enter_calls(const struct sandbox_wish *wish);
static void on_forbidden(int signo, siginfo_t *info, void *context);
static void tell(char *text, size_t size, const char *what, const char *reason);

enum sandbox_mode
sandbox_mode_parse(const char *name)
{
    static const char *const names[] = {"off", "log", "enforce", "require"};
    int mode = SANDBOX_OFF;

    while (strcmp(names[mode], name) != 0) {
        mode++;
        assert(mode <= SANDBOX_REQUIRE); /* the directive takes no other */
    }
    return (enum sandbox_mode)mode;
}

void
sandbox_probe(struct sandbox_means *out)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    int abi = landlock_abi();

    *out = (struct sandbox_means){.landlock_abi = abi < 0 ? 0 : abi};
    if (IS_TEST_BUILD) {
        out->landlock_abi = 0;
        tell(out->missing, sizeof(out->missing), "seccomp and Landlock", "a build for tests");
        return;
    }
    if (abi < 1)
        tell(out->missing, sizeof(out->missing), "Landlock", strerror(abi < 0 ? -abi : ENOSYS));
    if (!sandbox_filter_is_known_machine())
        tell(out->missing, sizeof(out->missing), "seccomp", "no table for this machine");
    else if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0)
        tell(out->missing, sizeof(out->missing), "seccomp", strerror(errno));
    else
        out->has_seccomp = true;
}

/* Of them all: become another user, make sockets and directories his, end children, put the ledger
 * before the rest, have enough descriptors, listen on 443. */
void
sandbox_trim(void)
{
    static const uint8_t kept[] = {
        CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_KILL,     CAP_SETUID,
        CAP_SETGID, CAP_SETPCAP,      CAP_NET_BIND_SERVICE, CAP_SYS_NICE, CAP_SYS_RESOURCE};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[2] = {{0}};
    uint64_t mask = 0;

    for (size_t n = 0; n < sizeof(kept); n++)
        mask |= UINT64_C(1) << kept[n];
    for (unsigned long cap = 0; cap < 64; cap++) {
        if ((mask >> cap & 1) == 0)
            (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    }
    if (syscall(SYS_capget, &header, now) != 0)
        return;
    if (geteuid() == 0 || (now[0].permitted == 0 && now[1].permitted == 0))
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (int n = 0; n < 2; n++) {
        now[n].permitted &= (uint32_t)(mask >> 32 * n);
        now[n].effective &= (uint32_t)(mask >> 32 * n);
        now[n].inheritable &= (uint32_t)(mask >> 32 * n);
    }
    (void)syscall(SYS_capset, &header, now);
}

void
sandbox_bound(void)
{
    for (unsigned long cap = 0; cap < 64; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return; /* the last one was the one before, or it is not for us to say */
    }
}

int
sandbox_enter(const struct sandbox_wish *wish, struct errmsg *why)
{
    char missing[192] = "";
    int rc;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        tell(missing, sizeof(missing), "no_new_privs", strerror(errno));
    if ((rc = drop_capabilities()) != 0)
        tell(missing, sizeof(missing), "capabilities", strerror(-rc));
    if (wish->mode >= SANDBOX_ENFORCE && !IS_TEST_BUILD && (rc = enter_files(wish)) != 0)
        tell(missing, sizeof(missing), "Landlock", strerror(-rc));
    if (wish->mode >= SANDBOX_LOG && !IS_TEST_BUILD && (rc = enter_calls(wish)) != 0)
        tell(missing, sizeof(missing), "seccomp", strerror(-rc));
    if (missing[0] == '\0')
        return 0;
    errmsg_set(why, "%s", missing);
    return ERR_IO;
}

static int
drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}}, now[2] = {{0}};

    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) == 0)
        return 0;
    int rc = -errno;
    /* Who holds us may forbid the call, and have left us nothing to drop. */
    if (syscall(SYS_capget, &header, now) == 0 && now[0].permitted == 0 && now[1].permitted == 0)
        return 0;
    return rc;
}

static int
enter_files(const struct sandbox_wish *wish)
{
    return landlock_enter(wish->paths, wish->n_paths, wish->role != SANDBOX_LEDGER);
}

/* SPEC_ALLOW: what the kernel would otherwise do against speculation costs all of our own code, and
 * we run nobody else's. TSYNC: threads there should not be are in it, too. */
static int
enter_calls(const struct sandbox_wish *wish)
{
    struct sock_filter filter[SANDBOX_FILTER_MAX];
    struct sigaction action = {.sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO | SA_RESETHAND};
    size_t n = sandbox_filter_build(wish->role, wish->mode == SANDBOX_LOG, filter);
    struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    unsigned flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;

    if (!sandbox_filter_is_known_machine())
        return -ENOSYS;
    note = wish->note;
    sigaction(SIGSYS, &action, NULL);
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0 ? 0 : -errno;
}

/* The call has not been made and never will be: say which it was, and end of the signal. */
static void
on_forbidden(int signo, siginfo_t *info, void *context)
{
    (void)context;
    if (note != NULL && info->si_code == BY_SECCOMP) /* and not somebody's kill() */
        atomic_store_explicit(note, info->si_syscall, memory_order_relaxed);
    (void)raise(signo); /* the disposition is the default again; it strikes as we return */
}

const char *
sandbox_call_name(int32_t number)
{
    const struct sandbox_call *row;

    for (size_t n = 0; (row = sandbox_filter_row(n)) != NULL; n++) {
        if (row->number == number)
            return row->name;
    }
    return "";
}

static void
tell(char *text, size_t size, const char *what, const char *reason)
{
    size_t len = strlen(text);

    snprintf(text + len, size - len, "%s%s (%s)", len == 0 ? "" : ", ", what, reason);
}
