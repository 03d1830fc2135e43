/* SPDX-License-Identifier: ISC
 *
 * store_usage_table - what was used on some days, added up by day, hour, key, model, tool or owner,
 * and how long that took.
 *
 * Sums are exact. Percentiles are of a sample that is spread evenly over the requests of those days
 * (of some keys: of their newest ones) that succeeded and whose traces are kept.
 *
 * Process: any, on a store of its own.
 */
#ifndef RELAYOS_STORE_STORE_USAGE_TABLE_H
#define RELAYOS_STORE_STORE_USAGE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/limits.h"
#include "relayos/base/slice.h"
#include "relayos/store/store.h"

enum store_usage_column {
    STORE_USAGE_DAY,  /* period: yyyymmdd */
    STORE_USAGE_HOUR, /* period: yyyymmddhh, UTC */
    STORE_USAGE_KEY,
    STORE_USAGE_MODEL,
    STORE_USAGE_TOOL,
    STORE_USAGE_OWNER
};

struct store_usage_cache;
struct store_usage_table_query {
    enum store_usage_column by;
    const uint64_t *key_ids; /* of these keys, which may be none; */
    size_t n_key_ids;
    bool any_key;                    /* or of all */
    struct slice model;              /* "" = all */
    uint32_t first_day, last_day;    /* both are in it */
    int64_t deadline_us;             /* clock_mono_us() */
    struct store_usage_cache *cache; /* of whoever asks often; or NULL */
};

/*
 * Days of usage by key, as they were read: one that has not changed since is not read again. Of as
 * many days as there is room for, the newest ones.
 */
struct store_usage_cache *store_usage_cache_new(void);
void store_usage_cache_free(struct store_usage_cache **cache);
/* Read a day into it before anybody asks. */
int store_usage_cache_warm(struct store *store, struct store_usage_cache *cache,
                           uint32_t day) MUST_CHECK;

struct store_usage_group {
    uint64_t key_id;              /* by key */
    char label[LIMIT_MODEL_NAME]; /* the key's name, the model, the tool, the owner */
    uint32_t period;              /* by day or hour */
    int64_t n_requests, n_failed, input, cache_read, cache_write, output, reasoning, charge_nusd,
        cost_nusd;
    /* Of the whole answer and of the first token; -1: too few are known. */
    int64_t latency_p50_us, latency_p95_us, first_token_p50_us, first_token_p95_us;
};

/* Days and hours from old to new; the rest from dear to cheap. Free with fini, after errors too. */
struct store_usage_table {
    struct store_usage_group *groups;
    size_t n, room;
    uint32_t *index;
    size_t index_size;
    /* How far it is: keys before they are added up by what they are of, and what comes next. */
    struct store_usage_table *keys;
    uint32_t next_day;
    size_t next_key;
    int64_t next_seq;
};
/* Into *out, which begins as zeros. ERR_BUSY: not done by the deadline, but some of it: made again
 * with the same query but a later deadline it goes on. */
int store_usage_table_make(struct store *store, const struct store_usage_table_query *query,
                           struct store_usage_table *out) MUST_CHECK;
void store_usage_table_fini(struct store_usage_table *table);

#endif
