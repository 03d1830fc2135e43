/* SPDX-License-Identifier: ISC
 *
 * Items of a Responses request into turns: what an assistant did between two inputs is one turn,
 * what it said first, then its calls (protocols.md 7.11).
 */
#include "call_input.h"
#include "dialect_parts.h"
#include "relayos/codec/carrier.h"
#include "responses_parts.h"

enum item_kind {
    ITEM_REASONING, /* of an assistant */
    ITEM_SAID,
    ITEM_CALL,
    ITEM_FOREIGN, /* run by OpenAI, or of its own tools: nobody else knows them */
    ITEM_INPUT,
    ITEM_OUTPUT,
    ITEM_REFERENCE,
    ITEM_BROKEN
};

/* Of an assistant's items between two inputs: before the first call, said behind it, others. */
enum place_in_run { IN_FRONT, SAID_LATE, BEHIND };

struct items {
    struct turns *turns;
    struct refusal_reason *why;
    struct slice array;
};

/* Where a part goes. */
struct place {
    enum neutral_role role;
    bool is_in_result;
};

static int read_run(const struct items *items, size_t *cursor);
static enum place_in_run place_of(enum item_kind kind, bool has_called);
static bool is_of_run(enum item_kind kind);
static enum item_kind kind_of(struct slice item, enum json_type type);
static int read_item(const struct items *items, enum item_kind kind, struct slice item);
static void keep(const struct items *items, struct slice item);
static int read_message(const struct items *items, const struct json_object *item);
static int read_content(const struct items *items, const struct json_member *content,
                        struct place place);
static void read_call(const struct items *items, const struct json_object *item);
static int read_output(const struct items *items, const struct json_object *item);
static bool is_one_text(const struct json_member *output, struct slice *out);
static void read_reasoning(const struct items *items, const struct json_object *item);
static struct slice join_texts(struct arena *arena, const struct json_member *parts);
static int read_part(const struct items *items, struct slice text, struct place place);
static void read_image(const struct json_object *object, struct neutral_part *part);
static void read_file(const struct json_object *object, struct neutral_part *part);
static bool read_audio(const struct json_object *object, struct neutral_part *part);
static void take_url(struct slice url, struct neutral_part *part);
static int refuse(const struct items *items, int err, const char *detail);

int
responses_items_read(const struct json_member *input, struct turns *turns,
                     struct refusal_reason *why)
{
    struct items items = {.turns = turns, .why = why};
    size_t cursor = 0, before = 0;
    struct slice item;
    enum json_type type;
    int err = 0;

    if (input->type == JSON_STRING) {
        turns_add(turns, NEUTRAL_USER)->text = responses_raw(input);
        return 0;
    }
    if (input->type != JSON_ARRAY)
        return refuse(&items, ERR_INVALID_REQUEST, "input must be text or an array of items");
    items.array = input->value;
    while (err == 0 && json_array_next(items.array, &cursor, &item, &type)) {
        enum item_kind kind = kind_of(item, type);

        if (is_of_run(kind)) {
            cursor = before;
            err = read_run(&items, &cursor);
        } else {
            err = read_item(&items, kind, item);
        }
        before = cursor;
    }
    return err;
}

/*
 * What was said stands in front of the calls. All else keeps its order: reasoning between two calls
 * belongs to the second, and its vendor looks for it there.
 */
static int
read_run(const struct items *items, size_t *cursor)
{
    size_t end = *cursor;

    for (enum place_in_run wanted = IN_FRONT; wanted <= BEHIND; wanted++) {
        size_t at = *cursor;
        bool has_called = false;
        struct slice item;
        enum json_type type;

        while (json_array_next(items->array, &at, &item, &type)) {
            enum item_kind kind = kind_of(item, type);
            int err = 0;

            if (!is_of_run(kind))
                break;
            end = at;
            has_called |= kind == ITEM_CALL;
            if (place_of(kind, has_called) == wanted)
                err = read_item(items, kind, item);
            if (err != 0)
                return err;
        }
    }
    *cursor = end;
    return 0;
}

static enum place_in_run
place_of(enum item_kind kind, bool has_called)
{
    if (!has_called)
        return IN_FRONT;
    return kind == ITEM_SAID ? SAID_LATE : BEHIND;
}

static bool
is_of_run(enum item_kind kind)
{
    return kind <= ITEM_CALL;
}

