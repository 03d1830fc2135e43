/* SPDX-License-Identifier: ISC
 *
 * Answers for clients of OpenAI's responses: the whole ladder of events (protocols.md 2.3), each
 * item finished before the next begins and repeated in the last event. Clients act on the finished
 * items alone.
 */
#include "dialect_parts.h"
#include "responses_parts.h"
#include "translators.h"

/* What kinds of parts look like. */
struct shape {
    const char *delta, *done;
    const char *field; /* of the finished event that holds the whole text */
};

static const struct shape text_shape = {"response.output_text.delta", "response.output_text.done",
                                        "text"};
static const struct shape refusal_shape = {"response.refusal.delta", "response.refusal.done",
                                           "refusal"};
static const struct shape reasoning_shape = {"response.reasoning_summary_text.delta",
                                             "response.reasoning_summary_text.done", "text"};
static const struct shape call_shape = {"response.function_call_arguments.delta",
                                        "response.function_call_arguments.done", "arguments"};
static const struct shape custom_shape = {"response.custom_tool_call_input.delta",
                                          "response.custom_tool_call_input.done", "input"};

static void start(struct answer_writer *writer, struct buf *out);
static void begin_part(struct answer_writer *writer, const struct neutral_event *event,
                       struct buf *out);
static void begin_item(struct answer_writer *writer, struct buf *out);
static void keep_call(struct answer_writer *writer, const struct neutral_event *event);
static void add_text(struct answer_writer *writer, const struct neutral_event *event,
                     struct buf *out);
static void refuse(struct answer_writer *writer, struct slice text, struct buf *out);
static void begin_summary(struct answer_writer *writer, struct buf *out);
static void keep_state(struct answer_writer *writer, const struct neutral_event *event);
static void annotate(struct answer_writer *writer, struct slice annotation, struct buf *out);
static void close_part(struct answer_writer *writer, struct buf *out);
static void complete_input(struct answer_writer *writer, struct buf *out);
static struct slice unwrap(struct slice arguments, struct buf *object);
static void write_text_done(struct answer_writer *writer, struct buf *out);
static void write_item_done(struct answer_writer *writer, struct buf *out);
static void finish(struct answer_writer *writer, struct buf *out);
static void fail(struct answer_writer *writer, enum err_category category, struct buf *out);
static void begin_event(const char *type, struct json_out *json, struct buf *out);
static void end_event(struct answer_writer *writer, struct json_out *json);
static void write_place(const struct answer_writer *writer, struct json_out *json);
static void write_index(const struct answer_writer *writer, struct json_out *json);
static const struct shape *shape_of(const struct answer_writer *writer);
static bool is_message(const struct answer_writer *writer);

void
responses_answer_write(struct answer_writer *writer, const struct neutral_event *event,
                       struct buf *out)
{
    start(writer, out);
    switch (event->kind) {
    case NEUTRAL_START:
        break;
    case NEUTRAL_PART_BEGIN:
        close_part(writer, out);
        begin_part(writer, event, out);
        break;
    case NEUTRAL_PART_DELTA:
        if (writer->is_open && event->text.len > 0)
            add_text(writer, event, out);
        break;
    case NEUTRAL_PART_STATE:
        keep_state(writer, event);
        break;
    case NEUTRAL_PART_END:
        /* Closed with the next event: only that tells if the answer was cut off here. */
        writer->is_closing = true;
        break;
    case NEUTRAL_ANNOTATION:
        annotate(writer, event->json, out);
        break;
    case NEUTRAL_USAGE:
        writer->usage = *event->usage;
        break;
    case NEUTRAL_FINISH:
        writer->finish = event->finish;
        close_part(writer, out);
        if (event->text.len > 0)
            refuse(writer, event->text, out);
        break;
    case NEUTRAL_END:
        close_part(writer, out);
        finish(writer, out);
        break;
    case NEUTRAL_ERROR:
        if (writer->is_closing)
            close_part(writer, out);
        fail(writer, event->category, out);
        break;
    }
}

