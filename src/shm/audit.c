/* SPDX-License-Identifier: ISC
 *
 * audit - table by table; each check names what it found, for the log.
 */
#include "relayos/shm/audit.h"

#include <stdlib.h>
#include <string.h>

#include "audit_flight.h"
#include "doorbell.h"
#include "layout.h"

#define TRIES 3 /* a living process may be at it: damage stays */

static int check_header(const struct segment *segment, struct errmsg *why);
static int check_processes(const struct segment *segment, struct errmsg *why);
static int check_keys(const struct segment *segment, struct errmsg *why);
static const char *key_fault(const struct segment *segment, uint32_t row);
static int check_key_index(const struct segment *segment, struct errmsg *why);
static int check_cells(const struct segment *segment, struct errmsg *why);
static const char *cell_fault(const struct quota_cell *cell);
static int check_rings(const struct segment *segment, struct errmsg *why);
static const char *doorbell_fault(const struct segment *segment, uint32_t slot, int which);
static int damage(struct errmsg *why, const char *table, uint32_t n, const char *fault);

int
audit_segment(const struct segment *segment, struct errmsg *why)
{
    static int (*const checks[])(const struct segment *segment, struct errmsg *why) = {
        check_header, check_processes, check_key_index,    check_keys,
        check_cells,  check_rings,     audit_flight_heads, audit_flight_sums,
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && rc == 0; i++)
        rc = checks[i](segment, why);
    return rc;
}

static int
damage(struct errmsg *why, const char *table, uint32_t n, const char *fault)
{
    errmsg_set(why, "%s %u: %s", table, n, fault);
    return ERR_UNSAFE;
}

static int
check_header(const struct segment *segment, struct errmsg *why)
{
    const struct shm_header *header = segment->header;

    if (header->magic != SHM_MAGIC || header->layout_version != SHM_LAYOUT_VERSION ||
        header->header_size != sizeof(*header) || header->size != segment->size ||
        memcmp(&header->capacity, &segment->capacity, sizeof(header->capacity)) != 0)
        return damage(why, "header", 0, "identity or capacities");
    if (atomic_load_explicit(&header->admission_open, memory_order_relaxed) > 1 ||
        atomic_load_explicit(&header->key_n_rows, memory_order_relaxed) > segment->capacity.keys)
        return damage(why, "header", 0, "counters");
    if (atomic_load_explicit(&segment->registry->n_names, memory_order_relaxed) > LIMIT_MODELS)
        return damage(why, "registry", 0, "number of names");
    for (uint32_t n = 0; n < SHM_REGISTRY_INDEX; n++) {
        if (atomic_load_explicit(&segment->registry->index[n], memory_order_relaxed) > LIMIT_MODELS)
            return damage(why, "registry", n, "index");
    }
    return 0;
}

static int
check_processes(const struct segment *segment, struct errmsg *why)
{
    for (uint32_t slot = 0; slot < proc_slot_count(segment); slot++) {
        const struct proc_slot *s = &segment->proc_slots[slot];
        bool is_worker = slot < segment->capacity.n_workers;
        uint32_t role = atomic_load_explicit(&s->role, memory_order_relaxed);

        if (atomic_load_explicit(&s->state, memory_order_relaxed) > PROC_DEAD)
            return damage(why, "process slot", slot, "state");
        /* Nobody was ever there: all zeros, which is the role of the master. */
        if ((uint32_t)atomic_load_explicit(&s->claim, memory_order_relaxed) != 0 &&
            role != (is_worker ? PROC_WORKER : slot - segment->capacity.n_workers))
            return damage(why, "process slot", slot, "role");
    }
    return 0;
}

static int
check_key_index(const struct segment *segment, struct errmsg *why)
{
    uint32_t n_rows = atomic_load_explicit(&segment->header->key_n_rows, memory_order_acquire);

    for (uint32_t n = 0; n < segment->n_key_entries; n++) {
        uint64_t entry = atomic_load_explicit(&segment->key_index[n], memory_order_relaxed);

        if (entry != KEY_ENTRY_EMPTY && (uint32_t)entry - 1 >= segment->capacity.keys)
            return damage(why, "key index", n, "names no row");
    }
    for (uint32_t row = n_rows; row < segment->capacity.keys; row++) {
        /* A row past those in use is being written for the first time, or was never. */
        if (segment->key_rows[row].view.key_id != 0 &&
            row > atomic_load_explicit(&segment->header->key_n_rows, memory_order_acquire))
            return damage(why, "key row", row, "is in use past the last one");
    }
    return 0;
}

