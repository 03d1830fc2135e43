/* SPDX-License-Identifier: ISC
 *
 * JSON Schemas as Anthropic's structured output takes them (protocols.md 7.3): no bounds, no
 * patterns, oneOf is anyOf, objects are closed, few formats. Order and numbers stay.
 */
#include "json_walk.h"
#include "messages_write.h"

/* Words whose value holds schemas; of some under names of the schema's own. */
static const struct word {
    const char *key;
    bool is_named;
} words[] = {
    {"properties", true}, {"$defs", true},  {"definitions", true}, {"items", false},
    {"anyOf", false},     {"allOf", false}, {"oneOf", false},      {"prefixItems", false},
};

static const char *const refused[] = {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "$schema",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
};

static const char *const formats[] = {"date-time", "time", "date", "duration", "email",
                                      "hostname",  "uri",  "ipv4", "ipv6",     "uuid"};

static void write_value(struct json_out *out, const char *key, struct slice value, bool is_named);
static void write_members(struct json_out *out, struct slice object, bool is_named);
static void write_member(struct json_out *out, const struct json_member *member);
static bool is_one_of(const struct json_member *member, const char *const *names, size_t n);
static bool is_refused_format(const struct json_member *member);

void
messages_schema_write(struct buf *out, struct slice schema)
{
    struct json_out json;

    json_out_init(&json, out);
    write_value(&json, NULL, schema, false);
}

/* As deep as a scanned text may be: LIMIT_JSON_DEPTH. */
static void
write_value(struct json_out *out, const char *key, struct slice value, bool is_named)
{
    struct slice item;
    enum json_type type;
    size_t cursor = 0;

    if (value.ptr[0] == '[') {
        json_out_array(out, key);
        while (json_array_next(value, &cursor, &item, &type))
            write_value(out, NULL, item, false);
        json_out_end_array(out);
    } else if (value.ptr[0] == '{') {
        json_out_object(out, key);
        write_members(out, value, is_named);
        json_out_end_object(out);
    } else {
        json_out_raw(out, key, value);
    }
}

static void
write_members(struct json_out *out, struct slice object, bool is_named)
{
    struct json_walk walk = json_walk_in(object);
    struct json_member member;
    bool is_object = false;

    while (json_walk_member(&walk, &member)) {
        if (is_named) {
            json_out_raw_key(out, member.key);
            write_value(out, NULL, member.value, false);
            continue;
        }
        is_object |= json_key_is(&member, "properties") ||
                     (json_key_is(&member, "type") && json_string_is(member.value, "object"));
        write_member(out, &member);
    }
    if (is_object)
        json_out_bool(out, "additionalProperties", false);
}

static void
write_member(struct json_out *out, const struct json_member *member)
{
    const size_t n_refused = sizeof(refused) / sizeof(refused[0]);

    if (json_key_is(member, "additionalProperties") || is_one_of(member, refused, n_refused) ||
        is_refused_format(member))
        return;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (json_key_is(member, words[i].key)) {
            const char *key = json_key_is(member, "oneOf") ? "anyOf" : words[i].key;

            write_value(out, key, member->value, words[i].is_named);
            return;
        }
    }
    json_out_raw_key(out, member->key);
    json_out_raw(out, NULL, member->value);
}

static bool
is_one_of(const struct json_member *member, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (json_key_is(member, names[i]))
            return true;
    }
    return false;
}

static bool
is_refused_format(const struct json_member *member)
{
    if (!json_key_is(member, "format"))
        return false;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (json_string_is(member->value, formats[i]))
            return false;
    }
    return true;
}
