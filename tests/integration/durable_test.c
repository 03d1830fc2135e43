/* SPDX-License-Identifier: ISC
 *
 * ledger.durability: under power no answer's last bytes leave before its row is committed; under
 * strict no call is made before a note of it is, and after a power cut (here: everything killed and
 * the segment gone) each call that was open has an indeterminate row.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define QUIET_MS 100 /* of a connection on which the end of an answer must not come */
#define N_OPEN   4

static struct gateway *
start(const char *mode)
{
    char settings[128];
    struct gateway_options options = {.settings = settings};

    /* Settled when somebody waits, or not at all while a test runs. */
    snprintf(settings, sizeof settings, "ledger: {durability: %s, settle_interval: 60s}\n", mode);
    return gateway_start(&options);
}

static pid_t
ledger_of(const struct gateway *gateway)
{
    pid_t pid;

    cr_assert_eq(gateway_pids(gateway, "ledger", &pid, 1), 1);
    return pid;
}

/* What the mock was asked has been answered, down to its last byte. */
static bool
mock_has_finished(const struct gateway *gateway, void *data)
{
    return gateway_mock_count(gateway, "finished") >= *(int64_t *)data;
}

static bool
mock_was_asked(const struct gateway *gateway, void *data)
{
    return gateway_mock_count(gateway, "requests") >= *(int64_t *)data;
}

static bool
another_ledger_serves(const struct gateway *gateway, void *data)
{
    pid_t now;

    return gateway_pids(gateway, "ledger", &now, 1) == 1 && now != *(pid_t *)data;
}

static void
call_all(const struct gateway *gateway, const char *key)
{
    int64_t n = 0;

    for (size_t i = 0; call_at(i) != NULL; i++) {
        for (int is_stream = 0; is_stream <= call_at(i)->can_stream; is_stream++) {
            struct http_reply *reply = call_make(gateway, call_at(i), key, is_stream != 0, "hi");

            cr_expect_eq(reply->status, 200, "%s: %s", call_at(i)->name, reply->body);
            cr_expect_eq(reply->end, HTTP_END_COMPLETE, "%s", call_at(i)->name);
            if (is_stream)
                cr_expect_not_null(strstr(reply->body, call_at(i)->end_event));
            http_reply_free(&reply);
            n++;
            /* Nobody has settled but for this answer. */
            cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), n);
        }
    }
}

Test(durable, under_power_an_answer_that_is_whole_has_its_row, .timeout = 60)
{
    struct gateway *gateway = start("power");
    char *key = gateway_key(gateway, "--quota 1usd");

    call_all(gateway, key);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM intent"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(durable, under_strict_it_has_a_row_and_no_note_is_left, .timeout = 60)
{
    struct gateway *gateway = start("strict");
    char *key = gateway_key(gateway, "--quota 1usd");

    call_all(gateway, key);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM intent"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Errors are answers as well: what was called upstream and failed has its row. */
Test(durable, an_error_is_held_back_too, .timeout = 60)
{
    struct gateway *gateway = start("power");
    char *key = gateway_key(gateway, "");
    struct http_reply *reply =
        call_make(gateway, call_of(OPERATION_CHAT), key, false, "!mock:status=500");

    cr_expect_eq(reply->status, 502);
    http_reply_free(&reply);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 1);
    reply = call_make(gateway, call_of(OPERATION_CHAT), key, true, "!mock:cut=5,chunks=20");
    cr_expect_eq(reply->status, 200);
    cr_expect_not_null(strstr(reply->body, "stream_interrupted"), "%s", reply->body);
    http_reply_free(&reply);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 2);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* The ledger is killed between DONE and its commit. */
static void
kill_ledger_before_it_commits(const char *mode)
{
    struct gateway *gateway = start(mode);
    char *key = gateway_key(gateway, "");
    const struct call *call = call_of(OPERATION_MESSAGE);
    /* The first events come before, so that the call is made in either mode. */
    int stream = call_begin(gateway, call, key, true, "!mock:chunks=20,pace=50");
    struct http_reply *head = http_read_until(stream, "content_block_delta");
    int whole = call_begin(gateway, call, key, false, "!mock:slow=300");
    int64_t n = 2;

    cr_assert(gateway_wait(gateway, mock_was_asked, &n));
    pid_t ledger = ledger_of(gateway);
    kill(ledger, SIGSTOP);
    cr_assert(gateway_wait(gateway, mock_has_finished, &n));
    char *middle = http_drain(stream, "message_delta");
    cr_expect_null(strstr(middle, "message_stop"), "%s", middle);
    cr_expect(http_is_quiet(stream, QUIET_MS), "the end of a stream, and no row");
    cr_expect(http_is_quiet(whole, QUIET_MS), "an answer, and no row");
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 0);

    kill(ledger, SIGKILL);
    char *end = http_drain(stream, "message_stop");
    struct http_reply *reply = http_read(whole);
    cr_expect_not_null(strstr(end, "message_stop"), "%s", end);
    cr_expect_eq(reply->status, 200);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE charge_nusd > 0"), 2);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM intent"), 0);
    cr_expect(gateway_wait(gateway, another_ledger_serves, &ledger));
    http_reply_free(&head);
    http_reply_free(&reply);
    free(middle);
    free(end);
    http_close(stream, false);
    http_close(whole, false);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(durable, under_power_a_dead_ledgers_successor_lets_the_answers_go, .timeout = 60)
{
    kill_ledger_before_it_commits("power");
}

