/* SPDX-License-Identifier: ISC
 *
 * answer_gemini - Google's own protocol (protocols.md 4): one object, whole or in pieces. Calls
 * have no ids, the first of them is signed, and each piece repeats the usage so far.
 */
#include "answer.h"

#include <string.h>

#define GEMINI_SIGNATURE "bW9jay1nZW1pbmk="

static void gemini_stream(const struct ask *ask, struct script *script);
static void gemini_chunk(const struct ask *ask, struct script *script, const struct text *parts,
                         int64_t output, const char *finish);
static void gemini_object(const struct ask *ask, const struct text *parts, int64_t output,
                          const char *finish, struct text *out);
static void gemini_thought(const struct ask *ask, struct text *out);
static void gemini_calls(const struct ask *ask, struct text *out);
static void gemini_usage(const struct ask *ask, int64_t output, struct text *out);

/* There is no word for calls. */
static const char *
gemini_finish(const struct ask *ask)
{
    return ask->is_cut_short ? "MAX_TOKENS" : "STOP";
}

void
answer_generate(const struct ask *ask, struct script *script)
{
    struct text parts = {0}, body = {0};

    if (ask->is_stream) {
        gemini_stream(ask, script);
        return;
    }
    gemini_thought(ask, &parts);
    if (ask->tool != NULL) {
        text_str(&parts, parts.len == 0 ? "" : ",");
        gemini_calls(ask, &parts);
    } else {
        text_fmt(&parts, "%s{\"text\":", parts.len == 0 ? "" : ",");
        text_json(&parts, ask->answer.ptr, ask->answer.len);
        text_str(&parts, "}");
    }
    text_str(&body, ask->is_array ? "[" : "");
    gemini_object(ask, &parts, ask->output, gemini_finish(ask), &body);
    text_str(&body, ask->is_array ? "]" : "");
    script_body(script, 200, "application/json; charset=UTF-8", &body);
    text_free(&parts);
    text_free(&body);
}

/* The last piece of the answer carries its end; calls come all at once. */
static void
gemini_stream(const struct ask *ask, struct script *script)
{
    size_t n = answer_n_pieces(ask);
    struct text parts = {0};

    script_stream_begin(script);
    gemini_thought(ask, &parts);
    if (parts.len > 0)
        gemini_chunk(ask, script, &parts, ask->reasoning, NULL);
    for (size_t i = 0; i < n; i++) {
        text_clear(&parts);
        text_str(&parts, "{\"text\":");
        answer_piece(ask, i, &parts);
        text_str(&parts, "}");
        gemini_chunk(ask, script, &parts,
                     i + 1 == n ? ask->output : ask->output * (int64_t)(i + 1) / (int64_t)n,
                     i + 1 == n ? gemini_finish(ask) : NULL);
    }
    text_clear(&parts);
    if (ask->tool != NULL)
        gemini_calls(ask, &parts);
    if (n == 0)
        gemini_chunk(ask, script, &parts, ask->output, gemini_finish(ask));
    script_stream_end(script);
    text_free(&parts);
}

static void
gemini_chunk(const struct ask *ask, struct script *script, const struct text *parts, int64_t output,
             const char *finish)
{
    struct text data = {0};

    gemini_object(ask, parts, output, finish, &data);
    script_event(script, NULL, &data);
    text_free(&data);
}

static void
gemini_object(const struct ask *ask, const struct text *parts, int64_t output, const char *finish,
              struct text *out)
{
    text_fmt(out, "{\"candidates\":[{\"content\":{\"parts\":[%s],\"role\":\"model\"},",
             parts->len == 0 ? "" : parts->ptr);
    if (finish != NULL)
        text_fmt(out, "\"finishReason\":\"%s\",", finish);
    if (cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetObjectItem(ask->tree, "generationConfig"),
                                         "responseLogprobs")))
        text_str(out, "\"logprobsResult\":{\"chosenCandidates\":[{\"token\":\"mock\","
                      "\"logProbability\":-0.5}]},");
    text_str(out, "\"index\":0}]");
    if (ask->fault.no_usage < 0) {
        text_str(out, ",\"usageMetadata\":");
        gemini_usage(ask, output, out);
    }
    text_fmt(out, ",\"modelVersion\":\"%s-canary-001\",\"responseId\":\"canary%06u\"}", ask->model,
             ask->serial);
}

