/* SPDX-License-Identifier: ISC
 *
 * timers - a binary heap of deadlines; a timer lives in its owner and knows its place.
 */
#ifndef MOCK_TIMERS_H
#define MOCK_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t due_ms;
    size_t place; /* 1-based in the heap, 0 = not in it */
};

struct timers {
    struct timer **heap; /* heap[0] is not used */
    size_t n, room;
};

void timers_add(struct timers *timers, struct timer *timer, int64_t due_ms);
void timers_remove(struct timers *timers, struct timer *timer);
/* The earliest timer that is due, taken out, or NULL. */
struct timer *timers_take_due(struct timers *timers, int64_t now_ms);
/* For epoll_wait: milliseconds to the earliest, -1 = none. */
int64_t timers_wait_ms(const struct timers *timers, int64_t now_ms);

#endif
