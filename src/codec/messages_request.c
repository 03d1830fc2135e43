/* SPDX-License-Identifier: ISC
 *
 * A request of Anthropic's Messages, read (protocols.md 3.2).
 */
#include "dialect_parts.h"
#include "json_walk.h"
#include "messages_parts.h"
#include "relayos/codec/carrier.h"
#include "translators.h"
#include "turns.h"
#include "unread.h"

enum body_field {
    BODY_MESSAGES,
    BODY_SYSTEM,
    BODY_TOOLS,
    BODY_TOOL_CHOICE,
    BODY_MAX_TOKENS,
    BODY_TEMPERATURE,
    BODY_TOP_P,
    BODY_TOP_K,
    BODY_STOP,
    BODY_STREAM,
    BODY_THINKING,
    BODY_OUTPUT_CONFIG,
    BODY_OUTPUT_FORMAT,
    BODY_METADATA,
    BODY_SERVICE_TIER,
    BODY_CACHE_CONTROL,
    N_BODY_FIELDS
};

static const struct slice body_keys[N_BODY_FIELDS] = {
    [BODY_MESSAGES] = MESSAGES_KEY("messages"),
    [BODY_SYSTEM] = MESSAGES_KEY("system"),
    [BODY_TOOLS] = MESSAGES_KEY("tools"),
    [BODY_TOOL_CHOICE] = MESSAGES_KEY("tool_choice"),
    [BODY_MAX_TOKENS] = MESSAGES_KEY("max_tokens"),
    [BODY_TEMPERATURE] = MESSAGES_KEY("temperature"),
    [BODY_TOP_P] = MESSAGES_KEY("top_p"),
    [BODY_TOP_K] = MESSAGES_KEY("top_k"),
    [BODY_STOP] = MESSAGES_KEY("stop_sequences"),
    [BODY_STREAM] = MESSAGES_KEY("stream"),
    [BODY_THINKING] = MESSAGES_KEY("thinking"),
    [BODY_OUTPUT_CONFIG] = MESSAGES_KEY("output_config"),
    [BODY_OUTPUT_FORMAT] = MESSAGES_KEY("output_format"),
    [BODY_METADATA] = MESSAGES_KEY("metadata"),
    [BODY_SERVICE_TIER] = MESSAGES_KEY("service_tier"),
    [BODY_CACHE_CONTROL] = MESSAGES_KEY("cache_control"),
};

enum part_field {
    PART_TYPE,
    PART_TEXT,
    PART_CACHE_CONTROL,
    PART_SOURCE,
    PART_ID,
    PART_NAME,
    PART_INPUT,
    PART_TOOL_USE_ID,
    PART_CONTENT,
    PART_IS_ERROR,
    PART_THINKING,
    PART_SIGNATURE,
    PART_DATA,
    PART_TITLE,
    N_PART_FIELDS
};

static const struct slice part_keys[N_PART_FIELDS] = {
    [PART_TYPE] = MESSAGES_KEY("type"),
    [PART_TEXT] = MESSAGES_KEY("text"),
    [PART_CACHE_CONTROL] = MESSAGES_KEY("cache_control"),
    [PART_SOURCE] = MESSAGES_KEY("source"),
    [PART_ID] = MESSAGES_KEY("id"),
    [PART_NAME] = MESSAGES_KEY("name"),
    [PART_INPUT] = MESSAGES_KEY("input"),
    [PART_TOOL_USE_ID] = MESSAGES_KEY("tool_use_id"),
    [PART_CONTENT] = MESSAGES_KEY("content"),
    [PART_IS_ERROR] = MESSAGES_KEY("is_error"),
    [PART_THINKING] = MESSAGES_KEY("thinking"),
    [PART_SIGNATURE] = MESSAGES_KEY("signature"),
    [PART_DATA] = MESSAGES_KEY("data"),
    [PART_TITLE] = MESSAGES_KEY("title"),
};

enum source_field {
    SOURCE_TYPE,
    SOURCE_MEDIA_TYPE,
    SOURCE_DATA,
    SOURCE_URL,
    SOURCE_FILE_ID,
    SOURCE_CONTENT,
    N_SOURCE_FIELDS
};

static const struct slice source_keys[N_SOURCE_FIELDS] = {
    [SOURCE_TYPE] = MESSAGES_KEY("type"),       [SOURCE_MEDIA_TYPE] = MESSAGES_KEY("media_type"),
    [SOURCE_DATA] = MESSAGES_KEY("data"),       [SOURCE_URL] = MESSAGES_KEY("url"),
    [SOURCE_FILE_ID] = MESSAGES_KEY("file_id"), [SOURCE_CONTENT] = MESSAGES_KEY("content"),
};

