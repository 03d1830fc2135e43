/* SPDX-License-Identifier: ISC
 *
 * Who is there: PROXY headers, X-Forwarded-For, UNIX sockets, IPv6, and keys that may be used from
 * some networks only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define V2_TCP4 "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xdc\4\1\xbb"

static char path[64], listeners[512];
static int proxied_port, foreign_port, v6_port;

static void
set_up(void)
{
    snprintf(path, sizeof path, "/tmp/relayos-listen-%d.sock", getpid());
    proxied_port = gateway_free_port();
    do
        foreign_port = gateway_free_port();
    while (foreign_port == proxied_port);
    snprintf(listeners, sizeof listeners,
             "  - {address: \"127.0.0.1:%d\", proxy_protocol: 127.0.0.0/8}\n"
             "  - {address: \"127.0.0.1:%d\", proxy_protocol: [10.0.0.0/8, \"::1\"]}\n"
             "  - {address: \"unix:%s\", mode: \"0600\"}\n",
             proxied_port, foreign_port, path);
}

static void
tear_down(void)
{
    unlink(path);
}

TestSuite(listen, .init = set_up, .fini = tear_down, .timeout = 100);

static int
connect_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* A call for a model on that connection: its status, and who the trace says that it came from. */
static int
ask(const struct gateway *gateway, int fd, const char *key, const char *headers, char address[64])
{
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, NULL, false, "hi"), id[64] = "";

    http_request(fd, call->path, key, headers, body);
    struct http_reply *reply = http_read(fd);
    int status = reply->status;

    address[0] = '\0';
    if (http_header(reply, "x-request-id", id, sizeof id)) {
        cJSON *shown = NULL;

        for (int tries = 0; tries < 200 && shown == NULL; tries++) {
            shown = gateway_ctl(gateway, "request show %s", id);
            if (shown == NULL)
                usleep(20000);
        }
        cr_assert(shown != NULL, "%s", id);
        snprintf(address, 64, "%s", json_text(shown, "request.client_address"));
        cJSON_Delete(shown);
    }
    http_reply_free(&reply);
    free(body);
    return status;
}

Test(listen, a_proxy_header_says_who_the_client_is)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){.listeners = listeners});
    char *key = gateway_key(gateway, ""), address[64];
    static const struct {
        const char *bytes;
        size_t len;
        const char *address;
    } headers[] = {
        {"PROXY TCP4 192.0.2.9 198.51.100.1 56324 443\r\n", 45, "192.0.2.9"},
        {"PROXY TCP6 2001:db8::9 ::1 56324 443\r\n", 38, "2001:db8::9"},
        {"PROXY TCP6 ::ffff:192.0.2.9 ::1 56324 443\r\n", 43, "192.0.2.9"},
        {"PROXY UNKNOWN\r\n", 15, "127.0.0.1"},
        {V2_TCP4, sizeof V2_TCP4 - 1, "192.0.2.7"},
    };

    for (size_t i = 0; i < 2 * sizeof headers / sizeof headers[0]; i++) {
        int fd = http_connect(proxied_port);
        const char *bytes = headers[i / 2].bytes;

        cr_assert_eq(strlen(bytes) == headers[i / 2].len || i / 2 == 4, true, "%zu", i);
        for (size_t at = 0; i % 2 == 1 && at + 1 < headers[i / 2].len; at++)
            http_send(fd, bytes++, 1);
        http_send(fd, bytes, i % 2 == 1 ? 1 : headers[i / 2].len);
        cr_expect_eq(ask(gateway, fd, key, NULL, address), 200, "%zu", i);
        cr_expect_str_eq(address, headers[i / 2].address, "%zu", i);
        cr_expect_eq(ask(gateway, fd, key, NULL, address), 200, "it holds for the connection");
        cr_expect_str_eq(address, headers[i / 2].address, "%zu", i);
        http_close(fd, false);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(listen, whoever_does_not_begin_with_one_or_is_not_a_proxy_is_closed_without_an_answer)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){
        .listeners = listeners, .settings = "limits: {handshake_timeout: 300ms}\n"});
    static const char *const bytes[] = {
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "PROXY TCP4 192.0.2.9 198.51.100.1 56324 443 \r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "PROXY TCP4 999.0.2.9 198.51.100.1 1 2\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "PROXY TCP4 192.0.2.9 198.51.", /* and no more */
        "",
    };

    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        int fd = http_connect(proxied_port);

        http_send(fd, bytes[i], strlen(bytes[i]));
        char *said = http_drain(fd, NULL);
        cr_expect_str_eq(said, "", "%zu", i);
        free(said);
        http_close(fd, false);
    }
    int fd = http_connect(foreign_port);
    static const char good[] =
        "PROXY TCP4 10.0.0.9 198.51.100.1 1 2\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    http_send(fd, good, sizeof good - 1);
    char *said = http_drain(fd, NULL);
    cr_expect_str_eq(said, "", "its peer is none of those");
    free(said);
    http_close(fd, false);

    cJSON *status = gateway_ctl(gateway, "status");
    for (int tries = 0; tries < 300 && json_int(status, "totals.proxy_refused") < 4; tries++) {
        cJSON_Delete(status); /* workers tell once a second */
        usleep(20000);
        status = gateway_ctl(gateway, "status");
    }
    cr_expect_eq(json_int(status, "totals.proxy_refused"), 4);
    cJSON_Delete(status);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(listen, forwarded_addresses_are_believed_of_trusted_proxies_alone)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){
        .listeners = listeners, .settings = "trusted_proxies: [127.0.0.1, 10.0.0.0/8]\n"});
    char *key = gateway_key(gateway, ""), address[64];
    int fd = http_connect(gateway->port);

    cr_expect_eq(
        ask(gateway, fd, key, "X-Forwarded-For: 1.1.1.1, 192.0.2.5, 10.3.3.3\r\n", address), 200);
    cr_expect_str_eq(address, "192.0.2.5");
    cr_expect_eq(ask(gateway, fd, key, NULL, address), 200);
    cr_expect_str_eq(address, "127.0.0.1");
    http_close(fd, false);

    fd = http_connect(proxied_port); /* the client of a proxy is not one of ours */
    http_send(fd, "PROXY TCP4 192.0.2.9 198.51.100.1 1 2\r\n", 39);
    cr_expect_eq(ask(gateway, fd, key, "X-Forwarded-For: 1.1.1.1\r\n", address), 200);
    cr_expect_str_eq(address, "192.0.2.9");
    http_close(fd, false);

    fd = connect_unix();
    cr_expect_eq(ask(gateway, fd, key, "X-Forwarded-For: 1.1.1.1\r\n", address), 200);
    cr_expect_str_eq(address, "local");
    http_close(fd, false);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* The key is looked at before the body has come, and then again: as the same client's. */
