/* SPDX-License-Identifier: ISC
 *
 * script - see script.h. Whatever a caller must never see holds the word "canary".
 */
#include "script.h"

#include "azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void script_head(struct script *script, int status, const char *type);
static void script_head_of_provider(struct script *script);
static void script_piece(struct script *script);
static void script_split(struct script *script);
static size_t script_n_start_events(const struct ask *ask);
static void script_comments(struct script *script);
static void script_event_faults(struct script *script);
static void script_native_error(const struct ask *ask, int status, const char *message,
                                struct text *out);
static void script_raw_event(struct script *script, const char *event, const struct text *data);
static void script_chunk(struct script *script, const char *bytes, size_t len);

void
script_init(struct script *script, const struct ask *ask)
{
    const struct fault *fault = &ask->fault;

    *script = (struct script){.ask = ask, .end = SCRIPT_KEEP};
    script->first_ms = fault->slow > 0 ? fault->slow : 0;
    script->pace_ms = fault->pace > 0 ? fault->pace : 0;
    if (fault->drop >= 0 || fault->until_eof >= 0)
        script->end = SCRIPT_CLOSE;
}

void
script_free(struct script *script)
{
    text_free(&script->wire);
    free(script->ends);
    *script = (struct script){0};
}

void
script_body(struct script *script, int status, const char *type, const struct text *body)
{
    const struct fault *fault = &script->ask->fault;
    bool is_partial = fault->cut >= 0 || fault->rst >= 0 || fault->stall > 0 || fault->head >= 0;
    size_t len = fault->head >= 0 ? 0 : is_partial ? body->len / 2 : body->len;

    script_head(script, status, type);
    if (fault->chunked >= 0)
        text_str(&script->wire, "transfer-encoding: chunked\r\n\r\n");
    else if (fault->until_eof >= 0)
        text_str(&script->wire, "connection: close\r\n\r\n");
    else
        text_fmt(&script->wire, "content-length: %zu\r\n\r\n", body->len);
    if (fault->chunked >= 0) {
        script_chunk(script, body->ptr, len);
        if (!is_partial)
            text_str(&script->wire, "0\r\nx-trailer: canary\r\n\r\n");
    } else {
        text_add(&script->wire, body->len == 0 ? "" : body->ptr, len);
    }
    if (fault->rst >= 0)
        script->end = SCRIPT_RESET;
    else if (fault->cut >= 0)
        script->end = SCRIPT_CLOSE;
    else if (fault->stall > 0 || fault->head >= 0)
        script->end = SCRIPT_STALL;
    script_piece(script);
    script_split(script);
}

static void
script_head(struct script *script, int status, const char *type)
{
    const struct fault *fault = &script->ask->fault;
    struct text *wire = &script->wire;

    text_fmt(wire, "HTTP/1.1 %d %s\r\ndate: Wed, 25 Nov 2026 12:00:00 GMT\r\ncontent-type: %s\r\n",
             status, status < 300 ? "OK" : "Mock", type);
    script_head_of_provider(script);
    text_str(wire,
             "server: canary-edge\r\nvia: 1.1 canary-proxy\r\ncf-ray: canary-ray\r\n"
             "set-cookie: __cf_bm=canary; path=/; HttpOnly\r\nalt-svc: h3=\":443\"; canary\r\n"
             "x-envoy-upstream-service-time: 7\r\nx-canary: canary\r\n"
             "strict-transport-security: max-age=1; canary\r\n");
    if (fault->retry_after[0] != '\0' && !script->ask->is_native &&
        !script->ask->is_azure) /* there the body says it, or another header */
        text_fmt(wire, "retry-after: %s\r\n", fault->retry_after);
    azure_headers(script->ask, wire);
    if (fault->redirect >= 0)
        text_str(wire, "location: http://canary.internal/elsewhere\r\n");
    if (fault->gzip >= 0)
        text_str(wire, "content-encoding: gzip\r\n");
    for (long i = 0; fault->big_head >= 0 && i < 2000; i++)
        text_fmt(wire, "x-canary-%ld: canary canary canary canary\r\n", i);
}

static void
script_head_of_provider(struct script *script)
{
    unsigned serial = script->ask->serial;

    if (script->ask->is_anthropic)
        text_fmt(&script->wire,
                 "request-id: req_canary%06u\r\nanthropic-organization-id: canary-org\r\n"
                 "anthropic-ratelimit-requests-limit: 4000\r\n"
                 "anthropic-ratelimit-requests-remaining: 3999\r\n"
                 "anthropic-ratelimit-requests-reset: 2026-11-25T12:00:00Z\r\n",
                 serial);
    else if (script->ask->is_native)
        text_fmt(&script->wire, "server-timing: gfet4t7; dur=42\r\nx-gemini-canary: %u\r\n",
                 serial);
    else
        text_fmt(&script->wire,
                 "x-request-id: req_canary%06u\r\nopenai-organization: canary-org\r\n"
                 "openai-processing-ms: 42\r\nopenai-version: 2020-10-01\r\n"
                 "openai-project: proj_canary\r\nx-ratelimit-limit-requests: 10000\r\n"
                 "x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-reset-requests: 6ms\r\n",
                 serial);
}

