/* SPDX-License-Identifier: ISC */
#include "doorbell.h"
#include "fixture.h"

#include <sched.h>

Test(doorbell, entries_come_out_once_and_in_order_across_the_end_of_the_count)
{
    struct segment *segment = fixture_segment();
    struct doorbell *ring = doorbell_at(segment, 3, DOORBELL_RETURN);
    uint32_t size = fixture_capacity.flights_per_worker, n;

    ring->head = ring->tail = UINT32_MAX - size / 2; /* head and tail will wrap */
    for (uint32_t i = 0; i < size; i++)
        cr_assert(doorbell_push(ring, size, i));
    cr_assert_not(doorbell_push(ring, size, 99));
    cr_assert_eq(doorbell_n_waiting(ring), size);
    for (uint32_t i = 0; i < size; i++) {
        cr_assert(doorbell_pop(ring, size, &n));
        cr_assert_eq(n, i);
    }
    cr_assert_not(doorbell_pop(ring, size, &n));
}

Test(doorbell, a_producer_and_a_consumer_agree)
{
    enum { N = 300000 };
    struct segment *segment = fixture_segment();
    struct doorbell *ring = doorbell_at(segment, 0, DOORBELL_DONE);
    uint32_t size = fixture_capacity.flights_per_worker, n;

    if (fork() == 0) {
        for (uint32_t i = 0; i < N; i++)
            while (!doorbell_push(ring, size, i))
                (void)sched_yield();
        _exit(0);
    }
    for (uint32_t i = 0; i < N; i++) {
        while (!doorbell_pop(ring, size, &n))
            (void)sched_yield();
        cr_assert_eq(n, i);
    }
}
