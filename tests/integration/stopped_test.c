/* SPDX-License-Identifier: ISC
 *
 * Processes that are stopped and go on later (SIGSTOP, a disk that hangs): the others serve, the
 * master says so and ends nobody, nothing is lost.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

static int
status_of_call(const struct gateway *gateway, const char *key)
{
    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

static bool
all_is_settled(const struct gateway *gateway, void *data)
{
    return books_query(gateway, "SELECT count(*) FROM ledger") == *(int64_t *)data;
}

Test(stopped, a_ledger_is_reported_and_lives_on, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    pid_t before, after;

    cr_assert_eq(gateway_pids(gateway, "ledger", &before, 1), 1);
    kill(before, SIGSTOP);
    for (int i = 0; i < 50; i++)
        cr_expect_eq(status_of_call(gateway, key), 200, "call %d", i);
    cr_expect(gateway_wait(gateway, gateway_logged, "child.silent role=ledger"));
    kill(before, SIGCONT);
    cr_expect(gateway_wait(gateway, gateway_logged, "child.speaks role=ledger"));
    cr_assert_eq(gateway_pids(gateway, "ledger", &after, 1), 1);
    cr_expect_eq(before, after, "it was ended");
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 50);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(stopped, with_every_slot_full_calls_are_refused_and_none_is_lost, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    int64_t n_ok = 0;
    pid_t ledger;
    int status = 200;

    cr_assert_eq(gateway_pids(gateway, "ledger", &ledger, 1), 1);
    kill(ledger, SIGSTOP);
    for (int i = 0; i < 5000 && status == 200; i++) {
        status = status_of_call(gateway, key);
        n_ok += status == 200;
    }
    cr_expect_eq(status, 503, "%d after %d calls", status, (int)n_ok);
    kill(ledger, SIGCONT);
    cr_expect(gateway_wait(gateway, all_is_settled, &n_ok), "a record is lost");
    books_check(gateway);
    cr_expect_eq(gateway_mock_count(gateway, "usage_answers"), n_ok);
    cr_expect_eq(status_of_call(gateway, key), 200);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* RL-06: the outbox is full when the signal comes. */
Test(stopped, a_stop_with_a_full_outbox_leaves_nothing_in_it, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    int64_t n_ok = 0;
    pid_t ledger;

    cr_assert_eq(gateway_pids(gateway, "ledger", &ledger, 1), 1);
    kill(ledger, SIGSTOP);
    for (int i = 0; i < 5000 && status_of_call(gateway, key) == 200; i++)
        n_ok++;
    cr_expect_geq(n_ok, 256);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 0);
    kill(gateway->pid, SIGTERM);
    kill(ledger, SIGCONT);
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), n_ok);
    gateway_restart(gateway);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(stopped, a_worker_leaves_the_others_serving, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    pid_t before[8], after[8];

    cr_assert_eq(gateway_pids(gateway, "worker", before, 8), 2);
    kill(before[0], SIGSTOP);
    for (int i = 0; i < 50; i++)
        cr_expect_eq(status_of_call(gateway, key), 200, "call %d", i);
    cr_expect(gateway_wait(gateway, gateway_logged, "child.silent role=worker"));
    kill(before[0], SIGCONT);
    cr_expect(gateway_wait(gateway, gateway_logged, "child.speaks role=worker"));
    cr_assert_eq(gateway_pids(gateway, "worker", after, 8), 2);
    cr_expect(before[0] == after[0] && before[1] == after[1], "one was ended");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(stopped, without_its_master_the_gateway_serves_and_settles, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    int64_t n = 50;

    kill(gateway->pid, SIGSTOP);
    for (int i = 0; i < n; i++)
        cr_expect_eq(status_of_call(gateway, key), 200, "call %d", i);
    cr_expect(gateway_wait(gateway, all_is_settled, &n), "nobody settles");
    kill(gateway->pid, SIGCONT);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
