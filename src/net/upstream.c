/* SPDX-License-Identifier: ISC */
#include "relayos/net/upstream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "relayos/base/mem.h"
#include "upstream_impl.h"

#define INTERIM_MAX 8 /* 1xx answers before the real one */

static struct upstream_call *begin(struct upstream_pool *pool,
                                   const struct upstream_request *request,
                                   const struct upstream_events *events, void *data);
static struct upstream_call *take_spare(struct upstream_pool *pool);
static void copy_request(struct upstream_call *call, const struct upstream_request *request);
static void on_written(h2o_socket_t *sock, const char *err);
static void read_plain(struct upstream_call *call);
static void read_tls(struct upstream_call *call, const char *err);
static void feed(struct upstream_call *call, char *bytes, size_t len);
static void feed_head(struct upstream_call *call, char *bytes, size_t len);
static void begin_body(struct upstream_call *call, const struct upstream_head *head);
static void feed_body(struct upstream_call *call, char *bytes, size_t len);
static void deliver(struct upstream_call *call, const char *bytes, size_t len);
static void on_closed(struct upstream_call *call, bool is_clean);
static void finish(struct upstream_call *call, enum upstream_result result, bool is_reusable);
static void leave(struct upstream_call *call, bool is_reusable);
static void unref(struct upstream_call *call);
static void give_spare(struct upstream_call *call);
static void on_failed(struct timer *timer);
static int64_t after(int64_t now_us, int64_t timeout_us);

const char *
upstream_result_name(enum upstream_result result)
{
    switch (result) {
    case UPSTREAM_OK:
        return "ok";
    case UPSTREAM_RESOLVE:
        return "resolve";
    case UPSTREAM_CONNECT:
        return "connect";
    case UPSTREAM_FORBIDDEN:
        return "forbidden";
    case UPSTREAM_CONNECT_TIMEOUT:
        return "connect_timeout";
    case UPSTREAM_TLS:
        return "tls";
    case UPSTREAM_TLS_TIMEOUT:
        return "tls_timeout";
    case UPSTREAM_NO_CONNECTION:
        return "no_connection";
    case UPSTREAM_RESET:
        return "reset";
    case UPSTREAM_FIRST_BYTE_TIMEOUT:
        return "first_byte_timeout";
    case UPSTREAM_IDLE_TIMEOUT:
        return "idle_timeout";
    case UPSTREAM_TOTAL_TIMEOUT:
        return "total_timeout";
    case UPSTREAM_CUT:
        return "cut";
    case UPSTREAM_BAD_ANSWER:
        return "bad_answer";
    }
    return "unknown";
}

struct upstream_call *
upstream_start(struct upstream_pool *pool, const struct upstream_request *request,
               const struct upstream_events *events, void *data)
{
    struct upstream_call *call = begin(pool, request, events, data);

    call->link = upstream_pool_take(call->origin);
    if (call->link == NULL) {
        upstream_dial_start(call);
        return call;
    }
    call->link->call = call;
    call->report.is_reused = true;
    pool->n_reused++;
    upstream_on_connected(call);
    return call;
}

struct upstream_call *
upstream_connect(struct upstream_pool *pool, const struct upstream_request *request,
                 const struct upstream_events *events, void *data)
{
    struct upstream_call *call = begin(pool, request, events, data);

    call->is_connect_only = true;
    upstream_dial_start(call);
    return call;
}

static struct upstream_call *
begin(struct upstream_pool *pool, const struct upstream_request *request,
      const struct upstream_events *events, void *data)
{
    struct upstream_call *call = take_spare(pool);

    *call = (struct upstream_call){
        .magic = UPSTREAM_CALL_MAGIC, .n_refs = 1, .pool = pool, .events = *events, .data = data};
    call->origin = upstream_pool_origin(pool, request->target);
    call->origin->n_calls++;
    pool->n_calls++;
    copy_request(call, request);
    return call;
}

/* Calls come and go by the ten thousand a second: the last one's memory is still warm. */
static struct upstream_call *
take_spare(struct upstream_pool *pool)
{
    struct upstream_call *call = pool->spare;

    if (call == NULL)
        return mem_alloc(sizeof *call);
    pool->spare = call->next;
    pool->n_spare--;
    return call;
}

