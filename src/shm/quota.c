/* SPDX-License-Identifier: ISC
 *
 * quota - the cells: admission by one CAS, charge and release by the ledger, and reconcile, which
 * finds what is reserved from the flights themselves.
 *
 * Why reconcile is exact. For a cell it reads (reserved, version), sums the flights that hold on
 * it, and swaps (reserved, version) for (sum, version + 1). Every change of reserved changes
 * version, so if the swap succeeds, reserved was constant in between, and so was each flight's
 * share in it:
 *  - A worker stores "moving" in the head before its CAS on the word and "held" (or nothing) after.
 *    We read the word first: a CAS that is in what we read has its "moving", or what came after it,
 *    in what we then read of the head; a CAS that is not makes our swap fail.
 *  - "moving" of a living worker says nothing, so we try again; of a dead one it counts as nothing,
 *    which is what the flight is about to become (if it stands there still once we know of the
 *    death: it may have come to "held" before). In a DONE flight the mover is a ledger: not us, so
 *    a dead one, after its commit.
 *  - Only the ledger frees DONE flights and closes cells, and it is here, not there.
 *
 * The version has 20 bits. To be fooled, a cell would have to change 2^20 times between our read
 * and our swap, and come out at the same sum: at 20 ns a change (one CPU doing nothing else) that
 * takes 21 ms, and a scan that took over QUOTA_SCAN_MAX_US is thrown away. (Should this process be
 * stopped just between that test and the swap, one version in a million remains, and the same sum.)
 */
#include "relayos/shm/quota.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "quota_hold.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "row_index.h"

#define QUOTA_SCAN_MAX_US     10000
#define QUOTA_RECONCILE_TRIES 256
#define QUOTA_CHUNK           8192 /* cells that share one pass over the flights */

/* Consecutive cells: what their words were, and what the flights say. */
struct chunk {
    uint32_t first, n;
    uint64_t words[QUOTA_CHUNK];
    int64_t sums[QUOTA_CHUNK]; /* negative: uncertain */
};

static int reserve(struct quota_cell *cell, uint32_t generation, int64_t amount, bool *out_is_over);
static void ledger_index(struct segment *segment);
static bool has_id(const struct quota_cell *cell, const struct quota_cell_id *id);
static uint64_t hash_of_cell(const struct quota_cell *cell);
static uint64_t hash_of_id(const struct quota_cell_id *id);
static int reconcile_chunk(struct segment *segment, struct chunk *chunk);
static void sum_flights_of_chunk(const struct segment *segment, struct chunk *chunk);
static int reconcile_cell(struct segment *segment, uint32_t cell_idx);
static bool sum_flights(const struct segment *segment, uint32_t cell_idx, int64_t *out_sum);
static int share_of(const struct segment *segment, uint32_t idx, unsigned *out_held,
                    unsigned *out_uncertain);
static uint64_t word_pack(int64_t reserved, uint64_t version);
static int64_t word_reserved(uint64_t word);

struct quota_cell *
quota_cell_at(const struct segment *segment, uint32_t idx, uint32_t generation)
{
    if (idx >= segment->capacity.quota_cells || generation == 0)
        return NULL;

    struct quota_cell *cell = &segment->quota_cells[idx];
    uint64_t word = atomic_load_explicit(&cell->word, memory_order_acquire);

    assert(cell->magic == QUOTA_MAGIC);
    if (word_reserved(word) == QUOTA_CLOSED ||
        atomic_load_explicit(&cell->generation, memory_order_acquire) != generation)
        return NULL;
    return cell;
}

int
quota_hold(const struct segment *segment, struct flight_hold *hold, struct quota_held *out)
{
    struct quota_cell *cell = quota_cell_at(segment, hold->cell_idx, hold->generation);

    if (cell == NULL)
        return ERR_CONFLICT;

    int err = reserve(cell, hold->generation, hold->amount, &out->is_over);

    if (err == ERR_QUOTA_EXCEEDED && out->is_over) {
        hold->amount = 0;
        err = 0;
    }
    out->is_concurrent =
        atomic_load_explicit(&cell->unit, memory_order_relaxed) == LIMIT_UNIT_CONCURRENT;
    return err;
}

