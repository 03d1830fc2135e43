/* SPDX-License-Identifier: ISC
 *
 * reply - two buffers: `out` is filled by events, `sending` is with the kernel; a write swaps them.
 */
#include "reply.h"

#include "finish.h"
#include "gone.h"
#include "relay.h"
#include "relayos/base/clock.h"
#include "reply_error.h"
#include "request.h"

#define HEADERS_MAX 8
#define LINGER_US   1000000 /* for the upstream's end after a stream said that it is complete */
#define HEARTBEAT   SLICE_LIT(": ka\n\n")

static int feed_event(struct request *r, const struct sse_event *event, struct reply_facts *facts);
static void note_usage(struct request *r);
static void note(struct request *r, const struct reply_facts *facts);
static void hold_back_upstream(struct request *r);
static void hold_tail(struct request *r, size_t at);
static void settle_first(struct request *r);
static bool take_sendable(struct request *r, bool is_last);
static void commit_head(struct request *r);
static void respond(struct request *r, const char *detail);
static size_t id_headers(const struct request *r, struct http_header *list);
static void beat(struct request *r);

void
reply_reset(struct request *r)
{
    struct worker *worker = r->worker;
    const struct reply_context context = {
        .operation = r->facts.operation,
        .public_model = slice_str(r->record->model),
        .request_id = r->id,
        .seal = worker->seal,
        .owner_hash = r->owner_hash,
        .route_id = r->record->n_attempts == 0
                        ? 0
                        : r->record->attempts[r->record->n_attempts - 1].route_id,
        .hide_usage = r->facts.is_stream && !r->facts.wants_usage,
    };

    assert(r->step != REQUEST_STREAM && !r->is_flowing);
    reply_dispose(r);
    reply_stream_init(&r->stream, &context);
    buf_pool_take(&r->worker->bufs, &r->stream.scratch, BUF_POOL_KEEP_SIZE);
    sse_init(&r->sse);
    r->has_stream = true;
    r->is_tail_held = false;
    r->unmetered_bytes = 0;
}

void
reply_dispose(struct request *r)
{
    buf_pool_give(&r->worker->bufs, &r->out);
    buf_pool_give(&r->worker->bufs, &r->sending);
    buf_pool_give(&r->worker->bufs, &r->answer);
    link_remove(&r->in_unsent);
    if (r->has_stream) {
        buf_pool_give(&r->worker->bufs, &r->stream.scratch);
        reply_stream_fini(&r->stream);
        sse_fini(&r->sse);
        r->has_stream = false;
    }
}

struct buf *
reply_out(struct request *r)
{
    /* One event may be as long as the splitter lets through, behind a buffer that is just not full.
     */
    size_t cap = (size_t)r->worker->conf->stream_buffer_bytes + 3 * (size_t)LIMIT_SSE_EVENT;

    if (r->out.ptr == NULL)
        buf_pool_take(&r->worker->bufs, &r->out, cap);
    return &r->out;
}

/* ---- a stream's events ---- */

int
reply_feed(struct request *r, struct slice bytes, struct reply_facts *facts)
{
    struct sse_event event;
    int err;

    sse_feed(&r->sse, bytes);
    while ((err = sse_next(&r->sse, &event)) == 0) {
        err = feed_event(r, &event, facts);
        if (err != 0 || r->stream.is_complete)
            break;
    }
    if (err != 0 && err != ERR_INCOMPLETE) {
        reply_wake(r);
        return ERR_UPSTREAM_ERROR;
    }
    if (r->is_gone) {
        gone_discard(r, bytes.len);
        return 0;
    }
    reply_wake(r);
    hold_back_upstream(r);
    return 0;
}

int
reply_feed_end(struct request *r, struct reply_facts *facts)
{
    struct sse_event event;

    if (r->stream.is_complete || sse_finish(&r->sse, &event) != 0)
        return 0;
    int err = feed_event(r, &event, facts);
    reply_wake(r);
    return err;
}

static int
feed_event(struct request *r, const struct sse_event *event, struct reply_facts *facts)
{
    struct buf *out = reply_out(r);
    size_t before = out->len;

    *facts = (struct reply_facts){0};
    int err = r->dialect->read_event(&r->stream, event, out, facts);
    if (err != 0 || facts->is_error || out->overflow) {
        out->len = before;
        out->overflow = false; /* our own error event must fit */
        if (facts->has_usage)  /* a failed answer may still say what it used */
            note_usage(r);
        return ERR_UPSTREAM_ERROR;
    }
    if (facts->is_terminal)
        hold_tail(r, before);
    note(r, facts);
    return 0;
}

static void
note_usage(struct request *r)
{
    flight_note_usage(r->flight, &r->stream.usage);
    r->unmetered_bytes = 0;
}

