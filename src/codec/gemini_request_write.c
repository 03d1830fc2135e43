/* SPDX-License-Identifier: ISC
 *
 * Requests to Google's Gemini (protocols.md 4, 7). Model and streaming are said in the path.
 */
#include "gemini_request.h"
#include "translate_id.h"
#include "translate_schema.h"
#include "translators.h"
#include "turns.h"
#include "unread.h"

static void write_system(struct gemini_request *g);
static void write_format_words(struct gemini_request *g);
static int write_tools(struct gemini_request *g);
static void write_tool(struct gemini_request *g, const struct neutral_tool *tool);
static void write_choice(struct gemini_request *g);
static const char *mode_of(const struct gemini_request *g);
static void write_tier(struct gemini_request *g);
static void note_dropped(const struct neutral_request *request, struct translate_dropped *dropped);
static uint32_t count_functions(const struct neutral_request *request);

int
gemini_request_write(const struct neutral_request *request, const struct translate_target *target,
                     struct arena *arena, struct buf *out, struct translate_dropped *dropped,
                     struct refusal_reason *why)
{
    struct neutral_request wrapped;
    struct gemini_request g = {.request = &wrapped,
                               .capability = target->capability,
                               .max_output_tokens = target->max_output_tokens,
                               .arena = arena,
                               .dropped = dropped,
                               .why = why};

    turns_wrap(request, arena, &wrapped);
    if (g.max_output_tokens == 0)
        g.max_output_tokens = g.capability->max_output_tokens;
    json_out_init(&g.json, out);
    json_out_object(&g.json, NULL);
    write_system(&g);
    int err = gemini_contents_write(&g);
    if (err == 0)
        err = write_tools(&g);
    gemini_config_write(&g);
    write_tier(&g);
    note_dropped(request, dropped);
    if (err == 0)
        err = unread_write(request, PROTOCOL_GEMINI, &g.json, dropped, why);
    json_out_end_object(&g.json);
    return err;
}

/* The leading system messages; the others are in the turns. */
static void
write_system(struct gemini_request *g)
{
    const struct neutral_request *request = g->request;
    const bool has_words = gemini_request_asks_in_words(g);
    uint32_t n_parts = 0;

    for (uint32_t i = 0; i < request->n_turns && request->turns[i].role == NEUTRAL_SYSTEM; i++)
        n_parts += request->turns[i].n_parts;
    if (n_parts == 0 && !has_words)
        return;
    json_out_object(&g->json, "systemInstruction");
    json_out_array(&g->json, "parts");
    for (uint32_t i = 0; i < n_parts; i++) {
        if (request->parts[i].text.len == 0)
            continue;
        json_out_object(&g->json, NULL);
        json_out_raw_string(&g->json, "text", request->parts[i].text);
        json_out_end_object(&g->json);
    }
    if (has_words)
        write_format_words(g);
    json_out_end_array(&g->json);
    json_out_end_object(&g->json);
}

static void
write_format_words(struct gemini_request *g)
{
    const struct neutral_request *request = g->request;
    struct buf *buf = g->json.buf;

    json_out_object(&g->json, NULL);
    if (request->format == NEUTRAL_FORMAT_JSON || request->format_schema.len == 0) {
        json_out_str(&g->json, "text", "Answer with one JSON object only.");
    } else {
        json_out_str(
            &g->json, "text",
            "Answer with JSON only, valid by this JSON Schema, without any text around it: ");
        buf->len--; /* the string goes on */
        json_escape(buf, request->format_schema);
        buf_append_byte(buf, '"');
    }
    json_out_end_object(&g->json);
}

