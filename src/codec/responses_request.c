/* SPDX-License-Identifier: ISC
 *
 * A request of OpenAI's responses, read (protocols.md 2.1). State that is kept upstream is refused:
 * another upstream does not have it.
 */
#include "dialect_parts.h"
#include "responses_parts.h"
#include "translators.h"
#include "unread.h"

/* A request being read. */
struct reading {
    const struct json_object *body;
    struct arena *arena;
    struct neutral_request *out;
    struct refusal_reason *why;
};

static int read_input(const struct reading *r);
static int read_tools(const struct reading *r);
static int read_tool(const struct reading *r, struct slice text, struct slice space);
static int read_namespace(const struct reading *r, const struct json_object *tool);
static void read_function(const struct json_object *object, struct neutral_tool *tool);
static int add_tool(const struct reading *r, const struct neutral_tool *tool);
static int read_choice(const struct reading *r);
static int read_choice_object(const struct reading *r, const struct json_object *choice);
static struct slice choice_name(const struct reading *r, const struct json_object *choice);
static void read_allowed(const struct reading *r, const struct json_object *choice);
static bool is_allowed(const struct reading *r, const struct neutral_tool *tool,
                       const struct json_member *allowed);
static bool has_own_tool(const struct neutral_request *request);
static void read_numbers(const struct reading *r);
static struct slice number(const struct reading *r, const char *key);
static int read_reasoning(const struct reading *r);
static int read_text(const struct reading *r);
static int read_format(const struct reading *r, const struct json_object *format);
static void read_rest(const struct reading *r);
static bool includes(const struct reading *r, const char *what);
static bool scan(const struct json_member *member, struct json_object *out);
static enum neutral_bool truth(const struct json_member *member);

int
responses_request_read(enum operation operation, struct slice body, struct arena *arena,
                       struct neutral_request *out, struct refusal_reason *why)
{
    struct json_object object;
    struct json_error error;
    const struct reading r = {&object, arena, out, why};
    int err;

    (void)operation; /* this body is sent to the path of chat too */
    *out = (struct neutral_request){
        .protocol = PROTOCOL_OPENAI_RESPONSES, .n_choices = 1, .top_logprobs = -1};
    if (json_scan_object(body, &object, &error) != 0)
        return dialect_refuse(why, ERR_INVALID_REQUEST, "", "invalid JSON at byte %zu: %s",
                              error.offset, error.reason);
    for (size_t i = 0; i < object.n_members; i++)
        unread_take(out, &object.members[i]);
    if ((err = read_input(&r)) != 0 || (err = read_tools(&r)) != 0 ||
        (err = read_choice(&r)) != 0 || (err = read_reasoning(&r)) != 0 ||
        (err = read_text(&r)) != 0)
        return err;
    read_numbers(&r);
    read_rest(&r);
    return 0;
}

static int
read_input(const struct reading *r)
{
    const struct slice instructions = responses_raw_of(r->body, "instructions");
    const struct json_member *input = json_find(r->body, "input");
    struct turns turns;

    turns_init(&turns, r->arena, r->out);
    if (instructions.len > 0) {
        turns_begin_system(&turns, false);
        turns_add(&turns, NEUTRAL_SYSTEM)->text = instructions;
    }
    int err = input == NULL ? 0 : responses_items_read(input, &turns, r->why);
    return err != 0 ? err : turns_finish(&turns, r->why);
}

/* ---- tools ---- */

static int
read_tools(const struct reading *r)
{
    const struct json_member *tools = json_find(r->body, "tools");
    size_t cursor = 0;
    struct slice tool;
    enum json_type type;
    int err = 0;

    if (tools == NULL || tools->type == JSON_NULL)
        return 0;
    if (tools->type != JSON_ARRAY)
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, "tools", "tools must be an array");
    while (err == 0 && json_array_next(tools->value, &cursor, &tool, &type))
        err = read_tool(r, tool, (struct slice){0});
    return err;
}