enum tool_field {
    TOOL_TYPE,
    TOOL_NAME,
    TOOL_DESCRIPTION,
    TOOL_SCHEMA,
    TOOL_STRICT,
    TOOL_CACHE_CONTROL,
    N_TOOL_FIELDS
};

static const struct slice tool_keys[N_TOOL_FIELDS] = {
    [TOOL_TYPE] = MESSAGES_KEY("type"),
    [TOOL_NAME] = MESSAGES_KEY("name"),
    [TOOL_DESCRIPTION] = MESSAGES_KEY("description"),
    [TOOL_SCHEMA] = MESSAGES_KEY("input_schema"),
    [TOOL_STRICT] = MESSAGES_KEY("strict"),
    [TOOL_CACHE_CONTROL] = MESSAGES_KEY("cache_control"),
};

/* A request being read. */
struct reading {
    struct arena *arena;
    struct neutral_request *out;
    struct turns turns;
    struct refusal_reason *why;
};

typedef void part_reader(struct reading *r, struct neutral_part *part, const struct slice *fields);

static void read_body(struct neutral_request *out, struct slice body, struct slice *fields);
static int read_turns(struct reading *r, const struct slice *body);
static int read_message(struct reading *r, struct slice message);
static void read_content(struct reading *r, enum neutral_role role, struct slice content);
static void read_part(struct reading *r, struct neutral_part *part, struct slice json);
static part_reader read_text, read_image, read_document, read_call, read_result, read_thinking,
    read_redacted, read_search_result;
static void read_source(struct reading *r, struct neutral_part *part, struct slice source);
static struct slice under_name(struct reading *r, struct slice name, struct slice text);
static struct slice text_of(struct reading *r, struct slice content);
static void read_tools(struct reading *r, struct slice tools);
static void read_tool(struct neutral_tool *tool, struct slice json);
static void read_choice(struct neutral_request *out, struct slice choice);
static void read_thinking_mode(struct neutral_request *out, struct slice thinking);
static int read_format(struct reading *r, struct slice format);
static void read_scalars(struct neutral_request *out, const struct slice *body);
static void read_stops(struct neutral_request *out, struct slice stops);
static struct slice member_of(struct slice object, const char *key);
static enum neutral_bool bool_of(struct slice value);

struct part_type {
    const char *name;
    part_reader *read;
};

static const struct part_type part_types[] = {
    {"text", read_text},
    {"tool_use", read_call},
    {"tool_result", read_result},
    {"thinking", read_thinking},
    {"redacted_thinking", read_redacted},
    {"image", read_image},
    {"document", read_document},
    {"search_result", read_search_result},
};

int
messages_request_read(enum operation operation, struct slice body, struct arena *arena,
                      struct neutral_request *out, struct refusal_reason *why)
{
    struct reading r = {.arena = arena, .out = out, .why = why};
    struct slice fields[N_BODY_FIELDS] = {0};

    (void)operation; /* count_tokens takes the same fields */
    *out = (struct neutral_request){.protocol = PROTOCOL_ANTHROPIC_MESSAGES,
                                    .n_choices = 1,
                                    .top_logprobs = -1,
                                    .wants_usage = true};
    read_body(out, body, fields);
    read_scalars(out, fields);
    read_tools(&r, fields[BODY_TOOLS]);
    read_choice(out, fields[BODY_TOOL_CHOICE]);
    read_thinking_mode(out, fields[BODY_THINKING]);
    const struct slice format = member_of(fields[BODY_OUTPUT_CONFIG], "format");
    int err = read_format(&r, format.len > 0 ? format : fields[BODY_OUTPUT_FORMAT]);
    return err != 0 ? err : read_turns(&r, fields);
}

static void
read_body(struct neutral_request *out, struct slice body, struct slice *fields)
{
    struct json_walk walk = json_walk_in(body);
    struct json_member member;

    while (json_walk_member(&walk, &member)) {
        size_t i = 0;

        while (i < N_BODY_FIELDS && !dialect_key_is(&member, body_keys[i]))
            i++;
        if (i == N_BODY_FIELDS)
            unread_take(out, &member);
        else if (member.type != JSON_NULL)
            fields[i] = member.value;
    }
}

