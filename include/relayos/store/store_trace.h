/* SPDX-License-Identifier: ISC
 *
 * store_trace - how each request went: stages, attempts, caller. Kept for trace_retention.
 *
 * Request ids are UUIDv7, so the primary key is the order of time, and pages of a listing are cut
 * by request id.
 *
 * Process: the ledger. Reading fills flight_records as if the monotonic clock had stood at
 * STORE_TRACE_ACCEPTED_US when the request was accepted.
 */
#ifndef RELAYOS_STORE_STORE_TRACE_H
#define RELAYOS_STORE_STORE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/slice.h"
#include "relayos/base/text.h"
#include "relayos/model/flight.h"
#include "relayos/store/store.h"

#define STORE_TRACE_ACCEPTED_US 1

/* Inside a batch, for store_ledger.c: trace and attempts of a settled flight. */
struct store_settlement;
int store_trace_insert(struct store *store, const struct store_settlement *settlement) MUST_CHECK;
/* Inside a batch: a call refused before it became a flight. A second one of the same id is dropped.
 */
int store_trace_refuse(struct store *store, const struct refusal_record *refusal) MUST_CHECK;

/* Smallest request id that could have been made at that time. */
struct uuid store_trace_floor(int64_t real_us);

struct store_trace {
    struct flight_record flight; /* holds, prices and ids of this boot are not kept: zero; choices
                                    are asked for with store_trace_choices() */
    bool is_refusal;
    uint32_t n_attempts;                /* known in a listing too */
    char answered_by[LIMIT_MODEL_NAME]; /* the model that stood in; "": none did */
    char attempt_models[LIMIT_ATTEMPTS][LIMIT_MODEL_NAME]; /* likewise */
};

/* ERR_MISSING: no such trace (any more). */
int store_trace_get(struct store *store, struct uuid request_id,
                    struct store_trace *out) MUST_CHECK;

/* The routes that were looked at, in that order: up to n of them. No choices: 0 and none. */
struct store_choice {
    uint32_t route_id, score;
    uint8_t attempt;
    bool is_pinned;
    char exclusion[24]; /* its name: enum route_exclusion (policy/route.h) */
};
int store_trace_choices(struct store *store, struct uuid request_id, struct store_choice *out,
                        size_t n, size_t *out_n, int64_t *out_unlisted) MUST_CHECK;

struct store_trace_filter {
    const uint64_t *key_ids;    /* of these keys, */
    size_t n_key_ids;           /* which may be none; */
    bool any_key;               /* or whatever the key */
    struct slice model;         /* empty = all */
    struct slice status;        /* "ok", "failed", a category, or empty = all */
    struct slice provenance;    /* of its figures, or empty = all */
    int64_t since_us, until_us; /* real time of acceptance: since <= t < until; 0 = open */
    struct uuid before;         /* only ids smaller than this; all zero = from the newest */
    int64_t deadline_us; /* clock_mono_us() when a search that finds little ends; 0 = never */
};
struct store_trace_page {
    struct store_trace *traces;
    size_t room, n;
    struct uuid next; /* what to go on before; all zero: there is no more */
};
/*
 * Newest first, without attempts, up to page->room of them. Where few of many are wanted it is the
 * deadline that ends a page: it may be short, or empty, before the end.
 */
int store_trace_list(struct store *store, const struct store_trace_filter *filter,
                     struct store_trace_page *page) MUST_CHECK;

/* Inside a batch: drop up to n traces (and their attempts) older than that; *out_n were dropped. */
int store_trace_expire(struct store *store, int64_t before_real_us, size_t n,
                       size_t *out_n) MUST_CHECK;

#endif
