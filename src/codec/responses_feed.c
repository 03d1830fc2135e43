/* SPDX-License-Identifier: ISC */
#include "responses_feed.h"

static void open_call(const struct responses_feed *feed, const struct json_object *item,
                      bool is_custom);
static void finish_call(const struct responses_feed *feed, const struct json_object *item);
static void finish_reasoning(const struct responses_feed *feed, const struct json_object *item);
static void give_texts(const struct responses_feed *feed, const struct json_member *parts);
static void give_content(const struct responses_feed *feed, const struct json_member *content);
static void give_annotations(const struct responses_feed *feed,
                             const struct json_member *annotations);
static enum responses_item kind_of(const struct json_object *item);

void
responses_feed_open(const struct responses_feed *feed, struct slice item, int64_t index)
{
    struct answer_reader *reader = feed->reader;
    struct json_object object;
    struct json_error error;

    if (json_scan_object(item, &object, &error) != 0)
        return;
    const enum responses_item kind = kind_of(&object);
    const bool is_call = kind == ITEM_CALL || kind == ITEM_CUSTOM_CALL;
    if (is_call && (responses_raw_of(&object, "call_id").len == 0 ||
                    responses_raw_of(&object, "name").len == 0))
        return;
    reader->open_index = index;
    reader->words[FEED_ITEM] = kind;
    reader->words[FEED_N_PARTS] = 0;
    reader->words[FEED_N_ITEMS]++;
    if (kind == ITEM_REASONING)
        responses_feed_open_part(feed,
                                 &(struct neutral_event){.part = NEUTRAL_REASONING,
                                                         .id = responses_raw_of(&object, "id")});
    else if (is_call)
        open_call(feed, &object, kind == ITEM_CUSTOM_CALL);
}

static void
open_call(const struct responses_feed *feed, const struct json_object *item, bool is_custom)
{
    const struct slice space = responses_raw_of(item, "namespace");
    struct answer_reader *reader = feed->reader;
    struct neutral_event event = {.part = NEUTRAL_CALL,
                                  .is_custom = is_custom,
                                  .id = responses_raw_of(item, "call_id"),
                                  .name = responses_raw_of(item, "name")};

    if (space.len > 0) {
        buf_clear(&reader->scratch);
        buf_append_slice(&reader->scratch, space);
        buf_append_slice(&reader->scratch, SLICE_LIT("__"));
        buf_append_slice(&reader->scratch, event.name);
        event.name = buf_slice(&reader->scratch);
    }
    reader->n_calls++;
    responses_feed_open_part(feed, &event);
}

void
responses_feed_finish(const struct responses_feed *feed, struct slice item)
{
    struct answer_reader *reader = feed->reader;
    struct json_object object;
    struct json_error error;

    if (json_scan_object(item, &object, &error) == 0) {
        switch ((enum responses_item)reader->words[FEED_ITEM]) {
        case ITEM_MESSAGE:
            if (reader->words[FEED_N_PARTS] == 0)
                give_content(feed, json_find(&object, "content"));
            break;
        case ITEM_REASONING:
            finish_reasoning(feed, &object);
            break;
        case ITEM_CALL:
        case ITEM_CUSTOM_CALL:
            finish_call(feed, &object);
            break;
        case ITEM_OTHER:
            break;
        }
    }
    responses_feed_close_part(feed);
    reader->open_index = -1;
    reader->words[FEED_ITEM] = ITEM_OTHER;
}

void
responses_feed_whole(const struct responses_feed *feed, struct slice item)
{
    responses_feed_open(feed, item, 0);
    if (feed->reader->open_index >= 0)
        responses_feed_finish(feed, item);
    else
        feed->reader->words[FEED_IS_BROKEN] = 1;
}

static void
finish_call(const struct responses_feed *feed, const struct json_object *item)
{
    const bool is_custom = feed->reader->words[FEED_ITEM] == ITEM_CUSTOM_CALL;

    if (feed->reader->words[FEED_HAS_DELTA] == 0)
        responses_feed_text(feed, responses_raw_of(item, is_custom ? "input" : "arguments"));
}

static void
finish_reasoning(const struct responses_feed *feed, const struct json_object *item)
{
    const struct slice state = responses_raw_of(item, "encrypted_content");

    if (feed->reader->words[FEED_HAS_DELTA] == 0) {
        give_texts(feed, json_find(item, "summary"));
        if (feed->reader->words[FEED_HAS_DELTA] == 0)
            give_texts(feed, json_find(item, "content"));
    }
    if (state.len > 0)
        responses_feed_give(feed, &(struct neutral_event){.kind = NEUTRAL_PART_STATE,
                                                          .part = NEUTRAL_REASONING,
                                                          .id = responses_raw_of(item, "id"),
                                                          .state = state,
                                                          .origin = NEUTRAL_ORIGIN_OPENAI});
}

