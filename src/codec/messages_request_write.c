/* SPDX-License-Identifier: ISC
 *
 * A request for Anthropic's Messages (protocols.md 7.1 - 7.6). The order of members is that in
 * which the prompt is read: what many requests have in common stands in front.
 */
#include <stdlib.h>

#include "dialect_parts.h"
#include "messages_parts.h"
#include "messages_write.h"
#include "relayos/base/hash.h"
#include "relayos/base/text.h"
#include "translators.h"
#include "turns.h"
#include "unread.h"

enum { MAX_BREAKPOINTS = 4, MAX_USER = 256 };

static uint32_t count_breakpoints(const struct messages_writing *w);
static const struct neutral_part *find_prefill(const struct neutral_request *request);
static void write_system(struct messages_writing *w, bool has_tools);
static void open_system(struct messages_writing *w, bool *is_open);
static void write_line(struct messages_writing *w, const char *before, struct slice middle,
                       const char *after);
static void write_thinking(struct messages_writing *w, const struct messages_thinking *plan);
static void write_output_config(struct messages_writing *w, const struct messages_thinking *plan);
static void write_sampling(struct messages_writing *w, bool is_thinking);
static void write_temperature(struct messages_writing *w);
static void write_stops(struct messages_writing *w);
static void write_user(struct messages_writing *w);
static void write_tier(struct messages_writing *w);
static void note_dropped(struct messages_writing *w, const struct messages_thinking *plan);
static void drop_if(struct messages_writing *w, bool is_there, const char *name);

int
messages_request_write(const struct neutral_request *request, const struct translate_target *target,
                       struct arena *arena, struct buf *out, struct translate_dropped *dropped,
                       struct refusal_reason *why)
{
    struct neutral_request wrapped;
    struct messages_writing w = {
        .request = request, .target = target, .arena = arena, .dropped = dropped, .why = why};

    if (request->n_choices > 1)
        return dialect_refuse(why, ERR_UNSUPPORTED_PARAMETER, "n", "n above 1");
    if (!messages_write_takes(&w, CAP_LATE_SYSTEM)) {
        turns_wrap(request, arena, &wrapped);
        w.request = &wrapped;
    }
    const struct messages_thinking plan = messages_thinking_plan(w.request, target);
    const uint32_t n_breakpoints = count_breakpoints(&w);
    w.n_surplus = n_breakpoints > MAX_BREAKPOINTS ? n_breakpoints - MAX_BREAKPOINTS : 0;
    w.prefill = find_prefill(w.request);
    translate_ids_init(&w.ids, w.request, PROTOCOL_ANTHROPIC_MESSAGES, arena);

    json_out_init(&w.json, out);
    json_out_object(&w.json, NULL);
    json_out_string(&w.json, "model", target->model);
    json_out_int(&w.json, "max_tokens", plan.max_tokens);
    const bool has_tools = messages_tools_write(&w) > 0;
    if (has_tools)
        messages_tools_write_choice(&w);
    else if (messages_write_is_forced(w.request) && request->n_tools > 0)
        return dialect_refuse(why, ERR_UNSUPPORTED_PARAMETER, "tools", "This tool");
    write_system(&w, has_tools);
    messages_content_write(&w);
    write_thinking(&w, &plan);
    write_output_config(&w, &plan);
    write_sampling(&w, plan.mode >= MESSAGES_BUDGET);
    write_stops(&w);
    write_user(&w);
    write_tier(&w);
    if (n_breakpoints == 0 && target->cache_prompts)
        json_out_raw(&w.json, "cache_control", SLICE_LIT("{\"type\":\"ephemeral\"}"));
    else
        messages_content_write_cache(&w, request->cache_control);
    if (request->is_stream)
        json_out_bool(&w.json, "stream", true);
    note_dropped(&w, &plan);
    int err = unread_write(request, PROTOCOL_ANTHROPIC_MESSAGES, &w.json, dropped, why);
    json_out_end_object(&w.json);
    return w.err != 0 ? w.err : err;
}

/* In the order in which they are written: the earliest ones are too many. */
static uint32_t
count_breakpoints(const struct messages_writing *w)
{
    const struct neutral_request *request = w->request;
    uint32_t n = request->cache_control.len > 0;

    for (uint32_t i = 0; i < request->n_tools; i++)
        n += request->tools[i].cache_control.len > 0;
    for (uint32_t i = 0; i < request->n_parts; i++) {
        const struct neutral_part *part = &request->parts[i];

        n += part->cache_control.len > 0 && part->kind != NEUTRAL_REASONING &&
             messages_content_write_takes(w, part);
    }
    return n;
}

