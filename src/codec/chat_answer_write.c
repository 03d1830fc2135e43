/* SPDX-License-Identifier: ISC
 *
 * Answers to chat clients, and to those of the old completions: chunks as the events come. Of each
 * chunk all but the delta is the same: that is made once.
 */
#include "call_input.h"
#include "chat_answer.h"
#include "dialect_parts.h"
#include "json_walk.h"
#include "relayos/base/text.h"
#include "relayos/codec/json_out.h"
#include "translators.h"

#define UNWRAP_ROOM 4096 /* for what call_input_read() adds to arguments */

static void begin_part(struct answer_writer *writer, const struct neutral_event *event);
static uint32_t count_call(struct answer_writer *writer, uint32_t choice);
static void write_stream(struct answer_writer *writer, const struct neutral_event *event,
                         struct buf *out);
static void begin_choices(struct answer_writer *writer, uint32_t choice, struct buf *out);
static void begin_chunk(struct answer_writer *writer, uint32_t choice, struct buf *out);
static void end_chunk(const struct answer_writer *writer, const char *finish, struct buf *out);
static void finish_chunk(const char *finish, struct buf *out);
static void write_call(struct answer_writer *writer, const struct neutral_event *event,
                       struct buf *out);
static void write_delta(struct answer_writer *writer, const struct neutral_event *event,
                        struct buf *out);
static void write_text(struct answer_writer *writer, uint32_t choice, const char *key,
                       struct slice text, struct buf *out);
static void write_probable(struct answer_writer *writer, const struct neutral_event *event,
                           struct buf *out);
static void write_fragment(struct answer_writer *writer, uint32_t choice, struct slice text,
                           struct buf *out);
static void end_call(struct answer_writer *writer, uint32_t choice, struct buf *out);
static void write_finish(struct answer_writer *writer, const struct neutral_event *event,
                         struct buf *out);
static void write_end(struct answer_writer *writer, struct buf *out);
static void write_error(struct answer_writer *writer, const struct neutral_event *event,
                        struct buf *out);
static int64_t prompt_tokens(const struct usage *usage);
static void write_details(const struct answer_writer *writer, struct json_out *json);

void
chat_answer_write(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    if (event->kind == NEUTRAL_PART_BEGIN)
        begin_part(writer, event);
    if (event->usage != NULL) {
        writer->usage = *event->usage;
        writer->lacks_cache_writes = event->lacks_cache_writes;
    }
    if (event->kind == NEUTRAL_FINISH)
        writer->finish = event->finish;
    if (event->kind == NEUTRAL_PART_DELTA && writer->open == NEUTRAL_TEXT && event->choice == 0)
        writer->n_chars += json_length(event->text);
    if (event->kind == NEUTRAL_ERROR)
        write_error(writer, event, out);
    else if (writer->is_whole)
        chat_answer_whole(writer, event, out);
    else
        write_stream(writer, event, out);
    writer->has_delta |= event->kind == NEUTRAL_PART_DELTA && event->text.len > 0;
}

/* What the part is to the client: a custom tool's text may come wrapped in an object. */
static void
begin_part(struct answer_writer *writer, const struct neutral_event *event)
{
    writer->open = event->part;
    writer->has_delta = false;
    writer->is_refused |= event->part == NEUTRAL_REFUSAL;
    writer->part_chars = writer->n_chars;
    if (event->part != NEUTRAL_CALL)
        return;
    writer->is_custom = event->is_custom || answer_writer_is_custom(writer, event->name);
    writer->is_wrapped = writer->is_custom && !event->is_custom;
    writer->n_calls = count_call(writer, event->choice);
    buf_clear(&writer->text);
}

/* Calls of a choice so far, this one included: choices may take turns. */
static uint32_t
count_call(struct answer_writer *writer, uint32_t choice)
{
    static const uint32_t none;
    struct buf *counts = &writer->counts;
    uint32_t count = 0;
    size_t at = choice * sizeof(count);

    while (counts->len < at + sizeof(count) && !counts->overflow)
        buf_append(counts, &none, sizeof(none));
    if (counts->overflow)
        return 1;
    memcpy(&count, counts->ptr + at, sizeof(count));
    count++;
    memcpy(counts->ptr + at, &count, sizeof(count));
    return count;
}

