/* SPDX-License-Identifier: ISC
 *
 * The error catalogue, row by row, in both protocols: status, body, request_id and what it says
 * about trying again. A category that no call can provoke is listed with the reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "relayos/base/err.h"
#include "routes.h"

/* How to provoke a category. Bodies hold $MODEL where the model's name goes. */
struct trigger {
    enum err_category category;
    const char *text;        /* of the prompt: a fault of the mock, or anything */
    const char *headers;     /* further ones */
    const char *key_options; /* of a key made for it; NULL = a usual one */
    const char *path, *body; /* in place of a good call */
    int n_before;            /* calls made first that must succeed */
    bool is_of_credential;   /* which is put aside by it */
};

static const struct trigger triggers[] = {
    {ERR_CATEGORY_INVALID_REQUEST, .body = "{\"model\":"},
    {ERR_CATEGORY_INVALID_REQUEST, .text = "!mock:status=400"},
    {ERR_CATEGORY_UNSUPPORTED_PARAMETER, .text = "!mock:status=400,code=unsupported_parameter"},
    {ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, .text = "!mock:status=400,code=context_length_exceeded"},
    {ERR_CATEGORY_CONTENT_REFUSED, .text = "!mock:status=400,code=content_policy_violation"},
    {ERR_CATEGORY_INVALID_KEY, .text = "hi", .headers = "x-no-key: 1\r\n"},
    {ERR_CATEGORY_MODEL_NOT_ALLOWED, .text = "hi", .key_options = "--models gemini-2.5-pro"},
    {ERR_CATEGORY_NOT_FOUND, .path = "/v1/nonsense", .body = "{}"},
    {ERR_CATEGORY_NOT_FOUND, .body = "{\"model\":\"no-such-model\",\"max_tokens\":5,\"messages\":"
                                     "[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    {ERR_CATEGORY_METHOD_NOT_ALLOWED, .body = NULL},
    {ERR_CATEGORY_UPGRADE_REQUIRED, .headers = "Connection: Upgrade\r\nUpgrade: websocket\r\n"},
    {ERR_CATEGORY_UNSUPPORTED_ENCODING, .text = "hi", .headers = "Content-Encoding: gzip\r\n"},
    {ERR_CATEGORY_QUOTA_EXCEEDED, .text = "hi", .key_options = "--quota 0.000001usd"},
    {ERR_CATEGORY_RATE_LIMITED, .text = "hi", .key_options = "--rpm 1", .n_before = 1},
    {ERR_CATEGORY_UPSTREAM_ERROR, .text = "!mock:status=500"},
    {ERR_CATEGORY_UPSTREAM_ERROR, .text = "!mock:status=502,html"},
    {ERR_CATEGORY_UPSTREAM_ERROR, .text = "!mock:garbage"},
    {ERR_CATEGORY_OVERLOADED, .text = "!mock:status=503,html"},
    {ERR_CATEGORY_OVERLOADED, .text = "!mock:status=529"},
    {ERR_CATEGORY_UPSTREAM_RATE_LIMITED, .text = "!mock:status=429,retry-after=7",
     .is_of_credential = true},
    {ERR_CATEGORY_UPSTREAM_RATE_LIMITED, .text = "!mock:status=429,retry-after=999999",
     .is_of_credential = true},
    {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, .text = "!mock:status=401", .is_of_credential = true},
    {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, .text = "!mock:status=402", .is_of_credential = true},
    {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, .text = "!mock:status=403", .is_of_credential = true},
    {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, .text = "!mock:status=400,code=insufficient_quota",
     .is_of_credential = true},
    {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, .text = "!mock:status=404"},
    {ERR_CATEGORY_UPSTREAM_TIMEOUT, .text = "!mock:status=504"},
    {ERR_CATEGORY_FIRST_BYTE_TIMEOUT, .text = "!mock:stall"},
};

/* Those that take more than one call, and the test that does it. */
static const struct {
    enum err_category category;
    const char *test;
} elsewhere[] = {
    {ERR_CATEGORY_REQUEST_TOO_LARGE, "framing"},
    {ERR_CATEGORY_HEADERS_TOO_LARGE, "framing"},
    {ERR_CATEGORY_ADDRESS_NOT_ALLOWED, "no directive sets it yet"},
    {ERR_CATEGORY_NO_HEALTHY_ROUTE, "breaker"},
    {ERR_CATEGORY_CONNECT_TIMEOUT, "deadline"},
    {ERR_CATEGORY_TLS_TIMEOUT, "deadline"},
    {ERR_CATEGORY_FIRST_TOKEN_TIMEOUT, "deadline"},
    {ERR_CATEGORY_IDLE_TIMEOUT, "deadline"},
    {ERR_CATEGORY_TOTAL_TIMEOUT, "deadline"},
    {ERR_CATEGORY_STREAM_INTERRUPTED, "failure"},
    {ERR_CATEGORY_LEDGER_UNAVAILABLE, "durable, stopped"},
    {ERR_CATEGORY_QUOTA_UNAVAILABLE, "needs a full table"},
    {ERR_CATEGORY_IDEMPOTENCY_CONFLICT, "idempotency"},
    {ERR_CATEGORY_IN_PROGRESS, "idempotency"},
    {ERR_CATEGORY_IDEMPOTENCY_FINISHED, "idempotency"},
    {ERR_CATEGORY_INVALID_URL, "fetch"},
    {ERR_CATEGORY_CLIENT_CLOSED, "disconnect: nobody is there to read it"},
    {ERR_CATEGORY_INTERNAL, "nothing that we know of provokes it"},
};

static void
expect_body(const struct call *call, const struct err_info *info, const struct http_reply *reply)
{
    cJSON *body = json_body(reply);
    char id[64] = "?";
    bool is_anthropic = call->protocol == PROTOCOL_ANTHROPIC_MESSAGES;

    http_header(reply, "x-request-id", id, sizeof id);
    cr_expect(body != NULL, "%s: not JSON: %s", info->name, reply->body);
    cr_expect(strlen(json_text(body, "error.message")) > 10, "%s: %s", info->name, reply->body);
    cr_expect(strstr(reply->body, id) != NULL, "%s: no request_id %s in %s", info->name, id,
              reply->body);
    cr_expect_str_eq(json_text(body, "error.type"),
                     is_anthropic ? info->anthropic_type : info->openai_type, "%s", info->name);
    if (is_anthropic) {
        cr_expect_str_eq(json_text(body, "type"), "error");
        cr_expect_str_eq(json_text(body, "request_id"), id);
    } else if (info->openai_code[0] == '\0') {
        cr_expect(cJSON_IsNull(json_at(body, "error.code")), "%s: %s", info->name, reply->body);
    } else {
        cr_expect_str_eq(json_text(body, "error.code"), info->openai_code);
    }
    cr_expect(strcasestr(reply->body, "canary") == NULL, "%s: %s", info->name, reply->body);
    cJSON_Delete(body);
}

static void
expect_retry_advice(const struct err_info *info, const struct http_reply *reply)
{
    char value[64];
    bool has_after = http_header(reply, "retry-after", value, sizeof value);
    long after = strtol(value, NULL, 10);

    cr_expect_eq(has_after, info->retry == RETRY_AFTER, "%s: retry-after %s", info->name, value);
    if (has_after)
        cr_expect(after >= 1 && after <= 60, "%s: retry-after %s", info->name, value);
    bool has_advice = http_header(reply, "x-should-retry", value, sizeof value);

    if (info->retry == RETRY_NO)
        cr_expect(has_advice && strcmp(value, "false") == 0, "%s: x-should-retry", info->name);
    else
        cr_expect(!has_advice || strcmp(value, "true") == 0, "%s: x-should-retry", info->name);
}

static struct http_reply *
provoke(struct gateway *gateway, const struct call *call, const struct trigger *trigger,
        const char *usual_key)
{
    char *own = trigger->key_options == NULL ? NULL : gateway_key(gateway, trigger->key_options);
    const char *key = own != NULL ? own : usual_key;
    const char *path = trigger->path != NULL ? trigger->path : call->path;
    char *good = call_body(call, NULL, false, trigger->text != NULL ? trigger->text : "");
    const char *body = trigger->text != NULL ? good : trigger->body;

    if (trigger->category == ERR_CATEGORY_INVALID_KEY)
        key = "sk-prod-nonsense";
    for (int i = 0; i < trigger->n_before; i++) {
        struct http_reply *before = call_make(gateway, call, key, false, "hi");

        cr_expect_eq(before->status, 200);
        http_reply_free(&before);
    }
    const char *headers = trigger->headers;

    if (trigger->path != NULL && call->protocol == PROTOCOL_ANTHROPIC_MESSAGES)
        headers = "anthropic-version: 2023-06-01\r\n"; /* such a path belongs to no protocol */
    struct http_reply *reply = http_call(gateway->port, path, key, headers, body);

    free(good);
    free(own);
    return reply;
}

Test(errors, each_category_is_provoked_by_some_test)
{
    for (int c = 1; c < ERR_N_CATEGORIES; c++) {
        bool is_there = false;

        for (size_t i = 0; i < sizeof triggers / sizeof *triggers; i++)
            is_there = is_there || (int)triggers[i].category == c;
        for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
            is_there = is_there || (int)elsewhere[i].category == c;
        cr_expect(is_there, "%s", err_category_name((enum err_category)c));
    }
}

Test(errors, each_category_looks_as_the_catalogue_says_in_both_protocols, .timeout = 200)
{
    static const struct gateway_options options = {
        .settings = "upstream_defaults: {first_byte_timeout: 500ms}\n" ROUTES_NO_BREAKER};
    static const enum operation operations[] = {OPERATION_CHAT, OPERATION_MESSAGE};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    for (size_t i = 0; i < 2 * (sizeof triggers / sizeof *triggers); i++) {
        const struct trigger *trigger = &triggers[i / 2];
        const struct call *call = call_of(operations[i % 2]);
        const struct err_info *info = err_info(trigger->category);
        struct http_reply *reply = provoke(gateway, call, trigger, key);

        cr_expect_eq(reply->status, i % 2 == 1 ? info->anthropic_status : info->openai_status,
                     "%s %s (%s): %d %s", call->name, info->name,
                     trigger->text == NULL ? "" : trigger->text, reply->status, reply->body);
        expect_body(call, info, reply);
        expect_retry_advice(info, reply);
        http_reply_free(&reply);
        if (trigger->is_of_credential)
            routes_heal(gateway, call->model);
    }
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE category IS NOT NULL AND"
                                      " charge_nusd > 0"),
                 0, "a request that failed before usage was charged");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(errors, one_and_the_same_401_for_whatever_is_wrong_with_a_key, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *revoked = gateway_key(gateway, ""), *mutated = gateway_key(gateway, "");
    const struct call *call = call_of(OPERATION_CHAT);
    char long_key[4096], first[512] = "";

    cJSON_Delete(gateway_ctl(gateway, "key revoke test-1"));
    mutated[20] = mutated[20] == 'a' ? 'b' : 'a';
    memset(long_key, 'x', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = '\0';
    const char *keys[] = {"sk-",   "sk-prod-", "' OR 1=1 --", "%s%n", long_key,
                          revoked, mutated,    NULL,          ""}; /* the last two are none, which
                                                                      tells nobody anything */
    const size_t n_keys = sizeof keys / sizeof *keys, n_none = 2;

    for (size_t i = 0; i < n_keys; i++) {
        struct http_reply *reply = call_make(gateway, call, keys[i], false, "hi");
        cJSON *body = json_body(reply);

        cr_expect_eq(reply->status, 401, "key %zu: %d", i, reply->status);
        if (i == 0 || i == n_keys - n_none)
            snprintf(first, sizeof first, "%s", json_text(body, "error.message"));
        cr_expect_str_eq(json_text(body, "error.message"), first);
        cJSON_Delete(body);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(revoked);
    free(mutated);
}

Test(errors, without_a_free_flight_no_request_is_served_and_none_is_lost, .timeout = 100)
{
    static const struct gateway_options options = {.workers = 1};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    const struct call *call = call_of(OPERATION_CHAT);
    static int fds[1100];
    struct http_reply *reply = NULL;
    int n = 0, n_keys = 1;

    /* Each holds a flight; the configuration of the tests has 1024 for one worker, of which a key
     * gets as many as it leaves free. */
    for (; n < 1100; n++) {
        fds[n] = call_begin(gateway, call, key, true, "!mock:stall=3");
        reply = http_read_until(fds[n], "data: ");
        if (reply->status == 429 && n_keys < 20) {
            http_close(fds[n--], false);
            free(key);
            key = gateway_key(gateway, "");
            n_keys++;
        } else if (reply->status != 200) {
            break;
        }
        http_reply_free(&reply);
    }
    cr_assert_lt(n, 1100, "the flights never ran out");
    cr_expect_eq(n, 1024);
    cr_expect_eq(n_keys, 11, "half, a quarter, ... and the last one");
    cr_expect_eq(reply->status, 503);
    expect_body(call, err_info(ERR_CATEGORY_OVERLOADED), reply);
    expect_retry_advice(err_info(ERR_CATEGORY_OVERLOADED), reply);
    http_reply_free(&reply);
    for (int i = 0; i <= n; i++)
        http_close(fds[i], false);
    books_check(gateway);
    reply = call_make(gateway, call, key, false, "hi");
    cr_expect_eq(reply->status, 200, "it serves again");
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
