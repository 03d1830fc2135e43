/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/net/loop.h"

static unsigned n_fired, n_turns, n_readable;

static void
on_fire(struct timer *timer)
{
    (void)timer;
    n_fired++;
}

static void
on_turn(void *ctx)
{
    (void)ctx;
    n_turns++;
}

static void
on_readable(void *ctx, int fd)
{
    uint64_t value;

    (void)ctx;
    n_readable += read(fd, &value, sizeof value) == sizeof value;
}

Test(loop, a_turn_waits_for_the_next_timer_and_not_longer)
{
    struct loop *loop = loop_new();
    struct timer timer = {0};
    int64_t start_us = clock_mono_us();

    loop_on_turn(loop, on_turn, NULL);
    timer_set(loop, &timer, start_us + 30000, on_fire);
    while (n_fired == 0)
        loop_run_once(loop);
    cr_expect(clock_mono_us() - start_us >= 30000);
    cr_expect(clock_mono_us() - start_us < 1000000);
    cr_expect_leq(n_turns, 2);
    loop_free(&loop);
}

Test(loop, a_watched_descriptor_wakes_it)
{
    struct loop *loop = loop_new();
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    uint64_t one = 1;

    loop_watch_fd(loop, fd, on_readable, NULL);
    for (unsigned i = 1; i <= 3; i++) {
        cr_assert_eq(write(fd, &one, sizeof one), sizeof one);
        loop_run_once(loop);
        cr_expect_eq(n_readable, i);
    }
    loop_free(&loop);
}

Test(loop, the_time_of_a_turn_stands_still)
{
    struct loop *loop = loop_new();
    int64_t now_us = loop_now_us(loop);

    while (clock_mono_us() <= now_us + 1000)
        continue;
    cr_expect_eq(loop_now_us(loop), now_us);
    loop_free(&loop);
}

/* ---- a process that is stopped ---- */

static int64_t due_us;
static int event_fd;
static unsigned n_fired_when_read;

/* While this runs, the loop stands still, and an answer comes. */
static void
on_alarm(int signo)
{
    (void)signo;
    (void)!write(event_fd, &(uint64_t){1}, sizeof(uint64_t));
    while (clock_mono_us() <= due_us)
        ;
}

static void
on_answer(void *ctx, int fd)
{
    on_readable(ctx, fd);
    n_fired_when_read = n_fired;
}

Test(loop, what_came_while_it_was_stopped_is_read_before_a_deadline_that_has_passed)
{
    struct loop *loop = loop_new();
    struct timer timer = {0};
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};

    event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop_watch_fd(loop, event_fd, on_answer, NULL);
    due_us = clock_mono_us() + 100000;
    timer_set(loop, &timer, due_us, on_fire);
    cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
    cr_assert_eq(setitimer(ITIMER_REAL, &soon, NULL), 0);
    while (n_fired == 0)
        loop_run_once(loop);
    cr_expect_eq(n_readable, 1);
    cr_expect_eq(n_fired_when_read, 0);
    loop_free(&loop);
}
