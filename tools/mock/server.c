/* SPDX-License-Identifier: ISC
 *
 * server - see server.h.
 */
#include "server.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "control.h"
#include "journal.h"
#include "stats.h"
#include "timers.h"

#define SERVER_MAX_REQUEST (64 * 1024 * 1024)

struct conn {
    struct timer timer; /* first: a timer is its connection */
    struct server *server;
    int fd;
    bool is_playing;
    bool has_pause; /* the timer runs */
    bool counts;    /* not a /mock/ call */
    struct text in;
    struct script script;
    size_t n_sent;   /* bytes of script.wire */
    size_t next_end; /* piece under way */
};

struct server {
    int epoll_fd, listen_fd;
    struct timers timers;
    struct stats stats;
};

static void server_accept(struct server *server);
static void server_on_event(struct conn *conn, uint32_t events);
static void conn_read(struct conn *conn);
static size_t conn_request_length(struct conn *conn);
static void conn_take_request(struct conn *conn, size_t len);
static void conn_answer_mock(struct conn *conn, const struct ask *ask, const char *body,
                             size_t len);
static void conn_play(struct conn *conn);
static bool conn_write(struct conn *conn, size_t to);
static void conn_pause(struct conn *conn, long ms);
static void conn_finish(struct conn *conn);
static void conn_close(struct conn *conn, bool by_reset);

static int64_t
server_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
server_run(int listen_fd)
{
    struct server server = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .listen_fd = listen_fd};
    struct epoll_event events[256], on_listen = {.events = EPOLLIN, .data.ptr = NULL};

    epoll_ctl(server.epoll_fd, EPOLL_CTL_ADD, listen_fd, &on_listen);
    for (;;) {
        int64_t wait = timers_wait_ms(&server.timers, server_now_ms());
        int n = epoll_wait(server.epoll_fd, events, 256, (int)wait);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                server_accept(&server);
            else
                server_on_event(events[i].data.ptr, events[i].events);
        }
        struct timer *due;

        while ((due = timers_take_due(&server.timers, server_now_ms())) != NULL) {
            struct conn *conn = (struct conn *)due;

            conn->has_pause = false;
            conn_play(conn);
        }
    }
}

