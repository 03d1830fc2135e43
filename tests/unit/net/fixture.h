/* SPDX-License-Identifier: ISC
 *
 * fixture - a server in a process of its own; what it sees is told in shared memory.
 */
#ifndef TESTS_NET_FIXTURE_H
#define TESTS_NET_FIXTURE_H

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "peer.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/net/listener.h"
#include "relayos/net/server.h"

#define B(s)  s, sizeof(s) - 1
#define H     "Host: a\r\n"
#define CLOSE "Host: a\r\nConnection: close\r\n"
#define MIB   (1024 * 1024)

/* What the server process tells the test, in shared memory. */
struct tally {
    _Atomic unsigned n_requests, n_smuggled, n_refused, n_ended, n_complete, n_connections;
    _Atomic unsigned is_draining, n_turns;
    _Atomic unsigned n_heads, n_withheld;
    _Atomic size_t body_size, n_body_bytes;
};

struct fixture {
    pid_t pid;
    uint16_t port;
    struct tally *tally;
};

/* One exchange of the server process. */
struct work {
    struct exchange *exchange;
    size_t left;   /* of /big */
    bool is_short; /* /short has a write to go */
};

static struct tally *tally;
static char block[65536];

static inline void
on_writable(void *data)
{
    struct work *work = data;

    if (work->is_short) {
        work->is_short = false;
        exchange_write(work->exchange, SLICE_LIT("two, of nineteen..."), true);
        return; /* it may be gone */
    }
    if (work->left == 0)
        return;
    size_t n = work->left < sizeof block ? work->left : sizeof block;
    work->left -= n;
    exchange_write(work->exchange, slice_of(block, n), work->left == 0);
}

static inline void
on_end(void *data, bool is_complete)
{
    free(data);
    tally->n_complete += is_complete;
    tally->n_ended++;
}

/* Only with a key, like the worker's. */
static inline bool
on_head(void *ctx, const struct http_request *head)
{
    (void)ctx;
    tally->n_heads++;
    return slice_eq_str(http_header_find(head, "x-key"), "good") ||
           !slice_starts_with(head->path, SLICE_LIT("/locked"));
}

static inline void
on_request(void *ctx, struct exchange *exchange, const struct http_request *request)
{
    static const struct exchange_events events = {on_writable, on_end};
    static const struct http_header header = {SLICE_LIT("content-type"), SLICE_LIT("text/plain")};
    struct work *work = mem_zalloc(sizeof *work);

    (void)ctx;
    work->exchange = exchange;
    exchange_bind(exchange, &events, work);
    tally->body_size = request->body.len;
    tally->n_withheld += request->is_body_withheld;
    tally->n_requests++;
    if (slice_eq_str(http_header_find(request, "x-key"), "good"))
        exchange_vouch(exchange);
    if (slice_eq_str(request->path, "/smuggled"))
        tally->n_smuggled++;
    if (slice_eq_str(request->path, "/hold"))
        return;
    if (request->is_body_withheld) {
        exchange_respond(exchange, 503, &header, 1, SLICE_LIT("withheld"));
    } else if (slice_eq_str(request->path, "/abort")) {
        exchange_abort(exchange);
    } else if (slice_eq_str(request->path, "/stream")) { /* a chunk, and no end */
        exchange_release_request(exchange);
        exchange_start(exchange, 200, &header, 1);
        exchange_write(exchange, SLICE_LIT("first"), false);
    } else if (slice_eq_str(request->path, "/short")) {
        exchange_start(exchange, 200, &header, 1);
        work->is_short = true;
        exchange_write(exchange, SLICE_LIT("one"), false);
    } else if (slice_eq_str(request->path, "/big")) {
        exchange_start(exchange, 200, &header, 1);
        work->left = 64 * MIB;
        on_writable(work);
    } else if (slice_eq_str(request->path, "/two")) {
        exchange_release_request(exchange);
        exchange_start(exchange, 200, &header, 1);
        work->left = sizeof block + 1;
        on_writable(work);
    } else if (slice_eq_str(request->path, "/404")) {
        exchange_respond(exchange, 404, &header, 1, SLICE_LIT("none"));
    } else {
        exchange_respond(exchange, 200, &header, 1, request->body);
    }
}

static inline void
on_refused(void *ctx, enum err_category category, const char *detail, const char *client_address,
           struct buf *out_body, struct slice *out_headers)
{
    (void)ctx, (void)client_address;
    tally->n_refused++;
    buf_printf(out_body, "{\"error\":\"%s: %s\"}", err_category_name(category), detail);
    *out_headers = SLICE_LIT("content-type: application/json\r\nx-request-id: 7\r\n");
}

static inline void
on_turn(void *ctx)
{
    struct server *server = *(struct server **)ctx;

    tally->n_turns++;
    tally->n_connections = server_n_connections(server);
    tally->n_body_bytes = server_n_body_bytes(server);
    if (tally->is_draining)
        server_drain(server);
}

static inline struct fixture
fixture_start(struct server_conf conf, rlim_t max_fds)
{
    struct fixture fixture = {.tally = peer_shared(sizeof(struct tally))};
    int fd;

    tally = fixture.tally;
    cr_assert_eq(listener_open("127.0.0.1", 0, &fd, &fixture.port, NULL), 0);
    fixture.pid = fork();
    if (fixture.pid == 0) {
        struct server *server = NULL;
        if (max_fds > 0)
            setrlimit(RLIMIT_NOFILE, &(struct rlimit){max_fds, max_fds});
        conf.loop = loop_new();
        conf.handler = (struct server_handler){
            .on_head = on_head, .on_request = on_request, .on_refused = on_refused};
        conf.listener_fds = &fd;
        conf.n_listeners = 1;
        server = server_new(&conf, NULL);
        if (server == NULL)
            _exit(1);
        loop_on_turn(conf.loop, on_turn, &server);
        while (tally->is_draining == 0 || server_n_connections(server) > 0)
            loop_run_once(conf.loop);
        server_free(&server);
        loop_free(&conf.loop);
        _exit(0);
    }
    close(fd);
    return fixture;
}

static inline struct server_conf
patient(void)
{
    return (struct server_conf){.max_body_bytes = MIB,
                                .max_connections = 1000,
                                .header_timeout_us = 60000000,
                                .body_timeout_us = 60000000,
                                .body_window_us = 15000000,
                                .keepalive_timeout_us = 60000000,
                                .write_stall_timeout_us = 60000000};
}

static inline void
fixture_stop(struct fixture *fixture)
{
    kill(fixture->pid, SIGKILL);
    waitpid(fixture->pid, NULL, 0);
}

static inline ssize_t
talk(const struct fixture *fixture, const char *bytes, size_t len, char *answer, size_t size)
{
    int fd = peer_connect(fixture->port);

    peer_send(fd, bytes, len);
    ssize_t n = peer_read_all(fd, answer, size);
    close(fd);
    return n;
}

/* Wait until a count of the server process is there. */
static inline bool
reaches(_Atomic unsigned *count, unsigned value)
{
    int64_t limit_us = clock_mono_us() + 10000000;

    while (*count < value && clock_mono_us() < limit_us)
        sched_yield();
    return *count >= value;
}

/* Wait, by events of another connection, until the server's own count is as it should be. */
static inline bool
becomes(const struct fixture *fixture, _Atomic unsigned *count, unsigned value)
{
    char answer[512];

    for (int i = 0; i < 2000 && *count != value; i++)
        talk(fixture, B("GET /ping HTTP/1.1\r\n" CLOSE "\r\n"), answer, sizeof answer);
    return *count == value;
}

#endif