/* What was added since the last piece is sent at once; then comes a pause. */
static void
script_piece(struct script *script)
{
    if ((script->n_ends & (script->n_ends - 1)) == 0) {
        size_t room = script->n_ends == 0 ? 1 : script->n_ends * 2;

        script->ends = realloc(script->ends, room * sizeof *script->ends);
        if (script->ends == NULL)
            abort();
    }
    script->ends[script->n_ends++] = script->wire.len;
}

/* Pieces of so many bytes instead, however the frames lie. */
static void
script_split(struct script *script)
{
    long size = script->ask->fault.split;

    if (size <= 0)
        return;
    size_t len = script->wire.len;

    script->n_ends = 0;
    if (script->pace_ms == 0)
        script->pace_ms = 1;
    for (size_t at = (size_t)size; at < len; at += (size_t)size) {
        script->wire.len = at;
        script_piece(script);
    }
    script->wire.len = len;
    script_piece(script);
}

void
script_stream_begin(struct script *script)
{
    script_head(script, 200,
                script->ask->fault.comments >= 0 ? "Text/Event-Stream"
                                                 : "text/event-stream; charset=utf-8");
    text_str(&script->wire, "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n");
    if (script->ask->fault.slow < 0)
        script_piece(script);
    if (script->ask->fault.only_comments >= 0)
        script_comments(script);
    if (script->ask->fault.head >= 0)
        script->end = SCRIPT_STALL;
    script->is_over = script->end == SCRIPT_STALL;
}

/* A socket that is kept alive, and an answer that never comes. */
static void
script_comments(struct script *script)
{
    script->pace_ms = script->ask->fault.only_comments;
    for (int i = 0; i < 2000; i++) {
        script_chunk(script, ": canary comment\n\n", 18);
        script_piece(script);
    }
    script->end = SCRIPT_STALL;
}

/* Frames of a stream before the first that carries text. */
static size_t
script_n_start_events(const struct ask *ask)
{
    return ask->kind == ASK_CHAT       ? 1
           : ask->kind == ASK_MESSAGE  ? 3
           : ask->kind == ASK_RESPONSE ? 4
                                       : 0;
}

void
script_event(struct script *script, const char *event, const struct text *data)
{
    if (!script->is_over)
        script_event_faults(script);
    if (script->is_over)
        return;
    if (script->ask->fault.token > 0 && script->n_events == script_n_start_events(script->ask)) {
        script->token_at = script->n_ends;
        script->token_ms = script->ask->fault.token;
    }
    script_raw_event(script, event, data);
    script->n_events++;
}

/* Faults that come after as many events as were sent so far. */
static void
script_event_faults(struct script *script)
{
    const struct fault *fault = &script->ask->fault;
    long n = (long)script->n_events;
    struct text data = {0};

    if (fault->comments >= 0)
        script_chunk(script, ": canary comment\n\ndata:\n\n", 25);
    if (fault->garbage == n)
        script_chunk(script, "data: {\"canary\": nonsense\n\n", 27);
    if (fault->error_event == n) {
        script_error_text(script->ask, 500, NULL, &data);
        script_raw_event(script, script->ask->is_anthropic ? "error" : NULL, &data);
        text_free(&data);
    }
    if (fault->eof == n || fault->error_event == n || fault->garbage == n)
        text_str(&script->wire, "0\r\n\r\n");
    else if (fault->cut == n)
        script->end = SCRIPT_CLOSE;
    else if (fault->rst == n)
        script->end = SCRIPT_RESET;
    else if (fault->stall == n)
        script->end = SCRIPT_STALL;
    else
        return;
    script->is_over = true;
    script_piece(script);
}

static void
script_raw_event(struct script *script, const char *event, const struct text *data)
{
    const char *eol = script->ask->fault.crlf >= 0 ? "\r\n" : "\n";
    struct text frame = {0};

    if (event != NULL)
        text_fmt(&frame, "event: %s%s", event, eol);
    if (script->ask->fault.comments >= 0)
        text_fmt(&frame, "id: canary%s", eol);
    text_fmt(&frame, "data: %s%s%s", data->ptr, eol, eol);
    script_chunk(script, frame.ptr, frame.len);
    script_piece(script);
    text_free(&frame);
}

static void
script_chunk(struct script *script, const char *bytes, size_t len)
{
    text_fmt(&script->wire, "%zx\r\n", len);
    text_add(&script->wire, bytes, len);
    text_str(&script->wire, "\r\n");
}

void
script_stream_end(struct script *script)
{
    if (!script->is_over) {
        text_str(&script->wire,
                 script->ask->fault.comments >= 0 ? "0\r\nx-trailer: canary\r\n\r\n" : "0\r\n\r\n");
        script->ends[script->n_ends - 1] = script->wire.len; /* with the last event */
    }
    script_split(script);
}

