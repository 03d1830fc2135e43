/* SPDX-License-Identifier: ISC
 *
 * relay - an attempt is begun in the record before a byte leaves, and ended there in every case.
 */
#include "relay.h"

#include <stdio.h>

#include "attempt.h"
#include "failover.h"
#include "fault.h"
#include "feed.h"
#include "hedge.h"
#include "inlined.h"
#include "leg.h"
#include "outgoing.h"
#include "patience.h"
#include "pick.h"
#include "redact.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/log.h"
#include "relayos/base/secret.h"
#include "relayos/net/server_body.h"
#include "reply.h"
#include "request.h"
#include "translation.h"
#include "wording.h"

#define ERROR_BODY_MAX BUF_POOL_KEEP_SIZE /* of an upstream's error: the rest is not read */

static void fail_unsaid(struct leg *leg, int err, const struct refusal_reason *why);
static struct leg *leg_from(void *data);
static void on_head(void *data, int status, const struct http_header *headers, size_t n_headers);
static bool is_event_stream(struct slice content_type);
static void note_refusal(struct leg *leg, const struct http_header *headers, size_t n_headers);
static void on_body(void *data, struct slice bytes);
static void on_end(void *data, const struct upstream_report *report);
static void reword(struct leg *leg, struct fault *fault);
static bool is_not_there(const struct leg *leg);
static void end_whole(struct leg *leg);
static void end_stream(struct leg *leg);
static void tell_fault(struct leg *leg, const struct fault *fault, struct refusal_reason *why);
static void log_fault(const struct leg *leg, enum err_category category);
static void forget_body(struct request *r);

/* ---- sending ---- */

void
relay_start(struct request *r)
{
    struct pick *pick = &r->worker->scratch.pick;

    request_step(r, REQUEST_RELAY);
    /* One for all attempts. */
    if (r->deadline_us == 0)
        r->deadline_us = r->http.accepted_us + pick->upstream.total_timeout_us;
    r->is_paused = r->is_tail_held = false;
    reply_watch(r);
    relay_start_leg(r->leg, pick);
}

/* Whoever has had a byte of content gets no other model's, nor the same one's once more. */
void
relay_start_leg(struct leg *leg, struct pick *pick)
{
    struct request *r = leg->request;

    assert(leg->call == NULL && r->step == REQUEST_RELAY && !r->is_flowing);
    attempt_begin(leg, pick);
    leg->protocol = pick->protocol;
    leg->flavor = (enum upstream_flavor)pick->upstream.flavor;
    leg_open(leg);
    if (!inlined_wait(leg, pick))
        relay_send_leg(leg, pick);
}

void
relay_send_leg(struct leg *leg, struct pick *pick)
{
    static const struct upstream_events events = {
        .on_head = on_head, .on_body = on_body, .on_end = on_end};
    struct request *r = leg->request;
    struct worker *worker = r->worker;
    struct upstream_request out = {.target = &pick->upstream, .deadline_us = r->deadline_us};
    struct refusal_reason *why = &worker->scratch.why;

    if (r->record->n_attempts == 1)
        flight_dispatch(r->flight);
    leg->wording = r->wording;
    int err = outgoing_build(leg, pick, &out, why);
    if (err != 0) {
        fail_unsaid(leg, err, why);
        return;
    }
    if (leg == r->leg)
        request_stage(r, FLIGHT_STAGE_DISPATCHED);
    if (r->facts.is_stream)
        patience_begin(leg, pick);
    CRASH_POINT("relay.sending");
    leg->call = upstream_start(worker->upstream_pool, &out, &events, leg);
}

/* Nothing was sent. Routes that speak as the caller does are left, or he is told. */
static void
fail_unsaid(struct leg *leg, int err, const struct refusal_reason *why)
{
    const struct fault fault = {.category = err_category_of(err),
                                .outcome = ATTEMPT_FAILED,
                                .is_askers_own = true,
                                .detail = why->detail,
                                .param = slice_str(why->param),
                                .note = slice_str(inlined_fault(leg->request)[0] != '\0'
                                                      ? inlined_fault(leg->request)
                                                      : "cannot be translated for it")};

    leg->may_be_resaid = leg->wording == WORDING_FREE;
    if (leg->may_be_resaid)
        leg->request->wording = WORDING_STRAIGHT;
    relay_fail(leg, &fault);
}

static struct leg *
leg_from(void *data)
{
    struct leg *leg = data;

    assert(leg->request->magic == REQUEST_MAGIC);
    return leg;
}

/* ---- the answer ---- */

