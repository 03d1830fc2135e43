/* SPDX-License-Identifier: ISC */
#include "trial.h"

#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "body.h"
#include "console.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "relayos/codec/json_out.h"
#include "relayos/net/upstream.h"
#include "relayos/policy/key_secret.h"

#define MAX_TRIALS  4
#define MAX_REQUEST 8192
#define MAX_ANSWER  (256 * 1024) /* of what is asked for some hundred bytes */
#define CONNECT_US  INT64_C(3000000)
#define TOTAL_US    INT64_C(60000000)
#define QUESTION    "Say hello in one short sentence."
#define MAX_TOKENS  64

struct trial {
    struct call *call;
    struct upstream_call *upstream;
    struct upstream_record target;
    struct buf head, body, answer;
    bool is_messages;
    int status;
    int64_t begun_us;
    char request_id[64];
    struct trial *next;
};

static bool fill_target(const struct console *console, struct upstream_record *out);
static void write_request(struct trial *trial);
static void start(struct trial *trial);
static void on_head(void *data, int status, const struct http_header *headers, size_t n_headers);
static void on_body(void *data, struct slice bytes);
static void on_end(void *data, const struct upstream_report *report);
static void answer(const struct trial *trial, const struct upstream_report *report);
static const char *find_text(const struct tree *json, bool is_messages, bool is_ok);
static const struct tree *first(const struct tree *object, const char *name);
static void trial_free(struct trial *trial);

/* The scheme of a key keeps what is none out of the request's head. */
void
trial_send(struct call *call)
{
    struct upstream_record target;
    unsigned n = 0;

    for (const struct trial *one = call->console->trials; one != NULL; one = one->next)
        n++;
    if (n >= MAX_TRIALS) {
        answer_header(call, "retry-after", "1");
        answer_problem(call, 429, "too_many", NULL, "other tests are under way; try again");
        return;
    }
    if (!key_secret_is_wellformed(body_text(call, "secret"))) {
        answer_problem(call, 422, "no_key", "secret",
                       "that is no key of ours: something of it is missing or mistyped");
        return;
    }
    if (!fill_target(call->console, &target)) {
        answer_err(call, ERR_BUSY, SLICE_LIT("the gateway's own address is not known"));
        return;
    }
    struct trial *trial = mem_zalloc(sizeof(*trial));
    trial->call = call;
    trial->target = target;
    trial->is_messages = slice_eq_str(body_text(call, "protocol"), "anthropic");
    buf_init(&trial->head, MAX_REQUEST);
    buf_init(&trial->body, MAX_REQUEST);
    buf_init(&trial->answer, MAX_ANSWER);
    write_request(trial);
    start(trial);
}

/* The first listener, from this machine. */
static bool
fill_target(const struct console *console, struct upstream_record *out)
{
    const struct conf_listener *listener = &console->conf->listeners[0];
    bool is_any = strcmp(listener->host, "0.0.0.0") == 0 || strcmp(listener->host, "::") == 0;

    *out = (struct upstream_record){
        .port = console->heritage->listener_ports[0],
        .max_connections = MAX_TRIALS,
        .connect_timeout_us = CONNECT_US,
        .first_byte_timeout_us = TOTAL_US,
        .idle_timeout_us = TOTAL_US,
        .total_timeout_us = TOTAL_US,
    };
    snprintf(out->host, sizeof(out->host), "%s",
             is_any || strcmp(listener->host, "localhost") == 0 ? "127.0.0.1" : listener->host);
    return out->port != 0;
}

/* Both protocols take the same of it. */
static void
write_request(struct trial *trial)
{
    struct slice secret = body_text(trial->call, "secret");
    struct json_out json;

    json_out_init(&json, &trial->body);
    json_out_object(&json, NULL);
    json_out_string(&json, "model", body_text(trial->call, "model"));
    json_out_int(&json, "max_tokens", MAX_TOKENS);
    json_out_array(&json, "messages");
    json_out_object(&json, NULL);
    json_out_str(&json, "role", "user");
    json_out_str(&json, "content", QUESTION);
    json_out_end_object(&json);
    json_out_end_array(&json);
    json_out_end_object(&json);
    buf_printf(&trial->head,
               "POST /v1/%s HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %.*s\r\n"
               "user-agent: relayos-console\r\ncontent-type: application/json\r\n"
               "content-length: %zu\r\nconnection: close\r\n\r\n",
               trial->is_messages ? "messages" : "chat/completions", (int)secret.len, secret.ptr,
               trial->body.len);
}

