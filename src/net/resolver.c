/* SPDX-License-Identifier: ISC */
#include "resolver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <h2o/multithread.h>
#include <stdio.h>
#include <stdlib.h>

#include "relayos/base/mem.h"

#define THREADS_MAX 4
#define KEEP_US     60000000 /* of addresses */
#define RETRY_US    5000000  /* after a failure */

struct resolver {
    struct loop *loop;
    h2o_multithread_queue_t *queue;
    h2o_multithread_receiver_t receiver;
    size_t n_running;
};

static bool set_numeric(struct resolver_name *name);
static void start_lookup(struct resolver_name *name);
static void on_lookup(h2o_hostinfo_getaddr_req_t *lookup, const char *error, struct addrinfo *found,
                      void *data);

struct resolver *
resolver_new(struct loop *loop)
{
    struct resolver *resolver = mem_zalloc(sizeof *resolver);

    h2o_hostinfo_max_threads = THREADS_MAX;
    resolver->loop = loop;
    resolver->queue = h2o_multithread_create_queue(loop->evloop);
    h2o_multithread_register_receiver(resolver->queue, &resolver->receiver,
                                      h2o_hostinfo_getaddr_receiver);
    return resolver;
}

void
resolver_free(struct resolver **resolver)
{
    struct resolver *r = *resolver;

    if (r == NULL)
        return;
    *resolver = NULL;
    /* A thread in the middle of a look-up will still report to the queue: leave it standing. */
    if (r->n_running > 0)
        return;
    h2o_multithread_unregister_receiver(r->queue, &r->receiver);
    h2o_multithread_destroy_queue(r->queue); /* libh2o 2.2.5 leaves 88 bytes of it allocated */
    free(r);
}

void
resolver_name_init(struct resolver_name *name, struct resolver *resolver, const char *host,
                   uint16_t port, void (*on_done)(struct resolver_name *name))
{
    *name = (struct resolver_name){.resolver = resolver, .port = port, .on_done = on_done};
    snprintf(name->host, sizeof name->host, "%s", host);
    if (set_numeric(name))
        name->expires_us = INT64_MAX;
}

static bool
set_numeric(struct resolver_name *name)
{
    struct resolver_address *address = &name->addresses[0];
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->sockaddr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->sockaddr;

    if (inet_pton(AF_INET, name->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(name->port);
        address->len = sizeof *v4;
    } else if (inet_pton(AF_INET6, name->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(name->port);
        address->len = sizeof *v6;
    } else {
        return false;
    }
    name->n_addresses = 1;
    return true;
}

void
resolver_name_fini(struct resolver_name *name)
{
    if (name->lookup != NULL)
        h2o_hostinfo_getaddr_cancel(name->lookup); /* n_running stays: its thread may be at it */
    name->lookup = NULL;
}

enum resolver_state
resolver_name_get(struct resolver_name *name)
{
    int64_t now_us = loop_now_us(name->resolver->loop);

    if (name->lookup == NULL && now_us >= name->expires_us)
        start_lookup(name);
    if (name->n_addresses > 0)
        return RESOLVER_READY;
    return name->lookup != NULL ? RESOLVER_WAIT : RESOLVER_FAILED;
}

static void
start_lookup(struct resolver_name *name)
{
    char service[8];
    int len = snprintf(service, sizeof service, "%u", (unsigned)name->port);

    assert(name->lookup == NULL);
    name->resolver->n_running++;
    name->lookup = h2o_hostinfo_getaddr(
        &name->resolver->receiver, h2o_iovec_init(name->host, strlen(name->host)),
        h2o_iovec_init(service, (size_t)len), AF_UNSPEC, SOCK_STREAM, IPPROTO_TCP,
        AI_ADDRCONFIG | AI_NUMERICSERV, on_lookup, name);
}

static void
on_lookup(h2o_hostinfo_getaddr_req_t *lookup, const char *error, struct addrinfo *found, void *data)
{
    struct resolver_name *name = data;
    int64_t now_us = loop_now_us(name->resolver->loop);
    size_t n = 0;

    assert(name->lookup == lookup);
    name->lookup = NULL;
    name->resolver->n_running--;
    for (struct addrinfo *at = error == NULL ? found : NULL;
         at != NULL && n < RESOLVER_ADDRESSES_MAX; at = at->ai_next) {
        memcpy(&name->addresses[n].sockaddr, at->ai_addr, at->ai_addrlen);
        name->addresses[n++].len = at->ai_addrlen;
    }
    if (n > 0)
        name->n_addresses = n;
    name->expires_us = now_us + (n > 0 ? KEEP_US : RETRY_US);
    name->on_done(name);
}