static void
on_head(void *data, int status, const struct http_header *headers, size_t n_headers)
{
    struct leg *leg = leg_from(data);
    struct request *r = leg->request;
    struct flight_attempt *attempt = leg->attempt;
    struct slice content_type = {NULL, 0};

    flight_expect(r->flight);
    attempt->status = (uint16_t)status;
    attempt->first_byte_us = loop_now_us(r->worker->loop);
    if (leg == r->leg)
        request_stage_at(r, FLIGHT_STAGE_FIRST_BYTE, attempt->first_byte_us);
    for (size_t i = 0; i < n_headers; i++) {
        if (slice_eq_str(headers[i].name, "content-type"))
            content_type = headers[i].value;
        else if (slice_eq_str(headers[i].name, "x-request-id") ||
                 slice_eq_str(headers[i].name, "request-id"))
            redact_copy(attempt->upstream_request_id, sizeof(attempt->upstream_request_id),
                        headers[i].value);
    }
    if (status < 200 || status > 299)
        note_refusal(leg, headers, n_headers);
    else if (r->facts.is_stream && (content_type.len == 0 || is_event_stream(content_type)))
        leg->body_kind = LEG_STREAM;
    else
        leg->body_kind = LEG_WHOLE;
}

static bool
is_event_stream(struct slice content_type)
{
    const struct slice name = SLICE_LIT("text/event-stream");

    return content_type.len >= name.len &&
           slice_eq_nocase(slice_sub(content_type, 0, name.len), name);
}

static void
note_refusal(struct leg *leg, const struct http_header *headers, size_t n_headers)
{
    int64_t now_real_us = clock_real_us();

    leg->body_kind = LEG_ERROR;
    retry_hint_init(&leg->hint);
    for (size_t i = 0; i < n_headers; i++)
        retry_hint_header(&leg->hint, headers[i].name, headers[i].value, now_real_us);
    patience_end_soon(leg);
}

static void
on_body(void *data, struct slice bytes)
{
    struct leg *leg = leg_from(data);
    struct worker *worker = leg->request->worker;
    struct reply_facts facts = {0};

    assert(leg->body_kind != LEG_NO_HEAD);
    if (leg->body_kind == LEG_STREAM) {
        if (!leg->stream.is_complete && feed_bytes(leg, bytes, &facts) != 0) {
            struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);
            relay_fail(leg, &fault);
        }
        return;
    }
    if (leg->answer.ptr == NULL)
        buf_pool_take(&worker->bufs, &leg->answer,
                      leg->body_kind == LEG_ERROR ? ERROR_BODY_MAX
                                                  : 2 * (size_t)worker->conf->max_body_bytes);
    buf_append_slice(&leg->answer, bytes);
    if (leg->answer.overflow && leg->body_kind == LEG_ERROR) {
        relay_end_refusal(leg);
    } else if (leg->answer.overflow) {
        const struct fault fault = {.category = ERR_CATEGORY_UPSTREAM_ERROR,
                                    .outcome = ATTEMPT_UNCERTAIN,
                                    .is_askers_own = true,
                                    .is_final = true,
                                    .note = SLICE_LIT("the answer is too large")};
        relay_fail(leg, &fault);
    }
}

static void
on_end(void *data, const struct upstream_report *report)
{
    struct leg *leg = leg_from(data);

    leg->call = NULL;
    attempt_report(leg, report);
    if (leg->body_kind == LEG_ERROR) {
        relay_end_refusal(leg);
        return;
    }
    /* A stream that has said its last word is complete, however the connection ended. */
    if (report->result != UPSTREAM_OK && !leg->stream.is_complete) {
        struct fault fault = fault_of_report(report);
        relay_fail(leg, &fault);
        return;
    }
    if (leg->body_kind == LEG_STREAM)
        end_stream(leg);
    else
        end_whole(leg);
}

/* Whatever came of its body, the status says enough. */
void
relay_end_refusal(struct leg *leg)
{
    struct reply_facts facts = {0};
    int status = leg->attempt->status;
    char detail[LIMIT_MODEL_NAME + 32];

    dialect_of(leg->protocol)
        ->read_error(status, buf_slice(&leg->answer), &leg->stream.scratch, &facts);
    if (leg->protocol != leg->request->dialect->protocol)
        facts.error_param = (struct slice){NULL, 0}; /* the caller's request has other fields */
    facts.is_error = true;
    retry_hint_body(&leg->hint, buf_slice(&leg->answer));
    leg->retry_after_s = retry_hint_seconds(&leg->hint);
    struct fault fault = fault_of_reply(&facts, ATTEMPT_FAILED);
    reword(leg, &fault);
    if (status >= 300 && status <= 399) /* never followed, never relayed */
        fault.category = ERR_CATEGORY_UPSTREAM_ERROR;
    if (is_not_there(leg)) {
        snprintf(detail, sizeof(detail), "The model %s on this endpoint",
                 leg->request->served_model);
        fault.category = ERR_CATEGORY_NOT_FOUND;
        fault.is_askers_own = true;
        fault.detail = detail;
    }
    relay_fail(leg, &fault);
}

/* In other words it may be taken. */
static void
reword(struct leg *leg, struct fault *fault)
{
    const enum wording wording = wording_after(leg, fault->category);

    if (wording == (enum wording)leg->wording)
        return;
    fault->category = ERR_CATEGORY_INVALID_REQUEST; /* nobody's fault, whatever was said */
    leg->may_be_resaid = true;
    if (leg->request->wording < wording) /* the leg beside may have shown more */
        leg->request->wording = (uint8_t)wording;
}

