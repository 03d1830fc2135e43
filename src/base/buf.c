/* SPDX-License-Identifier: ISC
 *
 * buf - see the header. The memory doubles up to the cap, so n appends cost O(n) copies.
 */
#include "relayos/base/buf.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "relayos/base/mem.h"
#include "relayos/base/text.h"

#define BUF_FIRST_SIZE 256

void
buf_fini(struct buf *buf)
{
    free(buf->ptr);
    buf_init(buf, buf->cap);
}

void
buf_shrink(struct buf *buf)
{
    if (buf->len == 0) {
        free(buf->ptr);
        buf->ptr = NULL;
        buf->capacity = 0;
    }
}

char *
buf_reserve(struct buf *buf, size_t len)
{
    assert(buf->len <= buf->capacity && buf->capacity <= buf->cap);

    if (buf->overflow || len > buf->cap - buf->len) {
        buf->overflow = true;
        return NULL;
    }
    if (buf->ptr == NULL || len > buf->capacity - buf->len) {
        size_t size = buf->capacity == 0 ? BUF_FIRST_SIZE : buf->capacity;

        while (size < buf->len + len && size < buf->cap)
            size = size > buf->cap / 2 ? buf->cap : size * 2;
        if (size > buf->cap)
            size = buf->cap;
        buf->ptr = mem_realloc(buf->ptr, size);
        buf->capacity = size;
    }
    return buf->ptr + buf->len;
}

void
buf_commit(struct buf *buf, size_t len)
{
    assert(len <= buf->capacity - buf->len);

    buf->len += len;
}

void
buf_append_growing(struct buf *buf, const void *ptr, size_t len)
{
    if (len == 0)
        return;

    char *room = buf_reserve(buf, len);

    if (room != NULL) {
        memcpy(room, ptr, len);
        buf->len += len;
    }
}

void
buf_append_int(struct buf *buf, int64_t n)
{
    char digits[TEXT_INT_SIZE];

    buf_append(buf, digits, text_int_format(n, digits));
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
    char small[512];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    assert(len >= 0);
    if ((size_t)len < sizeof(small)) {
        buf_append(buf, small, (size_t)len);
        return;
    }

    /* Not formatted in place: vsnprintf() wants room for a NUL that the cap may not leave. */
    char *large = mem_alloc((size_t)len + 1);

    va_start(args, format);
    vsnprintf(large, (size_t)len + 1, format, args);
    va_end(args);
    buf_append(buf, large, (size_t)len);
    free(large);
}

void
buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf->len);

    buf->len -= len;
    if (buf->len > 0)
        memmove(buf->ptr, buf->ptr + len, buf->len);
}
