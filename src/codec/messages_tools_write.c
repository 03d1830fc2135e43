/* SPDX-License-Identifier: ISC
 *
 * Tools of a request as Messages has them, and which of them the model is to call
 * (protocols.md 7.3).
 */
#include "messages_write.h"
#include "translate_schema.h"

static bool is_taken(const struct messages_writing *w, const struct neutral_tool *tool);
static void write_tool(struct messages_writing *w, const struct neutral_tool *tool);

uint32_t
messages_tools_write(struct messages_writing *w)
{
    const struct neutral_request *request = w->request;
    const bool is_native = request->protocol == PROTOCOL_ANTHROPIC_MESSAGES;
    uint32_t n = 0;

    for (uint32_t i = 0; i < request->n_tools; i++) {
        const struct neutral_tool *tool = &request->tools[i];

        if (tool->kind == NEUTRAL_SERVER_TOOL && !is_native) {
            translate_drop_tool(w->dropped, tool);
            continue;
        }
        if (n++ == 0)
            json_out_array(&w->json, "tools");
        if (tool->kind == NEUTRAL_SERVER_TOOL || (is_native && is_taken(w, tool)))
            json_out_raw(&w->json, NULL, tool->json);
        else
            write_tool(w, tool);
    }
    if (n > 0)
        json_out_end_array(&w->json);
    return n;
}

/* As it is: with what only this protocol says of tools, such as when they are loaded. */
static bool
is_taken(const struct messages_writing *w, const struct neutral_tool *tool)
{
    return w->n_surplus == 0 && tool->json.len > 0 &&
           (tool->strict != NEUTRAL_YES || messages_write_takes(w, CAP_STRICT_TOOLS));
}

static void
write_tool(struct messages_writing *w, const struct neutral_tool *tool)
{
    json_out_object(&w->json, NULL);
    json_out_raw_string(&w->json, "name", translate_name(w->arena, tool->name));
    if (tool->description.len > 0)
        json_out_raw_string(&w->json, "description", tool->description);
    translate_schema(&w->json, "input_schema", tool);
    if (tool->strict == NEUTRAL_YES && messages_write_takes(w, CAP_STRICT_TOOLS))
        json_out_bool(&w->json, "strict", true);
    messages_content_write_cache(w, tool->cache_control);
    json_out_end_object(&w->json);
}

void
messages_tools_write_choice(struct messages_writing *w)
{
    static const char *const words[] = {
        [NEUTRAL_CHOICE_UNSAID] = "auto", [NEUTRAL_CHOICE_AUTO] = "auto",
        [NEUTRAL_CHOICE_NONE] = "none",   [NEUTRAL_CHOICE_REQUIRED] = "any",
        [NEUTRAL_CHOICE_TOOL] = "tool",
    };
    const struct neutral_request *request = w->request;
    enum neutral_choice choice = request->choice;

    /* What a model does not take, a line of its instructions says: messages_request_write.c. */
    if (messages_write_is_forced(request) && !messages_write_takes(w, CAP_FORCED_TOOL))
        choice = NEUTRAL_CHOICE_AUTO;
    if (choice == NEUTRAL_CHOICE_UNSAID && request->parallel_tools != NEUTRAL_NO)
        return;
    json_out_object(&w->json, "tool_choice");
    json_out_str(&w->json, "type", words[choice]);
    if (choice == NEUTRAL_CHOICE_TOOL)
        json_out_raw_string(&w->json, "name", translate_name(w->arena, request->choice_name));
    if (request->parallel_tools == NEUTRAL_NO && choice != NEUTRAL_CHOICE_NONE)
        json_out_bool(&w->json, "disable_parallel_tool_use", true);
    json_out_end_object(&w->json);
}
