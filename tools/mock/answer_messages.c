/* SPDX-License-Identifier: ISC
 *
 * answer_messages - Anthropic Messages (protocols.md 3): the message and the full event ladder.
 */
#include "answer.h"

#include <string.h>

static void messages_plain(const struct ask *ask, struct script *script);
static void messages_stream(const struct ask *ask, struct script *script);
static void messages_stream_thinking(struct script *script);
static void messages_stream_text(const struct ask *ask, struct script *script, int index);
static void messages_stream_tool(const struct ask *ask, struct script *script, int index, long n);
static void messages_open(const struct ask *ask, struct text *out);
static void messages_tool(const struct ask *ask, long n, const char *input, struct text *out);
static void messages_usage(const struct ask *ask, int64_t output, struct text *out);
static void messages_event(struct script *script, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void
answer_message(const struct ask *ask, struct script *script)
{
    if (ask->is_stream)
        messages_stream(ask, script);
    else
        messages_plain(ask, script);
}

static const char *
messages_stop(const struct ask *ask)
{
    return ask->tool != NULL ? "tool_use" : ask->is_cut_short ? "max_tokens" : "end_turn";
}

static void
messages_plain(const struct ask *ask, struct script *script)
{
    struct text body = {0}, input = {0};

    messages_open(ask, &body);
    text_str(&body, ",\"content\":[");
    if (ask->reasoning > 0)
        text_str(&body, "{\"type\":\"thinking\",\"thinking\":\"Thinking.\","
                        "\"signature\":\"bW9jaw==\"},");
    if (ask->tool == NULL) {
        text_str(&body, "{\"type\":\"text\",\"text\":");
        text_json(&body, ask->answer.ptr, ask->answer.len);
        text_str(&body, "}");
    }
    for (long i = 0; i < ask->n_calls; i++) {
        text_clear(&input);
        ask_tool_arguments(ask, i, &input);
        text_str(&body, i == 0 ? "" : ",");
        messages_tool(ask, i, input.ptr, &body);
    }
    text_fmt(&body, "],\"stop_reason\":\"%s\",\"stop_sequence\":null", messages_stop(ask));
    if (ask->fault.no_usage < 0) {
        text_str(&body, ",\"usage\":");
        messages_usage(ask, ask->output, &body);
    }
    text_str(&body, "}");
    script_body(script, 200, "application/json", &body);
    text_free(&body);
    text_free(&input);
}

static void
messages_stream(const struct ask *ask, struct script *script)
{
    struct text start = {0}, usage = {0};
    int index = 0;

    script_stream_begin(script);
    messages_open(ask, &start);
    text_str(&start, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null");
    if (ask->fault.no_usage < 0) {
        text_str(&start, ",\"usage\":");
        messages_usage(ask, 1, &start);
    }
    messages_event(script, "message_start", "\"message\":%s}", start.ptr);
    messages_event(script, "ping", NULL);
    if (ask->reasoning > 0)
        messages_stream_thinking(script);
    index = ask->reasoning > 0;
    if (ask->tool == NULL)
        messages_stream_text(ask, script, index);
    for (long i = 0; i < ask->n_calls; i++)
        messages_stream_tool(ask, script, index++, i);
    if (ask->fault.no_usage < 0) {
        text_str(&usage, ",\"usage\":{");
        answer_count(ask, "output_tokens", ask->output, &usage);
        text_str(&usage, "}");
    }
    messages_event(script, "message_delta",
                   "\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":null}%s",
                   messages_stop(ask), usage.len == 0 ? "" : usage.ptr);
    messages_event(script, "message_stop", NULL);
    script_stream_end(script);
    text_free(&start);
    text_free(&usage);
}

static void
messages_stream_thinking(struct script *script)
{
    messages_event(script, "content_block_start",
                   "\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\","
                   "\"signature\":\"\"}");
    messages_event(
        script, "content_block_delta",
        "\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Thinking.\"}");
    messages_event(
        script, "content_block_delta",
        "\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"bW9jaw==\"}");
    messages_event(script, "content_block_stop", "\"index\":0");
}

static void
messages_stream_text(const struct ask *ask, struct script *script, int index)
{
    struct text piece = {0};

    messages_event(script, "content_block_start",
                   "\"index\":%d,\"content_block\":{\"type\":\"text\",\"text\":\"\"}", index);
    for (size_t i = 0; i < answer_n_pieces(ask); i++) {
        text_clear(&piece);
        answer_piece(ask, i, &piece);
        messages_event(script, "content_block_delta",
                       "\"index\":%d,\"delta\":{\"type\":\"text_delta\",\"text\":%s}", index,
                       piece.ptr);
    }
    messages_event(script, "content_block_stop", "\"index\":%d", index);
    text_free(&piece);
}

static void
messages_stream_tool(const struct ask *ask, struct script *script, int index, long n)
{
    struct text block = {0}, input = {0}, json = {0};

    messages_tool(ask, n, "{}", &block);
    messages_event(script, "content_block_start", "\"index\":%d,\"content_block\":%s", index,
                   block.ptr);
    messages_event(script, "content_block_delta",
                   "\"index\":%d,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}",
                   index);
    ask_tool_arguments(ask, n, &input);
    text_json(&json, input.ptr, input.len);
    messages_event(script, "content_block_delta",
                   "\"index\":%d,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":%s}",
                   index, json.ptr);
    messages_event(script, "content_block_stop", "\"index\":%d", index);
    text_free(&block);
    text_free(&input);
    text_free(&json);
}

/* "{" and the members that the whole message and message_start share. */
static void
messages_open(const struct ask *ask, struct text *out)
{
    text_fmt(out, "{\"id\":\"msg_canary%06u\",\"type\":\"message\",\"role\":\"assistant\",",
             ask->serial);
    answer_model(ask, out);
}

static void
messages_tool(const struct ask *ask, long n, const char *input, struct text *out)
{
    text_fmt(out, "{\"type\":\"tool_use\",\"id\":\"toolu_%06u_%ld\",\"name\":", ask->serial, n);
    text_json(out, ask_tool_name(ask), strlen(ask_tool_name(ask)));
    text_fmt(out, ",\"input\":%s}", input);
}

static void
messages_usage(const struct ask *ask, int64_t output, struct text *out)
{
    text_str(out, "{");
    answer_count(ask, "input_tokens", ask->input, out);
    text_str(out, ",");
    answer_count(ask, "cache_creation_input_tokens", ask->cache_write, out);
    text_str(out, ",");
    answer_count(ask, "cache_read_input_tokens", ask->cached, out);
    text_str(out, ",\"cache_creation\":{");
    answer_count(ask, "ephemeral_5m_input_tokens", ask->cache_write, out);
    text_str(out, ",\"ephemeral_1h_input_tokens\":0},");
    answer_count(ask, "output_tokens", output, out);
    text_str(out, ",\"service_tier\":\"standard\"}");
}

/* {"type": type, ...}; format NULL = nothing more. */
static void
messages_event(struct script *script, const char *type, const char *format, ...)
{
    struct text data = {0};
    va_list args;

    text_fmt(&data, "{\"type\":\"%s\"", type);
    if (format != NULL) {
        va_start(args, format);
        text_str(&data, ",");
        text_vfmt(&data, format, args);
        va_end(args);
    }
    text_str(&data, "}");
    script_event(script, type, &data);
    text_free(&data);
}

void
answer_count_tokens(const struct ask *ask, struct script *script)
{
    struct text body = {0};

    text_str(&body, "{");
    answer_count(ask, "input_tokens", ask->input, &body);
    text_str(&body, "}");
    script_body(script, 200, "application/json", &body);
    text_free(&body);
}