static void
write_stream(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    begin_choices(writer, event->choice, out);
    switch (event->kind) {
    case NEUTRAL_PART_BEGIN:
        if (event->part == NEUTRAL_CALL && chat_answer_write_shows_call(writer))
            write_call(writer, event, out);
        break;
    case NEUTRAL_PART_DELTA:
        if (event->text.len > 0)
            write_delta(writer, event, out);
        break;
    case NEUTRAL_PART_END:
        if (writer->open == NEUTRAL_CALL && chat_answer_write_shows_call(writer))
            end_call(writer, event->choice, out);
        break;
    case NEUTRAL_ANNOTATION:
        if (chat_answer_is_text(writer) || !chat_answer_write_is_citation(event))
            break;
        begin_chunk(writer, event->choice, out);
        buf_append_str(out, "\"annotations\":[");
        chat_answer_write_citation(writer, event->json, out);
        buf_append_byte(out, ']');
        end_chunk(writer, NULL, out);
        break;
    case NEUTRAL_FINISH:
        write_finish(writer, event, out);
        break;
    case NEUTRAL_END:
        write_end(writer, out);
        break;
    case NEUTRAL_START:
    case NEUTRAL_PART_STATE: /* chat has no place for it */
    case NEUTRAL_USAGE:
    case NEUTRAL_ERROR:
        break;
    }
}

/* Each choice begins with its role. writer->index: how many have. */
static void
begin_choices(struct answer_writer *writer, uint32_t choice, struct buf *out)
{
    for (; writer->index <= choice; writer->index++) {
        if (chat_answer_is_text(writer))
            continue;
        begin_chunk(writer, writer->index, out);
        buf_append_slice(out, SLICE_LIT("\"role\":\"assistant\",\"content\":\"\""));
        end_chunk(writer, NULL, out);
    }
}

static void
begin_chunk(struct answer_writer *writer, uint32_t choice, struct buf *out)
{
    bool is_text = chat_answer_is_text(writer);
    struct buf *names = &writer->scratch;

    if (names->len == 0) {
        buf_append_str(names, "data: ");
        chat_answer_write_names(writer, is_text ? "text_completion" : "chat.completion.chunk",
                                names);
        buf_append_str(names, ",\"choices\":[{\"index\":");
    }
    buf_append_slice(out, buf_slice(names));
    buf_append_int(out, choice);
    buf_append_str(out, is_text ? "," : ",\"delta\":{");
}

static void
end_chunk(const struct answer_writer *writer, const char *finish, struct buf *out)
{
    if (!chat_answer_is_text(writer))
        buf_append_byte(out, '}');
    buf_append_slice(out, SLICE_LIT(",\"logprobs\":null"));
    finish_chunk(finish, out);
}

static void
finish_chunk(const char *finish, struct buf *out)
{
    buf_append_slice(out, SLICE_LIT(",\"finish_reason\":"));
    buf_append_str(out, finish == NULL ? "null" : "\"");
    if (finish != NULL) {
        buf_append_str(out, finish);
        buf_append_byte(out, '"');
    }
    buf_append_slice(out, SLICE_LIT("}]}\n\n"));
}

bool
chat_answer_write_shows_call(const struct answer_writer *writer)
{
    return !chat_answer_is_text(writer) && (!writer->uses_functions || writer->n_calls == 1);
}

/* Id, kind and name, once. */
static void
write_call(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    struct slice name = answer_writer_name(writer, event->name);

    begin_chunk(writer, event->choice, out);
    if (writer->uses_functions) {
        buf_append_str(out, "\"function_call\":{\"name\":\"");
        buf_append_slice(out, name);
        buf_append_str(out, "\",\"arguments\":\"\"}");
    } else {
        buf_append_str(out, "\"tool_calls\":[{\"index\":");
        buf_append_int(out, writer->n_calls - 1);
        buf_append_str(out, ",\"id\":\"");
        buf_append_slice(out, event->id);
        buf_append_str(out, writer->is_custom
                                ? "\",\"type\":\"custom\",\"custom\":{\"name\":\""
                                : "\",\"type\":\"function\",\"function\":{\"name\":\"");
        buf_append_slice(out, name);
        buf_append_str(out,
                       writer->is_custom ? "\",\"input\":\"\"}}]" : "\",\"arguments\":\"\"}}]");
    }
    end_chunk(writer, NULL, out);
}

static void
write_delta(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    bool is_text = chat_answer_is_text(writer);

    switch (writer->open) {
    case NEUTRAL_TEXT:
        if (event->json.len > 0 && !is_text)
            write_probable(writer, event, out);
        else
            write_text(writer, event->choice, is_text ? "text" : "content", event->text, out);
        break;
    case NEUTRAL_REASONING:
        if (!is_text)
            write_text(writer, event->choice, "reasoning_content", event->text, out);
        break;
    case NEUTRAL_REFUSAL:
        write_text(writer, event->choice, is_text ? "text" : "refusal", event->text, out);
        break;
    case NEUTRAL_CALL:
        if (writer->is_wrapped)
            buf_append_slice(&writer->text, event->text);
        else if (chat_answer_write_shows_call(writer))
            write_fragment(writer, event->choice, event->text, out);
        break;
    case NEUTRAL_IMAGE:
    case NEUTRAL_FILE:
    case NEUTRAL_AUDIO:
    case NEUTRAL_RESULT:
    case NEUTRAL_FOREIGN:
        break;
    }
}

