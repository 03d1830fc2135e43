/* SPDX-License-Identifier: ISC
 *
 * Answers of Google's Gemini (protocols.md 4, 7.7, 7.10). A stream and a whole answer are made of
 * the same object; parts of any kind follow each other in it, calls arrive whole, and nothing says
 * that the last one came.
 */
#include "call_input.h"
#include "dialect_parts.h"
#include "gemini_notes.h"
#include "gemini_usage.h"
#include "json_walk.h"
#include "relayos/base/hash.h"
#include "relayos/base/text.h"
#include "translators.h"

#define MAX_CHOICES   64
#define MAX_ID        64 /* of a call, as the upstream gives it */
#define MAX_REASON    64
#define ID_HASH_BYTES 10

/* A reader's own words. */
enum {
    HAS_CALLED, /* bits of choices */
    HAS_FINISHED,
    HAS_STATE,  /* the open reasoning got its state */
    TEXT_BYTES, /* of the open text */
    TEXT_CHARS
};

/* What is being read, and who is told. */
struct source {
    struct answer_reader *reader;
    neutral_sink *sink;
    void *ctx;
    uint32_t choice;
    struct slice logprobs; /* of the text that comes next: json */
};

/* A part of the content. */
struct part {
    struct slice text, signature; /* raw strings */
    struct slice call;            /* json, "" if it is none */
    bool has_text, is_thought;
};

struct ending {
    const char *reason;
    enum neutral_finish finish;
    bool is_failure;
};

static const struct ending endings[] = {
    {"STOP", NEUTRAL_STOP, false},
    {"MAX_TOKENS", NEUTRAL_LENGTH, false},
    {"CONTINUATION", NEUTRAL_LENGTH, false},
    {"SAFETY", NEUTRAL_CONTENT_FILTER, false},
    {"RECITATION", NEUTRAL_CONTENT_FILTER, false},
    {"BLOCKLIST", NEUTRAL_CONTENT_FILTER, false},
    {"PROHIBITED_CONTENT", NEUTRAL_CONTENT_FILTER, false},
    {"SPII", NEUTRAL_CONTENT_FILTER, false},
    {"IMAGE_SAFETY", NEUTRAL_CONTENT_FILTER, false},
    {"IMAGE_PROHIBITED_CONTENT", NEUTRAL_CONTENT_FILTER, false},
    {"IMAGE_RECITATION", NEUTRAL_CONTENT_FILTER, false},
    {"IMAGE_OTHER", NEUTRAL_CONTENT_FILTER, false},
    {"MALFORMED_FUNCTION_CALL", NEUTRAL_STOP, true},
    {"MALFORMED_RESPONSE", NEUTRAL_STOP, true},
    {"MISSING_THOUGHT_SIGNATURE", NEUTRAL_STOP, true},
    {"UNEXPECTED_TOOL_CALL", NEUTRAL_STOP, true},
    {"TOO_MANY_TOOL_CALLS", NEUTRAL_STOP, true},
};

static int read_body(struct source *source, struct slice body);
static int read_object(struct source *source, const struct json_object *object);
static void start(struct source *source, const struct json_object *object);
static int read_candidates(struct source *source, struct slice candidates);
static int read_candidate(struct source *source, struct slice candidate);
static int read_content(struct source *source, struct slice content);
static struct part part_of(struct slice json);
static int read_part(struct source *source, const struct part *part);
static int read_call(struct source *source, const struct part *part);
static void give_text(struct source *source, enum neutral_part_kind kind, struct slice text);
static void note_text(struct source *source, struct neutral_event *event);
static void give_citations(struct source *source, struct slice grounding);
static gemini_notes_sink give_citation;
static void give_state(struct source *source, struct slice state);
static bool is_open(const struct source *source, enum neutral_part_kind kind);
static void open_part(struct source *source, enum neutral_part_kind kind);
static void close_part(struct source *source);
static void read_finish(struct source *source, struct slice reason);
static void finish(struct source *source, enum neutral_finish how);
static void read_feedback(struct source *source, struct slice feedback);
static void fail(struct source *source, enum err_category category, struct slice text);
static void give(struct source *source, struct neutral_event event);
static struct slice raw(const struct json_member *string);
static const struct json_member *find_type(const struct json_object *object, const char *key,
                                           enum json_type type);

