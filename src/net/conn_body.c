/* SPDX-License-Identifier: ISC */
#include "conn_body.h"

#include "conn_front.h"
#include "http.h"
#include "relayos/base/mem.h"

#define SMALL_BODY  65536         /* is never refused for want of memory */
#define RESERVE_MAX (1024 * 1024) /* of a body, on the word of a Content-Length */
#define READ_SIZE   4096          /* least room for a read */

static bool has_room(const struct server *server, size_t more);
static bool ask_handler(struct conn *conn, const struct guard_head *head);
static void set_count(struct conn *conn, size_t n_bytes);

bool
conn_body_is_wanted(struct conn *conn, const struct guard_head *head)
{
    const struct server *server = conn->server;
    size_t n_here = conn->sock->input->size - head->head_size;
    size_t length = head->is_chunked ? 0 : (size_t)head->content_length;

    /* The short way of nearly all: the handler will look at it in a moment anyway. */
    if (!head->is_chunked && !head->expects_continue && length <= n_here)
        return true;
    /* What is too large is the library's to refuse. */
    return ask_handler(conn, head) &&
           (conn_body_fits(server, length, length) || length > server->conf.max_body_bytes);
}

bool
conn_body_fits(const struct server *server, size_t size, size_t more)
{
    return size <= SMALL_BODY || has_room(server, more);
}

static bool
has_room(const struct server *server, size_t more)
{
    size_t max = server->conf.max_body_memory;

    return max == 0 || server->n_body_bytes + more <= max;
}

static bool
ask_handler(struct conn *conn, const struct guard_head *head)
{
    const struct server_handler *handler = &conn->server->conf.handler;
    struct http_request request = {.method = head->method,
                                   .target = head->target,
                                   .headers = head->headers,
                                   .n_headers = head->n_headers};

    if (handler->on_head == NULL)
        return true;
    http_split_target(&request);
    conn_front_note_client(conn, &request);
    request.memo = conn->memo;
    if (!handler->on_head(handler->ctx, &request))
        return false;
    places_know(&conn->server->places, &conn->place);
    return true;
}

void
conn_body_on_bytes(struct conn *conn)
{
    size_t size = conn->sock->input->size;

    conn_body_count(conn);
    if (conn_body_fits(conn->server, conn->n_body_bytes, 0))
        return;
    conn->is_body_withheld = conn->must_close = true;
    conn_body_drop(conn, size > conn->input_size_due ? size : conn->input_size_due);
}

/* The library doubles its buffer and copies; what a body will take is known. */
void
conn_body_reserve(struct conn *conn)
{
    size_t size = conn->sock->input->size;

    conn_body_count(conn);
    if (size >= conn->input_size_due)
        return;
    size_t left = conn->input_size_due - size;
    h2o_buffer_reserve(&conn->sock->input, (left < RESERVE_MAX ? left : RESERVE_MAX) + READ_SIZE);
}

/* ---- the sum ---- */

void
conn_body_count(struct conn *conn)
{
    size_t size = conn->sock->input->size;

    if (!conn->is_body_withheld)
        set_count(conn, size > conn->head_size ? size - conn->head_size : 0);
}

void
conn_body_forget(struct conn *conn)
{
    set_count(conn, 0);
}

static void
set_count(struct conn *conn, size_t n_bytes)
{
    conn->server->n_body_bytes += n_bytes - conn->n_body_bytes;
    conn->n_body_bytes = n_bytes;
}

/*
 * The library will consume from the socket's buffer what the request took, as a count. A buffer of
 * nothing but that count does as well as the real one: it is freed without a look at its bytes.
 */
void
conn_body_drop(struct conn *conn, size_t size)
{
    h2o_buffer_t **input = &conn->sock->input;
    h2o_buffer_t *husk = mem_alloc(sizeof *husk);

    *husk = (h2o_buffer_t){
        .size = size, .bytes = husk->_buf, ._prototype = (*input)->_prototype, ._fd = -1};
    h2o_buffer_dispose(input);
    *input = husk;
    conn_body_forget(conn);
}
