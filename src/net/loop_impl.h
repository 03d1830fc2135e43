/* SPDX-License-Identifier: ISC
 *
 * loop_impl - the loop as the rest of net/ sees it: the library's loop is inside.
 */
#ifndef NET_LOOP_IMPL_H
#define NET_LOOP_IMPL_H

#include <h2o.h>
#include <stdint.h>

#include "relayos/net/loop.h"
#include "timer.h"

struct loop_watch;

struct loop {
    h2o_evloop_t *evloop;
    struct timer_heap timers;
    int64_t now_us; /* 0: the clock has not been read in this turn */
    struct loop_watch *watches;
    void (*on_turn)(void *ctx);
    void *on_turn_ctx;
};

/* loop_run_once() that waits at most max_wait_ms. */
void loop_run_bounded(struct loop *loop, int32_t max_wait_ms);

#endif
