/* SPDX-License-Identifier: ISC */
#include "request_head.h"

#include <stdlib.h>

#include "relayos/base/mem.h"

static inline struct slice moved(struct slice s, const char *from, const char *to);
static bool has_token(struct slice list, struct slice token);

struct request_head *
request_head_new(const struct guard_head *head, const char *bytes)
{
    struct request_head *copy;
    size_t n = head->n_headers;

    copy = mem_alloc(sizeof *copy + n * sizeof copy->headers[0] + head->head_size);
    char *to = memcpy(&copy->headers[n], bytes, head->head_size);
    copy->method = moved(head->method, bytes, to);
    copy->target = moved(head->target, bytes, to);
    copy->n_headers = n;
    for (size_t i = 0; i < n; i++) {
        copy->headers[i].name = moved(head->headers[i].name, bytes, to);
        copy->headers[i].value = moved(head->headers[i].value, bytes, to);
    }
    return copy;
}

static inline struct slice
moved(struct slice s, const char *from, const char *to)
{
    return slice_of(to + (s.ptr - from), s.len);
}

void
request_head_free(struct request_head **head)
{
    free(*head);
    *head = NULL;
}

bool
request_head_has_token(const struct request_head *head, struct slice name, struct slice token)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        if (slice_eq(head->headers[i].name, name) && has_token(head->headers[i].value, token))
            return true;
    }
    return false;
}

static bool
has_token(struct slice list, struct slice token)
{
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma == NULL ? list.len : (size_t)(comma - list.ptr);

        if (slice_eq_nocase(slice_trim(slice_sub(list, 0, len)), token))
            return true;
        list = slice_sub(list, comma == NULL ? len : len + 1, list.len);
    }
    return false;
}