static int
read_turns(struct reading *r, const struct slice *body)
{
    struct slice message;
    enum json_type type;
    size_t cursor = 0;

    turns_init(&r->turns, r->arena, r->out);
    if (body[BODY_SYSTEM].len > 0) {
        turns_begin_system(&r->turns, false);
        read_content(r, NEUTRAL_SYSTEM, body[BODY_SYSTEM]);
    }
    if (body[BODY_MESSAGES].len == 0 || body[BODY_MESSAGES].ptr[0] != '[')
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, "messages", "messages must be an array");
    while (json_array_next(body[BODY_MESSAGES], &cursor, &message, &type)) {
        int err = read_message(r, message);

        if (err != 0)
            return err;
    }
    return turns_finish(&r->turns, r->why);
}

static int
read_message(struct reading *r, struct slice message)
{
    const struct slice role = member_of(message, "role"), content = member_of(message, "content");

    if (json_string_is(role, "user")) {
        read_content(r, NEUTRAL_USER, content);
    } else if (json_string_is(role, "assistant")) {
        read_content(r, NEUTRAL_ASSISTANT, content);
    } else if (json_string_is(role, "system")) {
        turns_begin_system(&r->turns, false);
        read_content(r, NEUTRAL_SYSTEM, content);
    } else {
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, "messages",
                              "role must be user, assistant or system");
    }
    return 0;
}

static void
read_content(struct reading *r, enum neutral_role role, struct slice content)
{
    struct slice json;
    enum json_type type;
    size_t cursor = 0;

    if (content.len > 0 && content.ptr[0] == '"') {
        turns_add(&r->turns, role)->text = messages_parts_raw(content);
        return;
    }
    while (content.len > 0 && json_array_next(content, &cursor, &json, &type)) {
        if (type == JSON_OBJECT)
            read_part(r, turns_add(&r->turns, role), json);
    }
}

static void
read_part(struct reading *r, struct neutral_part *part, struct slice json)
{
    struct slice fields[N_PART_FIELDS] = {0};

    messages_parts_fields(json, part_keys, N_PART_FIELDS, fields);
    part->cache_control = fields[PART_CACHE_CONTROL];
    for (size_t i = 0; i < sizeof(part_types) / sizeof(part_types[0]); i++) {
        if (json_string_is(fields[PART_TYPE], part_types[i].name)) {
            part->json = json;
            part_types[i].read(r, part, fields);
            return;
        }
    }
    part->kind = NEUTRAL_FOREIGN;
    part->json = json;
}

static void
read_text(struct reading *r, struct neutral_part *part, const struct slice *fields)
{
    (void)r;
    part->kind = NEUTRAL_TEXT;
    part->text = messages_parts_raw(fields[PART_TEXT]);
}

static void
read_image(struct reading *r, struct neutral_part *part, const struct slice *fields)
{
    part->kind = NEUTRAL_IMAGE;
    read_source(r, part, fields[PART_SOURCE]);
}

static void
read_document(struct reading *r, struct neutral_part *part, const struct slice *fields)
{
    part->kind = NEUTRAL_FILE;
    part->name = messages_parts_raw(fields[PART_TITLE]);
    read_source(r, part, fields[PART_SOURCE]);
    part->text = under_name(r, part->name, part->text);
}

/* Text that stands in the request itself is a matter of Messages alone: others show it. */
static void
read_source(struct reading *r, struct neutral_part *part, struct slice source)
{
    struct slice fields[N_SOURCE_FIELDS] = {0};

    messages_parts_fields(source, source_keys, N_SOURCE_FIELDS, fields);
    if (json_string_is(fields[SOURCE_TYPE], "text")) {
        part->kind = NEUTRAL_FOREIGN;
        part->text = messages_parts_raw(fields[SOURCE_DATA]);
    } else if (json_string_is(fields[SOURCE_TYPE], "content")) {
        part->kind = NEUTRAL_FOREIGN;
        part->text = text_of(r, fields[SOURCE_CONTENT]);
    } else if (fields[SOURCE_URL].len > 0) {
        part->source = NEUTRAL_URL;
        part->data = messages_parts_raw(fields[SOURCE_URL]);
    } else if (fields[SOURCE_FILE_ID].len > 0) {
        part->source = NEUTRAL_ID;
        part->data = messages_parts_raw(fields[SOURCE_FILE_ID]);
    } else {
        part->media_type = messages_parts_raw(fields[SOURCE_MEDIA_TYPE]);
        part->data = messages_parts_raw(fields[SOURCE_DATA]);
    }
}

static void
read_call(struct reading *r, struct neutral_part *part, const struct slice *fields)
{
    (void)r;
    part->kind = NEUTRAL_CALL;
    part->id = messages_parts_raw(fields[PART_ID]);
    part->name = messages_parts_raw(fields[PART_NAME]);
    part->input = fields[PART_INPUT].len == 0 ? SLICE_LIT("{}") : fields[PART_INPUT];
}

