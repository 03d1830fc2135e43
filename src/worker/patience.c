/* SPDX-License-Identifier: ISC
 *
 * patience - first a second leg beside it, if the model wants that; then it is given up. The rest
 * of an error's body is worth little: a route that fails is not to hold a request by it.
 */
#include "patience.h"

#include "attempt.h"
#include "fault.h"
#include "hedge.h"
#include "leg.h"
#include "pick.h"
#include "relay.h"
#include "request.h"

#define REFUSAL_US 2000000 /* for the rest of an error's body */

static void set_timer(struct leg *leg);
static void on_timer(struct timer *timer);
static void give_up(struct leg *leg);

void
patience_begin(struct leg *leg, const struct pick *pick)
{
    int64_t timeout_us = pick->upstream.first_token_timeout_us;
    int64_t now_us = loop_now_us(leg->request->worker->loop);

    leg->give_up_us = timeout_us == 0 ? 0 : now_us + timeout_us;
    leg->hedge_us = hedge_delay(leg);
    if (leg->hedge_us != 0)
        leg->hedge_us += now_us;
    set_timer(leg);
}

void
patience_end_soon(struct leg *leg)
{
    int64_t at_us = loop_now_us(leg->request->worker->loop) + REFUSAL_US;

    leg->hedge_us = 0;
    if (leg->give_up_us == 0 || at_us < leg->give_up_us)
        leg->give_up_us = at_us;
    set_timer(leg);
}

static void
set_timer(struct leg *leg)
{
    int64_t at_us = leg->give_up_us;

    if (leg->hedge_us != 0 && (at_us == 0 || leg->hedge_us < at_us))
        at_us = leg->hedge_us;
    if (at_us != 0)
        timer_set(leg->request->worker->loop, &leg->timer, at_us, on_timer);
}

static void
on_timer(struct timer *timer)
{
    struct leg *leg = (struct leg *)((char *)timer - offsetof(struct leg, timer));
    struct request *r = leg->request;
    int64_t now_us = loop_now_us(r->worker->loop);

    assert(leg->call != NULL && !r->is_flowing);
    if (leg->give_up_us != 0 && now_us >= leg->give_up_us) {
        give_up(leg);
        return;
    }
    if (leg->hedge_us != 0 && now_us >= leg->hedge_us) {
        leg->hedge_us = 0;
        hedge_start(r);
    }
    set_timer(leg);
}

/* Whether it was sent is known once the call is dropped. */
static void
give_up(struct leg *leg)
{
    struct upstream_report report;

    upstream_cancel(leg->call, &report);
    leg->call = NULL;
    attempt_report(leg, &report);
    if (leg->body_kind == LEG_ERROR) {
        relay_end_refusal(leg);
        return;
    }
    struct fault fault = fault_of_silence(&report);
    relay_fail(leg, &fault);
}