/* *out_is_over: it does not fit, but the cell is a shadow. */
static int
reserve(struct quota_cell *cell, uint32_t generation, int64_t amount, bool *out_is_over)
{
    assert(cell->magic == QUOTA_MAGIC);
    assert(amount >= 0);

    /*
     * The word first, the rest second. If this word no longer holds a settled reservation, acquire
     * makes the charge that preceded its release visible; if it still does, we are too strict.
     * Likewise a cell that was closed, or closed and opened for another limit, shows it here or
     * fails the CAS.
     */
    uint64_t word = atomic_load_explicit(&cell->word, memory_order_acquire);

    for (;;) {
        int64_t used = atomic_load_explicit(&cell->used, memory_order_acquire);
        int64_t limit = atomic_load_explicit(&cell->limit, memory_order_relaxed);
        int64_t reserved = word_reserved(word);

        if (reserved == QUOTA_CLOSED ||
            atomic_load_explicit(&cell->generation, memory_order_acquire) != generation)
            return ERR_CONFLICT;
        /* Subtract rather than add: nothing here can overflow, and overspent cells refuse. */
        bool is_full = amount > QUOTA_RESERVED_MAX - reserved;
        bool is_over = is_full || amount > limit - used - reserved;

        *out_is_over = is_over && atomic_load_explicit(&cell->is_shadow, memory_order_relaxed) != 0;
        if (is_full || is_over > *out_is_over)
            return ERR_QUOTA_EXCEEDED;
        if (atomic_compare_exchange_weak_explicit(&cell->word, &word,
                                                  word_pack(reserved + amount, word + 1),
                                                  memory_order_acq_rel, memory_order_acquire))
            return 0;
    }
}

void
quota_unhold(const struct segment *segment, const struct flight_hold *hold)
{
    /* A hold of nothing (a free model) keeps no cell open: it may be closed by now. */
    if (hold->amount == 0)
        return;

    struct quota_cell *cell = quota_cell_at(segment, hold->cell_idx, hold->generation);

    assert(cell != NULL && hold->amount > 0);

    uint64_t word = atomic_load_explicit(&cell->word, memory_order_relaxed);
    uint64_t next;

    do {
        int64_t reserved = word_reserved(word);

        /* A release without its reserve is a bug; a cell that is held on cannot be closed. */
        assert(reserved != QUOTA_CLOSED && reserved >= hold->amount);
        next = word_pack(reserved - hold->amount, word + 1);
    } while (!atomic_compare_exchange_weak_explicit(&cell->word, &word, next, memory_order_acq_rel,
                                                    memory_order_relaxed));
}

void
quota_charge(struct quota_cell *cell, int64_t used)
{
    assert(cell->magic == QUOTA_MAGIC);
    assert(used >= 0);

    atomic_fetch_add_explicit(&cell->used, used, memory_order_release);
}

void
quota_view(const struct quota_cell *cell, struct quota_view *out)
{
    /* reserved before used, as an admission does: what is in between is counted twice, not lost. */
    out->reserved = word_reserved(atomic_load_explicit(&cell->word, memory_order_acquire));
    if (out->reserved == QUOTA_CLOSED)
        out->reserved = 0;
    out->used = atomic_load_explicit(&cell->used, memory_order_acquire);
    out->limit = atomic_load_explicit(&cell->limit, memory_order_relaxed);
    out->period_id = atomic_load_explicit(&cell->period_id, memory_order_relaxed);
    out->model_id = atomic_load_explicit(&cell->model_id, memory_order_relaxed);
    out->unit = (uint8_t)atomic_load_explicit(&cell->unit, memory_order_relaxed);
    out->is_shadow = atomic_load_explicit(&cell->is_shadow, memory_order_relaxed) != 0;
}