static void
gemini_thought(const struct ask *ask, struct text *out)
{
    if (ask->reasoning > 0)
        text_str(out, "{\"text\":\"Thinking.\",\"thought\":true}");
}

static void
gemini_calls(const struct ask *ask, struct text *out)
{
    for (long i = 0; i < ask->n_calls; i++) {
        text_fmt(out, "%s{\"functionCall\":{\"name\":", i == 0 ? "" : ",");
        text_json(out, ask_tool_name(ask), strlen(ask_tool_name(ask)));
        text_str(out, ",\"args\":");
        ask_tool_arguments(ask, i, out);
        text_str(out, i == 0 ? "},\"thoughtSignature\":\"" GEMINI_SIGNATURE "\"}" : "}}");
    }
}

/* Thoughts are not among the candidates' tokens, cached ones are among the prompt's. */
static void
gemini_usage(const struct ask *ask, int64_t output, struct text *out)
{
    int64_t prompt = ask->input + ask->cached + ask->cache_write;
    int64_t thoughts = ask->reasoning < output ? ask->reasoning : output;

    text_str(out, "{");
    answer_count(ask, "promptTokenCount", prompt, out);
    if (ask->cached > 0) {
        text_str(out, ",");
        answer_count(ask, "cachedContentTokenCount", ask->cached, out);
    }
    text_str(out, ",");
    answer_count(ask, "candidatesTokenCount", output - thoughts, out);
    if (thoughts > 0) {
        text_str(out, ",");
        answer_count(ask, "thoughtsTokenCount", thoughts, out);
    }
    text_str(out, ",");
    answer_count(ask, "totalTokenCount", prompt + output, out);
    text_str(out, ",\"promptTokensDetails\":[{\"modality\":\"TEXT\",");
    answer_count(ask, "tokenCount", prompt, out);
    text_str(out, "}]}");
}

/* The vectors of answer_chat.c. What they took is not said. */
void
answer_generate_vectors(const struct ask *ask, struct script *script)
{
    const cJSON *requests = cJSON_GetObjectItem(ask->tree, "requests"), *request;
    struct text body = {0};
    int n = 0;

    text_str(&body, "{\"embeddings\":[");
    cJSON_ArrayForEach(request, requests)
    {
        const cJSON *asked = cJSON_GetObjectItem(request, "outputDimensionality");
        int size = cJSON_IsNumber(asked) ? asked->valueint : 8;

        text_str(&body, n == 0 ? "{\"values\":[" : ",{\"values\":[");
        for (int i = 0; i < size && i < 4096; i++)
            text_fmt(&body, "%s%.7g", i == 0 ? "" : ",", (double)((i + n) % 128) / 128.0);
        text_str(&body, "]}");
        n++;
    }
    text_str(&body, "]}");
    script_body(script, 200, "application/json; charset=UTF-8", &body);
    text_free(&body);
}

void
answer_generate_count(const struct ask *ask, struct script *script)
{
    struct text body = {0};

    text_str(&body, "{");
    answer_count(ask, "totalTokens", ask->input, &body);
    text_str(&body, "}");
    script_body(script, 200, "application/json; charset=UTF-8", &body);
    text_free(&body);
}

void
answer_generate_model(const char *id, struct text *out)
{
    text_fmt(out,
             "{\"name\":\"models/%s\",\"version\":\"001\",\"displayName\":\"%s\","
             "\"inputTokenLimit\":1048576,\"outputTokenLimit\":65536,"
             "\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\"]}",
             id, id);
}
