/* SPDX-License-Identifier: ISC
 *
 * control_server - run_dir/control.sock: peers of our uid or root, one request of each at a time.
 */
#ifndef MASTER_CONTROL_SERVER_H
#define MASTER_CONTROL_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "child_link.h"
#include "relayos/base/errmsg.h"
#include "relayos/control/command.h"

#define CONTROL_SERVER_CLIENTS 32

struct control_client {
    int fd;              /* -1 = free */
    unsigned uid;        /* whose process it is */
    uint32_t generation; /* a late answer for a peer that left goes to nobody */
    bool is_waiting;     /* for an answer that is being made; the next request waits with it */
    int64_t deadline_us;
    struct buf in, out;
};

struct control_server {
    int fd;
    char path[108];
    struct frame_out *writer;
    struct control_client clients[CONTROL_SERVER_CLIENTS];
};

int control_server_open(struct control_server *server, const char *run_dir,
                        struct errmsg *why) MUST_CHECK;
void control_server_close(struct control_server *server);
/* In a child: close what was inherited, leave the path alone. */
void control_server_drop(struct control_server *server);

/* Poll events of client n, or of the listening socket (accepting only while there is room). */
short control_server_events(const struct control_server *server, size_t n);
bool control_server_has_room(const struct control_server *server);
void control_server_on_connect(struct control_server *server, int64_t now_us);
void control_server_on_events(struct control_server *server, size_t n, short events,
                              int64_t now_us);
/* The work list's last entry: carry out the requests that have come, close who is overdue. */
void control_server_work(struct master *master, int64_t now_us);

/* Whose request a tag stands for; it must not have left. */
unsigned control_server_uid(const struct master *master, struct child_tag tag);

/* Send now what the socket takes: the loop will not come to it any more. */
void control_server_flush(struct master *master, struct child_tag tag);

/* An answer for a tag: NULL when its peer has left. Between the two, write the result. */
struct frame_out *control_server_reply_begin(struct master *master, struct child_tag tag);
void control_server_reply_end(struct master *master, struct child_tag tag);
void control_server_reply_error(struct master *master, struct child_tag tag, int err,
                                const struct errmsg *why);

#endif
