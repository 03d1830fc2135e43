/* SPDX-License-Identifier: ISC
 *
 * request_head - a request's head for as long as the request: the socket's buffer moves when a body
 * comes in behind it. One piece of memory.
 */
#ifndef NET_REQUEST_HEAD_H
#define NET_REQUEST_HEAD_H

#include "relayos/net/guard.h"

struct request_head {
    struct slice method, target;
    size_t n_headers;
    struct http_header headers[]; /* the bytes lie behind the last */
};

/* Of what the guard found at the start of bytes. */
struct request_head *request_head_new(const struct guard_head *head, const char *bytes);
void request_head_free(struct request_head **head);

/* Is the token one of those in the header's values, case and commas aside? */
bool request_head_has_token(const struct request_head *head, struct slice name, struct slice token);

#endif
