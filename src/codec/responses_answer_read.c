/* SPDX-License-Identifier: ISC
 *
 * Answers of Responses upstreams into neutral events: as their items come, or from a finished item
 * when its pieces did not come. One item is open at a time; others that finish meanwhile wait.
 */
#include "dialect_parts.h"
#include "responses_feed.h"
#include "translators.h"

/* An event, or whole answer, being read. */
struct reading {
    struct responses_feed feed;
    const struct json_object *object;
};

struct handler {
    struct slice type;
    void (*handle)(const struct reading *reading);
};

static void on_created(const struct reading *reading);
static void on_item_added(const struct reading *reading);
static void on_part_added(const struct reading *reading);
static void on_text_delta(const struct reading *reading);
static void on_refusal_delta(const struct reading *reading);
static void on_summary_added(const struct reading *reading);
static void on_reasoning_delta(const struct reading *reading);
static void on_call_delta(const struct reading *reading);
static void on_annotation(const struct reading *reading);
static void on_item_done(const struct reading *reading);
static void on_end(const struct reading *reading);
static void on_error(const struct reading *reading);
static bool is_of_open_item(const struct reading *reading);
static int64_t output_index(const struct reading *reading);
static void take_delta(const struct reading *reading, enum neutral_part_kind kind);
static void read_response(const struct reading *reading, struct slice text);
static bool has_failed(const struct json_object *response);
static void give_output(const struct reading *reading, const struct json_member *output);
static void read_usage(const struct reading *reading, const struct json_object *response);
static enum neutral_finish finish_of(const struct reading *reading,
                                     const struct json_object *response);
static bool is_broken(const struct answer_reader *reader);
static void fail(const struct reading *reading, struct slice body);

/* The most frequent first. What is not here says nothing that counts, or says it again. */
static const struct handler handlers[] = {
    {SLICE_LIT("response.output_text.delta"), on_text_delta},
    {SLICE_LIT("response.function_call_arguments.delta"), on_call_delta},
    {SLICE_LIT("response.reasoning_summary_text.delta"), on_reasoning_delta},
    {SLICE_LIT("response.reasoning_text.delta"), on_reasoning_delta},
    {SLICE_LIT("response.custom_tool_call_input.delta"), on_call_delta},
    {SLICE_LIT("response.refusal.delta"), on_refusal_delta},
    {SLICE_LIT("response.output_text.annotation.added"), on_annotation},
    {SLICE_LIT("response.output_item.added"), on_item_added},
    {SLICE_LIT("response.output_item.done"), on_item_done},
    {SLICE_LIT("response.content_part.added"), on_part_added},
    {SLICE_LIT("response.reasoning_summary_part.added"), on_summary_added},
    {SLICE_LIT("response.created"), on_created},
    {SLICE_LIT("response.in_progress"), on_created},
    {SLICE_LIT("response.completed"), on_end},
    {SLICE_LIT("response.incomplete"), on_end},
    {SLICE_LIT("response.done"), on_end}, /* of realtime-like servers */
    {SLICE_LIT("response.failed"), on_error},
    {SLICE_LIT("response.cancelled"), on_error},
    {SLICE_LIT("error"), on_error},
};