Test(listen, a_key_is_good_for_a_forwarded_address_whatever_the_body_s_size, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){
        .listeners = listeners, .settings = "trusted_proxies: 127.0.0.1\n"});
    const struct call *call = call_of(OPERATION_CHAT);
    char *key = gateway_key(gateway, "--allow-from 192.0.2.0/24"), *text = malloc(400001);
    static const struct {
        const char *header;
        int status;
    } cases[] = {{"X-Forwarded-For: 192.0.2.5\r\n", 200}, {"X-Forwarded-For: 1.1.1.1\r\n", 403}};

    memset(text, 'x', 400000);
    text[400000] = '\0';
    char *body = call_body(call, NULL, false, text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_reply *reply = http_call(gateway->port, call->path, key, cases[i].header, body);

        cr_expect_eq(reply->status, cases[i].status, "%zu: %d", i, reply->status);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(text);
    free(key);
}

Test(listen, a_unix_socket_has_its_mode_and_its_clients_are_local)
{
    struct gateway *gateway = gateway_start(
        &(struct gateway_options){.listeners = listeners, .settings = "trusted_proxies: local\n"});
    char *key = gateway_key(gateway, ""), address[64];
    struct stat file;

    cr_assert_eq(stat(path, &file), 0);
    cr_expect_eq(file.st_mode & 0777, 0600);
    int fd = connect_unix();
    cr_expect_eq(ask(gateway, fd, key, NULL, address), 200);
    cr_expect_str_eq(address, "local");
    cr_expect_eq(ask(gateway, fd, key, "X-Forwarded-For: 192.0.2.5\r\n", address), 200);
    cr_expect_str_eq(address, "192.0.2.5");

    /* A master that is killed and started again has the same socket, and one that was stopped takes
     * its file's place. */
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    gateway_restart(gateway);
    int again = connect_unix();
    cr_expect_eq(ask(gateway, again, key, NULL, address), 200);
    http_close(fd, false);
    http_close(again, false);
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    gateway_restart(gateway);
    again = connect_unix();
    cr_expect_eq(ask(gateway, again, key, NULL, address), 200);
    http_close(again, false);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* As much of an answer as a turn of its reader takes; *len grows. False: it is at its end. */
static bool
read_some(int fd, size_t n, char *answer, size_t *len)
{
    ssize_t got = recv(fd, answer + *len, n, MSG_DONTWAIT);

    *len += got > 0 ? (size_t)got : 0;
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static bool
is_hung_up(int fd)
{
    struct pollfd look = {.fd = fd, .events = 0};

    return poll(&look, 1, 0) == 1 && (look.revents & (POLLHUP | POLLERR)) != 0;
}

/*
 * One takes all there is, so that what waits for it is the same whenever one looks; one takes so
 * little that no write comes to its end; one takes nothing.
 */
Test(listen, who_reads_from_a_unix_socket_is_not_cut_however_slowly_and_who_stops_is, .timeout = 60)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){
        .listeners = listeners, .settings = "limits: {write_stall_timeout: 1500ms}\n"});
    const struct call *call = call_of(OPERATION_CHAT);
    char *key = gateway_key(gateway, ""),
         *body = call_body(call, NULL, false, "!mock:size=12000000");
    static const size_t turns[3] = {200000, 3000, 0};
    static char answers[3][16 << 20];
    size_t lens[3] = {0};
    int fds[3];

    for (int i = 0; i < 3; i++) {
        fds[i] = connect_unix();
        http_request(fds[i], call->path, key, NULL, body);
    }
    /* Until the last one is cut, and as long again. */
    for (int turn = 0, n_turns = INT_MAX; turn < n_turns; turn++, usleep(25000)) {
        for (int i = 0; i < 2; i++)
            read_some(fds[i], turns[i], answers[i], &lens[i]);
        if (n_turns == INT_MAX && is_hung_up(fds[2]))
            n_turns = 2 * turn;
    }
    for (int i = 0; i < 3; i++) {
        while (read_some(fds[i], 1 << 20, answers[i], &lens[i]) && lens[i] < 12000000)
            usleep(1000);
        cr_expect(i == 2 ? lens[i] < 1000000 : lens[i] >= 12000000, "%d read %zu", i, lens[i]);
        http_close(fds[i], false);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(key);
}

