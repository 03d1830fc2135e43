/* SPDX-License-Identifier: ISC
 *
 * succession - what a master hands to the binary that takes its place in the same process
 * (execve(2)): the lock, the listening sockets, the way back. Its children stay its children.
 *
 * Carried:   in the environment variable RELAYOS_SUCCESSION, which is taken out at once; it counts
 *            only in the process that it names.
 * Way back:  the old executable, held open: it can be run again whatever has become of its file.
 */
#ifndef RELAYOS_MASTER_SUCCESSION_H
#define RELAYOS_MASTER_SUCCESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/limits.h"

/* What relayosd -t --fits prints when it could take over, and how that is read. */
#define SUCCESSION_FITS        "relayosd %s fits; migrates: %d"
#define SUCCESSION_FITS_FORMAT "relayosd %31s fits; migrates: %d"

struct succession {
    bool is_there;
    bool is_way_back; /* who took our place could not start: we are the old one again */
    bool migrates;    /* it brings the database to a schema that the old one cannot read */
    int lock_fd;
    int conf_fd; /* the old one's configuration, for the way back: its file may be another by now */
    int old_fd;  /* the executable to go back to; -1: there is no way back (any more) */
    size_t n_listeners;
    int listener_fds[LIMIT_HANDED];
    char version[32]; /* of who was here before */
    char who[128];    /* asked for it */
    char reason[512]; /* is_way_back: why */
};

/* First thing in main(): *out is what we were handed, its descriptors close-on-exec again. */
void succession_take(struct succession *out);
/*
 * Run another executable in our place: program by path, or, if that is NULL, from program_fd.
 * Returns -errno when it cannot be done; then all is as before.
 */
int succession_exec(const struct succession *hand, const char *program, int program_fd,
                    char *const *argv);
/* The new binary, before it serves: back to the old one. Returns when there is no way back. */
void succession_go_back(const struct succession *from, char *const *argv, const char *reason);
/* The configuration to go back to; ERR_MISSING when the file is to be read. */
int succession_read_conf(const struct succession *from, struct buf *out) MUST_CHECK;
/* We serve, or a child was forked: what was handed over is not needed any more. */
void succession_drop(struct succession *succession);

#endif
