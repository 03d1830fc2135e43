/* SPDX-License-Identifier: ISC */
#include "conn_deadline.h"

#include <assert.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "accept.h"
#include "conn_body.h"
#include "conn_front.h"

#define NEVER_US (INT64_C(1) << 50) /* after now: 35 years */

static void wait_for_request(struct conn *conn);
static void begin_body(struct conn *conn);
static void set_at(struct conn *conn, int64_t at_us);
static void conn_deadline_on_fire(struct timer *timer);
static void look_at_body(struct conn *conn);
static void on_late_request(struct conn *conn);
static bool reads_fast_enough(struct conn *conn);

void
conn_deadline_settle(struct conn *conn)
{
    const struct server_conf *conf = &conn->server->conf;

    if (conn->sock == NULL)
        return;
    if (conn->state == CONN_IDLE && conn->sock->input->size > 0)
        conn->state = CONN_HEAD;
    if (conn->state == CONN_BODY)
        conn_body_reserve(conn);
    if (conn->state == conn->timed_state)
        return;
    conn->timed_state = conn->state;
    switch (conn->state) {
    case CONN_FRONT:
        break;
    case CONN_IDLE:
        conn_deadline_set(conn, conn->server->is_draining ? CONN_DRAIN_GRACE_US
                                : conn->is_first          ? conf->header_timeout_us
                                                          : conf->keepalive_timeout_us);
        wait_for_request(conn);
        break;
    case CONN_HEAD:
        conn_deadline_set(conn, conf->header_timeout_us);
        if (conn->place.next == NULL) /* a head in drips stays where it is in the line */
            wait_for_request(conn);
        break;
    case CONN_BODY:
        begin_body(conn);
        break;
    case CONN_BUSY:
        break;
    }
}

static void
wait_for_request(struct conn *conn)
{
    struct server *server = conn->server;

    places_wait(&server->places, &conn->place);
    if (!server->is_accepting)
        accept_on_room(server);
}

static void
begin_body(struct conn *conn)
{
    struct server *server = conn->server;

    places_work(&server->places, &conn->place);
    conn_pace_begin(&conn->pace, loop_now_us(server->loop), conn->sock->input->size);
    set_at(conn, conn_pace_next_us(&conn->pace, &server->body_pace));
}

void
conn_deadline_set(struct conn *conn, int64_t after_us)
{
    set_at(conn, loop_now_us(conn->server->loop) + after_us);
}

static void
set_at(struct conn *conn, int64_t at_us)
{
    timer_set(conn->server->loop, &conn->timer, at_us, conn_deadline_on_fire);
}

static void
conn_deadline_on_fire(struct timer *timer)
{
    struct conn *conn = H2O_STRUCT_FROM_MEMBER(struct conn, timer, timer);

    assert(conn->magic == CONN_MAGIC);
    switch (conn->state) {
    case CONN_FRONT:
        conn_front_end(conn, "too slow");
        break;
    case CONN_IDLE:
        conn_close(conn);
        break;
    case CONN_HEAD:
        on_late_request(conn);
        break;
    case CONN_BODY:
        look_at_body(conn);
        break;
    case CONN_BUSY:
        if (!conn->is_writing)
            conn_deadline_set(conn, NEVER_US);
        else if (reads_fast_enough(conn))
            conn_deadline_set(conn, conn->server->conf.write_stall_timeout_us);
        else
            conn_close(conn);
        break;
    }
}

/* What chunks wrap around it is no body: single bytes in chunks of their own are as slow as they
 * look. */
static void
look_at_body(struct conn *conn)
{
    const struct conn_pace_limits *limits = &conn->server->body_pace;
    int64_t now_us = loop_now_us(conn->server->loop);

    if (conn_pace_is_good(&conn->pace, limits, now_us, conn->sock->input->size))
        set_at(conn, conn_pace_next_us(&conn->pace, limits));
    else
        on_late_request(conn);
}

static void
on_late_request(struct conn *conn)
{
    const struct refusal late = {408, ERR_CATEGORY_INVALID_REQUEST, "it did not arrive in time"};

    refusal_write(conn, &late);
    linger_start(&conn->server->lingering, conn->server->loop, h2o_socket_get_fd(conn->sock));
    conn_close(conn);
}

/* By bytes that the client's kernel has acknowledged. The first look counts those of earlier
 * answers too: it is a lenient one. */
static bool
reads_fast_enough(struct conn *conn)
{
    int fd = h2o_socket_get_fd(conn->sock), n_unread = 0;
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    uint64_t seen = conn->acked_bytes;

    if (conn->is_local) { /* does it move? */
        (void)ioctl(fd, SIOCOUTQ, &n_unread);
        conn->acked_bytes = (uint64_t)n_unread;
        return conn->acked_bytes != seen;
    }
    (void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    conn->acked_bytes = info.tcpi_bytes_acked;
    return conn->acked_bytes >= seen + conn->server->write_least;
}
