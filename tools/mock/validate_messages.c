/* SPDX-License-Identifier: ISC
 *
 * validate_messages - what Anthropic refuses (protocols.md 3.2, 7.6).
 */
#include "validate.h"

#include <string.h>

#define TOP                                                                                        \
    "model,max_tokens,messages,system,tools,tool_choice,thinking,output_config,stop_sequences,"    \
    "stream,temperature,top_p,top_k,metadata,service_tier,speed,inference_geo,container,"          \
    "diagnostics,cache_control,context_management,mcp_servers,fallbacks,compaction,thread,"        \
    "output_format,billing_policy,fallback_credit_token,user_profile_id,workspace_id"
/* Of what is counted. */
#define TOP_COUNT                                                                                  \
    "model,messages,system,tools,tool_choice,thinking,output_config,cache_control,speed,"          \
    "context_management,mcp_servers,compaction,output_format,user_profile_id"
#define BLOCKS                                                                                     \
    "text,image,document,search_result,thinking,redacted_thinking,tool_use,tool_result,"           \
    "server_tool_use,web_search_tool_result,container_upload,compaction"
#define MAX_BREAKPOINTS 4

static bool messages_limits(struct ask *ask);
static bool messages_sampling(struct ask *ask);
static bool messages_thinking(struct ask *ask);
static bool messages_output(struct ask *ask);
static bool messages_tools(struct ask *ask);
static bool messages_choice(struct ask *ask);
static bool messages_thread(struct ask *ask);
static bool messages_goes_on(const struct ask *ask);
static bool messages_turns(struct ask *ask);
static bool messages_turn(struct ask *ask, const cJSON *turn, int i);
static bool messages_block(struct ask *ask, const cJSON *turn, const cJSON *block, int i);
static bool messages_text(struct ask *ask, const char *text, int i);
static bool messages_media(struct ask *ask, const cJSON *source, int i);
static bool messages_results(struct ask *ask, const cJSON *before, const cJSON *turn, int i);
static bool messages_loop(struct ask *ask, const cJSON *turn, int i);
static int messages_breakpoints(const cJSON *node);
static const cJSON *messages_get(const cJSON *object, const char *key);
static bool messages_is(const cJSON *block, const char *type);

void
validate_message(struct ask *ask)
{
    if (ask->version[0] == '\0') {
        validate_refuse(ask, "anthropic-version: header is required");
        return;
    }
    if (!validate_members(ask, ask->tree, ask->kind == ASK_COUNT_TOKENS ? TOP_COUNT : TOP, ""))
        return;
    if (ask->kind == ASK_MESSAGE && !messages_limits(ask))
        return;
    if (messages_breakpoints(ask->tree) > MAX_BREAKPOINTS) {
        validate_refuse(ask, "A maximum of 4 blocks with cache_control may be provided.");
        return;
    }
    if (messages_sampling(ask) && messages_thinking(ask) && messages_output(ask) &&
        messages_tools(ask) && messages_choice(ask) && messages_thread(ask))
        messages_turns(ask);
}

static bool
messages_limits(struct ask *ask)
{
    double most = validate_number(ask->tree, "max_tokens", 0);
    long limit = validate_model_of(ask)->max_output;
    const cJSON *stop, *metadata = messages_get(ask->tree, "metadata");

    if (most < 1)
        return validate_refuse(ask, "max_tokens: must be greater than or equal to 1");
    if (most > (double)limit)
        return validate_refuse(ask,
                               "max_tokens: %.0f > %ld, which is the maximum allowed number of "
                               "output tokens for %.100s",
                               most, limit, ask->model);
    cJSON_ArrayForEach(stop, messages_get(ask->tree, "stop_sequences"))
    {
        if (!cJSON_IsString(stop) ||
            stop->valuestring[strspn(stop->valuestring, " \t\r\n")] == '\0')
            return validate_refuse(
                ask, "stop_sequences: each stop sequence must contain non-whitespace");
    }
    if (!validate_members(ask, metadata, "user_id", "metadata"))
        return false;
    if (strlen(validate_text(metadata, "user_id")) > 256)
        return validate_refuse(ask, "metadata.user_id: String should have at most 256 characters");
    return true;
}

