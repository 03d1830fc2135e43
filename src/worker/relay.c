/* SPDX-License-Identifier: ISC
 *
 * relay - an attempt is begun in the record before a byte leaves, and ended there in every case.
 */
#include "relay.h"

#include "attempt.h"
#include "fault.h"
#include "head.h"
#include "pick.h"
#include "redact.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/log.h"
#include "reply.h"
#include "request.h"
#include "state_ids.h"

#define ERROR_BODY_MAX BUF_POOL_KEEP_SIZE /* of an upstream's error: the rest is not read */
#define N_PIECES       (sizeof(((struct upstream_request *)0)->body) / sizeof(struct slice))

static void build_body(struct request *r, const struct pick *pick, struct upstream_request *out);
static void cut_into_pieces(const struct edits *edits, struct slice text,
                            struct upstream_request *out);
static void build_head(struct request *r, struct pick *pick, struct upstream_request *out);
static void on_head(void *data, int status, const struct http_header *headers, size_t n_headers);
static void on_body(void *data, struct slice bytes);
static void on_end(void *data, const struct upstream_report *report);
static void end_whole(struct request *r);
static void end_error(struct request *r);
static void end_stream(struct request *r);
static void fail_attempt(struct request *r, const struct fault *fault);
static void log_fault(const struct request *r, enum err_category category);
static bool may_try_next(const struct request *r, enum err_category category);
static void drop_buffers(struct request *r);
static void wipe(struct buf *buf);

/* ---- sending ---- */

void
relay_start(struct request *r)
{
    static const struct upstream_events events = {
        .on_head = on_head, .on_body = on_body, .on_end = on_end};
    struct worker *worker = r->worker;
    struct pick *pick = &worker->scratch.pick;
    struct upstream_request out = {.target = &pick->upstream};

    assert(r->call == NULL);
    request_step(r, REQUEST_RELAY);
    if (r->deadline_us == 0)
        r->deadline_us = r->http.accepted_us + pick->upstream.total_timeout_us;
    out.deadline_us = r->deadline_us;
    attempt_begin(r, pick);
    r->answer_kind = RELAY_NO_HEAD;
    r->retry_after_s = 0;
    r->is_paused = false;
    reply_reset(r);
    build_body(r, pick, &out);
    build_head(r, pick, &out);
    if (r->record->n_attempts == 1)
        flight_dispatch(r->flight);
    request_stage(r, FLIGHT_STAGE_DISPATCHED);
    reply_watch(r);
    CRASH_POINT("relay.sending");
    r->call = upstream_start(worker->upstream_pool, &out, &events, r);
}

/* The caller's bytes, with the few edits between them: a large body is not copied. */
static void
build_body(struct request *r, const struct pick *pick, struct upstream_request *out)
{
    struct buf_pool *bufs = &r->worker->bufs;
    struct slice ids[STATE_IDS_MAX];
    struct edits edits;
    uint32_t route_id;

    if (r->facts.n_state_ids > 0) {
        /* ROUTE has opened them; here they are needed once more, and nothing has changed. */
        int err = state_ids_open(r, ids, &route_id, &r->worker->scratch.why);
        assert(err == 0 && route_id == pick->route.id);
    }
    buf_pool_give(bufs, &r->scratch);
    buf_pool_take(bufs, &r->scratch, BUF_POOL_KEEP_SIZE);
    edits.n = 0; /* not all of it: it is long */
    r->dialect->edit_request(&r->facts, slice_str(pick->route.upstream_model), ids, &r->scratch,
                             &edits);
    assert(!r->scratch.overflow);
    if (2 * edits.n + 1 <= N_PIECES) {
        cut_into_pieces(&edits, r->facts.body, out);
        return;
    }
    buf_fini(&r->body);
    buf_init(&r->body, edits_length(&edits, r->facts.body));
    edits_apply(&edits, r->facts.body, &r->body);
    out->body[out->n_body++] = buf_slice(&r->body);
}

static void
cut_into_pieces(const struct edits *edits, struct slice text, struct upstream_request *out)
{
    size_t at = 0;

    for (size_t i = 0; i < edits->n; i++) {
        const struct edit *edit = &edits->edit[i];

        if (edit->from > at)
            out->body[out->n_body++] = slice_sub(text, at, edit->from);
        if (edit->with.len > 0)
            out->body[out->n_body++] = edit->with;
        at = edit->to;
    }
    if (at < text.len)
        out->body[out->n_body++] = slice_sub(text, at, text.len);
}

