/* SPDX-License-Identifier: ISC
 *
 * buf - growable bytes with a hard cap.
 *
 * Process:   any. Ownership: the caller owns the struct; buf_fini() frees the bytes.
 * Failure:   appending past the cap sets `overflow`, appends nothing, and every later append is
 *            refused too: check once at the end. Out of memory aborts (mem.h).
 */
#ifndef RELAYOS_BASE_BUF_H
#define RELAYOS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/slice.h"

struct buf {
    char *ptr;
    size_t len;
    size_t capacity;
    size_t cap; /* never holds more than this many bytes */
    bool overflow;
};

/* Empty buffer that may grow to cap bytes; nothing is allocated yet. */
static inline void
buf_init(struct buf *buf, size_t cap)
{
    *buf = (struct buf){.cap = cap};
}
void buf_fini(struct buf *buf);

/* Forget the contents (and overflow), keep the memory. */
static inline void
buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->overflow = false;
}

/* Free the memory if it holds nothing, so that an idle stream keeps none. */
void buf_shrink(struct buf *buf);

void buf_append_int(struct buf *buf, int64_t n);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for len more bytes at ptr + len, then buf_commit(); NULL past the cap (sets overflow). */
char *buf_reserve(struct buf *buf, size_t len);
void buf_commit(struct buf *buf, size_t len);

/* Drop len bytes from the front (memmove). */
void buf_consume(struct buf *buf, size_t len);

/* What buf_append() does when the room has to be made first. */
void buf_append_growing(struct buf *buf, const void *ptr, size_t len);

/* Inline: answers and log lines are written in pieces of a few bytes. */
static inline void
buf_append(struct buf *buf, const void *ptr, size_t len)
{
    if (len > buf->capacity - buf->len || buf->overflow) {
        buf_append_growing(buf, ptr, len);
        return;
    }
    if (len > 0)
        memcpy(buf->ptr + buf->len, ptr, len);
    buf->len += len;
}

static inline void
buf_append_slice(struct buf *buf, struct slice s)
{
    buf_append(buf, s.ptr, s.len);
}

static inline void
buf_append_str(struct buf *buf, const char *s)
{
    buf_append(buf, s, strlen(s));
}

static inline void
buf_append_byte(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

static inline struct slice
buf_slice(const struct buf *buf)
{
    return slice_of(buf->ptr, buf->len);
}

#endif
