/* SPDX-License-Identifier: ISC
 *
 * scrub_view - a text as a reader of it sees it: characters, each with the bytes that it stands
 * for.
 *
 * A view begins as bytes, of one place or of several one after the other, and is unescaped again
 * and again: a tool's arguments are JSON within a string of JSON.
 */
#ifndef CODEC_SCRUB_VIEW_H
#define CODEC_SCRUB_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/slice.h"

struct scrub_view {
    size_t n, capacity;
    char *text;          /* n characters; what is not ASCII as it is, or as 0x80 */
    uint32_t *from, *to; /* of the bytes of each */
};

/* Room for so many characters. */
void scrub_view_init(struct scrub_view *view, size_t capacity);
void scrub_view_fini(struct scrub_view *view);
static inline void
scrub_view_clear(struct scrub_view *view)
{
    view->n = 0;
}
/* Bytes [from, to) of text. */
void scrub_view_add(struct scrub_view *view, struct slice text, size_t from, size_t to);
/* One level of JSON's escapes; false: there was none. */
bool scrub_view_unescape(struct scrub_view *view);
/* Characters [from, to) are of that kind, as far as their bytes are of none. */
void scrub_view_mark(const struct scrub_view *view, size_t from, size_t to, uint8_t kind,
                     uint8_t *marks);

#endif
