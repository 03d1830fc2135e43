/* SPDX-License-Identifier: ISC
 *
 * Counting the tokens of a request: what counters of each protocol want to know of it, and where
 * they say the number. Prefix: translate_.
 */
#include <assert.h>
#include <inttypes.h>

#include "relayos/codec/json_out.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/translate.h"

#define MEMBERS_MAX 14

/* What a counter takes: others are not of the prompt, and refused. NULL: not by members. */
static const char *const members[][MEMBERS_MAX] = {
    [PROTOCOL_OPENAI_RESPONSES] = {"model", "input", "instructions", "tools", "tool_choice",
                                   "parallel_tool_calls", "reasoning", "text", "truncation"},
    [PROTOCOL_ANTHROPIC_MESSAGES] = {"model", "messages", "system", "tools", "tool_choice",
                                     "thinking", "output_config", "output_format", "cache_control",
                                     "context_management", "mcp_servers"},
};

static void wrap(struct slice model, struct slice body, struct buf *out);
static bool is_member(enum protocol protocol, const struct json_member *member);

int
translate_count_request(enum protocol protocol, struct slice model, struct slice body,
                        struct buf *out)
{
    struct json_object object;
    struct json_error error;
    const char *comma = "{";

    assert(translate_counts(protocol));
    if (protocol == PROTOCOL_GEMINI) {
        wrap(model, body, out);
        return 0;
    }
    if (json_scan_object(body, &object, &error) !=
        0) /* ours, but the caller's may be nested in it */
        return ERR_INVALID_REQUEST;
    for (size_t i = 0; i < object.n_members; i++) {
        const struct json_member *member = &object.members[i];

        if (!is_member(protocol, member))
            continue;
        buf_append_str(out, comma);
        buf_append_byte(out, '"');
        buf_append_slice(out, member->key);
        buf_append_str(out, "\":");
        buf_append_slice(out, member->value);
        comma = ",";
    }
    buf_append_byte(out, '}');
    return 0;
}

bool
translate_counts(enum protocol protocol)
{
    return protocol != PROTOCOL_OPENAI_CHAT;
}

static void
wrap(struct slice model, struct slice body, struct buf *out)
{
    const bool is_path = model.len > 0 && memchr(model.ptr, '/', model.len) != NULL;

    buf_append_str(out, "{\"generateContentRequest\":{\"model\":\"");
    buf_append_str(out, is_path ? "" : "models/");
    json_escape(out, model);
    buf_append_str(out, "\",");
    buf_append_slice(out, slice_sub(body, 1, body.len)); /* its opening bracket is written */
    buf_append_byte(out, '}');
}

static bool
is_member(enum protocol protocol, const struct json_member *member)
{
    for (size_t i = 0; i < MEMBERS_MAX && members[protocol][i] != NULL; i++)
        if (json_key_is(member, members[protocol][i]))
            return true;
    return false;
}

int
translate_count_read(enum protocol protocol, struct slice body, int64_t *out_tokens)
{
    struct json_object object;
    struct json_error error;

    if (json_scan_object(body, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    const struct json_member *count =
        json_find(&object, protocol == PROTOCOL_GEMINI ? "totalTokens" : "input_tokens");
    if (count == NULL || json_int(count->value, out_tokens) != 0 || *out_tokens < 0)
        return ERR_UPSTREAM_ERROR;
    return 0;
}

void
translate_count_write(enum protocol protocol, int64_t tokens, struct buf *out)
{
    bool is_response = protocol == PROTOCOL_OPENAI_RESPONSES;

    buf_printf(out, "{%s\"input_tokens\":%" PRId64 "}",
               is_response ? "\"object\":\"response.input_tokens\"," : "", tokens);
}
