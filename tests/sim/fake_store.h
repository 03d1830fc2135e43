/* SPDX-License-Identifier: ISC
 *
 * fake_store - the store in memory, for the simulator: rows by number of the request, batches that
 * are all or nothing, and a commit after which the ledger may never hear of it.
 */
#ifndef SIM_FAKE_STORE_H
#define SIM_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/model/key.h"
#include "relayos/store/store_ledger.h"

#define FAKE_STORE_KEYS 16

struct fake_row {
    bool is_there;
    uint64_t key_id;
    int64_t charge_nusd, quota_tokens;
    uint8_t provenance;
};

/* Rows for requests 0 .. n - 1, and keys with these ids 1 .. n_keys. Forgets what was before. */
void fake_store_reset(size_t n_requests, struct key_record *keys, size_t n_keys);
/* The durable row of a request. */
const struct fake_row *fake_store_row(uint64_t request);
/* Durable sums of a key. */
void fake_store_sums(uint64_t key_id, int64_t *out_nusd, int64_t *out_tokens);
/* Inserts that met another row of the same request. */
uint64_t fake_store_conflicts(void);

/* The number that a request id carries. */
struct uuid fake_store_id(uint64_t request);

#endif