/* Few have it: no fault of theirs, and of no interest to the operator. Others may. */
static bool
is_not_there(const struct leg *leg)
{
    unsigned status = leg->attempt->status;

    return dialect_operation_kind(leg->request->facts.operation) != OPERATION_ANSWERS &&
           (status == 404 || status == 405 || status == 501);
}

static void
end_whole(struct leg *leg)
{
    struct request *r = leg->request;
    struct reply_facts facts;
    int err = reply_read_whole(leg, &facts);

    /* A whole document is no answer for a caller who waits for events. */
    if (err != 0 || r->facts.is_stream) {
        struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);
        leg->stream.is_complete = leg->stream.has_content = false; /* none has reached him */
        relay_fail(leg, &fault);
        return;
    }
    request_stage_at(r, FLIGHT_STAGE_FIRST_TOKEN, loop_now_us(r->worker->loop));
    leg_end(leg, ATTEMPT_OK, ERR_CATEGORY_NONE);
    reply_send(r, 200, SLICE_LIT("application/json"), ERR_CATEGORY_NONE, "");
}

static void
end_stream(struct leg *leg)
{
    struct reply_facts facts = {0};

    if (feed_end(leg, &facts) != 0 || !leg->stream.is_complete) {
        /* Closed in good order, yet the dialect misses its end: never a clean end for the caller.
         */
        struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);
        relay_fail(leg, &fault);
        return;
    }
    leg_end(leg, ATTEMPT_OK, ERR_CATEGORY_NONE);
    reply_end_stream(leg->request, ERR_CATEGORY_NONE);
}

/* ---- faults ---- */

void
relay_fail(struct leg *leg, const struct fault *fault)
{
    struct request *r = leg->request;
    struct refusal_reason why = {0}; /* copied: what the fault points at goes with the leg */

    tell_fault(leg, fault, &why);
    log_fault(leg, fault->category);
    enum err_category category = fault->category;
    enum attempt_outcome outcome = fault->outcome;
    bool may_go_on = !fault->is_final;
    leg->refusal = fault->refusal;
    leg->is_askers_own |= fault->is_askers_own;
    leg_end(leg, outcome, category);
    if (r->step == REQUEST_STREAM)
        request_fail(r, ERR_STREAM_INTERRUPTED, "", "");
    else if (!hedge_goes_on(leg) && !(may_go_on && failover_start(r, category, outcome)))
        request_fail(r, -(int)category, why.detail, why.param);
}

/* What an upstream says may hold the very key that it was asked with. */
static void
tell_fault(struct leg *leg, const struct fault *fault, struct refusal_reason *why)
{
    struct flight_attempt *attempt = leg->attempt;
    struct buf key;

    buf_init(&key, LIMIT_CREDENTIAL);

    int err = attempt_append_credential(leg, &key);
    struct slice sent = buf_slice(&key);
    const struct slice *credential = err == 0 ? &sent : NULL;

    fault_describe(fault, credential, why);
    fault_note(fault, credential, attempt->status, attempt->note, sizeof(attempt->note));
    if (key.ptr != NULL)
        secret_wipe(key.ptr, key.len);
    buf_fini(&key);
}

/* An upstream that refuses our credential, our account or its own model needs a person. */
static void
log_fault(const struct leg *leg, enum err_category category)
{
    const struct flight_attempt *attempt = leg->attempt;
    const char *id = leg->request->id_text;

    if (category == ERR_CATEGORY_UPSTREAM_UNAVAILABLE)
        log_error("upstream.refused", "upstream=%s model=%s status=%u request_id=%.36s note=\"%s\"",
                  attempt->upstream, attempt->upstream_model, attempt->status, id, attempt->note);
    else
        log_debug("attempt.failed",
                  "request_id=%.36s upstream=%s status=%u category=%s note=\"%s\"", id,
                  attempt->upstream, attempt->status, err_category_name(category), attempt->note);
}

void
relay_cancel(struct request *r, enum attempt_outcome outcome, enum err_category category)
{
    hedge_drop(r);
    if (r->leg->call != NULL || (r->inlined != NULL && inlined_is_waiting(r->leg)))
        leg_end(r->leg, outcome, category);
}

void
relay_release_request(struct request *r)
{
    if (r->leg->call == NULL || !upstream_is_sent(r->leg->call))
        return;
    relay_forget_request(r);
    exchange_release_request(r->exchange);
}

void
relay_forget_request(struct request *r)
{
    leg_forget_request(r->leg);
    if (r->inlined != NULL)
        inlined_dispose(r);
    buf_fini(&r->ids);
    forget_body(r);
    r->facts.model = r->http.path = r->http.target = (struct slice){NULL, 0};
    r->http.headers = NULL;
    r->http.n_headers = 0;
}

void
relay_dispose(struct request *r)
{
    leg_close(r->leg);
    hedge_dispose(r);
    if (r->inlined != NULL)
        inlined_dispose(r);
    buf_fini(&r->ids);
    forget_body(r);
}

static void
forget_body(struct request *r)
{
    buf_fini(&r->own_body);
    if (r->n_grown > 0)
        server_forget_body(r->worker->server, &r->n_grown);
}