int
responses_answer_read_event(struct answer_reader *reader, const struct sse_event *event,
                            neutral_sink *sink, void *ctx)
{
    struct json_object object;
    struct json_error error;
    const struct reading reading = {{reader, sink, ctx}, &object};

    if (reader->is_ended || slice_eq(event->data, SLICE_LIT("[DONE]")))
        return 0;
    if (json_scan_object(event->data, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    const struct json_member *type = json_find(&object, "type");
    if (type == NULL && dialect_is_error(json_find(&object, "error"))) {
        on_error(&reading);
        return 0;
    }
    const struct slice name = responses_raw(type);
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (slice_eq(name, handlers[i].type)) {
            handlers[i].handle(&reading);
            break;
        }
    }
    return is_broken(reader) ? ERR_UPSTREAM_ERROR : 0;
}

int
responses_answer_read_reply(struct answer_reader *reader, struct slice body, neutral_sink *sink,
                            void *ctx)
{
    struct json_object object;
    struct json_error error;
    const struct reading reading = {{reader, sink, ctx}, &object};

    if (json_scan_object(body, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    const struct json_member *output = json_find(&object, "output");
    if (!has_failed(&object) && (output == NULL || output->type != JSON_ARRAY))
        return ERR_UPSTREAM_ERROR;
    read_response(&reading, body);
    return is_broken(reader) ? ERR_UPSTREAM_ERROR : 0;
}

/* Without its last event an answer may lack anything. */
void
responses_answer_read_end(struct answer_reader *reader, neutral_sink *sink, void *ctx)
{
    const struct neutral_event event = {.kind = NEUTRAL_ERROR,
                                        .category = ERR_CATEGORY_STREAM_INTERRUPTED};

    if (reader->is_ended)
        return;
    reader->is_ended = true;
    sink(ctx, &event);
}

/* ---- events ---- */

static void
on_created(const struct reading *reading)
{
    const struct json_member *response = json_find(reading->object, "response");
    struct neutral_event event = {.kind = NEUTRAL_START};
    struct json_member id;

    if (response != NULL && json_find_in(response->value, "id", &id))
        event.id = responses_raw(&id);
    if (!reading->feed.reader->is_started)
        responses_feed_give(&reading->feed, &event);
}

static void
on_item_added(const struct reading *reading)
{
    const struct json_member *item = json_find(reading->object, "item");

    /* With another one open, its pieces are passed over: it is given when it is finished. */
    if (item != NULL && item->type == JSON_OBJECT && reading->feed.reader->open_index < 0)
        responses_feed_open(&reading->feed, item->value, output_index(reading));
}

/* A message may have several; its text begins with the first delta all the same. */
static void
on_part_added(const struct reading *reading)
{
    if (is_of_open_item(reading) && reading->feed.reader->words[FEED_ITEM] == ITEM_MESSAGE)
        responses_feed_close_part(&reading->feed);
}

static void
on_text_delta(const struct reading *reading)
{
    take_delta(reading, NEUTRAL_TEXT);
}

static void
on_refusal_delta(const struct reading *reading)
{
    take_delta(reading, NEUTRAL_REFUSAL);
}

/* A blank line stands between the parts of a summary. */
static void
on_summary_added(const struct reading *reading)
{
    if (is_of_open_item(reading) && reading->feed.reader->words[FEED_HAS_DELTA] != 0 &&
        reading->feed.reader->words[FEED_ITEM] == ITEM_REASONING)
        responses_feed_text(&reading->feed, SLICE_LIT("\\n\\n"));
}

static void
on_reasoning_delta(const struct reading *reading)
{
    if (reading->feed.reader->words[FEED_ITEM] == ITEM_REASONING)
        take_delta(reading, NEUTRAL_REASONING);
}

static void
on_call_delta(const struct reading *reading)
{
    const uint64_t kind = reading->feed.reader->words[FEED_ITEM];

    if (kind == ITEM_CALL || kind == ITEM_CUSTOM_CALL)
        take_delta(reading, NEUTRAL_CALL);
}

static void
on_annotation(const struct reading *reading)
{
    const struct json_member *annotation = json_find(reading->object, "annotation");
    struct answer_reader *reader = reading->feed.reader;

    if (annotation == NULL || annotation->type != JSON_OBJECT || !is_of_open_item(reading))
        return;
    if (!reader->is_open || reader->open != NEUTRAL_TEXT)
        return;
    responses_feed_give(&reading->feed, &(struct neutral_event){.kind = NEUTRAL_ANNOTATION,
                                                                .part = NEUTRAL_TEXT,
                                                                .json = annotation->value});
}

static void
on_item_done(const struct reading *reading)
{
    const struct json_member *item = json_find(reading->object, "item");
    struct answer_reader *reader = reading->feed.reader;

    if (item == NULL || item->type != JSON_OBJECT)
        return;
    if (reader->open_index < 0) {
        responses_feed_whole(&reading->feed, item->value);
    } else if (is_of_open_item(reading)) {
        responses_feed_finish(&reading->feed, item->value);
        responses_feed_give_held(&reading->feed);
    } else {
        responses_feed_hold(reader, item->value);
    }
}

static void
on_end(const struct reading *reading)
{
    const struct json_member *response = json_find(reading->object, "response");

    read_response(reading, response == NULL ? SLICE_LIT("{}") : response->value);
}

static void
on_error(const struct reading *reading)
{
    fail(reading, reading->object->text);
}

static bool
is_of_open_item(const struct reading *reading)
{
    const int64_t open = reading->feed.reader->open_index;

    return open >= 0 && output_index(reading) == open;
}

/* Some servers leave it out: then they speak of the item that is open. */
static int64_t
output_index(const struct reading *reading)
{
    const struct json_member *index = json_find(reading->object, "output_index");
    const int64_t open = reading->feed.reader->open_index;
    int64_t n;

    if (index != NULL && json_int(index->value, &n) == 0 && n >= 0)
        return n;
    return open < 0 ? 0 : open;
}

static void
take_delta(const struct reading *reading, enum neutral_part_kind kind)
{
    const struct slice text = responses_raw_of(reading->object, "delta");
    struct answer_reader *reader = reading->feed.reader;

    if (reader->open_index < 0 && (kind == NEUTRAL_TEXT || kind == NEUTRAL_REFUSAL))
        responses_feed_open(&reading->feed, SLICE_LIT("{\"type\":\"message\"}"),
                            output_index(reading));
    if (text.len == 0 || !is_of_open_item(reading))
        return;
    if (!reader->is_open || reader->open != kind) {
        if (reader->words[FEED_ITEM] != ITEM_MESSAGE)
            return;
        responses_feed_open_part(&reading->feed, &(struct neutral_event){.part = kind});
    }
    if (kind == NEUTRAL_TEXT)
        responses_feed_probable(&reading->feed, text, json_find(reading->object, "logprobs"));
    else
        responses_feed_text(&reading->feed, text);
}

/* ---- the whole answer ---- */

/* What ends a stream, or all there is without one. Some servers leave its output empty, others
 * have said nothing before. */
static void
read_response(const struct reading *reading, struct slice text)
{
    struct answer_reader *reader = reading->feed.reader;
    struct neutral_event start = {.kind = NEUTRAL_START}, finish = {.kind = NEUTRAL_FINISH};
    struct json_object response;
    struct json_error error;

    if (json_scan_object(text, &response, &error) != 0 || has_failed(&response)) {
        fail(reading, text);
        return;
    }
    start.id = responses_raw_of(&response, "id");
    if (!reader->is_started)
        responses_feed_give(&reading->feed, &start);
    responses_feed_close_part(&reading->feed);
    reader->open_index = -1;
    responses_feed_give_held(&reading->feed);
    if (reader->words[FEED_N_ITEMS] == 0)
        give_output(reading, json_find(&response, "output"));
    if (is_broken(reader))
        return;
    read_usage(reading, &response);
    finish.finish = reader->finish = finish_of(reading, &response);
    reader->is_finished = reader->is_ended = true;
    responses_feed_give(&reading->feed, &finish);
    responses_feed_give(&reading->feed, &(struct neutral_event){.kind = NEUTRAL_END});
}

/* An answer that is still being made is not one that we could wait for. */
static bool
has_failed(const struct json_object *response)
{
    const struct slice status = responses_raw_of(response, "status");

    return dialect_is_error(json_find(response, "error")) ||
           (status.len > 0 && !slice_eq_str(status, "completed") &&
            !slice_eq_str(status, "incomplete"));
}

static void
give_output(const struct reading *reading, const struct json_member *output)
{
    size_t cursor = 0;
    struct slice item;
    enum json_type type;

    if (output == NULL || output->type != JSON_ARRAY)
        return;
    while (json_array_next(output->value, &cursor, &item, &type))
        responses_feed_whole(&reading->feed, item);
}

static void
read_usage(const struct reading *reading, const struct json_object *response)
{
    const struct json_member *usage = json_find(response, "usage");
    const struct json_member *output = json_find(response, "output");
    struct answer_reader *reader = reading->feed.reader;

    if (usage == NULL || usage->type != JSON_OBJECT)
        return;
    dialect_usage_read(OPERATION_RESPONSE, usage->value, &reader->usage);
    dialect_usage_read_tier(OPERATION_RESPONSE, json_find(response, "service_tier"),
                            &reader->usage);
    if (output != NULL)
        dialect_usage_count_tools(output->value, &reader->usage);
    responses_feed_give(&reading->feed,
                        &(struct neutral_event){.kind = NEUTRAL_USAGE, .usage = &reader->usage});
}

static enum neutral_finish
finish_of(const struct reading *reading, const struct json_object *response)
{
    const struct json_member *details = json_find(response, "incomplete_details");
    struct json_member reason;

    if (details != NULL && json_find_in(details->value, "reason", &reason))
        return slice_eq_str(responses_raw(&reason), "content_filter") ? NEUTRAL_CONTENT_FILTER
                                                                      : NEUTRAL_LENGTH;
    return reading->feed.reader->n_calls > 0 ? NEUTRAL_TOOL_CALLS : NEUTRAL_STOP;
}

static bool
is_broken(const struct answer_reader *reader)
{
    return reader->words[FEED_IS_BROKEN] != 0 || reader->held.overflow || reader->scratch.overflow;
}

static void
fail(const struct reading *reading, struct slice body)
{
    struct reply_facts facts;

    dialect_read_error(0, body, &reading->feed.reader->scratch, &facts);
    reading->feed.reader->is_ended = true;
    responses_feed_give(&reading->feed, &(struct neutral_event){.kind = NEUTRAL_ERROR,
                                                                .category = facts.category,
                                                                .text = facts.error_text});
}
