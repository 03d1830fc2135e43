/* SPDX-License-Identifier: ISC
 *
 * asked - a child that is asked something: it says what it has to say into a pipe, and its exit
 * status is the verdict. The master never waits for it.
 */
#ifndef MASTER_ASKED_H
#define MASTER_ASKED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct asked {
    pid_t pid; /* 0 = nobody is asked */
    int fd;    /* -1 = none, or it has said all */
    struct buf says;
    int64_t deadline_us; /* then it is killed */
};

/* In the child, with all that we have; what it says goes to fd. It ends there. */
typedef void asked_fn(const void *ctx, int fd);

/* Room for so many bytes; what is more is not kept. */
void asked_init(struct asked *asked, size_t room);
/* Nobody is asked any more. */
void asked_fini(struct asked *asked);
/* Forget what was said. */
void asked_clear(struct asked *asked);

/* ERR_IO. */
int asked_start(struct asked *asked, asked_fn *run, const void *ctx, int64_t deadline_us,
                struct errmsg *why) MUST_CHECK;
/* Its pipe has something, or its end. */
void asked_on_readable(struct asked *asked);
/* Has it ended? Then all that it said is there, and its wait status in *out_status. */
bool asked_has_ended(struct asked *asked, int64_t now_us, int *out_status);

/* What asked_start() begins with: a child whose words come by *out_fd. */
int asked_fork(asked_fn *run, const void *ctx, pid_t *out_pid, int *out_fd,
               struct errmsg *why) MUST_CHECK;

#endif
