/* SPDX-License-Identifier: ISC
 *
 * What routing makes of translated routes: one that goes bad is left alone, whatever shape its
 * trouble has, and comes back; a model of another protocol stands in for one that is out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "json.h"
#include "rig.h"
#include "ways.h"

static void
expect_good(const struct way *way, const char *what)
{
    struct http_reply *reply =
        call_model(gateway, way->call, key, way->model, way->is_stream, "hi !mock:in=100,out=10");
    bool is_error;
    const char *fault = ways_fault(way, reply, &is_error);

    cr_expect(fault == NULL && !is_error, "%s, %s %s: %s\n%s", what, way->call->name, way->model,
              fault == NULL ? "an error" : fault, reply->body);
    http_reply_free(&reply);
}

/* ---- breakers ---- */

static const struct gateway_options breakers = {.settings = ROUTES_NO_AFFINITY
                                                "failover: {retry_min: 100000}\n"
                                                "health: {breaker_failures: 3, open_time: 100ms}\n",
                                                .upstreams = WAYS_UPSTREAMS("a", "b"),
                                                .models = WAYS_MODELS("a", "b")};

static bool
is_used_again(const struct gateway *of, void *data)
{
    const struct way *way = data;
    int64_t before = routes_calls(of, "a");

    expect_good(way, "after the repair");
    return routes_calls(of, "a") > before;
}

Test(translate_route, that_goes_bad_is_left_alone_and_comes_back, .timeout = 120)
{
    static const char *const troubles[] = {"status=500", "error-event", "garbage", "eof=0"};
    struct way way;

    rig_start(&breakers);
    for (size_t n = 0; ways_stream_at(n, &way); n++) {
        char rules[64];

        snprintf(rules, sizeof rules, "/a/ %s", troubles[n % 4]);
        gateway_mock_reset(gateway);
        gateway_mock_control(gateway, 0, rules);
        for (int i = 0; i < 12; i++)
            expect_good(&way, rules);
        /* Three for the breaker, and trials: of twelve calls some may take as long as it is open.
         */
        cr_expect(routes_calls(gateway, "a") < 12, "%s, %s %s: it was asked each time", rules,
                  way.call->name, way.model);
        cr_expect_eq(routes_calls(gateway, "b"), 12);
        gateway_mock_control(gateway, 0, "");
        cr_expect(gateway_wait(gateway, is_used_again, &way), "%s %s", way.call->name, way.model);
    }
    rig_stop();
}

/* ---- stand-ins ---- */

/* Each model is reached over one protocol, and its stand-in over the next. */
#define ASKED(name, upstream, model, spare)                                                        \
    ROUTES_NAMED(name, "    routes: [{upstream: " upstream ", model: " model "}]\n"                \
                       "    fallback: [" spare "]\n")
static const struct gateway_options spares = {
    .settings = ROUTES_NO_AFFINITY ROUTES_NO_BREAKER "failover: {retry_min: 100000}\n",
    .upstreams = WAYS_UPSTREAMS("a", "b"),
    .models = ASKED("from-chat", "a-chat", "gpt-4.1-mini", "spare-messages") ASKED(
        "from-responses", "a-responses", "gpt-4.1-mini",
        "spare-gemini") ASKED("from-messages", "a-messages", "claude-sonnet-4-5", "spare-responses")
        ASKED("from-gemini", "a-gemini", "gemini-2.5-pro", "spare-chat") ROUTES_NAMED(
            "spare-chat", "    routes: [{upstream: b-chat, model: gpt-4.1-mini}]\n")
            ROUTES_NAMED("spare-responses",
                         "    routes: [{upstream: b-responses, model: gpt-4.1-mini}]\n")
                ROUTES_NAMED("spare-messages",
                             "    routes: [{upstream: b-messages, model: claude-sonnet-4-5}]\n")
                    ROUTES_NAMED("spare-gemini",
                                 "    routes: [{upstream: b-gemini, model: gemini-2.5-pro}]\n")};

Test(translate_route, a_model_of_another_protocol_stands_in, .timeout = 120)
{
    struct way way;
    size_t n;

    rig_start(&spares);
    gateway_mock_control(gateway, 0, "/a/ status=500");
    for (n = 0; ways_at(n, &way); n++) {
        struct http_reply *reply =
            call_model(gateway, way.call, key, way.model, way.is_stream, "hi !mock:in=100,out=10");
        bool is_error;
        const char *fault = ways_fault(&way, reply, &is_error);

        cr_expect(fault == NULL && !is_error && strstr(reply->body, "\"spare-") != NULL,
                  "%s %s: %s", way.call->name, way.model, reply->body);
        http_reply_free(&reply);
    }
    cr_expect_eq(routes_calls(gateway, "a"), (int64_t)n);
    cr_expect_eq(routes_calls(gateway, "b"), (int64_t)n);
    cr_expect_eq(books_charged_nusd(gateway),
                 (int64_t)n * (100 * GATEWAY_INPUT_NUSD + 10 * GATEWAY_OUTPUT_NUSD));
    rig_stop();
}
