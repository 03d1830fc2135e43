/* SPDX-License-Identifier: ISC
 *
 * client - drives upstream calls against a scripted provider: a forked process on 127.0.0.1.
 */
#ifndef TESTS_NET_CLIENT_H
#define TESTS_NET_CLIENT_H

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "loop_impl.h"
#include "peer.h"
#include "relayos/base/clock.h"
#include "relayos/net/listener.h"
#include "relayos/net/upstream.h"

struct provider {
    pid_t pid;
    uint16_t port;
};

/* serve(listener) runs in the child until it is killed. */
static inline struct provider
provider_start(void (*serve)(int listener))
{
    struct provider provider;
    int fd;

    cr_assert_eq(listener_open("127.0.0.1", 0, &fd, &provider.port, NULL), 0);
    provider.pid = fork();
    if (provider.pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        fcntl(fd, F_SETFL, 0);
        serve(fd);
        _exit(0);
    }
    close(fd);
    return provider;
}

static inline void
provider_stop(struct provider *provider)
{
    kill(provider->pid, SIGKILL);
    waitpid(provider->pid, NULL, 0);
}

static inline int
provider_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

/* A whole request without a body, or with one of the length the test uses. False at its end. */
static inline bool
provider_read_request(int fd, size_t body_len)
{
    char bytes[65536];
    size_t len = 0;

    for (;;) {
        ssize_t n = recv(fd, bytes + len, sizeof bytes - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        bytes[len] = '\0';
        const char *end = strstr(bytes, "\r\n\r\n");
        if (end != NULL && len >= (size_t)(end - bytes) + 4 + body_len)
            return true;
    }
}

enum client_action { CLIENT_NOTHING, CLIENT_CANCEL, CLIENT_PAUSE };

struct client {
    struct upstream_call *call;
    struct loop *loop;
    enum client_action in_head, in_body;
    unsigned n_heads, n_bodies, n_ends, n_after_end;
    unsigned head_turn, end_turn;
    int status;
    size_t n_bytes;
    uint32_t sum;
    char body[256]; /* the first bytes */
    struct upstream_report report;
};

static unsigned client_turn;

static inline void
client_act(struct client *client, enum client_action action)
{
    if (action == CLIENT_CANCEL) {
        upstream_cancel(client->call, &client->report);
        client->call = NULL;
    } else if (action == CLIENT_PAUSE) {
        upstream_pause(client->call);
    }
}

static inline void
client_on_head(void *data, int status, const struct http_header *headers, size_t n_headers)
{
    struct client *client = data;

    (void)headers, (void)n_headers;
    client->n_after_end += client->call == NULL;
    client->n_heads++;
    cr_expect(upstream_is_sent(client->call));
    client->status = status;
    client->head_turn = client_turn;
    client_act(client, client->in_head);
}

static inline void
client_on_body(void *data, struct slice bytes)
{
    struct client *client = data;

    client->n_after_end += client->call == NULL;
    client->n_bodies++;
    for (size_t i = 0; i < bytes.len; i++) {
        if (client->n_bytes + i < sizeof client->body - 1)
            client->body[client->n_bytes + i] = bytes.ptr[i];
        client->sum = client->sum * 31 + (unsigned char)bytes.ptr[i];
    }
    client->n_bytes += bytes.len;
    client_act(client, client->in_body);
}

static inline void
client_on_end(void *data, const struct upstream_report *report)
{
    struct client *client = data;

    client->n_after_end += client->call == NULL;
    client->n_ends++;
    client->call = NULL;
    client->report = *report;
    client->end_turn = client_turn;
}

static const struct upstream_events client_events = {client_on_head, client_on_body, client_on_end};

static inline struct upstream_record
client_target(uint16_t port)
{
    return (struct upstream_record){.host = "127.0.0.1",
                                    .port = port,
                                    .origin_hash = port,
                                    .max_connections = 8,
                                    .max_idle_connections = 8,
                                    .connect_timeout_us = 5000000,
                                    .tls_timeout_us = 5000000,
                                    .first_byte_timeout_us = 5000000,
                                    .idle_timeout_us = 5000000,
                                    .total_timeout_us = 30000000};
}

static inline void
client_begin(struct client *client, struct loop *loop, struct upstream_pool *pool,
             const struct upstream_record *target)
{
    struct upstream_request request = {
        .target = target,
        .head = SLICE_LIT("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"),
        .body = {SLICE_LIT("abc"), SLICE_LIT(""), SLICE_LIT("def")},
        .n_body = 3};

    client->loop = loop;
    client->call = upstream_start(pool, &request, &client_events, client);
    cr_assert_eq(client->n_ends, 0);
}

/* Turn the loop until *flag is not zero any more, or ten seconds have passed. */
static inline bool
client_run_until(struct loop *loop, const unsigned *flag)
{
    int64_t limit_us = clock_mono_us() + 10000000;

    while (*flag == 0 && clock_mono_us() < limit_us) {
        loop_run_bounded(loop, 100);
        client_turn++;
    }
    return *flag != 0;
}

static inline void
client_run(struct client *client, struct loop *loop, struct upstream_pool *pool,
           const struct upstream_record *target)
{
    client_begin(client, loop, pool, target);
    cr_assert(client_run_until(loop, &client->n_ends), "the call did not end");
}

#endif
