/* SPDX-License-Identifier: ISC
 *
 * Six deadlines, each an error of its own (UF-02): what ran out is what the caller, the trace and
 * the operator read, and nothing stays behind. Heartbeats while an answer is waited for end nothing
 * and count for nothing.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "relayos/base/err.h"
#include "routes.h"

/* The one that is meant is short, the others are long. */
#define MODEL ROUTES_NAMED("routed", "    routes: [{upstream: a}]\n")
#define SHORT "150ms"
#define LONG  "20s"

struct deadline {
    const char *name; /* of the directive and, with the same letters, of the category */
    const char *fault;
    bool is_stream;
    enum err_category category;
};

static const struct deadline deadlines[] = {
    {"first_byte_timeout", "stall", false, ERR_CATEGORY_FIRST_BYTE_TIMEOUT},
    {"first_byte_timeout", "stall", true, ERR_CATEGORY_FIRST_BYTE_TIMEOUT},
    {"first_byte_timeout", "slow=60000", true, ERR_CATEGORY_FIRST_BYTE_TIMEOUT},
    {"idle_timeout", "head", false, ERR_CATEGORY_IDLE_TIMEOUT},
    {"idle_timeout", "stall=1", false, ERR_CATEGORY_IDLE_TIMEOUT},
    {"idle_timeout", "head", true, ERR_CATEGORY_IDLE_TIMEOUT},
    {"idle_timeout", "token=60000", true, ERR_CATEGORY_IDLE_TIMEOUT},
    {"first_token_timeout", "only-comments=20", true, ERR_CATEGORY_FIRST_TOKEN_TIMEOUT},
    {"first_token_timeout", "token=60000", true, ERR_CATEGORY_FIRST_TOKEN_TIMEOUT},
    {"first_token_timeout", "stall", true, ERR_CATEGORY_FIRST_TOKEN_TIMEOUT},
    {"total_timeout", "split=1,pace=20", false, ERR_CATEGORY_TOTAL_TIMEOUT},
    {"total_timeout", "stall", false, ERR_CATEGORY_TOTAL_TIMEOUT},
};

static void
write_settings(const char *name, char *out, size_t size)
{
    static const char *const names[] = {"connect_timeout", "tls_timeout", "first_byte_timeout",
                                        "idle_timeout", "first_token_timeout"};
    bool is_total = strcmp(name, "total_timeout") == 0; /* no other may be longer */
    size_t len = (size_t)snprintf(out, size, "%supstream_defaults: {total_timeout: %s",
                                  ROUTES_NO_BREAKER, is_total ? SHORT : "30s");

    for (size_t i = 0; !is_total && i < sizeof names / sizeof *names; i++)
        len += (size_t)snprintf(out + len, size - len, ", %s: %s", names[i],
                                strcmp(names[i], name) == 0 ? SHORT : LONG);
    snprintf(out + len, size - len, "}\n");
}

static void
expect_timeout(const struct gateway *gateway, const char *key, const struct deadline *deadline,
               enum operation operation)
{
    const struct call *call = call_of(operation);
    const struct err_info *info = err_info(deadline->category);
    struct http_reply *reply = call_model(gateway, call, key, "routed", deadline->is_stream, "hi");
    cJSON *body = json_body(reply);

    cr_expect_eq(reply->status, 504, "%s %s %s: %d %s", call->name, deadline->name, deadline->fault,
                 reply->status, reply->body);
    cr_expect_str_eq(json_text(body, "error.message"), info->sentence);
    cr_expect_str_eq(json_text(body, "error.type"), call->protocol == PROTOCOL_ANTHROPIC_MESSAGES
                                                        ? info->anthropic_type
                                                        : info->openai_type);
    cJSON_Delete(body);
    http_reply_free(&reply);
}

static bool
mock_is_idle(const struct gateway *gateway, void *data)
{
    (void)data;
    return gateway_mock_count(gateway, "busy") == 0;
}

Test(deadline, each_is_told_apart_by_status_sentence_and_trace, .timeout = 250)
{
    char settings[512], rules[64], query[160];
    size_t n = sizeof deadlines / sizeof *deadlines;

    for (size_t i = 0; i < n;) {
        const char *name = deadlines[i].name;

        write_settings(name, settings, sizeof settings);
        const struct gateway_options options = {.settings = settings,
                                                .upstreams = ROUTES_UPSTREAM("a", "%d", ROUTES_KEY),
                                                .models = MODEL};
        struct gateway *gateway = gateway_start(&options);
        char *key = gateway_key(gateway, "--quota 10usd");
        int64_t n_calls = 0;

        for (; i < n && strcmp(deadlines[i].name, name) == 0; i++, n_calls += 2) {
            snprintf(rules, sizeof rules, "* %s", deadlines[i].fault);
            gateway_mock_control(gateway, 0, rules);
            expect_timeout(gateway, key, &deadlines[i], OPERATION_CHAT);
            expect_timeout(gateway, key, &deadlines[i], OPERATION_MESSAGE);
        }
        cr_expect(gateway_wait(gateway, mock_is_idle, NULL), "%s: a call is still open", name);
        books_check(gateway);
        cr_expect_eq(books_charged_nusd(gateway), 0, "%s", name);
        snprintf(query, sizeof query,
                 "SELECT count(*) FROM attempt JOIN trace USING (request_id) WHERE"
                 " attempt.category = '%s' AND trace.category = '%s'",
                 name, name);
        cr_expect_eq(books_query(gateway, query), n_calls, "%s in the trace", name);
        cr_expect_eq(gateway_stop(&gateway), 0);
        free(key);
    }
}

