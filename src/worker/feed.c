/* SPDX-License-Identifier: ISC
 *
 * feed - one event after the other; the first that has something for the caller decides.
 */
#include "feed.h"

#include "gone.h"
#include "hedge.h"
#include "leg.h"
#include "recollect.h"
#include "relay.h"
#include "relayos/codec/json_scan.h"
#include "reply.h"
#include "request.h"
#include "translation.h"
#include "verdict.h"

#define LINGER_US 1000000 /* for the upstream's end after a stream said that it is complete */

static int feed_translated_end(struct leg *leg, struct reply_facts *facts);
static int feed_event(struct leg *leg, const struct sse_event *event, struct reply_facts *facts);
static void note_usage(struct leg *leg);
static void forget_output(struct leg *leg);
static void note(struct leg *leg, const struct reply_facts *facts);
static void begin_flow(struct leg *leg);
static void note_content(struct leg *leg);

int
feed_bytes(struct leg *leg, struct slice bytes, struct reply_facts *facts)
{
    struct request *r = leg->request;
    struct sse_event event;
    int err;

    sse_feed(&leg->sse, bytes);
    while ((err = sse_next(&leg->sse, &event)) == 0) {
        err = feed_event(leg, &event, facts);
        if (err != 0 || leg->stream.is_complete)
            break;
    }
    err = err == 0 || err == ERR_INCOMPLETE ? 0 : ERR_UPSTREAM_ERROR;
    if (err == 0 && r->is_gone)
        gone_discard(r, bytes.len);
    else
        reply_wake(r);
    return err;
}

int
feed_end(struct leg *leg, struct reply_facts *facts)
{
    struct sse_event event;
    int err = 0;

    if (leg->stream.is_complete)
        return 0;
    if (leg->translation != NULL)
        err = feed_translated_end(leg, facts);
    else if (sse_finish(&leg->sse, &event) == 0)
        err = feed_event(leg, &event, facts);
    else
        return 0;
    reply_wake(leg->request);
    return err;
}

/* Not all protocols have a last word. A piece that is no event is none. */
static int
feed_translated_end(struct leg *leg, struct reply_facts *facts)
{
    struct sse_event event;
    struct json_error error;
    enum json_type type;
    int err = 0;

    if (sse_finish(&leg->sse, &event) == 0 && json_scan_value(event.data, &type, &error) == 0)
        err = feed_event(leg, &event, facts);
    return err != 0 || leg->stream.is_complete ? err : feed_event(leg, NULL, facts);
}

/* event NULL: the end, of a translated one. */
static int
feed_event(struct leg *leg, const struct sse_event *event, struct reply_facts *facts)
{
    struct request *r = leg->request;
    struct buf *out = r->is_flowing && r->out.ptr != NULL ? &r->out : leg_out(leg);
    size_t before = out->len;

    *facts = (struct reply_facts){0};
    if (event != NULL && event->data.len == 0) /* some keep connections alive by it */
        return 0;
    int err = leg->translation == NULL ? r->dialect->read_event(&leg->stream, event, out, facts)
              : event != NULL          ? translation_read_event(leg, event, out, facts)
                                       : translation_read_end(leg, out, facts);
    if (err != 0 || facts->is_error || out->overflow) {
        if (leg->translation == NULL || out->overflow) /* a writer counts what it has written */
            out->len = before;
        out->overflow = false;           /* our own error event must fit */
        leg->stream.is_complete = false; /* a last word that does not reach the caller is none */
        if (facts->has_usage)            /* a failed answer may still say what it used */
            note_usage(leg);
        return ERR_UPSTREAM_ERROR;
    }
    note(leg, facts);
    if (r->is_watched && (facts->items.len > 0 || leg->watch != NULL))
        recollect_event(leg, event, facts->items);
    if (facts->is_terminal)
        reply_hold_tail_at(r, before);
    return 0;
}

/* For the undertaker: of the leg that the caller would be charged for. */
static void
note_usage(struct leg *leg)
{
    if ((leg->stream.usage.totals & USAGE_SAID_OUTPUT) != 0)
        leg->unmetered_bytes = 0;
    if (leg == leg->request->leg)
        flight_note_usage(leg->request->flight, &leg->stream.usage);
}

/* What was said of the output was not of all of it: more has come. */
static void
forget_output(struct leg *leg)
{
    struct usage *usage = &leg->stream.usage;

    if ((usage->totals & USAGE_SAID_OUTPUT) == 0)
        return;
    usage->totals &= (uint8_t)~USAGE_SAID_OUTPUT;
    if (leg->translation != NULL)
        translation_forget_output(leg);
    note_usage(leg);
}

static void
note(struct leg *leg, const struct reply_facts *facts)
{
    struct request *r = leg->request;

    leg->unmetered_bytes += facts->content_bytes;
    if (facts->has_usage)
        note_usage(leg);
    else if (facts->content_bytes > 0 && !facts->is_terminal) /* a last word holds nothing new */
        forget_output(leg);
    if ((facts->is_content || facts->is_terminal) && !r->is_flowing)
        begin_flow(leg);
    if (facts->is_content && r->step != REQUEST_STREAM)
        note_content(leg);
    if (facts->is_terminal)
        timer_set(r->worker->loop, &r->timer, loop_now_us(r->worker->loop) + LINGER_US,
                  reply_on_timer);
}

/* It has something for the caller: from here on there is no other leg. */
static void
begin_flow(struct leg *leg)
{
    struct request *r = leg->request;

    if (leg->timer.heap_idx != 0)
        timer_unset(r->worker->loop, &leg->timer);
    hedge_win(leg);
    leg_let_flow(leg);
}

static void
note_content(struct leg *leg)
{
    struct request *r = leg->request;
    int64_t now_us = loop_now_us(r->worker->loop);

    leg->first_token_us = now_us - leg->attempt->start_us;
    if (leg->is_trial)
        verdict_pass_trial(leg);
    request_stage_at(r, FLIGHT_STAGE_FIRST_TOKEN, now_us);
    request_step(r, REQUEST_STREAM);
    relay_release_request(r);
}