static void
note(struct request *r, const struct reply_facts *facts)
{
    r->unmetered_bytes += facts->content_bytes;
    if (facts->has_usage)
        note_usage(r);
    if (facts->is_content && r->step != REQUEST_STREAM) {
        request_stage_at(r, FLIGHT_STAGE_FIRST_TOKEN, loop_now_us(r->worker->loop));
        request_step(r, REQUEST_STREAM);
        r->is_flowing = true;
        relay_release_request(r);
    }
    if (facts->is_terminal) {
        r->is_flowing = true;
        timer_set(r->worker->loop, &r->timer, loop_now_us(r->worker->loop) + LINGER_US,
                  reply_on_timer);
    }
}

void
reply_end_stream(struct request *r, enum err_category category)
{
    if (r->is_gone) {
        gone_end(r);
        return;
    }
    r->end_category = category;
    r->is_ending = true;
    r->is_flowing = true;
    reply_wake(r);
}

/* ---- writing ---- */

void
reply_wake(struct request *r)
{
    if (r->is_flowing && !link_is_in_list(&r->in_unsent))
        link_append(&r->worker->unsent, &r->in_unsent);
}

void
reply_flush(struct request *r)
{
    struct worker *worker = r->worker;

    link_remove(&r->in_unsent);
    if (!r->is_flowing || r->is_answered || (r->out.len == 0 && !r->is_ending))
        return;
    commit_head(r);
    if (r->is_ending && worker->durability != DURABILITY_PROCESS && r->step != REQUEST_FINISH)
        settle_first(r);
    bool is_last = r->is_ending && r->settling == NULL;
    if (!exchange_is_writable(r->exchange) || !take_sendable(r, is_last))
        return;

    r->written_us = loop_now_us(worker->loop);
    if (r->step != REQUEST_FINISH)
        r->bytes_out += (int64_t)r->sending.len;
    if (is_last) {
        r->is_answered = true;
        if (r->step != REQUEST_FINISH)
            finish_request(r, r->end_category, 200);
    }
    exchange_write(r->exchange, buf_slice(&r->sending), is_last);
}

/* Its row before its last bytes, however slowly the caller reads what comes before them. */
static void
settle_first(struct request *r)
{
    reply_hold_tail(r); /* all that is left, if nothing is held yet */
    r->bytes_out += (int64_t)r->out.len;
    finish_request(r, r->end_category, 200);
    if (r->settling != NULL)
        durable_wait(r);
}

static bool
take_sendable(struct request *r, bool is_last)
{
    struct buf_pool *bufs = &r->worker->bufs;
    size_t n = r->tail_at;

    if (!r->is_tail_held || is_last) {
        buf_pool_give(bufs, &r->sending);
        r->sending = r->out;
        buf_init(&r->out, 0);
        return true;
    }
    if (n == 0)
        return false;
    buf_pool_give(bufs, &r->sending);
    r->sending = r->out;
    buf_pool_take(bufs, &r->out, r->sending.cap);
    buf_append_slice(&r->out, slice_of(r->sending.ptr + n, r->sending.len - n));
    r->sending.len = n;
    r->tail_at = 0;
    return true;
}

void
reply_hold_tail(struct request *r)
{
    hold_tail(r, r->out.len);
}

static void
hold_tail(struct request *r, size_t at)
{
    if (r->worker->durability == DURABILITY_PROCESS || r->is_tail_held)
        return;
    r->is_tail_held = true;
    r->tail_at = at;
}

void
reply_release(struct request *r)
{
    if (r->is_ending)
        reply_wake(r);
    else
        respond(r, "");
}

static void
commit_head(struct request *r)
{
    struct http_header headers[HEADERS_MAX];
    size_t n = id_headers(r, headers);

    if (r->is_started)
        return;
    r->is_started = true;
    headers[n++] = (struct http_header){SLICE_LIT("content-type"),
                                        SLICE_LIT("text/event-stream; charset=utf-8")};
    headers[n++] = (struct http_header){SLICE_LIT("cache-control"), SLICE_LIT("no-cache")};
    headers[n++] = (struct http_header){SLICE_LIT("x-accel-buffering"), SLICE_LIT("no")};
    exchange_start(r->exchange, 200, headers, n);
}

void
reply_on_writable(void *data)
{
    struct request *r = request_from(data);
    size_t half = (size_t)r->worker->conf->stream_buffer_bytes / 2;

    buf_pool_give(&r->worker->bufs, &r->sending);
    if (r->is_answered)
        return;
    if (r->is_paused && r->out.len < half && r->call != NULL) {
        r->is_paused = false;
        upstream_resume(r->call);
    }
    reply_flush(r);
}