int
gemini_answer_read_event(struct answer_reader *reader, const struct sse_event *event,
                         neutral_sink *sink, void *ctx)
{
    struct source source = {.reader = reader, .sink = sink, .ctx = ctx};

    return read_body(&source, event->data);
}

int
gemini_answer_read_reply(struct answer_reader *reader, struct slice body, neutral_sink *sink,
                         void *ctx)
{
    struct source source = {.reader = reader, .sink = sink, .ctx = ctx};
    int err = read_body(&source, body);

    if (err != 0 || reader->is_ended)
        return err;
    if (!reader->is_finished)
        finish(&source, NEUTRAL_STOP);
    gemini_answer_read_end(reader, sink, ctx);
    return 0;
}

void
gemini_answer_read_end(struct answer_reader *reader, neutral_sink *sink, void *ctx)
{
    struct source source = {.reader = reader, .sink = sink, .ctx = ctx};

    if (reader->is_ended)
        return;
    if (!reader->is_finished) {
        fail(&source, ERR_CATEGORY_STREAM_INTERRUPTED, (struct slice){0});
        return;
    }
    close_part(&source);
    reader->is_ended = true;
    give(&source, (struct neutral_event){.kind = NEUTRAL_END});
}

/* One object, or an array of them: streams without alt=sse, and errors of some endpoints. */
static int
read_body(struct source *source, struct slice body)
{
    struct json_object object;
    struct json_error error;
    struct slice item;
    enum json_type type;
    size_t cursor = 0;
    int err = 0;

    if (source->reader->is_ended)
        return 0;
    if (json_scan_object(body, &object, &error) == 0)
        return read_object(source, &object);
    if (json_scan_value(body, &type, &error) != 0 || type != JSON_ARRAY)
        return ERR_UPSTREAM_ERROR;
    while (body.ptr[0] != '[')
        body = slice_sub(body, 1, body.len);
    while (err == 0 && json_array_next(body, &cursor, &item, &type))
        err = json_scan_object(item, &object, &error) == 0 ? read_object(source, &object)
                                                           : ERR_UPSTREAM_ERROR;
    return cursor == 0 ? ERR_UPSTREAM_ERROR : err;
}

static int
read_object(struct source *source, const struct json_object *object)
{
    struct answer_reader *reader = source->reader;
    const struct json_member *candidates = find_type(object, "candidates", JSON_ARRAY);
    const struct json_member *feedback = find_type(object, "promptFeedback", JSON_OBJECT);
    const struct json_member *usage = find_type(object, "usageMetadata", JSON_OBJECT);
    struct reply_facts facts;
    int err = 0;

    if (dialect_is_error(json_find(object, "error"))) {
        dialect_read_error(0, object->text, &reader->scratch, &facts);
        fail(source, facts.category, facts.error_text);
        return 0;
    }
    if (candidates == NULL && feedback == NULL && usage == NULL)
        return ERR_UPSTREAM_ERROR;
    if (usage != NULL)
        gemini_usage_read(usage->value, &reader->usage);
    bool is_blocked = candidates == NULL && feedback != NULL;
    if (is_blocked) /* what a block is told in is our own */
        reader->usage.totals |= USAGE_SAID_OUTPUT;
    if (!reader->is_started)
        start(source, object);
    if (usage != NULL || is_blocked)
        give(source, (struct neutral_event){.kind = NEUTRAL_USAGE,
                                            .usage = &reader->usage,
                                            .lacks_cache_writes = true});
    if (candidates != NULL)
        err = read_candidates(source, candidates->value);
    if (err == 0 && feedback != NULL && !reader->is_finished && !reader->is_ended)
        read_feedback(source, feedback->value);
    return err;
}