static int
check_keys(const struct segment *segment, struct errmsg *why)
{
    uint32_t n_rows = atomic_load_explicit(&segment->header->key_n_rows, memory_order_acquire);
    const char *fault = NULL;

    for (uint32_t row = 0; row < n_rows; row++) {
        for (int n = 0; n < TRIES && (fault = key_fault(segment, row)) != NULL; n++)
            ;
        if (fault != NULL)
            return damage(why, "key row", row, fault);
    }
    return 0;
}

/* A row that is being written, or whose writer died in it, says nothing: it will be written anew.
 */
static const char *
key_fault(const struct segment *segment, uint32_t row)
{
    const struct key_row *key = &segment->key_rows[row];
    uint32_t sequence = atomic_load_explicit(&key->sequence, memory_order_acquire);
    const struct key_view *view = &key->view;
    const char *fault = NULL;

    if (sequence % 2 != 0 || view->key_id == 0)
        return NULL;
    if (view->row != row)
        fault = "number";
    if (view->n_limits > LIMIT_KEY_LIMITS + 1)
        fault = "number of limits";
    for (uint32_t i = 0; fault == NULL && i < view->n_limits; i++) {
        for (int k = 0; k < 2; k++)
            if (view->limits[i].cell_idx[k] >= segment->capacity.quota_cells)
                fault = "names no quota cell";
    }
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&key->sequence, memory_order_relaxed) == sequence ? fault : NULL;
}

static int
check_cells(const struct segment *segment, struct errmsg *why)
{
    const char *fault = NULL;

    for (uint32_t n = 0; n < segment->capacity.quota_cells; n++) {
        for (int i = 0; i < TRIES && (fault = cell_fault(&segment->quota_cells[n])) != NULL; i++)
            ;
        if (fault != NULL)
            return damage(why, "quota cell", n, fault);
    }
    return 0;
}

static const char *
cell_fault(const struct quota_cell *cell)
{
    int64_t reserved =
        (int64_t)(atomic_load_explicit(&cell->word, memory_order_acquire) >> QUOTA_VERSION_BITS);

    if (cell->magic != QUOTA_MAGIC)
        return "magic";
    if (atomic_load_explicit(&cell->used, memory_order_relaxed) < 0)
        return "used is negative";
    if (atomic_load_explicit(&cell->limit, memory_order_relaxed) < 0)
        return "limit is negative";
    if (reserved == QUOTA_CLOSED)
        return NULL;
    if (atomic_load_explicit(&cell->unit, memory_order_relaxed) > LIMIT_UNIT_CONCURRENT)
        return "unit";
    if (atomic_load_explicit(&cell->generation, memory_order_relaxed) == 0)
        return "is open and never was opened";
    return NULL;
}

static int
check_rings(const struct segment *segment, struct errmsg *why)
{
    const char *fault = NULL;

    for (uint32_t slot = 0; slot < segment->capacity.n_workers; slot++) {
        for (int which = 0; which < DOORBELL_N; which++) {
            for (int i = 0; i < TRIES && (fault = doorbell_fault(segment, slot, which)) != NULL;
                 i++)
                ;
            if (fault != NULL)
                return damage(why, "doorbell of worker", slot, fault);
        }
        const struct refusal_ring *ring =
            (void *)(segment->refusal_rings + slot * segment->refusal_ring_size);
        uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

        /* Read first, so that what is taken meanwhile only makes it look fuller than it is. */
        if (atomic_load_explicit(&ring->head, memory_order_acquire) - tail >
            2 * segment->capacity.refusals_per_worker)
            return damage(why, "refusals of worker", slot, "length");
    }
    return 0;
}

static const char *
doorbell_fault(const struct segment *segment, uint32_t slot, int which)
{
    const struct doorbell *ring = doorbell_at(segment, slot, which);
    uint32_t size = segment->capacity.flights_per_worker;
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

    if (head - tail > size)
        return "length";
    for (uint32_t at = tail; at != head; at++) {
        if (atomic_load_explicit(&ring->entries[at & (size - 1)], memory_order_relaxed) >= size)
            return "names no flight";
    }
    return NULL;
}
