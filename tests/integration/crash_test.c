/* SPDX-License-Identifier: ISC
 *
 * Processes that are killed: the others go on, the dead one is replaced, the books stay right.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

struct generation {
    const char *role;
    int n;
    pid_t pids[8];
};

/* As many of the role as before, and none of those from before. */
static bool
is_replaced(const struct gateway *gateway, void *data)
{
    struct generation *before = data, now = {.role = before->role};

    now.n = gateway_pids(gateway, now.role, now.pids, 8);
    for (int i = 0; i < now.n; i++) {
        for (int j = 0; j < before->n; j++) {
            if (now.pids[i] == before->pids[j])
                return false;
        }
    }
    return now.n == before->n;
}

static bool
serves(const struct gateway *gateway, void *data)
{
    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), data, false, "hi");
    bool is_ok = reply->status == 200;

    http_reply_free(&reply);
    return is_ok;
}

Test(crash, workers_killed_in_mid_stream_are_replaced_and_their_flights_settled, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 5usd");
    struct generation workers = {.role = "worker"};
    int fds[6];

    for (int i = 0; i < 6; i++) {
        fds[i] = call_begin(gateway, call_of(i % 2 == 0 ? OPERATION_CHAT : OPERATION_MESSAGE), key,
                            true, i < 4 ? "hi !mock:stall=4" : "hi !mock:stall");
        if (i < 4) {
            struct http_reply *reply = http_read_until(fds[i], "data: ");

            cr_assert_eq(reply->status, 200);
            http_reply_free(&reply);
        }
    }
    workers.n = gateway_pids(gateway, "worker", workers.pids, 8);
    cr_assert_eq(workers.n, 2);
    for (int i = 0; i < workers.n; i++)
        kill(workers.pids[i], SIGKILL);
    cr_expect(gateway_wait(gateway, is_replaced, &workers), "the workers are not replaced");
    cr_expect(gateway_wait(gateway, serves, key));
    for (int i = 0; i < 6; i++)
        http_close(fds[i], false);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(crash, one_worker_killed_does_not_touch_the_streams_of_the_other, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    struct generation workers = {.role = "worker"};
    int fds[16], n_complete = 0;

    for (int i = 0; i < 16; i++) {
        fds[i] =
            call_begin(gateway, call_of(OPERATION_CHAT), key, true, "hi !mock:chunks=20,pace=100");
        struct http_reply *reply = http_read_until(fds[i], "data: ");

        http_reply_free(&reply);
    }
    workers.n = gateway_pids(gateway, "worker", workers.pids, 8);
    kill(workers.pids[0], SIGKILL);
    for (int i = 0; i < 16; i++) {
        char *rest = http_drain(fds[i], "[DONE]");

        n_complete += strstr(rest, "[DONE]") != NULL;
        free(rest);
        http_close(fds[i], false);
    }
    cr_expect_gt(n_complete, 0, "all streams ended with one worker");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(crash, the_ledger_killed_under_load_loses_and_doubles_nothing, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100usd");
    struct generation ledger = {.role = "ledger"};
    int64_t n_ok = 0;

    for (int round = 0; round < 3; round++) { /* five in a minute are a crash loop: it would wait */
        ledger.n = gateway_pids(gateway, "ledger", ledger.pids, 8);
        cr_assert_eq(ledger.n, 1);
        for (int i = 0; i < 200; i++) {
            if (i == 100)
                kill(ledger.pids[0], SIGKILL);
            n_ok += serves(gateway, key);
        }
        cr_expect(gateway_wait(gateway, is_replaced, &ledger), "the ledger is not replaced");
    }
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE status = 200"), n_ok);
    cr_expect_eq(gateway_mock_count(gateway, "usage_answers"), n_ok);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(crash, workers_serve_on_without_their_master, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    pid_t pids[8];
    int n = gateway_pids(gateway, "worker", pids, 8);

    n += gateway_pids(gateway, "ledger", pids + n, 8 - n);
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    for (int i = 0; i < 20; i++)
        cr_expect(serves(gateway, key), "request %d after the master's death", i);
    gateway_restart(gateway);
    cr_expect(gateway_wait(gateway, serves, key));
    for (int i = 0; i < n; i++) /* those a new master did not take over */
        kill(pids[i], SIGTERM);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
