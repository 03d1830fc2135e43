/* SPDX-License-Identifier: ISC
 *
 * A request for a Responses upstream: nothing is kept there (store false), so that reasoning comes
 * back sealed and travels with the conversation.
 */
#include "dialect_parts.h"
#include "relayos/base/hash.h"
#include "responses_write.h"
#include "translate_schema.h"
#include "translators.h"
#include "unread.h"

#define MIN_TOKENS 16 /* fewer are refused */
#define MAX_ID     64 /* bytes of a user's or a cache's name */

static int refuse(const struct responses_writing *w);
static bool demands_a_call(const struct responses_writing *w);
static uint32_t count_sent(const struct responses_writing *w);
static bool has_foreign_media(const struct neutral_request *request, const char **what);
static void write_tools(struct responses_writing *w);
static bool is_sent(const struct responses_writing *w, const struct neutral_tool *tool);
static void write_tool(struct responses_writing *w, const struct neutral_tool *tool);
static void write_choice(struct responses_writing *w);
static void write_limit(struct responses_writing *w);
static void write_sampling(struct responses_writing *w);
static void write_reasoning(struct responses_writing *w);
static void write_include(struct responses_writing *w);
static enum neutral_effort effort_of(const struct responses_writing *w);
static void write_text(struct responses_writing *w);
static void write_format(struct responses_writing *w);
static void write_names(struct responses_writing *w);
static void write_name(struct responses_writing *w, const char *key, struct slice name);
static void drop_rest(struct responses_writing *w);

int
responses_request_write(const struct neutral_request *request,
                        const struct translate_target *target, struct arena *arena, struct buf *out,
                        struct translate_dropped *dropped, struct refusal_reason *why)
{
    struct responses_writing w = {
        .request = request, .target = target, .arena = arena, .dropped = dropped, .why = why};
    int err = refuse(&w);

    if (err != 0)
        return err;
    translate_ids_init(&w.ids, request, PROTOCOL_OPENAI_RESPONSES, arena);
    json_out_init(&w.json, out);
    json_out_object(&w.json, NULL);
    json_out_string(&w.json, "model", target->model);
    responses_write_input(&w);
    write_tools(&w);
    write_limit(&w);
    write_sampling(&w);
    write_reasoning(&w);
    write_include(&w);
    write_text(&w);
    write_names(&w);
    json_out_bool(&w.json, "store", false);
    if (request->is_stream)
        json_out_bool(&w.json, "stream", true);
    drop_rest(&w);
    err = unread_write(request, PROTOCOL_OPENAI_RESPONSES, &w.json, dropped, why);
    json_out_end_object(&w.json);
    return arena->is_full ? dialect_refuse(why, ERR_INVALID_REQUEST, "", "it has too many parts")
                          : err;
}

/* What would change the answer's meaning. */
static int
refuse(const struct responses_writing *w)
{
    const char *what = NULL;

    if (w->request->n_choices > 1)
        what = "n";
    else if (demands_a_call(w) && count_sent(w) == 0)
        what = "tool_choice";
    else if (!has_foreign_media(w->request, &what))
        return 0;
    return dialect_refuse(w->why, ERR_UNSUPPORTED_PARAMETER, what, "%s", what);
}

static bool
demands_a_call(const struct responses_writing *w)
{
    return w->request->choice == NEUTRAL_CHOICE_TOOL ||
           w->request->choice == NEUTRAL_CHOICE_REQUIRED;
}

static uint32_t
count_sent(const struct responses_writing *w)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->request->n_tools; i++)
        n += is_sent(w, &w->request->tools[i]);
    return n;
}

/* Sound has no place here, and files that are kept elsewhere cannot be had. */
static bool
has_foreign_media(const struct neutral_request *request, const char **what)
{
    for (uint32_t i = 0; i < request->n_parts; i++) {
        const struct neutral_part *part = &request->parts[i];
        bool is_media = part->kind == NEUTRAL_IMAGE || part->kind == NEUTRAL_FILE;

        if (part->kind == NEUTRAL_AUDIO)
            *what = "input_audio";
        else if (is_media && part->source == NEUTRAL_ID)
            *what = "file_id";
        if (*what != NULL)
            return true;
    }
    return false;
}

/* ---- tools ---- */

static void
write_tools(struct responses_writing *w)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->request->n_tools; i++) {
        const struct neutral_tool *tool = &w->request->tools[i];

        if (!is_sent(w, tool)) {
            translate_drop_tool(w->dropped, tool);
            continue;
        }
        if (n++ == 0)
            json_out_array(&w->json, "tools");
        write_tool(w, tool);
    }
    if (n == 0)
        return;
    json_out_end_array(&w->json);
    write_choice(w);
    if (w->request->parallel_tools != NEUTRAL_UNSAID)
        json_out_bool(&w->json, "parallel_tool_calls", w->request->parallel_tools == NEUTRAL_YES);
}