static int
read_tool(const struct reading *r, struct slice text, struct slice space)
{
    const struct json_member member = {.value = text, .type = JSON_OBJECT};
    struct neutral_tool tool = {0};
    struct json_object object, nested;

    if (text.ptr[0] != '{' || !scan(&member, &object))
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, "tools", "a tool is not an object");
    const struct slice type = responses_raw_of(&object, "type");
    if (slice_eq_str(type, "namespace"))
        return read_namespace(r, &object);
    if (slice_eq_str(type, "custom"))
        tool.kind = NEUTRAL_CUSTOM;
    else if (type.len > 0 && !slice_eq_str(type, "function"))
        tool.kind = NEUTRAL_SERVER_TOOL;
    if (tool.kind == NEUTRAL_SERVER_TOOL) {
        tool.name = type;
        tool.json = object.text;
        return add_tool(r, &tool);
    }
    /* Chat's shape has the same under the name of the type. */
    bool is_nested =
        scan(json_find(&object, tool.kind == NEUTRAL_CUSTOM ? "custom" : "function"), &nested);
    read_function(is_nested ? &nested : &object, &tool);
    if (tool.name.len == 0)
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, "tools", "a tool has no name");
    tool.name = responses_items_name(r->arena, space, tool.name);
    tool.namespace_len = (uint32_t)space.len;
    return add_tool(r, &tool);
}

/* Names of its tools begin with its own, as they do in calls. */
static int
read_namespace(const struct reading *r, const struct json_object *object)
{
    const struct slice name = responses_raw_of(object, "name");
    const struct json_member *tools = json_find(object, "tools");
    size_t cursor = 0;
    struct slice tool;
    enum json_type type;
    int err = 0;

    if (tools == NULL || tools->type != JSON_ARRAY)
        return 0;
    while (err == 0 && json_array_next(tools->value, &cursor, &tool, &type)) {
        struct json_member kind;

        if (json_find_in(tool, "type", &kind) && json_string_is(kind.value, "namespace"))
            return dialect_refuse(r->why, ERR_INVALID_REQUEST, "tools",
                                  "a namespace stands in a namespace");
        err = read_tool(r, tool, name);
    }
    return err;
}

static void
read_function(const struct json_object *object, struct neutral_tool *tool)
{
    const struct json_member *schema = json_find(object, "parameters");
    const struct json_member *cache_control = json_find(object, "cache_control");
    const struct json_member *format = json_find(object, "format");

    tool->name = responses_raw_of(object, "name");
    tool->description = responses_raw_of(object, "description");
    tool->strict = truth(json_find(object, "strict"));
    if (schema != NULL && schema->type == JSON_OBJECT)
        tool->schema = schema->value;
    if (cache_control != NULL && cache_control->type == JSON_OBJECT)
        tool->cache_control = cache_control->value;
    if (tool->kind == NEUTRAL_CUSTOM && format != NULL && format->type == JSON_OBJECT)
        tool->json = format->value;
}

static int
add_tool(const struct reading *r, const struct neutral_tool *tool)
{
    struct neutral_request *out = r->out;
    struct neutral_tool *tools = arena_grow(r->arena, out->tools, out->n_tools, sizeof(*tools));

    if (tools == NULL)
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, "tools", "there are too many tools");
    out->tools = tools;
    tools[out->n_tools++] = *tool;
    return 0;
}

/* ---- which tool ---- */

static int
read_choice(const struct reading *r)
{
    static const struct {
        const char *word;
        enum neutral_choice choice;
    } words[] = {{"auto", NEUTRAL_CHOICE_AUTO},
                 {"none", NEUTRAL_CHOICE_NONE},
                 {"required", NEUTRAL_CHOICE_REQUIRED},
                 {"any", NEUTRAL_CHOICE_REQUIRED}};
    const struct json_member *choice = json_find(r->body, "tool_choice");
    const struct slice word = responses_raw(choice);
    struct json_object object;

    r->out->parallel_tools = truth(json_find(r->body, "parallel_tool_calls"));
    if (choice == NULL || choice->type == JSON_NULL)
        return 0;
    if (scan(choice, &object))
        return read_choice_object(r, &object);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (slice_eq_str(word, words[i].word)) {
            r->out->choice = words[i].choice;
            break;
        }
    }
    if (r->out->choice == NEUTRAL_CHOICE_UNSAID)
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, "tool_choice",
                              "tool_choice must be auto, none, required or a tool");
    if (r->out->choice == NEUTRAL_CHOICE_REQUIRED && !has_own_tool(r->out))
        return dialect_refuse(r->why, ERR_UNSUPPORTED_PARAMETER, "tool_choice", "tool_choice");
    return 0;
}

