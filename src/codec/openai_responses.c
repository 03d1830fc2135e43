/* SPDX-License-Identifier: ISC
 *
 * openai_responses - OpenAI's responses: answers are kept upstream and go on by id, so ids are
 * sealed to their owner; every event is named and numbered.
 */
#include "dialect_parts.h"
#include "relayos/base/text.h"
#include "relayos/codec/json_out.h"

static int read_event(struct reply_stream *stream, const struct sse_event *event, struct buf *out,
                      struct reply_facts *facts);
static int read_response(struct reply_stream *stream, const struct json_member *response,
                         struct rewrite *rewrite, struct reply_facts *facts);
static struct slice read_content(const struct json_object *object, struct slice type,
                                 struct reply_facts *facts);
static bool ends_with(struct slice text, struct slice end);
static void write_error_event(struct reply_stream *stream, enum err_category category,
                              struct slice message, struct buf *out);
static void write_failed_response(const struct reply_stream *stream, enum err_category category,
                                  struct slice message, struct json_out *json);
static void write_id(const struct reply_stream *stream, struct json_out *json);
static int64_t created_s(struct uuid request_id);

static const char *const request_headers[] = {NULL};

const struct dialect openai_responses_dialect = {
    .name = "openai_responses",
    .protocol = PROTOCOL_OPENAI_RESPONSES,
    .read_request = dialect_read_request,
    .edit_request = dialect_edit_request,
    .read_reply = dialect_read_reply,
    .read_error = dialect_read_error,
    .read_event = read_event,
    .write_error = dialect_write_openai_error,
    .write_error_event = write_error_event,
    .error_status = dialect_openai_status,
    .auth_header = "authorization: Bearer ",
    .request_headers = request_headers,
};

static int
read_event(struct reply_stream *stream, const struct sse_event *event, struct buf *out,
           struct reply_facts *facts)
{
    struct json_object object;
    struct json_error error;
    struct edits edits;
    char room[64];
    struct slice type = {0};

