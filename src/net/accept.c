/* SPDX-License-Identifier: ISC */
#include "accept.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "conn_front.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"

#define BATCH        16
#define PAUSE_US     100000
#define CALM_US      10000000
#define GRACE_US     100000 /* for the first byte of who has just come */
#define LOOKS_MAX    8      /* at those who wait, for one who has not just asked */
#define SHORT_TENTHS 9
#define OURS_OF_20   9 /* the same for calls to upstreams; the rest for all else */

static void set_accepting(struct server *server, bool is_accepting);
static void on_listener_ready(h2o_socket_t *sock, const char *err);
static bool accept_one(struct server *server, struct server_listener *listener);
static bool on_accept_failed(struct server *server, h2o_socket_t *sock);
static void show_out(struct server *server, h2o_socket_t *sock);
static void pause_accepting(struct server *server);
static void note_shortage(struct server *server, const char *reason);
static bool is_welcome(struct server *server, const struct server_listener *listener,
                       struct slice address, const struct conn_peer *peer);
static bool is_full(const struct server *server);
static void wait_for_room(struct server *server);
static bool make_room(struct server *server);
static struct place *find_victim(struct server *server);
static void displace(struct server *server, struct place *place);
static bool has_asked(const struct conn *conn);
static void format_address(const struct sockaddr_storage *address, char out[48]);
static void on_pause_over(struct timer *timer);

void
accept_open(struct server *server)
{
    struct rlimit limit = {0};

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    server->max_fds = limit.rlim_cur > UINT32_MAX / 16 ? UINT32_MAX / 16 : (uint32_t)limit.rlim_cur;
    if (server->conf.max_connections > server->max_fds / 20 * OURS_OF_20)
        server->conf.max_connections = server->max_fds / 20 * OURS_OF_20;
    server->reserve_fd = open("/", O_PATH | O_CLOEXEC);
    server->n_listeners = server->conf.n_listeners;
    server->listeners = mem_array(NULL, server->n_listeners + 1, sizeof server->listeners[0]);
    for (size_t i = 0; i < server->n_listeners; i++) {
        h2o_socket_t *sock = h2o_evloop_socket_create(
            server->loop->evloop, server->conf.listener_fds[i], H2O_SOCKET_FLAG_DONT_READ);
        server->listeners[i] = (struct server_listener){.server = server, .sock = sock};
        if (server->conf.ways != NULL)
            server->listeners[i].way = server->conf.ways[i];
        sock->data = &server->listeners[i];
    }
    set_accepting(server, true);
}

void
accept_close(struct server *server)
{
    timer_unset(server->loop, &server->accept_timer);
    for (size_t i = 0; i < server->n_listeners; i++)
        tls_server_unref(&server->listeners[i].tls);
    for (size_t i = 0; i < server->n_listeners; i++)
        h2o_socket_close(server->listeners[i].sock);
    server->n_listeners = 0;
    server->is_accepting = false;
    free(server->listeners);
    server->listeners = NULL;
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
    struct server_listener *listener = sock->data;
    struct server *server = listener->server;

    (void)err; /* none with DONT_READ */
    for (int i = 0; i < BATCH && server->is_accepting; i++) {
        if (!accept_one(server, listener))
            return;
    }
}

/* False: there is none to accept now. */
static bool
accept_one(struct server *server, struct server_listener *listener)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    struct conn_peer peer;
    const uint8_t *bytes = NULL;
    if (is_full(server) && find_victim(server) == NULL) {
        wait_for_room(server);
        return false;
    }
    int fd = accept4(h2o_socket_get_fd(listener->sock), (struct sockaddr *)&address, &len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd == -1)
        return on_accept_failed(server, listener->sock);
    server->n_accepted++;
    format_address(&address, peer.text);
    size_t n_bytes = address_bytes((const struct sockaddr *)&address, &bytes);
    peer.address = places_address(bytes, n_bytes);
    if (!is_welcome(server, listener, slice_of((const char *)bytes, n_bytes), &peer)) {
        close(fd);
        return true;
    }
    bool is_short = accept_is_short(fd, server->max_fds);
    bool has_room = (!is_short && !is_full(server)) || make_room(server);

    if (!is_short || has_room)
        note_shortage(server, NULL);
    conn_open(server, listener, fd, &peer);
    if (is_short && !has_room) {
        note_shortage(server, "nine tenths of the descriptors are in use");
        pause_accepting(server);
    }
    return true;
}

static bool
is_full(const struct server *server)
{
    return server->n_conns >= server->conf.max_connections;
}

/* Where all are served, until one is done: accept_on_room(). Where somebody waits, but has only
 * just come, he is about to ask. */
