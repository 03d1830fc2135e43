/* SPDX-License-Identifier: ISC
 *
 * More than can be served (OV-01, OV-03, OV-05): what is too much is refused at once and politely,
 * what was admitted is served, and memory stays where it was.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "memory.h"
#include "routes.h"

enum { CAPACITY = 16, FACTOR = 5, ROUNDS = 6 };

static int
begin(const struct gateway *gateway, const char *key, bool is_stream, const char *text)
{
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, "routed", is_stream, text);
    int fd = http_connect(gateway->port);

    cr_assert(fd >= 0 && http_request(fd, call->path, key, NULL, body));
    free(body);
    return fd;
}

static bool
is_full(const struct gateway *gateway, void *data)
{
    return gateway_mock_count(gateway, "busy") == *(const int *)data;
}

/* 200, or what a refusal has to be. */
static int
end(int fd)
{
    struct http_reply *reply = http_read(fd);
    int status = reply->status;

    cr_expect(status == 200 || status == 503 || status == 429, "%d %s", status, reply->body);
    if (status != 200)
        cr_expect_eq(http_header_count(reply, "retry-after"), 1, "%d %s", status, reply->head);
    http_reply_free(&reply);
    http_close(fd, false);
    return status;
}

Test(overload, what_is_too_much_is_refused_at_once_and_what_is_not_is_served, .timeout = 150)
{
    static const struct gateway_options options = {.workers = 1,
                                                   .settings = ROUTES_NO_AFFINITY
                                                   "limits: {requests: 16}\n",
                                                   .upstreams = ROUTES_UPSTREAMS,
                                                   .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *keys[CAPACITY];
    int fds[CAPACITY], n_served = 0, full = CAPACITY;
    int64_t before = 0;
    pid_t worker;

    cr_assert_eq(gateway_pids(gateway, "worker", &worker, 1), 1);
    for (int i = 0; i < CAPACITY; i++)
        keys[i] = gateway_key(gateway, "");
    gateway_mock_control(gateway, 0, "* slow=1500");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CAPACITY; i++)
            fds[i] = begin(gateway, keys[i], i % 2 == 1, "hi");
        cr_assert(gateway_wait(gateway, is_full, &full), "round %d", round);
        /* While all of them wait, the others have their answer. */
        for (int i = 0; i < CAPACITY * (FACTOR - 1); i++)
            cr_expect_eq(end(begin(gateway, keys[i % CAPACITY], i % 2 == 1, "hi")), 503, "round %d",
                         round);
        cr_expect_eq(gateway_mock_count(gateway, "most"), CAPACITY);
        for (int i = 0; i < CAPACITY; i++)
            n_served += end(fds[i]) == 200;
        if (round == 0)
            before = memory_resident(worker);
    }
    cr_expect_eq(n_served, CAPACITY * ROUNDS, "of what was admitted, all was served");
    cr_expect_eq(gateway_mock_count(gateway, "requests"), n_served);
    if (MEMORY_IS_TELLING)
        cr_expect_leq(memory_resident(worker), before + MEMORY_SLACK);
    books_check(gateway);
    cr_expect_eq(books_reserved(gateway), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    for (int i = 0; i < CAPACITY; i++)
        free(keys[i]);
}

