/* SPDX-License-Identifier: ISC
 *
 * leg - buffers come from the worker's pool and go back to it.
 */
#include "leg.h"

#include "attempt.h"
#include "inlined.h"
#include "recollect.h"
#include "relayos/base/secret.h"
#include "relayos/net/server_body.h"
#include "request.h"
#include "translation.h"

static void close_answer(struct leg *leg);
static void wipe(struct buf *buf);

void
leg_open(struct leg *leg)
{
    const struct request *r = leg->request;
    const struct reply_context context = {
        .operation = r->facts.operation,
        .public_model = slice_str(r->served_model),
        .request_id = r->id,
        .seal = r->worker->seal,
        .owner_hash = r->owner_hash,
        .place = leg->attempt == NULL ? 0 : leg->place,
        .keeps_state = r->facts.keeps_state,
        .is_filtered = leg->flavor == FLAVOR_AZURE,
        .hide_usage = r->facts.is_stream && !r->facts.wants_usage,
    };

    assert(leg->call == NULL);
    close_answer(leg);
    reply_stream_init(&leg->stream, &context);
    buf_pool_take(&r->worker->bufs, &leg->stream.scratch, BUF_POOL_KEEP_SIZE);
    sse_init(&leg->sse);
    leg->has_stream = true;
    leg->body_kind = LEG_NO_HEAD;
    leg->hedge_us = leg->give_up_us = 0;
    leg->retry_after_s = 0;
    leg->refusal = 0;
    leg->is_askers_own = leg->may_be_resaid = false;
    leg->first_token_us = 0;
    leg->unmetered_bytes = 0;
}

struct buf *
leg_out(struct leg *leg)
{
    struct request *r = leg->request;
    struct buf *out = r->is_flowing ? &r->out : &leg->out;
    /* One event may be as long as the splitter lets through, behind a buffer that is just not full.
     */
    size_t cap = (size_t)r->worker->conf->stream_buffer_bytes + 3 * (size_t)LIMIT_SSE_EVENT;

    if (leg->translation != NULL)
        cap += TRANSLATION_MAX_EVENT;
    if (out->ptr == NULL)
        buf_pool_take(&r->worker->bufs, out, cap);
    return out;
}

void
leg_let_flow(struct leg *leg)
{
    struct request *r = leg->request;

    assert(leg == r->leg && !r->is_flowing);
    r->is_flowing = true;
    buf_pool_give(&r->worker->bufs, &r->out); /* nothing was to be said by itself yet */
    r->out = leg->out;
    buf_init(&leg->out, 0);
}

void
leg_end(struct leg *leg, enum attempt_outcome outcome, enum err_category category)
{
    struct upstream_report report;

    if (leg->timer.heap_idx != 0)
        timer_unset(leg->request->worker->loop, &leg->timer);
    if (leg->request->inlined != NULL && inlined_is_waiting(leg)) {
        inlined_cancel(leg);
        outcome = ATTEMPT_FAILED; /* nothing was sent */
    }
    if (leg->call != NULL) {
        upstream_cancel(leg->call, &report);
        leg->call = NULL;
        attempt_report(leg, &report);
        if (leg->stream.is_complete)
            outcome = ATTEMPT_OK;
    }
    attempt_end(leg, outcome, category);
}

/* A few bytes that name what is remembered or fetched may grow to all that a body may be. */
int
leg_count_body(struct leg *leg)
{
    const struct request *r = leg->request;
    const size_t came = r->http.body.len, is = leg->body.len;

    return server_count_body(r->worker->server, &leg->n_grown, is > came ? is - came : 0)
               ? 0
               : ERR_OVERLOADED;
}

void
leg_forget_request(struct leg *leg)
{
    struct buf_pool *bufs = &leg->request->worker->bufs;

    wipe(&leg->head); /* our credential */
    buf_pool_give(bufs, &leg->head);
    buf_pool_give(bufs, &leg->scratch);
    buf_fini(&leg->body);
    if (leg->n_grown > 0)
        server_forget_body(leg->request->worker->server, &leg->n_grown);
}

void
leg_close(struct leg *leg)
{
    assert(leg->call == NULL && leg->timer.heap_idx == 0);
    leg_forget_request(leg);
    close_answer(leg);
}

static void
close_answer(struct leg *leg)
{
    struct buf_pool *bufs = &leg->request->worker->bufs;

    buf_pool_give(bufs, &leg->out);
    buf_pool_give(bufs, &leg->answer);
    if (leg->translation != NULL)
        translation_end(leg);
    if (leg->watch != NULL)
        recollect_close(leg);
    if (!leg->has_stream)
        return;
    buf_pool_give(bufs, &leg->stream.scratch);
    reply_stream_fini(&leg->stream);
    sse_fini(&leg->sse);
    leg->has_stream = false;
}

static void
wipe(struct buf *buf)
{
    if (buf->ptr != NULL)
        secret_wipe(buf->ptr, buf->len);
    buf_clear(buf);
}
