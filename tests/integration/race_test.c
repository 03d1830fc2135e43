/* SPDX-License-Identifier: ISC
 *
 * Two attempts side by side (hedge.percent), whichever way they end: the first that brings content
 * is the caller's whole answer and its whole charge, the other ends, and is marked so.
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
#include "routes.h"

/* Nothing is slow but what is told to be. */
static const struct gateway_options hedged = {
    .settings = ROUTES_NO_AFFINITY ROUTES_NO_BREAKER
    "hedge: {percent: 20, min_delay: 100ms}\nfailover: {retry_min: 100000, retry_percent: 100}\n"
    "upstream_defaults: {first_byte_timeout: 20s, idle_timeout: 20s}\n",
    .upstreams = ROUTES_UPSTREAMS,
    .models = ROUTES_MODEL};

struct race {
    const char *rules;
    const char *winner; /* its upstream */
    int n_calls;        /* of all three upstreams */
};

/* Tokens are half a minute away where an attempt must not win. */
static const struct race races[] = {
    {"/a/ token=30000", "b", 2},                                        /* never brings any */
    {"/a/ slow=30000", "b", 2},                                         /* not even a head */
    {"/a/ only-comments=20", "b", 2},                                   /* signs of life are none */
    {"/a/ token=600\n/b/ token=30000", "a", 2},                         /* slow, but not slower */
    {"/a/ token=600\n/b/ status=500", "a", 2},                          /* the other just ends */
    {"/a/ token=600\n/b/ error-event", "a", 2},                         /* ... */
    {"/a/ slow=300,status=500\n/b/ token=600", "b", 2},                 /* ... as may this one */
    {"/a/ slow=300,error-event\n/b/ token=600", "b", 2},                /* ... */
    {"/a/ slow=300,status=500\n/b/ slow=300,status=500", "c", 3},       /* then the next */
    {"/a/ slow=300,error-event=1\n/b/ slow=400,error-event=1", "c", 3}, /* ... */
};
enum { N_RACES = sizeof races / sizeof *races, N_LOSERS = 4, N_EARNED = 11 };

static const enum operation operations[] = {OPERATION_CHAT, OPERATION_RESPONSE, OPERATION_MESSAGE};

static bool
is_idle(const struct gateway *gateway, void *data)
{
    (void)data;
    return gateway_mock_count(gateway, "busy") == 0;
}

static bool
are_two_asked(const struct gateway *gateway, void *data)
{
    (void)data;
    return gateway_mock_count(gateway, "busy") == 2;
}

/* One in five requests may be tried once more: here is room for two. */
static void
earn(const struct gateway *gateway, const char *key)
{
    gateway_mock_control(gateway, 0, "");
    for (int i = 0; i < N_EARNED; i++) {
        struct http_reply *reply =
            call_model(gateway, call_of(OPERATION_CHAT), key, "routed", false, "hi");

        cr_expect_eq(reply->status, 200);
        http_reply_free(&reply);
    }
}

static void
run(const struct gateway *gateway, const char *key, const struct race *race,
    const struct call *call)
{
    const char *end = call->end_event[0] == '\0' ? "[DONE]" : call->end_event;

    earn(gateway, key);
    gateway_mock_control(gateway, 0, race->rules);
    gateway_mock_reset(gateway);
    struct http_reply *reply = call_model(gateway, call, key, "routed", true, "hi");

    cr_expect(reply->status == 200 && strstr(reply->body, end) != NULL &&
                  strstr(reply->body, "\"error\":{") == NULL,
              "%s %s: %d %s", call->name, race->rules, reply->status, reply->body);
    cr_expect_eq(routes_calls(gateway, "a") + routes_calls(gateway, "b") +
                     routes_calls(gateway, "c"),
                 race->n_calls, "%s %s", call->name, race->rules);
    cr_expect_eq(routes_calls(gateway, race->winner), 1, "%s %s", call->name, race->rules);
    cr_expect(gateway_wait(gateway, is_idle, NULL), "%s %s: the other goes on", call->name,
              race->rules);
    http_reply_free(&reply);
}

static int64_t
n_attempts(const struct gateway *gateway, const char *where)
{
    char sql[256];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM attempt WHERE %s", where);
    return books_query(gateway, sql);
}