/* Calls have no ids of their own: they get one that no other answer gives. */
static void
start(struct source *source, const struct json_object *object)
{
    struct answer_reader *reader = source->reader;
    const struct json_member *id = find_type(object, "responseId", JSON_STRING);
    uint8_t digest[HASH_DIGEST_SIZE];
    char hex[2 * ID_HASH_BYTES];

    hash_sha256(id == NULL ? object->text : id->value, digest);
    text_hex(digest, ID_HASH_BYTES, hex);
    buf_append(&reader->held, hex, sizeof(hex));
    reader->is_started = true;
    give(source,
         (struct neutral_event){.kind = NEUTRAL_START,
                                .id = id == NULL ? (struct slice){0} : raw(id),
                                .usage = reader->usage.is_reported ? &reader->usage : NULL});
}

static int
read_candidates(struct source *source, struct slice candidates)
{
    struct slice item;
    enum json_type type;
    size_t cursor = 0;
    int err = 0;

    while (err == 0 && !source->reader->is_ended &&
           json_array_next(candidates, &cursor, &item, &type))
        err = type == JSON_OBJECT ? read_candidate(source, item) : ERR_UPSTREAM_ERROR;
    return err;
}

static int
read_candidate(struct source *source, struct slice candidate)
{
    struct json_walk walk = json_walk_in(candidate);
    struct json_member member;
    struct slice content = {0}, reason = {0}, grounding = {0};
    int64_t index = 0;
    int err = 0;

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "content") && member.type == JSON_OBJECT)
            content = member.value;
        else if (json_key_is(&member, "finishReason") && member.type == JSON_STRING)
            reason = raw(&member);
        else if (json_key_is(&member, "logprobsResult") && member.type == JSON_OBJECT)
            source->logprobs = member.value;
        else if (json_key_is(&member, "groundingMetadata") && member.type == JSON_OBJECT)
            grounding = member.value;
        else if (json_key_is(&member, "index") && json_int(member.value, &index) != 0)
            return ERR_UPSTREAM_ERROR;
    }
    if (index < 0 || index >= MAX_CHOICES)
        return ERR_UPSTREAM_ERROR;
    source->choice = (uint32_t)index;
    if ((source->reader->words[HAS_FINISHED] & UINT64_C(1) << index) != 0)
        return 0;
    if (content.len > 0)
        err = read_content(source, content);
    if (err == 0 && grounding.len > 0)
        give_citations(source, grounding);
    if (err == 0 && reason.len > 0)
        read_finish(source, reason);
    source->logprobs = (struct slice){0};
    return err;
}

static int
read_content(struct source *source, struct slice content)
{
    struct json_member parts;
    struct slice item;
    enum json_type type;
    size_t cursor = 0;
    int err = 0;

    if (!json_find_in(content, "parts", &parts) || parts.type != JSON_ARRAY)
        return 0; /* content of a candidate that was stopped before it said anything */
    while (err == 0 && json_array_next(parts.value, &cursor, &item, &type)) {
        if (type != JSON_OBJECT)
            return ERR_UPSTREAM_ERROR;
        struct part part = part_of(item);

        err = read_part(source, &part);
    }
    return err;
}

static struct part
part_of(struct slice json)
{
    struct json_walk walk = json_walk_in(json);
    struct json_member member;
    struct part part = {0};

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "text") && member.type == JSON_STRING) {
            part.text = raw(&member);
            part.has_text = true;
        } else if (json_key_is(&member, "thought")) {
            part.is_thought = member.type == JSON_TRUE;
        } else if (json_key_is(&member, "thoughtSignature") && member.type == JSON_STRING) {
            part.signature = raw(&member);
        } else if (json_key_is(&member, "functionCall") && member.type == JSON_OBJECT) {
            part.call = member.value;
        }
    }
    return part;
}

/*
 * A signature belongs to the part that carries it. The caller keeps it with the reasoning in front
 * of that part: of a call it is needed, so that reasoning is made up where there is none; of a text
 * it is not worth that.
 */
