/* SPDX-License-Identifier: ISC
 *
 * Answers of chat upstreams into neutral events. One chunk may carry reasoning, text, calls and the
 * reason of the end together: they are given in that order. The end is told when the stream ends,
 * not with its reason: the usage comes in between.
 */
#include "chat_calls.h"
#include "dialect_parts.h"
#include "json_walk.h"
#include "translators.h"

/* What a delta or message holds of interest; values of absent members have len 0. */
struct delta {
    struct slice logprobs; /* of the content */
    struct json_member content, reasoning, other_reasoning, refusal, calls, annotations;
};

static int read_body(const struct chat_feed *feed, struct slice body, bool is_whole);
static int read_error(const struct chat_feed *feed, struct slice body);
static void start(const struct chat_feed *feed, const struct json_object *object);
static bool has_choice(const struct json_object *object);
static int read_choices(const struct chat_feed *feed, const struct json_object *object,
                        bool is_whole);
static int read_choice(const struct chat_feed *feed, struct slice choice, bool is_whole);
static struct delta find_members(struct slice object);
static struct slice logprobs_of(const struct json_member *logprobs);
static int read_delta(const struct chat_feed *feed, const struct delta *delta, bool is_whole);
static int read_content(const struct chat_feed *feed, const struct delta *delta);
static int read_part(const struct chat_feed *feed, struct slice part);
static int take_text(const struct chat_feed *feed, enum neutral_part_kind kind,
                     const struct json_member *text, struct slice logprobs);
static void read_annotations(const struct chat_feed *feed, const struct json_member *list);
static struct slice flat_note(struct answer_reader *reader, struct slice note);
static int read_calls(const struct chat_feed *feed, const struct json_member *calls, bool is_whole);
static int read_call(const struct chat_feed *feed, struct slice call, bool is_whole);
static void read_function(struct slice function, struct chat_piece *piece);
static struct slice inner(const struct json_member *string);
static int read_finish(const struct chat_feed *feed, const struct json_member *reason);
static void read_usage(const struct chat_feed *feed, const struct json_object *object);
static int end(const struct chat_feed *feed);
static void fail(const struct chat_feed *feed, enum err_category category, struct slice text);

int
chat_answer_read_event(struct answer_reader *reader, const struct sse_event *event,
                       neutral_sink *sink, void *ctx)
{
    const struct chat_feed feed = {.reader = reader, .sink = sink, .ctx = ctx};

    if (reader->is_ended)
        return 0;
    if (slice_eq(event->data, SLICE_LIT("[DONE]")))
        return end(&feed);
    if (slice_eq(event->name, SLICE_LIT("error")))
        return read_error(&feed, event->data);
    return read_body(&feed, event->data, false);
}

int
chat_answer_read_reply(struct answer_reader *reader, struct slice body, neutral_sink *sink,
                       void *ctx)
{
    const struct chat_feed feed = {.reader = reader, .sink = sink, .ctx = ctx};
    int err = read_body(&feed, body, true);

    if (err != 0 || reader->is_ended)
        return err;
    if (reader->words[CHAT_HAS_CHOICE] == 0)
        return ERR_UPSTREAM_ERROR;
    reader->is_finished = true; /* it is whole, whether a reason is said or not */
    return end(&feed);
}

void
chat_answer_read_end(struct answer_reader *reader, neutral_sink *sink, void *ctx)
{
    const struct chat_feed feed = {.reader = reader, .sink = sink, .ctx = ctx};

    if (!reader->is_ended && end(&feed) != 0)
        fail(&feed, ERR_CATEGORY_UPSTREAM_ERROR, SLICE_LIT("a tool call without name"));
}

