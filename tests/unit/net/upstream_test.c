/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "client.h"
#include "upstream_impl.h"

#define BODY_LEN 6 /* of client_begin() */
#define SMALL    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define CHUNKED  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static struct loop *loop;
static struct upstream_pool *pool;

static void
set_up(void)
{
    loop = loop_new();
    pool = upstream_pool_new(loop);
}

static void
tear_down(void)
{
    struct upstream_pool_view view;

    upstream_pool_view(pool, &view);
    cr_expect_eq(view.n_open, view.n_idle);
    upstream_pool_free(&pool);
    loop_free(&loop);
}

TestSuite(upstream, .init = set_up, .fini = tear_down);

/* ---- one answer per kind of fault ---- */

enum after { AFTER_CLOSE, AFTER_RESET, AFTER_SILENCE, AFTER_DRIP };

static const char *script_bytes;
static size_t script_len;
static enum after script_after;

/* Every connection gets the same answer and the same ending. */
static void
serve_script(int listener)
{
    for (;;) {
        int fd = provider_accept(listener);
        if (!provider_read_request(fd, BODY_LEN)) {
            close(fd);
            continue;
        }
        peer_send(fd, script_bytes, script_len);
        while (script_after == AFTER_DRIP && send(fd, "x", 1, MSG_NOSIGNAL) == 1)
            usleep(20000);
        if (script_after == AFTER_SILENCE)
            provider_read_request(fd, BODY_LEN);
        if (script_after == AFTER_RESET)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        close(fd);
    }
}

#define B(s) s, sizeof(s) - 1