static void
start(struct answer_writer *writer, struct buf *out)
{
    static const char *const types[] = {"response.created", "response.in_progress"};
    struct json_out json;

    if (writer->is_started)
        return;
    writer->is_started = true;
    for (size_t i = 0; !writer->is_whole && i < sizeof(types) / sizeof(types[0]); i++) {
        begin_event(types[i], &json, out);
        json_out_object(&json, "response");
        responses_object_response(writer, "in_progress", ERR_CATEGORY_NONE, &json);
        json_out_end_object(&json);
        end_event(writer, &json);
    }
}

/* ---- one part ---- */

static void
begin_part(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    writer->open = event->part;
    writer->is_open = event->part == NEUTRAL_TEXT || event->part == NEUTRAL_REFUSAL ||
                      event->part == NEUTRAL_REASONING || event->part == NEUTRAL_CALL;
    if (!writer->is_open)
        return;
    buf_clear(&writer->text);
    buf_clear(&writer->scratch);
    buf_clear(&writer->logprobs);
    writer->origin = NEUTRAL_ORIGIN_TEXT;
    writer->is_redacted = event->is_redacted;
    writer->n_annotations = 0;
    writer->is_custom = writer->is_wrapped = false;
    if (event->part == NEUTRAL_CALL)
        keep_call(writer, event);
    if (!is_message(writer)) /* a message begins with its first text: empty ones are not told */
        begin_item(writer, out);
}

static void
begin_item(struct answer_writer *writer, struct buf *out)
{
    struct json_out json;

    if (writer->is_whole)
        return;
    begin_event("response.output_item.added", &json, out);
    write_index(writer, &json);
    json_out_object(&json, "item");
    responses_object_item(writer, NULL, &json);
    json_out_end_object(&json);
    end_event(writer, &json);
    if (!is_message(writer))
        return;
    begin_event("response.content_part.added", &json, out);
    write_place(writer, &json);
    json_out_int(&json, "content_index", 0);
    json_out_object(&json, "part");
    responses_object_part(writer, false, &json);
    json_out_end_object(&json);
    end_event(writer, &json);
}

/* Members of the call's item that stay the same, in scratch: an object that is not closed. */
static void
keep_call(struct answer_writer *writer, const struct neutral_event *event)
{
    const uint32_t len = answer_writer_namespace(writer, event->name);
    const struct slice name = answer_writer_name(writer, event->name);
    struct json_out json;

    writer->n_calls++;
    writer->is_custom = event->is_custom || answer_writer_is_custom(writer, event->name);
    writer->is_wrapped = writer->is_custom && !event->is_custom;
    json_out_init(&json, &writer->scratch);
    json_out_object(&json, NULL);
    json_out_raw_string(&json, "call_id", event->id);
    json_out_raw_string(&json, "name", len > 0 ? slice_sub(name, len + 2, name.len) : name);
    if (len > 0)
        json_out_raw_string(&json, "namespace", slice_sub(name, 0, len));
}

static void
add_text(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    const struct slice text = event->text;
    struct json_out json;

    if (writer->text.len == 0 && is_message(writer))
        begin_item(writer, out);
    else if (writer->text.len == 0 && writer->open == NEUTRAL_REASONING)
        begin_summary(writer, out);
    buf_append_slice(&writer->text, text);
    if (writer->open == NEUTRAL_TEXT)
        answer_writer_add_logprobs(writer, event->json);
    /* Of a wrapped input nothing can be said before it is whole. */
    if (writer->is_whole || writer->is_wrapped)
        return;
    begin_event(shape_of(writer)->delta, &json, out);
    write_place(writer, &json);
    if (is_message(writer))
        json_out_int(&json, "content_index", 0);
    else if (writer->open == NEUTRAL_REASONING)
        json_out_int(&json, "summary_index", 0);
    json_out_raw_string(&json, "delta", text);
    if (writer->open == NEUTRAL_TEXT)
        json_out_raw(&json, "logprobs", event->json.len > 0 ? event->json : SLICE_LIT("[]"));
    end_event(writer, &json);
}

/* Why it would not go on: a message of its own. */
static void
refuse(struct answer_writer *writer, struct slice text, struct buf *out)
{
    begin_part(writer, &(struct neutral_event){.part = NEUTRAL_REFUSAL}, out);
    add_text(writer, &(struct neutral_event){.text = text}, out);
    close_part(writer, out);
}