/* The newer version of the API refuses what the newer models refuse. */
static bool
messages_sampling(struct ask *ask)
{
    static const char *const names[] = {"temperature", "top_p", "top_k"};
    double temperature = validate_number(ask->tree, "temperature", 1);

    for (int i = 0; i < 3; i++) {
        if (messages_get(ask->tree, names[i]) == NULL)
            continue;
        if (strcmp(ask->version, "2026-10-21") >= 0)
            return validate_refuse(ask, "%s: not supported by this version of the API", names[i]);
        if (!validate_can(ask, MODEL_SAMPLING))
            return validate_refuse(ask, "`%s` is deprecated for this model.", names[i]);
    }
    if (temperature < 0 || temperature > 1)
        return validate_refuse(ask, "temperature: range: 0..1");
    if (messages_get(ask->tree, "temperature") != NULL &&
        messages_get(ask->tree, "top_p") != NULL && !validate_can(ask, MODEL_SAMPLING_BOTH))
        return validate_refuse(
            ask, "`temperature` and `top_p` cannot both be specified for this model.");
    return true;
}

static bool
messages_thinking(struct ask *ask)
{
    const cJSON *thinking = messages_get(ask->tree, "thinking");
    const char *type = validate_text(thinking, "type");
    double budget = validate_number(thinking, "budget_tokens", 0);

    if (thinking == NULL)
        return true;
    if (!validate_members(ask, thinking, "type,budget_tokens,display", "thinking"))
        return false;
    if (!validate_is_in("enabled,adaptive,disabled,between_tools", type))
        return validate_refuse(ask, "thinking: Input tag '%s' does not match", type);
    if (strcmp(type, "disabled") == 0)
        return validate_can(ask, MODEL_OFF) ||
               validate_refuse(ask, "\"thinking.type.disabled\" is not supported for this model.");
    if (strcmp(type, "adaptive") == 0 && !validate_can(ask, MODEL_ADAPTIVE))
        return validate_refuse(ask, "adaptive thinking is not supported on this model");
    if (strcmp(type, "enabled") == 0 && !validate_can(ask, MODEL_BUDGET))
        return validate_refuse(ask, "\"thinking.type.enabled\" is not supported for this model.");
    if (strcmp(type, "enabled") == 0 && budget < 1024)
        return validate_refuse(
            ask, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
    if (ask->kind == ASK_MESSAGE && budget >= validate_number(ask->tree, "max_tokens", 0))
        return validate_refuse(ask, "`max_tokens` must be greater than `thinking.budget_tokens`.");
    if (validate_number(ask->tree, "temperature", 1) != 1 ||
        messages_get(ask->tree, "top_k") != NULL || validate_number(ask->tree, "top_p", 1) < 0.95)
        return validate_refuse(ask, "`temperature` may only be set to 1 when thinking is enabled.");
    return true;
}

static bool
messages_output(struct ask *ask)
{
    const cJSON *output = messages_get(ask->tree, "output_config"),
                *format = messages_get(output, "format");
    const char *effort = validate_text(output, "effort");

    if (!validate_members(ask, output, "effort,format,task_budget", "output_config"))
        return false;
    if (effort[0] != '\0' && !validate_can(ask, MODEL_ADAPTIVE) &&
        strncmp(ask->model, "claude-opus-4-5", 15) != 0)
        return validate_refuse(ask, "This model does not support the effort parameter.");
    if (effort[0] != '\0' && !validate_is_in("low,medium,high,xhigh,max", effort))
        return validate_refuse(ask, "output_config.effort: unexpected value '%s'", effort);
    if (format == NULL)
        return true;
    if (!validate_can(ask, MODEL_FORMAT))
        return validate_refuse(ask, "output_config.format: not supported on this model");
    if (!messages_is(format, "json_schema") || !cJSON_IsObject(messages_get(format, "schema")))
        return validate_refuse(ask, "output_config.format.schema: Field required");
    return validate_members(ask, format, "type,schema", "output_config.format");
}

static bool
messages_tools(struct ask *ask)
{
    const cJSON *tools = messages_get(ask->tree, "tools"), *tool, *other;

    cJSON_ArrayForEach(tool, tools)
    {
        const char *name = validate_text(tool, "name"), *type = validate_text(tool, "type");
        const cJSON *schema = messages_get(tool, "input_schema");

        if (type[0] != '\0' && strcmp(type, "custom") != 0)
            continue;
        if (!validate_is_word(name, 128, "_-"))
            return validate_refuse(
                ask, "tools.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'");
        if (strcmp(validate_text(schema, "type"), "object") != 0)
            return validate_refuse(ask, "tools.custom.input_schema.type: Field required");
        if (!validate_members(ask, tool,
                              "type,name,description,input_schema,strict,cache_control,"
                              "eager_input_streaming,defer_loading,input_examples,allowed_callers",
                              "tools.custom"))
            return false;
        for (other = tool->next; other != NULL; other = other->next) {
            if (strcmp(validate_text(other, "name"), name) == 0)
                return validate_refuse(ask, "tools: Tool names must be unique.");
        }
    }
    return true;
}

static bool
messages_choice(struct ask *ask)
{
    const cJSON *choice = messages_get(ask->tree, "tool_choice"),
                *thinking = messages_get(ask->tree, "thinking");
    const char *type = validate_text(choice, "type");
    bool is_forced = validate_is_in("any,tool", type);

    if (choice == NULL)
        return true;
    if (!validate_members(ask, choice, "type,name,disable_parallel_tool_use", "tool_choice"))
        return false;
    if (!validate_is_in("auto,any,tool,none", type))
        return validate_refuse(ask, "tool_choice: Input tag '%s' does not match", type);
    if (cJSON_GetArraySize(messages_get(ask->tree, "tools")) == 0)
        return validate_refuse(
            ask, "tool_choice: tool_choice may only be specified while providing tools.");
    if (is_forced && !validate_can(ask, MODEL_FORCED))
        return validate_refuse(ask, "tool_choice: forced tool use is not supported by this model.");
    if (is_forced && validate_is_in("enabled,adaptive", validate_text(thinking, "type")))
        return validate_refuse(ask,
                               "Thinking may not be enabled when tool_choice forces tool use.");
    return true;
}

/* What it was created with stays with a thread, and so do the messages up to that answer. */
static bool
messages_thread(struct ask *ask)
{
    const cJSON *thread = messages_get(ask->tree, "thread");
    const char *previous = validate_text(thread, "previous_message_id");

    if (thread == NULL || messages_is(thread, "create"))
        return validate_members(ask, thread, "type", "thread");
    if (!messages_goes_on(ask))
        return validate_refuse(ask, "thread: Input tag does not match");
    if (strncmp(previous, "msg_canary", 10) != 0)
        return validate_refuse(ask, "thread.previous_message_id: not found");
    if (messages_get(ask->tree, "system") != NULL || messages_get(ask->tree, "tools") != NULL)
        return validate_refuse(ask, "thread: system and tools are set when it is created");
    return validate_members(ask, thread, "type,previous_message_id", "thread");
}

static bool
messages_goes_on(const struct ask *ask)
{
    return messages_is(messages_get(ask->tree, "thread"), "continue");
}

static bool
messages_turns(struct ask *ask)
{
    const cJSON *turns = messages_get(ask->tree, "messages"), *turn, *before = NULL;
    int i = 0;

    if (cJSON_GetArraySize(turns) == 0)
        return messages_goes_on(ask) ||
               validate_refuse(ask, "messages: at least one message is required");
    cJSON_ArrayForEach(turn, turns)
    {
        bool is_answer = i == 0 && messages_goes_on(ask); /* to calls that are kept here */

        if (!messages_turn(ask, turn, i) || (!is_answer && !messages_results(ask, before, turn, i)))
            return false;
        before = turn;
        i++;
    }
    return messages_results(ask, before, NULL, i);
}

static bool
messages_turn(struct ask *ask, const cJSON *turn, int i)
{
    const cJSON *content = messages_get(turn, "content"), *block;
    const char *role = validate_text(turn, "role");

    if (!validate_members(ask, turn, "role,content", "messages"))
        return false;
    if (!validate_is_in("user,assistant,system", role))
        return validate_refuse(ask, "messages.%d: Unexpected role \"%s\"", i, role);
    if (strcmp(role, "system") == 0 &&
        (validate_can(ask, MODEL_SAMPLING) || !validate_can(ask, MODEL_ADAPTIVE)))
        return validate_refuse(ask,
                               "messages: Unexpected role \"system\". The Messages API accepts a "
                               "top-level `system` parameter, not \"system\" as an input message "
                               "role.");
    if (cJSON_IsString(content))
        return messages_text(ask, content->valuestring, i);
    if (cJSON_GetArraySize(content) == 0 && turn->next != NULL)
        return validate_refuse(ask,
                               "messages.%d: all messages must have non-empty content except for "
                               "the optional final assistant message",
                               i);
    cJSON_ArrayForEach(block, content)
    {
        if (!messages_block(ask, turn, block, i))
            return false;
    }
    return messages_loop(ask, turn, i);
}

static bool
messages_block(struct ask *ask, const cJSON *turn, const cJSON *block, int i)
{
    bool is_assistant = strcmp(validate_text(turn, "role"), "assistant") == 0;
    const char *id = validate_text(block, "id"), *text = validate_text(block, "text");

    if (!validate_is_in(BLOCKS, validate_text(block, "type")))
        return validate_refuse(ask, "messages.%d.content: Input tag '%s' does not match", i,
                               validate_text(block, "type"));
    if (messages_is(block, "text")) {
        size_t len = strlen(text);

        if (is_assistant && turn->next == NULL && block->next == NULL && len > 0 &&
            strchr(" \t\r\n", text[len - 1]) != NULL)
            return validate_refuse(
                ask, "messages: final assistant content cannot end with trailing whitespace");
        return validate_members(ask, block, "type,text,cache_control,citations",
                                "messages.content.text") &&
               messages_text(ask, text, i);
    }
    if (messages_is(block, "image") || messages_is(block, "document"))
        return messages_media(ask, messages_get(block, "source"), i);
    if (messages_is(block, "thinking")) {
        if (!cJSON_IsString(messages_get(block, "thinking")))
            return validate_refuse(ask, "messages.%d.content.thinking: Field required", i);
        if (!validate_is_base64(validate_text(block, "signature")))
            return validate_refuse(
                ask, "messages.%d.content: Invalid `signature` in `thinking` block", i);
    }
    if (messages_is(block, "redacted_thinking") &&
        !validate_is_base64(validate_text(block, "data")))
        return validate_refuse(ask,
                               "messages.%d.content: Invalid `data` in `redacted_thinking` "
                               "block",
                               i);
    if (messages_is(block, "tool_use")) {
        if (!is_assistant || !cJSON_IsObject(messages_get(block, "input")))
            return validate_refuse(
                ask, "messages.%d.content.tool_use.input: Input should be a valid dictionary", i);
        if (!validate_is_word(id, 256, "_-"))
            return validate_refuse(ask,
                                   "messages.%d.content.tool_use.id: String should match pattern "
                                   "'^[a-zA-Z0-9_-]+$'",
                                   i);
    }
    return true;
}

static bool
messages_text(struct ask *ask, const char *text, int i)
{
    if (text[0] == '\0')
        return validate_refuse(ask, "messages.%d: text content blocks must be non-empty", i);
    if (text[strspn(text, " \t\r\n")] == '\0')
        return validate_refuse(
            ask, "messages.%d: text content blocks must contain non-whitespace text", i);
    return true;
}

static bool
messages_media(struct ask *ask, const cJSON *source, int i)
{
    const char *type = validate_text(source, "type");

    if (!validate_is_in("base64,url,file,text,content", type))
        return validate_refuse(ask, "messages.%d.content.source: Input tag '%s' does not match", i,
                               type);
    if (strcmp(type, "base64") == 0 &&
        (!validate_is_base64(validate_text(source, "data")) ||
         !validate_is_in("image/jpeg,image/png,image/gif,image/webp,application/pdf",
                         validate_text(source, "media_type"))))
        return validate_refuse(ask, "messages.%d.content.source.base64: invalid base64 data", i);
    return true;
}

/* Calls are answered in the next message, in front of all else in it, and nothing else is. */
static bool
messages_results(struct ask *ask, const cJSON *before, const cJSON *turn, int i)
{
    const cJSON *content = messages_get(turn, "content"), *calls = messages_get(before, "content"),
                *block, *call;
    int n_calls = 0, n_results = 0;
    bool is_late = false;

    cJSON_ArrayForEach(call, calls) n_calls += messages_is(call, "tool_use");
    if (turn == NULL && n_calls > 0)
        return validate_refuse(ask,
                               "messages.%d: `tool_use` ids were found without `tool_result` "
                               "blocks immediately after.",
                               i - 1);
    cJSON_ArrayForEach(block, content)
    {
        bool is_found = false;

        if (!messages_is(block, "tool_result")) {
            is_late = true;
            continue;
        }
        const char *id = validate_text(block, "tool_use_id");

        cJSON_ArrayForEach(call, calls)
        {
            is_found |= messages_is(call, "tool_use") && strcmp(validate_text(call, "id"), id) == 0;
        }
        if (!is_found)
            return validate_refuse(ask,
                                   "messages.%d.content: unexpected `tool_use_id` found in "
                                   "`tool_result` blocks: %.80s.",
                                   i, id);
        if (is_late)
            return validate_refuse(
                ask, "messages.%d: `tool_result` blocks must come first in the content.", i);
        n_results++;
    }
    if (n_results != n_calls)
        return validate_refuse(ask,
                               "messages.%d: `tool_use` ids were found without `tool_result` "
                               "blocks immediately after.",
                               i - 1);
    return true;
}

/* With thinking by a budget, the turn whose tools are being answered shows how it began. */
static bool
messages_loop(struct ask *ask, const cJSON *turn, int i)
{
    const cJSON *thinking = messages_get(ask->tree, "thinking"),
                *content = messages_get(turn, "content"), *block;
    bool has_call = false;

    cJSON_ArrayForEach(block, content) has_call |= messages_is(block, "tool_use");
    if (!has_call || turn->next == NULL || turn->next->next != NULL ||
        !messages_is(thinking, "enabled"))
        return true;
    if (messages_is(content->child, "thinking") || messages_is(content->child, "redacted_thinking"))
        return true;
    return validate_refuse(ask,
                           "messages.%d.content.0.type: Expected `thinking` or "
                           "`redacted_thinking`, but found `%s`.",
                           i, validate_text(content->child, "type"));
}

/* In system, messages and tools; depth is bounded by the parser. */
static int
messages_breakpoints(const cJSON *node)
{
    const cJSON *child;
    int n = 0;

    cJSON_ArrayForEach(child, node)
    {
        if (child->string != NULL && strcmp(child->string, "input") == 0)
            continue;
        if (child->string != NULL && strcmp(child->string, "cache_control") == 0)
            n += cJSON_IsObject(child);
        else
            n += messages_breakpoints(child);
    }
    return n;
}

static const cJSON *
messages_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool
messages_is(const cJSON *block, const char *type)
{
    return strcmp(validate_text(block, "type"), type) == 0;
}
