/* SPDX-License-Identifier: ISC
 *
 * fdio - descriptors: full reads and writes, close-on-exec, whole small files, files by rename.
 */
#ifndef RELAYOS_BASE_FDIO_H
#define RELAYOS_BASE_FDIO_H

#include <stddef.h>
#include <sys/types.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

/* Write all of it to a blocking descriptor (EINTR handled); 0 or -errno. */
int fdio_write_all(int fd, const void *bytes, size_t len) MUST_CHECK;
/* Whole file into buf (up to its cap); 0, ERR_IO or ERR_TOO_LARGE, with the reason in *why. */
int fdio_read_file(const char *path, struct buf *out, struct errmsg *why) MUST_CHECK;
/* ERR_UNSAFE: whoever is on this machine may write it, with the chmod to run in *why. What is not
 * there, or not for us to see, is no matter of this. */
int fdio_check_not_for_all(const char *path, struct errmsg *why) MUST_CHECK;
/* Write path.tmp with mode, fsync, rename over path; 0 or ERR_IO. */
int fdio_replace_file(const char *path, struct slice contents, mode_t mode,
                      struct errmsg *why) MUST_CHECK;
/* mkdir -p with mode for what is made; 0 or ERR_IO. */
int fdio_make_dirs(const char *path, mode_t mode, struct errmsg *why) MUST_CHECK;
int fdio_set_nonblocking(int fd);
/* The standard streams: from now on to /dev/null, and whoever read them is waited for no more. */
void fdio_leave_streams(void);
/* Close *fd if it is open and set it to -1. */
void fdio_close(int *fd);

#endif
