/* SPDX-License-Identifier: ISC
 *
 * durable - two lists, oldest first: requests that wait for their row, and for their note.
 */
#include "durable.h"

#include <string.h>
#include <unistd.h>

#include "relayos/base/crash.h"
#include "relayos/base/log.h"
#include "reply.h"
#include "request.h"

#define LOOK_INTERVAL_US 20000    /* while something waits and nobody tells */
#define ASK_PATIENCE_US  10000000 /* nothing has been sent yet: the caller may try elsewhere */
#define SAY_INTERVAL_US  1000000

static void on_wake(void *ctx, int fd);
static void on_look(struct timer *timer);
static void watch(struct worker *w);
static void look(struct worker *w);
static void look_at_answers(struct worker *w, int64_t now_us);
static void look_at_calls(struct worker *w, int64_t now_us);
static void say_unheld(struct request *r, int64_t now_us);

void
durable_open(struct worker *w)
{
    const char *mode = w->conf->durability;

    link_init_list(&w->unsettled);
    link_init_list(&w->asking);
    if (strcmp(mode, "power") == 0)
        w->durability = DURABILITY_POWER;
    else if (strcmp(mode, "strict") == 0)
        w->durability = DURABILITY_STRICT;
    proc_slot_set_waiting(w->segment, w->slot, w->durability != DURABILITY_PROCESS);
    if (w->durability != DURABILITY_PROCESS && w->heritage->wake_fds != NULL)
        loop_watch_fd(w->loop, w->heritage->wake_fds[w->slot], on_wake, w);
}

void
durable_nudge(struct worker *w)
{
    w->has_news = false;
    /* Full (EAGAIN) means that it has been told often enough. */
    (void)!write(w->heritage->nudge_fd, &(uint64_t){1}, sizeof(uint64_t));
}

/* ---- waiting ---- */

void
durable_hand_over(struct request *r, struct flight *flight)
{
    r->settling = flight;
    r->settling_n = flight_n_uses(flight);
    r->worker->has_news = true;
}

void
durable_wait(struct request *r)
{
    assert(r->step == REQUEST_FINISH && r->settling != NULL);
    r->held_us = loop_now_us(r->worker->loop);
    link_append(&r->worker->unsettled, &r->in_requests); /* it has left the running ones */
    watch(r->worker);
}

void
durable_end_all(struct worker *w)
{
    struct link *link;

    while ((link = link_first(&w->unsettled)) != NULL) {
        struct request *r = request_from((char *)link - offsetof(struct request, in_requests));

        link_remove(&r->in_requests);
        exchange_abort(r->exchange);
    }
}

void
durable_ask(struct request *r)
{
    assert(r->step == REQUEST_ADMIT);
    r->held_us = loop_now_us(r->worker->loop);
    flight_ask_intent(r->worker->desk, r->flight);
    r->worker->has_news = true;
    link_append(&r->worker->asking, &r->in_unsent); /* nothing is to be sent yet */
    watch(r->worker);
}

static void
watch(struct worker *w)
{
    if (w->look.heap_idx == 0)
        timer_set(w->loop, &w->look, loop_now_us(w->loop) + LOOK_INTERVAL_US, on_look);
}

/* ---- the ledger's word, or our own look ---- */

static void
on_wake(void *ctx, int fd)
{
    uint64_t n;

    (void)!read(fd, &n, sizeof(n));
    look(worker_from(ctx));
}

static void
on_look(struct timer *timer)
{
    struct worker *w = worker_from((char *)timer - offsetof(struct worker, look));

    look(w);
    if (link_first(&w->unsettled) != NULL || link_first(&w->asking) != NULL)
        watch(w);
}

static void
look(struct worker *w)
{
    int64_t now_us = loop_now_us(w->loop);

    look_at_answers(w, now_us);
    look_at_calls(w, now_us);
}

static void
look_at_answers(struct worker *w, int64_t now_us)
{
    int64_t patience_us = w->conf->power_wait_us;

    for (struct link *link = w->unsettled.next, *next; link != &w->unsettled; link = next) {
        struct request *r = request_from((char *)link - offsetof(struct request, in_requests));

        next = link->next;
        if (!flight_is_settled(r->settling, r->settling_n)) {
            if (patience_us == 0 || now_us - r->held_us < patience_us)
                continue;
            say_unheld(r, now_us);
        }
        link_remove(&r->in_requests);
        r->settling = NULL;
        CRASH_POINT("durable.released");
        reply_release(r);
    }
}

static void
look_at_calls(struct worker *w, int64_t now_us)
{
    for (struct link *link = w->asking.next, *next; link != &w->asking; link = next) {
        struct request *r = request_from((char *)link - offsetof(struct request, in_unsent));
        bool is_noted = flight_intent_is_noted(r->flight);

        next = link->next;
        if (!is_noted && now_us - r->held_us < ASK_PATIENCE_US)
            continue;
        link_remove(&r->in_unsent);
        CRASH_POINT("durable.noted");
        if (is_noted)
            request_call(r);
        else
            request_fail(r, ERR_LEDGER_UNAVAILABLE, "", "");
    }
}

/* By directive (ledger.power_wait) an answer goes out although a power cut may still take its row.
 */
static void
say_unheld(struct request *r, int64_t now_us)
{
    struct worker *w = r->worker;

    worker_count(w, PROC_COUNTER_UNHELD, 1);
    if (now_us - w->said_unheld_us < SAY_INTERVAL_US)
        return;
    w->said_unheld_us = now_us;
    log_error("ledger.slow",
              "request_id=%.36s waited_us=%lld its answer goes out before its row is durable",
              r->id_text, (long long)(now_us - r->held_us));
}
