/* SPDX-License-Identifier: ISC
 *
 * key_table - digest -> key: an open-addressing index over dense rows, each under a seqlock.
 *
 * Process:  the ledger writes, workers and the master copy out.
 * Order:    limits are provisioned (quota cells) before the key is published; revoke and disable
 *           are one atomic store, seen by every worker at its next lookup.
 * Failure:  a writer killed inside a row leaves its sequence odd: readers treat the row as absent
 *           after a bounded number of tries, and the next ledger publishes every row anew.
 */
#ifndef RELAYOS_SHM_KEY_TABLE_H
#define RELAYOS_SHM_KEY_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/model/key.h"
#include "relayos/shm/segment.h"

/* One quota of a key: the cells of this period and of the next, and where one ends. */
struct key_limit_cells {
    uint8_t unit;   /* enum limit_unit */
    uint8_t period; /* enum limit_period */
    uint8_t pad[2];
    uint32_t model_id;    /* counts this model alone; QUOTA_ALL_MODELS */
    uint32_t cell_idx[2]; /* [0] until boundary_us, [1] from there until next_boundary_us */
    uint32_t cell_generation[2];
    uint32_t period_id[2]; /* base/period.h; 0 = total */
    int64_t boundary_us;   /* real time; INT64_MAX for a total limit */
    int64_t next_boundary_us;
};

/* What the ledger publishes and a worker copies out. */
struct key_view {
    uint64_t key_id;
    uint32_t row;             /* index of the row: rate cells have the same index */
    uint32_t flags;           /* enum key_flag, with the atomic part merged in */
    uint64_t group_id;        /* of its chain of rotations */
    uint64_t owner_hash;      /* of owner (hash_table64 of the name): seals are bound to it */
    int64_t expires_us;       /* real time, 0 = never */
    int64_t capture_until_us; /* real time: until then its calls are kept; 0 = they are not */
    int64_t requests_per_minute, tokens_per_minute; /* 0 = none */
    uint8_t tool, n_limits;
    uint8_t policy; /* enum route_policy + 1; 0 = as each model says */
    uint8_t n_networks;
    uint8_t pad[4];
    uint64_t scope[LIMIT_MODELS / 64]; /* bitmap of model ids; see KEY_ALL_MODELS */
    /* Copies have the first n_limits of them. */
    struct key_limit_cells limits[LIMIT_KEY_LIMITS + 1]; /* + concurrency */
    /* It may be used from these; none = from anywhere. Copies have the first n_networks of them. */
    struct address_range networks[LIMIT_KEY_NETWORKS];
};

/* Worker: copy of the row whose digest this is, or ERR_INVALID_KEY, for the same work. */
int key_table_find(const struct segment *segment, const uint8_t digest[KEY_DIGEST_SIZE],
                   struct key_view *out) MUST_CHECK;
bool key_view_may_use(const struct key_view *view, uint32_t model_id);

/*
 * Ledger: insert or replace the row of view->key_id (view->row is filled in). ERR_FULL at capacity
 * (rows of revoked keys are recycled first), ERR_EXISTS when another key has this digest.
 */
int key_table_publish(struct segment *segment, const uint8_t digest[KEY_DIGEST_SIZE],
                      struct key_view *view) MUST_CHECK;
/* Ledger: set flags of a row at once (disable, enable, revoke). */
void key_table_set_flags(struct segment *segment, uint32_t row, uint32_t flags);
/* Copy by row (ledger, master); ERR_MISSING if it holds no key. */
int key_table_at(const struct segment *segment, uint32_t row, struct key_view *out) MUST_CHECK;
/* Ledger at start: forget all rows (workers see 401 until they are published again) - only on a
 * fresh segment. A taken-over segment is published over, row by row. */
uint32_t key_table_n_rows(const struct segment *segment);

#endif