/* A message may leave its type out; an id alone means an item kept upstream. */
static enum item_kind
kind_of(struct slice item, enum json_type type)
{
    static const struct {
        const char *type;
        enum item_kind kind;
    } kinds[] = {
        {"function_call", ITEM_CALL},
        {"function_call_output", ITEM_OUTPUT},
        {"reasoning", ITEM_REASONING},
        {"custom_tool_call", ITEM_CALL},
        {"custom_tool_call_output", ITEM_OUTPUT},
        {"item_reference", ITEM_REFERENCE},
    };
    struct json_member member;

    if (type != JSON_OBJECT)
        return ITEM_BROKEN;
    bool has_type = json_find_in(item, "type", &member) && member.type == JSON_STRING;
    if (has_type && !json_string_is(member.value, "message")) {
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            if (json_string_is(member.value, kinds[i].type))
                return kinds[i].kind;
        }
        return ITEM_FOREIGN;
    }
    if (!json_find_in(item, "role", &member))
        return has_type ? ITEM_BROKEN : ITEM_REFERENCE;
    return json_string_is(member.value, "assistant") ? ITEM_SAID : ITEM_INPUT;
}

static int
read_item(const struct items *items, enum item_kind kind, struct slice item)
{
    struct json_object object;
    struct json_error error;

    if (kind == ITEM_BROKEN || json_scan_object(item, &object, &error) != 0)
        return refuse(items, ERR_INVALID_REQUEST, "an item of input is not one");
    switch (kind) {
    case ITEM_REASONING:
        read_reasoning(items, &object);
        return 0;
    case ITEM_SAID:
    case ITEM_INPUT:
        return read_message(items, &object);
    case ITEM_CALL:
        read_call(items, &object);
        return 0;
    case ITEM_OUTPUT:
        return read_output(items, &object);
    case ITEM_REFERENCE:
        return refuse(items, ERR_UNSUPPORTED_PARAMETER, "item_reference");
    case ITEM_FOREIGN:
        keep(items, item);
        return 0;
    case ITEM_BROKEN:
        break;
    }
    return 0;
}

static void
keep(const struct items *items, struct slice item)
{
    struct neutral_part *part = turns_add(items->turns, NEUTRAL_ASSISTANT);

    part->kind = NEUTRAL_FOREIGN;
    part->json = item;
}

static int
read_message(const struct items *items, const struct json_object *item)
{
    const struct json_member *role = json_find(item, "role");
    const struct json_member *content = json_find(item, "content");
    struct place place = {0};

    if (json_string_is(role->value, "assistant")) {
        place.role = NEUTRAL_ASSISTANT;
    } else if (json_string_is(role->value, "user")) {
        place.role = NEUTRAL_USER;
    } else if (json_string_is(role->value, "system") || json_string_is(role->value, "developer")) {
        place.role = NEUTRAL_SYSTEM;
        turns_begin_system(items->turns, json_string_is(role->value, "developer"));
    } else {
        return refuse(items, ERR_INVALID_REQUEST,
                      "the role of a message must be user, assistant, system or developer");
    }
    return content == NULL ? 0 : read_content(items, content, place);
}

static int
read_content(const struct items *items, const struct json_member *content, struct place place)
{
    size_t cursor = 0;
    struct slice part;
    enum json_type type;
    int err = 0;

    if (content->type == JSON_STRING) {
        turns_add(items->turns, place.role)->text = responses_raw(content);
        return 0;
    }
    if (content->type == JSON_NULL)
        return 0;
    if (content->type != JSON_ARRAY)
        return refuse(items, ERR_INVALID_REQUEST, "content must be text or an array of parts");
    while (err == 0 && json_array_next(content->value, &cursor, &part, &type))
        err = read_part(items, part, place);
    return err;
}

static void
read_call(const struct items *items, const struct json_object *item)
{
    struct neutral_part *part = turns_add(items->turns, NEUTRAL_ASSISTANT);
    const struct json_member *type = json_find(item, "type");

    part->kind = NEUTRAL_CALL;
    part->id = responses_raw_of(item, "call_id");
    part->name = responses_items_name(items->turns->arena, responses_raw_of(item, "namespace"),
                                      responses_raw_of(item, "name"));
    part->is_custom = json_string_is(type->value, "custom_tool_call");
    part->input = part->is_custom
                      ? responses_raw_of(item, "input")
                      : call_input_read(items->turns->arena, responses_raw_of(item, "arguments"));
}

