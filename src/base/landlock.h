/* SPDX-License-Identifier: ISC
 *
 * landlock - the files that a process may still reach, and that it serves no TCP port of its own.
 */
#ifndef BASE_LANDLOCK_H
#define BASE_LANDLOCK_H

#include "relayos/base/sandbox.h"

/* Version of the kernel's Landlock; -errno: it has none, or it is off. */
int landlock_abi(void);
/* Only these paths from now on, for this thread and those that it starts. may_connect: over TCP, to
 * anywhere. 0 or -errno, and then nothing has changed. */
int landlock_enter(const struct sandbox_path *paths, size_t n, bool may_connect) MUST_CHECK;

#endif