static int
read_part(struct source *source, const struct part *part)
{
    if (part->call.len > 0)
        return read_call(source, part);
    if (!part->has_text)
        return 0; /* images, code that the provider runs: nobody asked for them */
    if (part->is_thought) {
        give_text(source, NEUTRAL_REASONING, part->text);
        if (part->signature.len > 0)
            give_state(source, part->signature);
        return 0;
    }
    if (part->signature.len > 0 && is_open(source, NEUTRAL_REASONING))
        give_state(source, part->signature);
    give_text(source, NEUTRAL_TEXT, part->text);
    return 0;
}

static int
read_call(struct source *source, const struct part *part)
{
    struct answer_reader *reader = source->reader;
    struct buf *scratch = &reader->scratch;
    struct json_walk walk = json_walk_in(part->call);
    struct json_member member;
    struct slice id = {0}, name = {0}, input = SLICE_LIT("{}");

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "name") && member.type == JSON_STRING)
            name = raw(&member);
        else if (json_key_is(&member, "id") && member.type == JSON_STRING)
            id = raw(&member);
        else if (json_key_is(&member, "args") && member.type == JSON_OBJECT)
            input = member.value;
    }
    if (name.len == 0)
        return ERR_UPSTREAM_ERROR;
    buf_clear(scratch);
    buf_append_slice(scratch, SLICE_LIT("call_"));
    buf_append_slice(scratch, buf_slice(&reader->held));
    buf_printf(scratch, "_%u", reader->n_calls++);
    const size_t id_len = scratch->len;
    call_input_write(scratch, input);
    if (scratch->overflow)
        return ERR_UPSTREAM_ERROR;
    if (id.len == 0 || id.len > MAX_ID)
        id = slice_sub(buf_slice(scratch), 0, id_len);

    if (part->signature.len > 0)
        give_state(source, part->signature);
    open_part(source, NEUTRAL_CALL);
    give(source, (struct neutral_event){
                     .kind = NEUTRAL_PART_BEGIN, .part = NEUTRAL_CALL, .id = id, .name = name});
    give(source,
         (struct neutral_event){.kind = NEUTRAL_PART_DELTA,
                                .part = NEUTRAL_CALL,
                                .text = slice_sub(buf_slice(scratch), id_len, scratch->len)});
    close_part(source);
    reader->words[HAS_CALLED] |= UINT64_C(1) << source->choice;
    return 0;
}

static void
give_text(struct source *source, enum neutral_part_kind kind, struct slice text)
{
    if (text.len == 0)
        return;
    /* What follows a state is reasoning of its own. */
    if (!is_open(source, kind) ||
        (kind == NEUTRAL_REASONING && source->reader->words[HAS_STATE] != 0)) {
        open_part(source, kind);
        give(source, (struct neutral_event){.kind = NEUTRAL_PART_BEGIN, .part = kind});
    }
    struct neutral_event event = {.kind = NEUTRAL_PART_DELTA, .part = kind, .text = text};
    if (kind == NEUTRAL_TEXT)
        note_text(source, &event);
    give(source, event);
}

static void
note_text(struct source *source, struct neutral_event *event)
{
    struct answer_reader *reader = source->reader;

    reader->words[TEXT_BYTES] += event->text.len;
    reader->words[TEXT_CHARS] += json_length(event->text);
    if (source->logprobs.len == 0)
        return;
    buf_clear(&reader->scratch);
    gemini_notes_logprobs(source->logprobs, &reader->scratch);
    event->json = buf_slice(&reader->scratch);
    source->logprobs = (struct slice){0};
}

/* Of the text that is open, which they come behind. */
static void
give_citations(struct source *source, struct slice grounding)
{
    struct answer_reader *reader = source->reader;
    const struct gemini_notes_text text = {reader->words[TEXT_BYTES], reader->words[TEXT_CHARS]};

    if (is_open(source, NEUTRAL_TEXT))
        gemini_notes_citations(grounding, &text, &reader->scratch, give_citation, source);
}

static void
give_citation(void *ctx, struct slice citation)
{
    give(ctx, (struct neutral_event){
                  .kind = NEUTRAL_ANNOTATION, .part = NEUTRAL_TEXT, .json = citation});
}

