/* SPDX-License-Identifier: ISC
 *
 * Tools as chat has them (nested), as Responses has them (flat), as Anthropic has them
 * (input_schema), and the old functions: clients send all of these to chat's path.
 */
#include "chat_request.h"
#include "dialect_parts.h"
#include "json_walk.h"

static int read_tool(struct chat_reading *r, const struct json_member *m, struct slice object);
static void read_members(struct chat_reading *r, struct slice object, struct neutral_tool *tool);
static struct slice flat_format(struct chat_reading *r, struct slice format);
static int read_choice_word(struct chat_reading *r, const struct json_member *m);
static bool find_name(struct slice object, struct json_member *out);
static int read_allowed(struct chat_reading *r, const struct json_member *m, struct slice allowed);
static bool is_allowed(const struct chat_reading *r, const struct neutral_tool *tool);

int
chat_request_read_tools(struct chat_reading *r, const struct json_member *m)
{
    size_t cursor = 0;
    struct slice object;
    enum json_type type;

    if (m->type != JSON_ARRAY)
        return chat_request_refuse_type(r, m, "a list");
    while (json_array_next(m->value, &cursor, &object, &type)) {
        int err = type == JSON_OBJECT ? read_tool(r, m, object)
                                      : chat_request_refuse_type(r, m, "a list of objects");

        if (err != 0)
            return err;
    }
    return 0;
}

static int
read_tool(struct chat_reading *r, const struct json_member *m, struct slice object)
{
    struct neutral_tool tool = {.kind = NEUTRAL_FUNCTION};
    struct json_member type = {0}, inner;

    bool has_type = json_find_in(object, "type", &type) && type.type == JSON_STRING;
    if (has_type && json_string_is(type.value, "custom") &&
        !json_find_in(object, "input_schema", &inner))
        tool.kind = NEUTRAL_CUSTOM;
    else if (has_type && !json_string_is(type.value, "function") &&
             !json_string_is(type.value, "custom"))
        tool.kind = NEUTRAL_SERVER_TOOL;
    read_members(r, object, &tool);
    if (json_find_in(object, tool.kind == NEUTRAL_CUSTOM ? "custom" : "function", &inner) &&
        inner.type == JSON_OBJECT)
        read_members(r, inner.value, &tool);
    if (tool.kind == NEUTRAL_SERVER_TOOL) {
        tool.json = object;
        if (tool.name.len == 0)
            tool.name = chat_request_inner(&type);
    }
    if (tool.name.len == 0)
        return chat_request_refuse_type(r, m, "a list of tools with names");
    chat_request_add_tool(r, tool);
    return 0;
}

static void
read_members(struct chat_reading *r, struct slice object, struct neutral_tool *tool)
{
    struct json_walk walk = json_walk_in(object);
    struct json_member member;

    while (json_walk_member(&walk, &member)) {
        if (member.type == JSON_NULL)
            continue;
        if (json_key_is(&member, "name"))
            tool->name = chat_request_plain(r, &member);
        else if (json_key_is(&member, "description"))
            tool->description = chat_request_inner(&member);
        else if (json_key_is(&member, "parameters") || json_key_is(&member, "input_schema"))
            tool->schema = member.type == JSON_OBJECT ? member.value : tool->schema;
        else if (json_key_is(&member, "strict"))
            tool->strict = member.type == JSON_TRUE ? NEUTRAL_YES : NEUTRAL_NO;
        else if (json_key_is(&member, "cache_control") && member.type == JSON_OBJECT)
            tool->cache_control = member.value;
        else if (tool->kind == NEUTRAL_CUSTOM && json_key_is(&member, "format") &&
                 member.type == JSON_OBJECT)
            tool->json = flat_format(r, member.value);
    }
}

/* {"type":"grammar","grammar":{..}} has one level more than elsewhere. */
static struct slice
flat_format(struct chat_reading *r, struct slice format)
{
    static const struct slice begin = {"{\"type\":\"grammar\",", 18};
    struct json_member grammar, definition;

    if (!json_find_in(format, "grammar", &grammar) ||
        !json_find_in(grammar.value, "definition", &definition))
        return format;
    char *room = arena_alloc(r->arena, begin.len + grammar.value.len);
    if (room == NULL)
        return format;
    memcpy(room, begin.ptr, begin.len);
    memcpy(room + begin.len, grammar.value.ptr + 1, grammar.value.len - 1);
    return slice_of(room, begin.len + grammar.value.len - 1);
}

