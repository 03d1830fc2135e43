/* SPDX-License-Identifier: ISC
 *
 * Routes that go bad are left alone, and come back: ejection, the one probing request, panic when
 * all are out, recovery (UF-08, UF-09, UF-11). What matters is counted at the mock.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "routes.h"

#define BALANCED ROUTES_NAMED("routed", ROUTES_ABC)

/* What a retry loop of a client makes of an answer: it asks again. */
static int
ask(const struct gateway *gateway, const char *key, const char *text)
{
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_CHAT), key, "routed", false, text);
    int status = reply->status;

    if (status == 503)
        cr_expect_eq(http_header_count(reply, "retry-after"), 1, "503 without retry-after");
    http_reply_free(&reply);
    return status;
}

static bool
is_served_by_a(const struct gateway *gateway, void *data)
{
    int64_t before = routes_calls(gateway, "a");

    ask(gateway, data, "hi");
    return routes_calls(gateway, "a") > before;
}

static bool
is_answered(const struct gateway *gateway, void *data)
{
    return ask(gateway, data, "hi") == 200;
}

/* A request that a gets, and keeps: its connection. */
struct trial {
    const char *key;
    int fd;
};

static bool
is_tried(const struct gateway *gateway, void *data)
{
    struct trial *trial = data;
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, "routed", false, "hi");

    trial->fd = http_connect(gateway->port);
    cr_assert(http_request(trial->fd, call->path, trial->key, NULL, body));
    free(body);
    bool is_kept = http_is_quiet(trial->fd, 100) && routes_calls(gateway, "a") > 0;
    if (!is_kept)
        http_close(trial->fd, false);
    return is_kept;
}

/* "up", "open", ... of the route of that upstream. */
static bool
has_state(const struct gateway *gateway, const char *upstream, const char *state)
{
    cJSON *reply = gateway_ctl(gateway, "route show routed/%s", upstream);
    bool is_so = strcmp(json_text(reply, "route.state"), state) == 0;

    cJSON_Delete(reply);
    return is_so;
}

/* Of an answer that takes for ever: it begins, and then nothing more comes. */
static int
begin_endless(const struct gateway *gateway, const char *key)
{
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, "routed", true, "hi !mock:stall=4");
    int fd = http_connect(gateway->port);

    cr_assert(http_request(fd, call->path, key, NULL, body));
    free(body);
    return fd;
}

static bool
is_a_up(const struct gateway *gateway, void *data)
{
    (void)data;
    return has_state(gateway, "a", "up");
}

static bool
is_a_to_be_tried(const struct gateway *gateway, void *data)
{
    (void)data;
    return has_state(gateway, "a", "trial");
}

