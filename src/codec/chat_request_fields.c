/* SPDX-License-Identifier: ISC */
#include "chat_request.h"
#include "dialect_parts.h"
#include "json_walk.h"

static int read_schema(struct chat_reading *r, const struct json_member *m, struct slice format);

/* Schemas nested as chat has them, or flat as Responses has. */
int
chat_request_read_format(struct chat_reading *r, const struct json_member *m)
{
    struct json_member type, schema;

    if (m->type != JSON_OBJECT || !json_find_in(m->value, "type", &type))
        return chat_request_refuse_type(r, m, "an object with a type");
    if (json_string_is(type.value, "text"))
        return 0;
    if (json_string_is(type.value, "json_object")) {
        r->request->format = NEUTRAL_FORMAT_JSON;
        return 0;
    }
    if (!json_string_is(type.value, "json_schema"))
        return chat_request_refuse_type(r, m, "of type text, json_object or json_schema");
    bool is_nested = json_find_in(m->value, "json_schema", &schema) && schema.type == JSON_OBJECT;
    return read_schema(r, m, is_nested ? schema.value : m->value);
}

static int
read_schema(struct chat_reading *r, const struct json_member *m, struct slice format)
{
    struct neutral_request *request = r->request;
    struct json_walk walk = json_walk_in(format);
    struct json_member member;

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "schema") && member.type == JSON_OBJECT)
            request->format_schema = member.value;
        else if (json_key_is(&member, "name"))
            request->format_name = chat_request_plain(r, &member);
        else if (json_key_is(&member, "strict") && member.type != JSON_NULL)
            request->format_strict = member.type == JSON_TRUE ? NEUTRAL_YES : NEUTRAL_NO;
    }
    if (request->format_schema.len == 0)
        return chat_request_refuse_type(r, m, "given with a schema");
    request->format = NEUTRAL_FORMAT_SCHEMA;
    return 0;
}

/* Who asks for reasoning can show it: clients know reasoning_content. */
int
chat_request_read_effort(struct chat_reading *r, const struct json_member *m)
{
    static const char *const words[] = {
        [NEUTRAL_EFFORT_NONE] = "none", [NEUTRAL_EFFORT_MINIMAL] = "minimal",
        [NEUTRAL_EFFORT_LOW] = "low",   [NEUTRAL_EFFORT_MEDIUM] = "medium",
        [NEUTRAL_EFFORT_HIGH] = "high", [NEUTRAL_EFFORT_XHIGH] = "xhigh",
        [NEUTRAL_EFFORT_MAX] = "max",
    };

    for (unsigned i = NEUTRAL_EFFORT_NONE; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!json_string_is(m->value, words[i]))
            continue;
        r->request->effort = (enum neutral_effort)i;
        r->request->wants_reasoning_text = i != NEUTRAL_EFFORT_NONE;
        return 0;
    }
    return chat_request_refuse_type(r, m, "none, minimal, low, medium, high, xhigh or max");
}

/* {effort | max_tokens, enabled, exclude} */
int
chat_request_read_reasoning(struct chat_reading *r, const struct json_member *m)
{
    struct json_walk walk = json_walk_in(m->value);
    struct json_member member;
    bool is_hidden = false;
    int err = 0;

    if (m->type != JSON_OBJECT)
        return chat_request_refuse_type(r, m, "an object");
    while (err == 0 && json_walk_member(&walk, &member)) {
        if (member.type == JSON_NULL)
            continue;
        if (json_key_is(&member, "effort") && r->request->effort == NEUTRAL_EFFORT_UNSAID)
            err = chat_request_read_effort(r, &member);
        else if (json_key_is(&member, "max_tokens"))
            err = chat_request_read_int(r, &member, &r->request->thinking_budget);
        else if (json_key_is(&member, "enabled") && member.type == JSON_FALSE)
            r->request->effort = NEUTRAL_EFFORT_NONE;
        else if (json_key_is(&member, "exclude"))
            is_hidden = member.type == JSON_TRUE;
    }
    r->request->wants_reasoning_text =
        !is_hidden && (r->request->wants_reasoning_text || r->request->thinking_budget > 0);
    return err;
}

int
chat_request_read_thinking(struct chat_reading *r, const struct json_member *m)
{
    struct neutral_request *request = r->request;
    struct json_member type, budget;

    if (m->type != JSON_OBJECT || !json_find_in(m->value, "type", &type))
        return chat_request_refuse_type(r, m, "an object with a type");
    if (json_string_is(type.value, "disabled")) {
        request->effort = NEUTRAL_EFFORT_NONE;
        return 0;
    }
    request->wants_reasoning_text = true;
    request->is_thinking_adaptive = json_string_is(type.value, "adaptive");
    if (!json_find_in(m->value, "budget_tokens", &budget) || budget.type == JSON_NULL)
        return 0;
    return chat_request_read_int(r, &budget, &request->thinking_budget);
}

int
chat_request_read_modalities(struct chat_reading *r, const struct json_member *m)
{
    struct slice modality;
    enum json_type type;
    size_t cursor = 0;

    if (m->type != JSON_ARRAY)
        return chat_request_refuse_type(r, m, "a list");
    while (json_array_next(m->value, &cursor, &modality, &type)) {
        if (!json_string_is(modality, "text"))
            return dialect_refuse(r->why, ERR_UNSUPPORTED_PARAMETER, "modalities",
                                  "Output other than text");
    }
    return 0;
}

/* A search that the provider makes is a tool elsewhere. */
int
chat_request_read_web_search(struct chat_reading *r, const struct json_member *m)
{
    if (m->type != JSON_OBJECT)
        return chat_request_refuse_type(r, m, "an object");
    chat_request_add_tool(r, (struct neutral_tool){.kind = NEUTRAL_SERVER_TOOL,
                                                   .name = SLICE_LIT("web_search"),
                                                   .json = SLICE_LIT("{\"type\":\"web_search\"}")});
    return 0;
}
