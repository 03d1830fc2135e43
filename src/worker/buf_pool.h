/* SPDX-License-Identifier: ISC
 *
 * buf_pool - recycled buffers of one worker, so that a request allocates nothing and a waiting
 * stream holds nothing. Small ones are kept (LIFO: warm memory first), big ones are freed.
 */
#ifndef RELAYOS_WORKER_BUF_POOL_H
#define RELAYOS_WORKER_BUF_POOL_H

#include "relayos/base/buf.h"

#define BUF_POOL_SIZE      256         /* a request in flight takes two or three */
#define BUF_POOL_KEEP_SIZE (64 * 1024) /* larger memory is not kept */

struct buf_pool {
    size_t n;
    struct buf bufs[BUF_POOL_SIZE];
};

/* An empty buffer that may grow to cap bytes (cap >= BUF_POOL_KEEP_SIZE). */
void buf_pool_take(struct buf_pool *pool, struct buf *out, size_t cap);
/* Back with its memory; the buffer is left without any. */
void buf_pool_give(struct buf_pool *pool, struct buf *buf);
void buf_pool_fini(struct buf_pool *pool);

#endif
