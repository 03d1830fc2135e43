/* SPDX-License-Identifier: ISC */
#include "otlp.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp_span.h"
#include "relayos/base/hash.h"

static struct store_row row;
static struct store_trace trace;
static struct buf text;

static void
setup(void)
{
    struct flight_attempt *attempts = trace.flight.attempts;

    memset(&row, 0, sizeof row);
    memset(&trace, 0, sizeof trace);
    for (int n = 0; n < 16; n++)
        row.request_id.bytes[n] = (uint8_t)(n + 1);
    row.key_id = 7;
    row.status = 200;
    strcpy(row.model, "claude-sonnet-4");
    strcpy(row.endpoint, "/v1/messages");
    strcpy(row.provenance, "reported");
    row.usage.count[USAGE_INPUT] = 10;
    row.usage.count[USAGE_CACHE_READ] = 100;
    row.usage.count[USAGE_OUTPUT] = 5;
    row.charge_nusd = 1234;
    trace.flight.accepted_real_us = INT64_C(1764145800000000);
    trace.flight.stage_us[FLIGHT_STAGE_ACCEPTED] = STORE_TRACE_ACCEPTED_US;
    trace.flight.stage_us[FLIGHT_STAGE_QUOTA_CHECKED] = STORE_TRACE_ACCEPTED_US + 100;
    trace.flight.stage_us[FLIGHT_STAGE_DISPATCHED] = STORE_TRACE_ACCEPTED_US + 300;
    trace.flight.stage_us[FLIGHT_STAGE_FIRST_TOKEN] = STORE_TRACE_ACCEPTED_US + 5000;
    trace.flight.stage_us[FLIGHT_STAGE_COMPLETED] = STORE_TRACE_ACCEPTED_US + 9000;
    trace.flight.stage_us[FLIGHT_STAGE_SETTLED] = STORE_TRACE_ACCEPTED_US + 12000;
    trace.flight.n_attempts = 2;
    attempts[0] = (struct flight_attempt){.status = 500,
                                          .outcome = ATTEMPT_FAILED,
                                          .category = ERR_CATEGORY_UPSTREAM_ERROR,
                                          .start_us = STORE_TRACE_ACCEPTED_US + 300,
                                          .end_us = STORE_TRACE_ACCEPTED_US + 700};
    attempts[1] = (struct flight_attempt){.status = 200,
                                          .outcome = ATTEMPT_OK,
                                          .reason = ATTEMPT_FAILOVER,
                                          .cost_nusd = 999,
                                          .start_us = STORE_TRACE_ACCEPTED_US + 800,
                                          .end_us = STORE_TRACE_ACCEPTED_US + 9000};
    strcpy(attempts[0].upstream, "secret-upstream");
    strcpy(attempts[1].upstream, "secret-upstream");
    strcpy(attempts[1].upstream_model, "secret-model");
    strcpy(attempts[1].note, "secret-note");
    strcpy(trace.flight.client_address, "192.0.2.1");
    strcpy(trace.flight.user_agent, "secret-agent");
    buf_init(&text, 1 << 20);
}

static const char *
write_batch(bool has_upstreams)
{
    const struct otlp_request request = {
        .row = &row, .trace = &trace, .has_upstreams = has_upstreams};
    struct json_out json;

    buf_clear(&text);
    json_out_init(&json, &text);
    otlp_span_begin(&json);
    otlp_span_write(&json, &request);
    otlp_span_end(&json);
    buf_append_byte(&text, '\0');
    return text.ptr;
}