static const struct {
    const char *bytes;
    size_t len;
    enum after after;
    enum upstream_result result;
    const char *body;
} faults[] = {
    {B(SMALL), AFTER_SILENCE, UPSTREAM_OK, "hello"},
    {B("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" SMALL), AFTER_SILENCE,
     UPSTREAM_OK, "hello"},
    {B(CHUNKED "3\r\nhel\r\n2\r\nlo\r\n0\r\nX: 1\r\n\r\n"), AFTER_SILENCE, UPSTREAM_OK, "hello"},
    {B("HTTP/1.1 200 OK\r\n\r\nhello"), AFTER_CLOSE, UPSTREAM_OK, "hello"},
    {B("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), AFTER_SILENCE, UPSTREAM_OK, ""},
    {B("HTTP/1.1 204 None\r\n\r\n"), AFTER_SILENCE, UPSTREAM_OK, ""},
    {B(""), AFTER_CLOSE, UPSTREAM_RESET, ""},
    {B(""), AFTER_RESET, UPSTREAM_RESET, ""},
    {B("HTTP/1.1 200 OK\r\nContent-"), AFTER_CLOSE, UPSTREAM_RESET, ""},
    {B("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), AFTER_CLOSE, UPSTREAM_CUT, "hello"},
    {B("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), AFTER_RESET, UPSTREAM_CUT, NULL},
    {B(CHUNKED "5\r\nhello\r\n"), AFTER_CLOSE, UPSTREAM_CUT, "hello"},
    {B(CHUNKED "5\r\nhello\r\n0\r\n"), AFTER_CLOSE, UPSTREAM_CUT, "hello"},
    {B(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"), AFTER_SILENCE, UPSTREAM_BAD_ANSWER, ""},
    {B("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     AFTER_SILENCE, UPSTREAM_BAD_ANSWER, ""},
    {B("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"), AFTER_SILENCE,
     UPSTREAM_BAD_ANSWER, ""},
    {B("HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"), AFTER_SILENCE, UPSTREAM_BAD_ANSWER, ""},
    {B("SSH-2.0-OpenSSH_9\r\n"), AFTER_SILENCE, UPSTREAM_BAD_ANSWER, ""},
    {B(""), AFTER_SILENCE, UPSTREAM_FIRST_BYTE_TIMEOUT, ""},
    {B("HTTP/1.1 200 OK\r\nX: "), AFTER_DRIP, UPSTREAM_FIRST_BYTE_TIMEOUT, ""},
    {B(CHUNKED "5\r\nhello\r\n"), AFTER_SILENCE, UPSTREAM_IDLE_TIMEOUT, "hello"},
    {B("HTTP/1.1 200 OK\r\n\r\n"), AFTER_DRIP, UPSTREAM_TOTAL_TIMEOUT, NULL},
};

Test(upstream, each_ending_of_an_answer_has_its_name)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        script_bytes = faults[i].bytes;
        script_len = faults[i].len;
        script_after = faults[i].after;
        struct provider provider = provider_start(serve_script);
        struct upstream_record target = client_target(provider.port);
        target.first_byte_timeout_us = target.idle_timeout_us = 300000;
        target.total_timeout_us = 700000;
        struct client client = {0};
        int64_t start_us = clock_mono_us();

        client_run(&client, loop, pool, &target);
        cr_expect_eq(client.report.result, faults[i].result, "case %zu: %s", i,
                     upstream_result_name(client.report.result));
        cr_expect(faults[i].body == NULL || strcmp(client.body, faults[i].body) == 0,
                  "case %zu: %s", i, client.body);
        cr_expect(clock_mono_us() - start_us < 2000000, "case %zu", i);
        cr_expect_eq(client.n_after_end, 0);
        cr_expect(client.report.was_sent);
        provider_stop(&provider);
    }
}

static void
serve_endless_interim(int listener)
{
    for (;;) {
        int fd = provider_accept(listener);
        provider_read_request(fd, BODY_LEN);
        while (send(fd, B("HTTP/1.1 102 Wait\r\n\r\n"), MSG_NOSIGNAL) > 0)
            continue;
        close(fd);
    }
}

static void
serve_endless_head(int listener)
{
    for (;;) {
        int fd = provider_accept(listener);
        provider_read_request(fd, BODY_LEN);
        peer_send(fd, B("HTTP/1.1 200 OK\r\nX: "));
        while (send(fd, B("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), MSG_NOSIGNAL) > 0)
            continue;
        close(fd);
    }
}

Test(upstream, endless_heads_are_cut_off)
{
    void (*const serves[])(int) = {serve_endless_interim, serve_endless_head};

    for (int i = 0; i < 2; i++) {
        struct provider provider = provider_start(serves[i]);
        struct upstream_record target = client_target(provider.port);
        struct client client = {0};

        client_run(&client, loop, pool, &target);
        cr_expect_eq(client.report.result, UPSTREAM_BAD_ANSWER);
        provider_stop(&provider);
    }
}

/* ---- connecting ---- */

Test(upstream, nobody_listening_is_a_connect_failure_and_nothing_was_sent)
{
    int fd;
    uint16_t port;
    struct client client = {0};

    cr_assert_eq(listener_open("127.0.0.1", 0, &fd, &port, NULL), 0);
    close(fd);
    struct upstream_record target = client_target(port);
    client_run(&client, loop, pool, &target);
    cr_expect_eq(client.report.result, UPSTREAM_CONNECT);
    cr_expect(!client.report.was_sent);
}

static void
serve_silence(int listener)
{
    for (;;) {
        char byte;
        int fd = provider_accept(listener);
        ssize_t n = recv(fd, &byte, 1, 0);

        _exit(n == 0 ? 0 : 1); /* whoever looks at the status knows whether something was sent */
    }
}

static void
client_connect(struct client *client, const struct upstream_record *target)
{
    const struct upstream_request request = {.target = target};

    client->call = upstream_connect(pool, &request, &client_events, client);
    while (client->n_ends == 0)
        loop_run_once(loop);
}

Test(upstream, to_connect_sends_nothing_and_leaves_nothing_open)
{
    struct provider provider = provider_start(serve_silence);
    struct upstream_record target = client_target(provider.port);
    struct client client = {0};
    int status = -1;

    client_connect(&client, &target);
    cr_expect_eq(client.report.result, UPSTREAM_OK);
    cr_expect(client.report.connected_us > 0 && !client.report.was_sent);
    cr_expect_eq(client.n_heads, 0);
    cr_expect_eq(waitpid(provider.pid, &status, 0), provider.pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(upstream, to_connect_where_nobody_listens_fails_in_a_later_turn)
{
    int fd;
    uint16_t port;
    struct client client = {0};

    cr_assert_eq(listener_open("127.0.0.1", 0, &fd, &port, NULL), 0);
    close(fd);
    struct upstream_record target = client_target(port);
    client_connect(&client, &target);
    cr_expect_eq(client.report.result, UPSTREAM_CONNECT);
    cr_expect_eq(client.n_after_end, 0);
}

/* Many connections at once, each served to its end. */
static void
serve_small(int listener)
{
    for (;;) {
        int fd = provider_accept(listener);
        if (fork() == 0) {
            while (provider_read_request(fd, BODY_LEN))
                peer_send(fd, B(SMALL));
            _exit(0);
        }
        close(fd);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
}

Test(upstream, names_are_resolved_off_the_loop)
{
    struct provider provider = provider_start(serve_small);
    struct upstream_record target = client_target(provider.port);
    struct client client = {0}, unknown = {0};

    strcpy(target.host, "localhost");
    client_run(&client, loop, pool, &target);
    cr_expect_eq(client.report.result, UPSTREAM_OK);
    memset(target.host, 'x',
           100); /* longer than a label may be: known to be wrong without asking */
    for (int i = 0; i < 2; i++) {
        unknown = (struct client){0};
        client_run(&unknown, loop, pool, &target);
        cr_expect_eq(unknown.report.result, UPSTREAM_RESOLVE);
    }
    provider_stop(&provider);
}

Test(upstream, the_next_address_is_tried_and_the_good_one_remembered)
{
    struct provider provider = provider_start(serve_small);
    struct upstream_record target = client_target(provider.port);
    struct upstream_origin *origin = upstream_pool_origin(pool, &target);
    struct client client = {0};
    int dead;
    uint16_t dead_port;

    cr_assert_eq(listener_open("127.0.0.1", 0, &dead, &dead_port, NULL), 0);
    close(dead);
    origin->name.addresses[1] = origin->name.addresses[0];
    ((struct sockaddr_in *)&origin->name.addresses[0].sockaddr)->sin_port = htons(dead_port);
    origin->name.n_addresses = 2;
    client_run(&client, loop, pool, &target);
    cr_expect_eq(client.report.result, UPSTREAM_OK);
    cr_expect_eq(origin->preferred, 1);
    provider_stop(&provider);
}

/* ---- the pool ---- */

Test(upstream, a_small_answer_is_one_head_one_body_one_end_in_one_turn_and_its_connection_is_kept)
{
    struct provider provider = provider_start(serve_small);
    struct upstream_record target = client_target(provider.port);
    struct upstream_pool_view view;

    for (int i = 0; i < 3; i++) {
        struct client client = {0};
        client_run(&client, loop, pool, &target);
        cr_expect_eq(client.report.result, UPSTREAM_OK);
        cr_expect_eq(client.report.is_reused, i > 0);
        cr_expect(client.n_heads == 1 && client.n_bodies == 1 && client.n_ends == 1);
        cr_expect_eq(client.head_turn, client.end_turn);
        cr_expect(client.report.start_us <= client.report.connected_us &&
                  client.report.connected_us <= client.report.first_byte_us &&
                  client.report.first_byte_us <= client.report.end_us);
    }
    upstream_pool_view(pool, &view);
    cr_expect(view.n_calls == 3 && view.n_reused == 2 && view.n_open == 1 && view.n_idle == 1);
    provider_stop(&provider);
}

/* A second request on a connection is read and never answered. */
static void
serve_once_each(int listener)
{
    for (;;) {
        int fd = provider_accept(listener);
        if (provider_read_request(fd, BODY_LEN)) {
            peer_send(fd, B(SMALL));
            provider_read_request(fd, BODY_LEN);
        }
        close(fd);
    }
}

Test(upstream, a_stale_connection_is_replaced_once_and_the_caller_sees_an_answer)
{
    struct provider provider = provider_start(serve_once_each);
    struct upstream_record target = client_target(provider.port);
    struct upstream_pool_view view;

    for (int i = 0; i < 5; i++) {
        struct client client = {0};
        client_run(&client, loop, pool, &target);
        cr_expect_eq(client.report.result, UPSTREAM_OK);
        cr_expect_eq(client.report.n_redials, i > 0);
        cr_expect_str_eq(client.body, "hello");
    }
    upstream_pool_view(pool, &view);
    cr_expect_eq(view.n_redials, 4);
    provider_stop(&provider);
}

static void
serve_and_close(int listener)
{
    for (;;) {
        int fd = provider_accept(listener);
        if (provider_read_request(fd, BODY_LEN))
            peer_send(fd, B(SMALL));
        close(fd);
    }
}

Test(upstream, an_idle_connection_that_the_peer_closes_leaves_the_pool_at_once)
{
    struct provider provider = provider_start(serve_and_close);
    struct upstream_record target = client_target(provider.port);
    struct upstream_pool_view view;
    struct client client = {0};
    int64_t limit_us = clock_mono_us() + 5000000;

    client_run(&client, loop, pool, &target);
    do {
        loop_run_bounded(loop, 10);
        upstream_pool_view(pool, &view);
    } while (view.n_open > 0 && clock_mono_us() < limit_us);
    cr_expect(view.n_open == 0 && view.n_idle == 0);
    provider_stop(&provider);
}

/* Else the breaker of a route that is well would open. */
Test(upstream, descriptors_that_are_used_up_are_no_fault_of_the_upstream)
{
    struct provider provider = provider_start(serve_small);
    struct upstream_record target = client_target(provider.port);
    struct rlimit before, none;
    struct client client = {0};
    int next = dup(STDOUT_FILENO);

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    close(next);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    client_run(&client, loop, pool, &target);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_expect_eq(client.report.result, UPSTREAM_NO_CONNECTION);
    client = (struct client){0};
    client_run(&client, loop, pool, &target);
    cr_expect_eq(client.report.result, UPSTREAM_OK);
    provider_stop(&provider);
}

Test(upstream, open_and_idle_connections_are_capped)
{
    struct provider provider = provider_start(serve_small);
    struct upstream_record target = client_target(provider.port);
    struct upstream_pool_view view;
    struct client clients[4] = {0};

    target.max_connections = 3;
    target.max_idle_connections = 1;
    for (int i = 0; i < 4; i++)
        client_begin(&clients[i], loop, pool, &target);
    for (int i = 0; i < 4; i++) {
        cr_assert(client_run_until(loop, &clients[i].n_ends));
        cr_expect_eq(clients[i].report.result, i < 3 ? UPSTREAM_OK : UPSTREAM_NO_CONNECTION);
    }
    upstream_pool_view(pool, &view);
    cr_expect(view.n_open == 1 && view.n_idle == 1);
    provider_stop(&provider);
}

/* ---- pause, resume, cancel ---- */

enum { BIG = 8 * 1024 * 1024 };

static void
serve_big(int listener)
{
    char *bytes = malloc(BIG);

    for (size_t i = 0; i < BIG; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    for (;;) {
        int fd = provider_accept(listener);
        char head[128];
        if (provider_read_request(fd, BODY_LEN)) {
            int n = sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
            peer_send(fd, head, (size_t)n);
            peer_send(fd, bytes, BIG);
        }
        close(fd);
    }
}

Test(upstream, a_call_paused_at_each_read_loses_no_byte)
{
    struct provider provider = provider_start(serve_big);
    struct upstream_record target = client_target(provider.port);
    struct client client = {.in_body = CLIENT_PAUSE};
    uint32_t sum = 0;
    unsigned n_pauses = 0;

    for (size_t i = 0; i < BIG; i++)
        sum = sum * 31 + (unsigned char)(i * 7 + i / 251);
    target.idle_timeout_us = 5000000;
    client_begin(&client, loop, pool, &target);
    for (unsigned seen = 0; client.n_ends == 0; seen = client.n_bodies) {
        cr_assert(client.n_bodies < 100000);
        loop_run_bounded(loop, 100);
        if (client.n_bodies == seen || client.n_ends > 0)
            continue;
        unsigned paused_at = client.n_bodies;
        loop_run_bounded(loop, 0); /* bytes wait in the kernel, and none may come */
        cr_expect_eq(client.n_bodies, paused_at);
        n_pauses++;
        upstream_resume(client.call);
    }
    cr_expect_eq(client.report.result, UPSTREAM_OK);
    cr_expect_eq(client.n_bytes, BIG);
    cr_expect_eq(client.sum, sum);
    cr_expect_gt(n_pauses, 10);
    provider_stop(&provider);
}

Test(upstream, the_idle_deadline_does_not_run_while_paused)
{
    struct provider provider = provider_start(serve_big);
    struct upstream_record target = client_target(provider.port);
    struct client client = {.in_body = CLIENT_PAUSE};

    target.idle_timeout_us = 50000;
    client_begin(&client, loop, pool, &target);
    cr_assert(client_run_until(loop, &client.n_bodies));
    int64_t until_us = clock_mono_us() + 200000;
    while (clock_mono_us() < until_us)
        loop_run_bounded(loop, 50);
    cr_expect_eq(client.n_ends, 0);
    upstream_cancel(client.call, NULL);
    provider_stop(&provider);
}

Test(upstream, a_call_may_be_cancelled_from_each_callback_and_in_each_phase)
{
    struct provider provider = provider_start(serve_big);
    struct upstream_record target = client_target(provider.port);
    struct client in_head = {.in_head = CLIENT_CANCEL}, in_body = {.in_body = CLIENT_CANCEL};
    struct upstream_pool_view view;

    client_begin(&in_head, loop, pool, &target);
    cr_assert(client_run_until(loop, &in_head.n_heads));
    client_begin(&in_body, loop, pool, &target);
    cr_assert(client_run_until(loop, &in_body.n_bodies));
    for (int turns = 0; turns < 4; turns++) {
        struct client client = {0};
        client_begin(&client, loop, pool, &target);
        for (int i = 0; i < turns; i++)
            loop_run_bounded(loop, 10);
        if (client.call != NULL)
            upstream_cancel(client.call, &client.report);
        loop_run_bounded(loop, 10);
        cr_expect_eq(client.n_ends, 0);
    }
    cr_expect(in_head.n_bodies == 0 && in_head.n_ends == 0 && in_head.n_after_end == 0);
    cr_expect(in_body.n_bodies == 1 && in_body.n_ends == 0 && in_body.n_after_end == 0);
    cr_expect(in_body.report.was_sent && in_body.report.first_byte_us > 0);
    upstream_pool_view(pool, &view);
    cr_expect_eq(view.n_open, 0);
    provider_stop(&provider);
}

/* ---- one byte at a time ---- */

static void
serve_byte_by_byte(int listener)
{
    static const char *const answers[] = {
        "HTTP/1.1 100 Continue\r\n\r\n" CHUNKED "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", SMALL};
    int on = 1;

    for (int i = 0;; i++) {
        int fd = provider_accept(listener);
        setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
        provider_read_request(fd, BODY_LEN);
        for (const char *p = answers[i % 2]; *p != '\0'; p++) {
            peer_send(fd, p, 1);
            usleep(200);
        }
        close(fd);
    }
}

Test(upstream, an_answer_in_single_bytes_is_the_same_answer)
{
    struct provider provider = provider_start(serve_byte_by_byte);
    struct upstream_record target = client_target(provider.port);

    target.max_idle_connections = 0;
    for (int i = 0; i < 2; i++) {
        struct client client = {0};
        client_run(&client, loop, pool, &target);
        cr_expect_eq(client.report.result, UPSTREAM_OK);
        cr_expect_str_eq(client.body, "hello");
        cr_expect_eq(client.n_heads, 1);
    }
    provider_stop(&provider);
}