Test(durable, under_strict_a_dead_ledgers_successor_lets_the_answers_go, .timeout = 60)
{
    kill_ledger_before_it_commits("strict");
}

Test(durable, a_caller_who_leaves_while_it_waits_is_charged_all_the_same, .timeout = 60)
{
    struct gateway *gateway = start("power");
    char *key = gateway_key(gateway, "");
    pid_t ledger = ledger_of(gateway);
    int64_t n = 1;

    kill(ledger, SIGSTOP);
    int fd = call_begin(gateway, call_of(OPERATION_CHAT), key, false, "hi");
    cr_assert(gateway_wait(gateway, mock_has_finished, &n));
    cr_expect(http_is_quiet(fd, QUIET_MS));
    http_close(fd, true);
    kill(ledger, SIGCONT);
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE charge_nusd > 0"), 1);
    gateway_restart(gateway);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static bool
are_in_flight(const struct gateway *gateway, void *n)
{
    cJSON *top = gateway_ctl(gateway, "top");
    bool are = json_int(top, "n_flights") == *(const int *)n;

    cJSON_Delete(top);
    return are;
}

Test(durable, under_strict_nothing_is_sent_before_its_note_is_durable, .timeout = 60)
{
    struct gateway *gateway = start("strict");
    char *key = gateway_key(gateway, "");
    pid_t ledger = ledger_of(gateway);

    kill(ledger, SIGSTOP);
    int stays = call_begin(gateway, call_of(OPERATION_CHAT), key, false, "hi");
    int leaves = call_begin(gateway, call_of(OPERATION_CHAT), key, false, "hi");
    cr_assert(gateway_wait(gateway, are_in_flight, &(int){2}));
    cr_expect(http_is_quiet(stays, QUIET_MS));
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    http_close(leaves, true);
    kill(ledger, SIGCONT);
    struct http_reply *reply = http_read(stays);
    cr_expect_eq(reply->status, 200);
    http_reply_free(&reply);
    http_close(stays, false);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE charge_nusd > 0"), 1);
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance = 'none'"), 1);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM intent"), 0);
    gateway_restart(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(durable, power_wait_bounds_how_long_an_answer_is_held, .timeout = 60)
{
    const struct gateway_options options = {
        .settings = "ledger: {durability: power, settle_interval: 60s, power_wait: 100ms}\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    pid_t ledger = ledger_of(gateway);

    kill(ledger, SIGSTOP);
    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");
    cr_expect_eq(reply->status, 200);
    http_reply_free(&reply);
    reply = call_make(gateway, call_of(OPERATION_CHAT), key, true, "hi");
    cr_expect_not_null(strstr(reply->body, "[DONE]"), "%s", reply->body);
    http_reply_free(&reply);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 0);
    kill(ledger, SIGCONT);
    cr_expect(gateway_logged(gateway, "ledger.slow request_id="), "it is not in the log");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Everything ends at once, and what was in memory is gone. */
static void
cut_power(struct gateway *gateway)
{
    pid_t pids[16];
    char path[64];
    int n = gateway_pids(gateway, "worker", pids, 8);

    n += gateway_pids(gateway, "ledger", pids + n, 1);
    kill(gateway->pid, SIGSTOP); /* it must start none of them again */
    for (int i = 0; i < n; i++)
        kill(pids[i], SIGKILL);
    gateway_end(gateway, SIGKILL);
    snprintf(path, sizeof path, "/dev/shm/relayos.test-%d", gateway->port);
    cr_assert_eq(unlink(path), 0);
}

Test(durable, under_strict_calls_that_a_power_cut_left_open_are_known, .timeout = 60)
{
    struct gateway *gateway = start("strict");
    char *key = gateway_key(gateway, "--quota 1usd"), command[256];
    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");
    int64_t n = 1 + N_OPEN;
    int fds[N_OPEN];

    cr_expect_eq(reply->status, 200);
    http_reply_free(&reply);
    for (int i = 0; i < N_OPEN; i++)
        fds[i] = call_begin(gateway, call_of(OPERATION_CHAT), key, i % 2 != 0, "!mock:stall");
    cr_assert(gateway_wait(gateway, mock_was_asked, &n));
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM intent"), N_OPEN);
    cut_power(gateway);
    for (int i = 0; i < N_OPEN; i++)
        http_close(fds[i], true);

    gateway_restart(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM intent"), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 1 + N_OPEN);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"
                                      " WHERE provenance = 'indeterminate' AND charge_nusd = 0"
                                      " AND reserved_nusd > 0 AND endpoint LIKE '%chat%'"),
                 N_OPEN);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM trace"), 1 + N_OPEN);
    snprintf(command, sizeof command, "grep -q 'ledger.open_calls.*n=%d' %s", N_OPEN, gateway->log);
    cr_expect_eq(system(command), 0, "the operator is not told");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Killed without a power cut, the segment says what became of them: no second row. */
Test(durable, under_strict_calls_whose_flights_live_have_one_row, .timeout = 60)
{
    struct gateway *gateway = start("strict");
    char *key = gateway_key(gateway, "");
    int fd = call_begin(gateway, call_of(OPERATION_CHAT), key, false, "!mock:slow=500");
    pid_t ledger;
    int64_t n = 1;

    cr_assert(gateway_wait(gateway, mock_was_asked, &n));
    ledger = ledger_of(gateway);
    kill(ledger, SIGKILL);
    cr_expect(gateway_wait(gateway, another_ledger_serves, &ledger));
    struct http_reply *reply = http_read(fd);
    cr_expect_eq(reply->status, 200);
    http_reply_free(&reply);
    http_close(fd, false);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 1);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM intent"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* LI-02 under power: what is answered again is held back as well. */
Test(durable, a_replay_has_its_row_too, .timeout = 60)
{
    struct gateway *gateway = start("power");
    char *key = gateway_key(gateway, "");
    char *body = call_body(call_of(OPERATION_CHAT), NULL, false, "hi");

    for (int i = 1; i <= 3; i++) {
        struct http_reply *reply =
            http_call(gateway->port, "/v1/chat/completions", key, "idempotency-key: 1\r\n", body);

        cr_expect_eq(reply->status, 200);
        cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), i);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 1);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(key);
}

