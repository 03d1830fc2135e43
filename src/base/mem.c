/* SPDX-License-Identifier: ISC
 *
 * mem - see the header.
 */
#include "relayos/base/mem.h"

#include <stdlib.h>
#include <unistd.h>

static void *mem_or_abort(void *ptr);

void *
mem_alloc(size_t size)
{
    return mem_or_abort(malloc(size == 0 ? 1 : size));
}

void *
mem_zalloc(size_t size)
{
    return mem_or_abort(calloc(1, size == 0 ? 1 : size));
}

void *
mem_realloc(void *ptr, size_t size)
{
    return mem_or_abort(realloc(ptr, size == 0 ? 1 : size));
}

void *
mem_array(void *ptr, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        mem_or_abort(NULL);
    return mem_realloc(ptr, bytes);
}

char *
mem_strdup(const char *s)
{
    return mem_slicedup(slice_str(s));
}

char *
mem_slicedup(struct slice s)
{
    char *copy = mem_alloc(s.len + 1);

    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

static void *
mem_or_abort(void *ptr)
{
    static const char text[] = "out of memory\n";

    if (ptr == NULL) {
        /* Not by the log: it may allocate. Nothing is left to do if this write fails. */
        ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

        (void)ignored;
        abort();
    }
    return ptr;
}
