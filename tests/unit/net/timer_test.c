/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "timer.h"

enum { N_TIMERS = 200, N_STEPS = 20000 };

static struct timer timers[N_TIMERS];
static int64_t model_us[N_TIMERS]; /* 0: not set */
static int64_t now_us, last_fired_us;
static unsigned n_fired, n_wrong;

static void
on_fire(struct timer *timer)
{
    size_t i = (size_t)(timer - timers);

    n_fired++;
    n_wrong += model_us[i] == 0 || model_us[i] > now_us || model_us[i] != timer->deadline_us;
    n_wrong += timer->deadline_us < last_fired_us;
    last_fired_us = timer->deadline_us;
    model_us[i] = 0;
}

static unsigned
n_due_in_model(void)
{
    unsigned n = 0;

    for (int i = 0; i < N_TIMERS; i++)
        n += model_us[i] != 0 && model_us[i] <= now_us;
    return n;
}

Test(timer, random_histories_fire_as_the_sorted_model_does)
{
    struct timer_heap heap = {0};

    srand(42);
    now_us = 1000;
    for (int step = 0; step < N_STEPS; step++) {
        size_t i = (size_t)rand() % N_TIMERS;
        switch (rand() % 8) {
        case 0:
            timer_heap_unset(&heap, &timers[i]);
            model_us[i] = 0;
            break;
        case 1:
            now_us += rand() % 300;
            last_fired_us = 0;
            timer_heap_run(&heap, now_us);
            cr_assert_eq(n_due_in_model(), 0);
            break;
        default:
            model_us[i] = now_us + rand() % 1000;
            timer_heap_set(&heap, &timers[i], model_us[i], on_fire);
        }
        for (size_t k = 2; k <= heap.n; k++)
            cr_assert_leq(heap.slots[k / 2].due_us, heap.slots[k].due_us);
    }
    cr_assert_eq(n_wrong, 0);
    cr_assert_gt(n_fired, 1000);
    timer_heap_fini(&heap);
}

Test(timer, pushing_a_deadline_ahead_does_not_touch_the_heap)
{
    struct timer_heap heap = {0};

    timer_heap_set(&heap, &timers[0], 100, on_fire);
    for (int64_t us = 101; us < 200; us++)
        timer_heap_set(&heap, &timers[0], us, on_fire);
    cr_assert_eq(timer_heap_next_us(&heap), 100);
    now_us = 150;
    timer_heap_run(&heap, now_us);
    cr_assert_eq(n_fired, 0);
    cr_assert_eq(timer_heap_next_us(&heap), 199);
    timer_heap_fini(&heap);
}

static struct timer_heap *endless;

static void
on_fire_again(struct timer *timer)
{
    n_fired++;
    timer_heap_set(endless, timer, now_us, on_fire_again);
}

Test(timer, a_timer_that_sets_itself_to_now_waits_for_the_next_run)
{
    struct timer_heap heap = {0};

    endless = &heap;
    now_us = 5;
    timer_heap_set(&heap, &timers[0], 1, on_fire_again);
    timer_heap_run(&heap, now_us);
    cr_assert_eq(n_fired, 1);
    timer_heap_run(&heap, now_us);
    cr_assert_eq(n_fired, 2);
    timer_heap_fini(&heap);
}