static void
start(struct trial *trial)
{
    static const struct upstream_events events = {on_head, on_body, on_end};
    struct console *console = trial->call->console;

    if (trial->head.overflow || trial->body.overflow) {
        answer_problem(trial->call, 422, "invalid", "model", "there is no model of that name");
        trial_free(trial);
        return;
    }
    trial->begun_us = loop_now_us(console->loop);
    const struct upstream_request request = {
        .target = &trial->target,
        .head = buf_slice(&trial->head),
        .body = {buf_slice(&trial->body)},
        .n_body = 1,
        .deadline_us = trial->begun_us + TOTAL_US,
    };
    call_hold(trial->call);
    trial->next = console->trials;
    console->trials = trial;
    trial->upstream = upstream_start(console->pool, &request, &events, trial);
}

static void
on_head(void *data, int status, const struct http_header *headers, size_t n_headers)
{
    struct trial *trial = data;

    trial->status = status;
    for (size_t n = 0; n < n_headers; n++) {
        if (slice_eq_str(headers[n].name, "x-request-id"))
            snprintf(trial->request_id, sizeof(trial->request_id), "%.*s",
                     (int)headers[n].value.len, headers[n].value.ptr);
    }
}

static void
on_body(void *data, struct slice bytes)
{
    buf_append_slice(&((struct trial *)data)->answer, bytes);
}

static void
on_end(void *data, const struct upstream_report *report)
{
    struct trial *trial = data;
    struct trial **at = &trial->call->console->trials;

    while (*at != trial)
        at = &(*at)->next;
    *at = trial->next;
    answer(trial, report);
    call_release(trial->call);
    trial_free(trial);
}

static void
answer(const struct trial *trial, const struct upstream_report *report)
{
    bool is_whole = report->result == UPSTREAM_OK && !trial->answer.overflow;
    bool is_ok = is_whole && trial->status == 200;
    struct tree *json = is_whole ? tree_parse(buf_slice(&trial->answer)) : NULL;

    if (trial->status == 0) {
        answer_problem(trial->call, 502, "gateway", NULL, "the gateway did not answer (%s)",
                       upstream_result_name(report->result));
        return;
    }
    struct frame_out *out = answer_begin(trial->call);
    frame_cstr(out, "request_id", trial->request_id[0] == '\0' ? NULL : trial->request_id);
    frame_int(out, "status", trial->status);
    frame_bool(out, "ok", is_ok);
    frame_int(out, "latency_us", report->end_us - trial->begun_us);
    frame_cstr(out, "text", find_text(json, trial->is_messages, is_ok));
    answer_end(trial->call, 200);
    tree_free(&json);
}

/* What the model says, or what was wrong; NULL where it is neither. */
static const char *
find_text(const struct tree *json, bool is_messages, bool is_ok)
{
    const struct tree *where = tree_find(json, "error");
    const char *name = "message";

    if (is_ok && is_messages) {
        where = first(json, "content");
        name = "text";
    } else if (is_ok) {
        where = tree_find(first(json, "choices"), "message");
        name = "content";
    }
    const struct tree *text = tree_find(where, name);
    return tree_is(text, TREE_STRING) ? text->text : NULL;
}

static const struct tree *
first(const struct tree *object, const char *name)
{
    const struct tree *list = tree_find(object, name);

    return tree_is(list, TREE_ARRAY) ? list->child : NULL;
}

void
trial_cancel_all(struct console *console)
{
    while (console->trials != NULL) {
        struct trial *trial = console->trials;

        console->trials = trial->next;
        upstream_cancel(trial->upstream, NULL);
        answer_err(trial->call, ERR_BUSY, SLICE_LIT("the console ends"));
        call_release(trial->call);
        trial_free(trial);
    }
}

static void
trial_free(struct trial *trial)
{
    if (trial->head.ptr != NULL)
        secret_wipe(trial->head.ptr, trial->head.len);
    buf_fini(&trial->head);
    buf_fini(&trial->body);
    buf_fini(&trial->answer);
    free(trial);
}
