/* SPDX-License-Identifier: ISC */
#include "relayos/net/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"
#include "conn_body.h"
#include "exchange.h"
#include "guard_selftest.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/net/server_body.h"
#include "server_impl.h"

#define ACCEPT_BATCH       16
#define ACCEPT_PAUSE_US    200000                              /* after EMFILE */
#define LIBRARY_TIMEOUT_MS (UINT64_C(10) * 365 * 86400 * 1000) /* its deadline is not used */
#define SPARE_BUFFERS_MAX  64 /* 8 KiB each; the library keeps 16 */

static void configure_library(struct server *server);
static int on_library_request(h2o_handler_t *handler, h2o_req_t *req);
static void open_listeners(struct server *server);
static void set_accepting(struct server *server, bool is_accepting);
static void on_listener_ready(h2o_socket_t *sock, const char *err);
static bool accept_one(struct server *server, int listener_fd);
static void format_address(const struct sockaddr_storage *address, char out[48]);
static void on_accept_pause_over(struct timer *timer);
static void close_listeners(struct server *server);

struct server *
server_new(const struct server_conf *conf, struct errmsg *why)
{
    struct server *server = mem_zalloc(sizeof *server);

    server->conf = *conf;
    server->loop = conf->loop;
    server->scratch = mem_alloc(SERVER_SCRATCH_SIZE);
    configure_library(server);
    if (guard_selftest_run(server, why) != 0) {
        server_free(&server);
        return NULL;
    }
    open_listeners(server);
    server->conf.listener_fds = NULL; /* the caller's array */
    return server;
}

