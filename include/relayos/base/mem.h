/* SPDX-License-Identifier: ISC
 *
 * mem - allocation that does not return NULL: out of memory aborts the process, as libh2o does.
 */
#ifndef RELAYOS_BASE_MEM_H
#define RELAYOS_BASE_MEM_H

#include <stddef.h>

#include "relayos/base/slice.h"

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
/* Array that holds n items of size bytes, product checked. */
void *mem_array(void *ptr, size_t n, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
/* NUL-terminated copy of a slice. */
char *mem_slicedup(struct slice s) __attribute__((malloc, returns_nonnull));

#endif
