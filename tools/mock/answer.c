/* SPDX-License-Identifier: ISC
 *
 * answer - see answer.h.
 */
#include "answer.h"

#include <inttypes.h>
#include <string.h>

#define ANSWER_PIECES 5 /* of a text, unless chunks=N says otherwise */

static const char *const answer_models[] = {"gpt-4.1-mini", "gemini-2.5-pro", "claude-sonnet-4"};

static bool answer_is_output(const char *key);
static bool answer_is_part(const char *key);
static bool answer_fault(const struct ask *ask, struct script *script);
static void answer_models_list(const struct ask *ask, struct script *script);
static void answer_one_model(const struct ask *ask, const char *id, struct text *out);

void
answer_write(const struct ask *ask, struct script *script)
{
    script_init(script, ask);
    if (answer_fault(ask, script))
        return;
    switch (ask->kind) {
    case ASK_CHAT:
        answer_chat(ask, script);
        break;
    case ASK_COMPLETION:
        answer_completion(ask, script);
        break;
    case ASK_EMBEDDING:
        answer_embedding(ask, script);
        break;
    case ASK_RESPONSE:
        answer_response(ask, script);
        break;
    case ASK_MESSAGE:
        answer_message(ask, script);
        break;
    case ASK_COUNT_TOKENS:
        answer_count_tokens(ask, script);
        break;
    case ASK_INPUT_TOKENS:
        answer_input_tokens(ask, script);
        break;
    case ASK_COMPACT:
        answer_compact(ask, script);
        break;
    case ASK_GENERATE:
        answer_generate(ask, script);
        break;
    case ASK_GENERATE_VECTORS:
        answer_generate_vectors(ask, script);
        break;
    case ASK_GENERATE_COUNT:
        answer_generate_count(ask, script);
        break;
    case ASK_MODELS:
        answer_models_list(ask, script);
        break;
    case ASK_UNKNOWN:
    case ASK_MOCK_STATS:
    case ASK_MOCK_LAST:
    case ASK_MOCK_RESET:
    case ASK_MOCK_CONTROL:
        script_error(script, 404, "Unknown request URL.");
        break;
    }
    if (script->end == SCRIPT_KEEP && ask->fault.no_usage < 0 && !script->is_over)
        script->has_usage = ask->kind != ASK_MODELS && ask->kind != ASK_COUNT_TOKENS &&
                            ask->kind != ASK_INPUT_TOKENS && ask->kind != ASK_GENERATE_COUNT &&
                            ask->kind != ASK_GENERATE_VECTORS;
}

/* Faults that replace the whole answer. */
static bool
answer_fault(const struct ask *ask, struct script *script)
{
    const struct fault *fault = &ask->fault;
    struct text body = {0};

    if (fault->reset >= 0) {
        script->end = SCRIPT_RESET;
    } else if (fault->close >= 0) {
        script->end = SCRIPT_CLOSE;
    } else if (fault->stall == 0) {
        script->end = SCRIPT_STALL;
    } else if (fault->bad_head >= 0) {
        text_str(&script->wire, "HTTP/1.1 canary\r\nnonsense\r\n\r\n");
        script->end = SCRIPT_CLOSE;
    } else if (ask->refused != 0) {
        script_error(script, ask->refused, "Access denied, or resource not found");
    } else if (ask->problem != NULL) {
        script_error(script, 400, ask->problem);
    } else if (fault->redirect >= 0) {
        script_error(script, 302, NULL);
    } else if (fault->status >= 0) {
        script_error(script, (int)fault->status, NULL);
    } else if (fault->error_200 >= 0) {
        script_error(script, 200, NULL);
    } else if (fault->garbage >= 0 && !ask->is_stream) {
        text_str(&body, "{\"canary\": nonsense");
        script_body(script, 200, "application/json", &body);
    } else {
        return false;
    }
    text_free(&body);
    return true;
}

size_t
answer_n_pieces(const struct ask *ask)
{
    size_t n = ask->fault.chunks > 0 ? (size_t)ask->fault.chunks : ANSWER_PIECES;

    return n < ask->answer.len ? n : ask->answer.len;
}

