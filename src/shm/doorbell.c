/* SPDX-License-Identifier: ISC
 *
 * doorbell - head and tail run freely over 2^32; their difference is what is in the ring.
 */
#include "doorbell.h"

struct doorbell *
doorbell_at(const struct segment *segment, uint32_t slot, int which)
{
    assert(slot < segment->capacity.n_workers);
    assert(which >= 0 && which < DOORBELL_N);
    return (void *)(segment->doorbells +
                    ((size_t)slot * DOORBELL_N + which) * segment->doorbell_size);
}

bool
doorbell_push(struct doorbell *ring, uint32_t size, uint32_t n)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    /* acquire: the consumer has read the entry that we are about to overwrite */
    if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) >= size)
        return false;
    atomic_store_explicit(&ring->entries[head & (size - 1)], n, memory_order_relaxed);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

bool
doorbell_pop(struct doorbell *ring, uint32_t size, uint32_t *out_n)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
        return false;
    *out_n = atomic_load_explicit(&ring->entries[tail & (size - 1)], memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

void
doorbell_drop_all(struct doorbell *ring)
{
    atomic_store_explicit(&ring->tail, atomic_load_explicit(&ring->head, memory_order_acquire),
                          memory_order_release);
}

uint32_t
doorbell_n_waiting(const struct doorbell *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_acquire) -
           atomic_load_explicit(&ring->tail, memory_order_acquire);
}
