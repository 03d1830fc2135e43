/* SPDX-License-Identifier: ISC */
#include "chat_request_write.h"
#include "relayos/codec/json_scan.h"
#include "translate_schema.h"

static void leave_choice(struct chat_writing *w);
static uint32_t count_tools(struct chat_writing *w);
static void write_function(struct chat_writing *w, const struct neutral_tool *tool);
static void write_custom(struct chat_writing *w, const struct neutral_tool *tool);
static void write_format(struct chat_writing *w, struct slice format);
static void write_choice(struct chat_writing *w);
static void write_named_choice(struct chat_writing *w);
static const struct neutral_tool *find_tool(const struct chat_writing *w, struct slice name);

/* Tools that a provider runs itself are of one protocol: they are left out. */
void
chat_request_write_tools(struct chat_writing *w)
{
    const struct neutral_request *request = w->request;
    bool may_choose = chat_request_write_may(w, FLAVOR_TAKES_TOOL_CHOICE);

    if (!may_choose && request->choice == NEUTRAL_CHOICE_NONE)
        return; /* it would call what it sees */
    if (count_tools(w) == 0) {
        if (request->choice == NEUTRAL_CHOICE_TOOL || request->choice == NEUTRAL_CHOICE_REQUIRED)
            chat_request_write_refuse(w, "A tool_choice without a tool that can be called");
        return;
    }
    json_out_array(&w->json, "tools");
    for (uint32_t i = 0; i < request->n_tools; i++) {
        const struct neutral_tool *tool = &request->tools[i];

        if (tool->kind == NEUTRAL_CUSTOM && chat_request_write_may(w, FLAVOR_TAKES_CUSTOM_TOOLS))
            write_custom(w, tool);
        else if (tool->kind != NEUTRAL_SERVER_TOOL)
            write_function(w, tool);
    }
    json_out_end_array(&w->json);
    if (!may_choose) {
        leave_choice(w);
        return;
    }
    write_choice(w);
    if (request->parallel_tools != NEUTRAL_UNSAID)
        json_out_bool(&w->json, "parallel_tool_calls", request->parallel_tools == NEUTRAL_YES);
}

/* Where neither is read. */
static void
leave_choice(struct chat_writing *w)
{
    enum neutral_choice choice = w->request->choice;

    if (choice == NEUTRAL_CHOICE_TOOL || choice == NEUTRAL_CHOICE_REQUIRED)
        chat_request_write_refuse(w, "A tool_choice that demands a call");
    if (w->request->parallel_tools == NEUTRAL_NO)
        translate_drop(w->dropped, "parallel_tool_calls");
}

static uint32_t
count_tools(struct chat_writing *w)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->request->n_tools; i++) {
        if (w->request->tools[i].kind == NEUTRAL_SERVER_TOOL)
            translate_drop_tool(w->dropped, &w->request->tools[i]);
        else
            n++;
    }
    return n;
}

/* A custom tool takes its text in an object where there are only functions. */
static void
write_function(struct chat_writing *w, const struct neutral_tool *tool)
{
    struct json_out *json = &w->json;

    json_out_object(json, NULL);
    json_out_str(json, "type", "function");
    json_out_object(json, "function");
    json_out_raw_string(json, "name", translate_name(w->arena, tool->name));
    if (tool->description.len > 0)
        json_out_raw_string(json, "description", tool->description);
    if (tool->schema.len > 0 || tool->kind == NEUTRAL_CUSTOM)
        translate_schema(json, "parameters", tool);
    if (tool->strict != NEUTRAL_UNSAID && chat_request_write_takes(w, CAP_STRICT_TOOLS))
        json_out_bool(json, "strict", tool->strict == NEUTRAL_YES);
    json_out_end_object(json);
    json_out_end_object(json);
}

static void
write_custom(struct chat_writing *w, const struct neutral_tool *tool)
{
    struct json_out *json = &w->json;

    json_out_object(json, NULL);
    json_out_str(json, "type", "custom");
    json_out_object(json, "custom");
    json_out_raw_string(json, "name", translate_name(w->arena, tool->name));
    if (tool->description.len > 0)
        json_out_raw_string(json, "description", tool->description);
    if (tool->json.len > 0)
        write_format(w, tool->json);
    json_out_end_object(json);
    json_out_end_object(json);
}

/* Grammars are one level deeper in chat than elsewhere. */
static void
write_format(struct chat_writing *w, struct slice format)
{
    struct json_out *json = &w->json;
    struct json_member definition, syntax;

    if (!json_find_in(format, "definition", &definition) ||
        !json_find_in(format, "syntax", &syntax)) {
        json_out_raw(json, "format", format);
        return;
    }
    json_out_object(json, "format");
    json_out_str(json, "type", "grammar");
    json_out_object(json, "grammar");
    json_out_raw(json, "definition", definition.value);
    json_out_raw(json, "syntax", syntax.value);
    json_out_end_object(json);
    json_out_end_object(json);
}

static void
write_choice(struct chat_writing *w)
{
    static const char *const words[] = {
        [NEUTRAL_CHOICE_AUTO] = "auto",
        [NEUTRAL_CHOICE_NONE] = "none",
        [NEUTRAL_CHOICE_REQUIRED] = "required",
    };

    if (w->request->choice == NEUTRAL_CHOICE_TOOL)
        write_named_choice(w);
    else if (w->request->choice != NEUTRAL_CHOICE_UNSAID)
        json_out_str(&w->json, "tool_choice", words[w->request->choice]);
}

static void
write_named_choice(struct chat_writing *w)
{
    const struct neutral_tool *tool = find_tool(w, w->request->choice_name);
    bool is_custom = tool != NULL && tool->kind == NEUTRAL_CUSTOM &&
                     chat_request_write_may(w, FLAVOR_TAKES_CUSTOM_TOOLS);
    const char *kind = is_custom ? "custom" : "function";

    if (tool == NULL || tool->kind == NEUTRAL_SERVER_TOOL) {
        chat_request_write_refuse(w, "A tool_choice without a tool that can be called");
        return;
    }
    json_out_object(&w->json, "tool_choice");
    json_out_str(&w->json, "type", kind);
    json_out_object(&w->json, kind);
    json_out_raw_string(&w->json, "name", translate_name(w->arena, tool->name));
    json_out_end_object(&w->json);
    json_out_end_object(&w->json);
}

static const struct neutral_tool *
find_tool(const struct chat_writing *w, struct slice name)
{
    for (uint32_t i = 0; i < w->request->n_tools; i++) {
        if (slice_eq(w->request->tools[i].name, name))
            return &w->request->tools[i];
    }
    return NULL;
}