static int
read_body(const struct chat_feed *feed, struct slice body, bool is_whole)
{
    struct json_object object;
    struct json_error error;

    if (body.len > 0 && body.ptr[0] == '[') /* Gemini's errors */
        return read_error(feed, body);
    if (json_scan_object(body, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    if (dialect_is_chat_error(&object))
        return read_error(feed, body);
    start(feed, &object);
    int err = read_choices(feed, &object, is_whole);
    if (err == 0 && !feed->reader->is_ended)
        read_usage(feed, &object);
    return err;
}

static int
read_error(const struct chat_feed *feed, struct slice body)
{
    struct reply_facts facts;

    dialect_read_error(0, body, &feed->reader->scratch, &facts);
    fail(feed, facts.category, facts.error_text);
    return 0;
}

/* Azure sends a chunk without choices and without an id first: it is no beginning. */
static void
start(const struct chat_feed *feed, const struct json_object *object)
{
    const struct json_member *id = json_find(object, "id");
    struct answer_reader *reader = feed->reader;
    struct neutral_event event = {.kind = NEUTRAL_START};

    if (id != NULL)
        event.id = inner(id);
    if (reader->is_started || !has_choice(object))
        return;
    reader->is_started = true;
    if (event.id.len > 0 && memchr(event.id.ptr, '\\', event.id.len) == NULL) {
        reader->words[CHAT_ID] = chat_calls_keep(reader, event.id);
        reader->words[CHAT_ID_LEN] = event.id.len;
    }
    feed->sink(feed->ctx, &event);
}

static bool
has_choice(const struct json_object *object)
{
    const struct json_member *choices = json_find(object, "choices");
    size_t cursor = 0;
    struct slice choice;
    enum json_type type;

    return choices != NULL && choices->type == JSON_ARRAY &&
           json_array_next(choices->value, &cursor, &choice, &type);
}

/* Only one was asked for: what has another index is nothing that we know. */
static int
read_choices(const struct chat_feed *feed, const struct json_object *object, bool is_whole)
{
    const struct json_member *choices = json_find(object, "choices");
    size_t cursor = 0;
    struct slice choice;
    enum json_type type;

    if (choices == NULL || choices->type != JSON_ARRAY)
        return is_whole ? ERR_UPSTREAM_ERROR : 0; /* some send usage in a chunk of its own kind */
    while (json_array_next(choices->value, &cursor, &choice, &type)) {
        int err = type == JSON_OBJECT ? read_choice(feed, choice, is_whole) : ERR_UPSTREAM_ERROR;

        if (err != 0 || feed->reader->is_ended)
            return err;
    }
    return 0;
}

static int
read_choice(const struct chat_feed *feed, struct slice choice, bool is_whole)
{
    struct json_walk walk = json_walk_in(choice);
    struct json_member member, body = {0}, reason = {0}, logprobs = {0};
    int64_t index = 0;
    int err = 0;

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, is_whole ? "message" : "delta"))
            body = member;
        else if (json_key_is(&member, "finish_reason"))
            reason = member;
        else if (json_key_is(&member, "logprobs"))
            logprobs = member;
        else if (json_key_is(&member, "index") && json_int(member.value, &index) != 0)
            index = 0;
    }
    if (index != 0)
        return 0;
    feed->reader->words[CHAT_HAS_CHOICE] = true;
    if (body.type == JSON_OBJECT) {
        struct delta delta = find_members(body.value);

        delta.logprobs = logprobs_of(&logprobs);
        err = read_delta(feed, &delta, is_whole);
    }
    return err == 0 ? read_finish(feed, &reason) : err;
}

static struct slice
logprobs_of(const struct json_member *logprobs)
{
    struct json_member content;

    if (logprobs->type != JSON_OBJECT || !json_find_in(logprobs->value, "content", &content) ||
        content.type != JSON_ARRAY)
        return (struct slice){0};
    return content.value;
}

static int
read_delta(const struct chat_feed *feed, const struct delta *delta, bool is_whole)
{
    const struct slice none = {0};
    const struct json_member *reasoning =
        inner(&delta->reasoning).len > 0 ? &delta->reasoning : &delta->other_reasoning;

    int err = take_text(feed, NEUTRAL_REASONING, reasoning, none);
    if (err == 0)
        err = read_content(feed, delta);
    if (err != 0)
        return err;
    read_annotations(feed, &delta->annotations);
    err = take_text(feed, NEUTRAL_REFUSAL, &delta->refusal, none);
    return err == 0 ? read_calls(feed, &delta->calls, is_whole) : err;
}

static struct delta
find_members(struct slice object)
{
    struct json_walk walk = json_walk_in(object);
    struct json_member member;
    struct delta delta = {0};

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "content"))
            delta.content = member;
        else if (json_key_is(&member, "tool_calls"))
            delta.calls = member;
        else if (json_key_is(&member, "reasoning_content"))
            delta.reasoning = member;
        else if (json_key_is(&member, "reasoning"))
            delta.other_reasoning = member;
        else if (json_key_is(&member, "refusal"))
            delta.refusal = member;
        else if (json_key_is(&member, "annotations"))
            delta.annotations = member;
    }
    return delta;
}

