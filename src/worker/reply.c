/* SPDX-License-Identifier: ISC
 *
 * reply - two buffers: `out` is filled by events, `sending` is with the kernel; a write swaps them.
 */
#include "reply.h"

#include "capture.h"
#include "finish.h"
#include "gone.h"
#include "leg.h"
#include "recollect.h"
#include "relay.h"
#include "relayos/codec/embedding.h"
#include "reply_error.h"
#include "request.h"
#include "translation.h"

#define HEADERS_MAX 8
#define HEARTBEAT   SLICE_LIT(": ka\n\n")

static void hold_back_upstream(struct request *r);
static void settle_first(struct request *r);
static bool take_sendable(struct request *r, bool is_last);
static void commit_head(struct request *r);
static void respond(struct request *r, const char *detail);
static int recode_vectors(struct request *r);
static int read_translated(struct leg *leg, struct reply_facts *facts);
static size_t dropped_header(const struct request *r, struct http_header *list);
static size_t id_headers(const struct request *r, struct http_header *list);
static void beat(struct request *r);

void
reply_dispose(struct request *r)
{
    buf_pool_give(&r->worker->bufs, &r->out);
    buf_pool_give(&r->worker->bufs, &r->sending);
    link_remove(&r->in_unsent);
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
    if (!r->is_flowing)
        return;
    if (!link_is_in_list(&r->in_unsent))
        link_append(&r->worker->unsent, &r->in_unsent);
    if (r->out.len + r->sending.len > (size_t)r->worker->conf->stream_buffer_bytes)
        hold_back_upstream(r);
}

/* A slow caller. What is held back would wait for ever if its end were not read. */
static void
hold_back_upstream(struct request *r)
{
    if (r->is_paused || r->is_tail_held || r->leg->call == NULL)
        return;
    r->is_paused = true;
    r->leg->is_askers_own = true; /* an upstream that cannot write gives up some time */
    upstream_pause(r->leg->call);
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
    capture_answer(r, buf_slice(&r->sending));
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
    reply_hold_tail_at(r, r->out.len);
}

void
reply_hold_tail_at(struct request *r, size_t at)
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
    n += dropped_header(r, &headers[n]);
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
    if (r->is_paused && r->out.len < half && r->leg->call != NULL) {
        r->is_paused = false;
        upstream_resume(r->leg->call);
    }
    reply_flush(r);
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

    if (r->leg->stream.is_complete) {
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
            capture_answer(r, HEARTBEAT);
            exchange_write(r->exchange, HEARTBEAT, false);
        }
    }
    timer_set(r->worker->loop, &r->timer, r->written_us + interval_us, reply_on_timer);
}

/* ---- whole answers ---- */

int
reply_read_whole(struct leg *leg, struct reply_facts *facts)
{
    struct request *r = leg->request;
    struct reply_stream *stream = &leg->stream;
    struct slice answer = buf_slice(&leg->answer);
    struct edits edits;

    edits.n = 0; /* not all of it: it is long */
    *facts = (struct reply_facts){0};
    if (leg->translation != NULL)
        return read_translated(leg, facts);
    if (leg->answer.overflow ||
        r->dialect->read_reply(&stream->context, answer, &stream->scratch, &edits, &stream->usage,
                               facts) != 0 ||
        facts->is_error)
        return ERR_UPSTREAM_ERROR;
    stream->is_complete = true;
    leg->unmetered_bytes = facts->content_bytes;
    if (stream->usage.is_reported && leg == r->leg)
        flight_note_usage(r->flight, &stream->usage);
    buf_pool_give(&r->worker->bufs, &r->out);
    buf_pool_take(&r->worker->bufs, &r->out, 2 * leg->answer.cap);
    edits_apply(&edits, answer, &r->out);
    if (r->is_watched)
        recollect_reply(leg, answer, facts->items);
    if (r->facts.operation == OPERATION_EMBEDDING && recode_vectors(r) != 0)
        return ERR_UPSTREAM_ERROR;
    return r->out.overflow ? ERR_UPSTREAM_ERROR : 0;
}

/* Some upstreams write them as they please. */
static int
recode_vectors(struct request *r)
{
    enum embedding_encoding encoding = (enum embedding_encoding)r->facts.encoding;
    struct buf answer = r->out;

    if (answer.overflow || embedding_is_as_asked(buf_slice(&answer), encoding))
        return 0;
    buf_pool_take(&r->worker->bufs, &r->out, EMBEDDING_MAX_GROWTH * answer.cap);
    int err = embedding_recode(buf_slice(&answer), encoding, &r->out);
    buf_pool_give(&r->worker->bufs, &answer);
    return err;
}

static int
read_translated(struct leg *leg, struct reply_facts *facts)
{
    struct request *r = leg->request;
    struct reply_stream *stream = &leg->stream;

    buf_pool_give(&r->worker->bufs, &r->out);
    buf_pool_take(&r->worker->bufs, &r->out, leg->answer.cap + TRANSLATION_MAX_EVENT);
    int err = translation_read_reply(leg, buf_slice(&leg->answer), &r->out, facts);
    if (err == 0 && (stream->usage.totals & USAGE_SAID_OUTPUT) == 0)
        leg->unmetered_bytes = facts->content_bytes;
    if (err == 0 && stream->usage.is_reported && leg == r->leg)
        flight_note_usage(r->flight, &stream->usage);
    return r->out.overflow ? ERR_UPSTREAM_ERROR : err;
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
    if (category == ERR_CATEGORY_NONE && r->is_estimated)
        headers[n++] =
            (struct http_header){SLICE_LIT("x-relayos-estimated"), SLICE_LIT("input_tokens")};
    if (category == ERR_CATEGORY_NONE)
        n += dropped_header(r, &headers[n]);
    else
        n += reply_error_retry_header(category, r->retry_after_s, r->retry_after, &headers[n]);
    if (category == ERR_CATEGORY_METHOD_NOT_ALLOWED || category == ERR_CATEGORY_UPGRADE_REQUIRED)
        headers[n++] = (struct http_header){SLICE_LIT("allow"), slice_str(detail)};
    if (category == ERR_CATEGORY_UPGRADE_REQUIRED) {
        headers[n++] = (struct http_header){SLICE_LIT("connection"), SLICE_LIT("upgrade")};
        headers[n++] = (struct http_header){SLICE_LIT("upgrade"), SLICE_LIT("HTTP/1.1")};
    }
    r->is_answered = true;
    capture_answer(r, buf_slice(&r->out));
    exchange_respond(r->exchange, (int)r->status, headers, n, buf_slice(&r->out));
}

/* Fields that the answer does not obey: they only tune it. */
static size_t
dropped_header(const struct request *r, struct http_header *list)
{
    if (r->leg->translation == NULL || translation_dropped(r->leg).len == 0)
        return 0;
    list[0] = (struct http_header){SLICE_LIT("x-relayos-dropped"), translation_dropped(r->leg)};
    return 1;
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
