/* SPDX-License-Identifier: ISC */
#include <poll.h>

#include "fixture.h"

static void
expect_gone(const char *path, const char *wait_for, const char *pipelined)
{
    struct fixture fixture = fixture_start(patient(), 0);
    char request[256], answer[1024];
    int n =
        sprintf(request, "POST %s HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab%s", path, pipelined);
    int fd = peer_connect(fixture.port);

    peer_send(fd, request, (size_t)n);
    if (wait_for != NULL)
        cr_assert(peer_read_until(fd, wait_for, answer, sizeof answer));
    cr_assert(reaches(&fixture.tally->n_requests, 1));
    unsigned n_ended = fixture.tally->n_ended, n_complete = fixture.tally->n_complete;
    close(fd);
    int64_t left_us = clock_mono_us();
    cr_expect(reaches(&fixture.tally->n_ended, n_ended + 1), "%s %s", path, pipelined);
    cr_expect(clock_mono_us() - left_us < 1000000);
    cr_expect_eq(fixture.tally->n_complete, n_complete);
    cr_expect(becomes(&fixture, &fixture.tally->n_connections, 0));
    fixture_stop(&fixture);
}

Test(conn, a_client_that_leaves_before_the_first_byte_is_noticed)
{
    expect_gone("/hold", NULL, "");
}

Test(conn, a_client_that_leaves_between_tokens_is_noticed)
{
    expect_gone("/stream", "first", "");
}

Test(conn, a_client_that_leaves_after_pipelining_is_noticed)
{
    expect_gone("/stream", "first", "GET /smuggled HTTP/1.1\r\n");
}

Test(conn, bytes_pipelined_meanwhile_are_not_a_disconnect)
{
    struct fixture fixture = fixture_start(patient(), 0);
    static char answer[200000];
    int fd = peer_connect(fixture.port);

    peer_send(fd, B("GET /hold HTTP/1.1\r\n" H "\r\n"));
    cr_assert(reaches(&fixture.tally->n_requests, 1));
    for (int i = 0; i < 100; i++)
        peer_send(fd,
                  B("GET / HTTP/1.1\r\n" H "X: 0123456789012345678901234567890123456789\r\n\r\n"));
    cr_expect(becomes(&fixture, &fixture.tally->n_connections, 1));
    cr_expect_eq(fixture.tally->n_ended, fixture.tally->n_requests - 1);
    close(fd);
    /* And they are served, in order, once the answer before them is through. */
    fd = peer_connect(fixture.port);
    unsigned before = fixture.tally->n_complete;
    peer_send(fd, B("GET /big HTTP/1.1\r\n" H "\r\n"));
    for (int i = 0; i < 200; i++)
        peer_send(fd,
                  B("GET / HTTP/1.1\r\n" H "X: 0123456789012345678901234567890123456789\r\n\r\n"));
    peer_send(fd, B("GET / HTTP/1.1\r\n" CLOSE "\r\n"));
    ssize_t n;
    while ((n = recv(fd, answer, sizeof answer, 0)) > 0)
        continue;
    cr_expect_eq(n, 0);
    cr_expect_eq(fixture.tally->n_complete, before + 202);
    close(fd);
    fixture_stop(&fixture);
}

/* ---- deadlines ---- */

static void
expect_cut(struct server_conf conf, const char *bytes, size_t len, const char *status)
{
    struct fixture fixture = fixture_start(conf, 0);
    char answer[1024];
    int64_t start_us = clock_mono_us();
    ssize_t n = talk(&fixture, bytes, len, answer, sizeof answer);
    int64_t took_us = clock_mono_us() - start_us;

    cr_expect_geq(n, 0, "still open");
    cr_expect(strncmp(answer, status, strlen(status)) == 0 && (n > 0) == (*status != '\0'), "%s",
              answer);
    cr_expect(took_us > 250000 && took_us < 2000000, "%ld us", (long)took_us);
    fixture_stop(&fixture);
}

Test(conn, a_late_head_gets_408)
{
    struct server_conf conf = patient();
    conf.header_timeout_us = 300000;
    expect_cut(conf, B("GET / HTTP/1.1\r\nHo"), "HTTP/1.1 408");
}

Test(conn, a_late_body_gets_408)
{
    struct server_conf conf = patient();
    conf.body_timeout_us = 300000;
    expect_cut(conf, B("POST / HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nab"), "HTTP/1.1 408");
}

