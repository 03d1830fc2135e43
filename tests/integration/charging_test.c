/* SPDX-License-Identifier: ISC
 *
 * The rules of CHARGING in relayos-api(7), one test each, by the rule's name: over all endpoints
 * and both ways of answering where it applies (LI-13, QE-03, QE-04).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "http.h"
#include "json.h"
#include "rig.h"

#define N_INPUT  100
#define N_OUTPUT 10
/* What the text of a request makes the mock report, and what that costs. */
#define USED      "in=100,out=10"
#define INPUT     ((int64_t)N_INPUT * GATEWAY_INPUT_NUSD)
#define OUTPUT    ((int64_t)N_OUTPUT * GATEWAY_OUTPUT_NUSD)
#define ONE_TOKEN ((int64_t)GATEWAY_OUTPUT_NUSD) /* what message_start says of the output */

/* The ways of asking that cost something: (endpoint, plain or stream). NULL past the end. */
static const struct call *
way_at(size_t n, bool *is_stream)
{
    const struct call *call;

    for (size_t i = 0; (call = call_at(i / 2)) != NULL; i++) {
        *is_stream = i % 2 == 1;
        if (dialect_operation_counts(call->operation) || (*is_stream && !call->can_stream))
            continue;
        if (n-- == 0)
            return call;
    }
    return NULL;
}

static int64_t
cost_of(const struct call *call)
{
    return INPUT + (call->operation == OPERATION_EMBEDDING ? 0 : OUTPUT);
}

/* One request; text goes to the mock. The status. */
static int
ask(const struct call *call, const char *model, bool is_stream, const char *text)
{
    char *body = call_body(call, model, is_stream, text);
    struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);
    int status = reply->status;

    http_reply_free(&reply);
    free(body);
    return status;
}

/* All ways with the same text; how many. Each must end with a status of this hundred. */
static int
ask_all(const char *text, int hundred)
{
    const struct call *call;
    bool is_stream;
    int n = 0;

    for (; (call = way_at((size_t)n, &is_stream)) != NULL; n++) {
        int status = ask(call, NULL, is_stream, text);

        cr_expect_eq(status / 100, hundred, "%s %s: %d", call->name, text, status);
    }
    cr_assert_gt(n, 8);
    return n;
}

static int64_t
n_rows(const char *where)
{
    char sql[512];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM ledger WHERE %s", where);
    return books_query(gateway, sql);
}

static int64_t
operators_cost(void)
{
    return books_query(gateway, "SELECT coalesce(sum(cost_nusd), 0) FROM ledger");
}

static bool
is_idle(const struct gateway *it, void *data)
{
    (void)data;
    return gateway_mock_count(it, "busy") == 0;
}

static bool
is_busy(const struct gateway *it, void *data)
{
    (void)data;
    return gateway_mock_count(it, "busy") > 0;
}

static bool
is_settled(const struct gateway *it, void *data)
{
    return books_n_rows(it) == *(const int64_t *)data;
}

/* ---- answers ---- */

Test(charging, complete_answer, .timeout = 60)
{
    const struct call *call;
    int64_t due = 0;
    bool is_stream;

    rig_start(NULL);
    int n = ask_all("!mock:" USED, 2);
    for (size_t i = 0; (call = way_at(i, &is_stream)) != NULL; i++)
        due += cost_of(call);
    cr_expect_eq(books_charged_nusd(gateway), due);
    cr_expect_eq(operators_cost(), due);
    cr_expect_eq(n_rows("provenance = 'reported'"), n);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE provenance = 'reported'"
                                      " AND input = 100 AND cost_nusd > 0"),
                 n);
    rig_stop();
}

Test(charging, explicit_zero, .timeout = 60)
{
    rig_start(NULL);
    int n = ask_all("!mock:in=0,out=0", 2);

    books_check(gateway);
    /* A stream of Messages reports a token of output at its start; the last report is 0. */
    cr_expect_eq(n_rows("charge_nusd = 0 AND provenance = 'reported'"), n);
    rig_stop();
}

Test(charging, unreported_answer, .timeout = 60)
{
    const struct call *call;
    int n_without_output = 0;
    bool is_stream;

    rig_start(NULL);
    int n = ask_all("!mock:no-usage,size=4000", 2);

    for (size_t i = 0; (call = way_at(i, &is_stream)) != NULL; i++)
        n_without_output +=
            call->operation == OPERATION_EMBEDDING || call->operation == OPERATION_COMPACTION;
    books_check(gateway);
    cr_expect_eq(n_rows("charge_nusd > 0 AND provenance = 'estimated' AND input > 0"), n);
    cr_expect_eq(n_rows("output BETWEEN 990 AND 1010"), n - n_without_output);
    rig_stop();
}