Test(listen, a_key_is_refused_outside_its_networks_with_a_code_and_a_trace)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){.listeners = listeners});
    char *key = gateway_key(gateway, "--allow-from 192.0.2.0/24,2001:db8::/32");
    char address[64];
    static const struct {
        const char *header;
        int status;
    } cases[] = {{"PROXY TCP4 192.0.2.9 198.51.100.1 1 2\r\n", 200},
                 {"PROXY TCP4 192.0.3.9 198.51.100.1 1 2\r\n", 403},
                 {"PROXY TCP6 2001:db8::9 ::1 1 2\r\n", 200},
                 {"PROXY UNKNOWN\r\n", 403}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = http_connect(proxied_port);

        http_send(fd, cases[i].header, strlen(cases[i].header));
        cr_expect_eq(ask(gateway, fd, key, NULL, address), cases[i].status, "%zu", i);
        http_close(fd, false);
    }
    struct http_reply *reply = http_call(gateway->port, "/v1/models", key, NULL, NULL);
    cr_expect_eq(reply->status, 403, "every endpoint that takes a key");
    cr_expect(strstr(reply->body, "\"address_not_allowed\"") != NULL, "%s", reply->body);
    http_reply_free(&reply);

    int fd = connect_unix();
    cr_expect_eq(ask(gateway, fd, key, NULL, address), 403, "who has no address is in no network");
    http_close(fd, false);
    cJSON *list = gateway_ctl(gateway, "request list --status address_not_allowed");
    cr_expect_geq(cJSON_GetArraySize(json_at(list, "requests")), 3);
    cr_expect_str_eq(json_text(list, "requests.0.key_name"), "test-1");
    cJSON_Delete(list);

    cJSON_Delete(gateway_ctl(gateway, "key update test-1 --allow-from any"));
    fd = connect_unix();
    cr_expect_eq(ask(gateway, fd, key, NULL, address), 200, "at once");
    http_close(fd, false);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(listen, both_families_are_served_on_one_port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        cr_skip_test("no IPv6 here");
    close(fd);
    v6_port = gateway_free_port();
    snprintf(listeners, sizeof listeners, "  - \"[::1]:%d\"\n  - 127.0.0.1:%d\n", v6_port, v6_port);

    struct gateway *gateway = gateway_start(&(struct gateway_options){.listeners = listeners});
    char *key = gateway_key(gateway, ""), from[64];

    address.sin6_port = htons((in_port_t)v6_port);
    fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_expect_eq(ask(gateway, fd, key, NULL, from), 200);
    cr_expect_str_eq(from, "::1");
    http_close(fd, false);
    fd = http_connect(v6_port);
    cr_expect_eq(ask(gateway, fd, key, NULL, from), 200);
    cr_expect_str_eq(from, "127.0.0.1");
    http_close(fd, false);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