/* A listener whose queue is full: further connections are neither taken nor refused. */
static int
deaf_port(int fds[8])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(fds[0], (struct sockaddr *)&address, len) == 0 && listen(fds[0], 0) == 0 &&
              getsockname(fds[0], (struct sockaddr *)&address, &len) == 0);
    for (int i = 1; i < 8; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&address, len);
    }
    return ntohs(address.sin_port);
}

Test(deadline, of_connecting_and_of_tls_too, .timeout = 100)
{
    static const struct {
        const char *model;
        enum err_category category;
    } rows[] = {{"deaf", ERR_CATEGORY_CONNECT_TIMEOUT}, {"untls", ERR_CATEGORY_TLS_TIMEOUT}};
    int fds[8];
    char upstreams[512];

    snprintf(
        upstreams, sizeof upstreams,
        "  a:\n    url: http://127.0.0.1:%d/v1\n    probe: none\n    protocols: openai_chat\n"
        "    connect_timeout: 200ms\n" ROUTES_KEY
        "  b:\n    url: https://127.0.0.1:%%d/v1\n    probe: none\n    protocols: openai_chat\n"
        "    tls_timeout: 200ms\n" ROUTES_KEY,
        deaf_port(fds));
    const struct gateway_options options = {
        .settings = ROUTES_NO_BREAKER,
        .upstreams = upstreams,
        .models = ROUTES_NAMED("deaf", "    routes: [{upstream: a}]\n")
            ROUTES_NAMED("untls", "    routes: [{upstream: b}]\n")};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    for (size_t i = 0; i < 2; i++) {
        struct http_reply *reply =
            call_model(gateway, call_of(OPERATION_CHAT), key, rows[i].model, false, "hi");
        cJSON *body = json_body(reply);

        cr_expect_eq(reply->status, 504, "%s: %d %s", rows[i].model, reply->status, reply->body);
        cr_expect_str_eq(json_text(body, "error.code"), err_info(rows[i].category)->openai_code);
        cJSON_Delete(body);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    free(key);
}

/* The head has gone out with the first heartbeat: another route can still answer behind it. */
Test(deadline, heartbeats_do_not_end_failover, .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = "upstream_defaults: {first_byte_timeout: 500ms}\n"
                    "limits: {heartbeat_interval: 100ms}\n" ROUTES_NO_BREAKER ROUTES_NO_AFFINITY,
        .upstreams = ROUTES_UPSTREAMS,
        .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");
    const struct call *call;

    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        if (!call->can_stream)
            continue;
        gateway_mock_control(gateway, 0, "/a/ stall");
        struct http_reply *reply = call_model(gateway, call, key, "routed", true, "hi");

        cr_expect_eq(reply->status, 200, "%s: %d %s", call->name, reply->status, reply->body);
        cr_expect_eq(reply->body[0], ':', "%s: no heartbeat first: %s", call->name, reply->body);
        cr_expect(strstr(reply->body, call->end_event[0] == '\0' ? "[DONE]" : call->end_event) !=
                      NULL,
                  "%s: %s", call->name, reply->body);
        http_reply_free(&reply);
        /* None is left: the stream has begun, and ends in the protocol's own error. */
        gateway_mock_control(gateway, 0, "* stall");
        reply = call_model(gateway, call, key, "routed", true, "hi");
        cr_expect_eq(reply->status, 200, "%s: %d", call->name, reply->status);
        cr_expect(strstr(reply->body, "\"error\":{") != NULL, "%s: %s", call->name, reply->body);
        cr_expect(strstr(reply->body, "[DONE]") == NULL, "%s: a clean end", call->name);
        http_reply_free(&reply);
    }
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(deadline, an_answer_in_one_piece_may_take_its_time, .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = "upstream_defaults: {first_token_timeout: 300ms, idle_timeout: 300ms}\n"
                    "limits: {heartbeat_interval: 100ms}\n",
        .upstreams = ROUTES_UPSTREAM("a", "%d", ROUTES_KEY),
        .models = MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    gateway_mock_control(gateway, 0, "* slow=1200");
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_MESSAGE), key, "routed", false, "hi");

    cr_expect_eq(reply->status, 200, "%d %s", reply->status, reply->body);
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 1);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Status and headers have said enough: neither a body that dribbles nor its size keeps anybody. */
Test(deadline, the_rest_of_an_error_is_not_waited_for, .timeout = 60)
{
    static const struct gateway_options options = {.settings = ROUTES_NO_BREAKER ROUTES_NO_AFFINITY,
                                                   .upstreams = ROUTES_UPSTREAMS,
                                                   .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    for (int is_stream = 0; is_stream < 2; is_stream++) {
        gateway_mock_control(gateway, 0, "/a/ status=500,split=600,pace=600000");
        struct http_reply *reply =
            call_model(gateway, call_of(OPERATION_MESSAGE), key, "routed", is_stream, "hi");

        cr_expect_eq(reply->status, 200, "%d %s", reply->status, reply->body);
        http_reply_free(&reply);
    }
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE upstream = 'a' AND "
                                      "status = 500 AND category = 'upstream_error'"),
                 2);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