/* ---- cells come and go: the ledger alone ---- */

int
quota_cell_open(struct segment *segment, const struct quota_cell_id *id,
                const struct quota_terms *terms, uint32_t *out_idx, uint32_t *out_generation)
{
    uint64_t hash = hash_of_id(id);

    assert(terms->limit >= 0);
    ledger_index(segment);

    uint32_t idx = row_index_first(segment->cells_by_limit, hash);

    for (; idx != ROW_INDEX_END; idx = row_index_next(segment->cells_by_limit, idx)) {
        if (has_id(&segment->quota_cells[idx], id))
            break;
    }
    bool is_new = idx == ROW_INDEX_END;

    if (is_new)
        idx = row_index_take_free(segment->cells_by_limit);
    if (idx == ROW_INDEX_END)
        return ERR_FULL;

    struct quota_cell *cell = &segment->quota_cells[idx];

    atomic_store_explicit(&cell->is_shadow, terms->is_shadow, memory_order_relaxed);
    atomic_store_explicit(&cell->limit, terms->limit, memory_order_release);
    atomic_store_explicit(&cell->used, terms->used, memory_order_release);
    if (is_new) {
        uint64_t word = atomic_load_explicit(&cell->word, memory_order_relaxed);

        atomic_store_explicit(&cell->key_id, id->key_id, memory_order_relaxed);
        atomic_store_explicit(&cell->unit, id->unit, memory_order_relaxed);
        atomic_store_explicit(&cell->period_id, id->period_id, memory_order_relaxed);
        atomic_store_explicit(&cell->model_id, id->model_id, memory_order_relaxed);
        atomic_fetch_add_explicit(&cell->generation, 1, memory_order_release);
        /* Last: until here the cell is free, and a ledger killed before it has done nothing. */
        atomic_store_explicit(&cell->word, word_pack(0, word + 1), memory_order_release);
        row_index_add(segment->cells_by_limit, hash, idx);
    }
    *out_idx = idx;
    *out_generation = atomic_load_explicit(&cell->generation, memory_order_relaxed);
    return 0;
}

int
quota_cell_info(const struct segment *segment, uint32_t idx, struct quota_cell_info *out)
{
    assert(idx < segment->capacity.quota_cells);

    const struct quota_cell *cell = &segment->quota_cells[idx];

    if (word_reserved(atomic_load_explicit(&cell->word, memory_order_acquire)) == QUOTA_CLOSED)
        return ERR_MISSING;
    out->id.key_id = atomic_load_explicit(&cell->key_id, memory_order_relaxed);
    out->id.period_id = atomic_load_explicit(&cell->period_id, memory_order_relaxed);
    out->id.model_id = atomic_load_explicit(&cell->model_id, memory_order_relaxed);
    out->id.unit = (uint8_t)atomic_load_explicit(&cell->unit, memory_order_relaxed);
    out->generation = atomic_load_explicit(&cell->generation, memory_order_relaxed);
    return 0;
}

void
quota_set_used(struct quota_cell *cell, int64_t used)
{
    assert(cell->magic == QUOTA_MAGIC && used >= 0);
    atomic_store_explicit(&cell->used, used, memory_order_release);
}

int
quota_cell_close(struct segment *segment, uint32_t idx)
{
    assert(idx < segment->capacity.quota_cells);
    ledger_index(segment);

    struct quota_cell *cell = &segment->quota_cells[idx];
    uint64_t word = atomic_load_explicit(&cell->word, memory_order_acquire);

    do {
        assert(word_reserved(word) != QUOTA_CLOSED);
        if (word_reserved(word) != 0)
            return ERR_BUSY;
    } while (!atomic_compare_exchange_weak_explicit(&cell->word, &word,
                                                    word_pack(QUOTA_CLOSED, word + 1),
                                                    memory_order_acq_rel, memory_order_acquire));
    row_index_remove(segment->cells_by_limit, hash_of_cell(cell), idx);
    row_index_put_free(segment->cells_by_limit, idx);
    return 0;
}

