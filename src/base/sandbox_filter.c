/* SPDX-License-Identifier: ISC
 *
 * sandbox_filter - a search tree over the numbers of system calls.
 *
 * Rows are laid out over the number line, each a point with an action of its own and all between
 * them "unknown"; neighbours with one action become one span. The program halves the spans until
 * one is left: some seven comparisons of the 150. On kernels from 5.11 on the hot path does not run
 * it at all: what is allowed whatever its arguments is in a bitmap that the kernel makes of it.
 */
#include "sandbox_filter.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#else
#define MACHINE 0
#endif

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* glibc names its mappings */
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define CLONE_NAMESPACES                                                                           \
    (CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
     CLONE_NEWPID | CLONE_NEWNET)

enum { WORKER = 1, LEDGER = 2, PROBER = 4, CONSOLE = 8 };
enum { NET = WORKER | PROBER | CONSOLE, DISK = LEDGER | PROBER | CONSOLE, ALL = NET | DISK };
enum rule { RULE_SOCKET, RULE_IOCTL, RULE_THREAD, RULE_PRCTL, RULE_SELF };

static const struct sandbox_call rows[] = {
#define ALLOW(name, roles)       {#name, SYS_##name, SANDBOX_ALLOW, roles, 0},
#define CHECK(name, roles, rule) {#name, SYS_##name, SANDBOX_CHECK, roles, RULE_##rule},
#define REFUSE(name, error)      {#name, SYS_##name, SANDBOX_REFUSE, ALL, error},
#define NEVER(name)              {#name, SYS_##name, SANDBOX_NEVER, ALL, 0},
#include "syscalls.def"
#undef ALLOW
#undef CHECK
#undef REFUSE
#undef NEVER
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* From first up to the next span's. */
struct span {
    uint32_t first;
    uint32_t action; /* SECCOMP_RET_*, or IS_RULED and which */
};
#define IS_RULED  0x0000ffffU /* no SECCOMP_RET_* has it set whole: errnos end at 4095 */
#define MAX_SPANS (2 * N_ROWS + 1)
#define ARG(n)    ((uint32_t)offsetof(struct seccomp_data, args[n]))

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ARG() is the lower half of an argument");

struct program {
    struct sock_filter *out;
    size_t n;
    uint32_t unknown, never; /* actions */
};

static size_t lay_out(const struct program *program, enum sandbox_role role,
                      struct span spans[MAX_SPANS]);
static int by_number(const void *a, const void *b);
static uint32_t action_of(const struct program *program, const struct sandbox_call *row,
                          enum sandbox_role role);
static void add_span(struct span *spans, size_t *n, uint32_t first, uint32_t action);
static void emit_search(struct program *program, const struct span *spans, size_t n);
static void emit_action(struct program *program, uint32_t action);
static void emit_rule(struct program *program, enum rule rule);
static void emit_values(struct program *program, const uint32_t *values, size_t n);
static void emit(struct program *program, struct sock_filter instruction);
static void emit_return(struct program *program, uint32_t action);

const struct sandbox_call *
sandbox_filter_row(size_t n)
{
    return n < N_ROWS ? &rows[n] : NULL;
}

bool
sandbox_filter_is_known_machine(void)
{
    return MACHINE != 0;
}

size_t
sandbox_filter_build(enum sandbox_role role, bool only_log,
                     struct sock_filter out[SANDBOX_FILTER_MAX])
{
    /* What we forgot, or a new libc wants, says its number as it ends (sandbox.c); what nobody does
     * by mistake is not asked. */
    struct program program = {
        .out = out,
        .unknown = only_log ? SECCOMP_RET_LOG : SECCOMP_RET_TRAP,
        .never = only_log ? SECCOMP_RET_LOG : SECCOMP_RET_KILL_PROCESS,
    };
    struct span spans[MAX_SPANS];
    size_t n_spans = lay_out(&program, role, spans);

    emit(&program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                offsetof(struct seccomp_data, arch)));
    emit(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0));
    emit_return(&program, program.never);
    emit(&program,
         (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    emit_search(&program, spans, n_spans);
    return program.n;
}

/* ---- rows -> spans ---- */

static size_t
lay_out(const struct program *program, enum sandbox_role role, struct span spans[MAX_SPANS])
{
    const struct sandbox_call *sorted[N_ROWS];
    size_t n = 0;

    for (size_t i = 0; i < N_ROWS; i++)
        sorted[i] = &rows[i];
    qsort(sorted, N_ROWS, sizeof(sorted[0]), by_number);
    add_span(spans, &n, 0, program->unknown);
    for (size_t i = 0; i < N_ROWS; i++) {
        uint32_t number = (uint32_t)sorted[i]->number;

        assert(i == 0 || sorted[i - 1]->number != sorted[i]->number); /* one row each */
        add_span(spans, &n, number, action_of(program, sorted[i], role));
        add_span(spans, &n, number + 1, program->unknown);
    }
    return n;
}

static int
by_number(const void *a, const void *b)
{
    const struct sandbox_call *const *left = a, *const *right = b;

    return (*left)->number - (*right)->number;
}

static uint32_t
action_of(const struct program *program, const struct sandbox_call *row, enum sandbox_role role)
{
    if ((row->roles & 1U << role) == 0)
        return program->unknown;
    switch (row->kind) {
    case SANDBOX_ALLOW:
        return SECCOMP_RET_ALLOW;
    case SANDBOX_CHECK:
        return (uint32_t)row->detail << 16 | IS_RULED;
    case SANDBOX_REFUSE:
        return SECCOMP_RET_ERRNO | row->detail;
    case SANDBOX_NEVER:
        break;
    }
    return program->never;
}

/* A later one on the same number takes the place of the one before; one that goes on as before is
 * none. */
static void
add_span(struct span *spans, size_t *n, uint32_t first, uint32_t action)
{
    if (*n > 0 && spans[*n - 1].first == first)
        --*n;
    if (*n > 0 && spans[*n - 1].action == action)
        return;
    assert(*n < MAX_SPANS);
    spans[(*n)++] = (struct span){first, action};
}

/* ---- spans -> program ---- */

/* The depth is the logarithm of the number of rows. */
static void
emit_search(struct program *program, const struct span *spans, size_t n)
{
    size_t half = n / 2;

    assert(n > 0);
    if (n == 1) {
        emit_action(program, spans[0].action);
        return;
    }
    /* A conditional jump reaches 255 instructions; the one after it any number. */
    emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, spans[half].first, 0, 1));
    size_t far = program->n;
    emit(program, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
    emit_search(program, spans, half);
    size_t distance = program->n - far - 1;

    program->out[far].k = (uint32_t)distance;
    if (distance <= 254) { /* it is reached without the second: which stays, and is not run */
        program->out[far - 1].jt = (uint8_t)(distance + 1);
    }
    emit_search(program, spans + half, n - half);
}