/* What runs at another provider does not run here. */
static bool
is_sent(const struct responses_writing *w, const struct neutral_tool *tool)
{
    return tool->kind != NEUTRAL_SERVER_TOOL || w->request->protocol == PROTOCOL_OPENAI_RESPONSES;
}

/* strict is always said: where it is not, the API takes it for true and rewrites the schema. */
static void
write_tool(struct responses_writing *w, const struct neutral_tool *tool)
{
    struct json_out *json = &w->json;

    if (tool->kind == NEUTRAL_SERVER_TOOL) {
        json_out_raw(json, NULL, tool->json);
        return;
    }
    json_out_object(json, NULL);
    json_out_str(json, "type", tool->kind == NEUTRAL_CUSTOM ? "custom" : "function");
    json_out_raw_string(json, "name", translate_name(w->arena, tool->name));
    if (tool->description.len > 0)
        json_out_raw_string(json, "description", tool->description);
    if (tool->kind == NEUTRAL_CUSTOM) {
        if (tool->json.len > 0)
            json_out_raw(json, "format", tool->json);
    } else {
        translate_schema(json, "parameters", tool);
        json_out_bool(json, "strict", tool->strict == NEUTRAL_YES);
    }
    json_out_end_object(json);
}

static void
write_choice(struct responses_writing *w)
{
    const struct neutral_request *request = w->request;
    const char *type = "function";

    switch (request->choice) {
    case NEUTRAL_CHOICE_UNSAID:
        return;
    case NEUTRAL_CHOICE_AUTO:
        json_out_str(&w->json, "tool_choice", "auto");
        return;
    case NEUTRAL_CHOICE_NONE:
        json_out_str(&w->json, "tool_choice", "none");
        return;
    case NEUTRAL_CHOICE_REQUIRED:
        json_out_str(&w->json, "tool_choice", "required");
        return;
    case NEUTRAL_CHOICE_TOOL:
        break;
    }
    for (uint32_t i = 0; i < request->n_tools; i++) {
        if (request->tools[i].kind == NEUTRAL_CUSTOM &&
            slice_eq(request->tools[i].name, request->choice_name))
            type = "custom";
    }
    json_out_object(&w->json, "tool_choice");
    json_out_str(&w->json, "type", type);
    json_out_raw_string(&w->json, "name", translate_name(w->arena, request->choice_name));
    json_out_end_object(&w->json);
}

/* ---- what tunes ---- */

static void
write_limit(struct responses_writing *w)
{
    int64_t n = w->request->max_tokens, most = w->target->max_output_tokens;

    if (n == 0)
        return;
    if (most == 0)
        most = w->target->capability->max_output_tokens;
    if (most > 0 && n > most)
        n = most;
    json_out_int(&w->json, "max_output_tokens", n < MIN_TOKENS ? MIN_TOKENS : n);
}

static void
write_sampling(struct responses_writing *w)
{
    const struct neutral_request *request = w->request;
    const uint32_t flags = w->target->capability->flags;

    if (request->temperature.len > 0 && (flags & CAP_SAMPLING) != 0)
        json_out_raw(&w->json, "temperature", request->temperature);
    else if (request->temperature.len > 0)
        translate_drop(w->dropped, "temperature");
    if (request->top_p.len > 0 && (flags & CAP_SAMPLING) != 0)
        json_out_raw(&w->json, "top_p", request->top_p);
    else if (request->top_p.len > 0)
        translate_drop(w->dropped, "top_p");
}

/* Models that do not reason refuse all of it. */
static void
write_reasoning(struct responses_writing *w)
{
    const bool reasons = w->target->capability->thinking == THINKING_EFFORT;
    const enum neutral_effort effort = effort_of(w);
    const bool has_summary = w->request->wants_reasoning_text && effort != NEUTRAL_EFFORT_NONE;

    if (w->request->effort != NEUTRAL_EFFORT_UNSAID && effort == NEUTRAL_EFFORT_UNSAID)
        translate_drop(w->dropped, "reasoning_effort");
    if (!reasons)
        return;
    if (effort != NEUTRAL_EFFORT_UNSAID || has_summary) {
        json_out_object(&w->json, "reasoning");
        if (effort != NEUTRAL_EFFORT_UNSAID)
            json_out_str(&w->json, "effort", responses_object_effort(effort));
        if (has_summary)
            json_out_str(&w->json, "summary", "auto");
        json_out_end_object(&w->json);
    }
}

/* What is only said when it is asked for. */
static void
write_include(struct responses_writing *w)
{
    const bool reasons = w->target->capability->thinking == THINKING_EFFORT;
    const bool has_logprobs =
        w->request->wants_logprobs && (w->target->capability->flags & CAP_SAMPLING) != 0;

    if (w->request->wants_logprobs && !has_logprobs)
        translate_drop(w->dropped, "logprobs");
    if (!reasons && !has_logprobs)
        return;
    json_out_array(&w->json, "include");
    if (reasons)
        json_out_str(&w->json, NULL, "reasoning.encrypted_content");
    if (has_logprobs)
        json_out_str(&w->json, NULL, "message.output_text.logprobs");
    json_out_end_array(&w->json);
    if (has_logprobs && w->request->top_logprobs >= 0)
        json_out_int(&w->json, "top_logprobs", w->request->top_logprobs);
}

