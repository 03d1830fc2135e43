/* SPDX-License-Identifier: ISC
 *
 * The objects in answers of Responses: items, their parts, and the answer as a whole, with all
 * members that the types of SDKs have (protocols.md 2.2).
 */
#include "dialect_parts.h"
#include "relayos/codec/carrier.h"
#include "responses_parts.h"

static void write_reasoning(const struct answer_writer *writer, bool is_done,
                            struct json_out *json);
static void write_error(enum err_category category, struct json_out *json);
static void write_said(const struct answer_writer *writer, struct json_out *json);
static void write_usage(const struct usage *usage, struct json_out *json);
static const char *id_prefix(const struct answer_writer *writer);

void
responses_object_item(const struct answer_writer *writer, const char *status, struct json_out *json)
{
    bool is_done = status != NULL;

    responses_object_item_id(writer, "id", json);
    if (writer->open == NEUTRAL_REASONING) {
        write_reasoning(writer, is_done, json);
        return;
    }
    if (writer->open == NEUTRAL_CALL) {
        json_out_str(json, "type", writer->is_custom ? "custom_tool_call" : "function_call");
        json_out_str(json, "status", is_done ? status : "in_progress");
        buf_append_byte(json->buf, ',');
        buf_append_slice(json->buf, slice_sub(buf_slice(&writer->scratch), 1, writer->scratch.len));
        json_out_raw_string(json, writer->is_custom ? "input" : "arguments",
                            is_done ? buf_slice(&writer->text) : SLICE_LIT(""));
        return;
    }
    json_out_str(json, "type", "message");
    json_out_str(json, "status", is_done ? status : "in_progress");
    json_out_str(json, "role", "assistant");
    json_out_array(json, "content");
    if (is_done) {
        json_out_object(json, NULL);
        responses_object_part(writer, true, json);
        json_out_end_object(json);
    }
    json_out_end_array(json);
}

void
responses_object_part(const struct answer_writer *writer, bool is_whole, struct json_out *json)
{
    struct slice text = is_whole ? buf_slice(&writer->text) : SLICE_LIT("");

    if (writer->open == NEUTRAL_REASONING) {
        json_out_str(json, "type", "summary_text");
        json_out_raw_string(json, "text", text);
        return;
    }
    if (writer->open == NEUTRAL_REFUSAL) {
        json_out_str(json, "type", "refusal");
        json_out_raw_string(json, "refusal", text);
        return;
    }
    json_out_str(json, "type", "output_text");
    json_out_array(json, "annotations");
    if (is_whole && writer->n_annotations > 0)
        json_out_raw(json, NULL, buf_slice(&writer->scratch));
    json_out_end_array(json);
    responses_object_logprobs(writer, is_whole, json);
    json_out_raw_string(json, "text", text);
}

void
responses_object_logprobs(const struct answer_writer *writer, bool is_whole, struct json_out *json)
{
    json_out_array(json, "logprobs");
    if (is_whole && writer->logprobs.len > 0)
        json_out_raw(json, NULL, buf_slice(&writer->logprobs));
    json_out_end_array(json);
}

static void
write_reasoning(const struct answer_writer *writer, bool is_done, struct json_out *json)
{
    json_out_str(json, "type", "reasoning");
    json_out_array(json, "summary");
    if (is_done && writer->text.len > 0) {
        json_out_object(json, NULL);
        responses_object_part(writer, true, json);
        json_out_end_object(json);
    }
    json_out_end_array(json);
    if (!is_done) {
        json_out_null(json, "encrypted_content");
        return;
    }
    const struct carrier carrier = {
        .origin = writer->origin,
        .text = buf_slice(&writer->text),
        .state = buf_slice(&writer->scratch),
        .is_redacted = writer->is_redacted,
    };
    json_out_raw(json, "encrypted_content", SLICE_LIT("\""));
    carrier_write(&writer->context, &carrier, json->buf);
    buf_append_byte(json->buf, '"');
}

/* All members that the type of a response has: SDKs read them without asking. */
void
responses_object_response(const struct answer_writer *writer, const char *status,
                          enum err_category category, struct json_out *json)
{
    const char *reason = responses_object_incomplete(writer->finish);
    bool is_begun = strcmp(status, "in_progress") == 0;
    char id[5 + 32] = "resp_";

    text_uuid_hex(writer->context.request_id, id + 5);
    json_out_string(json, "id", slice_of(id, sizeof(id)));
    json_out_str(json, "object", "response");
    json_out_int(json, "created_at", writer->created_s);
    json_out_str(json, "status", status);
    json_out_bool(json, "background", false);
    write_error(category, json);
    if (category == ERR_CATEGORY_NONE && !is_begun && reason != NULL) {
        json_out_object(json, "incomplete_details");
        json_out_str(json, "reason", reason);
        json_out_end_object(json);
    } else {
        json_out_null(json, "incomplete_details");
    }
    json_out_null(json, "instructions");
    write_said(writer, json);
    json_out_raw(json, "metadata", SLICE_LIT("{}"));
    json_out_string(json, "model", writer->context.public_model);
    json_out_array(json, "output");
    if (writer->items.len > 0)
        json_out_raw(json, NULL, buf_slice(&writer->items));
    json_out_end_array(json);
    json_out_bool(json, "parallel_tool_calls", true);
    json_out_null(json, "previous_response_id");
    json_out_bool(json, "store", false);
    json_out_int(json, "temperature", 1);
    json_out_raw(json, "text", SLICE_LIT("{\"format\":{\"type\":\"text\"}}"));
    json_out_str(json, "tool_choice", "auto");
    json_out_raw(json, "tools", SLICE_LIT("[]"));
    json_out_int(json, "top_p", 1);
    json_out_str(json, "truncation", "disabled");
    if (is_begun || category != ERR_CATEGORY_NONE || !writer->usage.is_reported)
        json_out_null(json, "usage");
    else
        write_usage(&writer->usage, json);
}

