/* SPDX-License-Identifier: ISC
 *
 * trace_key - in which spans of time a key has traces.
 *
 * An index of traces by key would put each row into another page and cost more than the row itself.
 * So there is one row per key and span: the first four bytes of a request id, 65.5 seconds.
 */
#ifndef STORE_TRACE_KEY_H
#define STORE_TRACE_KEY_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/text.h"

#define TRACE_KEY_SPAN_SIZE 4

struct store;
struct trace_keys;

struct trace_keys *trace_key_new(void);
void trace_key_free(struct trace_keys **keys);

/* Inside a batch: the key has a trace of that id. */
int trace_key_note(struct store *store, uint64_t key_id, const struct uuid *request_id) MUST_CHECK;
/* After a batch was rolled back: what it noted is not there. */
void trace_key_forget(struct trace_keys *keys);

/* The newest span of the key that has ids smaller than *before: its first id and the first one
 * after it. ERR_MISSING: none. */
int trace_key_span_before(struct store *store, uint64_t key_id, const struct uuid *before,
                          struct uuid *out_from, struct uuid *out_until) MUST_CHECK;

#endif
