/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "landlock.h"
#include "relayos/base/sandbox.h"
#include "sandbox_filter.h"

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#else
#define MACHINE AUDIT_ARCH_AARCH64
#endif

enum child_exit { REFUSED = 10, DONE = 11, NOT_CONFINED = 12 };

/* What the kernel would do with a program, as far as ours go. */
static uint32_t
decide(const struct sock_filter *program, const struct seccomp_data *data)
{
    uint32_t loaded = 0;

    for (size_t at = 0;; at++) {
        const struct sock_filter *is = &program[at];

        switch (is->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&loaded, (const char *)data + is->k, sizeof(loaded));
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += loaded == is->k ? is->jt : is->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += loaded >= is->k ? is->jt : is->jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            at += (loaded & is->k) != 0 ? is->jt : is->jf;
            break;
        case BPF_JMP | BPF_JA:
            at += is->k;
            break;
        case BPF_RET | BPF_K:
            return is->k;
        default:
            return 1; /* nothing of ours */
        }
    }
}

static uint32_t
decide_call(const struct sock_filter *program, int number, uint64_t a, uint64_t b, uint64_t c)
{
    struct seccomp_data data = {.nr = number, .arch = MACHINE, .args = {a, b, c}};

    return decide(program, &data);
}

static const struct sandbox_call *
row_of(int number)
{
    const struct sandbox_call *row;

    for (size_t n = 0; (row = sandbox_filter_row(n)) != NULL && row->number != number;)
        n++;
    return row;
}

Test(sandbox, a_program_says_of_each_number_what_its_row_says)
{
    static struct sock_filter program[SANDBOX_FILTER_MAX];

    for (int role = 0; role < SANDBOX_N_ROLES; role++) {
        cr_assert_leq(sandbox_filter_build(role, false, program), 1000);
        for (int number = -2; number < 1100; number++) {
            const struct sandbox_call *row = row_of(number);
            uint32_t action = decide_call(program, number, UINT64_MAX, UINT64_MAX, 0);

            if (row == NULL || (row->roles & 1 << role) == 0)
                cr_expect_eq(action, SECCOMP_RET_TRAP, "role %d, %d", role, number);
            else if (row->kind == SANDBOX_ALLOW)
                cr_expect_eq(action, SECCOMP_RET_ALLOW, "role %d, %s", role, row->name);
            else if (row->kind == SANDBOX_REFUSE)
                cr_expect_eq(action, SECCOMP_RET_ERRNO | row->detail, "role %d, %s", role,
                             row->name);
            else if (row->kind == SANDBOX_NEVER)
                cr_expect_eq(action, SECCOMP_RET_KILL_PROCESS, "role %d, %s", role, row->name);
            else
                cr_expect_neq(action, SECCOMP_RET_ALLOW, "role %d, %s of -1", role, row->name);
        }
    }
}