static void
build_head(struct request *r, struct pick *pick, struct upstream_request *out)
{
    struct head_input input = {
        .dialect = r->dialect,
        .operation = r->facts.operation,
        .upstream = &pick->upstream,
        .credential = buf_slice(&pick->credential),
        .http = &r->http,
        .request_id = slice_of(r->id_text, sizeof(r->id_text)),
        .is_stream = r->facts.is_stream,
    };

    for (size_t i = 0; i < out->n_body; i++)
        input.content_length += out->body[i].len;
    if (r->head.ptr == NULL)
        buf_pool_take(&r->worker->bufs, &r->head, BUF_POOL_KEEP_SIZE);
    buf_clear(&r->head);
    head_build(&input, &r->head);
    assert(!r->head.overflow);
    wipe(&pick->credential);
    out->head = buf_slice(&r->head);
}

/* ---- the answer ---- */

static void
on_head(void *data, int status, const struct http_header *headers, size_t n_headers)
{
    struct request *r = request_from(data);
    struct flight_attempt *attempt = attempt_current(r);
    struct slice content_type = {NULL, 0};

    attempt->status = (uint16_t)status;
    request_stage_at(r, FLIGHT_STAGE_FIRST_BYTE, loop_now_us(r->worker->loop));
    for (size_t i = 0; i < n_headers; i++) {
        if (slice_eq_str(headers[i].name, "content-type"))
            content_type = headers[i].value;
        else if (slice_eq_str(headers[i].name, "retry-after"))
            r->retry_after_s = fault_parse_retry_after(headers[i].value);
        else if (slice_eq_str(headers[i].name, "x-request-id") ||
                 slice_eq_str(headers[i].name, "request-id"))
            redact_copy(attempt->upstream_request_id, sizeof(attempt->upstream_request_id),
                        headers[i].value);
    }
    if (status < 200 || status > 299)
        r->answer_kind = RELAY_ERROR;
    else if (r->facts.is_stream &&
             (content_type.len == 0 ||
              slice_starts_with(content_type, SLICE_LIT("text/event-stream"))))
        r->answer_kind = RELAY_STREAM;
    else
        r->answer_kind = RELAY_WHOLE;
}

static void
on_body(void *data, struct slice bytes)
{
    struct request *r = request_from(data);
    struct reply_facts facts = {0};

    assert(r->answer_kind != RELAY_NO_HEAD);
    if (r->answer_kind == RELAY_STREAM) {
        if (!r->stream.is_complete && reply_feed(r, bytes, &facts) != 0) {
            struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);
            fail_attempt(r, &fault);
        }
        return;
    }
    if (r->answer.ptr == NULL)
        buf_pool_take(&r->worker->bufs, &r->answer,
                      r->answer_kind == RELAY_ERROR ? ERROR_BODY_MAX
                                                    : 2 * (size_t)r->worker->conf->max_body_bytes);
    buf_append_slice(&r->answer, bytes);
    if (r->answer.overflow && r->answer_kind == RELAY_WHOLE) {
        const struct fault fault = {.category = ERR_CATEGORY_UPSTREAM_ERROR,
                                    .outcome = ATTEMPT_UNCERTAIN,
                                    .note = SLICE_LIT("the answer is too large")};
        fail_attempt(r, &fault);
    }
}

static void
on_end(void *data, const struct upstream_report *report)
{
    struct request *r = request_from(data);

    r->call = NULL;
    attempt_report(r, report);
    if (r->answer_kind == RELAY_ERROR) {
        end_error(r); /* whatever came of its body, the status says enough */
        return;
    }
    /* A stream that has said its last word is complete, however the connection ended. */
    if (report->result != UPSTREAM_OK && !r->stream.is_complete) {
        struct fault fault = fault_of_report(report);
        fail_attempt(r, &fault);
        return;
    }
    if (r->answer_kind == RELAY_STREAM)
        end_stream(r);
    else
        end_whole(r);
}

static void
end_error(struct request *r)
{
    struct reply_facts facts = {0};
    int status = attempt_current(r)->status;

    r->dialect->read_error(status, buf_slice(&r->answer), &r->stream.scratch, &facts);
    facts.is_error = true;
    struct fault fault = fault_of_reply(&facts, ATTEMPT_FAILED);
    if (status >= 300 && status <= 399) /* never followed, never relayed */
        fault.category = ERR_CATEGORY_UPSTREAM_ERROR;
    fail_attempt(r, &fault);
}

