/* SPDX-License-Identifier: ISC
 *
 * answer_responses - OpenAI Responses (protocols.md 2): the object and the full event ladder.
 */
#include "answer.h"

#include <string.h>

/* One streamed answer: events are numbered, items too. */
struct ladder {
    const struct ask *ask;
    struct script *script;
    int sequence;
    int output_index;
};

static void responses_object(const struct ask *ask, const char *status, bool is_final,
                             struct text *out);
static void responses_items(const struct ask *ask, struct text *out);
static void responses_message(const struct ask *ask, bool is_done, struct text *out);
static void responses_call(const struct ask *ask, long n, bool is_done, struct text *out);
static void responses_reasoning(const struct ask *ask, bool is_done, struct text *out);
static void responses_usage(const struct ask *ask, struct text *out);
static void ladder_send(struct ladder *ladder, const char *type, const struct text *rest);
static void ladder_snapshot(struct ladder *ladder, const char *type, const char *status);
static void ladder_item(struct ladder *ladder, const char *type, const struct text *item);
static void ladder_message(struct ladder *ladder);
static void ladder_call(struct ladder *ladder, long n);
static void ladder_reasoning(struct ladder *ladder);

static const char *
responses_status(const struct ask *ask)
{
    return ask->is_cut_short ? "incomplete" : "completed";
}

void
answer_response(const struct ask *ask, struct script *script)
{
    struct text body = {0};

    if (!ask->is_stream) {
        responses_object(ask, responses_status(ask), true, &body);
        script_body(script, 200, "application/json", &body);
        text_free(&body);
        return;
    }
    struct ladder ladder = {.ask = ask, .script = script};

    script_stream_begin(script);
    ladder_snapshot(&ladder, "response.created", "in_progress");
    ladder_snapshot(&ladder, "response.in_progress", "in_progress");
    if (ask->reasoning > 0)
        ladder_reasoning(&ladder);
    if (ask->tool == NULL)
        ladder_message(&ladder);
    for (long i = 0; i < ask->n_calls; i++)
        ladder_call(&ladder, i);
    ladder_snapshot(&ladder, ask->is_cut_short ? "response.incomplete" : "response.completed",
                    responses_status(ask));
    script_stream_end(script);
}

void
answer_input_tokens(const struct ask *ask, struct script *script)
{
    struct text body = {0};

    text_str(&body, "{\"object\":\"response.input_tokens\",");
    answer_count(ask, "input_tokens", ask->input, &body);
    text_str(&body, "}");
    script_body(script, 200, "application/json", &body);
    text_free(&body);
}

/* What the user said last, and all of it in a form that nobody else can read. */
void
answer_compact(const struct ask *ask, struct script *script)
{
    struct text body = {0};

    text_fmt(&body,
             "{\"id\":\"resp_canary%06u\",\"object\":\"response.compaction\",\"created_at\":%d,"
             "\"output\":[{\"id\":\"msg_%06u\",\"type\":\"message\",\"status\":\"completed\","
             "\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":",
             ask->serial, ANSWER_CREATED, ask->serial);
    text_json(&body, ask->user_text, strlen(ask->user_text));
    text_fmt(&body,
             "}]},{\"id\":\"cmp_%06u\",\"type\":\"compaction\","
             "\"encrypted_content\":\"Y29tcGFjdGVk\"}]",
             ask->serial);
    if (ask->fault.no_usage < 0) {
        text_str(&body, ",\"usage\":");
        responses_usage(ask, &body);
    }
    text_str(&body, "}");
    script_body(script, 200, "application/json", &body);
    text_free(&body);
}

/* ---- the object ---- */

static void
responses_echo(const struct ask *ask, const char *key, const char *otherwise, struct text *out)
{
    const cJSON *item = cJSON_GetObjectItem(ask->tree, key);
    char *printed = item == NULL ? NULL : cJSON_PrintUnformatted(item);

    text_fmt(out, ",\"%s\":%s", key, printed == NULL ? otherwise : printed);
    cJSON_free(printed);
}