/* Open cells by limit and the list of free ones, found once per ledger. */
static void
ledger_index(struct segment *segment)
{
    if (segment->cells_by_limit != NULL)
        return;
    segment->cells_by_limit = row_index_new(segment->capacity.quota_cells);
    for (uint32_t idx = segment->capacity.quota_cells; idx-- > 0;) {
        struct quota_cell *cell = &segment->quota_cells[idx];
        uint64_t word = atomic_load_explicit(&cell->word, memory_order_acquire);

        if (word_reserved(word) == QUOTA_CLOSED)
            row_index_put_free(segment->cells_by_limit, idx);
        else
            row_index_add(segment->cells_by_limit, hash_of_cell(cell), idx);
    }
}

static bool
has_id(const struct quota_cell *cell, const struct quota_cell_id *id)
{
    return cell->key_id == id->key_id && cell->unit == id->unit &&
           cell->period_id == id->period_id && cell->model_id == id->model_id;
}

static uint64_t
hash_of_cell(const struct quota_cell *cell)
{
    return hash_of_id(&(struct quota_cell_id){.key_id = cell->key_id,
                                              .period_id = cell->period_id,
                                              .model_id = cell->model_id,
                                              .unit = (uint8_t)cell->unit});
}

static uint64_t
hash_of_id(const struct quota_cell_id *id)
{
    uint64_t h = id->key_id * UINT64_C(0x9e3779b97f4a7c15) ^
                 ((uint64_t)id->model_id << 34 ^ (uint64_t)id->period_id << 2 ^ id->unit);

    h *= UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ h >> 32;
}

/* ---- reconcile ---- */

int
quota_reconcile_all(struct segment *segment)
{
    struct chunk *chunk = mem_alloc(sizeof(*chunk));
    uint32_t n_cells = segment->capacity.quota_cells;
    int result = 0;

    for (uint32_t first = 0; first < n_cells; first += QUOTA_CHUNK) {
        chunk->first = first;
        chunk->n = n_cells - first < QUOTA_CHUNK ? n_cells - first : QUOTA_CHUNK;
        if (reconcile_chunk(segment, chunk) != 0)
            result = ERR_BUSY;
    }
    free(chunk);
    return result;
}

/* Most cells are as they were and as they should be; the rest are looked at one by one. */
static int
reconcile_chunk(struct segment *segment, struct chunk *chunk)
{
    struct quota_cell *cells = segment->quota_cells + chunk->first;
    int64_t start_us = clock_mono_us();
    int result = 0;

    for (uint32_t c = 0; c < chunk->n; c++)
        chunk->words[c] = atomic_load_explicit(&cells[c].word, memory_order_acquire);
    sum_flights_of_chunk(segment, chunk);
    for (uint32_t c = 0; c < chunk->n; c++)
        if (atomic_load_explicit(&cells[c].word, memory_order_acquire) != chunk->words[c])
            chunk->sums[c] = INT64_MIN;

    bool is_stale = clock_mono_us() - start_us > QUOTA_SCAN_MAX_US;

    for (uint32_t c = 0; c < chunk->n; c++) {
        int64_t reserved = word_reserved(chunk->words[c]);

        if (reserved != chunk->sums[c] || is_stale)
            if (reserved != QUOTA_CLOSED && reconcile_cell(segment, chunk->first + c) != 0)
                result = ERR_BUSY;
    }
    return result;
}

static void
sum_flights_of_chunk(const struct segment *segment, struct chunk *chunk)
{
    uint32_t n_slots = flight_n_slots(segment);

    memset(chunk->sums, 0, chunk->n * sizeof(chunk->sums[0]));
    for (uint32_t idx = 0; idx < n_slots; idx++) {
        unsigned held, uncertain;
        int n_holds = share_of(segment, idx, &held, &uncertain);

        for (int i = 0; i < n_holds; i++) {
            const struct flight_hold *hold = &segment->flight_slots[idx].record.holds[i];
            uint32_t c = hold->cell_idx - chunk->first;

            if (c >= chunk->n)
                continue;
            if (uncertain >> i & 1)
                chunk->sums[c] = INT64_MIN;
            else if (held >> i & 1)
                chunk->sums[c] += hold->amount;
        }
    }
}