static void
begin_summary(struct answer_writer *writer, struct buf *out)
{
    struct json_out json;

    if (writer->is_whole)
        return;
    begin_event("response.reasoning_summary_part.added", &json, out);
    write_place(writer, &json);
    json_out_int(&json, "summary_index", 0);
    json_out_raw(&json, "part", SLICE_LIT("{\"type\":\"summary_text\",\"text\":\"\"}"));
    end_event(writer, &json);
}

static void
keep_state(struct answer_writer *writer, const struct neutral_event *event)
{
    if (!writer->is_open || writer->open != NEUTRAL_REASONING)
        return;
    buf_clear(&writer->scratch);
    buf_append_slice(&writer->scratch, event->state);
    writer->origin = event->origin;
    writer->is_redacted |= event->is_redacted;
}

static void
annotate(struct answer_writer *writer, struct slice annotation, struct buf *out)
{
    struct json_out json;

    if (!writer->is_open || writer->open != NEUTRAL_TEXT || writer->text.len == 0)
        return;
    if (writer->n_annotations > 0)
        buf_append_byte(&writer->scratch, ',');
    buf_append_slice(&writer->scratch, annotation);
    writer->n_annotations++;
    if (writer->is_whole)
        return;
    begin_event("response.output_text.annotation.added", &json, out);
    write_place(writer, &json);
    json_out_int(&json, "content_index", 0);
    json_out_int(&json, "annotation_index", writer->n_annotations - 1);
    json_out_raw(&json, "annotation", annotation);
    end_event(writer, &json);
}

static void
close_part(struct answer_writer *writer, struct buf *out)
{
    writer->is_closing = false;
    if (!writer->is_open)
        return;
    writer->is_open = !is_message(writer) || writer->text.len > 0;
    if (!writer->is_open)
        return;
    if (writer->open == NEUTRAL_CALL)
        complete_input(writer, out);
    if (!writer->is_whole && (writer->open != NEUTRAL_REASONING || writer->text.len > 0))
        write_text_done(writer, out);
    write_item_done(writer, out);
    writer->is_open = false;
    writer->index++;
}

/* A call's input that is not told yet: none at all, or one wrapped in an object. */
static void
complete_input(struct answer_writer *writer, struct buf *out)
{
    struct buf quoted, object;

    if (!writer->is_wrapped) {
        if (writer->text.len == 0 && !writer->is_custom)
            add_text(writer, &(struct neutral_event){.text = SLICE_LIT("{}")}, out);
        return;
    }
    buf_init(&quoted, writer->text.cap + 2);
    buf_init(&object, writer->text.cap);
    buf_append_byte(&quoted, '"');
    buf_append_slice(&quoted, buf_slice(&writer->text));
    buf_append_byte(&quoted, '"');
    const struct slice input = unwrap(buf_slice(&quoted), &object);
    writer->is_wrapped = false;
    buf_clear(&writer->text);
    if (input.len > 0)
        add_text(writer, &(struct neutral_event){.text = input}, out);
    buf_fini(&quoted);
    buf_fini(&object);
}

/* Raw text of the input in the arguments (a string); what was not wrapped after all is the input
 * as it is. */
static struct slice
unwrap(struct slice arguments, struct buf *object)
{
    struct json_member input;

    if (json_string_decode(arguments, object) == 0 &&
        json_find_in(buf_slice(object), "input", &input) && input.type == JSON_STRING)
        return responses_raw(&input);
    return slice_sub(arguments, 1, arguments.len - 1);
}

static void
write_text_done(struct answer_writer *writer, struct buf *out)
{
    const struct shape *shape = shape_of(writer);
    bool is_reasoning = writer->open == NEUTRAL_REASONING;
    struct json_member name;
    struct json_out json;

    begin_event(shape->done, &json, out);
    write_place(writer, &json);
    if (is_message(writer))
        json_out_int(&json, "content_index", 0);
    else if (is_reasoning)
        json_out_int(&json, "summary_index", 0);
    if (writer->open == NEUTRAL_CALL && !writer->is_custom &&
        json_find_in(buf_slice(&writer->scratch), "name", &name))
        json_out_raw(&json, "name", name.value);
    json_out_raw_string(&json, shape->field, buf_slice(&writer->text));
    if (writer->open == NEUTRAL_TEXT)
        responses_object_logprobs(writer, true, &json);
    end_event(writer, &json);
    if (!is_message(writer) && !is_reasoning)
        return;
    begin_event(is_reasoning ? "response.reasoning_summary_part.done"
                             : "response.content_part.done",
                &json, out);
    write_place(writer, &json);
    json_out_int(&json, is_reasoning ? "summary_index" : "content_index", 0);
    json_out_object(&json, "part");
    responses_object_part(writer, true, &json);
    json_out_end_object(&json);
    end_event(writer, &json);
}