/* Parts of a summary, or of reasoning in clear. */
static void
give_texts(const struct responses_feed *feed, const struct json_member *parts)
{
    size_t cursor = 0;
    struct slice part;
    enum json_type type;
    struct json_member text;

    if (parts == NULL || parts->type != JSON_ARRAY)
        return;
    while (json_array_next(parts->value, &cursor, &part, &type)) {
        if (!json_find_in(part, "text", &text) || responses_raw(&text).len == 0)
            continue;
        if (feed->reader->words[FEED_HAS_DELTA] != 0)
            responses_feed_text(feed, SLICE_LIT("\\n\\n"));
        responses_feed_text(feed, responses_raw(&text));
    }
}

static void
give_content(const struct responses_feed *feed, const struct json_member *content)
{
    size_t cursor = 0;
    struct slice part;
    enum json_type type;

    if (content == NULL || content->type != JSON_ARRAY)
        return;
    while (json_array_next(content->value, &cursor, &part, &type)) {
        struct json_member text, annotations, logprobs;
        bool is_refusal = json_find_in(part, "refusal", &text);

        if (!is_refusal && !json_find_in(part, "text", &text))
            continue;
        responses_feed_open_part(
            feed, &(struct neutral_event){.part = is_refusal ? NEUTRAL_REFUSAL : NEUTRAL_TEXT});
        bool is_probable = !is_refusal && json_find_in(part, "logprobs", &logprobs);
        responses_feed_probable(feed, responses_raw(&text), is_probable ? &logprobs : NULL);
        if (json_find_in(part, "annotations", &annotations))
            give_annotations(feed, &annotations);
        responses_feed_close_part(feed);
    }
}

static void
give_annotations(const struct responses_feed *feed, const struct json_member *annotations)
{
    size_t cursor = 0;
    struct slice annotation;
    enum json_type type;

    if (annotations->type != JSON_ARRAY)
        return;
    while (json_array_next(annotations->value, &cursor, &annotation, &type)) {
        if (type == JSON_OBJECT)
            responses_feed_give(feed, &(struct neutral_event){.kind = NEUTRAL_ANNOTATION,
                                                              .part = NEUTRAL_TEXT,
                                                              .json = annotation});
    }
}

/* Finished while another was open: a JSON array without its end. */
void
responses_feed_hold(struct answer_reader *reader, struct slice item)
{
    buf_append_byte(&reader->held, reader->held.len == 0 ? '[' : ',');
    buf_append_slice(&reader->held, item);
}

void
responses_feed_give_held(const struct responses_feed *feed)
{
    struct buf *held = &feed->reader->held;
    size_t cursor = 0;
    struct slice item;
    enum json_type type;

    if (held->len == 0)
        return;
    buf_append_byte(held, ']');
    while (json_array_next(buf_slice(held), &cursor, &item, &type))
        responses_feed_whole(feed, item);
    buf_clear(held);
}

/* ---- parts ---- */

void
responses_feed_open_part(const struct responses_feed *feed, const struct neutral_event *begin)
{
    struct answer_reader *reader = feed->reader;
    struct neutral_event event = *begin;

    responses_feed_close_part(feed);
    event.kind = NEUTRAL_PART_BEGIN;
    reader->is_open = true;
    reader->open = event.part;
    reader->words[FEED_HAS_DELTA] = 0;
    reader->words[FEED_N_PARTS]++;
    responses_feed_give(feed, &event);
}

void
responses_feed_close_part(const struct responses_feed *feed)
{
    struct answer_reader *reader = feed->reader;

    if (!reader->is_open)
        return;
    reader->is_open = false;
    responses_feed_give(feed,
                        &(struct neutral_event){.kind = NEUTRAL_PART_END, .part = reader->open});
}

void
responses_feed_text(const struct responses_feed *feed, struct slice text)
{
    responses_feed_probable(feed, text, NULL);
}

void
responses_feed_probable(const struct responses_feed *feed, struct slice text,
                        const struct json_member *logprobs)
{
    struct answer_reader *reader = feed->reader;
    struct neutral_event event = {.kind = NEUTRAL_PART_DELTA,
                                  .part = reader->open,
                                  .text = text,
                                  .is_custom = reader->words[FEED_ITEM] == ITEM_CUSTOM_CALL};

    if (text.len == 0)
        return;
    if (logprobs != NULL && logprobs->type == JSON_ARRAY && logprobs->value.len > 2)
        event.json = logprobs->value;
    reader->words[FEED_HAS_DELTA] = 1;
    responses_feed_give(feed, &event);
}

void
responses_feed_give(const struct responses_feed *feed, const struct neutral_event *event)
{
    struct answer_reader *reader = feed->reader;

    if (!reader->is_started && event->kind != NEUTRAL_START && event->kind != NEUTRAL_ERROR)
        feed->sink(feed->ctx, &(struct neutral_event){.kind = NEUTRAL_START});
    reader->is_started = true;
    feed->sink(feed->ctx, event);
}

/* ---- JSON ---- */

static enum responses_item
kind_of(const struct json_object *item)
{
    const struct slice type = responses_raw_of(item, "type");

    if (slice_eq_str(type, "message"))
        return ITEM_MESSAGE;
    if (slice_eq_str(type, "reasoning"))
        return ITEM_REASONING;
    if (slice_eq_str(type, "function_call"))
        return ITEM_CALL;
    return slice_eq_str(type, "custom_tool_call") ? ITEM_CUSTOM_CALL : ITEM_OTHER;
}