/* A byte every 50 ms, until the server has had enough of it. */
static void
expect_drip_cut(struct server_conf conf, const char *head, const char *drop)
{
    struct fixture fixture = fixture_start(conf, 0);
    int64_t limit_us = clock_mono_us() + 20000000;
    int fd = peer_connect(fixture.port);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char answer[1024] = "";

    peer_send(fd, head, strlen(head));
    while (poll(&poll_fd, 1, 50) == 0 && clock_mono_us() < limit_us)
        (void)!send(fd, drop, strlen(drop), MSG_NOSIGNAL);
    (void)!recv(fd, answer, sizeof answer - 1, 0);
    cr_expect(strncmp(answer, "HTTP/1.1 408", 12) == 0, "%s", answer);
    close(fd);
    fixture_stop(&fixture);
}

Test(conn, a_head_that_drips_in_gets_408)
{
    struct server_conf conf = patient();
    conf.header_timeout_us = 500000;
    expect_drip_cut(conf, "GET / HTTP/1.1\r\n" H, "X-A: b\r\n");
}

Test(conn, a_body_that_drips_in_gets_408)
{
    struct server_conf conf = patient();
    conf.body_window_us = 500000;
    conf.body_rate = 1000;
    expect_drip_cut(conf, "POST / HTTP/1.1\r\n" H "Content-Length: 90000\r\n\r\n", "abcd");
}

Test(conn, a_body_that_drips_in_by_chunks_gets_408)
{
    struct server_conf conf = patient();
    conf.body_window_us = 500000;
    conf.body_rate = 1000;
    expect_drip_cut(conf, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n",
                    "1\r\na\r\n");
}

/* Fast enough, but without an end. */
Test(conn, a_body_that_takes_too_long_gets_408)
{
    struct server_conf conf = patient();
    conf.body_window_us = 500000;
    conf.body_rate = 1;
    conf.body_timeout_us = 2000000;
    expect_drip_cut(conf, "POST / HTTP/1.1\r\n" H "Content-Length: 90000\r\n\r\n", "abcd");
}

/* Answers until the connection is closed; the last of them says so. */
static int
count_answers(struct server_conf conf, int most)
{
    struct fixture fixture = fixture_start(conf, 0);
    int fd = peer_connect(fixture.port), n = 0;
    char answer[1024];
    ssize_t len = 1;

    while (n < most && len > 0) {
        peer_send(fd, B("GET / HTTP/1.1\r\n" H "\r\n"));
        len = recv(fd, answer, sizeof answer - 1, 0);
        answer[len > 0 ? len : 0] = '\0';
        n += len > 0;
        if (strcasestr(answer, "connection: close") != NULL)
            break;
    }
    if (n < most)
        cr_expect_leq(recv(fd, answer, sizeof answer, 0), 0);
    close(fd);
    fixture_stop(&fixture);
    return n;
}

Test(conn, has_so_many_requests_and_is_closed_behind_the_last)
{
    struct server_conf conf = patient();
    conf.max_connection_requests = 5;
    cr_expect_eq(count_answers(conf, 20), 5);
    conf.max_connection_requests = 0;
    cr_expect_eq(count_answers(conf, 20), 20);
}

Test(conn, is_closed_behind_a_request_when_it_is_old)
{
    struct server_conf conf = patient();
    conf.max_connection_age_us = 1;
    cr_expect_leq(count_answers(conf, 20), 2);
    conf.max_connection_age_us = 60000000;
    cr_expect_eq(count_answers(conf, 20), 20);
}

Test(conn, a_silent_connection_is_closed_in_silence)
{
    struct server_conf conf = patient();
    conf.header_timeout_us = 300000;
    expect_cut(conf, B(""), "");
}

Test(conn, an_idle_connection_is_closed)
{
    struct server_conf conf = patient();
    conf.keepalive_timeout_us = 300000;
    expect_cut(conf, B("GET / HTTP/1.1\r\n" H "\r\n"), "HTTP/1.1 200");
}

Test(conn, a_client_that_stops_reading_is_cut)
{
    struct server_conf conf = patient();
    conf.write_stall_timeout_us = 300000;
    struct fixture fixture = fixture_start(conf, 0);
    int fd = peer_connect(fixture.port);

    peer_send(fd, B("GET /big HTTP/1.1\r\n" H "\r\n"));
    cr_assert(reaches(&fixture.tally->n_requests, 1));
    cr_expect(reaches(&fixture.tally->n_ended, 1));
    cr_expect_eq(fixture.tally->n_complete, 0);
    close(fd);
    fixture_stop(&fixture);
}
