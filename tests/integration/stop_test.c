/* SPDX-License-Identifier: ISC
 *
 * SIGTERM and SIGQUIT with streams under way: each of them ends properly, the outbox is flushed,
 * the exit status says so, and the next start finds the same books.
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

#define N_STREAMS 20

static void
check_stop(int signo, const char *text, bool is_patient)
{
    static const struct gateway_options options = {.settings =
                                                       "stop_timeout: 1s\ndrain_timeout: 20s\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 5usd");
    int fds[N_STREAMS];

    for (int i = 0; i < N_STREAMS; i++) {
        fds[i] = call_begin(gateway, call_of(OPERATION_CHAT), key, true, text);
        struct http_reply *reply = http_read_until(fds[i], "content\":\"You");

        cr_assert_eq(reply->status, 200);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_end(gateway, signo), 0, "it did not end with an empty outbox");
    for (int i = 0; i < N_STREAMS; i++) {
        char *rest = http_drain(fds[i], "[DONE]");

        if (is_patient)
            cr_expect(strstr(rest, "[DONE]") != NULL, "cut off: %s", rest);
        else
            cr_expect(strstr(rest, "\"error\"") != NULL, "no error event: %s", rest);
        free(rest);
        http_close(fds[i], false);
    }
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), N_STREAMS);
    gateway_restart(gateway);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(stop, term_ends_streams_within_its_timeout_and_settles_them_all, .timeout = 100)
{
    check_stop(SIGTERM, "hi !mock:stall=3", false);
}

/* The provider is in full flow: were its call not cancelled first, more content would follow. */
Test(stop, a_drain_at_its_end_cancels_the_call_before_it_tells_the_caller, .timeout = 100)
{
    static const struct gateway_options options = {.settings = "stop_timeout: 1s\n"};
    static const enum operation operations[] = {OPERATION_CHAT, OPERATION_RESPONSE,
                                                OPERATION_MESSAGE};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    int fds[3];

    for (int i = 0; i < 3; i++) {
        fds[i] = call_begin(gateway, call_of(operations[i]), key, true,
                            "!mock:chunks=100000,pace=1,size=4000000");
        struct http_reply *reply = http_read_until(fds[i], "lorem");

        cr_assert_eq(reply->status, 200);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect_eq(gateway_mock_count(gateway, "cancelled"), 3);
    for (int i = 0; i < 3; i++) {
        char *rest = http_drain(fds[i], "never said");
        const char *error = strstr(rest, "interrupted");

        cr_expect_not_null(error, "no error event");
        cr_expect(error != NULL && strstr(error, "lorem") == NULL, "content after it: %s", error);
        free(rest);
        http_close(fds[i], false);
    }
    gateway_restart(gateway);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE outcome = 'cancelled'"),
                 3);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(stop, quit_lets_streams_come_to_their_end, .timeout = 100)
{
    check_stop(SIGQUIT, "hi !mock:chunks=10,pace=200", true);
}

Test(stop, with_thousands_of_unsettled_records_none_is_lost, .timeout = 100)
{
    static const struct gateway_options options = {.settings = "ledger: {settle_interval: 10s}\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    int64_t n_ok = 0;

    for (int i = 0; i < 500; i++) {
        struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");

        n_ok += reply->status == 200;
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), n_ok);
    cr_expect_eq(n_ok, 500);
    gateway_restart(gateway);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
