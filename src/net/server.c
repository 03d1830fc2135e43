/* SPDX-License-Identifier: ISC */
#include "relayos/net/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accept.h"
#include "conn.h"
#include "conn_body.h"
#include "exchange.h"
#include "guard_selftest.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "relayos/base/text.h"
#include "relayos/net/server_body.h"
#include "server_impl.h"

#define LIBRARY_TIMEOUT_MS (UINT64_C(10) * 365 * 86400 * 1000) /* its deadline is not used */
#define SPARE_BUFFERS_MAX  64 /* 8 KiB each; the library keeps 16 */

static void set_limits(struct server *server);
static uint64_t least_of(size_t rate, int64_t window_us);
static void configure_library(struct server *server);
static int on_library_request(h2o_handler_t *handler, h2o_req_t *req);
static void refresh_tls(struct server *server);

struct server *
server_new(const struct server_conf *conf, struct errmsg *why)
{
    struct server *server = mem_zalloc(sizeof *server);

    server->conf = *conf;
    server->loop = conf->loop;
    server->scratch = mem_alloc(SERVER_SCRATCH_SIZE);
    server->reserve_fd = -1;
    set_limits(server);
    configure_library(server);
    if (guard_selftest_run(server, why) != 0) {
        server_free(&server);
        return NULL;
    }
    accept_open(server);
    server->conf.listener_fds = NULL; /* the caller's arrays */
    server->conf.ways = NULL;
    return server;
}

static void
set_limits(struct server *server)
{
    const struct server_conf *conf = &server->conf;
    char size[32];

    text_size_format((int64_t)conf->max_body_bytes, size);
    snprintf(server->too_large, sizeof(server->too_large), "the body is over the limit of %s",
             size);
    places_init(&server->places, conf->max_connections / 2);
    server->places.max_each = conf->max_client_connections;
    server->places.max_strangers = conf->max_client_strangers;
    server->body_pace =
        (struct conn_pace_limits){.window_us = conf->body_window_us,
                                  .total_us = conf->body_timeout_us,
                                  .least = least_of(conf->body_rate, conf->body_window_us)};
    server->write_least = least_of(conf->write_rate, conf->write_stall_timeout_us);
    if (server->write_least == 0)
        server->write_least = 1;
}

static uint64_t
least_of(size_t rate, int64_t window_us)
{
    return (uint64_t)rate * (uint64_t)window_us / 1000000;
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
    accept_close(s);
    while (s->conns != NULL)
        conn_close(s->conns);
    linger_close_all(&s->lingering);
    places_fini(&s->places);
    /* Set by a drain for HTTP/2, which nobody speaks here; the library forgets to take it back. */
    if (h2o_timeout_is_linked(&s->h2o_ctx.http2._graceful_shutdown_timeout))
        h2o_timeout_unlink(&s->h2o_ctx.http2._graceful_shutdown_timeout);
    h2o_context_dispose(&s->h2o_ctx);
    h2o_config_dispose(&s->h2o_conf);
    free(s->scratch);
    if (s->plain != NULL)
        secret_wipe(s->plain, SERVER_PLAIN_SIZE);
    free(s->plain);
    free(s);
    *server = NULL;
}

void
server_drain(struct server *server)
{
    if (server->is_draining)
        return;
    server->is_draining = true;
    accept_close(server);
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

const struct server_front_counts *
server_front_counts(const struct server *server)
{
    return &server->front_counts;
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

/* ---- TLS ---- */

struct tls_server *
server_tls_of(struct server_listener *listener)
{
    struct server *server = listener->server;

    if (tls_vault_epoch(server->conf.vault) != server->vault_epoch)
        refresh_tls(server);
    return listener->tls;
}

/* The master has seen that they can be used; what can't nevertheless leaves the old in force. */
static void
refresh_tls(struct server *server)
{
    struct tls_vault_copy *copy = tls_vault_copy(server->conf.vault);
    struct errmsg why;

    if (copy == NULL) /* being written */
        return;
    for (size_t i = 0; i < server->n_listeners && i < copy->n_listeners; i++) {
        struct server_listener *listener = &server->listeners[i];

        if (copy->listeners[i].n_certificates == 0)
            continue;
        struct tls_server *tls = tls_server_new(&copy->listeners[i], copy->ticket_keys, &why);
        if (tls == NULL) {
            log_error("certificate.unusable", "reason=\"%s\"", why.text);
            continue;
        }
        tls_server_unref(&listener->tls);
        listener->tls = tls;
    }
    if (server->plain == NULL)
        server->plain = mem_alloc(SERVER_PLAIN_SIZE);
    server->vault_epoch = copy->epoch;
    tls_vault_copy_free(&copy);
}
