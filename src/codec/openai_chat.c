/* SPDX-License-Identifier: ISC
 *
 * openai_chat - OpenAI's chat completions, completions and embeddings.
 */
#include "dialect_parts.h"

static int read_event(struct reply_stream *stream, const struct sse_event *event, struct buf *out,
                      struct reply_facts *facts);
static void read_usage(struct reply_stream *stream, const struct json_object *object,
                       struct reply_facts *facts);
static bool has_no_choice(const struct json_member *choices);
static void write_error_event(struct reply_stream *stream, enum err_category category,
                              struct slice message, struct buf *out);

static const char *const request_headers[] = {NULL};

const struct dialect openai_chat_dialect = {
    .name = "openai_chat",
    .protocol = PROTOCOL_OPENAI_CHAT,
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
    struct slice text = {0};

    if (slice_eq(event->name, SLICE_LIT("error"))) {
        *facts = (struct reply_facts){0};
        dialect_read_error_event(stream, event->data, facts);
        return 0;
    }
    if (dialect_repeat_event(stream, event->data, out, facts))
        return 0;
    struct rewrite rewrite = dialect_rewrite_of(stream, event->data, &edits);
    *facts = (struct reply_facts){0};
    if (slice_eq(event->data, SLICE_LIT("[DONE]"))) {
        if (stream->n_events == 0 && !stream->usage.is_reported) /* an end of nothing */
            return ERR_UPSTREAM_ERROR;
        facts->is_terminal = true;
        dialect_note(stream, facts);
        dialect_emit(stream, &rewrite, (struct slice){0}, out);
        return 0;
    }
    bool is_array = event->data.len > 0 && event->data.ptr[0] == '['; /* Gemini's errors */
    if (!is_array && json_scan_object(event->data, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    if (is_array || dialect_is_chat_error(&object)) {
        dialect_read_error_event(stream, event->data, facts);
        return 0;
    }

    read_usage(stream, &object, facts);
    const struct json_member *choices = json_find(&object, "choices");
    if (choices != NULL)
        text = dialect_measure(choices->value, facts);
    dialect_note(stream, facts);
    if ((stream->context.hide_usage || !facts->has_usage) && has_no_choice(choices))
        return 0;
    dialect_rewrite_begin(&rewrite, &stream->kept);
    rewrite.hide_usage = stream->context.hide_usage;
    if (!facts->has_usage)
        dialect_repeat_expect(&rewrite, &object, text);
    int err = dialect_rewrite_object(&rewrite, &object);
    if (err == 0)
        dialect_emit(stream, &rewrite, (struct slice){0}, out);
    return err;
}

/* Most providers say it once and last; some on every chunk: what is said last counts. */
static void
read_usage(struct reply_stream *stream, const struct json_object *object, struct reply_facts *facts)
{
    const struct json_member *usage = json_find(object, "usage");

    if (usage == NULL || usage->type == JSON_NULL)
        return;
    dialect_usage_read(stream->context.operation, usage->value, &stream->usage);
    dialect_usage_read_tier(stream->context.operation, json_find(object, "service_tier"),
                            &stream->usage);
    facts->has_usage = true;
}

/* The event that was asked for by include_usage holds figures and no choice; Azure's first holds
 * nothing but what its filter found in the prompt. */
static bool
has_no_choice(const struct json_member *choices)
{
    if (choices == NULL || choices->type != JSON_ARRAY)
        return false;
    /* It was scanned: there is a bracket that closes it. */
    const char *inside = choices->value.ptr + 1;
    while ((unsigned char)*inside <= ' ')
        inside++;
    return *inside == ']';
}

/* No [DONE] behind it: the answer did not end well. */
static void
write_error_event(struct reply_stream *stream, enum err_category category, struct slice message,
                  struct buf *out)
{
    buf_append_slice(out, SLICE_LIT("data: "));
    dialect_write_openai_error(category, message, (struct slice){0}, stream->context.request_id,
                               out);
    buf_append_slice(out, SLICE_LIT("\n\n"));
    stream->n_events++;
}