static void
server_accept(struct server *server)
{
    int fd;

    while ((fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = calloc(1, sizeof *conn);

        if (conn == NULL)
            abort();
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                    .data.ptr = conn};

        conn->server = server;
        conn->fd = fd;
        server->stats.connections++;
        server->stats.open++;
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

/* Edge-triggered: what is not read now is read when the answer under way has ended. */
static void
server_on_event(struct conn *conn, uint32_t events)
{
    if (conn->is_playing && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        conn_close(conn, false);
    else if (conn->is_playing && !conn->has_pause && (events & EPOLLOUT) != 0)
        conn_play(conn);
    else if (!conn->is_playing && (events & ~(uint32_t)EPOLLOUT) != 0)
        conn_read(conn);
}

static void
conn_read(struct conn *conn)
{
    static char bytes[256 * 1024];

    for (;;) {
        size_t len = conn_request_length(conn);

        if (len != 0) {
            conn_take_request(conn, len);
            return;
        }
        ssize_t n = recv(conn->fd, bytes, sizeof bytes, 0);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 || conn->in.len + (size_t)n > SERVER_MAX_REQUEST) {
            conn_close(conn, false);
            return;
        }
        text_add(&conn->in, bytes, (size_t)n);
    }
}

/* Bytes of the first whole request, or 0. Content-Length only: gateways send nothing else. */
static size_t
conn_request_length(struct conn *conn)
{
    const char *end = conn->in.len == 0 ? NULL : memmem(conn->in.ptr, conn->in.len, "\r\n\r\n", 4);

    if (end == NULL)
        return 0;
    size_t head = (size_t)(end - conn->in.ptr) + 4;
    const char *length = strcasestr(conn->in.ptr, "\r\ncontent-length:");
    size_t body = length == NULL || length > end ? 0 : strtoul(length + 17, NULL, 10);

    return conn->in.len < head + body ? 0 : head + body;
}

static void
conn_take_request(struct conn *conn, size_t len)
{
    struct stats *stats = &conn->server->stats;
    size_t head = (size_t)((char *)memmem(conn->in.ptr, len, "\r\n\r\n", 4) - conn->in.ptr) + 4;
    char kept = conn->in.ptr[head - 1];
    struct ask ask;

    conn->in.ptr[head - 1] = '\0';
    ask_read(&ask, conn->in.ptr, conn->in.ptr + head, len - head);
    conn->in.ptr[head - 1] = kept;
    ask.serial = stats->requests + 1;
    conn->counts = ask.kind < ASK_MOCK_STATS;
    if (conn->counts) {
        stats_note_request(stats, &ask, conn->in.ptr, len);
        answer_write(&ask, &conn->script);
        journal_begin(&ask, &conn->script);
    } else {
        conn_answer_mock(conn, &ask, conn->in.ptr + head, len - head);
    }
    ask_free(&ask);
    conn->script.ask = NULL;

    memmove(conn->in.ptr, conn->in.ptr + len, conn->in.len - len + 1);
    conn->in.len -= len;
    if (conn->in.len == 0)
        text_free(&conn->in);
    conn->is_playing = true;
    stats->busy += conn->counts;
    if (stats->busy > stats->most)
        stats->most = stats->busy;
    conn->n_sent = 0;
    conn->next_end = 0;
    if (conn->script.first_ms > 0)
        conn_pause(conn, conn->script.first_ms);
    else
        conn_play(conn);
}

static void
conn_answer_mock(struct conn *conn, const struct ask *ask, const char *sent, size_t len)
{
    struct stats *stats = &conn->server->stats;
    struct text body = {0};

    if (ask->kind == ASK_MOCK_CONTROL)
        control_set(sent, len);

    script_init(&conn->script, ask);
    if (ask->kind == ASK_MOCK_RESET)
        stats_reset(stats);
    if (ask->kind == ASK_MOCK_LAST)
        text_add(&body, stats->last.len == 0 ? "" : stats->last.ptr, stats->last.len);
    else
        stats_write(stats, &body);
    script_body(&conn->script, 200,
                ask->kind == ASK_MOCK_LAST ? "application/octet-stream" : "application/json",
                &body);
    text_free(&body);
}

/* Write piece after piece until the socket is full, a pause is due or the script is over. */
static void
conn_play(struct conn *conn)
{
    struct script *script = &conn->script;

    while (conn->next_end < script->n_ends) {
        journal_serve(script, conn->next_end);
        if (!conn_write(conn, script->ends[conn->next_end]))
            return;
        conn->next_end++;
        long pause_ms = script->token_at > 0 && conn->next_end == script->token_at
                            ? script->token_ms
                            : script->pace_ms;

        if (pause_ms > 0 && conn->next_end < script->n_ends) {
            conn_pause(conn, pause_ms);
            return;
        }
    }
    journal_serve(script, script->n_ends);
    if (conn_write(conn, script->wire.len))
        conn_finish(conn);
}

/* False: not all of it could be written now (or the connection is gone). Without a pace, what is
 * left goes out in one write. */
static bool
conn_write(struct conn *conn, size_t to)
{
    struct script *script = &conn->script;

    if (script->pace_ms == 0 && (script->token_at == 0 || conn->next_end >= script->token_at))
        to = script->wire.len;
    while (conn->n_sent < to) {
        ssize_t n =
            send(conn->fd, script->wire.ptr + conn->n_sent, to - conn->n_sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0) {
            conn_close(conn, false);
            return false;
        }
        conn->n_sent += (size_t)n;
        if (conn->counts)
            conn->server->stats.bytes_sent += (uint64_t)n;
    }
    return true;
}

static void
conn_pause(struct conn *conn, long ms)
{
    conn->has_pause = true;
    timers_add(&conn->server->timers, &conn->timer, server_now_ms() + ms);
}

static void
conn_finish(struct conn *conn)
{
    struct stats *stats = &conn->server->stats;
    enum script_end end = conn->script.end;

    if (end == SCRIPT_STALL) {
        text_free(&conn->script.wire);
        conn->script.n_ends = 0;
        conn->n_sent = 0;
        conn->has_pause = true; /* until the caller goes away */
        return;
    }
    if (conn->counts) {
        stats->finished++;
        stats->busy--;
        stats->usage_answers += conn->script.has_usage;
    }
    script_free(&conn->script);
    conn->is_playing = false;
    if (end == SCRIPT_KEEP)
        conn_read(conn);
    else
        conn_close(conn, end == SCRIPT_RESET);
}

static void
conn_close(struct conn *conn, bool by_reset)
{
    struct stats *stats = &conn->server->stats;
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (by_reset)
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    if (conn->is_playing && conn->counts) {
        stats->cancelled++;
        stats->busy--;
    }
    stats->open--;
    close(conn->fd);
    timers_remove(&conn->server->timers, &conn->timer);
    script_free(&conn->script);
    text_free(&conn->in);
    free(conn);
}