static void
copy_request(struct upstream_call *call, const struct upstream_request *request)
{
    const struct upstream_record *target = request->target;
    int64_t now_us = loop_now_us(call->pool->loop);

    assert(request->n_body <= sizeof call->body / sizeof call->body[0]);
    call->head = request->head;
    call->n_body = request->n_body;
    memcpy(call->body, request->body, request->n_body * sizeof call->body[0]);
    call->is_head_request = slice_starts_with(request->head, SLICE_LIT("HEAD "));
    call->connect_timeout_us = target->connect_timeout_us;
    call->tls_timeout_us = target->tls_timeout_us;
    call->first_byte_timeout_us = target->first_byte_timeout_us;
    call->idle_timeout_us = target->idle_timeout_us;
    call->total_deadline_us =
        request->deadline_us > 0 ? request->deadline_us : after(now_us, target->total_timeout_us);
    call->report.start_us = now_us;
    buf_init(&call->partial_head, LIMIT_UPSTREAM_HEAD + UPSTREAM_SCRATCH_SIZE);
}

/* ---- sending ---- */

void
upstream_on_connected(struct upstream_call *call)
{
    h2o_iovec_t iov[1 + sizeof call->body / sizeof call->body[0]];
    size_t n = 0;

    iov[n++] = h2o_iovec_init(call->head.ptr, call->head.len);
    for (size_t i = 0; i < call->n_body; i++) {
        if (call->body[i].len > 0)
            iov[n++] = h2o_iovec_init(call->body[i].ptr, call->body[i].len);
    }
    call->report.connected_us = loop_now_us(call->pool->loop);
    if (call->is_connect_only) {
        finish(call, UPSTREAM_OK, false);
        return;
    }
    call->report.was_sent = true; /* it may have been: the write is tried at once */
    call->is_sending = true;
    upstream_set_phase(call, UPSTREAM_PHASE_HEAD, call->first_byte_timeout_us);
    h2o_socket_write(call->link->sock, iov, n, on_written);
    if (!call->is_paused)
        h2o_socket_read_start(call->link->sock, upstream_on_readable);
}

/* Failed or not, it is the read side that tells the end: an answer may have come before. */
static void
on_written(h2o_socket_t *sock, const char *err)
{
    struct upstream_call *call = upstream_pool_link_of(sock)->call;

    assert(call != NULL && call->is_sending);
    call->is_sending = err != NULL; /* a link that can't be written is not used again */
    if (err == NULL && call->phase == UPSTREAM_PHASE_HEAD && call->report.first_byte_us == 0)
        upstream_set_phase(call, UPSTREAM_PHASE_HEAD, call->first_byte_timeout_us);
}

bool
upstream_is_sent(const struct upstream_call *call)
{
    assert(call->magic == UPSTREAM_CALL_MAGIC);
    return call->report.first_byte_us > 0 && !call->is_sending;
}

/* ---- reading ---- */

void
upstream_on_readable(h2o_socket_t *sock, const char *err)
{
    struct upstream_link *link = upstream_pool_link_of(sock);

    if (link->call == NULL)
        upstream_pool_on_idle_event(link, err);
    else if (sock->ssl == NULL)
        read_plain(link->call);
    else
        read_tls(link->call, err);
}

