/* SPDX-License-Identifier: ISC
 *
 * An answer of Anthropic's Messages, read (protocols.md 3.3, 3.4).
 */
#include "call_input.h"
#include "citation.h"
#include "dialect_parts.h"
#include "messages_parts.h"
#include "translators.h"

/* answer_reader.words */
enum {
    WORD_HAS_INPUT,  /* the open call got a fragment */
    WORD_IS_PASSING, /* a block that means nothing to others */
    WORD_CHARS       /* of the open text */
};

/* A step of reading, and where its events go. */
struct reading {
    struct answer_reader *reader;
    neutral_sink *sink;
    void *ctx;
};

enum block_field {
    BLOCK_TYPE,
    BLOCK_TEXT,
    BLOCK_THINKING,
    BLOCK_SIGNATURE,
    BLOCK_DATA,
    BLOCK_ID,
    BLOCK_NAME,
    BLOCK_INPUT,
    BLOCK_PARTIAL_JSON,
    BLOCK_CITATIONS, /* of a whole block */
    BLOCK_CITATION,  /* of a delta */
    N_BLOCK_FIELDS
};

static const struct slice block_keys[N_BLOCK_FIELDS] = {
    [BLOCK_TYPE] = MESSAGES_KEY("type"),
    [BLOCK_TEXT] = MESSAGES_KEY("text"),
    [BLOCK_THINKING] = MESSAGES_KEY("thinking"),
    [BLOCK_SIGNATURE] = MESSAGES_KEY("signature"),
    [BLOCK_DATA] = MESSAGES_KEY("data"),
    [BLOCK_ID] = MESSAGES_KEY("id"),
    [BLOCK_NAME] = MESSAGES_KEY("name"),
    [BLOCK_INPUT] = MESSAGES_KEY("input"),
    [BLOCK_PARTIAL_JSON] = MESSAGES_KEY("partial_json"),
    [BLOCK_CITATIONS] = MESSAGES_KEY("citations"),
    [BLOCK_CITATION] = MESSAGES_KEY("citation"),
};

static void read_error(const struct reading *r, struct slice data);
static void read_start(const struct reading *r, const struct json_object *message);
static void start(const struct reading *r, struct slice id);
static bool read_usage(const struct reading *r, const struct json_object *object);
static int read_block(const struct reading *r, struct slice block);
static int read_call_block(const struct reading *r, const struct slice *fields);
static void read_delta(const struct reading *r, struct slice delta);
static void keep_citations(const struct reading *r, struct slice citations);
static void keep_citation(const struct reading *r, struct slice citation);
static void give_citations(const struct reading *r);
static void close_part(const struct reading *r);
static void read_stop(const struct reading *r, const struct slice *fields);
static enum neutral_finish finish_of(struct slice reason);
static void finish(const struct reading *r, const struct neutral_event *event);
static void begin(const struct reading *r, const struct neutral_event *event);
static void give_text(const struct reading *r, struct slice value);
static void give_state(const struct reading *r, struct slice value);
static void give(const struct reading *r, struct neutral_event event);
static void end(const struct reading *r);

enum stop_field { STOP_REASON, STOP_SEQUENCE, STOP_DETAILS, N_STOP_FIELDS };

static const struct slice stop_keys[N_STOP_FIELDS] = {
    [STOP_REASON] = MESSAGES_KEY("stop_reason"),
    [STOP_SEQUENCE] = MESSAGES_KEY("stop_sequence"),
    [STOP_DETAILS] = MESSAGES_KEY("stop_details"),
};

