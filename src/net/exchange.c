/* SPDX-License-Identifier: ISC */
#include "exchange.h"

#include <assert.h>
#include <stdlib.h>

#include "conn.h"
#include "conn_body.h"
#include "conn_front.h"
#include "http.h"
#include "response.h"

#define EXCHANGE_MAGIC 0x45584348

struct exchange {
    uint32_t magic;
    h2o_req_t *req;
    struct conn *conn;
    struct exchange_events events;
    void *data;
    struct http_request request;
    struct request_head *request_head; /* what that points into; NULL once released */
    struct timer empty_write;          /* answers writes that put nothing on the wire */
    h2o_iovec_t head;                  /* of the response, until the first write takes it along */
    char chunk_size[RESPONSE_CHUNK_SIZE_MAX];
    bool is_head;    /* HEAD: no body */
    bool is_chunked; /* the response */
    bool is_started;
    bool is_in_flight;
    bool is_ended;
    bool is_released;
};

static bool is_persistent(const struct exchange *exchange);
static void begin_response(struct exchange *exchange, struct response *response);
static const char *date_of(h2o_req_t *req);
static void send_bytes(struct exchange *exchange, struct slice bytes, bool is_last);
static size_t frame_chunk(struct exchange *exchange, struct slice bytes, bool is_last,
                          h2o_iovec_t *iov);
static void on_empty_write(struct timer *timer);
static void on_dispose(void *memory);

void
exchange_begin(h2o_req_t *req)
{
    struct conn *conn = conn_from_request(req);
    struct exchange *exchange = h2o_mem_alloc_shared(&req->pool, sizeof *exchange, on_dispose);
    const struct server_handler *handler = &conn->server->conf.handler;

    assert(conn->exchange == NULL && conn->head != NULL);
    *exchange = (struct exchange){.magic = EXCHANGE_MAGIC, .req = req, .conn = conn};
    conn->exchange = exchange;

    struct http_request *request = &exchange->request;
    request->method = conn->head->method;
    request->target = conn->head->target;
    http_split_target(request);
    request->body = slice_of(req->entity.base, req->entity.len);
    request->headers = conn->head->headers;
    request->n_headers = conn->head->n_headers;
    request->accepted_us = loop_now_us(conn->server->loop);
    conn_front_note_client(conn, request);
    request->is_tls = conn->tls != NULL;
    request->memo = conn->memo;
    request->is_body_withheld = conn->is_body_withheld;
    exchange->is_head = slice_eq_str(request->method, "HEAD");
    exchange->request_head = conn->head;
    conn->head = NULL;
    req->http1_is_persistent = is_persistent(exchange);
    handler->on_request(handler->ctx, exchange, request);
}

static bool
is_persistent(const struct exchange *exchange)
{
    const struct request_head *head = exchange->request_head;
    struct slice name = SLICE_LIT("connection");

    if (exchange->req->version < 0x101)
        return request_head_has_token(head, name, SLICE_LIT("keep-alive"));
    return !request_head_has_token(head, name, SLICE_LIT("close"));
}

void
exchange_bind(struct exchange *exchange, const struct exchange_events *events, void *data)
{
    assert(exchange->magic == EXCHANGE_MAGIC);
    exchange->events = *events;
    exchange->data = data;
}

void
exchange_vouch(struct exchange *exchange)
{
    places_know(&exchange->conn->server->places, &exchange->conn->place);
}

void
exchange_release_request(struct exchange *exchange)
{
    const h2o_buffer_t *input = exchange->conn->sock->input;
    h2o_iovec_t body = exchange->req->entity;

    assert(exchange->magic == EXCHANGE_MAGIC);
    exchange->request = (struct http_request){0};
    request_head_free(&exchange->request_head);
    if (exchange->is_released)
        return;
    exchange->is_released = true;
    size_t size = exchange->conn->head_size;
    if (body.base != NULL) /* chunks are shorter now than they were on the wire */
        size = (size_t)(body.base + body.len - input->bytes);
    if (size != input->size) /* the next request is there too, pipelined */
        return;

    conn_body_drop(exchange->conn, size);
}

/* ---- responding ---- */

void
exchange_respond(struct exchange *exchange, int status, const struct http_header *headers,
                 size_t n_headers, struct slice body)
{
    struct response response = {.status = status,
                                .headers = headers,
                                .n_headers = n_headers,
                                .framing = status == 204 || status == 304 ? RESPONSE_BARE
                                                                          : RESPONSE_LENGTH,
                                .content_length = body.len};

    begin_response(exchange, &response);
    send_bytes(exchange, body, true);
}

