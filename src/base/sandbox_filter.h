/* SPDX-License-Identifier: ISC
 *
 * sandbox_filter - syscalls.def for one role -> a BPF program for seccomp(2).
 */
#ifndef BASE_SANDBOX_FILTER_H
#define BASE_SANDBOX_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/sandbox.h"

#define SANDBOX_FILTER_MAX 2048 /* the kernel takes 4096 */

enum sandbox_kind { SANDBOX_ALLOW, SANDBOX_CHECK, SANDBOX_REFUSE, SANDBOX_NEVER };

struct sandbox_call {
    const char *name;
    int32_t number;
    enum sandbox_kind kind;
    uint8_t roles;   /* a bit each, by enum sandbox_role */
    uint16_t detail; /* of CHECK: which; of REFUSE: the errno */
};

/* The n-th row, NULL past the end. */
const struct sandbox_call *sandbox_filter_row(size_t n);
/* Is there a program for this machine? */
bool sandbox_filter_is_known_machine(void);
/* Instructions into out; their number. only_log: nothing is ended. */
size_t sandbox_filter_build(enum sandbox_role role, bool only_log,
                            struct sock_filter out[SANDBOX_FILTER_MAX]);

#endif