static void
hold_back_upstream(struct request *r)
{
    size_t limit = (size_t)r->worker->conf->stream_buffer_bytes;

    /* What is held back would wait for ever if its end were not read. */
    if (!r->is_flowing || r->is_paused || r->is_tail_held || r->call == NULL ||
        r->out.len + r->sending.len <= limit)
        return;
    r->is_paused = true;
    upstream_pause(r->call);
}

/* ---- heartbeats ---- */

void
reply_watch(struct request *r)
{
    int64_t interval_us = r->worker->conf->heartbeat_interval_us;

    if (interval_us == 0 || !r->facts.is_stream || r->timer.heap_idx != 0)
        return;
    r->written_us = loop_now_us(r->worker->loop);
    timer_set(r->worker->loop, &r->timer, r->written_us + interval_us, reply_on_timer);
}

void
reply_on_timer(struct timer *timer)
{
    struct request *r = request_from((char *)timer - offsetof(struct request, timer));

    if (r->has_stream && r->stream.is_complete) {
        relay_cancel(r, ATTEMPT_OK, ERR_CATEGORY_NONE);
        reply_end_stream(r, ERR_CATEGORY_NONE);
        return;
    }
    if (r->is_gone)
        gone_end(r);
    else
        beat(r);
}

/* Writes only move written_us; the timer looks at it when it fires. */
static void
beat(struct request *r)
{
    int64_t now_us = loop_now_us(r->worker->loop);
    int64_t interval_us = r->worker->conf->heartbeat_interval_us;

    if (now_us - r->written_us >= interval_us) {
        commit_head(r);
        r->written_us = now_us;
        if (exchange_is_writable(r->exchange)) {
            r->bytes_out += (int64_t)HEARTBEAT.len;
            exchange_write(r->exchange, HEARTBEAT, false);
        }
    }
    timer_set(r->worker->loop, &r->timer, r->written_us + interval_us, reply_on_timer);
}

/* ---- whole answers ---- */

int
reply_read_whole(struct request *r, struct reply_facts *facts)
{
    struct edits edits;
    struct slice answer = buf_slice(&r->answer);

    edits.n = 0; /* not all of it: it is long */
    *facts = (struct reply_facts){0};
    if (r->answer.overflow ||
        r->dialect->read_reply(&r->stream.context, answer, &r->stream.scratch, &edits,
                               &r->stream.usage, facts) != 0 ||
        facts->is_error)
        return ERR_UPSTREAM_ERROR;
    r->stream.is_complete = true;
    r->unmetered_bytes = facts->content_bytes;
    if (r->stream.usage.is_reported)
        flight_note_usage(r->flight, &r->stream.usage);
    buf_pool_give(&r->worker->bufs, &r->out);
    buf_pool_take(&r->worker->bufs, &r->out, 2 * r->answer.cap);
    edits_apply(&edits, answer, &r->out);
    return r->out.overflow ? ERR_UPSTREAM_ERROR : 0;
}

void
reply_send(struct request *r, unsigned status, struct slice content_type,
           enum err_category category, const char *detail)
{
    r->status = status;
    r->content_type = content_type;
    r->end_category = category;
    r->bytes_out = (int64_t)r->out.len;
    finish_request(r, category, status);
    if (r->settling != NULL)
        durable_wait(r);
    else
        respond(r, detail);
}

static void
respond(struct request *r, const char *detail)
{
    enum err_category category = r->end_category;
    struct http_header headers[HEADERS_MAX];

    if (r->is_replay) /* the very answer, with the id that it had */
        text_uuid_format(r->original, r->id_text);
    size_t n = id_headers(r, headers);
    headers[n++] = (struct http_header){SLICE_LIT("content-type"), r->content_type};
    if (r->is_replay)
        headers[n++] = (struct http_header){SLICE_LIT("idempotent-replayed"), SLICE_LIT("true")};
    if (category != ERR_CATEGORY_NONE)
        n += reply_error_retry_header(category, r->retry_after_s, r->retry_after, &headers[n]);
    if (category == ERR_CATEGORY_METHOD_NOT_ALLOWED)
        headers[n++] = (struct http_header){SLICE_LIT("allow"), slice_str(detail)};
    r->is_answered = true;
    exchange_respond(r->exchange, (int)r->status, headers, n, buf_slice(&r->out));
}

/* Clients of either family find the id where they look for it. */
static size_t
id_headers(const struct request *r, struct http_header *list)
{
    struct slice id = slice_of(r->id_text, sizeof(r->id_text));

    list[0] = (struct http_header){SLICE_LIT("x-request-id"), id};
    list[1] = (struct http_header){SLICE_LIT("request-id"), id};
    return 2;
}