int
messages_answer_read_event(struct answer_reader *reader, const struct sse_event *event,
                           neutral_sink *sink, void *ctx)
{
    const struct reading r = {reader, sink, ctx};
    struct json_object object, message;
    struct json_error error;
    struct slice stop[N_STOP_FIELDS] = {0};

    if (reader->is_ended || slice_eq(event->data, SLICE_LIT("[DONE]")))
        return 0;
    if (json_scan_object(event->data, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    const struct json_member *type = json_find(&object, "type"), *part;
    if (type == NULL || json_string_is(type->value, "error") ||
        dialect_is_error(json_find(&object, "error"))) {
        read_error(&r, event->data);
    } else if (json_string_is(type->value, "content_block_delta")) {
        if ((part = json_find(&object, "delta")) != NULL)
            read_delta(&r, part->value);
    } else if (json_string_is(type->value, "content_block_start")) {
        if ((part = json_find(&object, "content_block")) != NULL)
            return read_block(&r, part->value);
    } else if (json_string_is(type->value, "content_block_stop")) {
        close_part(&r);
    } else if (json_string_is(type->value, "message_start")) {
        part = json_find(&object, "message");
        if (part == NULL || json_scan_object(part->value, &message, &error) != 0)
            return ERR_UPSTREAM_ERROR;
        read_start(&r, &message);
    } else if (json_string_is(type->value, "message_delta")) {
        if (read_usage(&r, &object))
            give(&r, (struct neutral_event){.kind = NEUTRAL_USAGE, .usage = &reader->usage});
        if ((part = json_find(&object, "delta")) != NULL)
            messages_parts_fields(part->value, stop_keys, N_STOP_FIELDS, stop);
        read_stop(&r, stop);
    } else if (json_string_is(type->value, "message_stop")) {
        end(&r);
    }
    return 0;
}

int
messages_answer_read_reply(struct answer_reader *reader, struct slice body, neutral_sink *sink,
                           void *ctx)
{
    const struct reading r = {reader, sink, ctx};
    struct json_object object;
    struct json_error error;
    struct slice stop[N_STOP_FIELDS] = {0}, block;
    enum json_type type;
    size_t cursor = 0;

    if (json_scan_object(body, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    if (dialect_is_error(json_find(&object, "error"))) {
        read_error(&r, body);
        return 0;
    }
    const struct json_member *content = json_find(&object, "content");
    if (content == NULL || content->type != JSON_ARRAY)
        return ERR_UPSTREAM_ERROR;
    read_start(&r, &object);
    while (json_array_next(content->value, &cursor, &block, &type)) {
        if (read_block(&r, block) != 0)
            return ERR_UPSTREAM_ERROR;
        close_part(&r);
    }
    (void)read_usage(&r, &object); /* of an answer that is whole */
    give(&r, (struct neutral_event){.kind = NEUTRAL_USAGE, .usage = &reader->usage});
    messages_parts_fields(object.text, stop_keys, N_STOP_FIELDS, stop);
    read_stop(&r, stop);
    end(&r);
    return 0;
}

/* With a reason to stop the answer was whole; else it was cut. */
void
messages_answer_read_end(struct answer_reader *reader, neutral_sink *sink, void *ctx)
{
    const struct reading r = {reader, sink, ctx};

    if (reader->is_ended)
        return;
    if (reader->is_finished) {
        end(&r);
        return;
    }
    reader->is_ended = true;
    give(&r, (struct neutral_event){.kind = NEUTRAL_ERROR,
                                    .category = ERR_CATEGORY_STREAM_INTERRUPTED});
}

static void
read_error(const struct reading *r, struct slice data)
{
    struct reply_facts facts = {0};

    buf_clear(&r->reader->scratch);
    dialect_read_error(0, data, &r->reader->scratch, &facts);
    r->reader->is_ended = true;
    give(r, (struct neutral_event){
                .kind = NEUTRAL_ERROR, .category = facts.category, .text = facts.error_text});
}

static void
read_start(const struct reading *r, const struct json_object *message)
{
    const struct json_member *id = json_find(message, "id");

    if (r->reader->is_started) /* some servers say it twice */
        return;
    (void)read_usage(r, message);
    dialect_usage_begin(&r->reader->usage);
    start(r, id == NULL ? (struct slice){0} : messages_parts_raw(id->value));
}

static void
start(const struct reading *r, struct slice id)
{
    struct usage *usage = &r->reader->usage;

    r->reader->is_started = true;
    usage->count[USAGE_REQUEST] = 1;
    give(r, (struct neutral_event){
                .kind = NEUTRAL_START, .id = id, .usage = usage->is_reported ? usage : NULL});
}

static bool
read_usage(const struct reading *r, const struct json_object *object)
{
    const struct json_member *usage = json_find(object, "usage");

    if (usage == NULL || usage->type != JSON_OBJECT)
        return false;
    (void)dialect_usage_read(OPERATION_MESSAGE, usage->value, &r->reader->usage);
    return true;
}

static int
read_block(const struct reading *r, struct slice block)
{
    struct slice fields[N_BLOCK_FIELDS] = {0};

    messages_parts_fields(block, block_keys, N_BLOCK_FIELDS, fields);
    const struct slice type = fields[BLOCK_TYPE];
    if (json_string_is(type, "text")) {
        begin(r, &(struct neutral_event){.part = NEUTRAL_TEXT});
        give_text(r, fields[BLOCK_TEXT]);
        keep_citations(r, fields[BLOCK_CITATIONS]);
    } else if (json_string_is(type, "tool_use")) {
        return read_call_block(r, fields);
    } else if (json_string_is(type, "thinking")) {
        begin(r, &(struct neutral_event){.part = NEUTRAL_REASONING});
        give_text(r, fields[BLOCK_THINKING]);
        give_state(r, fields[BLOCK_SIGNATURE]);
    } else if (json_string_is(type, "redacted_thinking")) {
        begin(r, &(struct neutral_event){.part = NEUTRAL_REASONING, .is_redacted = true});
        give_state(r, fields[BLOCK_DATA]);
    } else {
        close_part(r);
        r->reader->words[WORD_IS_PASSING] = true;
    }
    return 0;
}

/* Its input comes in fragments, or stands here: then it is given at the end. A call that nobody can
 * answer is no answer. */
static int
read_call_block(const struct reading *r, const struct slice *fields)
{
    struct answer_reader *reader = r->reader;
    const struct slice id = messages_parts_raw(fields[BLOCK_ID]);
    const struct slice name = messages_parts_raw(fields[BLOCK_NAME]);

    if (id.len == 0 || name.len == 0)
        return ERR_UPSTREAM_ERROR;
    begin(r, &(struct neutral_event){.part = NEUTRAL_CALL, .id = id, .name = name});
    reader->words[WORD_HAS_INPUT] = false;
    buf_clear(&reader->held);
    call_input_write(&reader->held,
                     fields[BLOCK_INPUT].len > 0 ? fields[BLOCK_INPUT] : SLICE_LIT("{}"));
    return 0;
}

static void
read_delta(const struct reading *r, struct slice delta)
{
    struct answer_reader *reader = r->reader;
    struct slice fields[N_BLOCK_FIELDS] = {0};

    if (reader->words[WORD_IS_PASSING])
        return;
    messages_parts_fields(delta, block_keys, N_BLOCK_FIELDS, fields);
    if (!reader->is_open && fields[BLOCK_TEXT].len > 0)
        begin(r, &(struct neutral_event){.part = NEUTRAL_TEXT});
    else if (!reader->is_open && fields[BLOCK_THINKING].len > 0)
        begin(r, &(struct neutral_event){.part = NEUTRAL_REASONING});
    if (!reader->is_open)
        return;
    if (reader->open == NEUTRAL_TEXT) {
        give_text(r, fields[BLOCK_TEXT]);
        keep_citation(r, fields[BLOCK_CITATION]);
    } else if (reader->open == NEUTRAL_REASONING) {
        give_text(r, fields[BLOCK_THINKING]);
        give_state(r, fields[BLOCK_SIGNATURE]);
    } else if (messages_parts_raw(fields[BLOCK_PARTIAL_JSON]).len > 0) {
        reader->words[WORD_HAS_INPUT] = true;
        give_text(r, fields[BLOCK_PARTIAL_JSON]);
    }
}

static void
keep_citations(const struct reading *r, struct slice citations)
{
    struct slice citation;
    enum json_type type;
    size_t cursor = 0;

    while (citations.len > 0 && citations.ptr[0] == '[' &&
           json_array_next(citations, &cursor, &citation, &type))
        keep_citation(r, citation);
}

/* One with an address, until the block is whole, which is what it speaks of. */
static void
keep_citation(const struct reading *r, struct slice citation)
{
    struct buf *held = &r->reader->held;
    struct json_member url;

    if (!r->reader->is_open || citation.len == 0 || citation.ptr[0] != '{' ||
        !json_find_in(citation, "url", &url) || url.type != JSON_STRING)
        return;
    buf_append_byte(held, held->len == 0 ? '[' : ',');
    buf_append_slice(held, citation);
}

static void
give_citations(const struct reading *r)
{
    struct answer_reader *reader = r->reader;
    const int64_t range[2] = {0, (int64_t)reader->words[WORD_CHARS]};
    struct slice citation;
    enum json_type type;
    size_t cursor = 0;

    if (reader->held.len == 0 || reader->words[WORD_CHARS] == 0)
        return;
    buf_append_byte(&reader->held, ']');
    if (reader->held.overflow)
        return;
    while (json_array_next(buf_slice(&reader->held), &cursor, &citation, &type)) {
        buf_clear(&reader->scratch);
        if (citation_write(citation, "url", range, &reader->scratch))
            give(r, (struct neutral_event){.kind = NEUTRAL_ANNOTATION,
                                           .part = NEUTRAL_TEXT,
                                           .json = buf_slice(&reader->scratch)});
    }
}

static void
close_part(const struct reading *r)
{
    struct answer_reader *reader = r->reader;

    reader->words[WORD_IS_PASSING] = false;
    if (!reader->is_open)
        return;
    if (reader->open == NEUTRAL_TEXT)
        give_citations(r);
    if (reader->open == NEUTRAL_CALL && !reader->words[WORD_HAS_INPUT])
        give(r, (struct neutral_event){.kind = NEUTRAL_PART_DELTA,
                                       .part = NEUTRAL_CALL,
                                       .text = buf_slice(&reader->held)});
    reader->is_open = false;
    give(r, (struct neutral_event){.kind = NEUTRAL_PART_END, .part = reader->open});
}

static void
read_stop(const struct reading *r, const struct slice *fields)
{
    struct json_member explanation;
    struct neutral_event event = {.kind = NEUTRAL_FINISH};

    if (fields[STOP_REASON].len == 0)
        return;
    event.finish = finish_of(fields[STOP_REASON]);
    if (event.finish == NEUTRAL_STOP_SEQUENCE)
        event.stop_sequence = messages_parts_raw(fields[STOP_SEQUENCE]);
    if (event.finish == NEUTRAL_CONTENT_FILTER && fields[STOP_DETAILS].len > 0 &&
        json_find_in(fields[STOP_DETAILS], "explanation", &explanation))
        event.text = messages_parts_raw(explanation.value);
    finish(r, &event);
}

static enum neutral_finish
finish_of(struct slice reason)
{
    static const struct {
        const char *word;
        enum neutral_finish finish;
    } words[] = {
        {"end_turn", NEUTRAL_STOP},
        {"tool_use", NEUTRAL_TOOL_CALLS},
        {"max_tokens", NEUTRAL_LENGTH},
        {"stop_sequence", NEUTRAL_STOP_SEQUENCE},
        {"refusal", NEUTRAL_CONTENT_FILTER},
        {"model_context_window_exceeded", NEUTRAL_CONTEXT_FULL},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (json_string_is(reason, words[i].word))
            return words[i].finish;
    }
    return NEUTRAL_STOP; /* pause_turn, and what is not known yet */
}

/* Once; that there are calls counts for more than the word. */
static void
finish(const struct reading *r, const struct neutral_event *event)
{
    struct answer_reader *reader = r->reader;

    if (reader->is_finished)
        return;
    if (!reader->is_started)
        start(r, (struct slice){0});
    close_part(r);
    reader->is_finished = true;
    reader->finish = event->finish;
    if (reader->finish == NEUTRAL_STOP && reader->n_calls > 0)
        reader->finish = NEUTRAL_TOOL_CALLS;

    struct neutral_event given = *event;
    given.finish = reader->finish;
    give(r, given);
}

static void
begin(const struct reading *r, const struct neutral_event *event)
{
    struct answer_reader *reader = r->reader;
    struct neutral_event given = *event;

    if (reader->is_finished)
        return;
    if (!reader->is_started)
        start(r, (struct slice){0});
    close_part(r);
    reader->is_open = true;
    reader->open = event->part;
    reader->n_calls += event->part == NEUTRAL_CALL;
    reader->words[WORD_CHARS] = 0;
    buf_clear(&reader->held);
    given.kind = NEUTRAL_PART_BEGIN;
    give(r, given);
}

static void
give_text(const struct reading *r, struct slice value)
{
    const struct slice text = messages_parts_raw(value);

    if (text.len > 0 && r->reader->is_open && r->reader->open == NEUTRAL_TEXT)
        r->reader->words[WORD_CHARS] += json_length(text);
    if (text.len > 0 && r->reader->is_open)
        give(r, (struct neutral_event){
                    .kind = NEUTRAL_PART_DELTA, .part = r->reader->open, .text = text});
}

static void
give_state(const struct reading *r, struct slice value)
{
    const struct slice state = messages_parts_raw(value);

    if (state.len > 0 && r->reader->is_open)
        give(r, (struct neutral_event){.kind = NEUTRAL_PART_STATE,
                                       .part = NEUTRAL_REASONING,
                                       .state = state,
                                       .origin = NEUTRAL_ORIGIN_ANTHROPIC});
}

static void
give(const struct reading *r, struct neutral_event event)
{
    r->sink(r->ctx, &event);
}

static void
end(const struct reading *r)
{
    finish(r, &(struct neutral_event){.kind = NEUTRAL_FINISH, .finish = NEUTRAL_STOP});
    r->reader->is_ended = true;
    give(r, (struct neutral_event){.kind = NEUTRAL_END});
}
