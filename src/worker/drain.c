/* SPDX-License-Identifier: ISC
 *
 * drain - nothing new, the rest in its time, then error events, then the end.
 *
 * Signals (the master sends them): QUIT and TERM drain, within drain_timeout and stop_timeout; USR1
 * reopens logs; INT and HUP mean the whole process group and are not for us.
 */
#include "drain.h"

#include <signal.h>
#include <unistd.h>

#include "cut.h"
#include "finish.h"
#include "gone.h"
#include "relay.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/net/handover.h"
#include "request.h"

#define LAST_GRACE_US    500000 /* for the error events to leave, and for us after them ... */
#define LAST_GRACE_PARTS 8      /* ... but no more than this part of the whole time */

static void on_signal(void *ctx, int fd);
static void on_heir(void *ctx, int fd);
static void reopen_logs(struct worker *w);
static void begin(struct worker *w, int64_t timeout_us);
static void on_deadline(struct timer *timer);

int
drain_watch_signals(struct worker *w, struct errmsg *why)
{
    int fd = heritage_watch_signals(why);

    if (fd < 0)
        return ERR_IO;
    loop_watch_fd(w->loop, fd, on_signal, w);
    if (w->heritage->n_handed > 0)
        loop_watch_fd(w->loop, w->heritage->handover_fd, on_heir, w);
    return 0;
}

static void
on_signal(void *ctx, int fd)
{
    struct worker *w = worker_from(ctx);

    for (int signo; (signo = heritage_next_signal(fd)) != 0;) {
        if (signo == SIGUSR1)
            reopen_logs(w);
        else
            begin(w, signo == SIGTERM ? w->conf->stop_timeout_us : w->conf->drain_timeout_us);
    }
}

/* A draining worker has closed its own: it sends the asker to another. */
static void
on_heir(void *ctx, int fd)
{
    const struct worker *w = worker_from(ctx);

    handover_answer(fd, w->heritage->listener_fds, w->is_draining ? 0 : w->heritage->n_handed);
}

static void
reopen_logs(struct worker *w)
{
    struct errmsg why;

    heritage_reopen_log(w->heritage);
    access_log_close(&w->access_log);
    if (access_log_open(&w->access_log, w->conf, &why) != 0)
        log_warn("access_log.open", "reason=\"%s\"", why.text);
}

/* The later signal decides: a TERM shortens a QUIT. The master kills what is there at its end. */
static void
begin(struct worker *w, int64_t timeout_us)
{
    int64_t grace_us = timeout_us / LAST_GRACE_PARTS;

    if (!w->is_draining) {
        w->is_draining = true;
        proc_slot_set_state(w->segment, w->slot, PROC_DRAINING);
        server_drain(w->server);
        for (size_t n = w->heritage->n_listeners; n < w->heritage->n_handed; n++)
            close(w->heritage->listener_fds[n]); /* kept for a heir */
        log_info("worker.drain", "slot=%u connections=%u", w->slot,
                 server_n_connections(w->server));
    }
    if (w->is_past_deadline)
        return;
    w->last_grace_us = grace_us < LAST_GRACE_US ? grace_us : LAST_GRACE_US;
    timer_set(w->loop, &w->drain_deadline, clock_mono_us() + timeout_us - 2 * w->last_grace_us,
              on_deadline);
}

/* First time: streams get their error event, settled as interrupted. Second time: cut the rest. */
static void
on_deadline(struct timer *timer)
{
    struct worker *w = worker_from((char *)timer - offsetof(struct worker, drain_deadline));

    if (w->is_past_deadline) {
        w->is_over = true;
        return;
    }
    w->is_past_deadline = true;
    for (struct link *link = w->requests.next, *next; link != &w->requests; link = next) {
        struct request *r = request_from((char *)link - offsetof(struct request, in_requests));

        next = link->next;
        if (!r->is_ending)
            cut_request(r, ERR_OVERLOADED);
    }
    timer_set(w->loop, timer, clock_mono_us() + w->last_grace_us, on_deadline);
}

void
drain_end_all(struct worker *w)
{
    struct link *link;

    while ((link = link_first(&w->requests)) != NULL) {
        struct request *r = request_from((char *)link - offsetof(struct request, in_requests));

        if (r->is_gone) {
            gone_end(r);
            continue;
        }
        finish_request(r, ERR_CATEGORY_CLIENT_CLOSED, FINISH_STATUS_CLIENT_CLOSED);
        exchange_abort(r->exchange);
    }
    durable_end_all(w);
}
