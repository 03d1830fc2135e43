/* SPDX-License-Identifier: ISC */
#include "interpose.h"

#include <assert.h>
#include <dlfcn.h>

#include "conn.h"
#include "conn_tls.h"
#include "relayos/net/guard.h"

/* ABI of picohttpparser, whose header the package does not ship. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

/* In place of struct phr_chunked_decoder: zeroed by the library but for consume_trailer. */
struct phr_chunked_decoder {
    size_t left;
    char consume_trailer;
    uint8_t state;
    uint16_t line;
};
static_assert(sizeof(struct phr_chunked_decoder) == 16, "as large as the library's");

int phr_parse_request(const char *bytes, size_t len, const char **method, size_t *method_len,
                      const char **path, size_t *path_len, int *minor_version,
                      struct phr_header *headers, size_t *n_headers, size_t last_len);
ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *bytes, size_t *len);

static size_t copy_framing(const struct guard_head *head, struct phr_header *headers);
static void *library_symbol(const char *name);

/*
 * The library is told of a "GET /", and of a body if there is one and it is wanted: what it does
 * not know, it does not copy, look up or wait for. A refused head is a whole request of that kind
 * too, so that the library calls the handler, which finds the refusal noted and answers with it;
 * returning -1 would make the library write its own page.
 */
int
phr_parse_request(const char *bytes, size_t len, const char **method, size_t *method_len,
                  const char **path, size_t *path_len, int *minor_version,
                  struct phr_header *headers, size_t *n_headers, size_t last_len)
{
    struct conn *conn = conn_current();
    struct guard_head head;

    assert(conn != NULL && len > 0 && last_len <= len && *n_headers >= LIMIT_HEADERS);
    /* Look again only when a line has ended, or a client that sends single bytes costs n * n. */
    if (len <= LIMIT_HEAD_BYTES && memchr(bytes + last_len, '\n', len - last_len) == NULL)
        return -2;

    enum guard_verdict verdict = guard_parse_head(slice_of(bytes, len), &head);
    if (verdict == GUARD_INCOMPLETE)
        return -2;
    *method = "GET";
    *method_len = 3;
    *path = "/";
    *path_len = 1;
    *n_headers = 0;
    if (verdict != GUARD_OK) {
        struct refusal refusal = refusal_of_verdict(verdict, head.reason);
        conn_on_refused(conn, &refusal);
        *minor_version = 1;
        return (int)len;
    }
    conn_on_head(conn, &head);
    request_head_free(&conn->head);
    conn->head = request_head_new(&head, bytes);
    *minor_version = head.minor_version;
    if (!conn->is_body_withheld)
        *n_headers = copy_framing(&head, headers);
    return (int)head.head_size;
}

static size_t
copy_framing(const struct guard_head *head, struct phr_header *headers)
{
    size_t n = 0;

    for (size_t i = 0; i < head->n_headers; i++) {
        struct slice name = head->headers[i].name, value = head->headers[i].value;
        if (slice_eq(name, SLICE_LIT("content-length")) ||
            slice_eq(name, SLICE_LIT("transfer-encoding")) || slice_eq(name, SLICE_LIT("expect")))
            headers[n++] = (struct phr_header){name.ptr, name.len, value.ptr, value.len};
    }
    return n;
}

ssize_t
phr_decode_chunked(struct phr_chunked_decoder *decoder, char *bytes, size_t *len)
{
    struct conn *conn = conn_current();

    if (conn != NULL && conn->is_body_withheld) { /* as far as the library goes, it is whole */
        *len = 0;
        return 0;
    }
    struct guard_chunks chunks = {
        .left = decoder->left, .state = decoder->state, .line = decoder->line};
    long n_behind = guard_chunks_decode(&chunks, bytes, len);

    decoder->left = chunks.left;
    decoder->state = (uint8_t)chunks.state;
    decoder->line = (uint16_t)chunks.line;
    /* Nobody pipelines behind a chunked body but smugglers: no second request on this connection.
     */
    if (n_behind > 0 && conn != NULL)
        conn->must_close = true;
    return n_behind;
}

/* What the library refuses by itself: too large or malformed bodies. */
void
h2o_send_error_generic(h2o_req_t *req, int status, const char *reason, const char *body, int flags)
{
    struct conn *conn = conn_from_request(req);
    struct refusal refusal = refusal_of_status(conn, status);

    (void)reason, (void)body, (void)flags;
    conn_on_refused(conn, &refusal);
    h2o_process_request(req);
}

void
h2o_socket_read_start(h2o_socket_t *sock, h2o_socket_cb cb)
{
    if (!conn_read_start(sock, cb))
        interpose_read_start(sock, cb);
}

void
h2o_socket_read_stop(h2o_socket_t *sock)
{
    if (!conn_read_stop(sock))
        interpose_read_stop(sock);
}

/* What the library or we send to a client with TLS is turned into that. */
void
h2o_socket_write(h2o_socket_t *sock, h2o_iovec_t *bufs, size_t n_bufs, h2o_socket_cb cb)
{
    if (!conn_socket_write(sock, bufs, n_bufs, cb))
        interpose_write(sock, bufs, n_bufs, cb);
}

void
h2o_socket_close(h2o_socket_t *sock)
{
    static void (*library_close)(h2o_socket_t * sock);

    if (library_close == NULL)
        *(void **)&library_close = library_symbol("h2o_socket_close");
    conn_tls_on_close(sock);
    library_close(sock);
}

void
interpose_read_start(h2o_socket_t *sock, h2o_socket_cb cb)
{
    static void (*library_read_start)(h2o_socket_t * sock, h2o_socket_cb cb);

    if (library_read_start == NULL)
        *(void **)&library_read_start = library_symbol("h2o_socket_read_start");
    library_read_start(sock, cb);
}

void
interpose_read_stop(h2o_socket_t *sock)
{
    static void (*library_read_stop)(h2o_socket_t * sock);

    if (library_read_stop == NULL)
        *(void **)&library_read_stop = library_symbol("h2o_socket_read_stop");
    library_read_stop(sock);
}

void
interpose_write(h2o_socket_t *sock, h2o_iovec_t *bufs, size_t n_bufs, h2o_socket_cb cb)
{
    static void (*library_write)(h2o_socket_t * sock, h2o_iovec_t * bufs, size_t n_bufs,
                                 h2o_socket_cb cb);

    if (library_write == NULL)
        *(void **)&library_write = library_symbol("h2o_socket_write");
    library_write(sock, bufs, n_bufs, cb);
}

static void *
library_symbol(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    assert(symbol != NULL);
    return symbol;
}