static void
responses_object(const struct ask *ask, const char *status, bool is_final, struct text *out)
{
    text_fmt(out,
             "{\"id\":\"resp_canary%0*u\",\"object\":\"response\",\"created_at\":%d,"
             "\"status\":\"%s\",\"background\":false,\"error\":null,\"incomplete_details\":%s,",
             is_final && ask->fault.long_id >= 0 ? 400 : 6, ask->serial, ANSWER_CREATED, status,
             is_final && ask->is_cut_short ? "{\"reason\":\"max_output_tokens\"}" : "null");
    answer_model(ask, out);
    text_str(out, ",\"output\":[");
    if (is_final)
        responses_items(ask, out);
    text_str(out, "],\"parallel_tool_calls\":true");
    responses_echo(ask, "instructions", "null", out);
    responses_echo(ask, "max_output_tokens", "null", out);
    responses_echo(ask, "previous_response_id", "null", out);
    responses_echo(ask, "reasoning", "{\"effort\":null,\"summary\":null}", out);
    responses_echo(ask, "store", "true", out);
    responses_echo(ask, "temperature", "1.0", out);
    responses_echo(ask, "text", "{\"format\":{\"type\":\"text\"}}", out);
    responses_echo(ask, "tool_choice", "\"auto\"", out);
    responses_echo(ask, "tools", "[]", out);
    responses_echo(ask, "top_p", "1.0", out);
    responses_echo(ask, "truncation", "\"disabled\"", out);
    responses_echo(ask, "metadata", "{}", out);
    text_fmt(out, ",\"service_tier\":\"%s\",\"usage\":", ask->fault.flex >= 0 ? "flex" : "default");
    if (is_final && ask->fault.no_usage < 0)
        responses_usage(ask, out);
    else
        text_str(out, "null");
    text_str(out, "}");
}

static void
responses_items(const struct ask *ask, struct text *out)
{
    if (ask->reasoning > 0) {
        responses_reasoning(ask, true, out);
        text_str(out, ",");
    }
    if (ask->tool == NULL)
        responses_message(ask, true, out);
    for (long i = 0; i < ask->n_calls; i++) {
        text_str(out, i == 0 ? "" : ",");
        responses_call(ask, i, true, out);
    }
}

