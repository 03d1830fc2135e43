/* SPDX-License-Identifier: ISC
 *
 * Idempotency-Key: a call is made and charged once, whoever repeats it, and whatever dies.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define KEY_1     "idempotency-key: order-1\r\n"
#define N_AT_ONCE 50

static struct http_reply *
post(const struct gateway *gateway, const struct call *call, const char *key, const char *headers,
     const char *body)
{
    return http_call(gateway->port, call->path, key, headers, body);
}

static int
status_of(const struct gateway *gateway, const char *key, const char *headers, const char *body)
{
    struct http_reply *reply = post(gateway, call_of(OPERATION_CHAT), key, headers, body);
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

static int64_t
n_upstream(const struct gateway *gateway)
{
    return gateway_mock_count(gateway, "requests");
}

static bool
another_worker_serves(const struct gateway *gateway, void *data)
{
    pid_t now;

    return gateway_pids(gateway, "worker", &now, 1) == 1 && now != *(pid_t *)data;
}

Test(idempotency, every_endpoint_answers_again_word_for_word, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    int64_t n_calls = 0;

    for (const struct call *call; (call = call_at((size_t)n_calls)) != NULL; n_calls++) {
        char header[64], first_id[64], second_id[64], replayed[16];
        char *body = call_body(call, NULL, false, "hi");

        snprintf(header, sizeof header, "Idempotency-Key: k-%s\r\n", call->name);
        struct http_reply *first = post(gateway, call, key, header, body);
        struct http_reply *second = post(gateway, call, key, header, body);

        cr_assert_eq(first->status, 200, "%s: %s", call->name, first->body);
        cr_expect_eq(second->status, 200, "%s: %s", call->name, second->body);
        cr_expect_str_eq(second->body, first->body, "%s", call->name);
        cr_expect_not(http_header(first, "idempotent-replayed", replayed, sizeof replayed));
        cr_expect(http_header(second, "idempotent-replayed", replayed, sizeof replayed));
        cr_expect_str_eq(replayed, "true");
        cr_expect(http_header(first, "x-request-id", first_id, sizeof first_id));
        cr_expect(http_header(second, "x-request-id", second_id, sizeof second_id));
        cr_expect_str_eq(first_id, second_id);
        http_reply_free(&first);
        http_reply_free(&second);
        free(body);
    }
    cr_expect_eq(n_upstream(gateway), n_calls);
    books_check(gateway);
    /* Each replay has a trace of its own, which names the call that was paid. */
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 2 * n_calls);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance = 'none'"
                                      " AND charge_nusd = 0 AND cost_nusd = 0 AND status = 200"),
                 n_calls);
    cr_expect_eq(books_query(gateway,
                             "SELECT count(*) FROM attempt a JOIN ledger l ON lower(replace("
                             "substr(a.note, 23), '-', '')) = lower(hex(l.request_id))"
                             " WHERE a.upstream = '(replay)' AND l.provenance = 'reported'"),
                 n_calls);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(idempotency, another_body_is_refused_and_free, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), *other_key = gateway_key(gateway, "");
    char *body = call_body(call_of(OPERATION_CHAT), NULL, false, "hi");
    char *other = call_body(call_of(OPERATION_CHAT), NULL, false, "ho");

    cr_expect_eq(status_of(gateway, key, KEY_1, body), 200);
    int64_t charged = books_charged_nusd(gateway);
    struct http_reply *reply = post(gateway, call_of(OPERATION_CHAT), key, KEY_1, other);

    cr_expect_eq(reply->status, 422);
    cr_expect_not_null(strstr(reply->body, "idempotency_conflict"), "%s", reply->body);
    http_reply_free(&reply);
    /* The same words to another endpoint are another request. */
    char *completion = call_body(call_of(OPERATION_COMPLETION), NULL, false, "hi");
    reply = post(gateway, call_of(OPERATION_COMPLETION), key, KEY_1, completion);
    cr_expect_eq(reply->status, 422);
    http_reply_free(&reply);
    cr_expect_eq(n_upstream(gateway), 1);
    cr_expect_eq(books_charged_nusd(gateway), charged);
    /* Somebody else's order 1 has nothing to do with it. */
    cr_expect_eq(status_of(gateway, other_key, KEY_1, other), 200);
    cr_expect_eq(n_upstream(gateway), 2);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(completion);
    free(body);
    free(other);
    free(key);
    free(other_key);
}

struct caller {
    const struct gateway *gateway;
    const char *key, *body;
    int status;
    bool is_replay;
};

static void *
call_once(void *data)
{
    struct caller *caller = data;
    struct http_reply *reply =
        post(caller->gateway, call_of(OPERATION_CHAT), caller->key, KEY_1, caller->body);
    char value[16];

    caller->status = reply->status;
    caller->is_replay = http_header(reply, "idempotent-replayed", value, sizeof value);
    http_reply_free(&reply);
    return NULL;
}

Test(idempotency, of_fifty_at_once_one_is_made, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    char *body = call_body(call_of(OPERATION_CHAT), NULL, false, "hi");
    struct caller callers[N_AT_ONCE];
    pthread_t threads[N_AT_ONCE];
    int n_made = 0, n_replayed = 0, n_told = 0;

    for (int i = 0; i < N_AT_ONCE; i++) {
        callers[i] = (struct caller){.gateway = gateway, .key = key, .body = body};
        cr_assert_eq(pthread_create(&threads[i], NULL, call_once, &callers[i]), 0);
    }
    for (int i = 0; i < N_AT_ONCE; i++) {
        pthread_join(threads[i], NULL);
        n_made += callers[i].status == 200 && !callers[i].is_replay;
        n_replayed += callers[i].status == 200 && callers[i].is_replay;
        n_told += callers[i].status == 409;
    }
    cr_expect_eq(n_made, 1);
    cr_expect_eq(n_made + n_replayed + n_told, N_AT_ONCE);
    cr_expect_eq(n_upstream(gateway), 1);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE charge_nusd > 0"), 1);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(key);
}