/* The finished item is kept: the last event repeats it. */
static void
write_item_done(struct answer_writer *writer, struct buf *out)
{
    bool is_cut = writer->finish == NEUTRAL_LENGTH || writer->finish == NEUTRAL_CONTEXT_FULL;
    struct json_out json;

    if (writer->items.len > 0)
        buf_append_byte(&writer->items, ',');
    size_t from = writer->items.len;
    json_out_init(&json, &writer->items);
    json_out_object(&json, NULL);
    responses_object_item(writer, is_cut ? "incomplete" : "completed", &json);
    json_out_end_object(&json);
    if (writer->is_whole)
        return;
    begin_event("response.output_item.done", &json, out);
    write_index(writer, &json);
    json_out_raw(&json, "item", slice_sub(buf_slice(&writer->items), from, writer->items.len));
    end_event(writer, &json);
}

/* ---- the answer's end ---- */

static void
finish(struct answer_writer *writer, struct buf *out)
{
    struct json_out json;
    bool is_complete = responses_object_incomplete(writer->finish) == NULL;
    const char *status = is_complete ? "completed" : "incomplete";

    if (writer->is_whole) {
        json_out_init(&json, out);
        json_out_object(&json, NULL);
        responses_object_response(writer, status, ERR_CATEGORY_NONE, &json);
        json_out_end_object(&json);
        return;
    }
    begin_event(is_complete ? "response.completed" : "response.incomplete", &json, out);
    json_out_object(&json, "response");
    responses_object_response(writer, status, ERR_CATEGORY_NONE, &json);
    json_out_end_object(&json);
    end_event(writer, &json);
}

/* A bare error event would be legal too, but Codex takes it for the end of the connection. A whole
 * answer that fails has a status of its own: whoever sends it writes the body. */
static void
fail(struct answer_writer *writer, enum err_category category, struct buf *out)
{
    struct json_out json;

    if (writer->is_whole)
        return;
    begin_event("response.failed", &json, out);
    json_out_object(&json, "response");
    responses_object_response(writer, "failed", category, &json);
    json_out_end_object(&json);
    end_event(writer, &json);
}

/* ---- pieces of events ---- */

static void
begin_event(const char *type, struct json_out *json, struct buf *out)
{
    buf_append_slice(out, SLICE_LIT("event: "));
    buf_append_str(out, type);
    buf_append_slice(out, SLICE_LIT("\ndata: "));
    json_out_init(json, out);
    json_out_object(json, NULL);
    json_out_str(json, "type", type);
}

static void
end_event(struct answer_writer *writer, struct json_out *json)
{
    json_out_int(json, "sequence_number", writer->sequence++);
    json_out_end_object(json);
    buf_append_slice(json->buf, SLICE_LIT("\n\n"));
}

/* Whose event it is. */
static void
write_place(const struct answer_writer *writer, struct json_out *json)
{
    responses_object_item_id(writer, "item_id", json);
    write_index(writer, json);
}

static void
write_index(const struct answer_writer *writer, struct json_out *json)
{
    json_out_int(json, "output_index", writer->index);
}

static const struct shape *
shape_of(const struct answer_writer *writer)
{
    switch (writer->open) {
    case NEUTRAL_REFUSAL:
        return &refusal_shape;
    case NEUTRAL_REASONING:
        return &reasoning_shape;
    case NEUTRAL_CALL:
        return writer->is_custom ? &custom_shape : &call_shape;
    case NEUTRAL_TEXT:
    case NEUTRAL_IMAGE:
    case NEUTRAL_FILE:
    case NEUTRAL_AUDIO:
    case NEUTRAL_RESULT:
    case NEUTRAL_FOREIGN:
        break;
    }
    return &text_shape;
}

static bool
is_message(const struct answer_writer *writer)
{
    return writer->open == NEUTRAL_TEXT || writer->open == NEUTRAL_REFUSAL;
}
