/* SPDX-License-Identifier: ISC
 *
 * Quotas under concurrency (QE-01, QE-02): of n calls at once over all workers exactly those are
 * served that the quota has room for, and no limit is ever passed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define MAX_BURST 400

/* n calls sent before the first answer is read; how many were answered with each status. */
struct burst {
    int n_ok, n_quota, n_rate, n_other;
};

static struct burst
fire(const struct gateway *gateway, const char *key, const char *model, int n, const char *text)
{
    static int fds[MAX_BURST];
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, model, false, text);
    struct burst burst = {0};

    for (int i = 0; i < n; i++) {
        fds[i] = http_connect(gateway->port);
        cr_assert(fds[i] >= 0);
    }
    for (int i = 0; i < n; i++)
        cr_assert(http_request(fds[i], call->path, key, NULL, body));
    for (int i = 0; i < n; i++) {
        struct http_reply *reply = http_read(fds[i]);
        bool is_quota = strstr(reply->body, "insufficient_quota") != NULL;

        burst.n_ok += reply->status == 200;
        burst.n_quota += reply->status == 429 && is_quota;
        burst.n_rate += reply->status == 429 && !is_quota;
        burst.n_other += reply->status != 200 && reply->status != 429;
        http_reply_free(&reply);
        close(fds[i]);
    }
    free(body);
    return burst;
}

Test(quota, exactly_as_many_calls_as_it_has_room_for, .timeout = 200)
{
    struct gateway *gateway = gateway_start(NULL);

    for (int round = 0; round < 5; round++) {
        char *key = gateway_key(gateway, "--quota 1usd");

        gateway_mock_reset(gateway);
        struct burst burst = fire(gateway, key, "flat", 400, "hi");

        cr_expect_eq(burst.n_ok, 100, "round %d: %d of 400 served", round, burst.n_ok);
        cr_expect_eq(burst.n_quota, 300);
        cr_expect_eq(gateway_mock_count(gateway, "requests"), 100);
        free(key);
    }
    cr_expect_eq(books_charged_nusd(gateway), INT64_C(500) * GATEWAY_FLAT_NUSD);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(quota, estimates_above_the_truth_never_let_a_limit_be_passed, .timeout = 200)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 0.2usd");
    struct burst burst;
    int rounds = 0;

    do {
        burst = fire(gateway, key, "gpt-4.1-mini", 40, "hi !mock:in=500,out=300");
        books_check(gateway); /* what was reserved above the truth is free again */
    } while (burst.n_ok > 0 && ++rounds < 100);
    int64_t charged = books_charged_nusd(gateway),
            one = 500 * GATEWAY_INPUT_NUSD + 300 * GATEWAY_OUTPUT_NUSD;

    cr_expect_eq(burst.n_other, 0);
    cr_expect_leq(charged, 200000000);
    /* What was left is less than the estimate of one call: 1000 tokens of output at most. */
    cr_expect_gt(charged, 200000000 - 1010 * GATEWAY_OUTPUT_NUSD, "%ld nano-USD in calls of %ld",
                 (long)charged, (long)one);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(quota, tokens_are_counted_as_money_is, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 5000tokens");
    struct burst burst = {0};
    int served = 0;

    for (int i = 0; i < 20; i++) {
        burst = fire(gateway, key, "gpt-4.1-mini", 1, "hi !mock:in=400,out=600");
        served += burst.n_ok;
        books_check(gateway);
    }
    cr_expect_eq(burst.n_quota, 1, "the last call is refused");
    cr_expect(served >= 3 && served <= 5, "%d calls of 1000 tokens served of 5000", served);
    cr_expect_eq(books_query(gateway, "SELECT sum(quota_tokens) FROM ledger"), served * 1000);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(quota, requests_a_minute_are_exact_over_all_workers, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--rpm 20");
    struct burst burst = fire(gateway, key, "flat", 100, "hi");

    /* The rate refills one every three seconds while the burst is served. */
    cr_expect(burst.n_ok >= 20 && burst.n_ok <= 22, "%d of 100 served", burst.n_ok);
    cr_expect_eq(burst.n_rate, 100 - burst.n_ok);
    cr_expect_eq(gateway_mock_count(gateway, "requests"), burst.n_ok);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(quota, concurrency_is_given_back_when_a_call_ends, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--concurrent 3");
    const struct call *call = call_of(OPERATION_CHAT);
    int fds[3];

    for (int i = 0; i < 3; i++) {
        fds[i] = call_begin(gateway, call, key, true, "hi !mock:stall=3");
        struct http_reply *reply = http_read_until(fds[i], "data: ");

        cr_assert_eq(reply->status, 200);
        http_reply_free(&reply);
    }
    struct burst burst = fire(gateway, key, "flat", 10, "hi");

    cr_expect_eq(burst.n_rate, 10, "a fourth call at the same time");
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    books_check(gateway);
    burst = fire(gateway, key, "flat", 3, "hi !mock:slow=100");
    cr_expect_eq(burst.n_ok, 3);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
