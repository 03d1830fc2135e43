/* SPDX-License-Identifier: ISC
 *
 * A second call beside a slow first one: only when it was switched on, only within its share, and
 * the one who comes too late is hung up on and costs the caller nothing.
 */
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

#define HEDGED(percent) ROUTES_NO_AFFINITY "hedge: {percent: " percent ", min_delay: 100ms}\n"

static int
ask(const struct gateway *gateway, const char *key, const char *text)
{
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_CHAT), key, "routed", true, text);
    int status = reply->status;

    cr_expect(strstr(reply->body, "[DONE]") != NULL, "%d %s", status, reply->body);
    http_reply_free(&reply);
    return status;
}

/* How long a first token takes has to be known first. */
static void
teach(const struct gateway *gateway, const char *key)
{
    for (int i = 0; i < 30; i++)
        cr_expect_eq(ask(gateway, key, "hi"), 200);
}

static bool
mock_is_idle(const struct gateway *gateway, void *data)
{
    (void)data;
    return gateway_mock_count(gateway, "busy") == 0;
}

Test(hedge, of_two_calls_the_first_answer_counts_and_the_other_is_cancelled, .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = HEDGED("20"), .upstreams = ROUTES_UPSTREAMS, .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 10usd");

    teach(gateway, key);
    gateway_mock_control(gateway, 0, "/a/ token=8000");
    gateway_mock_reset(gateway);
    cr_expect_eq(ask(gateway, key, "hi"), 200);
    cr_expect_eq(routes_calls(gateway, "a"), 1);
    cr_expect_eq(routes_calls(gateway, "b"), 1);
    cr_expect(gateway_wait(gateway, mock_is_idle, NULL), "the loser still runs");
    cr_expect_eq(gateway_mock_count(gateway, "cancelled"), 1);
    books_check(gateway);
    cr_expect_eq(books_n_rows(gateway), 31);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE outcome = 'cancelled'"),
                 1);
    cr_expect_eq(books_query(gateway, "SELECT count(DISTINCT charge_nusd) FROM ledger"), 1,
                 "it costs what the others cost");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(hedge, takes_no_more_than_its_share, .timeout = 100)
{
    enum { N = 20 };
    static const struct gateway_options options = {
        .settings = HEDGED("10"), .upstreams = ROUTES_UPSTREAMS, .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    teach(gateway, key);
    gateway_mock_control(gateway, 0, "/a/ token=400");
    gateway_mock_reset(gateway);
    for (int i = 0; i < N; i++)
        cr_expect_eq(ask(gateway, key, "hi"), 200);
    int64_t n = gateway_mock_count(gateway, "requests");
    cr_expect(n >= N && n <= N + 5, "%lld calls for %d requests: a tenth of fifty", (long long)n,
              N);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(hedge, is_off_unless_it_was_switched_on, .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = ROUTES_NO_AFFINITY, .upstreams = ROUTES_UPSTREAMS, .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    teach(gateway, key);
    gateway_mock_control(gateway, 0, "/a/ token=1500");
    gateway_mock_reset(gateway);
    cr_expect_eq(ask(gateway, key, "hi"), 200);
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 1);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(hedge, when_both_fail_a_third_is_tried, .timeout = 100)
{
    static const struct gateway_options options = {.settings = HEDGED("20") ROUTES_NO_BREAKER,
                                                   .upstreams = ROUTES_UPSTREAMS,
                                                   .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 10usd");

    teach(gateway, key);
    gateway_mock_control(gateway, 0, "/a/ slow=500,status=500\n/b/ slow=500,status=500");
    gateway_mock_reset(gateway);
    cr_expect_eq(ask(gateway, key, "hi"), 200);
    cr_expect_eq(routes_calls(gateway, "c"), 1);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
