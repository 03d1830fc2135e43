/* SPDX-License-Identifier: ISC
 *
 * What is told to others: alerts by webhook and traces for OpenTelemetry. Each once it is so,
 * signed, again where it was not taken, and never with more than it should say.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <openssl/hmac.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "notary.h"
#include "receiver.h"
#include "tls_front.h"

#define SECRET "a-secret-of-the-receiver"

static struct gateway *gateway;
static struct receiver *receiver;
static char settings[1024];

static void
start(const char *before, const char *after)
{
    struct gateway_options options = {.settings = settings};

    receiver = receiver_start();
    setenv("ALERTS_SECRET", SECRET, 1);
    setenv("OTLP_HEADERS", "x-team=blue, authorization=Bearer abc", 1);
    snprintf(settings, sizeof settings, "%s'http://127.0.0.1:%d%s}\n", before,
             receiver_port(receiver), after);
    gateway = gateway_start(&options);
}

static void
start_alerts(void)
{
    start("alerts: {url: ", "/hook', secret_env: ALERTS_SECRET");
}

/* The first prober of all begins with what is settled from then on. */
static void
wait_for_traces(void)
{
    cr_assert(gateway_wait(gateway, gateway_logged, "otlp.begin"));
}

static void
start_otlp(void)
{
    start("otlp: {endpoint: ", "', headers_env: OTLP_HEADERS, interval: 100ms");
    wait_for_traces();
}

static void
stop(void)
{
    cr_expect_eq(gateway_stop(&gateway), 0);
    receiver_stop(&receiver);
}

static int
ask(const char *key, const char *model)
{
    return call_status(gateway, key, model, true, "a-prompt-of-the-caller");
}

/* Value of a header of a request as it came. */
static void
header(const char *request, const char *name, char *out, size_t size)
{
    const char *at = strstr(request, name);

    cr_assert_not_null(at, "%s is not in %s", name, request);
    at += strlen(name);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
}

static void
expect_signed(const char *request)
{
    const char *body = strstr(request, "\r\n\r\n") + 4;
    char time[32], signature[128], expected[128] = "sha256=";
    unsigned char digest[32];
    static char text[65536];
    unsigned len = 0;

    header(request, "x-relayos-timestamp: ", time, sizeof time);
    header(request, "x-relayos-signature: ", signature, sizeof signature);
    int n = snprintf(text, sizeof text, "%s.%s", time, body);
    HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (unsigned char *)text, (size_t)n, digest, &len);
    for (unsigned i = 0; i < len; i++)
        snprintf(expected + 7 + 2 * i, 3, "%02x", digest[i]);
    cr_expect_str_eq(signature, expected);
}

Test(alerts, a_quota_is_told_of_at_80_and_at_100_per_cent, .init = start_alerts, .fini = stop,
     .timeout = 120)
{
    char *key = gateway_key(gateway, "--quota 0.10usd");

    for (int n = 0; n < 7; n++)
        cr_assert_eq(ask(key, "flat"), 200);
    cr_assert_eq(ask(key, "flat"), 200);
    const char *near = receiver_wait(receiver, "\"kind\":\"quota_near\"", 0);
    cr_assert_not_null(near);
    cr_expect_eq(strncmp(near, "POST /hook HTTP/1.1\r\n", 21), 0, "%s", near);
    cr_expect_not_null(strstr(near, "\"subject\":\"key 1: usd, "), "%s", near);
    cr_expect_not_null(strstr(near, "\"text\":\"test-1: $0.08 of $0.10"), "%s", near);
    cr_expect_not_null(strstr(near, "\"is_resolved\":false"));
    cr_expect_null(strstr(near, key), "its secret");
    expect_signed(near);
    cr_assert_eq(ask(key, "flat"), 200);
    cr_assert_eq(ask(key, "flat"), 200);
    cr_assert_eq(ask(key, "flat"), 429);
    cr_assert_not_null(receiver_wait(receiver, "\"kind\":\"quota_used_up\"", 0));
    cr_expect_eq(receiver_count(receiver, "\"kind\":\"quota_near\""), 1, "told once");
    free(key);
}