static void
wait_for_room(struct server *server)
{
    note_shortage(server, "all connections are being served");
    if (server->places.n_waiting == 0)
        set_accepting(server, false);
    else
        pause_accepting(server);
}

/* True: there may be others. */
static bool
on_accept_failed(struct server *server, h2o_socket_t *sock)
{
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
        return false;
    note_shortage(server, strerror(errno));
    if (make_room(server))
        return true;
    show_out(server, sock);
    pause_accepting(server);
    return false;
}

static void
show_out(struct server *server, h2o_socket_t *sock)
{
    if (server->reserve_fd == -1)
        return;
    close(server->reserve_fd);
    int fd = accept4(h2o_socket_get_fd(sock), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd != -1) {
        server->front_counts.n_turned_away++;
        close(fd);
    }
    server->reserve_fd = open("/", O_PATH | O_CLOEXEC);
}

static void
pause_accepting(struct server *server)
{
    set_accepting(server, false);
    timer_set(server->loop, &server->accept_timer, loop_now_us(server->loop) + PAUSE_US,
              on_pause_over);
}

/* Said when it begins, and when there was none for a while. */
static void
note_shortage(struct server *server, const char *reason)
{
    int64_t now_us = loop_now_us(server->loop);

    if (reason != NULL) {
        if (server->short_us == 0)
            log_warn("accept.exhausted", "reason=\"%s\" connections=%u limit=%u", reason,
                     server->n_conns, server->max_fds);
        server->short_us = now_us;
    } else if (server->short_us != 0 && now_us - server->short_us >= CALM_US) {
        server->short_us = 0;
        log_info("accept.recovered", "connections=%u", server->n_conns);
    }
}

/* Who it is, where there is a PROXY header, is told by that. */
static bool
is_welcome(struct server *server, const struct server_listener *listener, struct slice address,
           const struct conn_peer *peer)
{
    if (!listener->way.wants_proxy)
        return accept_lets_in(server, address, peer->text);
    if (conn_front_is_of(&listener->way.proxies, address))
        return true;
    server->front_counts.n_proxy_refused++;
    conn_front_note(server, peer->text, "not in proxy_protocol");
    return false;
}

bool
accept_lets_in(struct server *server, struct slice address, const char *text)
{
    uint64_t id = places_address((const uint8_t *)address.ptr, address.len);
    struct place *place;

    if (address.len == 0 || !places_is_full(&server->places, id) ||
        conn_front_is_of(&server->conf.trusted_proxies, address))
        return true;
    place = places_victim_of(&server->places, id);
    if (place != NULL)
        displace(server, place);
    if (!places_is_full(&server->places, id))
        return true;
    server->front_counts.n_turned_away++;
    conn_front_note(server, text, "too many connections of its address");
    return false;
}

/* False: all are being served. */
static bool
make_room(struct server *server)
{
    struct place *place = find_victim(server);

    if (place != NULL)
        displace(server, place);
    return place != NULL;
}

/* Whoever has just asked, or just come to ask, is no good choice: it would be a reset. */
static struct place *
find_victim(struct server *server)
{
    struct place *place;

    for (int i = 0; i < LOOKS_MAX && (place = places_victim(&server->places)) != NULL; i++) {
        const struct conn *conn = H2O_STRUCT_FROM_MEMBER(struct conn, place, place);

        if (conn->is_first && loop_now_us(server->loop) - conn->opened_us < GRACE_US)
            return NULL; /* those behind it came later */
        if (!has_asked(conn))
            return place;
        places_wait(&server->places, place); /* it is not the first in line any more */
    }
    return NULL;
}

static void
displace(struct server *server, struct place *place)
{
    server->front_counts.n_displaced++;
    conn_close(H2O_STRUCT_FROM_MEMBER(struct conn, place, place));
}

static bool
has_asked(const struct conn *conn)
{
    int n_unread = 0;

    return ioctl(h2o_socket_get_fd(conn->sock), FIONREAD, &n_unread) == 0 && n_unread > 0;
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
on_pause_over(struct timer *timer)
{
    struct server *server = H2O_STRUCT_FROM_MEMBER(struct server, accept_timer, timer);

    if (!server->is_draining)
        set_accepting(server, true);
}

void
accept_on_room(struct server *server)
{
    bool is_pausing = server->accept_timer.heap_idx != 0;
    bool has_room = !is_full(server) || (server->places.n_waiting > 0 && !is_pausing);

    if (server->is_accepting || server->is_draining || !has_room)
        return;
    timer_unset(server->loop, &server->accept_timer);
    set_accepting(server, true);
}

bool
accept_is_short(int fd, uint32_t max_fds)
{
    return (uint32_t)fd >= max_fds / 10 * SHORT_TENTHS;
}
