/* SPDX-License-Identifier: ISC
 *
 * What the turns of a request say of its conversation: which one it is, and whose reasoning it
 * carries. The text is valid by now; places are looked for again, since few requests need them.
 * Prefix: dialect_.
 */
#include "dialect_parts.h"

static struct slice member_of(const struct request_facts *facts, const char *name);
static bool is_role(struct slice turn, const char *role);
static bool is_instruction(struct slice turn);
static struct slice text_of(struct slice content, size_t n_skipped);
static struct slice part_text(struct slice part);
static bool has_signed_part(struct slice parts);
static bool is_signed(struct slice part);
static bool mentions(struct slice text, const char *word);

void
dialect_conversation(const struct request_facts *facts, struct slice out[2])
{
    bool is_response = dialect_operation_protocol(facts->shape) == PROTOCOL_OPENAI_RESPONSES;
    struct slice turns = member_of(facts, is_response ? "input" : "messages"), turn;
    size_t cursor = 0;
    enum json_type type;
    struct json_member content;

    out[0] = out[1] = (struct slice){0};
    if (facts->shape == OPERATION_COMPLETION)
        out[1] = text_of(member_of(facts, "prompt"), 0);
    if (is_response)
        out[0] = text_of(member_of(facts, "instructions"), 0);
    /* Claude Code begins its instructions with a line of its own that varies. */
    if (facts->shape == OPERATION_MESSAGE || facts->shape == OPERATION_COUNT_TOKENS)
        out[0] = text_of(member_of(facts, "system"), 1);
    if (turns.len > 0 && turns.ptr[0] == '"')
        out[1] = turns;
    while (turns.len > 0 && out[1].len == 0 && json_array_next(turns, &cursor, &turn, &type)) {
        if (type != JSON_OBJECT || !json_find_in(turn, "content", &content))
            continue;
        if (out[0].len == 0 && is_instruction(turn))
            out[0] = text_of(content.value, 0);
        else if (is_role(turn, "user"))
            out[1] = text_of(content.value, SIZE_MAX);
    }
}

static struct slice
member_of(const struct request_facts *facts, const char *name)
{
    struct json_member member;

    return json_find_in(slice_trim(facts->body), name, &member) ? member.value : (struct slice){0};
}

static bool
is_role(struct slice turn, const char *role)
{
    struct json_member member;

    return json_find_in(turn, "role", &member) && json_string_is(member.value, role);
}

static bool
is_instruction(struct slice turn)
{
    return is_role(turn, "system") || is_role(turn, "developer");
}

/*
 * A string, or of an array of them or of parts the text behind so many others; the last if there
 * are not so many. Marks beside a text, such as where a cache may end, move on from turn to turn.
 */
static struct slice
text_of(struct slice content, size_t n_skipped)
{
    size_t cursor = 0;
    struct slice part, text = {0};
    enum json_type type;

    if (content.len > 0 && content.ptr[0] == '"')
        return content;
    if (content.len == 0 || content.ptr[0] != '[')
        return text;
    for (size_t n = 0; n <= n_skipped && json_array_next(content, &cursor, &part, &type);) {
        struct slice found = type == JSON_STRING ? part : part_text(part);

        if (found.len == 0)
            continue;
        text = found;
        n++;
    }
    return text;
}

static struct slice
part_text(struct slice part)
{
    struct json_member text;

    if (part.ptr[0] != '{' || !json_find_in(part, "text", &text) || text.type != JSON_STRING)
        return (struct slice){0};
    return text.value;
}

bool
dialect_has_signed_reasoning(const struct request_facts *facts)
{
    size_t cursor = 0;
    struct slice turn;
    enum json_type type;
    struct json_member content;

    if (dialect_operation_protocol(facts->shape) == PROTOCOL_OPENAI_RESPONSES)
        return mentions(facts->body, "\"encrypted_content\"") &&
               has_signed_part(member_of(facts, "input"));
    if (facts->shape != OPERATION_MESSAGE && facts->shape != OPERATION_COUNT_TOKENS)
        return false;
    if (!mentions(facts->body, "\"signature\"") && !mentions(facts->body, "\"redacted_thinking\""))
        return false;
    struct slice turns = member_of(facts, "messages");
    while (turns.len > 0 && json_array_next(turns, &cursor, &turn, &type)) {
        if (type == JSON_OBJECT && json_find_in(turn, "content", &content) &&
            content.type == JSON_ARRAY && has_signed_part(content.value))
            return true;
    }
    return false;
}

static bool
has_signed_part(struct slice parts)
{
    size_t cursor = 0;
    struct slice part;
    enum json_type type;

    if (parts.len == 0 || parts.ptr[0] != '[')
        return false;
    while (json_array_next(parts, &cursor, &part, &type)) {
        if (type == JSON_OBJECT && is_signed(part))
            return true;
    }
    return false;
}

/* thinking with a signature, redacted_thinking; an item of reasoning, or of what a conversation was
 * compacted to, with what is encrypted of it. */
static bool
is_signed(struct slice part)
{
    struct json_member kind, seal;

    if (!json_find_in(part, "type", &kind))
        return false;
    if (json_string_is(kind.value, "redacted_thinking"))
        return true;
    const char *name = json_string_is(kind.value, "thinking")     ? "signature"
                       : json_string_is(kind.value, "reasoning")  ? "encrypted_content"
                       : json_string_is(kind.value, "compaction") ? "encrypted_content"
                                                                  : NULL;
    return name != NULL && json_find_in(part, name, &seal) && seal.type == JSON_STRING &&
           seal.value.len > 2;
}

/* In a string the quotes would be escaped: only a name or a whole text is found. */
static bool
mentions(struct slice text, const char *word)
{
    return text.len > 0 && memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}