Test(overload, a_route_gets_as_many_as_it_bears_and_the_rest_go_elsewhere, .timeout = 100)
{
    static const struct gateway_options options = {
        .upstreams = ROUTES_UPSTREAMS,
        .models = ROUTES_NAMED(
            "routed",
            "    policy: ordered\n    routes: [{upstream: a, max_concurrent: 3}, {upstream:"
            " b, max_concurrent: 2}]\n")};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    int fds[5];

    gateway_mock_control(gateway, 0, "* slow=3000");
    for (int i = 0; i < 5; i++) {
        int n = i + 1;

        fds[i] = begin(gateway, key, false, "hi");
        cr_assert(gateway_wait(gateway, is_full, &n));
    }
    cr_expect_eq(routes_calls(gateway, "a"), 3);
    cr_expect_eq(routes_calls(gateway, "b"), 2);
    cr_expect_eq(end(begin(gateway, key, false, "hi")), 503, "both are full");
    for (int i = 0; i < 5; i++)
        cr_expect_eq(end(fds[i]), 200);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* OV-05: it gets what a key may have, and nobody else notices. */
Test(overload, a_key_that_floods_is_alone_with_it, .timeout = 100)
{
    static const struct gateway_options options = {
        .workers = 1, .upstreams = ROUTES_UPSTREAMS, .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *flooding = gateway_key(gateway, "--concurrent 4"), *other = gateway_key(gateway, "");
    int fds[4], full = 4, n_refused = 0;

    for (int i = 0; i < 4; i++)
        fds[i] = begin(gateway, flooding, true, "hi !mock:slow=2000");
    cr_assert(gateway_wait(gateway, is_full, &full));
    for (int i = 0; i < 100; i++) {
        n_refused += end(begin(gateway, flooding, true, "hi")) == 429;
        if (i % 10 == 0)
            cr_expect_eq(end(begin(gateway, other, true, "hi")), 200, "the other key waits");
    }
    cr_expect_eq(n_refused, 100);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(end(fds[i]), 200);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(flooding);
    free(other);
}

/* Without a limit of its own too: it takes no more than half of what there is, while others ask. */
Test(overload, there_is_always_room_for_another_key, .timeout = 100)
{
    static const struct gateway_options options = {.workers = 1,
                                                   .settings = ROUTES_NO_AFFINITY
                                                   "limits: {requests: 16}\n",
                                                   .upstreams = ROUTES_UPSTREAMS,
                                                   .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *flooding = gateway_key(gateway, ""), *other = gateway_key(gateway, "");
    int fds[CAPACITY / 2], full = CAPACITY / 2;

    for (int i = 0; i < full; i++)
        fds[i] = begin(gateway, flooding, true, "hi !mock:slow=2000");
    cr_assert(gateway_wait(gateway, is_full, &full));
    for (int i = 0; i < 50; i++) {
        cr_expect_eq(end(begin(gateway, flooding, true, "hi")), 429);
        cr_expect_eq(end(begin(gateway, other, true, "hi")), 200);
    }
    for (int i = 0; i < full; i++)
        cr_expect_eq(end(fds[i]), 200);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(flooding);
    free(other);
}

/* Keys are spread over the credentials: what one uses up, others need not feel. */
Test(overload, each_key_keeps_to_its_credential, .timeout = 100)
{
    enum { KEYS = 12 };
    static const struct gateway_options options = {
        .settings = "affinity: {ttl: 0}\n",
        .upstreams = ROUTES_UPSTREAM("a", "%d",
                                     "    keys:\n      - {name: first, env: GATEWAY_FIRST}\n"
                                     "      - {name: second, env: GATEWAY_SECOND}\n"
                                     "      - {name: third, env: GATEWAY_THIRD}\n"),
        .models = ROUTES_NAMED("routed", "    routes: [{upstream: a}]\n")};
    int64_t n_used[3] = {0};

    setenv("GATEWAY_FIRST", "sk-canary-0", 1);
    setenv("GATEWAY_SECOND", "sk-canary-1", 1);
    setenv("GATEWAY_THIRD", "sk-canary-2", 1);
    struct gateway *gateway = gateway_start(&options);
    for (int k = 0; k < KEYS; k++) {
        char *key = gateway_key(gateway, ""), path[64];
        int n_of_key = 0;

        gateway_mock_reset(gateway);
        for (int i = 0; i < 5; i++)
            cr_expect_eq(end(begin(gateway, key, false, "hi")), 200);
        for (int c = 0; c < 3; c++) {
            snprintf(path, sizeof path, "credentials.sk-canary-%d", c);
            int64_t n = gateway_mock_count(gateway, path);

            n_of_key += n > 0;
            n_used[c] += n > 0;
        }
        cr_expect_eq(n_of_key, 1, "key %d used %d credentials", k, n_of_key);
        free(key);
    }
    cr_expect_lt(n_used[0], KEYS);
    cr_expect_lt(n_used[1], KEYS);
    cr_expect_lt(n_used[2], KEYS);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* OV-03 */
enum { READERS = 6, ANSWER = 48 << 20 };

static bool
all_are_cut(const struct gateway *gateway, void *data)
{
    (void)data;
    return gateway_mock_count(gateway, "busy") == 0 && books_reserved(gateway) == 0;
}

/* With so small a window that the kernel holds little of the answer. */
static int
begin_without_reading(const struct gateway *gateway, const char *key, const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)gateway->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, "routed", true, text);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 16384;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    cr_assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    cr_assert(http_request(fd, call->path, key, NULL, body));
    free(body);
    return fd;
}

static bool
sends_no_more(const struct gateway *gateway, void *data)
{
    int64_t *last = data, sent = gateway_mock_count(gateway, "bytes_sent");
    bool is_same = sent == *last && sent > 0;

    *last = sent;
    return is_same && gateway_mock_count(gateway, "busy") == READERS;
}

Test(overload, who_does_not_read_pauses_the_provider_and_is_cut_in_the_end, .timeout = 150)
{
    static const struct gateway_options options = {
        .workers = 1,
        .settings = ROUTES_NO_AFFINITY "limits: {write_stall_timeout: 12s, stream_buffer: 64KiB}\n",
        .upstreams = ROUTES_UPSTREAMS,
        .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 1000000usd");
    int fds[READERS];
    int64_t sent = 0;
    pid_t worker;

    cr_assert_eq(gateway_pids(gateway, "worker", &worker, 1), 1);
    int64_t before = memory_resident(worker);
    for (int i = 0; i < READERS; i++)
        fds[i] = begin_without_reading(gateway, key, "hi !mock:size=50331648,chunks=6000");
    cr_expect(gateway_wait(gateway, sends_no_more, &sent), "the provider is not paused");
    cr_expect_lt(sent, (int64_t)READERS * ANSWER / 3, "%lld bytes", (long long)sent);
    if (MEMORY_IS_TELLING)
        cr_expect_leq(memory_resident(worker), before + READERS * (512 << 10) + MEMORY_SLACK);
    cr_expect(gateway_wait(gateway, all_are_cut, NULL) || gateway_wait(gateway, all_are_cut, NULL),
              "who does not read is never cut");
    books_check(gateway);
    cr_expect_eq(books_n_rows(gateway), READERS);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE category = 'client_closed'"
                                      " AND charge_nusd > 0"),
                 READERS, "what was produced is charged");
    /* That was no fault of the route's. */
    cr_expect_eq(end(begin(gateway, key, false, "hi")), 200);
    cr_expect_eq(routes_calls(gateway, "b"), 0);
    for (int i = 0; i < READERS; i++)
        http_close(fds[i], false);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