/* The prompt was counted, and of the answer nothing is said. */
Test(charging, unreported_answer_of_a_reported_prompt, .timeout = 60)
{
    const struct call *call;
    int n_with_output = 0;
    bool is_stream;

    rig_start(NULL);
    ask_all("!mock:bad-usage=half,in=100,size=4000", 2);
    for (size_t i = 0; (call = way_at(i, &is_stream)) != NULL; i++)
        n_with_output +=
            call->operation != OPERATION_EMBEDDING && call->operation != OPERATION_COMPACTION;
    books_check(gateway);
    cr_expect_eq(n_rows("provenance = 'estimated' AND input = 100 AND output BETWEEN 990 AND 1010"),
                 n_with_output);
    rig_stop();
}

Test(charging, last_report, .timeout = 60)
{
    rig_start(NULL);
    cr_expect_eq(ask(call_of(OPERATION_MESSAGE), NULL, true, "!mock:" USED), 200);
    cr_expect_eq(ask(call_of(OPERATION_MESSAGE), NULL, true, "!mock:in=100,out=0"), 200);
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), 2 * INPUT + OUTPUT);
    rig_stop();
}

Test(charging, impossible_usage, .timeout = 120)
{
    static const char *const bad[] = {"negative", "huge", "text",   "float", "2^63",
                                      "1e300",    "list", "object", "true"};
    const struct call *call;
    char text[64];
    bool is_stream;
    int n = 0;

    rig_start(NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "!mock:bad-usage=%s", bad[i]);
        n += ask_all(text, 2);
    }
    books_check(gateway);
    cr_expect_eq(n_rows("provenance = 'invalid'"), n);
    cr_expect_eq(n_rows("charge_nusd < 0 OR cost_nusd < 0 OR charge_nusd > reserved_nusd OR"
                        " input < 0 OR output < 0"),
                 0);
    n += ask_all("!mock:bad-usage=null", 2); /* says nothing, and nothing impossible */
    for (size_t i = 0; (call = way_at(i, &is_stream)) != NULL; i++, n++)
        ask(call, NULL, is_stream, "!mock:bad-usage=twice"); /* some are no JSON by our measure */
    books_check(gateway);
    cr_expect_eq(n_rows("1"), n);
    cr_expect_eq(n_rows("charge_nusd < 0 OR charge_nusd > reserved_nusd"), 0);
    rig_stop();
}

Test(charging, contradictory_usage, .timeout = 60)
{
    int64_t due = (int64_t)N_INPUT * GATEWAY_CACHED_NUSD + OUTPUT;

    rig_start(NULL);
    for (int way = 0; way < 4; way++)
        cr_expect_eq(ask(call_of(way < 2 ? OPERATION_CHAT : OPERATION_RESPONSE), NULL, way % 2 == 1,
                         "!mock:bad-usage=parts," USED),
                     200);
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), 4 * due);
    cr_expect_eq(n_rows("provenance = 'reported' AND reasoning = output"), 4);
    rig_stop();
}

Test(charging, counting_tokens, .timeout = 60)
{
    rig_start(NULL);
    cr_expect_eq(ask(call_of(OPERATION_COUNT_TOKENS), NULL, false, "how many?"), 200);
    books_check(gateway);
    cr_expect_eq(n_rows("charge_nusd = 0 AND cost_nusd = 0 AND provenance = 'reported'"), 1);
    rig_stop();
}

/* ---- failures ---- */

Test(charging, failed_before_usage, .timeout = 120)
{
    rig_start(NULL);
    int n = ask_all("!mock:status=500", 5);

    books_check(gateway);
    cr_expect_eq(n_rows("charge_nusd = 0 AND cost_nusd = 0 AND provenance = 'none'"), n);
    rig_stop();
}

/* Only a stream of Messages says what it uses before it says anything else. */
Test(charging, failed_before_content, .timeout = 60)
{
    rig_start(NULL);
    cr_expect_eq(ask(call_of(OPERATION_MESSAGE), NULL, true, "!mock:error-event=2,in=100") / 100,
                 5);
    books_check(gateway);
    cr_expect_eq(n_rows("charge_nusd = 0 AND provenance = 'none'"), 1);
    cr_expect_eq(operators_cost(), INPUT + ONE_TOKEN, "the provider will have it paid");
    rig_stop();
}