Test(alerts, what_is_not_taken_is_sent_again, .init = start_alerts, .fini = stop, .timeout = 120)
{
    receiver_answer(receiver, 503);
    cJSON_Delete(gateway_ctl(gateway, "route disable flat/canary-openai"));
    cJSON_Delete(gateway_ctl(gateway, "route disable flat/canary-anthropic"));
    cr_assert_not_null(receiver_wait(receiver, "\"kind\":\"model_down\"", 0));
    receiver_answer(receiver, 0);
    cr_assert_not_null(receiver_wait(receiver, "\"kind\":\"model_down\"", 1));
    receiver_answer(receiver, 204);
    const char *taken = receiver_wait(receiver, "\"kind\":\"model_down\"", 2);
    cr_assert_not_null(taken);
    cr_expect_not_null(strstr(taken, "\"subject\":\"flat\""));
    expect_signed(taken);
}

/* A worker that is ready and is not the one of before. */
static bool
is_replaced(const struct gateway *of, void *data)
{
    cJSON *status = gateway_ctl(of, "status");
    const cJSON *row;
    pid_t *pid = data, ready = 0;
    bool is_there = false;

    cJSON_ArrayForEach(row, json_at(status, "processes"))
    {
        if (json_int(row, "pid") == *pid)
            is_there = true;
        else if (strcmp(json_text(row, "role"), "worker") == 0 &&
                 strcmp(json_text(row, "state"), "ready") == 0)
            ready = (pid_t)json_int(row, "pid");
    }
    cJSON_Delete(status);
    if (is_there || ready == 0)
        return false;
    *pid = ready;
    return true;
}

Test(alerts, crashing_processes_are_a_loop, .init = start_alerts, .fini = stop, .timeout = 120)
{
    pid_t pid = 0;

    for (int n = 0; n < 3; n++) {
        cr_assert(gateway_wait(gateway, is_replaced, &pid));
        cr_assert_eq(kill(pid, SIGKILL), 0);
    }
    cr_expect_not_null(receiver_wait(receiver, "\"kind\":\"crash_loop\"", 0));
}