/* Where there are no chunks, the end of the connection is the end of the body. */
void
exchange_start(struct exchange *exchange, int status, const struct http_header *headers,
               size_t n_headers)
{
    struct response response = {
        .status = status, .headers = headers, .n_headers = n_headers, .framing = RESPONSE_BARE};

    if (exchange->req->version < 0x101 || (status != 200 && !exchange->is_head))
        exchange->conn->must_close = true;
    else if (!exchange->is_head)
        response.framing = RESPONSE_CHUNKED;
    begin_response(exchange, &response);
}

static void
begin_response(struct exchange *exchange, struct response *response)
{
    struct conn *conn = exchange->conn;
    h2o_req_t *req = exchange->req;

    assert(exchange->magic == EXCHANGE_MAGIC && !exchange->is_started);
    if (conn->must_close || conn->server->is_draining)
        req->http1_is_persistent = 0;
    response->is_persistent = req->http1_is_persistent != 0;
    response->date = date_of(req);
    exchange->head.base = h2o_mem_alloc_pool(&req->pool, response_head_max(response));
    exchange->head.len = response_head_write(response, exchange->head.base);
    exchange->is_chunked = response->framing == RESPONSE_CHUNKED;
    exchange->is_started = true;
}

/* The library keeps the second's. */
static const char *
date_of(h2o_req_t *req)
{
    h2o_context_t *ctx = req->conn->ctx;

    h2o_get_timestamp(ctx, NULL, NULL);
    return ctx->_timestamp_cache.value->rfc1123;
}

void
exchange_write(struct exchange *exchange, struct slice bytes, bool is_last)
{
    assert(exchange_is_writable(exchange));
    if (!is_last && (exchange->is_head || bytes.len == 0)) {
        struct loop *loop = exchange->conn->server->loop;
        exchange->is_in_flight = true;
        timer_set(loop, &exchange->empty_write, loop_now_us(loop), on_empty_write);
        return;
    }
    send_bytes(exchange, bytes, is_last);
}

bool
exchange_is_writable(const struct exchange *exchange)
{
    assert(exchange->magic == EXCHANGE_MAGIC);
    return exchange->is_started && !exchange->is_in_flight && !exchange->is_ended;
}

bool
exchange_is_ended(const struct exchange *exchange)
{
    return exchange->is_ended;
}

/* With is_last the exchange may be gone when this returns. */
static void
send_bytes(struct exchange *exchange, struct slice bytes, bool is_last)
{
    h2o_iovec_t iov[4];
    size_t n = 0;

    if (exchange->head.len > 0)
        iov[n++] = exchange->head;
    exchange->head.len = 0;
    if (exchange->is_chunked)
        n += frame_chunk(exchange, bytes, is_last, iov + n);
    else if (!exchange->is_head && bytes.len > 0)
        iov[n++] = h2o_iovec_init(bytes.ptr, bytes.len);
    exchange->is_in_flight = true;
    exchange->is_ended = is_last;
    conn_write(exchange->conn, iov, n, is_last);
}

static size_t
frame_chunk(struct exchange *exchange, struct slice bytes, bool is_last, h2o_iovec_t *iov)
{
    static char tail[] = "\r\n0\r\n\r\n"; /* the chunk's end, then that of all of them */

    if (bytes.len == 0) {
        iov[0] = h2o_iovec_init(tail + 2, 5);
        return 1;
    }
    iov[0] =
        h2o_iovec_init(exchange->chunk_size, response_chunk_size(bytes.len, exchange->chunk_size));
    iov[1] = h2o_iovec_init(bytes.ptr, bytes.len);
    iov[2] = h2o_iovec_init(tail, is_last ? 7 : 2);
    return 3;
}

static void
on_empty_write(struct timer *timer)
{
    exchange_on_written(H2O_STRUCT_FROM_MEMBER(struct exchange, empty_write, timer));
}

void
exchange_on_written(struct exchange *exchange)
{
    assert(exchange->magic == EXCHANGE_MAGIC && exchange->is_in_flight);
    exchange->is_in_flight = false;
    if (exchange->events.on_writable != NULL)
        exchange->events.on_writable(exchange->data);
}

void
exchange_abort(struct exchange *exchange)
{
    assert(exchange->magic == EXCHANGE_MAGIC);
    conn_close(exchange->conn);
}

/*
 * The library drops the request: sent, or the connection is closed. Every ending comes by here. The
 * pool's own memory goes after what is hooked into it.
 */
static void
on_dispose(void *memory)
{
    struct exchange *exchange = memory;
    struct conn *conn = exchange->conn;

    assert(exchange->magic == EXCHANGE_MAGIC && conn->exchange == exchange);
    timer_unset(conn->server->loop, &exchange->empty_write);
    conn->exchange = NULL;
    exchange->magic = 0;
    if (exchange->events.on_end != NULL)
        exchange->events.on_end(exchange->data,
                                exchange->is_ended && !conn->is_writing && !conn->is_write_failed);
    request_head_free(&exchange->request_head);
}
