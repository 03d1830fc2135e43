/* SPDX-License-Identifier: ISC */
#include "timer.h"

#include <assert.h>
#include <stdlib.h>

#include "loop_impl.h"
#include "relayos/base/mem.h"

static void heap_place(struct timer_heap *heap, size_t idx, struct timer_slot slot);
static void sift_up(struct timer_heap *heap, size_t idx);
static void sift_down(struct timer_heap *heap, size_t idx);

void
timer_set(struct loop *loop, struct timer *timer, int64_t deadline_us,
          void (*on_fire)(struct timer *timer))
{
    timer_heap_set(&loop->timers, timer, deadline_us, on_fire);
}

void
timer_unset(struct loop *loop, struct timer *timer)
{
    timer_heap_unset(&loop->timers, timer);
}

void
timer_heap_fini(struct timer_heap *heap)
{
    free(heap->slots);
    *heap = (struct timer_heap){0};
}

void
timer_heap_set(struct timer_heap *heap, struct timer *timer, int64_t deadline_us,
               void (*on_fire)(struct timer *timer))
{
    assert(on_fire != NULL);
    assert(timer->heap_idx <= heap->n);

    timer->deadline_us = deadline_us;
    timer->on_fire = on_fire;
    if (timer->heap_idx == 0) {
        if (heap->n + 1 >= heap->capacity) {
            heap->capacity = heap->capacity == 0 ? 64 : heap->capacity * 2;
            heap->slots = mem_array(heap->slots, heap->capacity, sizeof heap->slots[0]);
        }
        heap->n++;
        heap_place(heap, heap->n, (struct timer_slot){deadline_us, timer});
        sift_up(heap, heap->n);
    } else if (deadline_us < heap->slots[timer->heap_idx].due_us) {
        heap->slots[timer->heap_idx].due_us = deadline_us;
        sift_up(heap, timer->heap_idx);
    }
}

void
timer_heap_unset(struct timer_heap *heap, struct timer *timer)
{
    size_t idx = timer->heap_idx;

    if (idx == 0)
        return;
    assert(idx <= heap->n && heap->slots[idx].timer == timer);

    struct timer_slot last = heap->slots[heap->n--];
    timer->heap_idx = 0;
    if (last.timer == timer)
        return;
    heap_place(heap, idx, last);
    sift_up(heap, idx);
    sift_down(heap, last.timer->heap_idx);
}

int64_t
timer_heap_next_us(const struct timer_heap *heap)
{
    return heap->n == 0 ? INT64_MAX : heap->slots[1].due_us;
}

void
timer_heap_run(struct timer_heap *heap, int64_t now_us)
{
    size_t budget = heap->n;

    while (budget > 0 && timer_heap_next_us(heap) <= now_us) {
        struct timer_slot *first = &heap->slots[1];
        struct timer *timer = first->timer;
        if (timer->deadline_us > first->due_us) {
            first->due_us = timer->deadline_us;
            sift_down(heap, 1);
        } else {
            budget--;
            timer_heap_unset(heap, timer);
            timer->on_fire(timer);
        }
    }
}

static void
heap_place(struct timer_heap *heap, size_t idx, struct timer_slot slot)
{
    heap->slots[idx] = slot;
    slot.timer->heap_idx = idx;
}

static void
sift_up(struct timer_heap *heap, size_t idx)
{
    struct timer_slot slot = heap->slots[idx];

    for (; idx > 1 && heap->slots[idx / 2].due_us > slot.due_us; idx /= 2)
        heap_place(heap, idx, heap->slots[idx / 2]);
    heap_place(heap, idx, slot);
}

static void
sift_down(struct timer_heap *heap, size_t idx)
{
    struct timer_slot slot = heap->slots[idx];

    for (size_t child; (child = idx * 2) <= heap->n; idx = child) {
        if (child < heap->n && heap->slots[child + 1].due_us < heap->slots[child].due_us)
            child++;
        if (heap->slots[child].due_us >= slot.due_us)
            break;
        heap_place(heap, idx, heap->slots[child]);
    }
    heap_place(heap, idx, slot);
}
