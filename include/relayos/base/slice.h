/* SPDX-License-Identifier: ISC
 *
 * slice - a view of bytes somebody else owns: never NUL-terminated, never freed.
 *
 * Process: any. Ownership: none; a slice is good for as long as what it points into.
 */
#ifndef RELAYOS_BASE_SLICE_H
#define RELAYOS_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

#define SLICE_LIT(s) ((struct slice){(s), sizeof(s) - 1})

static inline struct slice
slice_of(const void *ptr, size_t len)
{
    return (struct slice){.ptr = ptr, .len = len};
}

/* View of a C string (NULL gives the empty slice). */
static inline struct slice
slice_str(const char *s)
{
    return (struct slice){.ptr = s, .len = s == NULL ? 0 : strlen(s)};
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
slice_eq_str(struct slice a, const char *s)
{
    return slice_eq(a, slice_str(s));
}

/* Bytes [from, to) of s; both must lie inside. */
static inline struct slice
slice_sub(struct slice s, size_t from, size_t to)
{
    return (struct slice){.ptr = s.ptr + from, .len = to - from};
}

static inline bool
slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

/* ASCII case-insensitive equality (header names, schemes). */
bool slice_eq_nocase(struct slice a, struct slice b);

/* s without leading and trailing spaces and tabs. */
struct slice slice_trim(struct slice s);

#endif
