/* SPDX-License-Identifier: ISC
 *
 * calls - see calls.h.
 */
#include "calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define GET      1
#define GET_HEAD 1
#define POST     2
#define OPEN     1
#define KEY      2
#define INFER    3

/* Rows that do not infer are left in and skipped: their operation is no operation. */
#define OPERATION_NONE DIALECT_N_OPERATIONS
#define PROTOCOL_ANY   PROTOCOL_OPENAI_CHAT
static const struct {
    const char *name, *path;
    enum operation operation;
    enum protocol protocol;
    int access;
} call_rows[] = {
#define ENDPOINT(id, methods, url, dialect, does, access, handler)                                 \
    {#id, url, (enum operation)OPERATION_##does, PROTOCOL_##dialect, access},
#include "relayos/model/endpoints.def"
#undef ENDPOINT
};

static void call_fill(struct call *call);

const struct call *
call_at(size_t n)
{
    static struct call calls[sizeof call_rows / sizeof *call_rows];

    for (size_t i = 0; i < sizeof call_rows / sizeof *call_rows; i++) {
        if (call_rows[i].access != INFER || n-- > 0)
            continue;
        calls[i] = (struct call){.name = call_rows[i].name,
                                 .path = call_rows[i].path,
                                 .operation = call_rows[i].operation,
                                 .protocol = call_rows[i].protocol};
        call_fill(&calls[i]);
        return &calls[i];
    }
    return NULL;
}

static void
call_fill(struct call *call)
{
    call->can_stream = true;
    call->model = "gpt-4.1-mini";
    call->text_path = "";
    call->end_event = "";
    switch (call->operation) {
    case OPERATION_CHAT:
        call->n_start_events = 1;
        call->text_path = "choices.0.message.content";
        break;
    case OPERATION_COMPLETION:
        call->text_path = "choices.0.text";
        break;
    case OPERATION_EMBEDDING:
        call->can_stream = false;
        break;
    case OPERATION_RESPONSE:
        call->n_start_events = 4;
        call->text_path = "output.0.content.0.text";
        call->end_event = "response.completed";
        break;
    case OPERATION_MESSAGE:
        call->n_start_events = 3;
        call->model = "claude-sonnet-4";
        call->text_path = "content.0.text";
        call->end_event = "message_stop";
        break;
    case OPERATION_COUNT_TOKENS:
        call->model = "claude-sonnet-4";
        call->can_stream = false;
        break;
    case OPERATION_INPUT_TOKENS:
    case OPERATION_COMPACTION:
        call->can_stream = false;
        break;
    case DIALECT_N_OPERATIONS:
        break;
    }
}

const struct call *
call_of(enum operation operation)
{
    const struct call *call;

    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        if (call->operation == operation)
            return call;
    }
    cr_assert_fail("no endpoint for operation %d", (int)operation);
    return NULL;
}

char *
call_body(const struct call *call, const char *model, bool is_stream, const char *text)
{
    char *body = NULL;
    const char *stream = is_stream ? ",\"stream\":true" : "";
    int len = -1;

    if (model == NULL)
        model = call->model;
    switch (call->operation) {
    case OPERATION_CHAT:
        len = asprintf(&body,
                       "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]%s}",
                       model, text, stream);
        break;
    case OPERATION_COMPLETION:
        len = asprintf(&body, "{\"model\":\"%s\",\"prompt\":\"%s\"%s}", model, text, stream);
        break;
    case OPERATION_EMBEDDING:
    case OPERATION_RESPONSE:
    case OPERATION_INPUT_TOKENS:
    case OPERATION_COMPACTION:
        len = asprintf(&body, "{\"model\":\"%s\",\"input\":\"%s\"%s}", model, text, stream);
        break;
    case OPERATION_MESSAGE:
    case OPERATION_COUNT_TOKENS:
        len = asprintf(
            &body, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]%s%s}",
            model, text, call->operation == OPERATION_MESSAGE ? ",\"max_tokens\":500" : "", stream);
        break;
    case DIALECT_N_OPERATIONS:
        break;
    }
    cr_assert(len > 0);
    return body;
}

struct http_reply *
call_make(const struct gateway *gateway, const struct call *call, const char *key, bool is_stream,
          const char *text)
{
    return call_model(gateway, call, key, NULL, is_stream, text);
}

struct http_reply *
call_model(const struct gateway *gateway, const struct call *call, const char *key,
           const char *model, bool is_stream, const char *text)
{
    char *body = call_body(call, model, is_stream, text);
    struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);

    free(body);
    return reply;
}

int
call_status(const struct gateway *gateway, const char *key, const char *model, bool is_stream,
            const char *text)
{
    struct http_reply *reply =
        call_model(gateway, call_of(OPERATION_CHAT), key, model, is_stream, text);
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

int
call_begin(const struct gateway *gateway, const struct call *call, const char *key, bool is_stream,
           const char *text)
{
    char *body = call_body(call, NULL, is_stream, text);
    int fd = http_connect(gateway->port);

    cr_assert(fd >= 0 && http_request(fd, call->path, key, NULL, body));
    free(body);
    return fd;
}
