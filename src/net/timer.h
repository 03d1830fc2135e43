/* SPDX-License-Identifier: ISC
 *
 * timer - deadlines in a binary heap, by the monotonic clock.
 *
 * A deadline that moves later stays where it is in the heap and is put right when its old place
 * comes up: requests push their deadlines ahead far more often than these fire, so that costs next
 * to nothing.
 */
#ifndef NET_TIMER_H
#define NET_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/net/loop.h"

struct timer_slot {
    int64_t due_us; /* at or before timer->deadline_us */
    struct timer *timer;
};

struct timer_heap {
    struct timer_slot *slots; /* 1 .. n; 0 is not used: heap_idx 0 means "not set" */
    size_t n, capacity;
};

void timer_heap_fini(struct timer_heap *heap);
void timer_heap_set(struct timer_heap *heap, struct timer *timer, int64_t deadline_us,
                    void (*on_fire)(struct timer *timer));
void timer_heap_unset(struct timer_heap *heap, struct timer *timer);
/* No timer fires before this; INT64_MAX if none is set. */
int64_t timer_heap_next_us(const struct timer_heap *heap);
/* Fire what is due, in order of deadline; a callback may set and unset any timer. Timers that
 * callbacks set to the past wait for the next call. */
void timer_heap_run(struct timer_heap *heap, int64_t now_us);

#endif
