/* SPDX-License-Identifier: ISC
 *
 * Packed bodies: RelayOS takes none and asks for none, at every endpoint. What is sent to it so is
 * refused before anything is unpacked, charged or passed on; what an upstream sends so all the same
 * is no answer, however much would come out of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "memory.h"
#include "rig.h"

static void
start(void)
{
    rig_start(&(struct gateway_options){.workers = 1, .settings = ROUTES_NO_BREAKER});
}

TestSuite(encoding, .init = start, .fini = rig_stop, .timeout = 120);

Test(encoding, a_packed_request_is_refused_everywhere_and_nothing_passed_on)
{
    static const struct {
        const char *value;
        int status;
    } cases[] = {{"gzip", 415},    {"x-gzip", 415},   {"br", 415},
                 {"deflate", 415}, {"zstd", 415},     {"identity, gzip", 415},
                 {"GZIP ", 415},   {"identity", 200}, {" Identity", 200}};
    const struct call *call;

    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            int64_t before = gateway_mock_count(gateway, "requests");
            char header[64], *body = call_body(call, NULL, false, "hi");

            snprintf(header, sizeof header, "Content-Encoding: %s\r\n", cases[i].value);
            struct http_reply *reply = http_call(gateway->port, call->path, key, header, body);
            cr_expect_eq(reply->status, cases[i].status, "%s, %s: %d %s", call->name,
                         cases[i].value, reply->status, reply->body);
            cr_expect(gateway_mock_count(gateway, "requests") == before || reply->status == 200,
                      "%s, %s: passed on", call->name, cases[i].value);
            http_reply_free(&reply);
            free(body);
        }
    }
}

/* What is only counted has an answer of our own. */
static bool
is_counted(const struct call *call)
{
    return call->operation == OPERATION_COUNT_TOKENS || call->operation == OPERATION_INPUT_TOKENS;
}

/* And the first are as long as one that is a bomb. */
Test(encoding, a_packed_answer_is_none_and_costs_no_memory)
{
    const struct call *call;
    pid_t worker;

    cr_assert_eq(gateway_pids(gateway, "worker", &worker, 1), 1);
    int64_t before = memory_resident(worker);
    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        for (int is_stream = 0; is_stream <= call->can_stream; is_stream++) {
            struct http_reply *reply = call_make(
                gateway, call, key, is_stream, n == 0 ? "!mock:gzip,size=16777216" : "!mock:gzip");

            cr_expect_eq(reply->status, is_counted(call) ? 200 : 502, "%s %d: %d %s", call->name,
                         is_stream, reply->status, reply->body);
            cr_expect_null(strstr(reply->body, "canary"), "%s", reply->body);
            http_reply_free(&reply);
            char *seen = gateway_mock_last(gateway);
            cr_expect_not_null(strcasestr(seen, "accept-encoding: identity\r\n"), "%s", seen);
            free(seen);
        }
    }
    cr_expect(!MEMORY_IS_TELLING || memory_peak(worker) < before + MEMORY_SLACK, "%lld, was %lld",
              (long long)memory_peak(worker), (long long)before);
}