Test(sandbox, arguments_that_are_looked_at_are_told_apart)
{
    static struct sock_filter program[SANDBOX_FILTER_MAX];
    const uint32_t allowed = SECCOMP_RET_ALLOW;

    (void)sandbox_filter_build(SANDBOX_WORKER, false, program);
    cr_expect_eq(decide_call(program, SYS_socket, AF_INET, SOCK_STREAM, 0), allowed);
    cr_expect_eq(decide_call(program, SYS_socket, AF_INET6, SOCK_STREAM, 0), allowed);
    cr_expect_eq(decide_call(program, SYS_socket, AF_UNIX, SOCK_STREAM, 0), allowed);
    cr_expect_eq(decide_call(program, SYS_socket, AF_NETLINK, SOCK_RAW, 0), allowed);
    cr_expect_neq(decide_call(program, SYS_socket, AF_NETLINK, SOCK_RAW, 12), allowed);
    cr_expect_neq(decide_call(program, SYS_socket, AF_PACKET, SOCK_RAW, 0), allowed);
    cr_expect_eq(decide_call(program, SYS_clone, 0x3d0f00, 0, 0), allowed); /* glibc's threads */
    cr_expect_eq(decide_call(program, SYS_clone, SIGCHLD, 0, 0), SECCOMP_RET_KILL_PROCESS);
    cr_expect_eq(decide_call(program, SYS_clone, 0x10000000 | 0x10000, 0, 0),
                 SECCOMP_RET_KILL_PROCESS);
    cr_expect_eq(decide_call(program, SYS_prctl, PR_SET_NAME, 0, 0), allowed);
    cr_expect_eq(decide_call(program, SYS_prctl, PR_SET_DUMPABLE, 0, 0), allowed);
    cr_expect_neq(decide_call(program, SYS_prctl, PR_SET_DUMPABLE, 1, 0), allowed);
    cr_expect_neq(decide_call(program, SYS_ioctl, 0, 0x5412, 0), allowed); /* TIOCSTI */
    for (int i = 0; i < 2; i++) { /* of whoever made the filter */
        int number = i == 0 ? SYS_tgkill : SYS_prlimit64;

        cr_expect_eq(decide_call(program, number, (uint64_t)getpid(), SIGABRT, 0), allowed);
        cr_expect_eq(decide_call(program, number, (uint64_t)getppid(), SIGABRT, 0),
                     SECCOMP_RET_ERRNO | EPERM);
        cr_expect_eq(decide_call(program, number, 1, 0, 0), SECCOMP_RET_ERRNO | EPERM);
    }

    struct seccomp_data other = {.nr = SYS_read, .arch = AUDIT_ARCH_I386};
    cr_expect_eq(decide(program, &other), SECCOMP_RET_KILL_PROCESS);
    cr_expect_eq(decide_call(program, SYS_read | 0x40000000, 0, 0, 0), SECCOMP_RET_TRAP, "x32");
}

Test(sandbox, a_program_that_only_logs_ends_nothing)
{
    static struct sock_filter program[SANDBOX_FILTER_MAX];

    (void)sandbox_filter_build(SANDBOX_LEDGER, true, program);
    cr_expect_eq(decide_call(program, SYS_execve, 0, 0, 0), SECCOMP_RET_LOG);
    cr_expect_eq(decide_call(program, SYS_socket, AF_INET, 0, 0), SECCOMP_RET_LOG);
    cr_expect_eq(decide_call(program, SYS_read, 0, 0, 0), SECCOMP_RET_ALLOW);
}

/* ---- with the kernel ---- */

static bool
is_there(void)
{
    struct sandbox_means means;

    sandbox_probe(&means);
    return means.has_seccomp;
}

/* A child in that role's sandbox asks for it; its wait status. */
static int
status_of(struct sandbox_wish *wish, long number, const long args[5])
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (sandbox_enter(wish, NULL) != 0)
            _exit(NOT_CONFINED);
        long result = syscall(number, args[0], args[1], args[2], args[3], args[4]);
        _exit(result < 0 ? REFUSED : DONE);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

Test(sandbox, what_nobody_may_ends_a_process_of_any_role)
{
    static const long nonsense[5] = {-1, -1, -1, -1, -1};
    const struct sandbox_call *row;

    if (!is_there())
        cr_skip_test("no seccomp here");
    for (int role = 0; role < SANDBOX_N_ROLES; role++) {
        struct sandbox_wish wish = {.role = role, .mode = SANDBOX_ENFORCE};

        for (size_t n = 0; (row = sandbox_filter_row(n)) != NULL; n++) {
            if (row->kind != SANDBOX_NEVER)
                continue;
            int status = status_of(&wish, row->number, nonsense);
            cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "role %d, %s: %#x", role,
                      row->name, status);
        }
    }
}