Test(otlp, a_callers_trace_is_gone_on_with, .init = start_otlp, .fini = stop, .timeout = 120)
{
    static const char *const parents[] = {
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"};
    char *key = gateway_key(gateway, "--quota 10usd");

    for (int n = 0; n < 2; n++) {
        const struct call *call = call_of(OPERATION_CHAT);
        char *body = call_body(call, "flat", false, "hi"), header[128];

        snprintf(header, sizeof header, "traceparent: %s\r\n", parents[n]);
        struct http_reply *reply = http_call(gateway->port, call->path, key, header, body);
        cr_assert_eq(reply->status, 200);
        http_reply_free(&reply);
        free(body);
    }
    const char *batch = receiver_wait(receiver, "\"parentSpanId\":\"bbbbbbbbbbbbbbbb\"", 0);
    cr_assert_not_null(batch);
    cr_expect_not_null(strstr(batch, "\"traceId\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""));
    cr_expect_eq(receiver_count(receiver, "4bf92f3577b34da6a3ce929d0e0e4736"), 0, "not sampled");
    free(key);
}

Test(otlp, settled_requests_come_as_spans, .init = start_otlp, .fini = stop, .timeout = 120)
{
    char *key = gateway_key(gateway, "--quota 10usd");

    cr_assert_eq(ask(key, "claude-sonnet-4"), 200);
    const char *batch = receiver_wait(receiver, "chat claude-sonnet-4", 0);
    cr_assert_not_null(batch);
    cr_expect_eq(strncmp(batch, "POST /v1/traces HTTP/1.1\r\n", 26), 0, "%s", batch);
    cr_expect_not_null(strstr(batch, "\r\nx-team: blue\r\n"));
    cr_expect_not_null(strstr(batch, "\r\nauthorization: Bearer abc\r\n"));
    cr_expect_null(strstr(batch, "a-prompt-of-the-caller"));
    cr_expect_null(strstr(batch, "canary-"), "an upstream's name");
    cr_expect_null(strstr(batch, key));
    cJSON *json = cJSON_Parse(strstr(batch, "\r\n\r\n") + 4);
    cr_assert_not_null(json);
    const cJSON *spans = json_at(
        cJSON_GetArrayItem(
            json_at(cJSON_GetArrayItem(json_at(json, "resourceSpans"), 0), "scopeSpans"), 0),
        "spans");
    cr_expect_geq(cJSON_GetArraySize(spans), 5);
    const cJSON *span;
    cJSON_ArrayForEach(span, spans)
    {
        cr_expect_eq(strlen(json_text(span, "traceId")), 32);
        cr_expect_eq(strlen(json_text(span, "spanId")), 16);
        cr_expect_geq(strtoll(json_text(span, "endTimeUnixNano"), NULL, 10),
                      strtoll(json_text(span, "startTimeUnixNano"), NULL, 10));
    }
    cJSON_Delete(json);
    free(key);
}

/* Nothing is lost while the receiver is away or the prober is killed, and none is left out. */
Test(otlp, each_request_comes_at_least_once, .init = start_otlp, .fini = stop, .timeout = 180)
{
    char *key = gateway_key(gateway, "--quota 10usd");

    cr_assert_eq(ask(key, "flat"), 200);
    cr_assert_not_null(receiver_wait(receiver, "chat flat", 0));
    receiver_answer(receiver, 503);
    for (int n = 0; n < 3; n++)
        cr_assert_eq(ask(key, "gpt-4.1-mini"), 200);
    cr_assert_not_null(receiver_wait(receiver, "chat gpt-4.1-mini", 0));
    cJSON *status = gateway_ctl(gateway, "status");
    const cJSON *row;
    cJSON_ArrayForEach(row, json_at(status, "processes"))
    {
        if (strcmp(json_text(row, "role"), "prober") == 0)
            cr_assert_eq(kill((pid_t)json_int(row, "pid"), SIGKILL), 0);
    }
    cJSON_Delete(status);
    cr_assert_eq(ask(key, "claude-sonnet-4"), 200);
    receiver_answer(receiver, 200);
    const char *batch = receiver_wait(receiver, "chat claude-sonnet-4", 0);
    cr_assert_not_null(batch);
#define ROOT(model) "\"name\":\"chat " model "\",\"kind\":2"
    cr_expect_geq(receiver_n_taken(receiver, ROOT("gpt-4.1-mini")), 3, "all, once they are taken");
    cr_expect_eq(receiver_n_taken(receiver, ROOT("flat")), 1, "what was taken is not sent again");
    free(key);
}

/* It first meets a certificate of another name, then a good one. Over https, OpenTelemetry's is in
 * otlp_https_test. */
Test(receivers, only_one_with_a_good_certificate_of_its_name_is_told_anything, .timeout = 120)
{
    struct notary notary;

    notary_open(&notary);
    struct certificate good = certificate_new(&(struct certificate_wish){
                           .names = "localhost", .days = 9, .issuer = &notary.authority}),
                       wrong = certificate_new(&(struct certificate_wish){
                           .names = "other.example", .days = 9, .issuer = &notary.authority});

    receiver = receiver_start();
    struct tls_front *front = tls_front_start(&wrong, receiver_port(receiver));
    snprintf(settings, sizeof settings,
             "alerts: {url: 'https://localhost:%d/hook', ca_file: %s/ca.pem}\n",
             tls_front_port(front), notary.dir);
    gateway = gateway_start(&(struct gateway_options){.settings = settings});
    char *key = gateway_key(gateway, "--quota 0.10usd");
    for (int n = 0; n < 8; n++)
        cr_assert_eq(ask(key, "flat"), 200);
    cr_assert(gateway_wait(gateway, gateway_logged, "alert.not_taken .* reason=tls tries=1"));
    tls_front_show(front, &good);
    cr_expect_not_null(receiver_wait(receiver, "\"kind\":\"quota_near\"", 0));
    cr_expect_eq(receiver_count(receiver, "\"kind\":\"quota_near\""), 1);
    cr_expect_eq(gateway_stop(&gateway), 0);
    tls_front_stop(&front);
    receiver_stop(&receiver);
    certificate_free(&good);
    certificate_free(&wrong);
    notary_close(&notary);
    free(key);
}
