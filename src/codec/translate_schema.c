/* SPDX-License-Identifier: ISC
 *
 * translate_schema - see translate_schema.h.
 */
#include "translate_schema.h"

#include "json_walk.h"
#include "relayos/codec/json_scan.h"

static void write_text(struct json_out *json, const char *key, struct slice format);
static void write_members(struct json_out *json, struct slice schema);
static bool says(struct slice schema, const char *name);

void
translate_schema(struct json_out *json, const char *key, const struct neutral_tool *tool)
{
    const struct slice schema = tool->schema;

    if (tool->kind == NEUTRAL_CUSTOM) {
        write_text(json, key, tool->json);
    } else if (says(schema, "type") && says(schema, "properties")) {
        json_out_raw(json, key, schema);
    } else {
        json_out_object(json, key);
        write_members(json, schema);
        json_out_end_object(json);
    }
}

static void
write_text(struct json_out *json, const char *key, struct slice format)
{
    struct json_member grammar;

    json_out_object(json, key);
    json_out_str(json, "type", "object");
    json_out_object(json, "properties");
    json_out_object(json, "input");
    json_out_str(json, "type", "string");
    if (format.len > 0 && json_find_in(format, "definition", &grammar))
        json_out_raw(json, "description", grammar.value);
    json_out_end_object(json);
    json_out_end_object(json);
    json_out_array(json, "required");
    json_out_str(json, NULL, "input");
    json_out_end_array(json);
    json_out_end_object(json);
}

/* What it does not say comes first, the rest as it is. */
static void
write_members(struct json_out *json, struct slice schema)
{
    struct json_walk walk = json_walk_in(schema);
    struct json_member member;

    if (!says(schema, "type"))
        json_out_str(json, "type", "object");
    if (!says(schema, "properties")) {
        json_out_object(json, "properties");
        json_out_end_object(json);
    }
    while (json_walk_member(&walk, &member)) {
        json_out_raw_key(json, member.key);
        json_out_raw(json, NULL, member.value);
    }
}

static bool
says(struct slice schema, const char *name)
{
    struct json_member member;

    return schema.len > 0 && schema.ptr[0] == '{' && json_find_in(schema, name, &member);
}