Test(sandbox, a_process_of_any_role_reaches_no_other_not_even_its_parent)
{
    if (!is_there())
        cr_skip_test("no seccomp here");
    for (int role = 0; role < SANDBOX_N_ROLES; role++) {
        struct sandbox_wish wish = {.role = role, .mode = SANDBOX_ENFORCE};
        int status;
        pid_t parent = getpid(), pid = fork();

        if (pid == 0) {
            if (sandbox_enter(&wish, NULL) != 0)
                _exit(NOT_CONFINED);
            /* A signal that is none, and limits that are only asked for: nothing but the right. */
            bool has_own = syscall(SYS_tgkill, getpid(), gettid(), 0) == 0 &&
                           syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, NULL) == 0 &&
                           syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, NULL, NULL) == 0;
            bool has_others =
                (syscall(SYS_tgkill, parent, parent, 0) == 0 || errno != EPERM) ||
                (syscall(SYS_prlimit64, parent, RLIMIT_NOFILE, NULL, NULL) == 0 || errno != EPERM);
            _exit(has_own && !has_others ? DONE : REFUSED);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == DONE, "role %d: %#x", role, status);
    }
}

Test(sandbox, what_is_not_in_the_table_ends_it_too_and_leaves_its_number)
{
    static const long stream[5] = {AF_INET, SOCK_STREAM, 0, 0, 0};
    _Atomic int32_t *note =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct sandbox_wish wish = {.role = SANDBOX_LEDGER, .mode = SANDBOX_ENFORCE, .note = note};

    if (!is_there())
        cr_skip_test("no seccomp here");
    *note = SANDBOX_NO_CALL;
    int status = status_of(&wish, SYS_socket, stream);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%#x", status);
    cr_expect_eq(*note, SYS_socket);
    cr_expect_str_eq(sandbox_call_name(*note), "socket");
    wish.role = SANDBOX_WORKER;
    cr_expect_eq(WEXITSTATUS(status_of(&wish, SYS_socket, stream)), DONE, "a worker has sockets");
    (void)munmap((void *)note, 4096);
}

Test(sandbox, files_are_those_of_the_list_with_the_rights_of_the_list)
{
    static const struct sandbox_path paths[] = {{"/usr", SANDBOX_READS},
                                                {"/no/such/place", SANDBOX_OWNS},
                                                {"/dev/null", SANDBOX_ADDS},
                                                {"/dev/full", SANDBOX_LEAVES}};
    struct sandbox_wish wish = {
        .role = SANDBOX_LEDGER, .mode = SANDBOX_ENFORCE, .paths = paths, .n_paths = 4};
    const struct {
        const char *path;
        int flags, expected;
    } tries[] = {
        {"/usr/bin/env", O_RDONLY, DONE},       {"/usr", O_RDONLY | O_DIRECTORY, DONE},
        {"/usr/bin/env", O_RDWR, REFUSED},      {"/etc/passwd", O_RDONLY, REFUSED},
        {"/dev/null", O_WRONLY, DONE},          {"/tmp/sandbox-test", O_CREAT | O_WRONLY, REFUSED},
        {"/proc/1/environ", O_RDONLY, REFUSED}, {"/dev/full", O_WRONLY, DONE},
        {"/dev/full", O_RDONLY, REFUSED},
    };

    if (!is_there() || landlock_abi() < 1)
        cr_skip_test("no Landlock here");
    for (size_t n = 0; n < sizeof(tries) / sizeof(tries[0]); n++) {
        const long args[5] = {AT_FDCWD, (long)tries[n].path, tries[n].flags, 0600, 0};
        int status = status_of(&wish, SYS_openat, args);

        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == tries[n].expected, "%s %#x: %#x",
                  tries[n].path, tries[n].flags, status);
    }
}

Test(sandbox, who_is_in_it_can_gain_nothing_and_has_nothing)
{
    struct sandbox_wish wish = {.role = SANDBOX_WORKER, .mode = SANDBOX_OFF};
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        char text[4096] = "";
        if (sandbox_enter(&wish, NULL) != 0)
            _exit(NOT_CONFINED);
        int fd = open("/proc/self/status", O_RDONLY);
        _exit(read(fd, text, sizeof(text) - 1) > 0 && strstr(text, "NoNewPrivs:\t1") != NULL &&
                      strstr(text, "CapEff:\t0000000000000000") != NULL &&
                      strstr(text, "CapPrm:\t0000000000000000") != NULL
                  ? DONE
                  : REFUSED);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(WEXITSTATUS(status), DONE);
}
