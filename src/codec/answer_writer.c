/* SPDX-License-Identifier: ISC
 *
 * What an answer's writer must know of the request: how the client's tools differ from those that
 * the upstream was given.
 */
#include "relayos/codec/json_scan.h"
#include "relayos/codec/translate.h"
#include "translate_id.h"

#define MAX_NAMES (1024 * 1024) /* bytes of names that were rewritten */

/* A tool in writer->tools: this, the name sent upstream, the client's name. */
struct tool_head {
    uint32_t sent_len;
    uint32_t name_len;
    uint32_t namespace_len;
    bool is_custom;
};

static void keep_tool(struct answer_writer *writer, const struct neutral_tool *tool,
                      struct arena *arena);
static bool find_tool(const struct answer_writer *writer, struct slice sent,
                      struct tool_head *out_head, struct slice *out_name);

void
answer_writer_expect(struct answer_writer *writer, const struct neutral_request *request)
{
    struct arena arena;

    writer->is_whole = !request->is_stream;
    writer->wants_usage = request->wants_usage;
    writer->uses_functions = request->uses_functions;
    writer->shows_reasoning = request->wants_reasoning_text;
    writer->said_max_tokens = request->max_tokens;
    writer->said_effort = request->effort;
    writer->said_summary = request->wants_reasoning_text;
    arena_init(&arena, MAX_NAMES);
    for (uint32_t i = 0; i < request->n_tools; i++)
        keep_tool(writer, &request->tools[i], &arena);
    arena_fini(&arena);
}

static void
keep_tool(struct answer_writer *writer, const struct neutral_tool *tool, struct arena *arena)
{
    const struct slice sent = translate_name(arena, tool->name);
    const struct tool_head head = {
        .sent_len = (uint32_t)sent.len,
        .name_len = (uint32_t)tool->name.len,
        .namespace_len = tool->namespace_len,
        .is_custom = tool->kind == NEUTRAL_CUSTOM,
    };

    if (!head.is_custom && head.namespace_len == 0 && slice_eq(sent, tool->name))
        return;
    buf_append(&writer->tools, &head, sizeof(head));
    buf_append_slice(&writer->tools, sent);
    buf_append_slice(&writer->tools, tool->name);
}

struct slice
answer_writer_name(const struct answer_writer *writer, struct slice name)
{
    struct tool_head tool;
    struct slice client_name;

    return find_tool(writer, name, &tool, &client_name) ? client_name : name;
}

bool
answer_writer_is_custom(const struct answer_writer *writer, struct slice name)
{
    struct tool_head tool;
    struct slice client_name;

    return find_tool(writer, name, &tool, &client_name) && tool.is_custom;
}

uint32_t
answer_writer_namespace(const struct answer_writer *writer, struct slice name)
{
    struct tool_head tool;
    struct slice client_name;

    return find_tool(writer, name, &tool, &client_name) ? tool.namespace_len : 0;
}

static bool
find_tool(const struct answer_writer *writer, struct slice sent, struct tool_head *out_head,
          struct slice *out_name)
{
    const char *p = writer->tools.ptr, *end = p + writer->tools.len;

    while (p != end) {
        memcpy(out_head, p, sizeof(*out_head));
        p += sizeof(*out_head);
        *out_name = slice_of(p + out_head->sent_len, out_head->name_len);
        if (slice_eq(slice_of(p, out_head->sent_len), sent))
            return true;
        p = out_name->ptr + out_name->len;
    }
    return false;
}

void
answer_writer_add_logprobs(struct answer_writer *writer, struct slice array)
{
    struct slice first;
    enum json_type type;
    size_t cursor = 0;

    if (array.len == 0 || !json_array_next(array, &cursor, &first, &type))
        return;
    if (writer->logprobs.len > 0)
        buf_append_byte(&writer->logprobs, ',');
    buf_append_slice(&writer->logprobs, slice_sub(array, 1, array.len - 1));
}
