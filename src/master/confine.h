/* SPDX-License-Identifier: ISC
 *
 * confine - which sandbox each child lives in, and what is told of one that ran into its walls.
 */
#ifndef MASTER_CONFINE_H
#define MASTER_CONFINE_H

#include <stdatomic.h>
#include <stdint.h>

#include "relayos/base/errmsg.h"
#include "relayos/base/sandbox.h"

struct conf;
struct master;
struct child;

struct confine {
    struct sandbox_means means;
    _Atomic int32_t *notes; /* by index in master.children; shared with them */
};

/* What there is to confine children with, told once. ERR_UNSAFE: not all that `sandbox: require`
 * wants. */
int confine_prepare(struct master *master, struct errmsg *why) MUST_CHECK;
void confine_fini(struct confine *confine);
/* That configuration is in force from now on: what of it living children may not read is told. */
void confine_check_reload(const struct master *master, const struct conf *conf);
/* In the child, its rights dropped: no way back. ERR_IO where all of it is required. */
int confine_child(const struct master *master, const struct child *child,
                  struct errmsg *why) MUST_CHECK;
/* A child has ended: was it its sandbox? Then what to do is told. */
void confine_log_end(struct master *master, const struct child *child, int status);

#endif