static int
count(const char *what)
{
    int n = 0;

    for (const char *at = text.ptr; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

#define STRING(key, value)  "{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" value "\"}}"
#define INTEGER(key, value) "{\"key\":\"" key "\",\"value\":{\"intValue\":\"" value "\"}}"

Test(otlp_span, tells_a_request_in_the_words_of_the_conventions, .init = setup)
{
    const char *json = write_batch(false);

    cr_expect_eq(count("\"traceId\":\"0102030405060708090a0b0c0d0e0f10\""), 7,
                 "a root, four stages, two attempts, one trace: %s", json);
    cr_expect_eq(count("\"parentSpanId\""), 6);
    cr_expect_eq(count("\"kind\":2"), 1);
    cr_expect_eq(count("\"kind\":3"), 2);
    cr_expect_not_null(strstr(json, "\"name\":\"chat claude-sonnet-4\",\"kind\":2,"
                                    "\"startTimeUnixNano\":\"1764145800000000000\","
                                    "\"endTimeUnixNano\":\"1764145800009000000\""),
                       "%s", json);
    cr_expect_not_null(strstr(json, STRING("gen_ai.operation.name", "chat")));
    cr_expect_not_null(strstr(json, INTEGER("gen_ai.usage.input_tokens", "110")));
    cr_expect_not_null(strstr(json, INTEGER("gen_ai.usage.output_tokens", "5")));
    cr_expect_not_null(strstr(json, INTEGER("http.response.status_code", "200")));
    cr_expect_not_null(strstr(json, INTEGER("relayos.charge_nanousd", "1234")));
    cr_expect_not_null(strstr(json, STRING("error.type", "upstream_error")));
    cr_expect_eq(count("\"status\":{\"code\":2}"), 1, "the attempt that failed, not the request");
}

/* Every span's parent is the root, and all ids differ. */
Test(otlp_span, ids_are_of_the_request_and_its_own, .init = setup)
{
    char ids[8][17], root[17];
    size_t n_ids = 0;

    write_batch(false);
    char *first = strdup(text.ptr);
    cr_expect_str_eq(write_batch(false), first, "sent again, it is the same");
    free(first);
    for (const char *at = text.ptr; (at = strstr(at, "\"spanId\":\"")) != NULL; at++) {
        snprintf(ids[n_ids], sizeof ids[0], "%.16s", at + strlen("\"spanId\":\""));
        for (size_t n = 0; n < n_ids; n++)
            cr_assert_str_neq(ids[n], ids[n_ids]);
        n_ids++;
    }
    cr_expect_eq(n_ids, 7);
    snprintf(root, sizeof root, "%s", ids[0]);
    for (const char *at = text.ptr; (at = strstr(at, "\"parentSpanId\":\"")) != NULL; at++)
        cr_expect_eq(strncmp(at + strlen("\"parentSpanId\":\""), root, 16), 0);
}

Test(otlp_span, names_upstreams_only_where_the_operator_wants_it, .init = setup)
{
    cr_expect_null(strstr(write_batch(false), "secret"), "%s", text.ptr);
    cr_expect_null(strstr(text.ptr, "cost"));
    const char *json = write_batch(true);
    cr_expect_not_null(strstr(json, STRING("gen_ai.provider.name", "secret-upstream")));
    cr_expect_not_null(strstr(json, STRING("gen_ai.request.model", "secret-model")));
    cr_expect_not_null(strstr(json, INTEGER("relayos.cost_nanousd", "999")));
    cr_expect_null(strstr(json, "secret-note"));
    cr_expect_null(strstr(json, "secret-agent"));
    cr_expect_null(strstr(json, "192.0.2.1"));
}

Test(otlp_span, a_stage_that_was_not_reached_has_no_span, .init = setup)
{
    memset(trace.flight.stage_us + 1, 0, sizeof trace.flight.stage_us - sizeof(int64_t));
    trace.flight.stage_us[FLIGHT_STAGE_COMPLETED] = 50;
    trace.flight.n_attempts = 0;
    strcpy(row.category, "no_healthy_route");
    const char *json = write_batch(false);
    cr_expect_eq(count("\"spanId\""), 1, "%s", json);
    cr_expect_not_null(strstr(json, STRING("error.type", "no_healthy_route")));
    cr_expect_eq(count("\"status\":{\"code\":2}"), 1);
}

Test(otlp_span, samples_the_same_requests_each_time_and_all_that_failed)
{
    int n_sampled = 0;

    memset(&row, 0, sizeof row);
    for (int n = 0; n < 10000; n++) {
        uint64_t random = hash_mix64((uint64_t)n);

        memcpy(row.request_id.bytes, &random, sizeof random);
        bool is_sampled = otlp_span_is_sampled(&row, "", 10);
        cr_assert_eq(otlp_span_is_sampled(&row, "", 10), is_sampled);
        cr_assert(otlp_span_is_sampled(&row, "", 100));
        cr_assert_not(otlp_span_is_sampled(&row, "", 0));
        n_sampled += is_sampled;
    }
    cr_expect(n_sampled > 800 && n_sampled < 1200, "%d of 10000", n_sampled);
    strcpy(row.category, "upstream_error");
    cr_expect(otlp_span_is_sampled(&row, "", 1));
    cr_expect_not(otlp_span_is_sampled(&row, "", 0));
}

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"

Test(otlp_span, goes_on_in_the_callers_trace, .init = setup)
{
    strcpy(trace.flight.traceparent, PARENT "1");
    const char *json = write_batch(false);

    cr_expect_eq(count("\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\""), 7, "%s", json);
    cr_expect_eq(count("\"parentSpanId\":\"00f067aa0ba902b7\""), 1, "the root's");
    cr_expect_eq(count("\"parentSpanId\""), 7);
    cr_expect(otlp_span_is_sampled(&row, PARENT "1", 1), "the caller has sampled it");
    strcpy(row.category, "upstream_error");
    cr_expect_not(otlp_span_is_sampled(&row, PARENT "0", 100), "or has not");
}

Test(otlp, a_mark_that_is_not_whole_is_none)
{
    char mark[OTLP_MARK_SIZE];
    int64_t seq = -1;

    otlp_mark_write(INT64_C(1234567890123), mark);
    cr_assert_eq(otlp_mark_read(slice_of(mark, sizeof mark), &seq), 0);
    cr_expect_eq(seq, INT64_C(1234567890123));
    for (size_t n = 0; n < sizeof mark; n++) {
        char broken[OTLP_MARK_SIZE];

        cr_expect_neq(otlp_mark_read(slice_of(mark, n), &seq), 0);
        memcpy(broken, mark, sizeof broken);
        broken[n] ^= 1;
        cr_expect_neq(otlp_mark_read(slice_of(broken, sizeof broken), &seq), 0, "byte %zu", n);
    }
}

Test(otlp, what_may_be_mended_is_sent_again)
{
    static const int again[] = {0, 302, 401, 403, 404, 408, 429, 500, 502, 503, 504};
    static const int never[] = {400, 413, 415, 422};

    cr_expect_eq(otlp_verdict_of(200), OTLP_TAKEN);
    cr_expect_eq(otlp_verdict_of(202), OTLP_TAKEN);
    for (size_t n = 0; n < sizeof again / sizeof again[0]; n++)
        cr_expect_eq(otlp_verdict_of(again[n]), OTLP_AGAIN, "%d", again[n]);
    for (size_t n = 0; n < sizeof never / sizeof never[0]; n++)
        cr_expect_eq(otlp_verdict_of(never[n]), OTLP_REFUSED, "%d", never[n]);
}
