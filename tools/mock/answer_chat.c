/* SPDX-License-Identifier: ISC
 *
 * answer_chat - OpenAI chat completions, completions and embeddings (protocols.md 1).
 */
#include "answer.h"

#include "azure.h"

#include <string.h>

#define CHAT_THOUGHT "\"reasoning_content\":\"Thinking \\\"aloud\\\".\""

static void chat_plain(const struct ask *ask, struct script *script);
static void chat_tool_calls(const struct ask *ask, struct text *out);
static void chat_stream(const struct ask *ask, struct script *script);
static void chat_chunk(const struct ask *ask, struct script *script, const char *delta,
                       const char *finish);
static void chat_open(const struct ask *ask, const char *object, struct text *out);
static void chat_usage(const struct ask *ask, struct text *out);
static void chat_usage_chunk(const struct ask *ask, struct script *script, const char *object);

void
answer_chat(const struct ask *ask, struct script *script)
{
    if (ask->is_stream)
        chat_stream(ask, script);
    else
        chat_plain(ask, script);
}

static const char *
chat_finish(const struct ask *ask)
{
    return ask->tool != NULL ? "tool_calls" : ask->is_cut_short ? "length" : "stop";
}

/* All tokens are alike. */
static const char *
chat_logprobs(const struct ask *ask)
{
    return ask->tool == NULL && cJSON_IsTrue(cJSON_GetObjectItem(ask->tree, "logprobs"))
               ? "{\"content\":[{\"token\":\"mock\",\"logprob\":-0.5,\"bytes\":null,"
                 "\"top_logprobs\":[]}],\"refusal\":null}"
               : "null";
}