static void
write_error(enum err_category category, struct json_out *json)
{
    char room[512];
    struct buf message;

    if (category == ERR_CATEGORY_NONE) {
        json_out_null(json, "error");
        return;
    }
    buf_init(&message, sizeof(room));
    dialect_error_message(category, "", &message);
    json_out_object(json, "error");
    json_out_str(json, "code", openai_responses_failure_code(category));
    json_out_string(json, "message", buf_slice(&message));
    json_out_end_object(json);
    buf_fini(&message);
}

/* What the request said, in a whole answer; the events of a stream leave it out. */
static void
write_said(const struct answer_writer *writer, struct json_out *json)
{
    if (writer->is_whole && writer->said_max_tokens > 0)
        json_out_int(json, "max_output_tokens", writer->said_max_tokens);
    else
        json_out_null(json, "max_output_tokens");
    json_out_object(json, "reasoning");
    json_out_str(json, "effort",
                 writer->is_whole ? responses_object_effort(writer->said_effort) : NULL);
    json_out_str(json, "summary", writer->is_whole && writer->said_summary ? "auto" : NULL);
    json_out_end_object(json);
}

static void
write_usage(const struct usage *usage, struct json_out *json)
{
    const int64_t *count = usage->count;
    int64_t written = count[USAGE_CACHE_WRITE_5M] + count[USAGE_CACHE_WRITE_1H];
    int64_t input = count[USAGE_INPUT] + count[USAGE_CACHE_READ] + written +
                    count[USAGE_INPUT_AUDIO] + count[USAGE_INPUT_IMAGE];
    int64_t output = count[USAGE_OUTPUT] + count[USAGE_OUTPUT_AUDIO] + count[USAGE_OUTPUT_IMAGE];

    json_out_object(json, "usage");
    json_out_int(json, "input_tokens", input);
    json_out_object(json, "input_tokens_details");
    json_out_int(json, "cached_tokens", count[USAGE_CACHE_READ]);
    json_out_int(json, "cache_write_tokens", written);
    json_out_end_object(json);
    json_out_int(json, "output_tokens", output);
    json_out_object(json, "output_tokens_details");
    json_out_int(json, "reasoning_tokens", usage->reasoning_tokens);
    json_out_end_object(json);
    json_out_int(json, "total_tokens", input + output);
    json_out_end_object(json);
}

const char *
responses_object_effort(enum neutral_effort effort)
{
    static const char *const efforts[] = {
        [NEUTRAL_EFFORT_UNSAID] = NULL,       [NEUTRAL_EFFORT_NONE] = "none",
        [NEUTRAL_EFFORT_MINIMAL] = "minimal", [NEUTRAL_EFFORT_LOW] = "low",
        [NEUTRAL_EFFORT_MEDIUM] = "medium",   [NEUTRAL_EFFORT_HIGH] = "high",
        [NEUTRAL_EFFORT_XHIGH] = "xhigh",     [NEUTRAL_EFFORT_MAX] = "max",
    };

    return efforts[effort];
}

const char *
responses_object_incomplete(enum neutral_finish finish)
{
    switch (finish) {
    case NEUTRAL_LENGTH:
    case NEUTRAL_CONTEXT_FULL:
        return "max_output_tokens";
    case NEUTRAL_CONTENT_FILTER:
        return "content_filter";
    case NEUTRAL_STOP:
    case NEUTRAL_STOP_SEQUENCE:
    case NEUTRAL_TOOL_CALLS:
        break;
    }
    return NULL;
}

/* The same in all events of an item, and in no other answer. */
void
responses_object_item_id(const struct answer_writer *writer, const char *key, struct json_out *json)
{
    const char *prefix = id_prefix(writer);
    size_t len = strlen(prefix);
    char id[8 + 32 + 1 + TEXT_INT_SIZE];

    memcpy(id, prefix, len);
    text_uuid_hex(writer->context.request_id, id + len);
    len += 32;
    id[len++] = '_';
    len += text_int_format(writer->index, id + len);
    json_out_raw_string(json, key, slice_of(id, len));
}

static const char *
id_prefix(const struct answer_writer *writer)
{
    if (writer->open == NEUTRAL_REASONING)
        return "rs_";
    if (writer->open == NEUTRAL_CALL)
        return writer->is_custom ? "ctc_" : "fc_";
    return "msg_";
}
