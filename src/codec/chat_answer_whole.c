/* SPDX-License-Identifier: ISC
 *
 * A whole answer to a chat client. The parts of a message are apart in JSON, in whatever order they
 * come: each kind grows in a buffer of its own, finished choices in writer->items.
 */
#include "chat_answer.h"
#include "relayos/codec/json_out.h"

enum lane { LANE_CONTENT, LANE_REASONING, LANE_CALLS, LANE_ANNOTATIONS };

static struct buf *refusal_of(struct answer_writer *writer);
static void begin_call(struct answer_writer *writer, const struct neutral_event *event);
static void add_text(struct answer_writer *writer, struct slice text);
static void add_input(struct answer_writer *writer, struct slice text);
static void end_call(struct answer_writer *writer);
static void finish_choice(struct answer_writer *writer, const struct neutral_event *event);
static void write_logprobs(struct answer_writer *writer, struct json_out *json);
static void write_message(struct answer_writer *writer, struct json_out *json);
static void write_text(const char *key, const struct buf *text, struct json_out *json);
static void write_document(struct answer_writer *writer, struct buf *out);

void
chat_answer_whole(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    struct buf *annotations = &writer->lanes[LANE_ANNOTATIONS];
    bool is_call = writer->open == NEUTRAL_CALL && chat_answer_write_shows_call(writer);

    switch (event->kind) {
    case NEUTRAL_PART_BEGIN:
        if (is_call)
            begin_call(writer, event);
        break;
    case NEUTRAL_PART_DELTA:
        if (is_call)
            add_input(writer, event->text);
        else
            add_text(writer, event->text);
        if (writer->open == NEUTRAL_TEXT)
            answer_writer_add_logprobs(writer, event->json);
        break;
    case NEUTRAL_PART_END:
        if (is_call)
            end_call(writer);
        break;
    case NEUTRAL_ANNOTATION:
        if (!chat_answer_write_is_citation(event))
            break;
        buf_append_str(annotations, annotations->len > 0 ? "," : "");
        chat_answer_write_citation(writer, event->json, annotations);
        break;
    case NEUTRAL_FINISH:
        finish_choice(writer, event);
        break;
    case NEUTRAL_END:
        write_document(writer, out);
        break;
    case NEUTRAL_START:
    case NEUTRAL_PART_STATE:
    case NEUTRAL_USAGE:
    case NEUTRAL_ERROR:
        break;
    }
}

/* Streams keep their chunks' beginning there. */
static inline struct buf *
refusal_of(struct answer_writer *writer)
{
    return &writer->scratch;
}

static void
begin_call(struct answer_writer *writer, const struct neutral_event *event)
{
    struct buf *calls = &writer->lanes[LANE_CALLS];

    if (writer->uses_functions) {
        buf_append_str(calls, "{\"name\":\"");
        buf_append_slice(calls, answer_writer_name(writer, event->name));
        buf_append_str(calls, "\",\"arguments\":\"");
        return;
    }
    buf_append_str(calls, calls->len > 0 ? ",{\"id\":\"" : "{\"id\":\"");
    buf_append_slice(calls, event->id);
    buf_append_str(calls, writer->is_custom ? "\",\"type\":\"custom\",\"custom\":{\"name\":\""
                                            : "\",\"type\":\"function\",\"function\":{\"name\":\"");
    buf_append_slice(calls, answer_writer_name(writer, event->name));
    buf_append_str(calls, writer->is_custom ? "\",\"input\":\"" : "\",\"arguments\":\"");
}

static void
add_text(struct answer_writer *writer, struct slice text)
{
    switch (writer->open) {
    case NEUTRAL_TEXT:
        buf_append_slice(&writer->lanes[LANE_CONTENT], text);
        break;
    case NEUTRAL_REASONING:
        buf_append_slice(&writer->lanes[LANE_REASONING], text);
        break;
    case NEUTRAL_REFUSAL:
        buf_append_slice(refusal_of(writer), text);
        break;
    case NEUTRAL_CALL:
    case NEUTRAL_IMAGE:
    case NEUTRAL_FILE:
    case NEUTRAL_AUDIO:
    case NEUTRAL_RESULT:
    case NEUTRAL_FOREIGN:
        break;
    }
}

