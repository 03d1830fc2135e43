/* SPDX-License-Identifier: ISC
 *
 * A stream gives the same events whole, byte by byte, and in pieces of which the input's first byte
 * tells the size.
 */
#include <assert.h>
#include <stdlib.h>

#include "relayos/codec/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void split(struct slice text, size_t size, struct buf *out);
static void append_event(const struct sse_event *event, struct buf *out);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct buf whole, single, pieces;

    if (len == 0)
        return 0;
    struct slice text = slice_of(bytes + 1, len - 1);
    buf_init(&whole, 1 << 24);
    buf_init(&single, 1 << 24);
    buf_init(&pieces, 1 << 24);
    split(text, text.len + 1, &whole);
    split(text, 1, &single);
    split(text, 2 + bytes[0] % 64, &pieces);
    assert(slice_eq(buf_slice(&whole), buf_slice(&single)));
    assert(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    buf_fini(&whole);
    buf_fini(&single);
    buf_fini(&pieces);
    return 0;
}

static void
split(struct slice text, size_t size, struct buf *out)
{
    struct sse sse;
    struct sse_event event;

    sse_init(&sse);
    for (size_t from = 0; from < text.len; from += size) {
        size_t to = text.len - from < size ? text.len : from + size;
        char *copy = malloc(to - from); /* of its own size, and gone before the next */

        memcpy(copy, text.ptr + from, to - from);
        sse_feed(&sse, slice_of(copy, to - from));
        while (sse_next(&sse, &event) == 0)
            append_event(&event, out);
        free(copy);
    }
    if (sse_finish(&sse, &event) == 0)
        append_event(&event, out);
    sse_fini(&sse);
}

static void
append_event(const struct sse_event *event, struct buf *out)
{
    assert(event->name.len == 0 || (memchr(event->name.ptr, '\n', event->name.len) == NULL &&
                                    memchr(event->name.ptr, '\r', event->name.len) == NULL));
    assert(event->data.len == 0 || memchr(event->data.ptr, '\r', event->data.len) == NULL);
    buf_append_slice(out, event->name);
    buf_append_byte(out, '\0');
    buf_append_slice(out, event->data);
    buf_append_byte(out, '\1');
}