Test(breaker, a_route_is_well_again_once_two_streams_have_begun_however_long_they_last,
     .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = ROUTES_NO_AFFINITY "health: {open_time: 300ms}\n",
        .upstreams = ROUTES_UPSTREAMS,
        .models = ROUTES_NAMED("routed", "    routes: [{upstream: a}]\n")};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    int fds[2];

    gateway_mock_control(gateway, 0, "/a/ status=500");
    for (int i = 0; i < 5; i++)
        cr_expect_eq(ask(gateway, key, "hi"), 502);
    gateway_mock_control(gateway, 0, "");
    gateway_mock_reset(gateway);
    cr_assert(gateway_wait(gateway, is_a_to_be_tried, NULL), "its pause does not end");
    for (int n = 0; n < 2; n++) {
        fds[n] = begin_endless(gateway, key);
        cr_expect_not(http_is_quiet(fds[n], 5000), "stream %d does not begin", n);
        cr_expect_eq(routes_calls(gateway, "a"), n + 1, "stream %d is refused", n);
    }
    cr_expect(gateway_wait(gateway, is_a_up, NULL), "it is not well while its streams go on");
    for (int n = 0; n < 2; n++)
        http_close(fds[n], false);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(breaker, a_route_that_only_fails_is_asked_five_times_and_no_more, .timeout = 100)
{
    static const struct gateway_options options = {.settings = ROUTES_NO_AFFINITY
                                                   "health: {open_time: 60s}\n",
                                                   .upstreams = ROUTES_UPSTREAMS,
                                                   .models = BALANCED};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    gateway_mock_control(gateway, 0, "/a/ status=500");
    for (int i = 0; i < 200; i++)
        cr_expect_eq(ask(gateway, key, "hi"), 200, "request %d failed", i);
    int64_t n = routes_calls(gateway, "a");

    cr_expect(n >= 1 && n <= 5, "%lld calls of a route that only fails", (long long)n);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE category IS NOT NULL"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(breaker, an_open_route_is_tried_by_one_request_at_a_time_and_closes_after_two, .timeout = 100)
{
    static const struct gateway_options options = {.settings = ROUTES_NO_AFFINITY
                                                   "health: {open_time: 300ms}\n",
                                                   .upstreams = ROUTES_UPSTREAMS,
                                                   .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    gateway_mock_control(gateway, 0, "/a/ status=500");
    for (int i = 0; i < 5; i++)
        cr_expect_eq(ask(gateway, key, "hi"), 200);
    cr_expect(has_state(gateway, "a", "open") || has_state(gateway, "a", "trial"));
    cr_expect_eq(routes_calls(gateway, "a"), 5);
    /* From now on a answers late: whoever is sent there is the trial, and stays it. */
    gateway_mock_control(gateway, 0, "/a/ slow=3000");
    gateway_mock_reset(gateway);
    struct trial trial = {.key = key};
    cr_assert(gateway_wait(gateway, is_tried, &trial), "nobody tries a");
    for (int i = 0; i < 20; i++)
        cr_expect_eq(ask(gateway, key, "hi"), 200);
    cr_expect_eq(routes_calls(gateway, "a"), 1, "a second request during the trial");
    cr_expect_eq(routes_calls(gateway, "c"), 0);
    struct http_reply *reply = http_read(trial.fd);
    cr_expect_eq(reply->status, 200);
    http_reply_free(&reply);
    http_close(trial.fd, false);
    /* One more success, and all of it is back. */
    gateway_mock_control(gateway, 0, "");
    cr_expect(gateway_wait(gateway, is_served_by_a, key));
    gateway_mock_reset(gateway);
    for (int i = 0; i < 10; i++)
        cr_expect_eq(ask(gateway, key, "hi"), 200);
    cr_expect_eq(routes_calls(gateway, "a"), 10, "the first of its order again");
    cr_expect(has_state(gateway, "a", "up"));
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(breaker, when_all_are_down_few_calls_are_made_and_an_answer_comes_at_once, .timeout = 100)
{
    static const struct gateway_options options = {.settings = ROUTES_NO_AFFINITY
                                                   "health: {open_time: 1s}\n",
                                                   .upstreams = ROUTES_UPSTREAMS,
                                                   .models = BALANCED};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    int n_unhealthy = 0;

    gateway_mock_control(gateway, 0, "* status=500");
    for (int i = 0; i < 300; i++) {
        int status = ask(gateway, key, "hi");

        cr_expect(status == 502 || status == 503, "%d", status);
        n_unhealthy += status == 503;
    }
    int64_t n = gateway_mock_count(gateway, "requests");

    /* Five for each breaker; then one trial or panic call now and then. */
    cr_expect(n >= 15 && n <= 60, "%lld calls for 300 requests", (long long)n);
    cr_expect_gt(n_unhealthy, 200);
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    gateway_mock_control(gateway, 0, "");
    cr_expect(gateway_wait(gateway, is_answered, key), "no recovery within 10 s");
    cr_expect(gateway_wait(gateway, is_served_by_a, key), "a is not asked again");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(breaker, the_only_route_of_a_model_is_never_given_up, .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = ROUTES_NO_AFFINITY "health: {open_time: 60s}\n",
        .upstreams = ROUTES_UPSTREAM("a", "%d", ROUTES_KEY),
        .models = ROUTES_NAMED("routed", "    routes: [{upstream: a}]\n")};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    gateway_mock_control(gateway, 0, "* status=500");
    for (int i = 0; i < 20; i++)
        cr_expect_geq(ask(gateway, key, "hi"), 502);
    gateway_mock_control(gateway, 0, "");
    cr_expect(gateway_wait(gateway, is_answered, key), "it waits out its whole pause");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(breaker, a_storm_of_failures_does_not_become_a_storm_of_calls, .timeout = 100)
{
    enum { N = 200 };
    static const struct gateway_options options = {.settings = ROUTES_NO_AFFINITY
                                                   "health: {breaker_failures: 0}\n",
                                                   .upstreams = ROUTES_UPSTREAMS,
                                                   .models = BALANCED};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    gateway_mock_control(gateway, 0, "* status=500,percent=50");
    for (int i = 0; i < N; i++)
        ask(gateway, key, "hi");
    /* 20 % of the requests of the window, and ten anyway in each; it lasts ten seconds. */
    int64_t n = gateway_mock_count(gateway, "requests");
    cr_expect(n > N && n <= N + N / 5 + 2 * 10, "%lld calls for %d requests", (long long)n, N);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* A loop of a tool against a provider that is dead: what arrives there. */
static int64_t
calls_of_loop(const char *key_options, enum operation operation, int n_tries, int *n_final)
{
    static const struct gateway_options options = {
        .settings = ROUTES_NO_AFFINITY, .upstreams = ROUTES_UPSTREAMS, .models = BALANCED};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, key_options);

    *n_final = 0;
    gateway_mock_control(gateway, 0, "* status=500");
    for (int i = 0; i < n_tries; i++) {
        struct http_reply *reply =
            call_model(gateway, call_of(operation), key, "routed", true, "hi");

        cr_expect(reply->status >= 500, "%d", reply->status);
        *n_final += http_header_count(reply, "x-should-retry");
        cr_expect_eq(http_header_count(reply, "retry-after") +
                         http_header_count(reply, "x-should-retry"),
                     1, "no advice at all: %s", reply->head);
        http_reply_free(&reply);
    }
    int64_t n = gateway_mock_count(gateway, "requests");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
    return n;
}

Test(breaker, a_loop_as_of_opencode_stays_within_the_budget, .timeout = 100)
{
    int n_final;
    int64_t n = calls_of_loop("", OPERATION_CHAT, 9, &n_final);

    /* Each try is one call, and ten more at most may be attempts beyond the first. */
    cr_expect(n <= 9 + 10, "%lld calls", (long long)n);
    cr_expect_geq(n_final, 1, "clients that listen are told to stop");
}

Test(breaker, a_loop_as_of_codex_stays_within_breakers_and_budget, .timeout = 100)
{
    int n_final;
    int64_t n = calls_of_loop("", OPERATION_RESPONSE, 30, &n_final);

    /* Three breakers of five failures each, and a panic call now and then. */
    cr_expect(n <= 15 + 10, "%lld calls for 30 tries", (long long)n);
}

struct death {
    pid_t pids[4];
    int n;
};

static bool
are_workers_new(const struct gateway *gateway, void *data)
{
    struct death *death = data;
    pid_t pids[4];
    int n = gateway_pids(gateway, "worker", pids, 4);

    for (int i = 0; i < n; i++) {
        for (int k = 0; k < death->n; k++) {
            if (pids[i] == death->pids[k])
                return false;
        }
    }
    return n == death->n;
}

Test(breaker, a_worker_that_dies_gives_back_what_it_had_in_flight, .timeout = 100)
{
    static const struct gateway_options options = {
        .upstreams = ROUTES_UPSTREAM("a", "%d", ROUTES_KEY),
        .models = ROUTES_NAMED("routed", "    routes: [{upstream: a, max_concurrent: 2}]\n")};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), *body;
    const struct call *call = call_of(OPERATION_CHAT);
    struct death death;
    int fds[2];

    gateway_mock_control(gateway, 0, "* stall");
    body = call_body(call, "routed", false, "hi");
    for (int i = 0; i < 2; i++) {
        fds[i] = http_connect(gateway->port);
        cr_assert(http_request(fds[i], call->path, key, NULL, body));
        while (routes_calls(gateway, "a") <= i)
            cr_assert(http_is_quiet(fds[i], 10));
    }
    cr_expect_eq(ask(gateway, key, "hi"), 503, "the route is full");
    gateway_mock_control(gateway, 0, "");
    death.n = gateway_pids(gateway, "worker", death.pids, 4);
    for (int i = 0; i < death.n; i++)
        kill(death.pids[i], SIGKILL);
    for (int i = 0; i < 2; i++)
        http_close(fds[i], false);
    cr_assert(gateway_wait(gateway, are_workers_new, &death));
    cr_expect(gateway_wait(gateway, is_answered, key), "what the dead held is never free");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(key);
}

/* UF-12: whoever holds the trial dies with it; the trial does not. */
Test(breaker, a_trial_whose_worker_dies_is_given_to_another, .timeout = 100)
{
    static const struct gateway_options options = {.settings = ROUTES_NO_AFFINITY
                                                   "health: {open_time: 300ms}\n",
                                                   .upstreams = ROUTES_UPSTREAMS,
                                                   .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    struct death death;

    gateway_mock_control(gateway, 0, "/a/ status=500");
    for (int i = 0; i < 5; i++)
        cr_expect_eq(ask(gateway, key, "hi"), 200);
    gateway_mock_control(gateway, 0, "/a/ stall");
    gateway_mock_reset(gateway);
    struct trial trial = {.key = key};
    cr_assert(gateway_wait(gateway, is_tried, &trial), "nobody tries a");
    death.n = gateway_pids(gateway, "worker", death.pids, 4);
    for (int i = 0; i < death.n; i++)
        kill(death.pids[i], SIGKILL);
    http_close(trial.fd, false);
    cr_assert(gateway_wait(gateway, are_workers_new, &death));
    gateway_mock_control(gateway, 0, "");
    cr_expect(gateway_wait(gateway, is_served_by_a, key), "the trial died with its owner");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
