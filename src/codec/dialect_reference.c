/* SPDX-License-Identifier: ISC
 *
 * Items of a Responses request that are named by their ids alone. The account where a provider
 * would look them up is shared by all callers: what we have remembered for the caller himself takes
 * their places, all else is refused. Prefix: dialect_.
 */
#include "dialect_parts.h"
#include "json_walk.h"
#include "relayos/codec/remembered.h"

enum reference {
    REFERENCE_NONE,
    REFERENCE_ITEM,      /* it is lost when the id is not known */
    REFERENCE_REASONING, /* the answer goes on without */
    REFERENCE_UNREADABLE
};

struct expansion {
    const struct remembered *memory;
    struct refusal_reason *why;
    struct buf found; /* the item at hand */
    struct buf *out;
    bool has_items;
};

static enum reference reference_of(struct slice item, struct slice *out_id);
static bool brings_content(const struct json_member *content);
static int expand_item(struct expansion *e, struct slice item, enum json_type type);
static void write_found(struct expansion *e);
static bool needs_id(struct slice item);
static void begin_item(struct expansion *e);

int
dialect_check_references(const struct json_object *body, struct request_facts *facts,
                         struct refusal_reason *why)
{
    const struct json_member *input = json_find(body, "input");
    size_t cursor = 0;
    struct slice item, id;
    enum json_type type;

    if (input == NULL || input->type != JSON_ARRAY)
        return 0;
    while (json_array_next(input->value, &cursor, &item, &type)) {
        if (type != JSON_OBJECT || reference_of(item, &id) == REFERENCE_NONE)
            continue;
        facts->has_references = true;
        return dialect_refuse(why, ERR_UNSUPPORTED_PARAMETER, "input", "item_reference");
    }
    return 0;
}

/* {"type":"item_reference","id":..}, or an id without a type; messages may leave out theirs. A
 * reasoning item that does not bring its content is one too: the provider looks its id up. */
static enum reference
reference_of(struct slice item, struct slice *out_id)
{
    struct json_object object;
    struct json_error error;

    /* Of two types the provider might take the one that was not looked at. */
    if (json_scan_object(item, &object, &error) != 0)
        return REFERENCE_UNREADABLE;
    const struct json_member *type = json_find(&object, "type"), *id = json_find(&object, "id");
    *out_id = id == NULL || id->type != JSON_STRING || id->value.len <= 2
                  ? (struct slice){0}
                  : slice_sub(id->value, 1, id->value.len - 1);
    if (type != NULL && json_string_is(type->value, "reasoning"))
        return id == NULL || brings_content(json_find(&object, "encrypted_content"))
                   ? REFERENCE_NONE
                   : REFERENCE_REASONING;
    bool is_item = type != NULL && type->type != JSON_NULL
                       ? json_string_is(type->value, "item_reference")
                       : json_find(&object, "role") == NULL;
    return is_item ? REFERENCE_ITEM : REFERENCE_NONE;
}

static bool
brings_content(const struct json_member *content)
{
    return content != NULL && content->type == JSON_STRING;
}

int
dialect_expand_references(struct slice body, const struct remembered *memory, struct buf *out,
                          struct refusal_reason *why)
{
    struct expansion e = {.memory = memory, .why = why, .out = out};
    struct json_member input;
    size_t cursor = 0;
    struct slice item;
    enum json_type type;
    int err = 0;

    if (!json_find_in(body, "input", &input) || input.type != JSON_ARRAY)
        return dialect_refuse(why, ERR_INVALID_REQUEST, "input", "it cannot be read");
    size_t begin = (size_t)(input.value.ptr - body.ptr) + 1;
    buf_init(&e.found, memory->max);
    buf_append_slice(out, slice_sub(body, 0, begin));
    while (err == 0 && !out->overflow && json_array_next(input.value, &cursor, &item, &type))
        err = expand_item(&e, item, type);
    buf_append_slice(out, slice_sub(body, begin + input.value.len - 2, body.len));
    buf_fini(&e.found);
    return err == 0 && out->overflow ? ERR_REQUEST_TOO_LARGE : err;
}

static int
expand_item(struct expansion *e, struct slice item, enum json_type type)
{
    struct slice id = {0};
    enum reference reference = type == JSON_OBJECT ? reference_of(item, &id) : REFERENCE_NONE;

    if (reference == REFERENCE_NONE || reference == REFERENCE_UNREADABLE) {
        begin_item(e);
        buf_append_slice(e->out, item);
        return 0;
    }
    buf_clear(&e->found);
    if (id.len > 0 && e->memory->find(e->memory->ctx, id, &e->found))
        write_found(e);
    else if (reference == REFERENCE_ITEM)
        return dialect_refuse(e->why, ERR_INVALID_REQUEST, "input", "Item with id '%.*s' not found",
                              (int)(id.len < 128 ? id.len : 128), id.ptr);
    return 0;
}

static void
write_found(struct expansion *e)
{
    const struct slice item = buf_slice(&e->found);
    struct json_walk walk = json_walk_in(item);
    struct json_member member, content = {0};
    bool keeps_id = needs_id(item);
    char separator = '{';

    if (json_find_in(item, "type", &member) && json_string_is(member.value, "reasoning") &&
        !(json_find_in(item, "encrypted_content", &content) && brings_content(&content)))
        return;
    begin_item(e);
    while (json_walk_member(&walk, &member)) {
        if (!keeps_id && json_key_is(&member, "id"))
            continue;
        buf_append_byte(e->out, separator);
        buf_append_byte(e->out, '"');
        buf_append_slice(e->out, member.key);
        buf_append_slice(e->out, SLICE_LIT("\":"));
        buf_append_slice(e->out, member.value);
        separator = ',';
    }
    buf_append_byte(e->out, '}');
}

/* Items are whole without, but for those of the provider's own tools, and reasoning. */
static bool
needs_id(struct slice item)
{
    static const char *const whole[] = {"message", "function_call", "custom_tool_call"};
    struct json_member type;

    if (!json_find_in(item, "type", &type))
        return false;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (json_string_is(type.value, whole[i]))
            return false;
    return true;
}

static void
begin_item(struct expansion *e)
{
    if (e->has_items)
        buf_append_byte(e->out, ',');
    e->has_items = true;
}