static void
add_input(struct answer_writer *writer, struct slice text)
{
    buf_append_slice(writer->is_wrapped ? &writer->text : &writer->lanes[LANE_CALLS], text);
}

static void
end_call(struct answer_writer *writer)
{
    struct buf *calls = &writer->lanes[LANE_CALLS];

    if (writer->is_wrapped)
        chat_answer_write_unwrapped(writer, calls);
    else if (!writer->has_delta && !writer->is_custom)
        buf_append_str(calls, "{}");
    buf_append_str(calls, writer->uses_functions ? "\"}" : "\"}}");
}

static void
finish_choice(struct answer_writer *writer, const struct neutral_event *event)
{
    struct buf *refusal = refusal_of(writer);
    struct json_out json;

    if (event->finish == NEUTRAL_CONTENT_FILTER && refusal->len == 0)
        buf_append_slice(refusal, event->text);
    if (writer->items.len > 0)
        buf_append_byte(&writer->items, ',');
    json_out_init(&json, &writer->items);
    json_out_object(&json, NULL);
    json_out_int(&json, "index", event->choice);
    if (chat_answer_is_text(writer))
        json_out_raw_string(&json, "text", buf_slice(&writer->lanes[LANE_CONTENT]));
    else
        write_message(writer, &json);
    write_logprobs(writer, &json);
    json_out_str(&json, "finish_reason", chat_answer_write_finish(writer));
    json_out_end_object(&json);

    for (size_t i = 0; i < sizeof(writer->lanes) / sizeof(writer->lanes[0]); i++) {
        writer->items.overflow |= writer->lanes[i].overflow;
        buf_clear(&writer->lanes[i]);
    }
    buf_clear(refusal);
}

static void
write_logprobs(struct answer_writer *writer, struct json_out *json)
{
    if (writer->logprobs.len == 0) {
        json_out_null(json, "logprobs");
        return;
    }
    json_out_object(json, "logprobs");
    json_out_array(json, "content");
    json_out_raw(json, NULL, buf_slice(&writer->logprobs));
    json_out_end_array(json);
    json_out_null(json, "refusal");
    json_out_end_object(json);
    buf_clear(&writer->logprobs);
}

static void
write_message(struct answer_writer *writer, struct json_out *json)
{
    const struct buf *calls = &writer->lanes[LANE_CALLS];
    const struct buf *annotations = &writer->lanes[LANE_ANNOTATIONS];

    json_out_object(json, "message");
    json_out_str(json, "role", "assistant");
    write_text("content", &writer->lanes[LANE_CONTENT], json);
    write_text("refusal", refusal_of(writer), json);
    if (writer->lanes[LANE_REASONING].len > 0)
        write_text("reasoning_content", &writer->lanes[LANE_REASONING], json);
    if (annotations->len > 0) {
        json_out_array(json, "annotations");
        json_out_raw(json, NULL, buf_slice(annotations));
        json_out_end_array(json);
    }
    if (calls->len > 0 && writer->uses_functions) {
        json_out_raw(json, "function_call", buf_slice(calls));
    } else if (calls->len > 0) {
        json_out_array(json, "tool_calls");
        json_out_raw(json, NULL, buf_slice(calls));
        json_out_end_array(json);
    }
    json_out_end_object(json);
}

static void
write_text(const char *key, const struct buf *text, struct json_out *json)
{
    if (text->len == 0)
        json_out_null(json, key);
    else
        json_out_raw_string(json, key, buf_slice(text));
}

static void
write_document(struct answer_writer *writer, struct buf *out)
{
    out->overflow |= writer->items.overflow; /* a part of it is missing */
    chat_answer_write_names(
        writer, chat_answer_is_text(writer) ? "text_completion" : "chat.completion", out);
    buf_append_str(out, ",\"choices\":[");
    buf_append_slice(out, buf_slice(&writer->items));
    buf_append_str(out, "],\"usage\":");
    chat_answer_write_usage(writer, out);
    buf_append_byte(out, '}');
}
