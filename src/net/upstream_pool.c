/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "tls.h"
#include "upstream_impl.h"

#define IDLE_US     55000000 /* before the 60 s at which most servers close */
#define CA_RETRY_US 60000000 /* it was us who could not: no descriptor, no memory */

static bool is_same_origin(const struct upstream_origin *origin,
                           const struct upstream_record *target);
static struct upstream_origin *origin_new(struct upstream_pool *pool,
                                          const struct upstream_record *target);
static void origin_free(struct upstream_origin *origin);
static void drop_unused_origins(struct upstream_pool *pool);
static void note_unreadable(struct upstream_origin *origin);
static bool is_same_file(const struct stat *a, const struct stat *b);
static void idle_push(struct upstream_link *link);
static void idle_remove(struct upstream_link *link);

struct upstream_pool *
upstream_pool_new(struct loop *loop)
{
    struct upstream_pool *pool = mem_zalloc(sizeof *pool);

    pool->loop = loop;
    pool->resolver = resolver_new(loop);
    pool->scratch = mem_alloc(UPSTREAM_SCRATCH_SIZE);
    return pool;
}

void
upstream_pool_free(struct upstream_pool **pool)
{
    struct upstream_pool *p = *pool;

    if (p == NULL)
        return;
    for (size_t i = 0; i < UPSTREAM_BUCKETS; i++) {
        while (p->buckets[i] != NULL) {
            struct upstream_origin *origin = p->buckets[i];
            p->buckets[i] = origin->next;
            origin_free(origin);
        }
    }
    while (p->spare != NULL) {
        struct upstream_call *call = p->spare;
        p->spare = call->next;
        free(call);
    }
    resolver_free(&p->resolver);
    X509_STORE_free(p->system_store);
    free(p->scratch);
    free(p);
    *pool = NULL;
}

void
upstream_pool_guard(struct upstream_pool *pool, upstream_guard *guard, void *ctx)
{
    pool->guard = guard;
    pool->guard_ctx = ctx;
}

void
upstream_pool_view(const struct upstream_pool *pool, struct upstream_pool_view *out)
{
    *out = (struct upstream_pool_view){.n_calls = pool->n_calls,
                                       .n_reused = pool->n_reused,
                                       .n_redials = pool->n_redials,
                                       .n_failed = pool->n_failed};
    for (size_t i = 0; i < UPSTREAM_BUCKETS; i++) {
        for (const struct upstream_origin *at = pool->buckets[i]; at != NULL; at = at->next) {
            out->n_open += at->n_open;
            out->n_idle += at->n_idle;
        }
    }
}

/* ---- origins ---- */

struct upstream_origin *
upstream_pool_origin(struct upstream_pool *pool, const struct upstream_record *target)
{
    struct upstream_origin **bucket =
        &pool->buckets[(uint64_t)target->origin_hash % UPSTREAM_BUCKETS];
    struct upstream_origin *origin = *bucket;

    while (origin != NULL && !is_same_origin(origin, target))
        origin = origin->next;
    if (origin == NULL) {
        if (pool->n_origins >= UPSTREAM_ORIGINS_MAX)
            drop_unused_origins(pool);
        origin = origin_new(pool, target);
        origin->next = *bucket;
        *bucket = origin;
    }
    origin->max_open = target->max_connections;
    origin->max_idle = target->max_idle_connections;
    return origin;
}

/* The hash finds it; a collision must not send a credential to another host. */
static bool
is_same_origin(const struct upstream_origin *origin, const struct upstream_record *target)
{
    return origin->hash == target->origin_hash && origin->name.port == target->port &&
           origin->is_tls == (target->is_tls != 0) &&
           strcmp(origin->name.host, target->host) == 0 &&
           strcmp(origin->ca_file, target->ca_file) == 0;
}

static struct upstream_origin *
origin_new(struct upstream_pool *pool, const struct upstream_record *target)
{
    struct upstream_origin *origin = mem_zalloc(sizeof *origin);

    origin->pool = pool;
    origin->hash = target->origin_hash;
    origin->is_tls = target->is_tls != 0;
    snprintf(origin->ca_file, sizeof origin->ca_file, "%s", target->ca_file);
    resolver_name_init(&origin->name, pool->resolver, target->host, target->port,
                       upstream_dial_on_resolved);
    origin->is_literal = origin->name.n_addresses > 0;
    pool->n_origins++;
    return origin;
}

static void
origin_free(struct upstream_origin *origin)
{
    assert(origin->n_calls == 0 && origin->n_open == origin->n_idle);
    while (origin->idle_first != NULL)
        upstream_pool_close(origin->idle_first);
    resolver_name_fini(&origin->name);
    SSL_CTX_free(origin->tls);
    origin->pool->n_origins--;
    free(origin);
}