/* A string, or a list of parts (Mistral, whose thinking is a part with parts of its own). */
static int
read_content(const struct chat_feed *feed, const struct delta *delta)
{
    const struct json_member *content = &delta->content;
    size_t cursor = 0;
    struct slice part;
    enum json_type type;

    if (content->type != JSON_ARRAY)
        return take_text(feed, NEUTRAL_TEXT, content, delta->logprobs);
    while (json_array_next(content->value, &cursor, &part, &type)) {
        int err = read_part(feed, part);

        if (err != 0)
            return err;
    }
    return 0;
}

static int
read_part(const struct chat_feed *feed, struct slice part)
{
    const struct slice none = {0};
    struct json_member text, thinking;
    size_t cursor = 0;
    struct slice thought;
    enum json_type type;
    int err = 0;

    if (json_find_in(part, "text", &text))
        return take_text(feed, NEUTRAL_TEXT, &text, none);
    if (!json_find_in(part, "thinking", &thinking))
        return 0;
    if (thinking.type == JSON_STRING)
        return take_text(feed, NEUTRAL_REASONING, &thinking, none);
    while (err == 0 && thinking.type == JSON_ARRAY &&
           json_array_next(thinking.value, &cursor, &thought, &type)) {
        if (json_find_in(thought, "text", &text))
            err = take_text(feed, NEUTRAL_REASONING, &text, none);
    }
    return err;
}

/* Empty strings say nothing; they stand beside what does. */
static int
take_text(const struct chat_feed *feed, enum neutral_part_kind kind, const struct json_member *text,
          struct slice logprobs)
{
    struct answer_reader *reader = feed->reader;
    struct neutral_event event = {.kind = NEUTRAL_PART_BEGIN, .part = kind};
    struct slice raw = inner(text);

    if (raw.len == 0)
        return 0;
    if (!reader->is_open || reader->open != kind) {
        int err = chat_calls_finish(feed);

        if (err != 0)
            return err;
        chat_calls_close(feed);
        reader->is_open = true;
        reader->open = kind;
        feed->sink(feed->ctx, &event);
    }
    event.kind = NEUTRAL_PART_DELTA;
    event.text = raw;
    event.json = logprobs;
    feed->sink(feed->ctx, &event);
    return 0;
}

static void
read_annotations(const struct chat_feed *feed, const struct json_member *list)
{
    struct neutral_event event = {.kind = NEUTRAL_ANNOTATION, .part = NEUTRAL_TEXT};
    struct slice note;
    size_t cursor = 0;
    enum json_type type;

    if (list->type != JSON_ARRAY || !feed->reader->is_open || feed->reader->open != NEUTRAL_TEXT)
        return;
    while (json_array_next(list->value, &cursor, &note, &type)) {
        event.json = flat_note(feed->reader, note);
        if (event.json.len > 0)
            feed->sink(feed->ctx, &event);
    }
}

/* {"type":T,T:{..}} has one level more than elsewhere; "" for what is not like that. */
static struct slice
flat_note(struct answer_reader *reader, struct slice note)
{
    struct json_member citation, url;

    if (!json_find_in(note, "url_citation", &citation) ||
        !json_find_in(citation.value, "url", &url))
        return (struct slice){0};
    return chat_calls_join(reader, SLICE_LIT("{\"type\":\"url_citation\","),
                           slice_sub(citation.value, 1, citation.value.len));
}

static int
read_calls(const struct chat_feed *feed, const struct json_member *calls, bool is_whole)
{
    size_t cursor = 0;
    struct slice call;
    enum json_type type;

    if (calls->type != JSON_ARRAY)
        return 0;
    while (json_array_next(calls->value, &cursor, &call, &type)) {
        int err = type == JSON_OBJECT ? read_call(feed, call, is_whole) : ERR_UPSTREAM_ERROR;

        if (err != 0)
            return err;
    }
    return is_whole ? chat_calls_finish(feed) : 0;
}

