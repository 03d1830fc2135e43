/* SPDX-License-Identifier: ISC
 *
 * loop - one event loop per process and its timers. The library stays behind it (libh2o.md).
 *
 * Timers follow the monotonic clock: the library's own follow the wall clock, so that a clock step
 * would fire or stall all of them. Arbitrary deadlines, O(log n), no allocation per set and no
 * system call either: the earliest one bounds the wait for events.
 *
 * Process: worker, prober (and later console). Created after fork.
 */
#ifndef RELAYOS_NET_LOOP_H
#define RELAYOS_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

struct loop *loop_new(void);
void loop_free(struct loop **loop);

/* One turn: wait for events (at most until the next timer), run callbacks. */
void loop_run_once(struct loop *loop);
/* clock_mono_us() as of this turn: one clock read a turn. */
int64_t loop_now_us(struct loop *loop);

/* Called once at the end of each turn, before waiting again (flush log buffers, heartbeat). */
void loop_on_turn(struct loop *loop, void (*on_turn)(void *ctx), void *ctx);

/* Embedded in its owner; zeroed = not set. Unset it before its memory goes. */
struct timer {
    int64_t deadline_us;
    size_t heap_idx; /* 0 = not set */
    void (*on_fire)(struct timer *timer);
};
/* Fire once at deadline_us (monotonic); setting again moves it. Setting a later deadline is cheap.
 */
void timer_set(struct loop *loop, struct timer *timer, int64_t deadline_us,
               void (*on_fire)(struct timer *timer));
void timer_unset(struct loop *loop, struct timer *timer);

/* Watch a foreign descriptor (signalfd, eventfd) for reading. The watch lives as long as the loop.
 */
void loop_watch_fd(struct loop *loop, int fd, void (*on_readable)(void *ctx, int fd), void *ctx);

#endif