/* All functions are one tool. Tools that a provider runs are left out: it runs others. */
static int
write_tools(struct gemini_request *g)
{
    const struct neutral_request *request = g->request;
    const uint32_t n_functions = count_functions(request);

    for (uint32_t i = 0; i < request->n_tools; i++) {
        if (request->tools[i].kind == NEUTRAL_SERVER_TOOL)
            translate_drop_tool(g->dropped, &request->tools[i]);
    }
    if (n_functions == 0) {
        if (request->n_tools > 0 && request->choice >= NEUTRAL_CHOICE_REQUIRED)
            return dialect_refuse(g->why, ERR_UNSUPPORTED_PARAMETER, "tools",
                                  "A tool that the provider runs");
        return 0;
    }
    json_out_array(&g->json, "tools");
    json_out_object(&g->json, NULL);
    json_out_array(&g->json, "functionDeclarations");
    for (uint32_t i = 0; i < request->n_tools; i++) {
        if (request->tools[i].kind != NEUTRAL_SERVER_TOOL)
            write_tool(g, &request->tools[i]);
    }
    json_out_end_array(&g->json);
    json_out_end_object(&g->json);
    json_out_end_array(&g->json);
    write_choice(g);
    return 0;
}

static void
write_tool(struct gemini_request *g, const struct neutral_tool *tool)
{
    json_out_object(&g->json, NULL);
    json_out_raw_string(&g->json, "name", translate_name(g->arena, tool->name));
    if (tool->description.len > 0)
        json_out_raw_string(&g->json, "description", tool->description);
    if (tool->kind == NEUTRAL_CUSTOM)
        translate_schema(&g->json, "parametersJsonSchema", tool);
    else if (tool->schema.len > 0)
        json_out_raw(&g->json, "parametersJsonSchema", tool->schema);
    json_out_end_object(&g->json);
}

static void
write_choice(struct gemini_request *g)
{
    const struct neutral_request *request = g->request;
    const char *mode = mode_of(g);

    if (mode == NULL)
        return;
    json_out_object(&g->json, "toolConfig");
    json_out_object(&g->json, "functionCallingConfig");
    json_out_str(&g->json, "mode", mode);
    if (request->choice == NEUTRAL_CHOICE_TOOL) {
        json_out_array(&g->json, "allowedFunctionNames");
        json_out_raw_string(&g->json, NULL, translate_name(g->arena, request->choice_name));
        json_out_end_array(&g->json);
    }
    json_out_end_object(&g->json);
    json_out_end_object(&g->json);
}

/* NULL: nothing is said. VALIDATED keeps to the schemas as strict tools do. */
static const char *
mode_of(const struct gemini_request *g)
{
    const struct neutral_request *request = g->request;
    bool is_strict = false;

    for (uint32_t i = 0; i < request->n_tools; i++)
        is_strict |= request->tools[i].strict == NEUTRAL_YES;
    is_strict = is_strict && gemini_request_can(g, CAP_STRICT_TOOLS);
    switch (request->choice) {
    case NEUTRAL_CHOICE_NONE:
        return "NONE";
    case NEUTRAL_CHOICE_REQUIRED:
    case NEUTRAL_CHOICE_TOOL:
        return "ANY";
    case NEUTRAL_CHOICE_AUTO:
        return is_strict ? "VALIDATED" : "AUTO";
    case NEUTRAL_CHOICE_UNSAID:
        break;
    }
    return is_strict ? "VALIDATED" : NULL;
}

/* The words for it are those of OpenAI; the usual tier needs none. */
static void
write_tier(struct gemini_request *g)
{
    const struct slice tier = g->request->service_tier;

    if (slice_eq_str(tier, "flex") || slice_eq_str(tier, "priority"))
        json_out_raw_string(&g->json, "serviceTier", tier);
}

static void
note_dropped(const struct neutral_request *request, struct translate_dropped *dropped)
{
    const struct {
        bool is_said;
        const char *name;
    } fields[] = {
        {request->logit_bias.len > 0, "logit_bias"},
        {request->parallel_tools == NEUTRAL_NO, "parallel_tool_calls"},
        {request->verbosity.len > 0, "verbosity"},
        {request->user.len > 0, "user"},
        {request->metadata.len > 0, "metadata"},
        {request->cache_key.len > 0, "prompt_cache_key"},
        {request->cache_control.len > 0, "cache_control"},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].is_said)
            translate_drop(dropped, fields[i].name);
    }
}

static uint32_t
count_functions(const struct neutral_request *request)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < request->n_tools; i++)
        n += request->tools[i].kind != NEUTRAL_SERVER_TOOL;
    return n;
}