/* Start of piece n, moved on to the start of a UTF-8 sequence. */
static size_t
answer_piece_start(const struct ask *ask, size_t n)
{
    size_t at = ask->answer.len * n / answer_n_pieces(ask);

    while (at < ask->answer.len && (ask->answer.ptr[at] & 0xc0) == 0x80)
        at++;
    return at;
}

void
answer_piece(const struct ask *ask, size_t n, struct text *out)
{
    size_t from = answer_piece_start(ask, n), to = answer_piece_start(ask, n + 1);

    text_json(out, ask->answer.ptr + from, to - from);
}

void
answer_count(const struct ask *ask, const char *key, int64_t n, struct text *out)
{
    static const struct {
        const char *name, *value;
    } bad[] = {{"negative", "-5"},      {"huge", "99999999999999999999"},
               {"text", "\"many\""},    {"float", "1.5"},
               {"null", "null"},        {"2^63", "9223372036854775808"},
               {"1e300", "1e300"},      {"list", "[7]"},
               {"object", "{\"n\":7}"}, {"true", "true"}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (strcmp(ask->fault.bad_usage, bad[i].name) == 0) {
            text_fmt(out, "\"%s\":%s", key, bad[i].value);
            return;
        }
    }
    if (strcmp(ask->fault.bad_usage, "twice") == 0)
        text_fmt(out, "\"%s\":%" PRId64 ",\"%s\":7", key, n, key);
    else if (strcmp(ask->fault.bad_usage, "half") == 0 && answer_is_output(key))
        text_fmt(out, "\"%s\":null", key);
    else if (strcmp(ask->fault.bad_usage, "parts") == 0 && answer_is_part(key))
        text_fmt(out, "\"%s\":%" PRId64, key, n + 1000000);
    else
        text_fmt(out, "\"%s\":%" PRId64, key, n);
}

static bool
answer_is_output(const char *key)
{
    return strcmp(key, "completion_tokens") == 0 || strcmp(key, "output_tokens") == 0;
}

static bool
answer_is_part(const char *key)
{
    return strcmp(key, "cached_tokens") == 0 || strcmp(key, "reasoning_tokens") == 0;
}

void
answer_model(const struct ask *ask, struct text *out)
{
    text_fmt(out, "\"model\":\"%s-canary-20250414\"", ask->model);
}

static void
answer_models_list(const struct ask *ask, struct script *script)
{
    size_t n = sizeof answer_models / sizeof *answer_models;
    struct text body = {0};

    if (ask->model_id[0] != '\0') {
        answer_one_model(ask, ask->model_id, &body);
    } else {
        text_str(&body, ask->is_native      ? "{\"models\":["
                        : ask->is_anthropic ? "{\"data\":["
                                            : "{\"object\":\"list\",\"data\":[");
        for (size_t i = 0; i < n; i++) {
            text_str(&body, i == 0 ? "" : ",");
            answer_one_model(ask, answer_models[i], &body);
        }
        text_str(&body, "]");
        if (ask->is_anthropic)
            text_fmt(&body, ",\"has_more\":false,\"first_id\":\"%s\",\"last_id\":\"%s\"",
                     answer_models[0], answer_models[n - 1]);
        text_str(&body, "}");
    }
    script_body(script, 200, "application/json", &body);
    text_free(&body);
}

static void
answer_one_model(const struct ask *ask, const char *id, struct text *out)
{
    if (ask->is_native)
        answer_generate_model(id, out);
    else if (ask->is_anthropic)
        text_fmt(out,
                 "{\"type\":\"model\",\"id\":\"%s\",\"display_name\":\"%s\","
                 "\"created_at\":\"2025-11-25T12:00:00Z\"}",
                 id, id);
    else
        text_fmt(out,
                 "{\"id\":\"%s\",\"object\":\"model\",\"created\":%d,\"owned_by\":\"canary-org\"}",
                 id, ANSWER_CREATED);
}