/* The answer that the model is to go on with may not end in white space. */
static const struct neutral_part *
find_prefill(const struct neutral_request *request)
{
    const struct neutral_turn *last = request->turns + request->n_turns;

    if (request->n_turns == 0 || (--last)->role != NEUTRAL_ASSISTANT || last->n_parts == 0)
        return NULL;
    return &request->parts[last->first_part + last->n_parts - 1];
}

static void
write_system(struct messages_writing *w, bool has_tools)
{
    const struct neutral_request *request = w->request;
    const bool must_call =
        has_tools && messages_write_is_forced(request) && !messages_write_takes(w, CAP_FORCED_TOOL);
    bool is_open = false;

    for (uint32_t i = 0; i < request->n_turns && request->turns[i].role == NEUTRAL_SYSTEM; i++) {
        if (!messages_content_write_takes_any(w, &request->turns[i]))
            continue;
        open_system(w, &is_open);
        messages_content_write_turn(w, &request->turns[i]);
    }
    if (must_call) {
        open_system(w, &is_open);
        if (request->choice == NEUTRAL_CHOICE_TOOL)
            write_line(w, "You must call a tool (", translate_name(w->arena, request->choice_name),
                       ").");
        else
            write_line(w, "You must call a tool.", (struct slice){0}, "");
    }
    if (request->format == NEUTRAL_FORMAT_JSON) {
        open_system(w, &is_open);
        write_line(w, "Answer with one JSON object only.", (struct slice){0}, "");
    } else if (request->format == NEUTRAL_FORMAT_SCHEMA &&
               !messages_write_takes(w, CAP_JSON_SCHEMA)) {
        open_system(w, &is_open);
        write_line(w, "Answer with one JSON value only, valid by this JSON Schema: ",
                   request->format_schema, "");
    }
    if (is_open)
        json_out_end_array(&w->json);
}

static void
open_system(struct messages_writing *w, bool *is_open)
{
    if (!*is_open)
        json_out_array(&w->json, "system");
    *is_open = true;
}

/* A line of our own behind the caller's instructions. */
static void
write_line(struct messages_writing *w, const char *before, struct slice middle, const char *after)
{
    struct buf *out = w->json.buf;

    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", "text");
    json_out_raw(&w->json, "text", SLICE_LIT("\""));
    buf_append_str(out, before);
    json_escape(out, middle);
    buf_append_str(out, after);
    buf_append_byte(out, '"');
    json_out_end_object(&w->json);
}

static void
write_thinking(struct messages_writing *w, const struct messages_thinking *plan)
{
    static const char *const types[] = {[MESSAGES_DISABLED] = "disabled",
                                        [MESSAGES_BUDGET] = "enabled",
                                        [MESSAGES_ADAPTIVE] = "adaptive"};

    if (plan->mode == MESSAGES_UNTHINKING)
        return;
    json_out_object(&w->json, "thinking");
    json_out_str(&w->json, "type", types[plan->mode]);
    if (plan->mode == MESSAGES_BUDGET)
        json_out_int(&w->json, "budget_tokens", plan->budget);
    if (plan->mode != MESSAGES_DISABLED && w->target->capability->thinking == THINKING_ADAPTIVE)
        json_out_str(&w->json, "display",
                     w->request->wants_reasoning_text ? "summarized" : "omitted");
    json_out_end_object(&w->json);
}

static void
write_output_config(struct messages_writing *w, const struct messages_thinking *plan)
{
    const bool has_format = w->request->format == NEUTRAL_FORMAT_SCHEMA &&
                            w->request->format_schema.len > 0 &&
                            messages_write_takes(w, CAP_JSON_SCHEMA);

    if (plan->effort == NULL && !has_format)
        return;
    json_out_object(&w->json, "output_config");
    if (plan->effort != NULL)
        json_out_str(&w->json, "effort", plan->effort);
    if (has_format) {
        json_out_object(&w->json, "format");
        json_out_str(&w->json, "type", "json_schema");
        json_out_raw(&w->json, "schema", (struct slice){0});
        messages_schema_write(w->json.buf, w->request->format_schema);
        json_out_end_object(&w->json);
    }
    json_out_end_object(&w->json);
}

