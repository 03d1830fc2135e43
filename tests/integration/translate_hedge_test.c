/* SPDX-License-Identifier: ISC
 *
 * Two calls of one request that speak different protocols: whoever brings content first answers, in
 * the caller's own, and the caller pays for that one alone. First and second, straight and
 * translated, in every order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "ways.h"

#define TEXT "hi !mock:in=100,out=10"
#define NUSD (100 * GATEWAY_INPUT_NUSD + 10 * GATEWAY_OUTPUT_NUSD)

static const struct gateway_options hedged = {
    .settings = ROUTES_NO_AFFINITY ROUTES_NO_BREAKER
    "failover: {retry_percent: 100, retry_min: 100000}\nhedge: {percent: 20, min_delay: 50ms}\n",
    .upstreams = WAYS_UPSTREAMS("a", "b"),
    .models = WAYS_MODELS("a", "b")};

static struct gateway *gateway;
static char *key;
static int64_t n_asked;

/* A fifth of what a model is asked for may be hedged: plain calls, which never are, make room. */
static void
start(void)
{
    struct way way;

    gateway = gateway_start(&hedged);
    key = gateway_key(gateway, "--quota 100usd");
    n_asked = 0;
    for (int i = 0; i < 6; i++) {
        for (size_t n = 0; ways_at(n, &way); n += 2, n_asked++) {
            struct http_reply *reply = call_model(gateway, way.call, key, way.model, false, TEXT);

            cr_expect_eq(reply->status, 200, "%s", reply->body);
            http_reply_free(&reply);
        }
    }
}

static void
stop(void)
{
    books_check(gateway);
    cr_expect_eq(books_n_rows(gateway), n_asked);
    cr_expect_eq(books_charged_nusd(gateway), n_asked * NUSD, "the loser is not the caller's");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static bool
mock_is_idle(const struct gateway *of, void *data)
{
    (void)data;
    return gateway_mock_count(of, "busy") == 0;
}

/* Streams of all ways at once, while the mock does what the rules say. */
static void
ask_all(const char *rules, bool is_good)
{
    enum { MAX = 16 };
    int fds[MAX];
    struct way way;
    size_t n;

    gateway_mock_reset(gateway);
    gateway_mock_control(gateway, 0, rules);
    for (n = 0; ways_stream_at(n, &way) && n < MAX; n++)
        fds[n] = ways_begin(gateway, &way, key, TEXT);
    for (n = 0; ways_stream_at(n, &way) && n < MAX; n++) {
        struct http_reply *reply = http_read(fds[n]);
        bool is_error;
        const char *fault = ways_fault(&way, reply, &is_error);

        cr_expect(fault == NULL && is_error == !is_good, "%s, %s %s: %s\n%s", rules, way.call->name,
                  way.model, fault == NULL ? "the wrong end" : fault, reply->body);
        http_reply_free(&reply);
        http_close(fds[n], false);
    }
    cr_assert_eq(n, 12);
    n_asked += is_good ? (int64_t)n : 0;
    cr_expect(gateway_wait(gateway, mock_is_idle, NULL), "a loser still runs");
}

static void
expect_calls(int64_t a, int64_t b, int64_t n_cancelled)
{
    cr_expect_eq(routes_calls(gateway, "a"), a);
    cr_expect_eq(routes_calls(gateway, "b"), b);
    cr_expect_eq(gateway_mock_count(gateway, "cancelled"), n_cancelled);
}

Test(translate_hedge, the_second_wins_whatever_it_speaks, .timeout = 100)
{
    start();
    ask_all("/a/ token=15000,in=7777", true);
    expect_calls(12, 12, 12);
    stop();
}

Test(translate_hedge, the_first_wins_though_it_was_given_company, .timeout = 100)
{
    start();
    ask_all("/a/ token=2000\n/b/ token=15000,in=7777", true);
    expect_calls(12, 12, 12);
    stop();
}

Test(translate_hedge, when_the_second_fails_the_first_goes_on, .timeout = 100)
{
    start();
    ask_all("/a/ token=2000\n/b/ status=500", true);
    expect_calls(12, 12, 0);
    stop();
}

Test(translate_hedge, when_the_first_fails_the_second_goes_on, .timeout = 100)
{
    start();
    ask_all("/a/ slow=2000,error-event\n/b/ token=3000", true);
    expect_calls(12, 12, 0);
    stop();
}

/* What wins is cut: nobody is left to make it good, and it costs what had come. */
Test(translate_hedge, a_winner_that_is_cut_ends_badly, .timeout = 100)
{
    start();
    ask_all("/a/ token=15000\n/b/ chunks=20,cut=8", false);
    expect_calls(12, 12, 12);
    books_check(gateway);
    cr_expect_eq(books_n_rows(gateway), n_asked + 12);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
