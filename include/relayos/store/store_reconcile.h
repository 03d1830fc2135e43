/* SPDX-License-Identifier: ISC
 *
 * store_reconcile - attempts by the id that the upstream gave them: to set a provider's own list of
 * what it served against ours.
 *
 * The database has no index for what is asked twice a year; it is read once, in slices between
 * settlements, and kept in memory until the list is through.
 */
#ifndef RELAYOS_STORE_STORE_RECONCILE_H
#define RELAYOS_STORE_STORE_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/limits.h"
#include "relayos/base/slice.h"
#include "relayos/base/text.h"
#include "relayos/store/store.h"

struct store_reconcile_attempt {
    struct uuid request_id;
    uint32_t attempt;
    uint8_t outcome, provenance; /* enum attempt_outcome, enum usage_provenance */
    bool is_seen;                /* for the caller: what it never set is in no list */
    int64_t input_tokens, output_tokens, cost_nusd;
    char upstream_request_id[48];
    char upstream[LIMIT_NAME];
};

struct store_reconcile;

/* Attempts of requests accepted since <= t < until (real time). */
struct store_reconcile *store_reconcile_new(int64_t since_us, int64_t until_us);
void store_reconcile_free(struct store_reconcile **reconcile);
/* Read the next slice of attempts that have an upstream id; *out_is_done: those were the last. */
int store_reconcile_load(struct store *store, struct store_reconcile *reconcile,
                         bool *out_is_done) MUST_CHECK;

/* Once all is loaded: the attempt of that upstream id, or NULL. */
struct store_reconcile_attempt *store_reconcile_find(struct store_reconcile *reconcile,
                                                     struct slice upstream_request_id);
/* Those of one request: the first of them, NULL if none. (Our own id may be in the list.) */
struct store_reconcile_attempt *store_reconcile_of_request(struct store_reconcile *reconcile,
                                                           struct uuid request_id);
size_t store_reconcile_count(const struct store_reconcile *reconcile);
/* In order of upstream id, n < count. */
struct store_reconcile_attempt *store_reconcile_at(struct store_reconcile *reconcile, size_t n);

#endif