static void
configure_library(struct server *server)
{
    h2o_globalconf_t *h2o = &server->h2o_conf;

    /* Bodies stay in memory; they are bounded by max_body_bytes. */
    h2o_socket_buffer_prototype.mmap_settings = NULL;
    h2o_socket_buffer_prototype.allocator.max = SPARE_BUFFERS_MAX;
    h2o_config_init(h2o);
    h2o->server_name = h2o_iovec_init(NULL, 0);
    h2o->http1.req_timeout = LIBRARY_TIMEOUT_MS;
    h2o->http1.upgrade_to_http2 = 0;
    h2o->max_request_entity_size = server->conf.max_body_bytes;

    h2o_hostconf_t *host =
        h2o_config_register_host(h2o, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_library_request;
    h2o_context_init(&server->h2o_ctx, server->loop->evloop, h2o);
    server->accept_ctx = (h2o_accept_ctx_t){.ctx = &server->h2o_ctx, .hosts = h2o->hosts};
}

static int
on_library_request(h2o_handler_t *handler, h2o_req_t *req)
{
    struct conn *conn = conn_from_request(req);

    (void)handler;
    conn_begin_request(conn);
    if (conn->refusal.status != 0) {
        refusal_respond(conn, req);
        return 0;
    }
    if (conn->is_body_withheld)
        req->entity = h2o_iovec_init(NULL, 0);
    if (conn->must_close) /* there is more that nobody will read: it must not reset the answer */
        refusal_linger(conn, req);
    exchange_begin(req);
    return 0;
}

void
server_free(struct server **server)
{
    struct server *s = *server;

    if (s == NULL)
        return;
    s->is_draining = true; /* nothing is accepted while connections go */
    close_listeners(s);
    while (s->conns != NULL)
        conn_close(s->conns);
    linger_close_all(&s->lingering);
    /* Set by a drain for HTTP/2, which nobody speaks here; the library forgets to take it back. */
    if (h2o_timeout_is_linked(&s->h2o_ctx.http2._graceful_shutdown_timeout))
        h2o_timeout_unlink(&s->h2o_ctx.http2._graceful_shutdown_timeout);
    h2o_context_dispose(&s->h2o_ctx);
    h2o_config_dispose(&s->h2o_conf);
    free(s->scratch);
    free(s);
    *server = NULL;
}

void
server_drain(struct server *server)
{
    if (server->is_draining)
        return;
    server->is_draining = true;
    close_listeners(server);
    h2o_context_request_shutdown(&server->h2o_ctx);
    for (struct conn *conn = server->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        conn_drain(conn);
    }
}

uint32_t
server_n_connections(const struct server *server)
{
    return server->n_conns;
}

uint64_t
server_n_accepted(const struct server *server)
{
    return server->n_accepted;
}

size_t
server_n_body_bytes(const struct server *server)
{
    return server->n_body_bytes;
}

bool
server_count_body(struct server *server, size_t *counted, size_t n)
{
    if (!conn_body_fits(server, n, n > *counted ? n - *counted : 0))
        return false;
    server->n_body_bytes += n - *counted;
    *counted = n;
    return true;
}

void
server_forget_body(struct server *server, size_t *counted)
{
    server->n_body_bytes -= *counted;
    *counted = 0;
}

/* ---- listeners ---- */

static void
open_listeners(struct server *server)
{
    server->n_listeners = server->conf.n_listeners;
    server->listeners = mem_array(NULL, server->n_listeners + 1, sizeof server->listeners[0]);
    for (size_t i = 0; i < server->n_listeners; i++) {
        h2o_socket_t *sock = h2o_evloop_socket_create(
            server->loop->evloop, server->conf.listener_fds[i], H2O_SOCKET_FLAG_DONT_READ);
        server->listeners[i] = (struct server_listener){server, sock};
        sock->data = &server->listeners[i];
    }
    set_accepting(server, true);
}

static void
set_accepting(struct server *server, bool is_accepting)
{
    if (server->is_accepting == is_accepting || server->n_listeners == 0)
        return;
    server->is_accepting = is_accepting;
    for (size_t i = 0; i < server->n_listeners; i++) {
        if (is_accepting)
            h2o_socket_read_start(server->listeners[i].sock, on_listener_ready);
        else
            h2o_socket_read_stop(server->listeners[i].sock);
    }
}

static void
on_listener_ready(h2o_socket_t *sock, const char *err)
{
    const struct server_listener *listener = sock->data;
    struct server *server = listener->server;

    (void)err; /* none with DONT_READ */
    for (int i = 0; i < ACCEPT_BATCH && server->is_accepting; i++) {
        if (!accept_one(server, h2o_socket_get_fd(sock)))
            return;
        if (server->n_conns >= server->conf.max_connections)
            set_accepting(server, false); /* server_on_conn_gone() goes on */
    }
}

/* False: there is none to accept now. */
static bool
accept_one(struct server *server, int listener_fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char text[48];
    int fd = accept4(listener_fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd == -1) {
        if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
            return false;
        /* The listener stays readable: without a pause this would spin. */
        log_warn("accept.exhausted", "error=\"%s\" connections=%u", strerror(errno),
                 server->n_conns);
        set_accepting(server, false);
        timer_set(server->loop, &server->accept_timer, loop_now_us(server->loop) + ACCEPT_PAUSE_US,
                  on_accept_pause_over);
        return false;
    }
    server->n_accepted++;
    format_address(&address, text);
    conn_open(server, fd, text);
    return true;
}

static void
format_address(const struct sockaddr_storage *address, char out[48])
{
    static const char mapped[] = "::ffff:";
    char text[INET6_ADDRSTRLEN] = "local";

    if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof text);
    else if (address->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, sizeof text);
    /* IPv4 through a dual-stack listener is written as IPv4. */
    bool is_mapped = strncmp(text, mapped, sizeof mapped - 1) == 0 && strchr(text, '.') != NULL;
    const char *start = is_mapped ? text + sizeof mapped - 1 : text;
    memcpy(out, start, strlen(start) + 1);
}

static void
on_accept_pause_over(struct timer *timer)
{
    struct server *server = H2O_STRUCT_FROM_MEMBER(struct server, accept_timer, timer);

    if (!server->is_draining && server->n_conns < server->conf.max_connections)
        set_accepting(server, true);
}

void
server_on_conn_gone(struct server *server)
{
    bool is_pausing = server->accept_timer.heap_idx != 0;

    if (!server->is_draining && !is_pausing && server->n_conns < server->conf.max_connections)
        set_accepting(server, true);
}

static void
close_listeners(struct server *server)
{
    timer_unset(server->loop, &server->accept_timer);
    for (size_t i = 0; i < server->n_listeners; i++)
        h2o_socket_close(server->listeners[i].sock);
    server->n_listeners = 0;
    server->is_accepting = false;
    free(server->listeners);
    server->listeners = NULL;
}