static int
read_choice_object(const struct reading *r, const struct json_object *choice)
{
    const struct slice type = responses_raw_of(choice, "type");

    if (slice_eq_str(type, "allowed_tools")) {
        read_allowed(r, choice);
    } else if (slice_eq_str(type, "function") || slice_eq_str(type, "custom")) {
        r->out->choice = NEUTRAL_CHOICE_TOOL;
        r->out->choice_name = choice_name(r, choice);
    } else { /* a tool that runs at OpenAI */
        return dialect_refuse(r->why, ERR_UNSUPPORTED_PARAMETER, "tool_choice", "tool_choice");
    }
    return 0;
}

/* In Responses' shape or in that of chat. */
static struct slice
choice_name(const struct reading *r, const struct json_object *choice)
{
    const struct slice space = responses_raw_of(choice, "namespace");
    struct json_object nested;

    if (scan(json_find(choice, "function"), &nested) || scan(json_find(choice, "custom"), &nested))
        return responses_raw_of(&nested, "name");
    return responses_items_name(r->arena, space, responses_raw_of(choice, "name"));
}

/* The others are not sent. */
static void
read_allowed(const struct reading *r, const struct json_object *choice)
{
    const struct json_member *allowed = json_find(choice, "tools");
    struct neutral_request *out = r->out;
    uint32_t n = 0;

    out->choice = slice_eq_str(responses_raw_of(choice, "mode"), "required")
                      ? NEUTRAL_CHOICE_REQUIRED
                      : NEUTRAL_CHOICE_AUTO;
    for (uint32_t i = 0; i < out->n_tools; i++) {
        if (is_allowed(r, &out->tools[i], allowed))
            out->tools[n++] = out->tools[i];
    }
    out->n_tools = n;
}

static bool
is_allowed(const struct reading *r, const struct neutral_tool *tool,
           const struct json_member *allowed)
{
    size_t cursor = 0;
    struct slice item;
    enum json_type type;

    if (allowed == NULL || allowed->type != JSON_ARRAY)
        return true;
    while (json_array_next(allowed->value, &cursor, &item, &type)) {
        const struct json_member member = {.value = item, .type = type};
        struct json_object object;

        if (!scan(&member, &object))
            continue;
        if (tool->kind == NEUTRAL_SERVER_TOOL
                ? slice_eq(responses_raw_of(&object, "type"), tool->name)
                : slice_eq(choice_name(r, &object), tool->name))
            return true;
    }
    return false;
}

/* One that somebody else than OpenAI can be made to call. */
static bool
has_own_tool(const struct neutral_request *request)
{
    for (uint32_t i = 0; i < request->n_tools; i++) {
        if (request->tools[i].kind != NEUTRAL_SERVER_TOOL)
            return true;
    }
    return request->n_tools == 0;
}

/* ---- what tunes ---- */

static int
read_reasoning(const struct reading *r)
{
    const struct json_member *reasoning = json_find(r->body, "reasoning");
    struct slice effort = responses_raw_of(r->body, "reasoning_effort"); /* chat's name */
    struct json_object object;

    if (scan(reasoning, &object)) {
        const struct slice summary = responses_raw_of(&object, "summary");

        r->out->wants_reasoning_text = summary.len > 0 && !slice_eq_str(summary, "none");
        if (json_find(&object, "effort") != NULL)
            effort = responses_raw_of(&object, "effort");
    }
    if (effort.len == 0)
        return 0;
    for (enum neutral_effort e = NEUTRAL_EFFORT_NONE; e <= NEUTRAL_EFFORT_MAX; e++) {
        if (slice_eq_str(effort, responses_object_effort(e))) {
            r->out->effort = e;
            return 0;
        }
    }
    return dialect_refuse(
        r->why, ERR_INVALID_REQUEST, "reasoning.effort",
        "reasoning.effort must be none, minimal, low, medium, high, xhigh or max");
}

