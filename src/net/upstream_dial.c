/* SPDX-License-Identifier: ISC */
#include <assert.h>
#include <errno.h>

#include "upstream_impl.h"

static void connect_next(struct upstream_call *call);
static bool is_own_shortage(int error);
static bool may_connect(const struct upstream_call *call, const struct sockaddr *address);
static void on_connected(h2o_socket_t *sock, const char *err);
static void start_tls(struct upstream_call *call);
static void on_tls(h2o_socket_t *sock, const char *err);

void
upstream_dial_start(struct upstream_call *call)
{
    struct upstream_origin *origin = call->origin;

    assert(call->link == NULL);
    call->link = upstream_pool_open(origin);
    if (call->link == NULL) {
        upstream_fail_later(call, UPSTREAM_NO_CONNECTION);
        return;
    }
    call->link->call = call;
    call->n_tried = 0;
    call->connect_deadline_us = loop_now_us(call->pool->loop) + call->connect_timeout_us;
    upstream_set_phase(call, UPSTREAM_PHASE_RESOLVE, call->connect_timeout_us);
    switch (resolver_name_get(&origin->name)) {
    case RESOLVER_READY:
        connect_next(call);
        break;
    case RESOLVER_WAIT:
        call->next = origin->waiting;
        origin->waiting = call;
        break;
    case RESOLVER_FAILED:
        upstream_fail_later(call, UPSTREAM_RESOLVE);
        break;
    }
}

void
upstream_dial_on_resolved(struct resolver_name *name)
{
    struct upstream_origin *origin = H2O_STRUCT_FROM_MEMBER(struct upstream_origin, name, name);

    while (origin->waiting != NULL) {
        struct upstream_call *call = origin->waiting;
        origin->waiting = call->next;
        assert(call->phase == UPSTREAM_PHASE_RESOLVE);
        if (name->n_addresses > 0)
            connect_next(call);
        else
            upstream_fail_later(call, UPSTREAM_RESOLVE);
    }
}

void
upstream_dial_forget(struct upstream_call *call)
{
    for (struct upstream_call **at = &call->origin->waiting; *at != NULL; at = &(*at)->next) {
        if (*at == call) {
            *at = call->next;
            return;
        }
    }
}

/* Each address gets an equal share of the time that is left, so that a dead one costs no more. */
static void
connect_next(struct upstream_call *call)
{
    struct upstream_origin *origin = call->origin;
    struct resolver_name *name = &origin->name;

    while (call->n_tried < name->n_addresses) {
        size_t n_left = name->n_addresses - call->n_tried;
        size_t idx = (origin->preferred + call->n_tried) % name->n_addresses;
        struct resolver_address *address = &name->addresses[idx];
        int64_t left_us = call->connect_deadline_us - loop_now_us(call->pool->loop);

        call->n_tried++;
        if (!may_connect(call, (struct sockaddr *)&address->sockaddr)) {
            call->is_forbidden = true;
            continue;
        }
        h2o_socket_t *sock =
            h2o_socket_connect(call->pool->loop->evloop, (struct sockaddr *)&address->sockaddr,
                               address->len, on_connected);
        if (sock == NULL && is_own_shortage(errno)) {
            upstream_fail_later(call, UPSTREAM_NO_CONNECTION);
            return;
        }
        if (sock == NULL)
            continue;
        sock->data = call->link;
        call->link->sock = sock;
        upstream_set_phase(call, UPSTREAM_PHASE_CONNECT, left_us / (int64_t)n_left);
        return;
    }
    upstream_fail_later(call, call->is_forbidden ? UPSTREAM_FORBIDDEN : UPSTREAM_CONNECT);
}

/* No address is to blame for it. */
static bool
is_own_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static bool
may_connect(const struct upstream_call *call, const struct sockaddr *address)
{
    const struct upstream_pool *pool = call->pool;

    return pool->guard == NULL || pool->guard(pool->guard_ctx, address, call->origin->is_tls);
}

static void
on_connected(h2o_socket_t *sock, const char *err)
{
    struct upstream_link *link = upstream_pool_link_of(sock);
    struct upstream_call *call = link->call;
    struct upstream_origin *origin = link->origin;

    assert(call != NULL && call->phase == UPSTREAM_PHASE_CONNECT);
    if (err != NULL) {
        link->sock = NULL;
        h2o_socket_close(sock);
        connect_next(call);
        return;
    }
    origin->preferred = (origin->preferred + call->n_tried - 1) % origin->name.n_addresses;
    if (origin->is_tls) {
        start_tls(call);
    } else {
        h2o_socket_dont_read(sock, 1); /* read by ourselves, into the scratch buffer */
        upstream_on_connected(call);
    }
}

void
upstream_dial_on_timeout(struct upstream_call *call)
{
    bool is_over = loop_now_us(call->pool->loop) >= call->connect_deadline_us;

    if (call->phase == UPSTREAM_PHASE_RESOLVE)
        upstream_dial_forget(call);
    if (call->phase == UPSTREAM_PHASE_RESOLVE || is_over ||
        call->n_tried >= call->origin->name.n_addresses) {
        upstream_fail_later(call, UPSTREAM_CONNECT_TIMEOUT);
        return;
    }
    h2o_socket_close(call->link->sock);
    call->link->sock = NULL;
    connect_next(call);
}

static void
start_tls(struct upstream_call *call)
{
    struct upstream_origin *origin = call->origin;
    SSL_CTX *ctx = upstream_pool_tls(origin);

    if (ctx == NULL) {
        upstream_fail_later(call, UPSTREAM_TLS);
        return;
    }
    upstream_set_phase(call, UPSTREAM_PHASE_TLS, call->tls_timeout_us);
    /* An address is not sent as server name (RFC 6066 3). */
    h2o_socket_ssl_handshake(call->link->sock, ctx, origin->is_literal ? "" : origin->name.host,
                             on_tls);
}

/*
 * OpenSSL has checked the certificate against the host of our context. The library's own check
 * knows nothing of addresses and finds every certificate wrong for them: that verdict is not ours.
 */
static void
on_tls(h2o_socket_t *sock, const char *err)
{
    struct upstream_link *link = upstream_pool_link_of(sock);

    assert(link->call != NULL && link->call->phase == UPSTREAM_PHASE_TLS);
    if (err == h2o_socket_error_ssl_cert_name_mismatch && link->origin->is_literal)
        err = NULL;
    if (err != NULL)
        upstream_fail_later(link->call, UPSTREAM_TLS);
    else
        upstream_on_connected(link->call);
}