/* A stop does not wait for a ledger that is stuck: the caller is cut off, and charged. */
Test(durable, a_worker_ends_with_answers_that_wait, .timeout = 60)
{
    const struct gateway_options options = {.settings =
                                                "ledger: {durability: power}\nstop_timeout: 1s\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    pid_t ledger = ledger_of(gateway);
    int64_t n = 2;

    kill(ledger, SIGSTOP);
    int whole = call_begin(gateway, call_of(OPERATION_CHAT), key, false, "hi");
    int stream = call_begin(gateway, call_of(OPERATION_CHAT), key, true, "hi");
    cr_assert(gateway_wait(gateway, mock_has_finished, &n));
    kill(gateway->pid, SIGTERM);
    struct http_reply *reply = http_read(whole);
    char *streamed = http_drain(stream, "[DONE]");
    cr_expect_eq(reply->status, 0);
    cr_expect_null(strstr(streamed, "[DONE]"), "%s", streamed);
    kill(ledger, SIGCONT);
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE charge_nusd > 0"), 2);
    http_reply_free(&reply);
    free(streamed);
    http_close(whole, false);
    http_close(stream, false);
    gateway_restart(gateway);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* CK-07, LI-07: in each mode what does not fit is refused with a word of when, and nothing is lost.
 */
Test(durable, a_full_outbox_refuses_with_retry_after_and_an_alarm, .timeout = 100)
{
    struct gateway *gateway = start("process");
    char *key = gateway_key(gateway, ""), value[16];
    pid_t ledger = ledger_of(gateway);
    struct http_reply *reply;
    int64_t n = 0;

    kill(ledger, SIGSTOP);
    for (;; n++) {
        reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");
        if (reply->status != 200 || n == 5000)
            break;
        http_reply_free(&reply);
    }
    cr_expect_eq(reply->status, 503);
    cr_expect_not_null(strstr(reply->body, "ledger_unavailable"), "%s", reply->body);
    cr_expect(http_header(reply, "retry-after", value, sizeof value) && atoi(value) >= 1);
    http_reply_free(&reply);
    cr_expect(gateway_wait(gateway, gateway_logged, "error.*child.silent role=ledger"),
              "nobody is told");
    kill(ledger, SIGCONT);
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE charge_nusd > 0"), n);
    gateway_restart(gateway);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