static void
drop_unused_origins(struct upstream_pool *pool)
{
    for (size_t i = 0; i < UPSTREAM_BUCKETS; i++) {
        struct upstream_origin **at = &pool->buckets[i];
        while (*at != NULL) {
            struct upstream_origin *origin = *at;
            if (origin->n_calls > 0 || origin->n_open > 0) {
                at = &origin->next;
                continue;
            }
            *at = origin->next;
            origin_free(origin);
        }
    }
}

/*
 * What is in ca_file now counts, once it can be read: to mend it takes no reload. One that is no
 * good is read once, not for each connection: large ones take their time.
 */
SSL_CTX *
upstream_pool_tls(struct upstream_origin *origin)
{
    struct upstream_pool *pool = origin->pool;
    struct stat now = {0}; /* as of before it is read: a change meanwhile is seen the next time */

    if (origin->ca_file[0] != '\0')
        (void)stat(origin->ca_file, &now);
    else if (pool->system_store == NULL)
        pool->system_store = tls_store_system();

    bool is_known = is_same_file(&origin->authorities, &now);
    if (origin->tls != NULL && is_known &&
        (!origin->is_ca_unreadable || loop_now_us(pool->loop) < origin->ca_retry_us))
        return origin->tls;

    SSL_CTX *tls = tls_client_new(origin->name.host, origin->ca_file, pool->system_store);
    if (tls == NULL && !(is_known && origin->is_ca_unreadable))
        note_unreadable(origin);
    origin->authorities = now;
    origin->is_ca_unreadable = tls == NULL;
    if (tls == NULL) {
        origin->ca_retry_us = loop_now_us(pool->loop) + CA_RETRY_US;
        return origin->tls;
    }
    SSL_CTX_free(origin->tls);
    origin->tls = tls;
    return tls;
}

static void
note_unreadable(struct upstream_origin *origin)
{
    log_error("upstream.ca_unreadable", "host=%s ca_file=\"%s\" effect=\"%s\"", origin->name.host,
              origin->ca_file,
              origin->tls != NULL ? "the authorities of before hold" : "nobody is trusted");
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* ---- connections ---- */

struct upstream_link *
upstream_pool_open(struct upstream_origin *origin)
{
    if (origin->n_open >= origin->max_open)
        return NULL;
    struct upstream_link *link = mem_zalloc(sizeof *link);
    link->magic = UPSTREAM_LINK_MAGIC;
    link->origin = origin;
    origin->n_open++;
    return link;
}

struct upstream_link *
upstream_pool_link_of(h2o_socket_t *sock)
{
    struct upstream_link *link = sock->data;

    assert(link != NULL && link->magic == UPSTREAM_LINK_MAGIC && link->sock == sock);
    return link;
}

/* The newest: the others may grow old enough to be closed. */
struct upstream_link *
upstream_pool_take(struct upstream_origin *origin)
{
    struct upstream_link *link = origin->idle_first;

    if (link != NULL)
        idle_remove(link);
    return link;
}

void
upstream_pool_give_back(struct upstream_link *link)
{
    struct upstream_origin *origin = link->origin;

    assert(link->sock != NULL);
    link->call = NULL;
    if (origin->max_idle == 0) {
        upstream_pool_close(link);
        return;
    }
    if (origin->n_idle >= origin->max_idle)
        upstream_pool_close(origin->idle_last);
    idle_push(link);
}

void
upstream_pool_close(struct upstream_link *link)
{
    struct upstream_origin *origin = link->origin;

    assert(link->magic == UPSTREAM_LINK_MAGIC && origin->n_open > 0);
    if (link->is_idle)
        idle_remove(link);
    timer_unset(origin->pool->loop, &link->timer);
    if (link->sock != NULL)
        h2o_socket_close(link->sock);
    origin->n_open--;
    link->magic = 0;
    free(link);
}

static void
idle_push(struct upstream_link *link)
{
    struct upstream_origin *origin = link->origin;
    struct loop *loop = origin->pool->loop;

    link->prev = NULL;
    link->next = origin->idle_first;
    if (link->next != NULL)
        link->next->prev = link;
    else
        origin->idle_last = link;
    origin->idle_first = link;
    link->is_idle = true;
    origin->n_idle++;
    timer_set(loop, &link->timer, loop_now_us(loop) + IDLE_US, upstream_on_deadline);
}

static void
idle_remove(struct upstream_link *link)
{
    struct upstream_origin *origin = link->origin;

    assert(origin->n_idle > 0 && link->is_idle);
    if (link->prev != NULL)
        link->prev->next = link->next;
    else
        origin->idle_first = link->next;
    if (link->next != NULL)
        link->next->prev = link->prev;
    else
        origin->idle_last = link->prev;
    link->is_idle = false;
    origin->n_idle--;
}

/* Closed by the peer, or bytes that nobody asked for. TLS has messages of its own: no bytes. */
void
upstream_pool_on_idle_event(struct upstream_link *link, const char *err)
{
    assert(link->call == NULL);
    if (link->sock->ssl != NULL && err == NULL && link->sock->input->size == 0)
        return;
    upstream_pool_close(link);
}