static int
read_call(const struct chat_feed *feed, struct slice call, bool is_whole)
{
    struct chat_piece piece = {.is_whole = is_whole};
    struct json_walk walk = json_walk_in(call);
    struct json_member member;

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "index")) {
            piece.has_index = json_int(member.value, &piece.index) == 0;
        } else if (json_key_is(&member, "id")) {
            piece.id = inner(&member);
        } else if (json_key_is(&member, "type")) {
            piece.is_custom |= json_string_is(member.value, "custom");
        } else if (member.type == JSON_OBJECT &&
                   (json_key_is(&member, "function") || json_key_is(&member, "custom"))) {
            piece.is_custom |= member.key.ptr[0] == 'c';
            read_function(member.value, &piece);
        }
    }
    return chat_calls_take(feed, &piece);
}

static void
read_function(struct slice function, struct chat_piece *piece)
{
    struct json_walk walk = json_walk_in(function);
    struct json_member member;

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "name")) {
            piece->name = inner(&member);
        } else if (!json_key_is(&member, "arguments") && !json_key_is(&member, "input")) {
            continue;
        } else {
            piece->text = inner(&member);
            piece->object = member.type == JSON_OBJECT ? member.value : (struct slice){0};
        }
    }
}

/* What stands between the quotes; "" for what is no string. */
static struct slice
inner(const struct json_member *string)
{
    if (string->type != JSON_STRING || string->value.len < 2)
        return (struct slice){0};
    return slice_sub(string->value, 1, string->value.len - 1);
}

static int
read_finish(const struct chat_feed *feed, const struct json_member *reason)
{
    static const struct {
        const char *word;
        enum neutral_finish finish;
    } finishes[] = {
        {"length", NEUTRAL_LENGTH},
        {"model_length", NEUTRAL_LENGTH},
        {"content_filter", NEUTRAL_CONTENT_FILTER},
    };
    struct answer_reader *reader = feed->reader;

    if (inner(reason).len == 0)
        return 0;
    if (json_string_is(reason->value, "error") ||
        json_string_is(reason->value, "insufficient_system_resource")) {
        fail(feed, ERR_CATEGORY_UPSTREAM_ERROR, inner(reason));
        return 0;
    }
    reader->is_finished = true;
    reader->finish = NEUTRAL_STOP; /* tool_calls, eos and whatever else they call it */
    for (size_t i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++) {
        if (json_string_is(reason->value, finishes[i].word))
            reader->finish = finishes[i].finish;
    }
    int err = chat_calls_finish(feed);
    chat_calls_close(feed);
    return err;
}

/* Mostly said once and last, by some on every chunk: what is said last counts. */
static void
read_usage(const struct chat_feed *feed, const struct json_object *object)
{
    const struct json_member *usage = json_find(object, "usage");
    struct answer_reader *reader = feed->reader;
    struct neutral_event event = {.kind = NEUTRAL_USAGE, .usage = &reader->usage};

    if (usage == NULL || usage->type == JSON_NULL)
        return;
    dialect_usage_read(OPERATION_CHAT, usage->value, &reader->usage);
    dialect_usage_read_tier(OPERATION_CHAT, json_find(object, "service_tier"), &reader->usage);
    feed->sink(feed->ctx, &event);
}

/* Calls beat the upstream's word for the end, unless it was cut short. */
static int
end(const struct chat_feed *feed)
{
    struct answer_reader *reader = feed->reader;
    struct neutral_event event = {.kind = NEUTRAL_FINISH};

    if (!reader->is_finished) {
        fail(feed, ERR_CATEGORY_STREAM_INTERRUPTED, SLICE_LIT("the stream ended without a finish"));
        return 0;
    }
    int err = chat_calls_finish(feed);
    if (err != 0)
        return err;
    chat_calls_close(feed);
    if (reader->finish == NEUTRAL_STOP && reader->n_calls > 0)
        reader->finish = NEUTRAL_TOOL_CALLS;
    event.finish = reader->finish;
    reader->is_ended = true;
    feed->sink(feed->ctx, &event);
    event.kind = NEUTRAL_END;
    feed->sink(feed->ctx, &event);
    return 0;
}

/* The last event; what is open stays open. */
static void
fail(const struct chat_feed *feed, enum err_category category, struct slice text)
{
    struct neutral_event event = {.kind = NEUTRAL_ERROR, .category = category, .text = text};

    feed->reader->is_ended = true;
    feed->sink(feed->ctx, &event);
}