static void
emit_action(struct program *program, uint32_t action)
{
    if ((action & IS_RULED) == IS_RULED)
        emit_rule(program, (enum rule)(action >> 16));
    else
        emit_return(program, action);
}

static void
emit_rule(struct program *program, enum rule rule)
{
    static const uint32_t ioctls[] = {FIONREAD, FIONBIO, SIOCOUTQ, TCGETS, TIOCGWINSZ};
    static const uint32_t prctls[] = {PR_SET_NAME,    PR_GET_NAME,     PR_GET_DUMPABLE, PR_SET_VMA,
                                      PR_GET_SECCOMP, PR_CAPBSET_READ, PR_SET_DUMPABLE};
    const uint32_t own[] = {0, (uint32_t)getpid()}; /* who makes the filter enters it */
    static const uint32_t families[] = {AF_UNIX, AF_INET, AF_INET6};

    switch (rule) {
    case RULE_SOCKET: /* and netlink for getaddrinfo(), which asks which addresses we have */
        emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(0)));
        emit_values(program, families, sizeof(families) / sizeof(families[0]));
        emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3));
        emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(2)));
        emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1));
        emit_return(program, SECCOMP_RET_ALLOW);
        emit_return(program, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
        break;
    case RULE_IOCTL:
        emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(1)));
        emit_values(program, ioctls, sizeof(ioctls) / sizeof(ioctls[0]));
        emit_return(program, SECCOMP_RET_ERRNO | ENOTTY);
        break;
    case RULE_THREAD: /* and no process */
        emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(0)));
        emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
                                                   (uint32_t)CLONE_NAMESPACES, 2, 0));
        emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1));
        emit_return(program, SECCOMP_RET_ALLOW);
        emit_return(program, program->never);
        break;
    case RULE_SELF: /* as the process that is meant, its first argument */
        emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(0)));
        emit_values(program, own, sizeof(own) / sizeof(own[0]));
        emit_return(program, SECCOMP_RET_ERRNO | EPERM);
        break;
    case RULE_PRCTL: /* dumpable: off again, a lesser evil than to look for its argument */
        emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(0)));
        emit_values(program, prctls, sizeof(prctls) / sizeof(prctls[0]) - 1);
        emit(program,
             (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_DUMPABLE, 0, 3));
        emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(1)));
        emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1));
        emit_return(program, SECCOMP_RET_ALLOW);
        emit_return(program, SECCOMP_RET_ERRNO | EPERM);
        break;
    }
}

/* Allowed if what is loaded is one of these; else on with the next instruction. */
static void
emit_values(struct program *program, const uint32_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, values[i], 0, 1));
        emit_return(program, SECCOMP_RET_ALLOW);
    }
}

static void
emit_return(struct program *program, uint32_t action)
{
    emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void
emit(struct program *program, struct sock_filter instruction)
{
    assert(program->n < SANDBOX_FILTER_MAX);
    program->out[program->n++] = instruction;
}