static void
write_sampling(struct messages_writing *w, bool is_thinking)
{
    const struct neutral_request *request = w->request;
    const bool is_taken = messages_write_takes(w, CAP_SAMPLING) && !is_thinking;
    const bool has_both = request->temperature.len > 0 && request->top_p.len > 0 &&
                          !messages_write_takes(w, CAP_SAMPLING_BOTH);

    drop_if(w, !is_taken && request->temperature.len > 0, "temperature");
    drop_if(w, (!is_taken || has_both) && request->top_p.len > 0, "top_p");
    drop_if(w, !is_taken && request->top_k.len > 0, "top_k");
    if (!is_taken)
        return;
    write_temperature(w);
    if (request->top_p.len > 0 && !has_both)
        json_out_raw(&w->json, "top_p", request->top_p);
    if (request->top_k.len > 0)
        json_out_raw(&w->json, "top_k", request->top_k);
}

/* 1 is the most. */
static void
write_temperature(struct messages_writing *w)
{
    const struct slice said = w->request->temperature;
    char text[32] = "";

    if (said.len == 0)
        return;
    if (said.len < sizeof(text))
        memcpy(text, said.ptr, said.len);
    if (strtod(text, NULL) > 1)
        json_out_int(&w->json, "temperature", 1);
    else
        json_out_raw(&w->json, "temperature", said);
}

static void
write_stops(struct messages_writing *w)
{
    const struct neutral_request *request = w->request;
    bool is_open = false;

    for (uint32_t i = 0; i < request->n_stops; i++) {
        if (messages_parts_trim_end(request->stops[i]).len == 0)
            continue;
        if (!is_open)
            json_out_array(&w->json, "stop_sequences");
        is_open = true;
        json_out_raw_string(&w->json, NULL, request->stops[i]);
    }
    if (is_open)
        json_out_end_array(&w->json);
}

/* Longer than the field: something that is always the same for the same user. */
static void
write_user(struct messages_writing *w)
{
    const struct slice user = w->request->user;
    uint8_t digest[HASH_DIGEST_SIZE];
    char hex[2 * HASH_DIGEST_SIZE];

    if (user.len == 0)
        return;
    json_out_object(&w->json, "metadata");
    if (user.len <= MAX_USER) {
        json_out_raw_string(&w->json, "user_id", user);
    } else {
        hash_sha256(user, digest);
        text_hex(digest, sizeof(digest), hex);
        json_out_string(&w->json, "user_id", slice_of(hex, sizeof(hex)));
    }
    json_out_end_object(&w->json);
}

static void
write_tier(struct messages_writing *w)
{
    const struct slice tier = w->request->service_tier;

    if (slice_eq_str(tier, "auto") || slice_eq_str(tier, "priority"))
        json_out_str(&w->json, "service_tier", "auto");
    else if (slice_eq_str(tier, "default"))
        json_out_str(&w->json, "service_tier", "standard_only");
    else
        drop_if(w, tier.len > 0, "service_tier");
}

static void
note_dropped(struct messages_writing *w, const struct messages_thinking *plan)
{
    static const char *const thinking_names[] = {
        [PROTOCOL_OPENAI_CHAT] = "reasoning_effort",
        [PROTOCOL_OPENAI_RESPONSES] = "reasoning",
        [PROTOCOL_ANTHROPIC_MESSAGES] = "thinking",
        [PROTOCOL_GEMINI] = "thinkingConfig",
    };
    const struct neutral_request *request = w->request;

    drop_if(w, plan->is_dropped, thinking_names[request->protocol]);
    drop_if(w, request->seed.len > 0, "seed");
    drop_if(w, request->frequency_penalty.len > 0, "frequency_penalty");
    drop_if(w, request->presence_penalty.len > 0, "presence_penalty");
    drop_if(w, request->logit_bias.len > 0, "logit_bias");
    drop_if(w, request->wants_logprobs, "logprobs");
    drop_if(w, request->top_logprobs >= 0, "top_logprobs");
    drop_if(w, request->verbosity.len > 0, "verbosity");
    drop_if(w, request->metadata.len > 0, "metadata");
}

static void
drop_if(struct messages_writing *w, bool is_there, const char *name)
{
    if (is_there)
        translate_drop(w->dropped, name);
}
