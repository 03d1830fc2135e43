/* SPDX-License-Identifier: ISC
 *
 * console_link - the master's end of the console's control socket. There it is the console that
 * asks: several things at a time, and of what relayosctl may ask only what its pages do. Who has
 * taken the console over can do by this way what an admin can there; not correct the books, say
 * that they are billed, or have them copied somewhere. (It runs as the same user: the way is not a
 * wall.)
 */
#ifndef MASTER_CONSOLE_LINK_H
#define MASTER_CONSOLE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "child_link.h"
#include "relayos/control/command.h"

#define CONSOLE_LINK_MAX_CALLS 32 /* of child_link's 96, and unread until some are answered */

struct console_link {
    int fd; /* -1 = nobody is there */
    uint32_t generation;
    uint32_t n_waiting;
    struct buf in, out;
};

void console_link_init(struct console_link *link);
void console_link_fini(struct console_link *link);
/* A console was started: it talks over fd (non-blocking from here on), which we close. */
void console_link_open(struct console_link *link, int fd);
void console_link_close(struct console_link *link);

short console_link_events(const struct console_link *link);
void console_link_on_events(struct console_link *link, short events);
/* The work list's: carry out what has come. */
void console_link_work(struct master *master, int64_t now_us);

/* Does a console ask for that? */
bool console_link_may(enum command command);
/* Is it a request of a console's? */
bool console_link_is_owner(struct child_tag tag);
/* Where the answer to it goes, or NULL: that console has ended. */
struct buf *console_link_room(struct console_link *link, struct child_tag tag);
/* The answer is there. */
void console_link_answered(struct console_link *link);

#endif
