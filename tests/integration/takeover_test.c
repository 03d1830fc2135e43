/* SPDX-License-Identifier: ISC
 *
 * The master is killed and relayosd is started again: nobody who has connected, or connects
 * meanwhile, notices; every answer is charged once.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include "books.h"
#include "crowd.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

/* Worker processes in any state. */
static bool
are_two_workers(const struct gateway *gateway, void *data)
{
    pid_t pids[8];

    (void)data;
    return gateway_pids(gateway, "worker", pids, 8) == 2;
}

/* More rows than at the first look, which notes how many there are. */
static bool
some_are_settled(const struct gateway *gateway, void *n)
{
    int64_t *before = n, now = books_query(gateway, "SELECT count(*) FROM ledger");

    if (*before == 0)
        *before = now;
    return now > *before;
}

Test(takeover, a_master_killed_and_replaced_costs_no_stream_no_call_and_no_charge, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd");
    struct crowd crowd;
    int fds[CROWD_STREAMS];

    crowd_open_streams(gateway, key, "hi !mock:chunks=40,pace=100", fds);
    crowd_start(&crowd, gateway, key);
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    gateway_restart(gateway);
    cr_expect(gateway_wait(gateway, gateway_logged, "takeover.drain"));
    cr_expect_eq(crowd_finish_streams(fds), CROWD_STREAMS, "a stream of the old workers was cut");
    cr_expect(gateway_wait(gateway, are_two_workers, NULL), "the old workers do not end");
    crowd_stop(&crowd);

    books_check(gateway);
    int64_t n_answers = crowd.n_ok + CROWD_STREAMS;

    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE status = 200"), n_answers);
    cr_expect_eq(gateway_mock_count(gateway, "usage_answers"), n_answers);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), n_answers);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE charge_nusd = 0"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Two generations drain when the third comes: one must make room, by a well-formed end. */
Test(takeover, a_third_generation_ends_the_oldest_and_leaves_the_second_alone, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd");
    int oldest[CROWD_STREAMS], middle[CROWD_STREAMS];

    crowd_open_streams(gateway, key, "hi !mock:chunks=300,pace=100", oldest);
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    gateway_restart(gateway);
    cr_expect(gateway_wait(gateway, gateway_logged, "takeover.drain"));
    crowd_open_streams(gateway, key, "hi !mock:chunks=100,pace=100", middle);
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    gateway_restart(gateway);
    cr_expect(gateway_wait(gateway, gateway_logged, "takeover.no_slot"));
    for (int i = 0; i < CROWD_STREAMS; i++) {
        char *rest = http_drain(oldest[i], "\"error\"");

        cr_expect_not_null(strstr(rest, "\"error\""), "no error event: %s", rest);
        free(rest);
        http_close(oldest[i], false);
    }
    cr_expect_eq(crowd_finish_streams(middle), CROWD_STREAMS,
                 "a stream of the second generation was cut");
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 2 * CROWD_STREAMS);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* The accountant that cannot end by itself must not live on beside its successor either. */
Test(takeover, a_stopped_ledger_of_the_dead_master_is_replaced, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd");
    struct crowd crowd;
    pid_t ledger;

    cr_assert_eq(gateway_pids(gateway, "ledger", &ledger, 1), 1);
    crowd_start(&crowd, gateway, key);
    kill(ledger, SIGSTOP);
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    gateway_restart(gateway);
    cr_expect(gateway_wait(gateway, gateway_logged, "takeover.ledger_killed"));
    cr_expect(gateway_wait(gateway, gateway_logged, "takeover.drain"));
    kill(ledger, SIGCONT);
    crowd_stop(&crowd);
    books_check(gateway);
    cr_expect_eq(gateway_mock_count(gateway, "usage_answers"), crowd.n_ok);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), crowd.n_ok);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Nobody hands the sockets over: they are had the hard way, and nothing is lost. */
Test(takeover, workers_that_are_stopped_are_ended, .timeout = 100)
{
    static const struct gateway_options options = {.settings = "stop_timeout: 1s\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 100000usd");
    pid_t pids[8];
    int fds[CROWD_STREAMS];

    crowd_open_streams(gateway, key, "hi !mock:stall=4", fds);
    cr_assert_eq(gateway_pids(gateway, "worker", pids, 8), 2);
    for (int i = 0; i < 2; i++)
        kill(pids[i], SIGSTOP);
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    gateway_restart(gateway);
    cr_expect(gateway_logged(gateway, "takeover.listener"));
    for (int i = 0; i < CROWD_STREAMS; i++)
        http_close(fds[i], false);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), CROWD_STREAMS);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Everything that may refuse a start comes before the first thing that it takes away. */
Test(takeover, a_start_that_is_refused_leaves_the_gateway_whole, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd");
    char program[512], command[1400];
    struct crowd crowd;

    crowd_start(&crowd, gateway, key);
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    gateway_program("relayosd", program, sizeof program);
    snprintf(command, sizeof command,
             "sed 's/^listen:/allow_plain_listen: true\\nlisten:/; "
             "s/^  - 127.0.0.1:.*/  - 192.0.2.1:80/' %s > "
             "%s/bad.yaml; GATEWAY_CREDENTIAL=%s"
             " %s -c %s/bad.yaml > %s/bad.log 2>&1",
             gateway->config, gateway->dir, GATEWAY_CREDENTIAL, program, gateway->dir,
             gateway->dir);
    int status = system(command);

    cr_expect_eq(WEXITSTATUS(status), 4, "%d", status);
    cr_expect(gateway_wait(gateway, some_are_settled, &(int64_t){0}), "the old ledger is gone");
    gateway_restart(gateway);
    cr_expect(gateway_wait(gateway, gateway_logged, "takeover.drain"));
    crowd_stop(&crowd);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), crowd.n_ok);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(takeover, a_stop_ends_adopted_workers_too, .timeout = 100)
{
    static const struct gateway_options options = {.settings = "stop_timeout: 1s\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 100000usd");
    int fds[CROWD_STREAMS];

    crowd_open_streams(gateway, key, "hi !mock:chunks=300,pace=100", fds);
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    gateway_restart(gateway);
    cr_expect(gateway_wait(gateway, gateway_logged, "takeover.drain"));
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0, "it did not end with an empty outbox");
    for (int i = 0; i < CROWD_STREAMS; i++) {
        char *rest = http_drain(fds[i], "\"error\"");

        cr_expect_not_null(strstr(rest, "\"error\""), "no error event: %s", rest);
        free(rest);
        http_close(fds[i], false);
    }
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), CROWD_STREAMS);
    gateway_restart(gateway);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