Test(charging, other_attempt, .timeout = 60)
{
    static const struct gateway_options options = {
        .models = "  counted:\n    price: {input: 2.00, output: 8.00}\n    routes:\n"
                  "      - {upstream: canary-anthropic, model: \"a!error-event=2!in=100\", tier: 0,"
                  " cost: {input: 1.00, output: 4.00}}\n"
                  "      - {upstream: canary-anthropic, model: b, tier: 1}\n"
                  "  silent:\n    price: {input: 2.00, output: 8.00}\n    routes:\n"
                  "      - {upstream: canary-openai, model: \"a!status=500\", tier: 0}\n"
                  "      - {upstream: canary-anthropic, model: \"a!status=500\", tier: 0}\n"
                  "      - {upstream: canary-openai, model: b, tier: 1}\n"
                  "      - {upstream: canary-anthropic, model: b, tier: 1}\n"};
    const struct call *call;
    int64_t due = 0;
    bool is_stream;

    rig_start(&options);
    for (size_t i = 0; (call = way_at(i, &is_stream)) != NULL; i++) {
        cr_expect_eq(ask(call, "silent", is_stream, "!mock:" USED), 200, "%s", call->name);
        due += cost_of(call);
    }
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), due);
    cr_expect_eq(operators_cost(), due, "an attempt that says nothing costs nothing");

    cr_expect_eq(ask(call_of(OPERATION_MESSAGE), "counted", true, "!mock:" USED), 200);
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), due + INPUT + OUTPUT, "charged once");
    cr_expect_eq(operators_cost(), due + INPUT + OUTPUT + (INPUT + ONE_TOKEN) / 2, "paid twice");
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger AS l WHERE cost_nusd <>"
                                      " (SELECT sum(cost_nusd) FROM attempt AS a"
                                      " WHERE a.request_id = l.request_id)"),
                 0);
    rig_stop();
}

Test(charging, stand_in, .timeout = 60)
{
    static const struct gateway_options options = {
        .settings = "health: {breaker_failures: 0}\nfailover: {retry_min: 100000}\n",
        .models = "  asked:\n    price: {input: 2.00, output: 8.00}\n    fallback: [cheap]\n"
                  "    routes: [{upstream: canary-openai, model: \"a!status=500\"},"
                  " {upstream: canary-anthropic, model: \"a!status=500\"}]\n"
                  "  cheap:\n    price: {input: 0.20, output: 0.80}\n"
                  "    routes: [{upstream: canary-openai}, {upstream: canary-anthropic}]\n"};
    const struct call *call;
    int64_t due = 0;
    bool is_stream;

    rig_start(&options);
    for (size_t i = 0; (call = way_at(i, &is_stream)) != NULL; i++) {
        cr_expect_eq(ask(call, "asked", is_stream, "!mock:" USED), 200, "%s", call->name);
        due += cost_of(call);
    }
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), due, "at the price of what was asked for");
    cr_expect_eq(operators_cost(), due / 10, "at the cost of what has answered");
    rig_stop();
}

Test(charging, unknown_outcome, .timeout = 120)
{
    static const struct gateway_options options = {.settings = "health: {breaker_failures: 0}\n"};

    rig_start(&options);
    int n = ask_all("!mock:cut=0", 5);

    books_check(gateway);
    cr_expect_eq(n_rows("charge_nusd = 0 AND provenance = 'indeterminate'"), n);
    cJSON *seen = gateway_ctl(gateway, "request list --provenance indeterminate");

    cr_expect_eq(cJSON_GetArraySize(json_at(seen, "requests")), n, "the operator sees them");
    cJSON_Delete(seen);
    seen = gateway_ctl(gateway, "request list --provenance reported");
    cr_expect_eq(cJSON_GetArraySize(json_at(seen, "requests")), 0);
    cJSON_Delete(seen);
    rig_stop();
}

Test(charging, interrupted_stream, .timeout = 120)
{
    const struct call *call;
    bool is_stream;
    int n = 0;

    rig_start(NULL);
    for (size_t i = 0; (call = way_at(i, &is_stream)) != NULL; i++) {
        if (!is_stream)
            continue;
        cr_expect_eq(ask(call, NULL, true, "!mock:cut=7,in=100,chunks=40,size=4000"), 200);
        n++;
    }
    books_check(gateway);
    cr_expect_eq(n_rows("provenance = 'estimated' AND category = 'stream_interrupted' AND"
                        " charge_nusd > 0 AND input > 0 AND output BETWEEN 20 AND 250"),
                 n);
    rig_stop();
}

/* ---- callers who hang up ---- */

