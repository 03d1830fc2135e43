/* SPDX-License-Identifier: ISC
 *
 * flight - the in-flight slots: reservation + trace + outbox of one request.
 *
 *     FREE -> INTENT -> HELD -> DISPATCHED -> DONE -> (ledger commit) -> FREE
 *               |        |          |
 *               v        v          v
 *             FREE*    RELEASING <--+      failed before usage: hold given back at once,
 *                         |                then DONE with charge 0, so that it leaves its trace
 *                         v
 *                        DONE
 *     * refused by a quota; the refusal ring keeps the trace
 *
 * Process: a worker owns its flights until DONE, the ledger from DONE to FREE. All moves go through
 * the functions here, which assert that they are legal.
 *
 * Crash: what each kill costs, and who repairs it, is said at flight_move in flight.c.
 *
 * Doorbell: DONE is announced by slot index through a one-producer one-consumer ring; a lost entry
 * costs a scan, never a record. The ledger hands freed indices back the same way.
 */
#ifndef RELAYOS_SHM_FLIGHT_H
#define RELAYOS_SHM_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/model/flight.h"
#include "relayos/shm/segment.h"

enum flight_state {
    FLIGHT_FREE,
    FLIGHT_INTENT, /* reserving: ambiguous whether the cells were charged */
    FLIGHT_HELD,
    FLIGHT_DISPATCHED,
    FLIGHT_RELEASING, /* giving back: ambiguous */
    FLIGHT_DONE,
    FLIGHT_N_STATES
};
const char *flight_state_name(enum flight_state state);

struct flight; /* a slot */

/* ---- worker side ---- */

/* Per worker, process-local: free list over its slot array plus its two rings. slot = proc slot. */
struct flight_desk;
struct flight_desk *flight_desk_open(struct segment *segment, uint32_t slot);
void flight_desk_close(struct flight_desk **desk);

/*
 * A free slot, or NULL: all busy or unsettled (ERR_LEDGER_UNAVAILABLE). Of its record all numbers
 * are zero and all texts empty; attempts past n_attempts and tiers past n_tiers hold anything.
 */
struct flight *flight_take(struct flight_desk *desk);
/* A slot that was taken but never came to INTENT, or was refused, goes back. */
void flight_put_back(struct flight_desk *desk, struct flight *flight);

/* Its slot is wanted soon, and has left the cache: others worked while a provider did. */
void flight_expect(const struct flight *flight);

/* The record, written by the owner alone; see model/flight.h for what is written when. */
struct flight_record *flight_record(struct flight *flight);

/*
 * FREE -> INTENT -> HELD: reserve every hold of the record, all or nothing. On ERR_QUOTA_EXCEEDED
 * nothing stays reserved, the state is FREE again and *out_failed is the index of the hold that did
 * not fit. What only a shadow would have refused is marked in the record. Holds whose cell was
 * recycled meanwhile give ERR_CONFLICT: look the key up again.
 */
int flight_hold(struct segment *segment, struct flight *flight, uint32_t *out_failed) MUST_CHECK;
/* HELD -> DISPATCHED: just before the first byte goes upstream. */
void flight_dispatch(struct flight *flight);
/* Usage seen so far (double-buffered: a kill in the middle leaves the last whole one). */
void flight_note_usage(struct flight *flight, const struct usage *usage);
/* HELD|DISPATCHED -> RELEASING -> DONE: failed before usage; the holds go back at once. */
void flight_release(struct segment *segment, struct flight_desk *desk, struct flight *flight);
/* DISPATCHED -> DONE: record.usage, charge, provenance are final. Rings the doorbell. */
void flight_done(struct segment *segment, struct flight_desk *desk, struct flight *flight);
/*
 * Both endings above first give back a concurrency hold (unit LIMIT_UNIT_CONCURRENT), which must
 * not wait for the settlement; the other holds of a DONE flight are released by the ledger.
 */

/*
 * How often the slot was taken: with it, whoever ended a flight may ask until it is taken again,
 * and after, whether the ledger has committed its row.
 */
uint32_t flight_n_uses(const struct flight *flight);
bool flight_is_settled(const struct flight *flight, uint32_t n_uses);
/*
 * HELD: ask the ledger for a durable note of the call that is about to be made. Until it is noted
 * the flight may only be released.
 */
void flight_ask_intent(struct flight_desk *desk, struct flight *flight);
bool flight_intent_is_noted(const struct flight *flight);

/* Doorbells not yet taken by the ledger. */
uint32_t flight_desk_n_unsettled(const struct flight_desk *desk);

/* ---- ledger and master side ---- */

/* Index of a slot over the whole segment: worker slot x flights_per_worker + n. */
uint32_t flight_n_slots(const struct segment *segment);
enum flight_state flight_peek(const struct segment *segment, uint32_t idx);
/*
 * Copy out record, state and the last whole usage (nothing if FREE). For a running flight of a
 * living worker the texts may be torn (display only); states and numbers are whole words.
 */
enum flight_state flight_copy(const struct segment *segment, uint32_t idx,
                              struct flight_record *out);
/*
 * Next announced DONE slot of worker `slot`, or false. Ledger only. A scan may have found the same
 * slot before, so the ledger must know what is in its batch already: settled twice is a lost row.
 */
bool flight_doorbell_take(struct segment *segment, uint32_t slot, uint32_t *out_idx);
/*
 * Flights that ask for a note of their intent: the next announced one of worker `slot`, or false;
 * does this one ask (for a scan); the note is durable. Ledger only.
 */
bool flight_ask_take(struct segment *segment, uint32_t slot, uint32_t *out_idx);
bool flight_is_asking(const struct segment *segment, uint32_t idx);
void flight_intent_noted(struct segment *segment, uint32_t idx);
/*
 * DONE -> FREE after commit, with the holds released (quota_charge comes first, by the caller).
 * Killed in the middle, the slot is DONE still: the next ledger finds the row in its store, charges
 * nothing, and calls this again; what was half released is then quota_reconcile_all()'s.
 */
void flight_settled(struct segment *segment, uint32_t idx);

/* True if its worker is dead and it is neither FREE nor DONE: the undertaker's. */
bool flight_is_orphan(const struct segment *segment, uint32_t idx);
/*
 * The undertaker ends an orphan: DONE with what *record (from flight_copy) says, its quota holds
 * kept for flight_settled. Holds that its worker was just taking or
 * giving back are uncertain: call quota_reconcile_all() after the last one. Ledger only.
 */
void flight_bury(struct segment *segment, uint32_t idx, const struct flight_record *record);

#endif
