/* SPDX-License-Identifier: ISC
 *
 * An answer as Anthropic's Messages has it: the whole ladder of events, one block open at a time,
 * or one document (protocols.md 3.3, 3.4, 7.10, 10.4).
 *
 * A block begins with its first byte, so that none is empty; without any there is an empty text,
 * which clients insist on.
 */
#include "call_input.h"
#include "dialect_parts.h"
#include "relayos/codec/carrier.h"
#include "relayos/codec/json_out.h"
#include "translators.h"

static void write_start(struct answer_writer *writer, const struct usage *usage, struct buf *out);
static void write_head(struct answer_writer *writer, struct buf *out);
static void begin_part(struct answer_writer *writer, const struct neutral_event *event,
                       struct buf *out);
static void begin_block(struct answer_writer *writer, struct buf *out);
static void begin_call(struct answer_writer *writer, const struct neutral_event *event,
                       struct buf *out);
static void begin_frame(struct answer_writer *writer, const char *event, struct buf *out);
static void write_delta(struct answer_writer *writer, struct slice text, struct buf *out);
static void write_state(struct answer_writer *writer, const struct neutral_event *event,
                        struct buf *out);
static void write_carrier(struct answer_writer *writer, const struct neutral_event *event,
                          struct buf *out);
static void end_part(struct answer_writer *writer, struct buf *out);
static void end_block(struct answer_writer *writer, struct buf *out);
static void write_input(struct answer_writer *writer, struct buf *out);
static void keep_finish(struct answer_writer *writer, const struct neutral_event *event);
static const char *stop_word(const struct answer_writer *writer, enum neutral_finish finish);
static void write_end(struct answer_writer *writer, struct buf *out);
static void write_usage(const struct usage *usage, struct buf *out);
static void write_error(struct answer_writer *writer, enum err_category category, struct buf *out);

/* Of the open part: what of its block, in a whole answer, is not its text; the id of thinking. */
static inline struct buf *
head_of(struct answer_writer *writer)
{
    return &writer->lanes[0];
}

static inline struct buf *
id_of(struct answer_writer *writer)
{
    return &writer->lanes[1];
}

void
messages_answer_write(struct answer_writer *writer, const struct neutral_event *event,
                      struct buf *out)
{
    if (event->choice != 0)
        return;
    if (!writer->is_started && event->kind != NEUTRAL_ERROR)
        write_start(writer, event->kind == NEUTRAL_START ? event->usage : NULL, out);
    switch (event->kind) {
    case NEUTRAL_START:
    case NEUTRAL_ANNOTATION:
        break;
    case NEUTRAL_PART_BEGIN:
        begin_part(writer, event, out);
        break;
    case NEUTRAL_PART_DELTA:
        write_delta(writer, event->text, out);
        break;
    case NEUTRAL_PART_STATE:
        write_state(writer, event, out);
        break;
    case NEUTRAL_PART_END:
        end_part(writer, out);
        break;
    case NEUTRAL_USAGE:
        writer->usage = *event->usage;
        break;
    case NEUTRAL_FINISH:
        keep_finish(writer, event);
        break;
    case NEUTRAL_END:
        write_end(writer, out);
        break;
    case NEUTRAL_ERROR:
        write_error(writer, event->category, out);
        break;
    }
}

/* What was used in all is known at the end only; of the output nothing is known yet. */
static void
write_start(struct answer_writer *writer, const struct usage *usage, struct buf *out)
{
    struct usage known;

    writer->is_started = true;
    if (usage != NULL)
        writer->usage = *usage;
    if (writer->is_whole)
        return;
    known = writer->usage;
    known.count[USAGE_OUTPUT] = known.reasoning_tokens = 0;
    buf_append_slice(out, SLICE_LIT("event: message_start\ndata: "
                                    "{\"type\":\"message_start\",\"message\":{"));
    write_head(writer, out);
    buf_append_slice(
        out, SLICE_LIT("\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"));
    write_usage(&known, out);
    buf_append_slice(out, SLICE_LIT("}}\n\n"));
}

static void
write_head(struct answer_writer *writer, struct buf *out)
{
    char hex[32];

    text_uuid_hex(writer->context.request_id, hex);
    buf_append_slice(out, SLICE_LIT("\"id\":\"msg_"));
    buf_append(out, hex, sizeof(hex));
    buf_append_slice(out, SLICE_LIT("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\""));
    json_escape(out, writer->context.public_model);
    buf_append_slice(out, SLICE_LIT("\","));
}

