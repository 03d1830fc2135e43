/* SPDX-License-Identifier: ISC
 *
 * post - one POST to a receiver of the operator's (alerts.url, otlp.endpoint), and whether it was
 * taken. One at a time; connections are not kept.
 *
 * Ownership: of its user; on_end comes once for each post_send(), never from inside of it.
 */
#ifndef PROBER_POST_H
#define PROBER_POST_H

#include <stdbool.h>

#include "relayos/base/buf.h"
#include "relayos/conf/conf.h"
#include "relayos/net/upstream.h"

#define POST_HEAD_MAX (64 * 1024)
#define POST_BODY_MAX (8 * 1024 * 1024)

struct post;
/* status: of its answer, 0 = there was none, and `result` says why. */
typedef void post_on_end(void *ctx, int status, enum upstream_result result);

struct post {
    struct loop *loop;
    struct upstream_pool *pool;
    const struct conf_receiver *receiver;
    const char *suffix; /* of the path */
    post_on_end *on_end;
    void *ctx;
    struct upstream_call *call; /* NULL: none is under way */
    struct buf head, body;      /* of that one; the head may hold secrets */
    int status;
    int retry_after_s; /* what its answer asked for, 0 = nothing */
};

void post_init(struct post *post, const struct conf_receiver *receiver, const char *suffix);
void post_fini(struct post *post);
bool post_is_under_way(const struct post *post);
/* headers: whole lines, "name: value\r\n"; the body is what the caller wrote to post->body. */
void post_send(struct post *post, struct slice headers);

#endif
