/* SPDX-License-Identifier: ISC
 *
 * Every request leaves a trace: its stages in order, its attempts, and how it ended; a refused one
 * too.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

static const char *const stages[] = {"accepted",       "key_checked", "quota_checked",
                                     "route_selected", "dispatched",  "first_byte",
                                     "first_token",    "completed",   "settled"};

/* The stages there are stand in order and never go back in time; the number of those reached. */
static int
check_stages(const cJSON *request, const char *what)
{
    const cJSON *stage;
    int64_t last = 0;
    int n = 0, at = 0;

    cJSON_ArrayForEach(stage, json_at(request, "stages"))
    {
        cr_expect_str_eq(json_text(stage, "name"), stages[at++]);
        if (!cJSON_IsNumber(json_at(stage, "offset_us")))
            continue;
        cr_expect_geq(json_int(stage, "offset_us"), last, "%s: %s goes back in time", what,
                      json_text(stage, "name"));
        last = json_int(stage, "offset_us");
        n++;
    }
    cr_expect_eq(at, 9, "%s: %d stages are listed", what, at);
    return n;
}

struct search {
    char id[64];
    cJSON *trace;
};

/* The trace of a refused call is written with the next settlement. */
static bool
is_there(const struct gateway *gateway, void *data)
{
    struct search *search = data;

    search->trace = gateway_ctl(gateway, "request show %s", search->id);
    return search->trace != NULL;
}

static cJSON *
trace_of(const struct gateway *gateway, const struct http_reply *reply)
{
    struct search search = {.trace = NULL};

    cr_assert(http_header(reply, "x-request-id", search.id, sizeof search.id));
    books_check(gateway);
    cr_assert(gateway_wait(gateway, is_there, &search), "request show %s failed", search.id);
    cr_expect_str_eq(json_text(search.trace, "request.request_id"), search.id);
    return search.trace;
}

Test(trace, each_success_shows_all_stages_in_order, .timeout = 120)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    const struct call *call;

    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        for (int is_stream = 0; is_stream <= call->can_stream; is_stream++) {
            struct http_reply *reply = call_make(gateway, call, key, is_stream, "hi");
            cJSON *trace = trace_of(gateway, reply);
            const cJSON *request = json_at(trace, "request");

            cr_expect_eq(check_stages(request, call->name), 9, "%s", call->name);
            cr_expect_eq(json_int(request, "status"), 200);
            cr_expect_str_eq(json_text(request, "model"), call->model);
            cr_expect_eq(json_is_true(request, "is_stream"), is_stream);
            cr_expect_eq(cJSON_GetArraySize(json_at(request, "attempts")), 1);
            cr_expect_str_eq(json_text(request, "attempts.0.outcome"), "ok");
            cJSON_Delete(trace);
            http_reply_free(&reply);
        }
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(trace, a_failed_or_refused_call_shows_how_far_it_came, .timeout = 120)
{
    static const struct {
        const char *text, *key_options, *category;
        int n_min;
    } cases[] = {
        {"!mock:status=500", "", "upstream_error", 6},
        {"hi", "--models gemini-2.5-pro", "model_not_allowed", 2},
        {"hi", "--quota 0.000001usd", "quota_exceeded", 2},
    };
    struct gateway *gateway = gateway_start(NULL);
    const struct call *call = call_of(OPERATION_CHAT);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *key = gateway_key(gateway, cases[i].key_options);
        struct http_reply *reply = call_make(gateway, call, key, false, cases[i].text);
        cJSON *trace = trace_of(gateway, reply);
        const cJSON *request = json_at(trace, "request");

        cr_expect_str_eq(json_text(request, "category"), cases[i].category);
        cr_expect_eq(json_int(request, "status"), reply->status);
        cr_expect_geq(check_stages(request, cases[i].category), cases[i].n_min, "%s",
                      cases[i].category);
        cr_expect_eq(json_int(request, "charge_nusd"), 0);
        cJSON_Delete(trace);
        http_reply_free(&reply);
        free(key);
    }
    struct http_reply *reply = call_make(gateway, call, "sk-prod-nonsense", false, "hi");
    cJSON *trace = trace_of(gateway, reply);

    cr_expect_str_eq(json_text(trace, "request.category"), "invalid_key");
    cr_expect(json_is_true(trace, "request.is_refusal"));
    cJSON_Delete(trace);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(trace, a_call_that_asks_nothing_of_a_model_has_one_too, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    int fd = http_connect(gateway->port);

    cr_assert(http_request(fd, "/v1/models", key, NULL, NULL));
    struct http_reply *reply = http_read(fd);
    cJSON *trace = trace_of(gateway, reply);

    cr_expect_eq(reply->status, 200);
    cr_expect_eq(json_int(trace, "request.status"), 200);
    cr_expect_not(json_is_true(trace, "request.is_refusal"));
    cJSON_Delete(trace);
    http_reply_free(&reply);
    http_close(fd, false);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(trace, a_running_call_is_seen_in_top, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    int fd = call_begin(gateway, call_of(OPERATION_CHAT), key, true, "hi !mock:stall=3");
    struct http_reply *reply = http_read_until(fd, "\"content\":\"You");
    cJSON *top = gateway_ctl(gateway, "top");

    cr_assert_eq(cJSON_GetArraySize(json_at(top, "flights")), 1);
    cr_expect_str_eq(json_text(top, "flights.0.model"), "gpt-4.1-mini");
    cr_expect_str_eq(json_text(top, "flights.0.stage"), "first_token");
    cJSON_Delete(top);
    http_reply_free(&reply);
    http_close(fd, false);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
