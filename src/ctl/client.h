/* SPDX-License-Identifier: ISC
 *
 * client - one connection to the control socket: a command out, its answer in.
 *
 * Ownership: a result is good until the next call or client_fini().
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <stdbool.h>
#include <sys/un.h>

#include "relayos/control/command.h"

/* Exit statuses of relayosctl(8). */
enum ctl_exit {
    CTL_OK = 0,
    CTL_REFUSED = 1,
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3,
    CTL_MISSING = 4,
    CTL_CONFLICT = 5,
};

struct client {
    const char *socket_path;    /* -s, or NULL */
    const char *config_file;    /* -c, or NULL */
    bool is_json;               /* --json */
    int fd;                     /* -1 until the first call */
    struct sockaddr_un address; /* sun_path "" until the first call */
    struct frame_out *out;
    struct buf wire;
    struct frame_in *in;
};

void client_init(struct client *client);
void client_fini(struct client *client);

/* Write the arguments between the two; who gives a command that changes something is there already.
 * client_call() connects when it has to; on failure it has said why on stderr and returns the exit
 * status. */
struct frame_out *client_begin(struct client *client, enum command command);
int client_call(struct client *client, const struct frame_value **out_result) MUST_CHECK;
/* The same in silence: false, and no connection any more, when there is no answer or a refusal. */
bool client_ask(struct client *client, const struct frame_value **out_result);
/* Where relayosd is about to be reached again. false: not within timeout_ms. */
bool client_reconnect(struct client *client, int timeout_ms);
/* "relayosctl: ..." on stderr; returns exit_status. */
int client_fail(int exit_status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