static void
write_text(struct answer_writer *writer, uint32_t choice, const char *key, struct slice text,
           struct buf *out)
{
    begin_chunk(writer, choice, out);
    buf_append_byte(out, '"');
    buf_append_str(out, key);
    buf_append_slice(out, SLICE_LIT("\":\""));
    buf_append_slice(out, text);
    buf_append_byte(out, '"');
    end_chunk(writer, NULL, out);
}

/* Text with the log probabilities of its tokens. */
static void
write_probable(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    begin_chunk(writer, event->choice, out);
    buf_append_slice(out, SLICE_LIT("\"content\":\""));
    buf_append_slice(out, event->text);
    buf_append_slice(out, SLICE_LIT("\"},\"logprobs\":{\"content\":"));
    buf_append_slice(out, event->json);
    buf_append_slice(out, SLICE_LIT(",\"refusal\":null}"));
    finish_chunk(NULL, out);
}

static void
write_fragment(struct answer_writer *writer, uint32_t choice, struct slice text, struct buf *out)
{
    begin_chunk(writer, choice, out);
    if (writer->uses_functions) {
        buf_append_str(out, "\"function_call\":{\"arguments\":\"");
        buf_append_slice(out, text);
        buf_append_str(out, "\"}");
    } else {
        buf_append_str(out, "\"tool_calls\":[{\"index\":");
        buf_append_int(out, writer->n_calls - 1);
        buf_append_str(out, writer->is_custom ? ",\"custom\":{\"input\":\""
                                              : ",\"function\":{\"arguments\":\"");
        buf_append_slice(out, text);
        buf_append_str(out, "\"}}]");
    }
    end_chunk(writer, NULL, out);
}

/* Arguments are an object, even those of a call that was given none. */
static void
end_call(struct answer_writer *writer, uint32_t choice, struct buf *out)
{
    if (writer->is_wrapped) {
        size_t from = writer->text.len;

        chat_answer_write_unwrapped(writer, &writer->text);
        write_fragment(writer, choice, slice_sub(buf_slice(&writer->text), from, writer->text.len),
                       out);
    } else if (!writer->has_delta && !writer->is_custom) {
        write_fragment(writer, choice, SLICE_LIT("{}"), out);
    }
}

void
chat_answer_write_unwrapped(const struct answer_writer *writer, struct buf *out)
{
    struct slice arguments = buf_slice(&writer->text);
    struct arena arena;

    arena_init(&arena, 2 * arguments.len + UNWRAP_ROOM);
    buf_append_slice(out, call_input_unwrap(call_input_read(&arena, arguments)));
    arena_fini(&arena);
}

bool
chat_answer_write_is_citation(const struct neutral_event *event)
{
    struct json_member type;

    return event->choice == 0 && json_find_in(event->json, "type", &type) &&
           json_string_is(type.value, "url_citation");
}

void
chat_answer_write_citation(const struct answer_writer *writer, struct slice json, struct buf *out)
{
    struct json_walk walk = json_walk_in(json);
    struct json_member member;
    const char *comma = "";
    int64_t index;

    buf_append_str(out, "{\"type\":\"url_citation\",\"url_citation\":{");
    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "type"))
            continue;
        buf_append_str(out, comma);
        buf_append_byte(out, '"');
        buf_append_slice(out, member.key);
        buf_append_str(out, "\":");
        if ((json_key_is(&member, "start_index") || json_key_is(&member, "end_index")) &&
            json_int(member.value, &index) == 0)
            buf_append_int(out, index + (int64_t)writer->part_chars);
        else
            buf_append_slice(out, member.value);
        comma = ",";
    }
    buf_append_str(out, "}}");
}

/* A refusal that is only explained at the end is told in front of it. */
static void
write_finish(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    bool is_text = chat_answer_is_text(writer);

    if (event->finish == NEUTRAL_CONTENT_FILTER && event->text.len > 0 && !writer->is_refused)
        write_text(writer, event->choice, is_text ? "text" : "refusal", event->text, out);
    begin_chunk(writer, event->choice, out);
    if (is_text)
        buf_append_str(out, "\"text\":\"\"");
    end_chunk(writer, chat_answer_write_finish(writer), out);
}