/* One read an event; what a full buffer leaves behind is another event. */
static void
read_plain(struct upstream_call *call)
{
    char *scratch = call->pool->scratch;
    ssize_t n = recv(h2o_socket_get_fd(call->link->sock), scratch, UPSTREAM_SCRATCH_SIZE, 0);

    if (n > 0)
        feed(call, scratch, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        on_closed(call, n == 0);
}

static void
read_tls(struct upstream_call *call, const char *err)
{
    /* Callbacks may close the socket: its buffer must be ours while they look at it. */
    h2o_buffer_t *input = call->link->sock->input;

    h2o_buffer_init(&call->link->sock->input, &h2o_socket_buffer_prototype);
    call->n_refs++;
    if (input->size > 0)
        feed(call, input->bytes, input->size);
    if (err != NULL && call->phase != UPSTREAM_PHASE_OVER)
        on_closed(call, err == h2o_socket_error_closed);
    unref(call);
    h2o_buffer_dispose(&input);
}

static void
feed(struct upstream_call *call, char *bytes, size_t len)
{
    assert(call->phase == UPSTREAM_PHASE_HEAD || call->phase == UPSTREAM_PHASE_BODY);
    call->n_refs++;
    if (call->report.first_byte_us == 0)
        call->report.first_byte_us = loop_now_us(call->pool->loop);
    if (call->phase == UPSTREAM_PHASE_HEAD)
        feed_head(call, bytes, len);
    else
        feed_body(call, bytes, len);
    if (call->phase == UPSTREAM_PHASE_BODY && !call->is_paused)
        upstream_set_phase(call, UPSTREAM_PHASE_BODY, call->idle_timeout_us);
    unref(call);
}

static void
feed_head(struct upstream_call *call, char *bytes, size_t len)
{
    struct upstream_head head;
    bool is_line_over = memchr(bytes, '\n', len) != NULL;

    if (call->partial_head.len > 0 || !is_line_over) {
        buf_append(&call->partial_head, bytes, len);
        bytes = call->partial_head.ptr;
        len = call->partial_head.len;
        if (!is_line_over && len <= LIMIT_UPSTREAM_HEAD)
            return;
    }
    do {
        enum upstream_verdict verdict =
            upstream_parse_head(bytes, len, call->is_head_request, &head);
        if (verdict == UPSTREAM_HEAD_INCOMPLETE) {
            struct buf *partial = &call->partial_head;
            if (partial->len > 0)
                buf_consume(partial, (size_t)(bytes - partial->ptr));
            else
                buf_append(partial, bytes, len);
            return;
        }
        if (verdict == UPSTREAM_HEAD_BAD || head.status == 101 || call->n_interim == INTERIM_MAX) {
            finish(call, UPSTREAM_BAD_ANSWER, false);
            return;
        }
        call->n_interim++;
        bytes += head.head_size;
        len -= head.head_size;
    } while (head.status < 200);

    begin_body(call, &head);
    call->events.on_head(call->data, head.status, head.headers, head.n_headers);
    if (call->phase == UPSTREAM_PHASE_BODY)
        feed_body(call, bytes, len);
    if (call->phase == UPSTREAM_PHASE_BODY) {
        buf_fini(&call->partial_head);
        call->partial_head = (struct buf){0};
    }
}

static void
begin_body(struct upstream_call *call, const struct upstream_head *head)
{
    call->phase = UPSTREAM_PHASE_BODY;
    call->is_keep_alive = head->is_keep_alive;
    call->framing = head->framing;
    call->length_left =
        head->framing == UPSTREAM_FRAMING_LENGTH ? (uint64_t)head->content_length : 0;
}

/* Bytes behind the end of an answer are nobody's: the connection is not used again. */
static void
feed_body(struct upstream_call *call, char *bytes, size_t len)
{
    size_t n = len;
    long n_behind = -2; /* as of guard_chunks_decode() */

    switch (call->framing) {
    case UPSTREAM_FRAMING_LENGTH:
        n = len < call->length_left ? len : (size_t)call->length_left;
        call->length_left -= n;
        if (call->length_left == 0)
            n_behind = (long)(len - n);
        break;
    case UPSTREAM_FRAMING_CHUNKED:
        n_behind = guard_chunks_decode(&call->chunks, bytes, &n);
        break;
    case UPSTREAM_FRAMING_CLOSE:
        break;
    }
    if (n_behind == -1) {
        finish(call, UPSTREAM_BAD_ANSWER, false);
        return;
    }
    deliver(call, bytes, n);
    if (n_behind >= 0 && call->phase == UPSTREAM_PHASE_BODY)
        finish(call, UPSTREAM_OK, n_behind == 0 && call->is_keep_alive && !call->is_sending);
}

static void
deliver(struct upstream_call *call, const char *bytes, size_t len)
{
    if (len > 0)
        call->events.on_body(call->data, slice_of(bytes, len));
}

static void
on_closed(struct upstream_call *call, bool is_clean)
{
    bool is_stale = call->phase == UPSTREAM_PHASE_HEAD && call->report.is_reused &&
                    call->report.first_byte_us == 0;

    if (is_stale) {
        upstream_pool_close(call->link);
        call->link = NULL;
        call->report.is_reused = false;
        call->report.n_redials++;
        call->pool->n_redials++;
        upstream_dial_start(call);
    } else if (call->phase == UPSTREAM_PHASE_HEAD) {
        finish(call, UPSTREAM_RESET, false);
    } else if (is_clean && call->framing == UPSTREAM_FRAMING_CLOSE) {
        finish(call, UPSTREAM_OK, false);
    } else {
        finish(call, UPSTREAM_CUT, false);
    }
}

/* ---- the end ---- */

static void
finish(struct upstream_call *call, enum upstream_result result, bool is_reusable)
{
    call->n_refs++;
    call->report.result = result;
    if (result != UPSTREAM_OK)
        call->pool->n_failed++;
    leave(call, is_reusable);
    call->events.on_end(call->data, &call->report);
    unref(call);
}

/* Give up connection, timer and place in queues: what is left is memory. */
static void
leave(struct upstream_call *call, bool is_reusable)
{
    assert(call->magic == UPSTREAM_CALL_MAGIC && call->phase != UPSTREAM_PHASE_OVER);
    if (call->phase == UPSTREAM_PHASE_RESOLVE)
        upstream_dial_forget(call);
    call->phase = UPSTREAM_PHASE_OVER;
    call->report.end_us = loop_now_us(call->pool->loop);
    timer_unset(call->pool->loop, &call->failed);
    if (call->link != NULL && is_reusable) {
        if (call->is_paused)
            h2o_socket_read_start(call->link->sock, upstream_on_readable);
        upstream_pool_give_back(call->link);
    } else if (call->link != NULL) {
        upstream_pool_close(call->link);
    }
    call->link = NULL;
    call->origin->n_calls--;
    unref(call);
}

static void
unref(struct upstream_call *call)
{
    assert(call->n_refs > 0);
    if (--call->n_refs > 0)
        return;
    assert(call->phase == UPSTREAM_PHASE_OVER);
    buf_fini(&call->partial_head);
    give_spare(call);
}

static void
give_spare(struct upstream_call *call)
{
    struct upstream_pool *pool = call->pool;

    call->magic = 0;
    if (pool->n_spare == UPSTREAM_SPARE_MAX) {
        free(call);
        return;
    }
    call->next = pool->spare;
    pool->spare = call;
    pool->n_spare++;
}

void
upstream_fail_later(struct upstream_call *call, enum upstream_result result)
{
    if (call->link != NULL)
        upstream_pool_close(call->link);
    call->link = NULL;
    call->phase = UPSTREAM_PHASE_FAILED;
    call->failure = result;
    timer_set(call->pool->loop, &call->failed, loop_now_us(call->pool->loop), on_failed);
}

static void
on_failed(struct timer *timer)
{
    struct upstream_call *call = H2O_STRUCT_FROM_MEMBER(struct upstream_call, failed, timer);

    finish(call, call->failure, false);
}

void
upstream_cancel(struct upstream_call *call, struct upstream_report *out_report)
{
    call->n_refs++;
    leave(call, false);
    if (out_report != NULL)
        *out_report = call->report;
    unref(call);
}

void
upstream_pause(struct upstream_call *call)
{
    assert(call->magic == UPSTREAM_CALL_MAGIC);
    if (call->is_paused || call->phase == UPSTREAM_PHASE_OVER)
        return;
    call->is_paused = true;
    if (call->phase == UPSTREAM_PHASE_HEAD || call->phase == UPSTREAM_PHASE_BODY) {
        h2o_socket_read_stop(call->link->sock);
        upstream_set_phase(call, call->phase, 0);
    }
}

void
upstream_resume(struct upstream_call *call)
{
    assert(call->magic == UPSTREAM_CALL_MAGIC);
    if (!call->is_paused || call->phase == UPSTREAM_PHASE_OVER)
        return;
    call->is_paused = false;
    if (call->phase == UPSTREAM_PHASE_HEAD || call->phase == UPSTREAM_PHASE_BODY) {
        h2o_socket_read_start(call->link->sock, upstream_on_readable);
        upstream_set_phase(call, call->phase, call->idle_timeout_us);
    }
}

/* ---- deadlines ---- */

/* timeout_us 0: none but the total one. */
void
upstream_set_phase(struct upstream_call *call, enum upstream_phase phase, int64_t timeout_us)
{
    struct loop *loop = call->pool->loop;

    call->phase = phase;
    call->phase_deadline_us = after(loop_now_us(loop), timeout_us);
    timer_set(loop, &call->link->timer,
              call->phase_deadline_us < call->total_deadline_us ? call->phase_deadline_us
                                                                : call->total_deadline_us,
              upstream_on_deadline);
}

static int64_t
after(int64_t now_us, int64_t timeout_us)
{
    return timeout_us > 0 ? now_us + timeout_us : INT64_MAX;
}

void
upstream_on_deadline(struct timer *timer)
{
    struct upstream_link *link = H2O_STRUCT_FROM_MEMBER(struct upstream_link, timer, timer);
    struct upstream_call *call = link->call;

    if (call == NULL) {
        upstream_pool_close(link);
        return;
    }
    if (loop_now_us(call->pool->loop) >= call->total_deadline_us) {
        finish(call, UPSTREAM_TOTAL_TIMEOUT, false);
        return;
    }
    switch (call->phase) {
    case UPSTREAM_PHASE_RESOLVE:
    case UPSTREAM_PHASE_CONNECT:
        upstream_dial_on_timeout(call);
        break;
    case UPSTREAM_PHASE_TLS:
        finish(call, UPSTREAM_TLS_TIMEOUT, false);
        break;
    case UPSTREAM_PHASE_HEAD:
        finish(call, UPSTREAM_FIRST_BYTE_TIMEOUT, false);
        break;
    case UPSTREAM_PHASE_BODY:
        finish(call, UPSTREAM_IDLE_TIMEOUT, false);
        break;
    case UPSTREAM_PHASE_FAILED:
    case UPSTREAM_PHASE_OVER:
        assert(0 && "such a call has no link");
        break;
    }
}
