/* SPDX-License-Identifier: ISC */
#include "scrub_view.h"

#include <assert.h>
#include <stdlib.h>

#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "relayos/base/text.h"

#define LONGEST 64 /* bytes of one character, however often it was escaped */

static size_t read_escape(const struct scrub_view *view, size_t at, char *out);

void
scrub_view_init(struct scrub_view *view, size_t capacity)
{
    *view = (struct scrub_view){.capacity = capacity};
    view->text = mem_array(NULL, capacity + 1, sizeof(view->text[0]));
    view->from = mem_array(NULL, capacity + 1, sizeof(view->from[0]));
    view->to = mem_array(NULL, capacity + 1, sizeof(view->to[0]));
}

void
scrub_view_fini(struct scrub_view *view)
{
    secret_wipe(view->text, view->capacity);
    free(view->text);
    free(view->from);
    free(view->to);
    *view = (struct scrub_view){0};
}

void
scrub_view_add(struct scrub_view *view, struct slice text, size_t from, size_t to)
{
    assert(from <= to && to <= text.len && to - from <= view->capacity - view->n);
    for (size_t at = from; at < to; at++) {
        view->text[view->n] = text.ptr[at];
        view->from[view->n] = (uint32_t)at;
        view->to[view->n++] = (uint32_t)at + 1;
    }
}

bool
scrub_view_unescape(struct scrub_view *view)
{
    size_t n = 0;

    for (size_t at = 0; at < view->n;) {
        char c = view->text[at];
        size_t len = c == '\\' ? read_escape(view, at, &c) : 1;
        uint32_t from = view->from[at], to = view->to[at + len - 1];

        /* Begun in one piece and ended in the next: what lies between is not of it. */
        if (to < from || to - from > LONGEST)
            from = view->from[at + len - 1];
        view->text[n] = c;
        view->from[n] = from;
        view->to[n++] = to;
        at += len;
    }
    bool is_other = n < view->n;
    view->n = n;
    return is_other;
}

/* Its length; 1: it is none. */
static size_t
read_escape(const struct scrub_view *view, size_t at, char *out)
{
    static const char plain[] = "\"\\/", names[] = "nrtbf", values[] = "\n\r\t\b\f";
    size_t left = view->n - at;
    char c = left < 2 ? '\0' : view->text[at + 1];
    const char *name = c == '\0' ? NULL : strchr(names, c);
    uint8_t code[2];

    if (c != '\0' && strchr(plain, c) != NULL) {
        *out = c;
        return 2;
    }
    if (name != NULL) {
        *out = values[name - names];
        return 2;
    }
    if (c != 'u' || left < 6)
        return 1;
    if (text_hex_parse(slice_of(view->text + at + 2, 4), code, sizeof(code)) != 0)
        return 1;
    *out = code[0] == 0 && code[1] < 0x80 ? (char)code[1] : '\x80';
    return 6;
}

void
scrub_view_mark(const struct scrub_view *view, size_t from, size_t to, uint8_t kind, uint8_t *marks)
{
    for (size_t n = from; n < to; n++) {
        for (uint32_t at = view->from[n]; at < view->to[n]; at++)
            marks[at] = marks[at] == 0 ? kind : marks[at];
    }
}
