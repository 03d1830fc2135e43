/* SPDX-License-Identifier: ISC
 *
 * timers - see timers.h.
 */
#include "timers.h"

#include <stdlib.h>

static void timers_put(struct timers *timers, size_t place, struct timer *timer);
static void timers_sift_up(struct timers *timers, size_t place);
static void timers_sift_down(struct timers *timers, size_t place);

void
timers_add(struct timers *timers, struct timer *timer, int64_t due_ms)
{
    if (timers->n + 2 > timers->room) {
        timers->room = timers->room == 0 ? 64 : timers->room * 2;
        timers->heap = realloc(timers->heap, timers->room * sizeof(struct timer *));
        if (timers->heap == NULL)
            abort();
    }
    timer->due_ms = due_ms;
    timers_put(timers, ++timers->n, timer);
    timers_sift_up(timers, timers->n);
}

static void
timers_put(struct timers *timers, size_t place, struct timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void
timers_sift_up(struct timers *timers, size_t place)
{
    struct timer *timer = timers->heap[place];

    for (; place > 1 && timers->heap[place / 2]->due_ms > timer->due_ms; place /= 2)
        timers_put(timers, place, timers->heap[place / 2]);
    timers_put(timers, place, timer);
}

static void
timers_sift_down(struct timers *timers, size_t place)
{
    struct timer *timer = timers->heap[place];

    for (size_t child; (child = place * 2) <= timers->n; place = child) {
        if (child < timers->n && timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
            child++;
        if (timers->heap[child]->due_ms >= timer->due_ms)
            break;
        timers_put(timers, place, timers->heap[child]);
    }
    timers_put(timers, place, timer);
}

void
timers_remove(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;

    if (place == 0)
        return;
    timer->place = 0;
    struct timer *last = timers->heap[timers->n--];

    if (last == timer)
        return;
    timers_put(timers, place, last);
    timers_sift_up(timers, place);
    timers_sift_down(timers, last->place);
}

struct timer *
timers_take_due(struct timers *timers, int64_t now_ms)
{
    if (timers->n == 0 || timers->heap[1]->due_ms > now_ms)
        return NULL;
    struct timer *due = timers->heap[1];

    timers_remove(timers, due);
    return due;
}

int64_t
timers_wait_ms(const struct timers *timers, int64_t now_ms)
{
    if (timers->n == 0)
        return -1;
    return timers->heap[1]->due_ms > now_ms ? timers->heap[1]->due_ms - now_ms : 0;
}