static void
begin_part(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    end_part(writer, out);
    writer->is_open = true;
    writer->open = event->part;
    writer->has_delta = writer->has_state = false;
    writer->is_redacted = event->is_redacted;
    writer->is_refused |= event->part == NEUTRAL_REFUSAL;
    buf_clear(&writer->text);
    buf_clear(head_of(writer));
    buf_clear(id_of(writer));
    if (event->part == NEUTRAL_REASONING)
        buf_append_slice(id_of(writer), event->id);
    if (event->part == NEUTRAL_CALL)
        begin_call(writer, event, out);
}

/* Of a text or of thinking, when there is something to say. */
static void
begin_block(struct answer_writer *writer, struct buf *out)
{
    if (writer->has_delta)
        return;
    writer->has_delta = true;
    if (writer->is_whole)
        return;
    begin_frame(writer, "content_block_start", out);
    if (writer->open == NEUTRAL_REASONING)
        buf_append_slice(out,
                         SLICE_LIT("\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\","
                                   "\"signature\":\"\"}}\n\n"));
    else
        buf_append_slice(out,
                         SLICE_LIT("\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"));
}

static void
begin_call(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    struct buf *block = writer->is_whole ? head_of(writer) : out;
    char hex[32];

    writer->has_delta = true;
    if (!writer->is_whole)
        begin_frame(writer, "content_block_start", out);
    buf_append_str(block, writer->is_whole ? "{" : "\"content_block\":{");
    buf_append_slice(block, SLICE_LIT("\"type\":\"tool_use\",\"id\":\""));
    buf_append_slice(block, event->id);
    if (event->id.len == 0) {
        text_uuid_hex(writer->context.request_id, hex);
        buf_printf(block, "toolu_%.32s_%u", hex, writer->n_calls);
    }
    buf_append_slice(block, SLICE_LIT("\",\"name\":\""));
    buf_append_slice(block, answer_writer_name(writer, event->name));
    buf_append_slice(block, SLICE_LIT("\",\"input\":"));
    if (!writer->is_whole)
        buf_append_slice(block, SLICE_LIT("{}}}\n\n"));
    writer->n_calls++;
}

static void
begin_frame(struct answer_writer *writer, const char *event, struct buf *out)
{
    buf_append_slice(out, SLICE_LIT("event: "));
    buf_append_str(out, event);
    buf_append_slice(out, SLICE_LIT("\ndata: {\"type\":\""));
    buf_append_str(out, event);
    buf_append_slice(out, SLICE_LIT("\",\"index\":"));
    buf_append_int(out, writer->index);
    buf_append_byte(out, ',');
}

static void
write_delta(struct answer_writer *writer, struct slice text, struct buf *out)
{
    if (text.len == 0 || !writer->is_open)
        return;
    if (writer->open == NEUTRAL_REASONING && !writer->shows_reasoning)
        return;
    begin_block(writer, out);
    if (writer->is_whole) {
        buf_append_slice(&writer->text, text);
        return;
    }
    begin_frame(writer, "content_block_delta", out);
    if (writer->open == NEUTRAL_CALL)
        buf_append_slice(out,
                         SLICE_LIT("\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\""));
    else if (writer->open == NEUTRAL_REASONING)
        buf_append_slice(out, SLICE_LIT("\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\""));
    else
        buf_append_slice(out, SLICE_LIT("\"delta\":{\"type\":\"text_delta\",\"text\":\""));
    buf_append_slice(out, text);
    buf_append_slice(out, SLICE_LIT("\"}}\n\n"));
}

/* The state of thinking is its signature; without any text it may be a block by itself. */
static void
write_state(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    if (writer->open != NEUTRAL_REASONING || !writer->is_open || writer->has_state)
        return;
    writer->has_state = true;
    if (writer->is_whole) {
        write_carrier(writer, event, head_of(writer));
        writer->has_delta = true;
    } else if (writer->is_redacted && !writer->has_delta) {
        writer->has_delta = true;
        begin_frame(writer, "content_block_start", out);
        buf_append_slice(
            out, SLICE_LIT("\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\""));
        write_carrier(writer, event, out);
        buf_append_slice(out, SLICE_LIT("\"}}\n\n"));
    } else {
        begin_block(writer, out);
        begin_frame(writer, "content_block_delta", out);
        buf_append_slice(out,
                         SLICE_LIT("\"delta\":{\"type\":\"signature_delta\",\"signature\":\""));
        write_carrier(writer, event, out);
        buf_append_slice(out, SLICE_LIT("\"}}\n\n"));
    }
}

