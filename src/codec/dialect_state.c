/* SPDX-License-Identifier: ISC
 *
 * What a request names below its top level: state kept upstream, and things of unknown size.
 * Prefix: dialect_.
 */
#include "dialect_parts.h"
#include "json_simd.h"
#include "name_index.h"

enum meaning {
    CALLERS_OWN, /* schemas, arguments, notes: below these a "file_id" is just a word */
    STATE,       /* names something in the account that all callers share */
    ADDRESS,     /* the provider fetches it */
};

/* A member that means something by its name, type and depth. */
struct watched {
    struct slice key;
    enum meaning meaning;
    const char *what;
    enum json_type type;
    unsigned min_depth;
};

/* Walk over the body under way. */
struct state_walk {
    struct request_facts *facts;
    bool is_message; /* there the arguments of a tool call are called input */
    bool is_response;
    const struct watched *found;
};

#define KEY(s)                                                                                     \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    }

static const struct watched watched[] = {
    {KEY("parameters"), CALLERS_OWN, NULL, 0, 0},
    {KEY("schema"), CALLERS_OWN, NULL, 0, 0},
    {KEY("input_schema"), CALLERS_OWN, NULL, 0, 0},
    {KEY("input_examples"), CALLERS_OWN, NULL, 0, 0},
    {KEY("arguments"), CALLERS_OWN, NULL, 0, 0},
    {KEY("annotations"), CALLERS_OWN, NULL, 0, 0},
    {KEY("metadata"), CALLERS_OWN, NULL, 0, 0},
    {KEY("client_metadata"), CALLERS_OWN, NULL, 0, 0},
    {KEY("file_id"), STATE, "The file", JSON_STRING, 1},
    {KEY("file_ids"), STATE, "The file", JSON_ARRAY, 1},
    {KEY("vector_store_id"), STATE, "The vector store", JSON_STRING, 1},
    {KEY("vector_store_ids"), STATE, "The vector store", JSON_ARRAY, 1},
    {KEY("container_id"), STATE, "The container", JSON_STRING, 1},
    {KEY("container"), STATE, "The container", JSON_STRING, 2},
    {KEY("skill_id"), STATE, "The skill", JSON_STRING, 1},
    {KEY("cached_content"), STATE, "The cached content", JSON_STRING, 1},
    {KEY("audio"), STATE, "The audio", JSON_OBJECT, 3}, /* of an earlier answer */
    {KEY("url"), ADDRESS, NULL, JSON_STRING, 1},
    {KEY("image_url"), ADDRESS, NULL, JSON_STRING, 1},
    {KEY("file_url"), ADDRESS, NULL, JSON_STRING, 1},
    {KEY("video_url"), ADDRESS, NULL, JSON_STRING, 1},
};

/* Types of tools that the caller runs, or that come in parts; all others run at the provider. */
static const char *const own_tools[] = {"function",    "custom",       "namespace",
                                        "local_shell", "apply_patch",  "bash_",
                                        "computer",    "text_editor_", "memory_"};

static bool needs_walk(const struct json_object *body, enum operation operation);
static json_visitor on_member;
static const struct watched *watched_of(const struct json_member *member);
static void check_tools(const struct json_object *body, struct request_facts *facts);
static bool runs_upstream(struct slice tool);

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

int
dialect_check_state(const struct json_object *body, struct request_facts *facts,
                    struct refusal_reason *why)
{
    enum protocol protocol = dialect_operation_protocol(facts->shape);
    struct state_walk walk = {.facts = facts,
                              .is_message = protocol == PROTOCOL_ANTHROPIC_MESSAGES,
                              .is_response = protocol == PROTOCOL_OPENAI_RESPONSES};

    if (needs_walk(body, facts->shape) && json_visit(body->text, on_member, &walk) != 0)
        return dialect_refuse(why, ERR_INVALID_REQUEST, "", "it cannot be read");
    if (walk.found != NULL)
        return dialect_refuse(why, ERR_NOT_FOUND, walk.found->key.ptr, "%s", walk.found->what);
    check_tools(body, facts);
    return walk.is_response ? dialect_check_references(body, facts, why) : 0;
}