static void
read_result(struct reading *r, struct neutral_part *part, const struct slice *fields)
{
    const struct slice content = fields[PART_CONTENT];
    struct slice json;
    enum json_type type;
    size_t cursor = 0;

    part->kind = NEUTRAL_RESULT;
    part->id = messages_parts_raw(fields[PART_TOOL_USE_ID]);
    part->is_error = bool_of(fields[PART_IS_ERROR]) == NEUTRAL_YES;
    part->text = messages_parts_raw(content);
    while (content.len > 0 && json_array_next(content, &cursor, &json, &type)) {
        if (type == JSON_OBJECT)
            read_part(r, turns_add_child(&r->turns), json);
    }
}

static void
read_thinking(struct reading *r, struct neutral_part *part, const struct slice *fields)
{
    const struct slice signature = messages_parts_raw(fields[PART_SIGNATURE]);

    (void)r;
    part->kind = NEUTRAL_REASONING;
    part->text = messages_parts_raw(fields[PART_THINKING]);
    if (carrier_read(signature, part))
        return;
    part->state = signature;
    part->origin = signature.len > 0 ? NEUTRAL_ORIGIN_ANTHROPIC : NEUTRAL_ORIGIN_TEXT;
}

static void
read_redacted(struct reading *r, struct neutral_part *part, const struct slice *fields)
{
    const struct slice data = messages_parts_raw(fields[PART_DATA]);

    (void)r;
    part->kind = NEUTRAL_REASONING;
    part->is_redacted = true;
    if (carrier_read(data, part))
        return;
    part->state = data;
    part->origin = NEUTRAL_ORIGIN_ANTHROPIC;
}

static void
read_search_result(struct reading *r, struct neutral_part *part, const struct slice *fields)
{
    const struct slice title = messages_parts_raw(fields[PART_TITLE]);
    const struct slice source = messages_parts_raw(fields[PART_SOURCE]);

    part->kind = NEUTRAL_FOREIGN;
    part->text = text_of(r, fields[PART_CONTENT]);
    part->text = under_name(r, source, part->text);
    part->text = under_name(r, title, part->text);
}

/* Others see it so: a text that lies beside others is told from them. */
static struct slice
under_name(struct reading *r, struct slice name, struct slice text)
{
    static const char gap[] = ":\\n";
    const size_t head = name.len + sizeof(gap) - 1;
    char *room = name.len == 0 || text.len == 0 ? NULL : arena_alloc(r->arena, head + text.len);

    if (room == NULL)
        return text;
    memcpy(room, name.ptr, name.len);
    memcpy(room + name.len, gap, sizeof(gap) - 1);
    memcpy(room + head, text.ptr, text.len);
    return slice_of(room, head + text.len);
}

/* The texts of a string or of an array of parts, a blank line between them. */
static struct slice
text_of(struct reading *r, struct slice content)
{
    struct slice json, joined = messages_parts_raw(content);
    enum json_type type;
    size_t cursor = 0;

    if (content.len == 0 || content.ptr[0] != '[')
        return joined;
    char *room = arena_alloc(r->arena, content.len);
    if (room == NULL)
        return joined;
    joined.ptr = room;
    while (json_array_next(content, &cursor, &json, &type)) {
        const struct slice text = messages_parts_raw(member_of(json, "text"));

        if (text.len == 0)
            continue;
        if (joined.len > 0) { /* shorter than what stood between the texts */
            memcpy(room + joined.len, "\\n\\n", 4);
            joined.len += 4;
        }
        memcpy(room + joined.len, text.ptr, text.len);
        joined.len += text.len;
    }
    return joined;
}

static void
read_tools(struct reading *r, struct slice tools)
{
    struct neutral_request *out = r->out;
    struct slice json;
    enum json_type type;
    size_t cursor = 0;

    while (tools.len > 0 && json_array_next(tools, &cursor, &json, &type)) {
        struct neutral_tool *items =
            arena_grow(r->arena, out->tools, out->n_tools, sizeof(*out->tools));

        if (items == NULL)
            return;
        out->tools = items;
        read_tool(&items[out->n_tools++], json);
    }
}