/* Anthropic's own state is what the client would have got from there. */
static void
write_carrier(struct answer_writer *writer, const struct neutral_event *event, struct buf *out)
{
    if (event->origin == NEUTRAL_ORIGIN_ANTHROPIC)
        buf_append_slice(out, event->state);
    else
        carrier_write(&writer->context,
                      &(struct carrier){.origin = event->origin,
                                        .id = buf_slice(id_of(writer)),
                                        .state = event->state},
                      out);
}

static void
end_part(struct answer_writer *writer, struct buf *out)
{
    if (!writer->is_open)
        return;
    if (writer->open == NEUTRAL_REASONING && writer->has_delta && !writer->has_state)
        write_state(writer, &(struct neutral_event){.origin = NEUTRAL_ORIGIN_TEXT}, out);
    if (writer->has_delta)
        end_block(writer, out);
    writer->is_open = false;
}

static void
end_block(struct answer_writer *writer, struct buf *out)
{
    struct buf *items = &writer->items;
    const struct slice text = buf_slice(&writer->text);

    if (!writer->is_whole) {
        begin_frame(writer, "content_block_stop", out);
        out->len--; /* the comma */
        buf_append_slice(out, SLICE_LIT("}\n\n"));
        writer->index++;
        return;
    }
    if (writer->index++ > 0)
        buf_append_byte(items, ',');
    if (writer->open == NEUTRAL_CALL) {
        buf_append_slice(items, buf_slice(head_of(writer)));
        write_input(writer, items);
    } else if (writer->open == NEUTRAL_REASONING) {
        buf_append_str(items, writer->is_redacted ? "{\"type\":\"redacted_thinking\",\"data\":\""
                                                  : "{\"type\":\"thinking\",\"thinking\":\"");
        if (!writer->is_redacted) {
            buf_append_slice(items, text);
            buf_append_slice(items, SLICE_LIT("\",\"signature\":\""));
        }
        buf_append_slice(items, buf_slice(head_of(writer)));
        buf_append_byte(items, '"');
    } else {
        buf_append_slice(items, SLICE_LIT("{\"type\":\"text\",\"text\":\""));
        buf_append_slice(items, text);
        buf_append_byte(items, '"');
    }
    buf_append_byte(items, '}');
}

static void
write_input(struct answer_writer *writer, struct buf *out)
{
    struct arena arena;

    arena_init(&arena, writer->text.len * 2 + 64);
    const struct slice input = call_input_read(&arena, buf_slice(&writer->text));
    buf_append_slice(out, input);
    arena_fini(&arena);
}

/* How it ends, as the end will say it: the event's texts are gone then. */
static void
keep_finish(struct answer_writer *writer, const struct neutral_event *event)
{
    struct buf *kept = &writer->scratch;

    buf_clear(kept);
    buf_append_slice(kept, SLICE_LIT("\"stop_reason\":\""));
    buf_append_str(kept, stop_word(writer, event->finish));
    buf_append_slice(kept, SLICE_LIT("\",\"stop_sequence\":"));
    if (event->finish == NEUTRAL_STOP_SEQUENCE && event->stop_sequence.len > 0) {
        buf_append_byte(kept, '"');
        buf_append_slice(kept, event->stop_sequence);
        buf_append_byte(kept, '"');
    } else {
        buf_append_slice(kept, SLICE_LIT("null"));
    }
    if (event->text.len > 0) {
        buf_append_slice(kept,
                         SLICE_LIT(",\"stop_details\":{\"type\":\"refusal\",\"category\":null,"
                                   "\"explanation\":\""));
        buf_append_slice(kept, event->text);
        buf_append_slice(kept, SLICE_LIT("\"}"));
    }
}