/* The nearest that the model takes; a budget of tokens is an effort too. */
static enum neutral_effort
effort_of(const struct responses_writing *w)
{
    static const int64_t budgets[] = {512, 1024, 8192, 24576};
    const uint32_t flags = w->target->capability->flags;
    enum neutral_effort effort = w->request->effort;

    if (w->target->capability->thinking != THINKING_EFFORT)
        return NEUTRAL_EFFORT_UNSAID;
    if (effort == NEUTRAL_EFFORT_UNSAID && w->request->thinking_budget > 0) {
        effort = NEUTRAL_EFFORT_MINIMAL;
        for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++)
            effort += w->request->thinking_budget > budgets[i];
    }
    if (effort == NEUTRAL_EFFORT_MAX && (flags & CAP_EFFORT_MAX) == 0)
        effort = NEUTRAL_EFFORT_XHIGH;
    if (effort == NEUTRAL_EFFORT_XHIGH && (flags & CAP_EFFORT_XHIGH) == 0)
        effort = NEUTRAL_EFFORT_HIGH;
    if (effort == NEUTRAL_EFFORT_NONE && (flags & CAP_THINKING_OFF) == 0)
        effort = NEUTRAL_EFFORT_UNSAID;
    return effort;
}

/* Only models that reason can be told how much to say. */
static void
write_text(struct responses_writing *w)
{
    const bool has_verbosity =
        w->request->verbosity.len > 0 && w->target->capability->thinking == THINKING_EFFORT;

    if (w->request->verbosity.len > 0 && !has_verbosity)
        translate_drop(w->dropped, "verbosity");
    if (w->request->format == NEUTRAL_FORMAT_TEXT && !has_verbosity)
        return;
    json_out_object(&w->json, "text");
    write_format(w);
    if (has_verbosity)
        json_out_raw_string(&w->json, "verbosity", w->request->verbosity);
    json_out_end_object(&w->json);
}

static void
write_format(struct responses_writing *w)
{
    const struct neutral_request *request = w->request;
    struct json_out *json = &w->json;

    if (request->format == NEUTRAL_FORMAT_TEXT)
        return;
    json_out_object(json, "format");
    if (request->format == NEUTRAL_FORMAT_JSON) {
        json_out_str(json, "type", "json_object");
    } else {
        json_out_str(json, "type", "json_schema");
        json_out_raw_string(json, "name",
                            request->format_name.len > 0 ? request->format_name
                                                         : SLICE_LIT("answer"));
        json_out_raw(json, "schema", request->format_schema);
        if (request->format_strict != NEUTRAL_UNSAID)
            json_out_bool(json, "strict", request->format_strict == NEUTRAL_YES);
    }
    json_out_end_object(json);
}

static void
write_names(struct responses_writing *w)
{
    const struct neutral_request *request = w->request;
    bool is_message = request->protocol == PROTOCOL_ANTHROPIC_MESSAGES;
    struct slice cache_key = request->cache_key;

    /* One user's conversations begin alike: what is cached is found by the user. */
    if (cache_key.len == 0 && is_message)
        cache_key = request->user;
    write_name(w, "prompt_cache_key", cache_key);
    write_name(w, "safety_identifier", request->user);
    if (request->service_tier.len > 0)
        json_out_raw_string(&w->json, "service_tier", request->service_tier);
    if (request->metadata.len > 0)
        json_out_raw(&w->json, "metadata", request->metadata);
}

/* What is too long is told by its hash. */
static void
write_name(struct responses_writing *w, const char *key, struct slice name)
{
    uint8_t digest[HASH_DIGEST_SIZE];
    char hex[2 * HASH_DIGEST_SIZE];

    if (name.len == 0)
        return;
    if (name.len > MAX_ID) {
        hash_sha256(name, digest);
        text_hex(digest, sizeof(digest), hex);
        name = slice_of(hex, sizeof(hex));
    }
    json_out_raw_string(&w->json, key, name);
}

/* There is no field for these. */
static void
drop_rest(struct responses_writing *w)
{
    const struct neutral_request *request = w->request;
    const struct {
        bool is_said;
        const char *name;
    } rest[] = {
        {request->n_stops > 0, "stop"},
        {request->top_k.len > 0, "top_k"},
        {request->seed.len > 0, "seed"},
        {request->frequency_penalty.len > 0, "frequency_penalty"},
        {request->presence_penalty.len > 0, "presence_penalty"},
        {request->logit_bias.len > 0, "logit_bias"},
        {request->cache_control.len > 0, "cache_control"},
    };

    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
        if (rest[i].is_said)
            translate_drop(w->dropped, rest[i].name);
    }
}
