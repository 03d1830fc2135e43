/* SPDX-License-Identifier: ISC
 *
 * recall - what clients were given and cannot bring back, remembered for a while: by a call's id
 * the reasoning that led to it, by an item's id the item itself. In memory alone, never on disk nor
 * in a core dump.
 *
 * Process:   written by workers, each into the ring of its own slot; read by all of them. Who takes
 *            over a slot goes on where its ring was left: what lies in it stays.
 * Failure:   a miss. What is overwritten, expired, torn or too large (a quarter of a ring) is not
 *            there; a worker killed at any instant leaves no wrong record.
 */
#ifndef RELAYOS_SHM_RECALL_H
#define RELAYOS_SHM_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/slice.h"
#include "relayos/shm/segment.h"

enum recall_kind {
    RECALL_CALL, /* a tool call: the carriers (codec/carrier.h) of its reasoning */
    RECALL_ITEM  /* an item of a Responses answer: its JSON */
};

/* Nobody finds what another owner was given: a key has the owner as he is, not hashed. */
struct recall_name {
    enum recall_kind kind;
    uint64_t owner_hash;
    uint64_t conversation; /* where the same id may mean another thing in another one; else 0 */
    struct slice id;
};
struct recall_key {
    uint64_t owner_hash, conversation;
    uint64_t id;    /* and kind, hashed */
    uint64_t place; /* in the index: a hash of all */
};
struct recall_key recall_key_of(const struct recall_name *name);

/* False: it is not remembered (no room is set aside, or it is too large). */
bool recall_keep(struct segment *segment, uint32_t slot, const struct recall_key *key,
                 struct slice bytes, int64_t now_us);

/* Append the newest of that key not older than ttl_us; false: a miss, and out is as it was. */
bool recall_find(const struct segment *segment, const struct recall_key *key, int64_t ttl_us,
                 int64_t now_us, struct buf *out);

#endif
