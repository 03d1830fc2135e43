/* SPDX-License-Identifier: ISC */
#include "refusal.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"
#include "http.h"

#define BODY_MAX 4096

static void on_dispose(void *memory);
static void ask_handler(struct conn *conn, const struct refusal *refusal, struct buf *out_body,
                        struct slice *out_headers);
static void add_header_lines(h2o_req_t *req, struct slice lines);

struct refusal
refusal_of_verdict(enum guard_verdict verdict, const char *reason)
{
    switch (verdict) {
    case GUARD_BAD:
        return (struct refusal){400, ERR_CATEGORY_INVALID_REQUEST, reason};
    case GUARD_TOO_LARGE:
        return (struct refusal){431, ERR_CATEGORY_HEADERS_TOO_LARGE, reason};
    case GUARD_METHOD:
        return (struct refusal){405, ERR_CATEGORY_METHOD_NOT_ALLOWED, reason};
    case GUARD_EXPECTATION:
        return (struct refusal){417, ERR_CATEGORY_INVALID_REQUEST, reason};
    case GUARD_OK:
    case GUARD_INCOMPLETE:
        break;
    }
    assert(0 && "not a refusal");
    return (struct refusal){0};
}

struct refusal
refusal_of_status(const struct conn *conn, int status)
{
    if (status == 413)
        return (struct refusal){413, ERR_CATEGORY_REQUEST_TOO_LARGE, conn->server->too_large};
    return (struct refusal){400, ERR_CATEGORY_INVALID_REQUEST, "the chunked body is malformed"};
}

void
refusal_respond(struct conn *conn, h2o_req_t *req)
{
    static h2o_generator_t generator;
    struct buf body;
    struct slice lines = {0};

    ask_handler(conn, &conn->refusal, &body, &lines);
    req->res.status = conn->refusal.status;
    req->res.reason = http_status_text(conn->refusal.status);
    req->res.content_length = body.len;
    req->http1_is_persistent = 0;
    add_header_lines(req, lines);
    if (conn->refusal.status == 405)
        add_header_lines(req, SLICE_LIT("allow: GET, HEAD, POST, PATCH, DELETE, OPTIONS\r\n"));

    refusal_linger(conn, req);
    h2o_iovec_t copy = h2o_strdup(&req->pool, body.ptr, body.len);
    buf_fini(&body);
    h2o_start_response(req, &generator);
    conn_send(conn, req, &copy);
}

void
refusal_linger(struct conn *conn, h2o_req_t *req)
{
    struct conn **lingering = h2o_mem_alloc_shared(&req->pool, sizeof *lingering, on_dispose);

    *lingering = conn;
}

/* The response is over and the library closes the socket next. */
static void
on_dispose(void *memory)
{
    struct conn *conn = *(struct conn **)memory;

    assert(conn->magic == CONN_MAGIC);
    if (!conn->is_writing && !conn->is_write_failed)
        linger_start(&conn->server->lingering, conn->server->loop, h2o_socket_get_fd(conn->sock));
}

static void
ask_handler(struct conn *conn, const struct refusal *refusal, struct buf *out_body,
            struct slice *out_headers)
{
    const struct server_handler *handler = &conn->server->conf.handler;

    conn->server->n_refused++;
    buf_init(out_body, BODY_MAX);
    handler->on_refused(handler->ctx, refusal->category, refusal->detail, conn->client_address,
                        out_body, out_headers);
    if (out_body->len == 0) /* a response without a body still needs one for its length */
        buf_append_str(out_body, "{}");
}

/* "name: value\r\n" lines, ours: well-formed. */
static void
add_header_lines(h2o_req_t *req, struct slice lines)
{
    while (lines.len > 0) {
        const char *end = memmem(lines.ptr, lines.len, "\r\n", 2);
        const char *colon = memmem(lines.ptr, lines.len, ": ", 2);
        assert(end != NULL && colon != NULL && colon < end);

        size_t size = (size_t)(end - lines.ptr);
        h2o_iovec_t line = h2o_strdup(&req->pool, lines.ptr, size);
        size_t name_len = (size_t)(colon - lines.ptr);
        h2o_add_header_by_str(&req->pool, &req->res.headers, line.base, name_len, 0, NULL,
                              line.base + name_len + 2, size - name_len - 2);
        lines = slice_sub(lines, size + 2, lines.len);
    }
}

void
refusal_write(struct conn *conn, const struct refusal *refusal)
{
    struct buf body, head;
    struct slice lines = {0};

    ask_handler(conn, refusal, &body, &lines);
    buf_init(&head, 2 * BODY_MAX);
    buf_printf(&head, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
               refusal->status, http_status_text(refusal->status), body.len);
    buf_append_slice(&head, lines);
    buf_append_str(&head, "\r\n");
    buf_append_slice(&head, buf_slice(&body));
    struct slice bytes = buf_slice(&head);
    if (conn->tls != NULL)
        bytes = tls_session_write(conn->tls, bytes) ? tls_session_take(conn->tls) : SLICE_LIT("");
    /* If the socket does not take it at once, the client was not reading either. */
    (void)!send(h2o_socket_get_fd(conn->sock), bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    buf_fini(&head);
    buf_fini(&body);
}
