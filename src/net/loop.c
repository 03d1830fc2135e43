/* SPDX-License-Identifier: ISC */
#include "relayos/net/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "loop_impl.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"

#define WAIT_MAX_MS 60000

struct loop_watch {
    h2o_socket_t *sock;
    void (*on_readable)(void *ctx, int fd);
    void *ctx;
    struct loop_watch *next;
};

static int32_t wait_ms(const struct loop *loop, int32_t max_wait_ms);
static void watch_on_read(h2o_socket_t *sock, const char *err);

struct loop *
loop_new(void)
{
    struct loop *loop = mem_zalloc(sizeof *loop);

    /* A peer that is gone must be an error of that write, not the end of the process. */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    loop->evloop = h2o_evloop_create();
    return loop;
}

void
loop_free(struct loop **loop)
{
    struct loop *l = *loop;

    if (l == NULL)
        return;
    while (l->watches != NULL) {
        struct loop_watch *watch = l->watches;
        l->watches = watch->next;
        h2o_socket_close(watch->sock);
        free(watch);
    }
    h2o_evloop_destroy(l->evloop);
    timer_heap_fini(&l->timers);
    free(l);
    *loop = NULL;
}

void
loop_run_once(struct loop *loop)
{
    loop_run_bounded(loop, WAIT_MAX_MS);
}

void
loop_run_bounded(struct loop *loop, int32_t max_wait_ms)
{
    /* What timers and on_turn left to call back (writes, mostly) would wait for the next event. */
    h2o_timeout__do_post_callback(loop->evloop);
    int32_t wait = wait_ms(loop, max_wait_ms);
    loop->now_us = 0;
    /* EINTR: we were stopped, maybe for long. What came meanwhile comes before the deadlines that
     * have passed, or peers would be blamed for it. */
    if (h2o_evloop_run(loop->evloop, wait) != 0)
        (void)h2o_evloop_run(loop->evloop, 0);
    timer_heap_run(&loop->timers, loop_now_us(loop));
    if (loop->on_turn != NULL)
        loop->on_turn(loop->on_turn_ctx);
}

/* Until the next timer, rounded up. Never negative: the library takes that for a huge number. */
static int32_t
wait_ms(const struct loop *loop, int32_t max_wait_ms)
{
    assert(max_wait_ms >= 0);

    if (loop->timers.n == 0)
        return max_wait_ms;
    int64_t left_us = timer_heap_next_us(&loop->timers) - clock_mono_us();
    if (left_us <= 0)
        return 0;
    return left_us >= (int64_t)max_wait_ms * 1000 ? max_wait_ms : (int32_t)((left_us + 999) / 1000);
}

int64_t
loop_now_us(struct loop *loop)
{
    if (loop->now_us == 0)
        loop->now_us = clock_mono_us();
    return loop->now_us;
}

void
loop_on_turn(struct loop *loop, void (*on_turn)(void *ctx), void *ctx)
{
    loop->on_turn = on_turn;
    loop->on_turn_ctx = ctx;
}

void
loop_watch_fd(struct loop *loop, int fd, void (*on_readable)(void *ctx, int fd), void *ctx)
{
    struct loop_watch *watch = mem_zalloc(sizeof *watch);

    watch->on_readable = on_readable;
    watch->ctx = ctx;
    watch->sock = h2o_evloop_socket_create(loop->evloop, fd, H2O_SOCKET_FLAG_DONT_READ);
    watch->sock->data = watch;
    watch->next = loop->watches;
    loop->watches = watch;
    h2o_socket_read_start(watch->sock, watch_on_read);
}

static void
watch_on_read(h2o_socket_t *sock, const char *err)
{
    struct loop_watch *watch = sock->data;

    (void)err; /* none with DONT_READ */
    watch->on_readable(watch->ctx, h2o_socket_get_fd(sock));
}