static void
chat_plain(const struct ask *ask, struct script *script)
{
    struct text body = {0};

    chat_open(ask, "chat.completion", &body);
    text_str(&body, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    if (ask->tool != NULL) {
        text_str(&body, "null,\"tool_calls\":[");
        chat_tool_calls(ask, &body);
        text_str(&body, "]");
    } else {
        text_json(&body, ask->answer.ptr, ask->answer.len);
    }
    if (ask->fault.open >= 0)
        text_str(&body, "," CHAT_THOUGHT);
    text_fmt(&body,
             ",\"refusal\":null,\"annotations\":[]},\"logprobs\":%s,\"finish_reason\":\"%s\"",
             chat_logprobs(ask), chat_finish(ask));
    azure_choice_results(ask, &body);
    text_str(&body, "}]");
    azure_prompt_results(ask, &body);
    if (ask->fault.no_usage < 0) {
        text_str(&body, ",\"usage\":");
        chat_usage(ask, &body);
    }
    text_fmt(&body, ",\"service_tier\":\"%s\"}", ask->fault.flex >= 0 ? "flex" : "default");
    script_body(script, 200, "application/json", &body);
    text_free(&body);
}

static void
chat_tool_calls(const struct ask *ask, struct text *out)
{
    struct text arguments = {0};

    for (long i = 0; i < ask->n_calls; i++) {
        text_clear(&arguments);
        ask_tool_arguments(ask, i, &arguments);
        text_fmt(out, "%s{\"id\":\"call_%06u_%ld\",\"type\":\"function\",\"function\":{\"name\":",
                 i == 0 ? "" : ",", ask->serial, i);
        text_json(out, ask_tool_name(ask), strlen(ask_tool_name(ask)));
        text_str(out, ",\"arguments\":");
        text_json(out, arguments.ptr, arguments.len);
        text_str(out, "}}");
    }
    text_free(&arguments);
}

static void
chat_stream_tool(const struct ask *ask, struct script *script, long n)
{
    struct text delta = {0}, arguments = {0};

    text_fmt(&delta, "{\"tool_calls\":[{\"index\":%ld,\"id\":\"call_%06u_%ld\",", n, ask->serial,
             n);
    text_str(&delta, "\"type\":\"function\",\"function\":{\"name\":");
    text_json(&delta, ask_tool_name(ask), strlen(ask_tool_name(ask)));
    text_str(&delta, ",\"arguments\":\"\"}}]}");
    chat_chunk(ask, script, delta.ptr, NULL);

    ask_tool_arguments(ask, n, &arguments);
    for (int half = 0; half < 2; half++) {
        size_t from = half == 0 ? 0 : arguments.len / 2;
        size_t to = half == 0 ? arguments.len / 2 : arguments.len;

        text_clear(&delta);
        text_fmt(&delta, "{\"tool_calls\":[{\"index\":%ld,\"function\":{\"arguments\":", n);
        text_json(&delta, arguments.ptr + from, to - from);
        text_str(&delta, "}}]}");
        chat_chunk(ask, script, delta.ptr, NULL);
    }
    text_free(&delta);
    text_free(&arguments);
}

static void
chat_stream(const struct ask *ask, struct script *script)
{
    struct text delta = {0};

    script_stream_begin(script);
    azure_first_chunk(ask, script);
    chat_chunk(ask, script, "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}", NULL);
    for (int i = 0; ask->fault.open >= 0 && i < 2; i++)
        chat_chunk(ask, script, "{" CHAT_THOUGHT "}", NULL);
    for (long i = 0; i < ask->n_calls; i++)
        chat_stream_tool(ask, script, i);
    for (size_t i = 0; i < answer_n_pieces(ask); i++) {
        text_clear(&delta);
        text_str(&delta, "{\"content\":");
        answer_piece(ask, i, &delta);
        text_str(&delta, "}");
        chat_chunk(ask, script, delta.ptr, NULL);
    }
    chat_chunk(ask, script, "{}", chat_finish(ask));
    chat_usage_chunk(ask, script, "chat.completion.chunk");
    text_clear(&delta);
    text_str(&delta, "[DONE]");
    script_event(script, NULL, &delta);
    script_stream_end(script);
    text_free(&delta);
}

static void
chat_chunk(const struct ask *ask, struct script *script, const char *delta, const char *finish)
{
    struct text data = {0};

    chat_open(ask, "chat.completion.chunk", &data);
    text_fmt(&data,
             ",\"choices\":[{\"index\":0,\"delta\":%s,\"logprobs\":%s,\"finish_reason\":", delta,
             finish == NULL ? chat_logprobs(ask) : "null");
    if (finish == NULL)
        text_str(&data, "null");
    else
        text_fmt(&data, "\"%s\"", finish);
    azure_choice_results(ask, &data);
    text_str(&data, "}]");
    text_str(&data, ask->wants_usage ? ",\"usage\":null}" : "}");
    script_event(script, NULL, &data);
    text_free(&data);
}

/* "{" and what every object of one answer repeats. */
static void
chat_open(const struct ask *ask, const char *object, struct text *out)
{
    text_fmt(out, "{\"id\":\"%s-canary%06u\",\"object\":\"%s\",\"created\":%d,",
             ask->kind == ASK_CHAT ? "chatcmpl" : "cmpl", ask->serial, object, ANSWER_CREATED);
    answer_model(ask, out);
    text_str(out, ",\"system_fingerprint\":\"fp_canary\"");
}

static void
chat_usage(const struct ask *ask, struct text *out)
{
    int64_t prompt = ask->input + ask->cached + ask->cache_write;

    text_str(out, "{");
    answer_count(ask, "prompt_tokens", prompt, out);
    text_str(out, ",");
    answer_count(ask, "completion_tokens", ask->output, out);
    text_str(out, ",");
    answer_count(ask, "total_tokens", prompt + ask->output, out);
    text_str(out, ",\"prompt_tokens_details\":{");
    answer_count(ask, "cached_tokens", ask->cached, out);
    if (ask->cache_write > 0) {
        text_str(out, ",");
        answer_count(ask, "cache_write_tokens", ask->cache_write, out);
    }
    text_str(out, ",\"audio_tokens\":0},\"completion_tokens_details\":{");
    answer_count(ask, "reasoning_tokens", ask->reasoning, out);
    text_str(out, ",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
                  "\"rejected_prediction_tokens\":0}}");
}

static void
chat_usage_chunk(const struct ask *ask, struct script *script, const char *object)
{
    struct text data = {0};

    if (!ask->wants_usage || ask->fault.no_usage >= 0)
        return;
    chat_open(ask, object, &data);
    text_str(&data, ",\"choices\":[],\"usage\":");
    chat_usage(ask, &data);
    text_str(&data, "}");
    script_event(script, NULL, &data);
    text_free(&data);
}

static void
completion_object(const struct ask *ask, const struct text *piece, const char *finish,
                  struct text *out)
{
    chat_open(ask, "text_completion", out);
    text_fmt(out, ",\"choices\":[{\"text\":%s,\"index\":0,\"logprobs\":null,\"finish_reason\":",
             piece->ptr);
    if (finish == NULL)
        text_str(out, "null}]");
    else
        text_fmt(out, "\"%s\"}]", finish);
}

static void
completion_stream(const struct ask *ask, struct script *script)
{
    size_t n = answer_n_pieces(ask);
    struct text piece = {0}, data = {0};

    script_stream_begin(script);
    for (size_t i = 0; i <= n; i++) {
        text_clear(&piece);
        text_clear(&data);
        if (i < n)
            answer_piece(ask, i, &piece);
        else
            text_str(&piece, "\"\"");
        completion_object(ask, &piece, i == n ? chat_finish(ask) : NULL, &data);
        text_str(&data, ask->wants_usage ? ",\"usage\":null}" : "}");
        script_event(script, NULL, &data);
    }
    chat_usage_chunk(ask, script, "text_completion");
    text_clear(&data);
    text_str(&data, "[DONE]");
    script_event(script, NULL, &data);
    script_stream_end(script);
    text_free(&piece);
    text_free(&data);
}

void
answer_completion(const struct ask *ask, struct script *script)
{
    struct text piece = {0}, body = {0};

    if (ask->is_stream) {
        completion_stream(ask, script);
        return;
    }
    text_json(&piece, ask->answer.ptr, ask->answer.len);
    completion_object(ask, &piece, chat_finish(ask), &body);
    if (ask->fault.no_usage < 0) {
        text_str(&body, ",\"usage\":");
        chat_usage(ask, &body);
    }
    text_str(&body, "}");
    script_body(script, 200, "application/json", &body);
    text_free(&piece);
    text_free(&body);
}

static void
embedding_base64(const struct text *bytes, struct text *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)bytes->ptr;

    for (size_t i = 0; i < bytes->len; i += 3) {
        size_t left = bytes->len - i;
        unsigned group = (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) |
                         (left > 2 ? (unsigned)in[i + 2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        left > 1 ? digits[group >> 6 & 63] : '=',
                        left > 2 ? digits[group & 63] : '='};

        text_add(out, four, sizeof four);
    }
}

static bool
embedding_is_packed(const struct ask *ask)
{
    return ask->fault.packed >= 0 || (ask->wants_base64 && ask->fault.floats < 0);
}

/* Vector n: exact in float32, so that both encodings can be compared. */
static void
embedding_vector(const struct ask *ask, size_t n, struct text *out)
{
    const cJSON *dimensions = cJSON_GetObjectItem(ask->tree, "dimensions");
    size_t size = cJSON_IsNumber(dimensions) ? (size_t)dimensions->valueint : 8;
    struct text floats = {0};

    bool is_packed = embedding_is_packed(ask);

    text_str(out, is_packed ? "\"" : "[");
    for (size_t i = 0; i < size && i < 4096; i++) {
        float value = (float)((i + n) % 128) / 128.0F;

        if (is_packed)
            text_add(&floats, &value, sizeof value);
        else
            text_fmt(out, "%s%.7g", i == 0 ? "" : ",", (double)value);
    }
    if (is_packed)
        embedding_base64(&floats, out);
    text_str(out, is_packed ? "\"" : "]");
    text_free(&floats);
}

void
answer_embedding(const struct ask *ask, struct script *script)
{
    const cJSON *input = cJSON_GetObjectItem(ask->tree, "input");
    int n = cJSON_IsArray(input) && !cJSON_IsNumber(input->child) ? cJSON_GetArraySize(input) : 1;
    struct text body = {0};

    text_str(&body, "{\"object\":\"list\",\"data\":[");
    for (int i = 0; i < n; i++) {
        text_fmt(&body,
                 "%s{\"object\":\"embedding\",\"index\":%d,\"embedding\":", i == 0 ? "" : ",", i);
        embedding_vector(ask, (size_t)i, &body);
        text_str(&body, "}");
    }
    text_str(&body, "],");
    answer_model(ask, &body);
    if (ask->fault.no_usage < 0) {
        text_str(&body, ",\"usage\":{");
        answer_count(ask, "prompt_tokens", ask->input, &body);
        text_str(&body, ",");
        answer_count(ask, "total_tokens", ask->input, &body);
        text_str(&body, "}");
    }
    text_str(&body, "}");
    script_body(script, 200, "application/json", &body);
    text_free(&body);
}
