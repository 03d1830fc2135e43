/* SPDX-License-Identifier: ISC
 *
 * alert_post - notices on their way to alerts.url: a bounded queue, one at a time and in order,
 * tried again with longer and longer pauses, given up in the end.
 */
#ifndef PROBER_ALERT_POST_H
#define PROBER_ALERT_POST_H

#include "alert_book.h"
#include "post.h"
#include "relayos/base/hash.h"
#include "relayos/shm/segment.h"

#define ALERT_QUEUE 256 /* notices; for one more the oldest goes that a later one has overtaken */
#define ALERT_TRIES 12  /* of one, over some 20 minutes */

struct alert_notice {
    struct alert alert;
    bool is_resolved;
};

struct alert_post {
    struct segment *segment; /* its figures */
    struct post post;
    struct timer timer;     /* until the next try */
    struct hash_hmac *hmac; /* NULL: not signed */
    bool is_held;           /* no further one is sent */
    uint32_t n_tries;       /* of the first of the queue */
    uint32_t n_queued;
    uint32_t first;
    struct alert_notice queue[ALERT_QUEUE]; /* a ring */
};

void alert_post_init(struct alert_post *post, struct segment *segment, struct loop *loop,
                     struct upstream_pool *pool, const struct conf_receiver *receiver);
void alert_post_fini(struct alert_post *post);
void alert_post_queue(struct alert_post *post, const struct alert *alert, bool is_resolved);

/* Pure: the body, and the lines that sign it. */
void alert_post_write(const struct alert_notice *notice, int64_t real_us, struct buf *out);
void alert_post_sign(struct hash_hmac *hmac, struct slice body, int64_t real_us, struct buf *out);

#endif
