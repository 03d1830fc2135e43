/* SPDX-License-Identifier: ISC
 *
 * store_key - keys as rows: digests, never secrets.
 *
 * Limits (and max_concurrent) belong to a key's group, its chain of rotations: writing them through
 * one key of a group writes them for all.
 *
 * Process: the ledger. Ownership: store_key_fini() frees what a record read from here owns.
 */
#ifndef RELAYOS_STORE_STORE_KEY_H
#define RELAYOS_STORE_STORE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/slice.h"
#include "relayos/model/key.h"
#include "relayos/store/store.h"

void store_key_fini(struct key_record *key);

/* One row each, or ERR_MISSING. A name finds the newest active key of that name, else a revoked one
 * if it is alone; last4 must be unambiguous among keys that are not revoked (else ERR_CONFLICT). */
int store_key_get(struct store *store, uint64_t id, struct key_record *out) MUST_CHECK;
int store_key_find_digest(struct store *store, const uint8_t digest[KEY_DIGEST_SIZE],
                          struct key_record *out) MUST_CHECK;
int store_key_find_name(struct store *store, struct slice name, struct key_record *out) MUST_CHECK;
int store_key_find_last4(struct store *store, struct slice last4,
                         struct key_record *out) MUST_CHECK;

int store_key_name(struct store *store, uint64_t id, char out[LIMIT_NAME]) MUST_CHECK;

/* Keys after an id in ascending order; "" and 0 match all. */
struct store_key_filter {
    struct slice owner, tool, state; /* state: "active", "disabled", "expired", "revoked" */
    uint64_t group_id;
    int64_t now_us;     /* what "expired" is measured by */
    bool only_declared; /* source is the keys file, not revoked */
    bool only_live;     /* not revoked */
};
int store_key_next(struct store *store, const struct store_key_filter *filter, uint64_t after,
                   struct key_record *out) MUST_CHECK;
/* Ids of keys before an id (0: from the newest on), the newest first: up to n of them. "text" is a
 * part of the name, whatever its case, or the last four characters. */
struct store_key_search {
    struct slice owner, tool, state, text; /* "" = all */
    int64_t now_us;
    uint64_t before;
};
int store_key_search(struct store *store, const struct store_key_search *search, uint64_t *out,
                     size_t n, size_t *out_n) MUST_CHECK;

/*
 * Up to n keys that are not revoked, after an id, in ascending order; fewer: there are no more. In
 * three ordered passes where store_key_next() looks up each key: for a start. last_used_us is 0.
 * The page owns its keys' models.
 */
struct store_key_page {
    struct key_record *keys;
    size_t n, capacity;
    char (*models)[LIMIT_MODEL_NAME];
    size_t n_models, models_capacity;
};
int store_key_page_load(struct store *store, uint64_t after, size_t n,
                        struct store_key_page *page) MUST_CHECK;
void store_key_page_fini(struct store_key_page *page);

/* A key that was rotated and whose overlap is over, but which is not revoked yet. */
int store_key_rotated_out(struct store *store, int64_t now_us, struct key_record *out) MUST_CHECK;

/*
 * Inside a batch. Insert sets key->id (and group_id, if 0, to it). ERR_EXISTS when an active key
 * has this name. Update writes everything but id, digest, group and what was used. (last_used_us is
 * read from the usage sums: no key's row is written because it was used.)
 */
int store_key_insert(struct store *store, struct key_record *key) MUST_CHECK;
int store_key_update(struct store *store, const struct key_record *key) MUST_CHECK;

#endif