Test(race, the_first_to_bring_content_is_the_whole_answer, .timeout = 200)
{
    struct gateway *gateway = gateway_start(&hedged);
    char *key = gateway_key(gateway, "--quota 100usd");
    int64_t n_rows = 3 * N_RACES * (N_EARNED + 1);

    for (int i = 0; i < 3 * N_RACES; i++)
        run(gateway, key, &races[i / 3], call_of(operations[i % 3]));
    books_check(gateway);
    cr_expect_eq(books_n_rows(gateway), n_rows);
    cr_expect_eq(n_attempts(gateway, "reason = 'hedge'"), 3 * N_RACES);
    cr_expect_eq(n_attempts(gateway, "outcome = 'ok'"), n_rows, "one answer each");
    cr_expect_eq(n_attempts(gateway, "outcome = 'cancelled' AND category IS NULL"), 3 * N_LOSERS);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance <> 'reported'"),
                 0);
    cr_expect_eq(books_query(gateway, "SELECT count(DISTINCT charge_nusd) FROM ledger"), 1,
                 "a race costs its caller nothing more");
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger AS l WHERE route_id NOT IN"
                                      " (SELECT route_id FROM attempt AS a WHERE a.outcome = 'ok'"
                                      " AND a.request_id = l.request_id)"),
                 0, "booked to the route that answered");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(race, a_caller_who_goes_ends_both, .timeout = 100)
{
    const struct call *call = call_of(OPERATION_CHAT);
    struct gateway *gateway = gateway_start(&hedged);
    char *key = gateway_key(gateway, "--quota 100usd"),
         *body = call_body(call, "routed", true, "hi");

    earn(gateway, key);
    gateway_mock_control(gateway, 0, "* token=30000");
    int fd = http_connect(gateway->port);
    cr_assert(http_request(fd, call->path, key, NULL, body));
    cr_assert(gateway_wait(gateway, are_two_asked, NULL));
    http_close(fd, true);
    cr_expect(gateway_wait(gateway, is_idle, NULL), "somebody is still asked");
    books_check(gateway);
    cr_expect_eq(n_attempts(gateway, "outcome = 'cancelled'"), 2);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE category = 'client_closed'"
                                      " AND charge_nusd = 0"),
                 1);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
    free(body);
}

/* A stream that is cut at the worker's end, while two are asked for it: an error, and no charge. */
Test(race, a_stop_ends_both, .timeout = 100)
{
    struct gateway_options options = hedged;
    const struct call *call = call_of(OPERATION_MESSAGE);
    char settings[512];

    snprintf(settings, sizeof settings, "%sstop_timeout: 2s\n", hedged.settings);
    options.settings = settings;
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 100usd"),
         *body = call_body(call, "routed", true, "hi");

    earn(gateway, key);
    gateway_mock_control(gateway, 0, "* token=30000");
    int fd = http_connect(gateway->port);
    cr_assert(http_request(fd, call->path, key, NULL, body));
    cr_assert(gateway_wait(gateway, are_two_asked, NULL));
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    http_close(fd, false);
    cr_expect_eq(n_attempts(gateway, "outcome = 'cancelled'"), 2);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE category = 'overloaded'"
                                      " AND charge_nusd = 0"),
                 1);
    gateway_restart(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
    free(body);
}

/* The undertaker finds two that ran: the caller owes nothing, and who was asked is known. */
Test(race, a_killed_worker_leaves_both_uncertain, .timeout = 100)
{
    const struct call *call = call_of(OPERATION_CHAT);
    struct gateway *gateway = gateway_start(&hedged);
    char *key = gateway_key(gateway, "--quota 100usd"),
         *body = call_body(call, "routed", true, "hi");
    pid_t workers[4];

    earn(gateway, key);
    gateway_mock_control(gateway, 0, "* token=30000");
    int fd = http_connect(gateway->port), n = gateway_pids(gateway, "worker", workers, 4);
    cr_assert(http_request(fd, call->path, key, NULL, body));
    cr_assert(gateway_wait(gateway, are_two_asked, NULL));
    for (int i = 0; i < n; i++)
        kill(workers[i], SIGKILL);
    cr_expect(gateway_wait(gateway, is_idle, NULL));
    books_check(gateway);
    cr_expect_eq(n_attempts(gateway, "outcome = 'uncertain'"), 2);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE charge_nusd = 0"), 1);
    http_close(fd, false);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
    free(body);
}
