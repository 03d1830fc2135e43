/* SPDX-License-Identifier: ISC
 *
 * head - the head of an upstream request: ours, but for the few headers the dialect lets through.
 */
#ifndef RELAYOS_WORKER_HEAD_H
#define RELAYOS_WORKER_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "relayos/base/buf.h"
#include "relayos/codec/dialect.h"
#include "relayos/net/server.h"

struct head_input {
    const struct dialect *dialect;
    enum operation operation;
    const struct upstream_record *upstream;
    struct slice credential;         /* empty: the upstream wants none */
    const struct http_request *http; /* the caller's; NULL: it speaks another protocol */
    struct slice path;               /* in place of the operation's, if it is not empty */
    const char *model;               /* the upstream's name for it */
    struct slice request_id;
    bool is_stream;
    size_t content_length;
};

/* Append the whole head, empty line included. Pure. */
void head_build(const struct head_input *input, struct buf *out);

#endif