Test(charging, gone_before_first_byte, .timeout = 100)
{
    const struct call *call;
    bool is_stream;
    size_t n = 0;

    rig_start(NULL);
    for (; (call = way_at(n, &is_stream)) != NULL; n++) {
        int fd = call_begin(gateway, call, key, is_stream, "!mock:stall");

        cr_assert(gateway_wait(gateway, is_busy, NULL), "%s", call->name);
        http_close(fd, n % 2 == 1);
        cr_expect(gateway_wait(gateway, is_idle, NULL), "%s: still served", call->name);
    }
    books_check(gateway);
    cr_expect_eq(n_rows("charge_nusd = 0 AND cost_nusd = 0 AND category = 'client_closed'"),
                 (int64_t)n);
    rig_stop();
}

/* All streams, each left after its first words; how many. */
static int
leave_all(const char *text)
{
    const struct call *call;
    bool is_stream;
    int n = 0;

    for (size_t i = 0; (call = way_at(i, &is_stream)) != NULL; i++) {
        if (!is_stream)
            continue;
        int fd = call_begin(gateway, call, key, true, text);
        struct http_reply *reply = http_read_until(fd, "lorem");

        cr_expect_eq(reply->status, 200);
        http_reply_free(&reply);
        http_close(fd, n % 2 == 1);
        cr_expect(gateway_wait(gateway, is_idle, NULL), "%s: still served", call->name);
        n++;
    }
    books_check(gateway);
    return n;
}

Test(charging, gone_in_mid_stream, .timeout = 100)
{
    rig_start(NULL);
    int n = leave_all("!mock:chunks=400,pace=10,size=4000,in=100,out=1000");

    cr_expect_eq(gateway_mock_count(gateway, "cancelled"), n);
    cr_expect_eq(n_rows("provenance = 'estimated' AND category = 'client_closed' AND"
                        " charge_nusd > 0 AND cost_nusd = charge_nusd AND"
                        " output BETWEEN 1 AND 900"),
                 n);
    rig_stop();
}

Test(charging, gone_in_mid_stream_and_read_on, .timeout = 100)
{
    static const struct gateway_options options = {.settings = "limits: {on_client_gone: drain}\n"};

    rig_start(&options);
    int n = leave_all("!mock:chunks=30,pace=10,size=4000," USED);

    cr_expect_eq(gateway_mock_count(gateway, "cancelled"), 0);
    cr_expect_eq(n_rows("provenance = 'reported' AND category = 'client_closed'"), n);
    cr_expect_eq(books_charged_nusd(gateway), n * (INPUT + OUTPUT));
    cr_expect_eq(operators_cost(), n * (INPUT + OUTPUT));
    rig_stop();
}

Test(charging, gone_in_mid_stream_and_read_on_within_bounds, .timeout = 100)
{
    static const struct gateway_options in_bytes = {
        .settings = "limits: {on_client_gone: drain, client_gone_bytes: 4KiB}\n"};
    static const struct gateway_options in_time = {
        .settings = "limits: {on_client_gone: drain, client_gone_time: 100ms}\n"};

    for (int i = 0; i < 2; i++) {
        rig_start(i == 0 ? &in_bytes : &in_time);
        int n = leave_all("!mock:chunks=400,pace=10,size=40000,in=100,out=10000");

        cr_expect_eq(gateway_mock_count(gateway, "cancelled"), n);
        cr_expect_eq(n_rows("provenance = 'estimated' AND category = 'client_closed' AND"
                            " output BETWEEN 1 AND 9000"),
                     n);
        rig_stop();
    }
}

Test(charging, gone_in_mid_stream_and_stopped, .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = "limits: {on_client_gone: drain, client_gone_time: 10m}\nstop_timeout: 1s\n"};
    const struct call *call = call_of(OPERATION_CHAT);

    rig_start(&options);
    int fd = call_begin(gateway, call, key, true, "!mock:stall=9,chunks=40,size=4000");
    struct http_reply *reply = http_read_until(fd, "lorem");

    cr_expect_eq(reply->status, 200);
    http_reply_free(&reply);
    http_close(fd, false);
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0, "it does not wait for the stream");
    cr_expect_eq(n_rows("provenance = 'estimated' AND category = 'client_closed'"), 1);
    gateway_restart(gateway);
    rig_stop();
}

Test(charging, gone_after_last_byte, .timeout = 100)
{
    const struct call *call;
    int64_t n = 0, due = 0;
    bool is_stream;

    rig_start(NULL);
    for (; (call = way_at((size_t)n, &is_stream)) != NULL; due += cost_of(call)) {
        int fd = call_begin(gateway, call, key, is_stream, "!mock:" USED);

        n++;
        cr_expect(gateway_wait(gateway, is_settled, &n), "%s", call->name);
        http_close(fd, true); /* and never read a byte of it */
    }
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), due);
    cr_expect_eq(n_rows("provenance = 'reported' AND category IS NULL"), n);
    rig_stop();
}

