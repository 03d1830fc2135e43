/* SPDX-License-Identifier: ISC
 *
 * sandbox - what a process of ours may still do: no new privileges, no capabilities, the system
 * calls of its role (seccomp), the files of its role (Landlock).
 *
 * Process: a child, once, after its rights are dropped and before it has a thread or has read a
 *          byte from outside; there is no way back. sandbox_probe() changes nothing: any process.
 * Failure: what the kernel or a container refuses is told, not fatal; the caller decides.
 */
#ifndef RELAYOS_BASE_SANDBOX_H
#define RELAYOS_BASE_SANDBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

enum sandbox_role { SANDBOX_WORKER, SANDBOX_LEDGER, SANDBOX_PROBER, SANDBOX_CONSOLE };
#define SANDBOX_N_ROLES 4

enum sandbox_mode {
    SANDBOX_OFF,     /* neither seccomp nor Landlock */
    SANDBOX_LOG,     /* seccomp tells the kernel's log of what it would end a process for */
    SANDBOX_ENFORCE, /* both, as far as there are */
    SANDBOX_REQUIRE, /* both, or no start */
};
/* "off", "log", "enforce", "require"; anything else is a bug of ours. */
enum sandbox_mode sandbox_mode_parse(const char *name);

/* What this kernel, and what holds us, has to offer. */
struct sandbox_means {
    bool has_seccomp;  /* for this machine, in this build (not under AddressSanitizer) */
    int landlock_abi;  /* 0 = none */
    char missing[192]; /* what is missing and why, for people; "" = nothing */
};
void sandbox_probe(struct sandbox_means *out);

enum sandbox_access {
    SANDBOX_READS,
    SANDBOX_ADDS,   /* and writes and creates */
    SANDBOX_OWNS,   /* and renames and removes */
    SANDBOX_LEAVES, /* writes and creates, and reads nothing of what lies there */
};
struct sandbox_path {
    const char
        *path; /* a directory with all below it, or a file; one that is not there is skipped */
    enum sandbox_access access;
};

struct sandbox_wish {
    enum sandbox_role role;
    enum sandbox_mode mode;
    const struct sandbox_path *paths;
    size_t n_paths;
    /* Where a process leaves the number of the call that ended it, for who reaps it: memory that
     * both share. NULL: nowhere. */
    _Atomic int32_t *note;
};
#define SANDBOX_NO_CALL (-1) /* a note of nothing */

/* The master: it goes on without the capabilities that it has no use for, and gains none by what it
 * executes (unless it got some that way itself, from its file, and would lose them). */
void sandbox_trim(void);
/* Capabilities that no child needs, out of reach for good: before the user changes, while the right
 * to it is still there. Where it is not, there are none to lose. */
void sandbox_bound(void);
/* ERR_IO with the reason: not all that was wished for is in force. */
int sandbox_enter(const struct sandbox_wish *wish, struct errmsg *why) MUST_CHECK;

/* Name of a system call that has a row in syscalls.def; "" else. */
const char *sandbox_call_name(int32_t number);

#endif