void
script_error(struct script *script, int status, const char *message)
{
    struct text body = {0};
    bool is_html = script->ask->fault.html >= 0, is_array = script->ask->is_gemini && !is_html;

    text_str(&body, is_array ? "[" : "");
    if (is_html)
        text_str(&body, "<html><body><h1>canary gateway error</h1></body></html>");
    else
        script_error_text(script->ask, status < 300 ? 500 : status, message, &body);
    text_str(&body, is_array ? "]" : ""); /* as Google's OpenAI-compatible endpoint does */
    script_body(script, status, is_html ? "text/html" : "application/json", &body);
    text_free(&body);
}

static const char *
script_error_type(bool is_anthropic, int status)
{
    switch (status) {
    case 401:
        return is_anthropic ? "authentication_error" : "invalid_request_error";
    case 402:
        return is_anthropic ? "billing_error" : "insufficient_quota";
    case 403:
        return is_anthropic ? "permission_error" : "insufficient_permissions";
    case 404:
        return is_anthropic ? "not_found_error" : "invalid_request_error";
    case 413:
        return is_anthropic ? "request_too_large" : "invalid_request_error";
    case 429:
        return is_anthropic ? "rate_limit_error" : "requests";
    case 504:
        return is_anthropic ? "timeout_error" : "server_error";
    case 529:
        return is_anthropic ? "overloaded_error" : "server_error";
    default:
        break;
    }
    if (status < 500)
        return "invalid_request_error";
    return is_anthropic ? "api_error" : "server_error";
}

void
script_error_text(const struct ask *ask, int status, const char *message, struct text *out)
{
    const char *code = ask->fault.code, *type = script_error_type(ask->is_anthropic, status);
    char usual[256];

    if (ask->fault.echo_key >= 0)
        snprintf(usual, sizeof usual, "Incorrect API key provided: %s", ask->credential);
    else if (strcmp(code, "context_length_exceeded") == 0)
        snprintf(usual, sizeof usual,
                 ask->is_anthropic ? "prompt is too long: 210000 tokens > 200000 maximum (canary)"
                 : ask->is_native
                     ? "The input token count (1200000) exceeds the maximum number of tokens "
                       "allowed (1048576, canary)."
                     : "This model's maximum context length is 128000 tokens (canary).");
    else if (ask->is_anthropic && strcmp(code, "insufficient_quota") == 0)
        snprintf(usual, sizeof usual, "Your credit balance is too low (canary)");
    else if (ask->is_anthropic && strncmp(code, "content_", 8) == 0)
        snprintf(usual, sizeof usual, "Output blocked by content filtering policy (canary)");
    else
        snprintf(usual, sizeof usual,
                 "mock error %d at canary.internal:8443 for account canary-org", status);
    if (message == NULL)
        message = usual;
    if (ask->is_native) {
        script_native_error(ask, status, message, out);
        return;
    }
    if (ask->is_anthropic) {
        text_fmt(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", type);
        text_json(out, message, strlen(message));
        text_fmt(out, "},\"request_id\":\"req_canary%06u\"}", ask->serial);
        return;
    }
    if (strcmp(code, "insufficient_quota") == 0)
        type = code;
    text_str(out, "{\"error\":{\"message\":");
    text_json(out, message, strlen(message));
    text_fmt(out, ",\"type\":\"%s\",\"param\":null,\"code\":", type);
    if (code[0] == '\0')
        text_str(out, "null");
    else
        text_fmt(out, "\"%s\"", code);
    azure_inner_error(ask, out);
    text_str(out, "}}");
}

/* Google's status words (protocols.md 4). */
static const char *
script_native_status(int status)
{
    static const struct {
        int status;
        const char *word;
    } words[] = {{400, "INVALID_ARGUMENT"}, {401, "UNAUTHENTICATED"}, {403, "PERMISSION_DENIED"},
                 {404, "NOT_FOUND"},        {409, "ABORTED"},         {429, "RESOURCE_EXHAUSTED"},
                 {499, "CANCELLED"},        {500, "INTERNAL"},        {503, "UNAVAILABLE"},
                 {504, "DEADLINE_EXCEEDED"}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i].status == status)
            return words[i].word;
    }
    return status < 500 ? "FAILED_PRECONDITION" : "UNKNOWN";
}

/* Google has no header for the delay. */
static void
script_native_error(const struct ask *ask, int status, const char *message, struct text *out)
{
    text_fmt(out, "{\"error\":{\"code\":%d,\"message\":", status);
    text_json(out, message, strlen(message));
    text_fmt(out, ",\"status\":\"%s\"", script_native_status(status));
    if (ask->fault.retry_after[0] != '\0')
        text_fmt(out,
                 ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
                 "\"retryDelay\":\"%ss\"}]",
                 ask->fault.retry_after);
    text_str(out, "}}");
}