Test(idempotency, a_stream_is_told_of_while_it_runs_and_after, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), id[64];
    char *body = call_body(call_of(OPERATION_CHAT), NULL, true, "!mock:stall=5");
    int fd = http_connect(gateway->port);

    cr_assert(http_request(fd, "/v1/chat/completions", key, KEY_1, body));
    struct http_reply *stream = http_read_until(fd, "data: ");
    cr_expect(http_header(stream, "x-request-id", id, sizeof id));
    struct http_reply *reply = post(gateway, call_of(OPERATION_CHAT), key, KEY_1, body);

    cr_expect_eq(reply->status, 409);
    cr_expect_not_null(strstr(reply->body, "in_progress"), "%s", reply->body);
    cr_expect_not_null(strstr(reply->body, id), "%s", reply->body);
    http_reply_free(&reply);
    http_reply_free(&stream);
    http_close(fd, true);
    books_check(gateway);
    /* Something of it was streamed, and is paid. */
    reply = post(gateway, call_of(OPERATION_CHAT), key, KEY_1, body);
    cr_expect_eq(reply->status, 409);
    cr_expect_not_null(strstr(reply->body, "idempotency_finished"), "%s", reply->body);
    cr_expect_not_null(strstr(reply->body, id), "%s", reply->body);
    http_reply_free(&reply);
    cr_expect_eq(n_upstream(gateway), 1);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(key);
}

Test(idempotency, what_failed_before_usage_may_be_tried_again, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 1usd");
    char *body = call_body(call_of(OPERATION_CHAT), NULL, false, "!mock:status=500");
    char *other = call_body(call_of(OPERATION_CHAT), NULL, false, "hi");

    cr_expect_eq(status_of(gateway, key, KEY_1, body), 502);
    cr_expect_eq(status_of(gateway, key, KEY_1, body), 502, "it was tried again");
    cr_expect_eq(status_of(gateway, key, KEY_1, other), 200, "even as another request");
    cr_expect_eq(n_upstream(gateway), 3);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(other);
    free(key);
}

Test(idempotency, keys_that_are_none_are_refused, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), header[320];
    char *body = call_body(call_of(OPERATION_CHAT), NULL, false, "hi");

    cr_expect_eq(status_of(gateway, key, "idempotency-key: \r\n", body), 400);
    cr_expect_eq(status_of(gateway, key, "idempotency-key: caf\xc3\xa9\r\n", body), 400);
    cr_expect_eq(status_of(gateway, key, KEY_1 KEY_1, body), 400);
    snprintf(header, sizeof header, "idempotency-key: %0256d\r\n", 0);
    cr_expect_eq(status_of(gateway, key, header, body), 400);
    snprintf(header, sizeof header, "idempotency-key: %0255d\r\n", 0);
    cr_expect_eq(status_of(gateway, key, header, body), 200);
    cr_expect_eq(n_upstream(gateway), 1);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(key);
}

/* However often: replays take room in the outbox too, and may be refused for a moment. */
static bool
was_asked_again(const struct gateway *gateway, void *data)
{
    const struct caller *caller = data;
    int status = status_of(gateway, caller->key, KEY_1, caller->body);

    cr_assert(status == 200 || status == 503, "%d", status);
    return n_upstream(gateway) == 2;
}

Test(idempotency, what_has_finished_is_forgotten_after_its_time, .timeout = 60)
{
    const struct gateway_options options = {.settings = "idempotency: {ttl: 1s}\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    char *body = call_body(call_of(OPERATION_CHAT), NULL, false, "hi");

    cr_expect_eq(status_of(gateway, key, KEY_1, body), 200);
    cr_expect(gateway_wait(gateway, was_asked_again, &(struct caller){.key = key, .body = body}));
    cr_expect_eq(n_upstream(gateway), 2);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(key);
}

/* Its worker killed, a call is nobody's: made again it is another call, and each has its row. */
Test(idempotency, a_dead_workers_call_may_be_made_again, .timeout = 60)
{
    const struct gateway_options options = {.workers = 1};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    char *body = call_body(call_of(OPERATION_CHAT), NULL, true, "!mock:stall=5");
    int fd = http_connect(gateway->port);
    pid_t worker;

    cr_assert(http_request(fd, "/v1/chat/completions", key, KEY_1, body));
    struct http_reply *stream = http_read_until(fd, "data: ");
    cr_assert_eq(gateway_pids(gateway, "worker", &worker, 1), 1);
    kill(worker, SIGKILL);
    http_reply_free(&stream);
    http_close(fd, true);
    cr_assert(gateway_wait(gateway, another_worker_serves, &worker));
    fd = http_connect(gateway->port);
    cr_assert(http_request(fd, "/v1/chat/completions", key, KEY_1, body));
    stream = http_read_until(fd, "data: ");
    cr_expect_eq(stream->status, 200);
    cr_expect_eq(n_upstream(gateway), 2);
    http_reply_free(&stream);
    http_close(fd, true);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 2);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(key);
}