static void
end_whole(struct request *r)
{
    struct reply_facts facts;
    int err = reply_read_whole(r, &facts);

    /* A whole document is no answer for a caller who waits for events. */
    if (err != 0 || r->facts.is_stream) {
        struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);
        r->stream.is_complete = false;
        fail_attempt(r, &fault);
        return;
    }
    request_stage_at(r, FLIGHT_STAGE_FIRST_TOKEN, loop_now_us(r->worker->loop));
    attempt_end(r, ATTEMPT_OK, ERR_CATEGORY_NONE);
    reply_send(r, 200, SLICE_LIT("application/json"), ERR_CATEGORY_NONE, "");
}

static void
end_stream(struct request *r)
{
    struct reply_facts facts = {0};

    if (reply_feed_end(r, &facts) != 0 || !r->stream.is_complete) {
        /* Closed in good order, yet the dialect misses its end: never a clean end for the caller.
         */
        struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);
        fail_attempt(r, &fault);
        return;
    }
    attempt_end(r, ATTEMPT_OK, ERR_CATEGORY_NONE);
    reply_end_stream(r, ERR_CATEGORY_NONE);
}

/* ---- faults ---- */

/* End the attempt; then the next route, or the caller is told. */
static void
fail_attempt(struct request *r, const struct fault *fault)
{
    struct worker *worker = r->worker;
    struct refusal_reason why = {0}; /* copied: what the fault points at goes with the attempt */

    fault_describe(fault, why.detail, sizeof(why.detail));
    redact_copy(why.param, sizeof(why.param), fault->param);
    redact_copy(attempt_current(r)->note, sizeof(attempt_current(r)->note), fault->note);
    log_fault(r, fault->category);
    relay_cancel(r, fault->outcome, fault->category);
    attempt_end(r, fault->outcome, fault->category);
    if (r->step == REQUEST_STREAM) {
        request_fail(r, ERR_STREAM_INTERRUPTED, "", "");
        return;
    }
    if (may_try_next(r, fault->category)) {
        request_step(r, REQUEST_ROUTE);
        if (pick_route(r, &worker->scratch.pick, &worker->scratch.why) == 0) {
            relay_start(r);
            return;
        }
    }
    request_fail(r, -(int)fault->category, why.detail, why.param);
}

/* An upstream that refuses our credential, our account or its own model needs a person. */
static void
log_fault(const struct request *r, enum err_category category)
{
    const struct flight_attempt *attempt = attempt_current(r);

    if (category == ERR_CATEGORY_UPSTREAM_UNAVAILABLE)
        log_error("upstream.refused", "upstream=%s model=%s status=%u request_id=%.36s note=\"%s\"",
                  attempt->upstream, attempt->upstream_model, attempt->status, r->id_text,
                  attempt->note);
    else
        log_debug("attempt.failed",
                  "request_id=%.36s upstream=%s status=%u category=%s note=\"%s\"", r->id_text,
                  attempt->upstream, attempt->status, err_category_name(category), attempt->note);
}

static bool
may_try_next(const struct request *r, enum err_category category)
{
    return fault_may_fail_over(category) && r->record->n_attempts < LIMIT_ATTEMPTS &&
           loop_now_us(r->worker->loop) < r->deadline_us;
}

void
relay_cancel(struct request *r, enum attempt_outcome outcome, enum err_category category)
{
    struct upstream_report report;

    if (r->call == NULL)
        return;
    upstream_cancel(r->call, &report);
    r->call = NULL;
    attempt_report(r, &report);
    attempt_end(r, r->stream.is_complete ? ATTEMPT_OK : outcome, category);
}

void
relay_release_request(struct request *r)
{
    if (r->call == NULL || !upstream_is_sent(r->call))
        return;
    relay_forget_request(r);
    exchange_release_request(r->exchange);
}

void
relay_forget_request(struct request *r)
{
    drop_buffers(r);
    r->facts.model = r->http.path = r->http.target = (struct slice){NULL, 0};
    r->http.headers = NULL;
    r->http.n_headers = 0;
}

void
relay_dispose(struct request *r)
{
    assert(r->call == NULL);
    drop_buffers(r);
}

static void
drop_buffers(struct request *r)
{
    struct buf_pool *bufs = &r->worker->bufs;

    wipe(&r->head); /* our credential */
    buf_pool_give(bufs, &r->head);
    buf_pool_give(bufs, &r->scratch);
    buf_fini(&r->body);
    buf_fini(&r->ids);
}

static void
wipe(struct buf *buf)
{
    if (buf->ptr != NULL)
        secret_wipe(buf->ptr, buf->len);
    buf_clear(buf);
}
