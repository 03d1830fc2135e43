/* SPDX-License-Identifier: ISC
 *
 * refusal - per worker a ring of whole records; full means lost, and lost is counted.
 */
#include "relayos/shm/refusal.h"

#include "layout.h"

static struct refusal_ring *ring_at(const struct segment *segment, uint32_t slot);

void
refusal_push(struct segment *segment, uint32_t slot, const struct refusal_record *record)
{
    struct refusal_ring *ring = ring_at(segment, slot);
    uint32_t size = segment->capacity.refusals_per_worker;
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) >= size) {
        uint64_t n_lost = atomic_load_explicit(&ring->n_lost, memory_order_relaxed);

        atomic_store_explicit(&ring->n_lost, n_lost + 1, memory_order_relaxed);
        return;
    }
    ring->records[head & (size - 1)] = *record;
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

bool
refusal_take(struct segment *segment, uint32_t slot, struct refusal_record *out)
{
    struct refusal_ring *ring = ring_at(segment, slot);
    uint32_t size = segment->capacity.refusals_per_worker;
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
        return false;
    *out = ring->records[tail & (size - 1)];
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

uint64_t
refusal_n_lost(const struct segment *segment, uint32_t slot)
{
    return atomic_load_explicit(&ring_at(segment, slot)->n_lost, memory_order_relaxed);
}

static struct refusal_ring *
ring_at(const struct segment *segment, uint32_t slot)
{
    assert(slot < segment->capacity.n_workers);
    return (void *)(segment->refusal_rings + (size_t)slot * segment->refusal_ring_size);
}