/* Calls, or a refusal, count for more than the upstream's word. */
static const char *
stop_word(const struct answer_writer *writer, enum neutral_finish finish)
{
    static const char *const words[] = {
        [NEUTRAL_STOP] = "end_turn",
        [NEUTRAL_STOP_SEQUENCE] = "stop_sequence",
        [NEUTRAL_LENGTH] = "max_tokens",
        [NEUTRAL_TOOL_CALLS] = "tool_use",
        [NEUTRAL_CONTENT_FILTER] = "refusal",
        [NEUTRAL_CONTEXT_FULL] = "model_context_window_exceeded",
    };

    if (finish != NEUTRAL_STOP && finish != NEUTRAL_TOOL_CALLS)
        return words[finish];
    if (writer->n_calls > 0)
        return "tool_use";
    return writer->is_refused ? "refusal" : "end_turn";
}

static void
write_end(struct answer_writer *writer, struct buf *out)
{
    end_part(writer, out);
    if (writer->scratch.len == 0)
        keep_finish(writer, &(struct neutral_event){.finish = NEUTRAL_STOP});
    if (writer->index == 0) {
        begin_part(writer, &(struct neutral_event){.part = NEUTRAL_TEXT}, out);
        begin_block(writer, out);
        end_part(writer, out);
    }
    if (writer->is_whole) {
        buf_append_byte(out, '{');
        write_head(writer, out);
        buf_append_slice(out, SLICE_LIT("\"content\":["));
        buf_append_slice(out, buf_slice(&writer->items));
        buf_append_slice(out, SLICE_LIT("],"));
        buf_append_slice(out, buf_slice(&writer->scratch));
        buf_append_slice(out, SLICE_LIT(",\"usage\":"));
        write_usage(&writer->usage, out);
        buf_append_byte(out, '}');
        return;
    }
    buf_append_slice(out, SLICE_LIT("event: message_delta\ndata: "
                                    "{\"type\":\"message_delta\",\"delta\":{"));
    buf_append_slice(out, buf_slice(&writer->scratch));
    buf_append_slice(out, SLICE_LIT("},\"usage\":"));
    write_usage(&writer->usage, out);
    buf_append_slice(out, SLICE_LIT("}\n\nevent: message_stop\n"
                                    "data: {\"type\":\"message_stop\"}\n\n"));
}

/* All figures, always: an SDK fails on a missing one. */
static void
write_usage(const struct usage *usage, struct buf *out)
{
    const int64_t *count = usage->count;
    struct json_out json;

    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_int(&json, "input_tokens",
                 count[USAGE_INPUT] + count[USAGE_INPUT_AUDIO] + count[USAGE_INPUT_IMAGE]);
    json_out_int(&json, "cache_creation_input_tokens",
                 count[USAGE_CACHE_WRITE_5M] + count[USAGE_CACHE_WRITE_1H]);
    json_out_int(&json, "cache_read_input_tokens", count[USAGE_CACHE_READ]);
    json_out_int(&json, "output_tokens",
                 count[USAGE_OUTPUT] + count[USAGE_OUTPUT_AUDIO] + count[USAGE_OUTPUT_IMAGE]);
    if (count[USAGE_CACHE_WRITE_1H] > 0) {
        json_out_object(&json, "cache_creation");
        json_out_int(&json, "ephemeral_5m_input_tokens", count[USAGE_CACHE_WRITE_5M]);
        json_out_int(&json, "ephemeral_1h_input_tokens", count[USAGE_CACHE_WRITE_1H]);
        json_out_end_object(&json);
    }
    if (usage->reasoning_tokens > 0) {
        json_out_object(&json, "output_tokens_details");
        json_out_int(&json, "thinking_tokens", usage->reasoning_tokens);
        json_out_end_object(&json);
    }
    json_out_end_object(&json);
}

/* What is open stays open, and nothing follows. */
static void
write_error(struct answer_writer *writer, enum err_category category, struct buf *out)
{
    const struct dialect *dialect = dialect_of(PROTOCOL_ANTHROPIC_MESSAGES);

    buf_clear(&writer->text);
    dialect_error_message(category, "", &writer->text);
    if (!writer->is_whole)
        buf_append_slice(out, SLICE_LIT("event: error\ndata: "));
    dialect->write_error(category, buf_slice(&writer->text), (struct slice){0},
                         writer->context.request_id, out);
    if (!writer->is_whole)
        buf_append_slice(out, SLICE_LIT("\n\n"));
}