struct slice
responses_items_name(struct arena *arena, struct slice space, struct slice name)
{
    const size_t len = space.len + 2 + name.len;

    if (space.len == 0)
        return name;
    char *room = arena_alloc(arena, len);
    if (room == NULL)
        return name;
    memcpy(room, space.ptr, space.len);
    memcpy(room + space.len, "__", 2);
    if (name.len > 0)
        memcpy(room + space.len + 2, name.ptr, name.len);
    return slice_of(room, len);
}

static int
read_output(const struct items *items, const struct json_object *item)
{
    const struct place place = {.role = NEUTRAL_USER, .is_in_result = true};
    const struct json_member *output = json_find(item, "output");
    const struct json_member *type = json_find(item, "type");
    struct neutral_part *part = turns_add(items->turns, NEUTRAL_USER);

    part->kind = NEUTRAL_RESULT;
    part->id = responses_raw_of(item, "call_id");
    part->is_custom = json_string_is(type->value, "custom_tool_call_output");
    if (output == NULL || output->type == JSON_NULL)
        return 0;
    if (output->type == JSON_STRING) {
        part->text = responses_raw(output);
        return 0;
    }
    if (output->type != JSON_ARRAY)
        return refuse(items, ERR_INVALID_REQUEST, "output must be text or an array of parts");
    return is_one_text(output, &part->text) ? 0 : read_content(items, output, place);
}

/* What most tools say is text, whichever way it is written. */
static bool
is_one_text(const struct json_member *output, struct slice *out)
{
    size_t cursor = 0;
    struct slice part, another;
    enum json_type type;
    struct json_member text;

    if (!json_array_next(output->value, &cursor, &part, &type) || type != JSON_OBJECT ||
        !json_find_in(part, "text", &text) || text.type != JSON_STRING ||
        json_array_next(output->value, &cursor, &another, &type))
        return false;
    *out = responses_raw(&text);
    return true;
}

/* With its state it goes back to who made it; text alone still helps those who take any. */
static void
read_reasoning(const struct items *items, const struct json_object *item)
{
    const struct slice state = responses_raw_of(item, "encrypted_content");
    struct arena *arena = items->turns->arena;
    struct neutral_part *part = turns_add(items->turns, NEUTRAL_ASSISTANT);

    part->kind = NEUTRAL_REASONING;
    part->id = responses_raw_of(item, "id");
    part->text = join_texts(arena, json_find(item, "content"));
    if (part->text.len == 0)
        part->text = join_texts(arena, json_find(item, "summary"));
    if (state.len == 0 || carrier_read(state, part))
        return;
    part->state = state;
    part->origin = NEUTRAL_ORIGIN_OPENAI;
}

/* A blank line between them. */
static struct slice
join_texts(struct arena *arena, const struct json_member *parts)
{
    size_t cursor = 0, len = 0, n = 0;
    struct slice part, last = {0};
    enum json_type type;
    struct json_member text;

    if (parts == NULL || parts->type != JSON_ARRAY)
        return last;
    while (json_array_next(parts->value, &cursor, &part, &type)) {
        if (!json_find_in(part, "text", &text) || responses_raw(&text).len == 0)
            continue;
        last = responses_raw(&text);
        len += last.len + (n++ > 0 ? 4 : 0);
    }
    char *room = n > 1 ? arena_alloc(arena, len) : NULL;
    if (room == NULL)
        return last;
    cursor = len = 0;
    while (json_array_next(parts->value, &cursor, &part, &type)) {
        if (!json_find_in(part, "text", &text) || (last = responses_raw(&text)).len == 0)
            continue;
        memcpy(room + len, "\\n\\n", len > 0 ? 4 : 0);
        len += len > 0 ? 4 : 0;
        memcpy(room + len, last.ptr, last.len);
        len += last.len;
    }
    return slice_of(room, len);
}

/* ---- parts ---- */

