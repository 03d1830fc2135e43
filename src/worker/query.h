/* SPDX-License-Identifier: ISC
 *
 * query - parameters of a URL and percent-encoding.
 */
#ifndef RELAYOS_WORKER_QUERY_H
#define RELAYOS_WORKER_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "relayos/base/slice.h"

/* Decode %XX into NUL-terminated out; false (out is "") if malformed, with a NUL, or too long. */
bool query_decode(struct slice text, char *out, size_t size);
/* Value of the first parameter of that name, decoded likewise; false if there is none. */
bool query_get(struct slice query, const char *name, char *out, size_t size);

#endif
