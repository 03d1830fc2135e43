/* SPDX-License-Identifier: ISC */
#include "trace_key.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "relayos/base/mem.h"

#define CACHE_SIZE 8192 /* a power of two */

/* What is known to be in the table: a key's next request in a span costs no statement. */
struct trace_keys {
    struct {
        uint64_t key_id;
        uint32_t span;
    } seen[CACHE_SIZE];
};

static uint32_t span_of(const struct uuid *request_id);
static struct uuid first_id(uint64_t span);

struct trace_keys *
trace_key_new(void)
{
    return mem_zalloc(sizeof(struct trace_keys));
}

void
trace_key_free(struct trace_keys **keys)
{
    free(*keys);
    *keys = NULL;
}

int
trace_key_note(struct store *store, uint64_t key_id, const struct uuid *request_id)
{
    uint32_t span = span_of(request_id);
    uint32_t at = (uint32_t)((key_id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (CACHE_SIZE - 1);

    assert(store->batch != DB_BATCH_NONE);
    if (key_id == 0 ||
        (store->traced->seen[at].key_id == key_id && store->traced->seen[at].span == span))
        return 0;
    struct db_cursor note = db_start(store, STATEMENT_TRACE_KEY_NOTE);
    db_bind_int(&note, (int64_t)key_id);
    db_bind_blob(&note, request_id->bytes, TRACE_KEY_SPAN_SIZE);
    int rc = db_run(&note);
    if (rc == 0) {
        store->traced->seen[at].key_id = key_id;
        store->traced->seen[at].span = span;
    }
    return rc;
}

static uint32_t
span_of(const struct uuid *request_id)
{
    const uint8_t *byte = request_id->bytes;

    return (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
}

void
trace_key_forget(struct trace_keys *keys)
{
    memset(keys, 0, sizeof(*keys));
}

int
trace_key_span_before(struct store *store, uint64_t key_id, const struct uuid *before,
                      struct uuid *out_from, struct uuid *out_until)
{
    static const struct uuid zero;
    struct uuid start = first_id(span_of(before)), span = zero;
    /* Is a part of its own span before it? */
    bool is_inside = memcmp(&start, before, sizeof(start)) < 0;
    struct db_cursor find = db_start(store, STATEMENT_TRACE_KEY_BEFORE);

    db_bind_int(&find, (int64_t)key_id);
    db_bind_blob(&find, before->bytes, TRACE_KEY_SPAN_SIZE);
    db_bind_int(&find, is_inside);
    int rc = db_step(&find);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    db_read_blob(&find, span.bytes, TRACE_KEY_SPAN_SIZE);
    db_finish(&find);
    *out_from = span;
    *out_until = first_id((uint64_t)span_of(&span) + 1);
    return 0;
}

/* The last span has no next one: its end is the largest id there is. */
static struct uuid
first_id(uint64_t span)
{
    struct uuid id = {0};

    if (span > UINT32_MAX) {
        memset(&id, 0xff, sizeof(id));
        return id;
    }
    for (int i = 0; i < TRACE_KEY_SPAN_SIZE; i++)
        id.bytes[i] = (uint8_t)(span >> (24 - 8 * i));
    return id;
}
