/* SPDX-License-Identifier: ISC */
#include "exchange.h"

#include <assert.h>
#include <stdlib.h>

#include "conn.h"
#include "http.h"
#include "relayos/base/mem.h"

#define EXCHANGE_MAGIC 0x45584348

struct exchange {
    h2o_generator_t generator; /* first: the library passes it back to on_proceed() */
    uint32_t magic;
    h2o_req_t *req;
    struct conn *conn;
    struct exchange_events events;
    void *data;
    struct http_request request;
    struct timer empty_write; /* answers writes that put nothing on the wire */
    bool is_head;             /* HEAD: no body */
    bool is_started;
    bool is_in_flight;
    bool is_ended;
    bool is_released;
};

static struct http_header *copy_headers(h2o_req_t *req);
static bool asks_to_close(h2o_req_t *req);
static void split_target(struct http_request *request);
static void begin_response(struct exchange *exchange, int status, const struct http_header *headers,
                           size_t n_headers);
static void send_bytes(struct exchange *exchange, struct slice bytes, bool is_last);
static void on_proceed(h2o_generator_t *generator, h2o_req_t *req);
static void on_empty_write(struct timer *timer);
static void on_writable(struct exchange *exchange);
static void on_dispose(void *hook);

void
exchange_begin(h2o_req_t *req)
{
    struct conn *conn = conn_from_request(req);
    struct exchange *exchange = h2o_mem_alloc_pool(&req->pool, sizeof *exchange);
    struct exchange **hook = h2o_mem_alloc_shared(&req->pool, sizeof *hook, on_dispose);
    const struct server_handler *handler = &conn->server->conf.handler;

    assert(conn->exchange == NULL);
    *exchange = (struct exchange){
        .generator = {.proceed = on_proceed}, .magic = EXCHANGE_MAGIC, .req = req, .conn = conn};
    *hook = exchange;
    conn->exchange = exchange;

    struct http_request *request = &exchange->request;
    request->method = slice_of(req->input.method.base, req->input.method.len);
    request->target = slice_of(req->input.path.base, req->input.path.len);
    split_target(request);
    request->body = slice_of(req->entity.base, req->entity.len);
    request->headers = copy_headers(req);
    request->n_headers = req->headers.size;
    request->accepted_us = loop_now_us(conn->server->loop);
    memcpy(request->client_address, conn->client_address, sizeof request->client_address);
    exchange->is_head = slice_eq_str(request->method, "HEAD");
    if (req->version >= 0x101)
        req->http1_is_persistent = !asks_to_close(req);
    handler->on_request(handler->ctx, exchange, request);
}

/* The library has made the names lower case. */
static struct http_header *
copy_headers(h2o_req_t *req)
{
    struct http_header *headers =
        h2o_mem_alloc_pool(&req->pool, req->headers.size * sizeof headers[0]);

    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *from = &req->headers.entries[i];
        headers[i].name = slice_of(from->name->base, from->name->len);
        headers[i].value = slice_of(from->value.base, from->value.len);
    }
    return headers;
}

/* The library closes for any Connection header without "keep-alive", "Upgrade" for one. */
static bool
asks_to_close(h2o_req_t *req)
{
    ssize_t idx = -1;

    while ((idx = h2o_find_header(&req->headers, H2O_TOKEN_CONNECTION, idx)) != -1) {
        h2o_iovec_t value = req->headers.entries[idx].value;
        if (h2o_contains_token(value.base, value.len, H2O_STRLIT("close"), ','))
            return true;
    }
    return false;
}

static void
split_target(struct http_request *request)
{
    const char *mark = memchr(request->target.ptr, '?', request->target.len);

    if (mark == NULL) {
        request->path = request->target;
        request->query = SLICE_LIT("");
        return;
    }
    size_t len = (size_t)(mark - request->target.ptr);
    request->path = slice_sub(request->target, 0, len);
    request->query = slice_sub(request->target, len + 1, request->target.len);
}

void
exchange_bind(struct exchange *exchange, const struct exchange_events *events, void *data)
{
    assert(exchange->magic == EXCHANGE_MAGIC);
    exchange->events = *events;
    exchange->data = data;
}