const char *
chat_answer_write_finish(const struct answer_writer *writer)
{
    switch (writer->finish) {
    case NEUTRAL_LENGTH:
    case NEUTRAL_CONTEXT_FULL:
        return "length";
    case NEUTRAL_CONTENT_FILTER:
        return "content_filter";
    case NEUTRAL_TOOL_CALLS:
        if (chat_answer_is_text(writer))
            return "stop";
        return writer->uses_functions ? "function_call" : "tool_calls";
    case NEUTRAL_STOP:
    case NEUTRAL_STOP_SEQUENCE:
        break;
    }
    return "stop";
}

static void
write_end(struct answer_writer *writer, struct buf *out)
{
    if (writer->wants_usage) {
        bool is_text = chat_answer_is_text(writer);

        buf_append_str(out, "data: ");
        chat_answer_write_names(writer, is_text ? "text_completion" : "chat.completion.chunk", out);
        buf_append_str(out, ",\"choices\":[],\"usage\":");
        chat_answer_write_usage(writer, out);
        buf_append_str(out, "}\n\n");
    }
    buf_append_str(out, "data: [DONE]\n\n");
}

/* No finish and no [DONE] behind it: the answer did not end well. */
static void
write_error(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    struct buf *sentence = &writer->scratch;

    buf_clear(sentence);
    dialect_error_message(event->category, "", sentence);
    if (!writer->is_whole)
        buf_append_str(out, "data: ");
    dialect_write_openai_error(event->category, buf_slice(sentence), (struct slice){0},
                               writer->context.request_id, out);
    if (!writer->is_whole)
        buf_append_str(out, "\n\n");
}

void
chat_answer_write_names(const struct answer_writer *writer, const char *object, struct buf *out)
{
    char hex[32];

    text_uuid_hex(writer->context.request_id, hex);
    buf_append_str(out, chat_answer_is_text(writer) ? "{\"id\":\"cmpl-" : "{\"id\":\"chatcmpl-");
    buf_append(out, hex, sizeof(hex));
    buf_append_str(out, "\",\"object\":\"");
    buf_append_str(out, object);
    buf_append_str(out, "\",\"created\":");
    buf_append_int(out, writer->created_s);
    buf_append_str(out, ",\"model\":\"");
    json_escape(out, writer->context.public_model);
    buf_append_byte(out, '"');
}

/* Totals here include what is a bucket of its own with us. */
void
chat_answer_write_usage(const struct answer_writer *writer, struct buf *out)
{
    const int64_t *count = writer->usage.count;
    int64_t prompt = prompt_tokens(&writer->usage);
    int64_t completion =
        count[USAGE_OUTPUT] + count[USAGE_OUTPUT_AUDIO] + count[USAGE_OUTPUT_IMAGE];
    struct json_out json;

    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_int(&json, "prompt_tokens", prompt);
    json_out_int(&json, "completion_tokens", completion);
    json_out_int(&json, "total_tokens", prompt + completion);
    write_details(writer, &json);
    json_out_end_object(&json);
}

static int64_t
prompt_tokens(const struct usage *usage)
{
    static const enum usage_bucket buckets[] = {USAGE_INPUT,          USAGE_CACHE_READ,
                                                USAGE_CACHE_WRITE_5M, USAGE_CACHE_WRITE_1H,
                                                USAGE_INPUT_AUDIO,    USAGE_INPUT_IMAGE};
    int64_t sum = 0;

    for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++)
        sum += usage->count[buckets[i]];
    return sum;
}

static void
write_details(const struct answer_writer *writer, struct json_out *json)
{
    const int64_t *count = writer->usage.count;

    json_out_object(json, "prompt_tokens_details");
    json_out_int(json, "cached_tokens", count[USAGE_CACHE_READ]);
    if (!writer->lacks_cache_writes)
        json_out_int(json, "cache_write_tokens",
                     count[USAGE_CACHE_WRITE_5M] + count[USAGE_CACHE_WRITE_1H]);
    if (count[USAGE_INPUT_AUDIO] > 0)
        json_out_int(json, "audio_tokens", count[USAGE_INPUT_AUDIO]);
    json_out_end_object(json);
    json_out_object(json, "completion_tokens_details");
    json_out_int(json, "reasoning_tokens", writer->usage.reasoning_tokens);
    if (count[USAGE_OUTPUT_AUDIO] > 0)
        json_out_int(json, "audio_tokens", count[USAGE_OUTPUT_AUDIO]);
    json_out_end_object(json);
}