static void
give_state(struct source *source, struct slice state)
{
    if (!is_open(source, NEUTRAL_REASONING) || source->reader->words[HAS_STATE] != 0) {
        open_part(source, NEUTRAL_REASONING);
        give(source, (struct neutral_event){.kind = NEUTRAL_PART_BEGIN, .part = NEUTRAL_REASONING});
    }
    source->reader->words[HAS_STATE] = 1;
    give(source, (struct neutral_event){.kind = NEUTRAL_PART_STATE,
                                        .part = NEUTRAL_REASONING,
                                        .state = state,
                                        .origin = NEUTRAL_ORIGIN_GEMINI});
}

static bool
is_open(const struct source *source, enum neutral_part_kind kind)
{
    const struct answer_reader *reader = source->reader;

    return reader->is_open && reader->open == kind && reader->open_index == source->choice;
}

static void
open_part(struct source *source, enum neutral_part_kind kind)
{
    struct answer_reader *reader = source->reader;

    close_part(source);
    reader->is_open = true;
    reader->open = kind;
    reader->open_index = source->choice;
    reader->words[HAS_STATE] = reader->words[TEXT_BYTES] = reader->words[TEXT_CHARS] = 0;
}

static void
close_part(struct source *source)
{
    struct answer_reader *reader = source->reader;
    const uint32_t choice = source->choice;

    if (!reader->is_open)
        return;
    reader->is_open = false;
    source->choice = (uint32_t)reader->open_index;
    give(source, (struct neutral_event){.kind = NEUTRAL_PART_END, .part = reader->open});
    source->choice = choice;
}

static void
read_finish(struct source *source, struct slice reason)
{
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (!slice_eq_str(reason, endings[i].reason))
            continue;
        if (endings[i].is_failure)
            fail(source, ERR_CATEGORY_UPSTREAM_ERROR, reason);
        else
            finish(source, endings[i].finish);
        return;
    }
    finish(source, NEUTRAL_STOP); /* OTHER, LANGUAGE, and words not known yet */
}

/* There is no word for calls: they are seen. */
static void
finish(struct source *source, enum neutral_finish how)
{
    struct answer_reader *reader = source->reader;
    const uint64_t bit = UINT64_C(1) << source->choice;

    if (how == NEUTRAL_STOP && (reader->words[HAS_CALLED] & bit) != 0)
        how = NEUTRAL_TOOL_CALLS;
    close_part(source);
    reader->words[HAS_FINISHED] |= bit;
    reader->is_finished = true;
    reader->finish = how;
    give(source, (struct neutral_event){.kind = NEUTRAL_FINISH, .finish = how});
}

/* A prompt that was blocked has no candidates, and a reason. */
static void
read_feedback(struct source *source, struct slice feedback)
{
    struct buf *scratch = &source->reader->scratch;
    struct json_member reason;

    if (!json_find_in(feedback, "blockReason", &reason) || reason.type != JSON_STRING ||
        reason.value.len > MAX_REASON)
        return;
    buf_clear(scratch);
    buf_append_slice(scratch, SLICE_LIT("Blocked by the provider: "));
    buf_append_slice(scratch, raw(&reason));
    source->choice = 0;
    give_text(source, NEUTRAL_REFUSAL, buf_slice(scratch));
    finish(source, NEUTRAL_CONTENT_FILTER);
}

static void
fail(struct source *source, enum err_category category, struct slice text)
{
    source->reader->is_ended = true;
    give(source, (struct neutral_event){.kind = NEUTRAL_ERROR, .category = category, .text = text});
}

static inline void
give(struct source *source, struct neutral_event event)
{
    event.choice = source->choice;
    source->sink(source->ctx, &event);
}

/* What stands between the quotes. */
static inline struct slice
raw(const struct json_member *string)
{
    return slice_sub(string->value, 1, string->value.len - 1);
}

static const struct json_member *
find_type(const struct json_object *object, const char *key, enum json_type type)
{
    const struct json_member *member = json_find(object, key);

    return member != NULL && member->type == type ? member : NULL;
}