static void
responses_message(const struct ask *ask, bool is_done, struct text *out)
{
    text_fmt(out,
             "{\"id\":\"msg_%06u\",\"type\":\"message\",\"status\":\"%s\",\"role\":\"assistant\","
             "\"content\":[",
             ask->serial, is_done ? responses_status(ask) : "in_progress");
    if (is_done) {
        text_str(out, "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":");
        text_json(out, ask->answer.ptr, ask->answer.len);
        text_str(out, "}");
    }
    text_str(out, "]}");
}

static void
responses_call(const struct ask *ask, long n, bool is_done, struct text *out)
{
    struct text arguments = {0};

    if (is_done)
        ask_tool_arguments(ask, n, &arguments);
    text_fmt(out,
             "{\"id\":\"fc_%06u_%ld\",\"type\":\"function_call\",\"status\":\"%s\","
             "\"call_id\":\"call_%06u_%ld\",\"name\":",
             ask->serial, n, is_done ? "completed" : "in_progress", ask->serial, n);
    text_json(out, ask_tool_name(ask), strlen(ask_tool_name(ask)));
    text_str(out, ",\"arguments\":");
    text_json(out, arguments.ptr, arguments.len);
    text_str(out, "}");
    text_free(&arguments);
}

static void
responses_reasoning(const struct ask *ask, bool is_done, struct text *out)
{
    text_fmt(out, "{\"id\":\"rs_%06u\",\"type\":\"reasoning\",\"summary\":[%s],", ask->serial,
             is_done ? "{\"type\":\"summary_text\",\"text\":\"Thinking.\"}" : "");
    text_fmt(out, "\"encrypted_content\":%s}", is_done ? "\"bW9jaw==\"" : "null");
}

static void
responses_usage(const struct ask *ask, struct text *out)
{
    int64_t input = ask->input + ask->cached + ask->cache_write;

    text_str(out, "{");
    answer_count(ask, "input_tokens", input, out);
    text_str(out, ",\"input_tokens_details\":{");
    answer_count(ask, "cached_tokens", ask->cached, out);
    if (ask->cache_write > 0) {
        text_str(out, ",");
        answer_count(ask, "cache_write_tokens", ask->cache_write, out);
    }
    text_str(out, "},");
    answer_count(ask, "output_tokens", ask->output, out);
    text_str(out, ",\"output_tokens_details\":{");
    answer_count(ask, "reasoning_tokens", ask->reasoning, out);
    text_str(out, "},");
    answer_count(ask, "total_tokens", input + ask->output, out);
    text_str(out, "}");
}

/* ---- the ladder ---- */

static void
ladder_send(struct ladder *ladder, const char *type, const struct text *rest)
{
    struct text data = {0};

    text_fmt(&data, "{\"type\":\"%s\",\"sequence_number\":%d,%s}", type, ladder->sequence++,
             rest->ptr);
    script_event(ladder->script, type, &data);
    text_free(&data);
}

static void
ladder_snapshot(struct ladder *ladder, const char *type, const char *status)
{
    struct text rest = {0};

    text_str(&rest, "\"response\":");
    responses_object(ladder->ask, status, strcmp(status, "in_progress") != 0, &rest);
    ladder_send(ladder, type, &rest);
    text_free(&rest);
}

static void
ladder_item(struct ladder *ladder, const char *type, const struct text *item)
{
    struct text rest = {0};

    text_fmt(&rest, "\"output_index\":%d,\"item\":%s", ladder->output_index, item->ptr);
    ladder_send(ladder, type, &rest);
    text_free(&rest);
}

/* A part of the message: "part" holds the text once it is done. */
static void
ladder_part(struct ladder *ladder, const char *type, const char *text, size_t len)
{
    struct text rest = {0};

    text_fmt(&rest,
             "\"item_id\":\"msg_%06u\",\"output_index\":%d,\"content_index\":0,\"part\":"
             "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":",
             ladder->ask->serial, ladder->output_index);
    text_json(&rest, text, len);
    text_str(&rest, "}");
    ladder_send(ladder, type, &rest);
    text_free(&rest);
}

static void
ladder_text(struct ladder *ladder, const char *type, const char *member, const struct text *json)
{
    struct text rest = {0};

    text_fmt(&rest,
             "\"item_id\":\"msg_%06u\",\"output_index\":%d,\"content_index\":0,\"logprobs\":[],"
             "\"%s\":%s",
             ladder->ask->serial, ladder->output_index, member, json->ptr);
    ladder_send(ladder, type, &rest);
    text_free(&rest);
}

static void
ladder_message(struct ladder *ladder)
{
    const struct ask *ask = ladder->ask;
    struct text json = {0};

    responses_message(ask, false, &json);
    ladder_item(ladder, "response.output_item.added", &json);
    ladder_part(ladder, "response.content_part.added", "", 0);
    for (size_t i = 0; i < answer_n_pieces(ask); i++) {
        text_clear(&json);
        answer_piece(ask, i, &json);
        ladder_text(ladder, "response.output_text.delta", "delta", &json);
    }
    text_clear(&json);
    text_json(&json, ask->answer.ptr, ask->answer.len);
    ladder_text(ladder, "response.output_text.done", "text", &json);
    ladder_part(ladder, "response.content_part.done", ask->answer.ptr, ask->answer.len);
    text_clear(&json);
    responses_message(ask, true, &json);
    ladder_item(ladder, "response.output_item.done", &json);
    ladder->output_index++;
    text_free(&json);
}

static void
ladder_arguments(struct ladder *ladder, long n, const char *type, const char *member,
                 const struct text *arguments)
{
    struct text rest = {0};

    text_fmt(&rest, "\"item_id\":\"fc_%06u_%ld\",\"output_index\":%d,\"%s\":", ladder->ask->serial,
             n, ladder->output_index, member);
    text_json(&rest, arguments->ptr, arguments->len);
    ladder_send(ladder, type, &rest);
    text_free(&rest);
}

static void
ladder_call(struct ladder *ladder, long n)
{
    struct text item = {0}, arguments = {0};

    ask_tool_arguments(ladder->ask, n, &arguments);
    responses_call(ladder->ask, n, false, &item);
    ladder_item(ladder, "response.output_item.added", &item);
    ladder_arguments(ladder, n, "response.function_call_arguments.delta", "delta", &arguments);
    ladder_arguments(ladder, n, "response.function_call_arguments.done", "arguments", &arguments);
    text_clear(&item);
    responses_call(ladder->ask, n, true, &item);
    ladder_item(ladder, "response.output_item.done", &item);
    ladder->output_index++;
    text_free(&item);
    text_free(&arguments);
}

static void
ladder_summary(struct ladder *ladder, const char *type, const char *last)
{
    struct text rest = {0};

    text_fmt(&rest, "\"item_id\":\"rs_%06u\",\"output_index\":%d,\"summary_index\":0,%s",
             ladder->ask->serial, ladder->output_index, last);
    ladder_send(ladder, type, &rest);
    text_free(&rest);
}

static void
ladder_reasoning(struct ladder *ladder)
{
    struct text item = {0};

    responses_reasoning(ladder->ask, false, &item);
    ladder_item(ladder, "response.output_item.added", &item);
    ladder_summary(ladder, "response.reasoning_summary_part.added",
                   "\"part\":{\"type\":\"summary_text\",\"text\":\"\"}");
    ladder_summary(ladder, "response.reasoning_summary_text.delta", "\"delta\":\"Thinking.\"");
    ladder_summary(ladder, "response.reasoning_summary_text.done", "\"text\":\"Thinking.\"");
    ladder_summary(ladder, "response.reasoning_summary_part.done",
                   "\"part\":{\"type\":\"summary_text\",\"text\":\"Thinking.\"}");
    text_clear(&item);
    responses_reasoning(ladder->ask, true, &item);
    ladder_item(ladder, "response.output_item.done", &item);
    ladder->output_index++;
    text_free(&item);
}