/*
 * A second pass over the body is paid only by those in which a name of interest stands somewhere,
 * if only in a text. Responses are full of ids and always walked.
 */
static bool
needs_walk(const struct json_object *body, enum operation operation)
{
    static const struct slice in_chat[] = {KEY("file_id\""), KEY("_url\""), KEY("\"audio\"")};
    static const struct slice in_messages[] = {KEY("file_id\""), KEY("\"url\"")};

    switch (operation) {
    case OPERATION_COMPLETION:
    case OPERATION_EMBEDDING:
        return false;
    case OPERATION_RESPONSE:
    case OPERATION_INPUT_TOKENS:
    case OPERATION_COMPACTION:
        return true;
    case OPERATION_CHAT:
        return body->has_escaped_key || json_find(body, "extra_body") != NULL ||
               json_simd_contains(body->text, in_chat, COUNT_OF(in_chat));
    case OPERATION_MESSAGE:
    case OPERATION_COUNT_TOKENS:
        return body->has_escaped_key ||
               json_simd_contains(body->text, in_messages, COUNT_OF(in_messages));
    case DIALECT_N_OPERATIONS:
        break;
    }
    return true;
}

static enum json_step
on_member(void *ctx, unsigned depth, const struct json_member *member)
{
    struct state_walk *walk = ctx;
    const struct watched *row = watched_of(member);

    if (row == NULL)
        return walk->is_message && json_key_is(member, "input") ? JSON_STEP_OVER : JSON_STEP_INTO;
    switch (row->meaning) {
    case CALLERS_OWN:
        return JSON_STEP_OVER;
    case STATE:
        if (member->type != row->type || depth < row->min_depth)
            return JSON_STEP_INTO;
        walk->found = row;
        return JSON_STEP_STOP;
    case ADDRESS:
        /* data: carries its bytes along. */
        if (member->type == row->type && !slice_starts_with(member->value, SLICE_LIT("\"data:")))
            walk->facts->is_unbounded = true;
        return JSON_STEP_INTO;
    }
    return JSON_STEP_INTO;
}

static const struct watched *
watched_of(const struct json_member *member)
{
    static struct name_index index;
    static bool is_ready;

    for (unsigned i = 0; !is_ready && i < COUNT_OF(watched); i++)
        name_index_add(&index, i, watched[i].key);
    is_ready = true;

    for (uint32_t left = name_index_rows(&index, member); left != 0; left &= left - 1) {
        const struct watched *row = &watched[__builtin_ctz(left)];

        if (dialect_key_is(member, row->key))
            return row;
    }
    return NULL;
}

static void
check_tools(const struct json_object *body, struct request_facts *facts)
{
    /* Anthropic's own tools have a date in their type, however it is written. */
    static const struct slice dates[] = {KEY("_20"), KEY("\\u00")};
    bool is_response = dialect_operation_protocol(facts->shape) == PROTOCOL_OPENAI_RESPONSES;
    size_t cursor = 0;
    struct slice tool;
    enum json_type type;

    if (facts->shape == OPERATION_CHAT)
        return;
    const struct json_member *tools = json_find(body, "tools");
    if (tools == NULL || tools->type != JSON_ARRAY)
        return;
    if (!is_response && !json_simd_contains(tools->value, dates, COUNT_OF(dates)))
        return;
    while (json_array_next(tools->value, &cursor, &tool, &type)) {
        if (type == JSON_OBJECT && runs_upstream(tool)) {
            facts->has_server_tools = true;
            facts->is_unbounded = true;
        }
    }
}

static bool
runs_upstream(struct slice tool)
{
    struct json_object object;
    struct json_error error;
    char room[64];
    struct slice name;

    if (json_scan_object(tool, &object, &error) != 0)
        return true;
    const struct json_member *type = json_find(&object, "type");
    if (type == NULL || type->type == JSON_NULL)
        return false;
    if (json_string_view(type->value, room, sizeof(room), &name) != 0)
        return true;
    for (size_t i = 0; i < COUNT_OF(own_tools); i++) {
        if (slice_starts_with(name, slice_str(own_tools[i])))
            return false;
    }
    return true;
}