void
chat_request_add_tool(struct chat_reading *r, struct neutral_tool tool)
{
    struct neutral_request *request = r->request;
    struct neutral_tool *tools =
        arena_grow(r->arena, request->tools, request->n_tools, sizeof(*tools));

    if (tools == NULL)
        return; /* the arena says so at the end */
    request->tools = tools;
    tools[request->n_tools++] = tool;
}

int
chat_request_read_functions(struct chat_reading *r, const struct json_member *m)
{
    r->request->uses_functions = true;
    return chat_request_read_tools(r, m);
}

int
chat_request_read_choice(struct chat_reading *r, const struct json_member *m)
{
    struct neutral_request *request = r->request;
    struct json_member allowed, type, name;

    if (m->type == JSON_STRING)
        return read_choice_word(r, m);
    if (m->type != JSON_OBJECT)
        return chat_request_refuse_type(r, m, "a word or an object");
    if (json_find_in(m->value, "allowed_tools", &allowed) && allowed.type == JSON_OBJECT)
        return read_allowed(r, m, allowed.value);
    if (find_name(m->value, &name)) {
        request->choice = NEUTRAL_CHOICE_TOOL;
        request->choice_name = chat_request_plain(r, &name);
        return 0;
    }
    if (!json_find_in(m->value, "type", &type))
        return chat_request_refuse_type(r, m, "a word, or name a tool");
    struct json_member word = {.key = m->key, .value = type.value, .type = type.type};
    return read_choice_word(r, &word);
}

static int
read_choice_word(struct chat_reading *r, const struct json_member *m)
{
    static const struct {
        const char *word;
        enum neutral_choice choice;
    } words[] = {
        {"auto", NEUTRAL_CHOICE_AUTO},
        {"none", NEUTRAL_CHOICE_NONE},
        {"required", NEUTRAL_CHOICE_REQUIRED},
        {"any", NEUTRAL_CHOICE_REQUIRED},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (json_string_is(m->value, words[i].word)) {
            r->request->choice = words[i].choice;
            return 0;
        }
    }
    return chat_request_refuse_type(r, m, "auto, none, required or the name of a tool");
}

/* {"function":{"name"}}, {"custom":{"name"}}, or {"name"} at once. */
static bool
find_name(struct slice object, struct json_member *out)
{
    struct json_member inner;

    if (json_find_in(object, "name", out) && out->type == JSON_STRING)
        return true;
    if (!json_find_in(object, "function", &inner) && !json_find_in(object, "custom", &inner))
        return false;
    return json_find_in(inner.value, "name", out) && out->type == JSON_STRING;
}

static int
read_allowed(struct chat_reading *r, const struct json_member *m, struct slice allowed)
{
    struct json_member mode, tools;

    if (!json_find_in(allowed, "mode", &mode) || !json_find_in(allowed, "tools", &tools) ||
        tools.type != JSON_ARRAY)
        return chat_request_refuse_type(r, m, "given with a mode and tools");
    r->allowed = tools.value;
    struct json_member word = {.key = m->key, .value = mode.value, .type = mode.type};
    return read_choice_word(r, &word);
}

void
chat_request_keep_allowed(struct chat_reading *r)
{
    struct neutral_request *request = r->request;
    uint32_t n = 0;

    for (uint32_t i = 0; i < request->n_tools; i++) {
        if (is_allowed(r, &request->tools[i]))
            request->tools[n++] = request->tools[i];
    }
    request->n_tools = n;
}

static bool
is_allowed(const struct chat_reading *r, const struct neutral_tool *tool)
{
    struct json_member name;
    struct slice object;
    enum json_type type;
    size_t cursor = 0;

    while (json_array_next(r->allowed, &cursor, &object, &type)) {
        if (find_name(object, &name) && json_string_eq(name.value, tool->name))
            return true;
    }
    return false;
}