void *
exchange_alloc(struct exchange *exchange, size_t size)
{
    assert(exchange->magic == EXCHANGE_MAGIC);
    void *memory = h2o_mem_alloc_pool(&exchange->req->pool, size);
    memset(memory, 0, size);
    return memory;
}

/*
 * The library will consume from the socket's buffer what the request took, as a count. A buffer of
 * nothing but that count does as well as the real one: it is freed without a look at its bytes.
 */
void
exchange_release_request(struct exchange *exchange)
{
    h2o_buffer_t **input = &exchange->conn->sock->input;
    h2o_buffer_t *old = *input;
    h2o_iovec_t body = exchange->req->entity;

    assert(exchange->magic == EXCHANGE_MAGIC);
    exchange->request = (struct http_request){0};
    if (exchange->is_released)
        return;
    exchange->is_released = true;
    size_t size = exchange->conn->head_size;
    if (body.base != NULL) /* chunks are shorter now than they were on the wire */
        size = (size_t)(body.base + body.len - old->bytes);
    if (size != old->size) /* the next request is there too, pipelined */
        return;

    h2o_buffer_t *husk = mem_alloc(sizeof *husk);
    *husk =
        (h2o_buffer_t){.size = size, .bytes = husk->_buf, ._prototype = old->_prototype, ._fd = -1};
    h2o_buffer_dispose(input);
    *input = husk;
}

/* ---- responding ---- */

void
exchange_respond(struct exchange *exchange, int status, const struct http_header *headers,
                 size_t n_headers, struct slice body)
{
    exchange->req->res.content_length = status == 204 || status == 304 ? SIZE_MAX : body.len;
    begin_response(exchange, status, headers, n_headers);
    send_bytes(exchange, body, true);
}

void
exchange_start(struct exchange *exchange, int status, const struct http_header *headers,
               size_t n_headers)
{
    if (exchange->req->version < 0x101) /* no chunks there: the end of the connection is the end */
        exchange->conn->must_close = true;
    begin_response(exchange, status, headers, n_headers);
}

static void
begin_response(struct exchange *exchange, int status, const struct http_header *headers,
               size_t n_headers)
{
    h2o_req_t *req = exchange->req;

    assert(exchange->magic == EXCHANGE_MAGIC && !exchange->is_started);
    exchange->is_started = true;
    req->res.status = status;
    req->res.reason = http_status_text(status);
    for (size_t i = 0; i < n_headers; i++) {
        struct slice name = headers[i].name, value = headers[i].value;
        char *copy = h2o_mem_alloc_pool(&req->pool, name.len + value.len);
        memcpy(copy, name.ptr, name.len);
        memcpy(copy + name.len, value.ptr, value.len);
        h2o_add_header_by_str(&req->pool, &req->res.headers, copy, name.len, 0, NULL,
                              copy + name.len, value.len);
    }
    if (exchange->conn->must_close || exchange->conn->server->is_draining)
        req->http1_is_persistent = 0;
    h2o_start_response(req, &exchange->generator);
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
    h2o_iovec_t iov = {(char *)bytes.ptr, bytes.len};
    size_t n_iov = exchange->is_head || bytes.len == 0 ? 0 : 1;

    exchange->is_in_flight = true;
    exchange->is_ended = is_last;
    conn_send(exchange->conn, exchange->req, &iov, n_iov,
              is_last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void
on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)req;
    on_writable((struct exchange *)generator);
}

static void
on_empty_write(struct timer *timer)
{
    on_writable(H2O_STRUCT_FROM_MEMBER(struct exchange, empty_write, timer));
}

static void
on_writable(struct exchange *exchange)
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
on_dispose(void *hook)
{
    struct exchange *exchange = *(struct exchange **)hook;
    struct conn *conn = exchange->conn;

    assert(exchange->magic == EXCHANGE_MAGIC && conn->exchange == exchange);
    timer_unset(conn->server->loop, &exchange->empty_write);
    conn->exchange = NULL;
    exchange->magic = 0;
    if (exchange->events.on_end != NULL)
        exchange->events.on_end(exchange->data,
                                exchange->is_ended && !conn->is_writing && !conn->is_write_failed);
}
