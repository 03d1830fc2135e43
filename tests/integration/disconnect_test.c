/* SPDX-License-Identifier: ISC
 *
 * Callers who go away, and callers who stop reading: the upstream is cancelled at once, what was
 * produced is charged, memory stays bounded.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/socket.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

static bool
mock_is_idle(const struct gateway *gateway, void *data)
{
    (void)data;
    return gateway_mock_count(gateway, "busy") == 0;
}

static bool
mock_is_busy(const struct gateway *gateway, void *data)
{
    (void)data;
    return gateway_mock_count(gateway, "busy") > 0;
}

Test(disconnect, before_the_first_byte_the_upstream_is_cancelled_and_nothing_is_charged,
     .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 1usd");
    const struct call *call;
    int n_cancelled = 0;

    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        for (int way = 0; way < 4; way++) {
            bool is_stream = way % 2 == 1;

            if (is_stream && !call->can_stream)
                continue;
            int fd = call_begin(gateway, call, key, is_stream, "!mock:stall");

            cr_assert(gateway_wait(gateway, mock_is_busy, NULL), "%s", call->name);
            http_close(fd, way >= 2);
            cr_expect(gateway_wait(gateway, mock_is_idle, NULL), "%s: still served", call->name);
            n_cancelled++;
        }
    }
    cr_expect_eq(gateway_mock_count(gateway, "cancelled"), n_cancelled);
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cr_expect_eq(
        books_query(gateway, "SELECT count(*) FROM trace WHERE category = 'client_closed'"),
        n_cancelled);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(disconnect, in_mid_stream_what_was_streamed_is_charged_as_an_estimate, .timeout = 100)
{
    static const enum operation operations[] = {OPERATION_CHAT, OPERATION_RESPONSE,
                                                OPERATION_MESSAGE};
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 1usd");

    for (size_t i = 0; i < 3; i++) {
        const struct call *call = call_of(operations[i]);
        int fd = call_begin(gateway, call, key, true, "!mock:chunks=400,pace=10,size=4000");
        struct http_reply *reply = http_read_until(fd, "lorem");

        cr_expect_eq(reply->status, 200);
        http_reply_free(&reply);
        http_close(fd, i == 1);
        cr_expect(gateway_wait(gateway, mock_is_idle, NULL), "%s: still served", call->name);
        books_check(gateway);
    }
    cr_expect_eq(gateway_mock_count(gateway, "cancelled"), 3);
    cr_expect_eq(books_query(gateway,
                             "SELECT count(*) FROM ledger WHERE provenance = 'estimated' AND"
                             " category = 'client_closed' AND charge_nusd > 0 AND"
                             " output BETWEEN 1 AND 400"),
                 3);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static int64_t
settled_bytes(const struct gateway *gateway)
{
    int64_t before, after = -1;

    do {
        before = after;
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
        after = gateway_mock_count(gateway, "bytes_sent");
    } while (after != before);
    return after;
}

Test(backpressure, a_caller_who_stops_reading_stops_the_upstream, .timeout = 120)
{
    static const int64_t total = 48 << 20;
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, NULL, true, "!mock:chunks=6000,size=50331648");
    int fd = http_connect(gateway->port), small = 65536;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    cr_assert(http_request(fd, call->path, key, NULL, body));
    cr_assert(gateway_wait(gateway, mock_is_busy, NULL));
    int64_t sent = settled_bytes(gateway);

    cr_expect_lt(sent, total / 3, "the upstream sent %ld bytes to nobody", (long)sent);
    struct http_reply *reply = http_read(fd);

    cr_expect_eq(reply->end, HTTP_END_COMPLETE, "it goes on when the caller reads again");
    cr_expect_gt(reply->body_len, (size_t)total);
    cr_expect_not_null(strstr(reply->body, "[DONE]"));
    http_reply_free(&reply);
    http_close(fd, false);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
    free(body);
}
