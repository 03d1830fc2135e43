/* SPDX-License-Identifier: ISC
 *
 * anthropic_messages - Anthropic's messages and count_tokens.
 */
#include "dialect_parts.h"
#include "relayos/codec/json_out.h"

static int read_event(struct reply_stream *stream, const struct sse_event *event, struct buf *out,
                      struct reply_facts *facts);
static int read_message(struct reply_stream *stream, const struct json_member *message,
                        struct rewrite *rewrite, struct reply_facts *facts);
static void read_usage(struct reply_stream *stream, const struct json_object *object,
                       struct reply_facts *facts);
static bool opens_content(const struct json_object *object);
static void write_error(enum err_category category, struct slice message, struct slice param,
                        struct uuid request_id, struct buf *out);
static void write_error_event(struct reply_stream *stream, enum err_category category,
                              struct slice message, struct buf *out);
static int error_status(enum err_category category);

static const char *const thread_codes[ERR_N_CATEGORIES] = {
    [ERR_CATEGORY_UNSUPPORTED_PARAMETER] = "thread_unsupported_request",
    [ERR_CATEGORY_NOT_FOUND] = "thread_not_found",
};
static const char *const request_headers[] = {"anthropic-version", "anthropic-beta", NULL};

const struct dialect anthropic_messages_dialect = {
    .name = "anthropic_messages",
    .protocol = PROTOCOL_ANTHROPIC_MESSAGES,
    .read_request = dialect_read_request,
    .edit_request = dialect_edit_request,
    .read_reply = dialect_read_reply,
    .read_error = dialect_read_error,
    .read_event = read_event,
    .write_error = write_error,
    .write_error_event = write_error_event,
    .error_status = error_status,
    .auth_header = "x-api-key: ",
    .request_headers = request_headers,
    .default_header_name = "anthropic-version",
    .default_header_value = "2023-06-01",
};

static int
read_event(struct reply_stream *stream, const struct sse_event *event, struct buf *out,
           struct reply_facts *facts)
{
    struct json_object object;
    struct json_error error;
    struct slice text = {0};
    struct edits edits;
    int err = 0;

    if (dialect_repeat_event(stream, event->data, out, facts))
        return 0;
    *facts = (struct reply_facts){0};
    if (slice_eq(event->data,
                 SLICE_LIT("[DONE]"))) /* of servers that speak two protocols at once */
        return 0;
    if (json_scan_object(event->data, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    const struct json_member *type = json_find(&object, "type");
    const struct slice name =
        type == NULL || type->type != JSON_STRING ? SLICE_LIT("\"\"") : type->value;
    if (json_string_is(name, "error") || dialect_is_error(json_find(&object, "error"))) {
        dialect_read_error_event(stream, event->data, facts);
        return 0;
    }

    struct rewrite rewrite = dialect_rewrite_of(stream, event->data, &edits);
    dialect_rewrite_begin(&rewrite, &stream->kept);
    /* It belongs to the start; wherever it stands, it must not tell whose it is. */
    const struct json_member *message = json_find(&object, "message");
    bool is_start = json_string_is(name, "message_start");
    if (message != NULL && message->type == JSON_OBJECT)
        err = read_message(stream, message, &rewrite, facts);
    else if (is_start)
        err = ERR_UPSTREAM_ERROR;
    if (!is_start)
        text = dialect_measure(object.text, facts);
    if (json_string_is(name, "content_block_delta") && message == NULL)
        dialect_repeat_expect(&rewrite, &object, text);
    if (json_string_is(name, "message_delta"))
        read_usage(stream, &object, facts);
    facts->is_content |= json_string_is(name, "content_block_start") && opens_content(&object);
    facts->is_terminal = json_string_is(name, "message_stop");
    dialect_note(stream, facts);
    if (err == 0)
        err = dialect_rewrite_object(&rewrite, &object);
    if (err == 0)
        dialect_emit(stream, &rewrite, name, out);
    return err;
}

/* The head of an answer: id, model and the prompt's figures. */
static int
read_message(struct reply_stream *stream, const struct json_member *message,
             struct rewrite *rewrite, struct reply_facts *facts)
{
    struct json_object object;
    struct json_error error;

    if (json_scan_object(message->value, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    read_usage(stream, &object, facts);
    dialect_usage_begin(&stream->usage);
    return dialect_rewrite_object(rewrite, &object);
}

static void
read_usage(struct reply_stream *stream, const struct json_object *object, struct reply_facts *facts)
{
    const struct json_member *usage = json_find(object, "usage");

    if (usage == NULL || usage->type == JSON_NULL)
        return;
    dialect_usage_read(stream->context.operation, usage->value, &stream->usage);
    facts->has_usage = true;
}

/* Text and thinking begin empty; any other kind of block is content by being there. */
static bool
opens_content(const struct json_object *object)
{
    static const char *const path[] = {"content_block", "type"};
    struct json_member type;

    return json_find_path(object, path, 2, &type) && !json_string_is(type.value, "text") &&
           !json_string_is(type.value, "thinking");
}

static void
write_error(enum err_category category, struct slice message, struct slice param,
            struct uuid request_id, struct buf *out)
{
    char id[TEXT_UUID_SIZE];
    struct json_out json;

    text_uuid_format(request_id, id);
    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_str(&json, "type", "error");
    json_out_object(&json, "error");
    json_out_str(&json, "type", err_info(category)->anthropic_type);
    json_out_string(&json, "message", message);
    /* The protocol has no place for the parameter but the sentence; of this one clients must know:
     * they then send the whole history. */
    if (slice_eq_str(param, "thread") && thread_codes[category] != NULL) {
        json_out_object(&json, "details");
        json_out_str(&json, "error_code", thread_codes[category]);
        json_out_end_object(&json);
    }
    json_out_end_object(&json);
    json_out_string(&json, "request_id", slice_of(id, sizeof(id)));
    json_out_end_object(&json);
}

static void
write_error_event(struct reply_stream *stream, enum err_category category, struct slice message,
                  struct buf *out)
{
    buf_append_slice(out, SLICE_LIT("event: error\ndata: "));
    write_error(category, message, (struct slice){0}, stream->context.request_id, out);
    buf_append_slice(out, SLICE_LIT("\n\n"));
    stream->n_events++;
}

static int
error_status(enum err_category category)
{
    return err_info(category)->anthropic_status;
}
