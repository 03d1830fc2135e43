/* SPDX-License-Identifier: ISC
 *
 * linger - closing a connection whose client is still sending would reset it, and the reset may
 * overtake the answer (a 413, most often). So the write side is closed, what still comes is
 * dropped, and the socket goes at the client's end-of-file, after a while, or after some bytes.
 */
#ifndef NET_LINGER_H
#define NET_LINGER_H

#include "loop_impl.h"

struct linger_list {
    struct linger_conn *first;
    unsigned n;
};

/* Keep a duplicate of fd; the caller closes its own. Does nothing when too many linger. */
void linger_start(struct linger_list *list, struct loop *loop, int fd);
void linger_close_all(struct linger_list *list);

#endif
