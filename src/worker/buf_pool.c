/* SPDX-License-Identifier: ISC
 *
 * buf_pool - a stack of spare memory.
 */
#include "buf_pool.h"

#include <assert.h>

void
buf_pool_take(struct buf_pool *pool, struct buf *out, size_t cap)
{
    assert(cap >= BUF_POOL_KEEP_SIZE);

    if (pool->n == 0) {
        buf_init(out, cap);
        return;
    }
    *out = pool->bufs[--pool->n];
    out->cap = cap;
    buf_clear(out);
}

void
buf_pool_give(struct buf_pool *pool, struct buf *buf)
{
    if (buf->ptr == NULL)
        return;
    if (pool->n == BUF_POOL_SIZE || buf->capacity > BUF_POOL_KEEP_SIZE)
        buf_fini(buf);
    else
        pool->bufs[pool->n++] = *buf;
    buf_init(buf, 0);
}

void
buf_pool_fini(struct buf_pool *pool)
{
    while (pool->n > 0)
        buf_fini(&pool->bufs[--pool->n]);
}