static void
read_tool(struct neutral_tool *tool, struct slice json)
{
    struct slice fields[N_TOOL_FIELDS] = {0};

    messages_parts_fields(json, tool_keys, N_TOOL_FIELDS, fields);
    *tool = (struct neutral_tool){
        .name = messages_parts_raw(fields[TOOL_NAME]),
        .description = messages_parts_raw(fields[TOOL_DESCRIPTION]),
        .schema = fields[TOOL_SCHEMA],
        .strict = bool_of(fields[TOOL_STRICT]),
        .cache_control = fields[TOOL_CACHE_CONTROL],
        .json = json,
    };
    if (fields[TOOL_TYPE].len > 0 && !json_string_is(fields[TOOL_TYPE], "custom"))
        tool->kind = NEUTRAL_SERVER_TOOL;
}

static void
read_choice(struct neutral_request *out, struct slice choice)
{
    const struct slice type = member_of(choice, "type");

    if (json_string_is(type, "auto"))
        out->choice = NEUTRAL_CHOICE_AUTO;
    else if (json_string_is(type, "any"))
        out->choice = NEUTRAL_CHOICE_REQUIRED;
    else if (json_string_is(type, "none"))
        out->choice = NEUTRAL_CHOICE_NONE;
    else if (json_string_is(type, "tool"))
        out->choice = NEUTRAL_CHOICE_TOOL;
    out->choice_name = messages_parts_raw(member_of(choice, "name"));
    if (bool_of(member_of(choice, "disable_parallel_tool_use")) == NEUTRAL_YES)
        out->parallel_tools = NEUTRAL_NO;
}

static void
read_thinking_mode(struct neutral_request *out, struct slice thinking)
{
    const struct slice type = member_of(thinking, "type");

    if (type.len == 0)
        return;
    if (json_string_is(type, "disabled")) {
        out->effort = NEUTRAL_EFFORT_NONE;
        return;
    }
    out->wants_reasoning_text = !json_string_is(member_of(thinking, "display"), "omitted");
    out->is_thinking_adaptive = !json_string_is(type, "enabled");
    if (json_int(member_of(thinking, "budget_tokens"), &out->thinking_budget) != 0 ||
        out->thinking_budget < 0)
        out->thinking_budget = 0;
}

static int
read_format(struct reading *r, struct slice format)
{
    if (!json_string_is(member_of(format, "type"), "json_schema"))
        return 0;
    r->out->format = NEUTRAL_FORMAT_SCHEMA;
    r->out->format_schema = member_of(format, "schema");
    if (r->out->format_schema.len > 0 && r->out->format_schema.ptr[0] == '{')
        return 0;
    return dialect_refuse(r->why, ERR_INVALID_REQUEST, "output_config.format.schema",
                          "output_config.format.schema must be an object");
}

static void
read_scalars(struct neutral_request *out, const struct slice *body)
{
    out->temperature = body[BODY_TEMPERATURE];
    out->top_p = body[BODY_TOP_P];
    out->top_k = body[BODY_TOP_K];
    out->cache_control = body[BODY_CACHE_CONTROL];
    out->is_stream = bool_of(body[BODY_STREAM]) == NEUTRAL_YES;
    out->effort = messages_parts_effort(member_of(body[BODY_OUTPUT_CONFIG], "effort"));
    out->user = messages_parts_raw(member_of(body[BODY_METADATA], "user_id"));
    if (json_int(body[BODY_MAX_TOKENS], &out->max_tokens) != 0 || out->max_tokens < 0)
        out->max_tokens = 0;
    else if (out->max_tokens == 0)
        out->max_tokens = 1; /* a prompt to be cached, and no answer: the least there is */
    if (json_string_is(body[BODY_SERVICE_TIER], "standard_only"))
        out->service_tier = SLICE_LIT("default");
    else
        out->service_tier = messages_parts_raw(body[BODY_SERVICE_TIER]);
    read_stops(out, body[BODY_STOP]);
}

static void
read_stops(struct neutral_request *out, struct slice stops)
{
    struct slice stop;
    enum json_type type;
    size_t cursor = 0;

    while (stops.len > 0 && out->n_stops < NEUTRAL_STOPS_MAX &&
           json_array_next(stops, &cursor, &stop, &type)) {
        if (type == JSON_STRING)
            out->stops[out->n_stops++] = messages_parts_raw(stop);
    }
}

/* A member's value, "" if there is none or null; of no object neither. */
static struct slice
member_of(struct slice object, const char *key)
{
    struct json_member member;

    if (object.len == 0 || !json_find_in(object, key, &member) || member.type == JSON_NULL)
        return (struct slice){0};
    return member.value;
}

static enum neutral_bool
bool_of(struct slice value)
{
    if (value.len == 0)
        return NEUTRAL_UNSAID;
    return value.ptr[0] == 't' ? NEUTRAL_YES : NEUTRAL_NO;
}