/* ---- prices ---- */

#define ROUTES                                                                                     \
    "    routes: [{upstream: canary-openai, model: gpt-4.1-mini},"                                 \
    " {upstream: canary-anthropic, model: claude-sonnet-4}]\n"

Test(charging, long_prompt, .timeout = 60)
{
    static const struct gateway_options options = {
        .models = "  long:\n    price: {input: 2.00, output: 8.00, cache_read: 0.50, tiers:"
                  " [{above: 150, input: 4.00, output: 16.00, cache_read: 1.00}]}\n" ROUTES};
    static const enum operation operations[] = {OPERATION_CHAT, OPERATION_RESPONSE,
                                                OPERATION_MESSAGE};
    int64_t base = INPUT + (int64_t)50 * GATEWAY_CACHED_NUSD + OUTPUT, due = 0;

    rig_start(&options);
    for (int i = 0; i < 6; i++) {
        const struct call *call = call_of(operations[i / 2]);

        cr_expect_eq(ask(call, "long", i % 2 == 1, "!mock:cached=50," USED), 200);
        cr_expect_eq(ask(call, "long", i % 2 == 1, "!mock:cached=51," USED), 200);
        due += base + 2 * (base + GATEWAY_CACHED_NUSD);
    }
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), due);
    cr_expect_eq(n_rows("charge_nusd > reserved_nusd"), 0);
    rig_stop();
}

Test(charging, service_tier, .timeout = 60)
{
    static const struct gateway_options options = {
        .models =
            "  tenth:\n    price: {input: 2.00, output: 8.00, factors: {flex: 0.1}}\n" ROUTES};

    rig_start(&options);
    for (int way = 0; way < 3; way++) {
        const struct call *call = call_of(way == 0 ? OPERATION_CHAT : OPERATION_RESPONSE);

        cr_expect_eq(ask(call, NULL, way == 2, "!mock:flex," USED), 200);
        cr_expect_eq(ask(call, "tenth", way == 2, "!mock:flex," USED), 200);
        cr_expect_eq(ask(call, "tenth", way == 2, "!mock:" USED), 200);
    }
    books_check(gateway);
    cr_expect_eq(books_charged_nusd(gateway), 3 * (INPUT + OUTPUT) * 16 / 10);
    cr_expect_eq(n_rows("tier_permille = 500"), 3);
    cr_expect_eq(n_rows("tier_permille = 100"), 3);
    rig_stop();
}

#define STREAMS "  cheap:\n    price: {input: 1.00, output: 1.00}\n" ROUTES
#define DEARER  "  cheap:\n    price: {input: 9.00, output: 9.00}\n" ROUTES
#define DATED                                                                                      \
    "  dated:\n    price: {input: 9.00, output: 9.00}\n    prices:\n"                              \
    "      - {from: 2020-01-01, input: 1.00, output: 1.00}\n"                                      \
    "      - {from: 2999-01-01, input: 5.00, output: 5.00}\n" ROUTES

Test(charging, price_of_admission, .timeout = 60)
{
    static const struct gateway_options before = {.models = STREAMS DATED},
                                        after = {.models = DEARER DATED};
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, "cheap", true, "!mock:chunks=100,pace=20,size=4000," USED);
    int n_asked = 0;

    rig_start(&before);
    int fd = http_connect(gateway->port);

    cr_assert(http_request(fd, call->path, key, NULL, body));
    struct http_reply *reply = http_read_until(fd, "lorem");

    cr_expect_eq(reply->status, 200);
    gateway_reconfigure(gateway, &after);
    do
        cr_expect_eq(ask(call, "cheap", false, "!mock:in=6,out=1"), 200);
    while (n_rows("charge_nusd = 63000") == 0 && ++n_asked < 200);
    char *rest = http_drain(fd, "[DONE]");

    http_close(fd, false);
    books_check(gateway);
    cr_expect_gt(n_rows("charge_nusd = 63000"), 0, "the new price has come into force");
    cr_expect_eq(n_rows("charge_nusd = 110000"), 1, "the price it was admitted at");
    cr_expect_eq(ask(call, "dated", false, "!mock:" USED), 200);
    books_check(gateway);
    cr_expect_eq(n_rows("charge_nusd = 110000"), 2, "the price of this day");
    http_reply_free(&reply);
    free(rest);
    free(body);
    rig_stop();
}