static int
reconcile_cell(struct segment *segment, uint32_t cell_idx)
{
    struct quota_cell *cell = &segment->quota_cells[cell_idx];

    for (int n = 0; n < QUOTA_RECONCILE_TRIES; n++) {
        int64_t start_us = clock_mono_us();
        uint64_t word = atomic_load_explicit(&cell->word, memory_order_acquire);
        int64_t sum;

        if (word_reserved(word) == QUOTA_CLOSED)
            return 0; /* nothing can be held on it */
        if (!sum_flights(segment, cell_idx, &sum)) {
            (void)sched_yield(); /* the worker in the middle may be waiting for this CPU */
            continue;
        }
        atomic_thread_fence(memory_order_acquire); /* the holds were read before the swap */
        /* A sum past the field: flights changed under the scan, and so did the word. */
        if (clock_mono_us() - start_us > QUOTA_SCAN_MAX_US || sum > QUOTA_RESERVED_MAX)
            continue;
        if (atomic_compare_exchange_strong_explicit(&cell->word, &word, word_pack(sum, word + 1),
                                                    memory_order_acq_rel, memory_order_relaxed))
            return 0;
    }
    return ERR_BUSY;
}

/* What all flights hold on one cell; false if a living worker is in the middle of a move on it. */
static bool
sum_flights(const struct segment *segment, uint32_t cell_idx, int64_t *out_sum)
{
    uint32_t n_slots = flight_n_slots(segment);
    uint32_t generation = segment->quota_cells[cell_idx].generation;
    int64_t sum = 0;

    for (uint32_t idx = 0; idx < n_slots; idx++) {
        unsigned held, uncertain;
        int n_holds = share_of(segment, idx, &held, &uncertain);

        for (int i = 0; i < n_holds; i++) {
            const struct flight_hold *hold = &segment->flight_slots[idx].record.holds[i];

            if (hold->cell_idx != cell_idx || hold->generation != generation)
                continue;
            if (uncertain >> i & 1)
                return false;
            if (held >> i & 1)
                sum += hold->amount;
        }
    }
    *out_sum = sum;
    return true;
}

/*
 * Which holds of a flight count, and which nobody can tell; returns how many holds to look at (0
 * for the many that are FREE: their record is not touched). A living worker may be rewriting the
 * holds of a slot that we saw in INTENT; what it held under the old ones is then back, and the swap
 * fails.
 */
static int
share_of(const struct segment *segment, uint32_t idx, unsigned *out_held, unsigned *out_uncertain)
{
    const _Atomic uint64_t *at = &segment->flight_heads[idx];
    uint64_t head = atomic_load_explicit(at, memory_order_acquire);
    unsigned moving = shm_head_byte(head, FLIGHT_MOVING_SHIFT);
    uint32_t worker = idx / segment->capacity.flights_per_worker;

    *out_held = shm_head_byte(head, FLIGHT_HELD_SHIFT);
    *out_uncertain = 0;
    if (moving != 0 && shm_head_state(head) != FLIGHT_DONE &&
        (proc_slot_is_living(segment, worker, shm_head_generation(head)) ||
         atomic_load_explicit(at, memory_order_acquire) != head))
        *out_uncertain = moving;
    /* The highest bit of either: holds past it are neither held nor uncertain. */
    return *out_held | *out_uncertain ? 32 - __builtin_clz(*out_held | *out_uncertain) : 0;
}

static uint64_t
word_pack(int64_t reserved, uint64_t version)
{
    return (uint64_t)reserved << QUOTA_VERSION_BITS | (version & QUOTA_VERSION_MASK);
}

static int64_t
word_reserved(uint64_t word)
{
    return (int64_t)(word >> QUOTA_VERSION_BITS);
}