    if (dialect_repeat_event(stream, event->data, out, facts))
        return 0;
    *facts = (struct reply_facts){0};
    if (slice_eq(event->data,
                 SLICE_LIT("[DONE]"))) /* of servers that speak two protocols at once */
        return 0;
    if (json_scan_object(event->data, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    const struct json_member *name = json_find(&object, "type");
    if (name != NULL && json_string_view(name->value, room, sizeof(room), &type) != 0)
        return ERR_UPSTREAM_ERROR;
    const struct json_member *number = json_find(&object, "sequence_number");
    if (number != NULL)
        dialect_note_sequence(stream, number->value);

    struct rewrite rewrite = dialect_rewrite_of(stream, event->data, &edits);
    dialect_rewrite_begin(&rewrite, &stream->kept);
    const struct json_member *response = json_find(&object, "response");
    int err = read_response(stream, response, &rewrite, facts);
    if (slice_eq_str(type, "error") || slice_eq_str(type, "response.failed") ||
        dialect_is_error(json_find(&object, "error"))) {
        bool has_usage = facts->has_usage;

        dialect_read_error_event(stream, event->data, facts);
        facts->has_usage = has_usage;
        return 0;
    }
    struct slice text = read_content(&object, type, facts);
    if (response == NULL)
        dialect_repeat_expect(&rewrite, &object, text);
    facts->is_terminal =
        slice_eq_str(type, "response.completed") || slice_eq_str(type, "response.incomplete");
    dialect_note(stream, facts);
    if (err == 0)
        err = dialect_rewrite_object(&rewrite, &object);
    if (err == 0)
        dialect_emit(stream, &rewrite, name == NULL ? (struct slice){0} : name->value, out);
    return err;
}

/* The answer as it stands, in the events that begin and end it: ids, model, figures. */
static int
read_response(struct reply_stream *stream, const struct json_member *response,
              struct rewrite *rewrite, struct reply_facts *facts)
{
    struct json_object object;
    struct json_error error;

    if (response == NULL)
        return 0;
    if (json_scan_object(response->value, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    const struct json_member *usage = json_find(&object, "usage");
    const struct json_member *output = json_find(&object, "output");
    if (usage != NULL && usage->type != JSON_NULL) {
        dialect_usage_read(OPERATION_RESPONSE, usage->value, &stream->usage);
        dialect_usage_read_tier(OPERATION_RESPONSE, json_find(&object, "service_tier"),
                                &stream->usage);
        if (output != NULL)
            dialect_usage_count_tools(output->value, &stream->usage);
        facts->has_usage = true;
    }
    int err = dialect_rewrite_object(rewrite, &object);
    if (err == 0 && stream->answer_id.len == 0)
        buf_append_slice(&stream->answer_id, rewrite->state_id);
    return err;
}

/* Gives the string that is all an event says, or "". */
static struct slice
read_content(const struct json_object *object, struct slice type, struct reply_facts *facts)
{
    static const char *const path[] = {"item", "type"};
    const struct json_member *delta = json_find(object, "delta");
    struct json_member item;

    if (ends_with(type, SLICE_LIT(".delta")) && delta != NULL) {
        facts->content_bytes = (int64_t)json_string_length(delta->value);
        facts->is_content = facts->content_bytes > 0;
        return delta->type == JSON_STRING ? delta->value : (struct slice){0};
    }
    if (slice_eq_str(type, "response.output_item.added")) {
        /* Messages and reasoning begin empty; a call is content by being there. */
        facts->is_content = json_find_path(object, path, 2, &item) &&
                            !json_string_is(item.value, "message") &&
                            !json_string_is(item.value, "reasoning");
    } else if (slice_eq_str(type, "response.output_item.done")) {
        const struct json_member *done = json_find(object, "item");

        facts->is_content = true;
        if (done != NULL && done->type == JSON_OBJECT)
            facts->items = done->value;
    } else {
        facts->is_content = ends_with(type, SLICE_LIT(".partial_image"));
    }
    return (struct slice){0};
}

static bool
ends_with(struct slice text, struct slice end)
{
    return text.len >= end.len && slice_eq(slice_sub(text, text.len - end.len, text.len), end);
}

/* A bare error event would be legal too, but Codex takes it for the end of the connection. */
static void
write_error_event(struct reply_stream *stream, enum err_category category, struct slice message,
                  struct buf *out)
{
    struct json_out json;

    buf_append_slice(out, SLICE_LIT("event: response.failed\ndata: "));
    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_str(&json, "type", "response.failed");
    json_out_int(&json, "sequence_number", stream->next_sequence++);
    json_out_object(&json, "response");
    write_failed_response(stream, category, message, &json);
    json_out_end_object(&json);
    json_out_end_object(&json);
    buf_append_slice(out, SLICE_LIT("\n\n"));
    stream->n_events++;
}

/* All members that the type of a response has: SDKs read them without asking. */
static void
write_failed_response(const struct reply_stream *stream, enum err_category category,
                      struct slice message, struct json_out *json)
{
    static const char *const nulls[] = {"incomplete_details",
                                        "instructions",
                                        "max_output_tokens",
                                        "previous_response_id",
                                        "temperature",
                                        "top_p",
                                        "usage",
                                        "user"};
    const struct reply_context *context = &stream->context;
    char id[TEXT_UUID_SIZE];

    text_uuid_format(context->request_id, id);
    write_id(stream, json);
    json_out_str(json, "object", "response");
    json_out_int(json, "created_at", created_s(context->request_id));
    json_out_str(json, "status", "failed");
    json_out_object(json, "error");
    json_out_str(json, "code", openai_responses_failure_code(category));
    json_out_string(json, "message", message);
    json_out_string(json, "request_id", slice_of(id, sizeof(id)));
    json_out_end_object(json);
    json_out_string(json, "model", context->public_model);
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        json_out_null(json, nulls[i]);
    json_out_raw(json, "output", SLICE_LIT("[]"));
    json_out_raw(json, "tools", SLICE_LIT("[]"));
    json_out_str(json, "tool_choice", "auto");
    json_out_bool(json, "parallel_tool_calls", true);
    json_out_bool(json, "store", false);
    json_out_raw(json, "reasoning", SLICE_LIT("{\"effort\":null,\"summary\":null}"));
    json_out_raw(json, "text", SLICE_LIT("{\"format\":{\"type\":\"text\"}}"));
    json_out_str(json, "truncation", "disabled");
    json_out_raw(json, "metadata", SLICE_LIT("{}"));
}

/* The id that the stream's events had, else one of our own that nothing can be asked of. */
static void
write_id(const struct reply_stream *stream, struct json_out *json)
{
    char id[5 + 32] = "resp_";

    text_uuid_hex(stream->context.request_id, id + 5);
    if (stream->answer_id.len > 0)
        json_out_raw(json, "id", buf_slice(&stream->answer_id));
    else
        json_out_string(json, "id", slice_of(id, sizeof(id)));
}

/* A UUIDv7 begins with the milliseconds of its making. */
static int64_t
created_s(struct uuid request_id)
{
    int64_t ms = 0;

    for (size_t i = 0; i < 6; i++)
        ms = ms << 8 | request_id.bytes[i];
    return ms / 1000;
}

/* Codes of the protocol that clients act upon; server_error is its word for all else. */
const char *
openai_responses_failure_code(enum err_category category)
{
    const char *code = err_info(category)->openai_code;
    static const char *const known[] = {"context_length_exceeded", "rate_limit_exceeded",
                                        "insufficient_quota"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(code, known[i]) == 0)
            return code;
    }
    return "server_error";
}