static int
read_text(const struct reading *r)
{
    struct json_object text, format;

    if (!scan(json_find(r->body, "text"), &text))
        return 0;
    r->out->verbosity = responses_raw_of(&text, "verbosity");
    return scan(json_find(&text, "format"), &format) ? read_format(r, &format) : 0;
}

static int
read_format(const struct reading *r, const struct json_object *format)
{
    const struct slice type = responses_raw_of(format, "type");
    const struct json_member *schema = json_find(format, "schema");
    struct neutral_request *out = r->out;

    if (slice_eq_str(type, "json_object")) {
        out->format = NEUTRAL_FORMAT_JSON;
    } else if (slice_eq_str(type, "json_schema")) {
        if (schema == NULL || schema->type != JSON_OBJECT)
            return dialect_refuse(r->why, ERR_INVALID_REQUEST, "text.format",
                                  "text.format has no schema");
        out->format = NEUTRAL_FORMAT_SCHEMA;
        out->format_name = responses_raw_of(format, "name");
        out->format_schema = schema->value;
        out->format_strict = truth(json_find(format, "strict"));
    } else if (!slice_eq_str(type, "text")) {
        return dialect_refuse(r->why, ERR_UNSUPPORTED_PARAMETER, "text.format", "text.format");
    }
    return 0;
}

static void
read_numbers(const struct reading *r)
{
    static const char *const limits[] = {"max_output_tokens", "max_completion_tokens",
                                         "max_tokens"};
    const struct json_member *top_logprobs = json_find(r->body, "top_logprobs");
    struct neutral_request *out = r->out;

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]) && out->max_tokens == 0; i++) {
        const struct json_member *limit = json_find(r->body, limits[i]);

        if (limit == NULL || json_int(limit->value, &out->max_tokens) != 0 || out->max_tokens < 0)
            out->max_tokens = 0;
    }
    if (top_logprobs != NULL && json_int(top_logprobs->value, &out->top_logprobs) != 0)
        out->top_logprobs = -1;
    out->temperature = number(r, "temperature");
    out->top_p = number(r, "top_p");
    out->top_k = number(r, "top_k");
}

static struct slice
number(const struct reading *r, const char *key)
{
    const struct json_member *member = json_find(r->body, key);

    return member != NULL && member->type == JSON_NUMBER ? member->value : (struct slice){0};
}

static void
read_rest(const struct reading *r)
{
    const struct json_member *metadata = json_find(r->body, "metadata");
    struct neutral_request *out = r->out;

    out->is_stream = truth(json_find(r->body, "stream")) == NEUTRAL_YES;
    out->wants_logprobs = includes(r, "message.output_text.logprobs");
    out->wants_usage = true;
    out->user = responses_raw_of(r->body, "safety_identifier");
    if (out->user.len == 0)
        out->user = responses_raw_of(r->body, "user");
    out->cache_key = responses_raw_of(r->body, "prompt_cache_key");
    out->service_tier = responses_raw_of(r->body, "service_tier");
    if (metadata != NULL && metadata->type == JSON_OBJECT)
        out->metadata = metadata->value;
}

static bool
includes(const struct reading *r, const char *what)
{
    const struct json_member *include = json_find(r->body, "include");
    size_t cursor = 0;
    struct slice item;
    enum json_type type;

    if (include == NULL || include->type != JSON_ARRAY)
        return false;
    while (json_array_next(include->value, &cursor, &item, &type)) {
        if (type == JSON_STRING && json_string_is(item, what))
            return true;
    }
    return false;
}

static bool
scan(const struct json_member *member, struct json_object *out)
{
    struct json_error error;

    return member != NULL && member->type == JSON_OBJECT &&
           json_scan_object(member->value, out, &error) == 0;
}

static enum neutral_bool
truth(const struct json_member *member)
{
    if (member == NULL || (member->type != JSON_TRUE && member->type != JSON_FALSE))
        return NEUTRAL_UNSAID;
    return member->type == JSON_TRUE ? NEUTRAL_YES : NEUTRAL_NO;
}