static int
read_part(const struct items *items, struct slice text, struct place place)
{
    struct neutral_part part = {0};
    struct json_object object;
    struct json_error error;

    if (text.ptr[0] != '{' || json_scan_object(text, &object, &error) != 0)
        return refuse(items, ERR_INVALID_REQUEST, "a part of content is not an object");
    const struct slice type = responses_raw_of(&object, "type");
    const struct json_member *cache_control = json_find(&object, "cache_control");
    if (slice_eq_str(type, "input_text") || slice_eq_str(type, "output_text") ||
        slice_eq_str(type, "text")) {
        part.text = responses_raw_of(&object, "text");
    } else if (slice_eq_str(type, "refusal")) {
        part.kind = NEUTRAL_REFUSAL;
        part.text = responses_raw_of(&object, "refusal");
    } else if (slice_eq_str(type, "input_image") || slice_eq_str(type, "image_url")) {
        read_image(&object, &part);
    } else if (slice_eq_str(type, "input_file")) {
        read_file(&object, &part);
    } else if (!slice_eq_str(type, "input_audio") || !read_audio(&object, &part)) {
        return refuse(items, ERR_INVALID_REQUEST, "a part of content is of no known type");
    }
    if (cache_control != NULL && cache_control->type == JSON_OBJECT)
        part.cache_control = cache_control->value;
    *(place.is_in_result ? turns_add_child(items->turns) : turns_add(items->turns, place.role)) =
        part;
    return 0;
}

static void
read_image(const struct json_object *object, struct neutral_part *part)
{
    const struct json_member *url = json_find(object, "image_url");
    struct json_member member;

    part->kind = NEUTRAL_IMAGE;
    part->detail = responses_raw_of(object, "detail");
    if (url != NULL && url->type == JSON_OBJECT) { /* as chat has it */
        if (json_find_in(url->value, "detail", &member))
            part->detail = responses_raw(&member);
        url = json_find_in(url->value, "url", &member) ? &member : NULL;
    }
    if (url != NULL && url->type == JSON_STRING) {
        take_url(responses_raw(url), part);
    } else {
        part->source = NEUTRAL_ID;
        part->data = responses_raw_of(object, "file_id");
    }
}

static void
read_file(const struct json_object *object, struct neutral_part *part)
{
    const struct slice data = responses_raw_of(object, "file_data");
    const struct slice url = responses_raw_of(object, "file_url");

    part->kind = NEUTRAL_FILE;
    part->name = responses_raw_of(object, "filename");
    if (data.len > 0) {
        take_url(data, part);
        if (part->source == NEUTRAL_URL) { /* base64 alone */
            part->source = NEUTRAL_INLINE;
            part->media_type = SLICE_LIT("application/pdf");
        }
    } else if (url.len > 0) {
        take_url(url, part);
    } else {
        part->source = NEUTRAL_ID;
        part->data = responses_raw_of(object, "file_id");
    }
}

static bool
read_audio(const struct json_object *object, struct neutral_part *part)
{
    const struct json_member *audio = json_find(object, "input_audio");
    struct json_member data, format;

    if (audio == NULL || !json_find_in(audio->value, "data", &data))
        return false;
    part->kind = NEUTRAL_AUDIO;
    part->data = responses_raw(&data);
    bool is_mp3 =
        json_find_in(audio->value, "format", &format) && json_string_is(format.value, "mp3");
    part->media_type = is_mp3 ? SLICE_LIT("audio/mp3") : SLICE_LIT("audio/wav");
    return true;
}

/* "data:image/png;base64,..." is inline. */
static void
take_url(struct slice url, struct neutral_part *part)
{
    static const char mark[] = ";base64,";
    const struct slice scheme = SLICE_LIT("data:");
    const char *at = slice_starts_with(url, scheme)
                         ? memmem(url.ptr, url.len < 256 ? url.len : 256, mark, sizeof(mark) - 1)
                         : NULL;

    part->source = NEUTRAL_URL;
    part->data = url;
    if (at == NULL)
        return;
    const size_t end = (size_t)(at - url.ptr);
    const struct slice media = slice_sub(url, scheme.len, end);
    const char *semicolon = memchr(media.ptr, ';', media.len);
    part->source = NEUTRAL_INLINE;
    part->media_type =
        semicolon == NULL ? media : slice_sub(media, 0, (size_t)(semicolon - media.ptr));
    part->data = slice_sub(url, end + sizeof(mark) - 1, url.len);
}

static int
refuse(const struct items *items, int err, const char *detail)
{
    return dialect_refuse(items->why, err, "input", "%s", detail);
}
