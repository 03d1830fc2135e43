/* SPDX-License-Identifier: ISC
 *
 * validate_responses - what OpenAI's Responses refuse (protocols.md 2.1).
 */
#include "validate.h"

#include <string.h>

#define TOP                                                                                        \
    "model,input,instructions,max_output_tokens,max_tool_calls,temperature,top_p,top_logprobs,"    \
    "tools,tool_choice,parallel_tool_calls,reasoning,text,include,store,previous_response_id,"     \
    "conversation,prompt,truncation,metadata,service_tier,stream,stream_options,background,"       \
    "context_management,prompt_cache_key,prompt_cache_options,prompt_cache_retention,"             \
    "safety_identifier,user,moderation,client_metadata"
/* Of what is counted, and of what is compacted. */
#define TOP_COUNT                                                                                  \
    "model,input,instructions,tools,tool_choice,parallel_tool_calls,personality,reasoning,text,"   \
    "previous_response_id,conversation,truncation"
#define TOP_COMPACT                                                                                \
    "model,input,instructions,previous_response_id,prompt_cache_key,prompt_cache_options,"         \
    "prompt_cache_retention,service_tier"
#define ITEMS                                                                                      \
    "message,function_call,function_call_output,custom_tool_call,custom_tool_call_output,"         \
    "reasoning,item_reference,compaction,local_shell_call,local_shell_call_output,shell_call,"     \
    "shell_call_output,apply_patch_call,apply_patch_call_output,web_search_call,file_search_call," \
    "computer_call,computer_call_output,mcp_call,mcp_list_tools,image_generation_call"
/* The last is Codex's, towards OpenAI alone. */
#define MESSAGE "type,role,content,id,status,phase,internal_chat_message_metadata_passthrough"
#define PARTS   "input_text,input_image,input_file,output_text,refusal,summary_text"
#define MAX_ID  64

static bool responses_scalars(struct ask *ask);
static bool responses_tools(struct ask *ask);
static bool responses_text(struct ask *ask);
static bool responses_items(struct ask *ask);
static bool responses_item(struct ask *ask, const cJSON *item, int i);
static bool responses_message(struct ask *ask, const cJSON *item, int i);
static bool responses_id(struct ask *ask, const cJSON *item, int i);
static bool responses_call(struct ask *ask, const cJSON *item, int i);
static bool responses_has(const cJSON *items, const char *type, const char *call_id);
static const char *responses_type(const cJSON *item);
static const cJSON *responses_get(const cJSON *object, const char *key);

void
validate_response(struct ask *ask)
{
    const char *top = ask->kind == ASK_INPUT_TOKENS ? TOP_COUNT
                      : ask->kind == ASK_COMPACT    ? TOP_COMPACT
                                                    : TOP;

    if (validate_members(ask, ask->tree, top, "") && responses_scalars(ask) &&
        responses_tools(ask) && responses_text(ask))
        responses_items(ask);
}

static bool
responses_scalars(struct ask *ask)
{
    static const char *const sampling[] = {"temperature", "top_p", "top_logprobs"};
    const cJSON *reasoning = responses_get(ask->tree, "reasoning");
    double most = validate_number(ask->tree, "max_output_tokens", 16);
    long limit = validate_model_of(ask)->max_output;
    bool reasons = validate_can(ask, MODEL_REASONS);

    if (!validate_members(ask, reasoning, "effort,summary,context,mode,generate_summary",
                          "reasoning"))
        return false;
    if (most < 16)
        return validate_refuse(ask, "Invalid 'max_output_tokens': integer below minimum value. "
                                    "Expected a value >= 16.");
    if (most > (double)limit)
        return validate_refuse(ask, "max_output_tokens is too large: %.0f > %ld.", most, limit);
    if (validate_text(reasoning, "effort")[0] != '\0' && !reasons)
        return validate_refuse(ask, "Unsupported parameter: 'reasoning.effort' is not supported "
                                    "with this model.");
    for (size_t i = 0; i < sizeof sampling / sizeof *sampling && reasons; i++) {
        if (responses_get(ask->tree, sampling[i]) != NULL &&
            strcmp(validate_text(reasoning, "effort"), "none") != 0)
            return validate_refuse(
                ask, "Unsupported parameter: '%s' is not supported with this model.", sampling[i]);
    }
    return true;
}

/* Flat, with a name each. */
static bool
responses_tools(struct ask *ask)
{
    const cJSON *tool;
    int i = 0;

    cJSON_ArrayForEach(tool, responses_get(ask->tree, "tools"))
    {
        const char *type = validate_text(tool, "type");
        const cJSON *parameters = responses_get(tool, "parameters");

        if (type[0] == '\0')
            return validate_refuse(ask, "Missing required parameter: 'tools[%d].type'.", i);
        if (validate_is_in("function,custom", type) &&
            !validate_is_word(validate_text(tool, "name"), 64, "_-"))
            return validate_refuse(ask, "Missing required parameter: 'tools[%d].name'.", i);
        if (strcmp(type, "function") == 0 &&
            !validate_members(ask, tool, "type,name,description,parameters,strict,defer_loading",
                              "tools"))
            return false;
        /* strict is the default here, and rewrites schemas that do not comply; null is none. */
        if (strcmp(type, "function") == 0 && !cJSON_IsFalse(responses_get(tool, "strict")) &&
            !cJSON_IsNull(responses_get(tool, "strict")) &&
            !cJSON_IsFalse(responses_get(parameters, "additionalProperties")))
            return validate_refuse(ask,
                                   "Invalid schema for function '%.64s': 'additionalProperties' is "
                                   "required to be supplied and to be false.",
                                   validate_text(tool, "name"));
        i++;
    }
    return true;
}

static bool
responses_text(struct ask *ask)
{
    const cJSON *text = responses_get(ask->tree, "text"), *format = responses_get(text, "format");
    const char *type = validate_text(format, "type");

    if (!validate_members(ask, text, "format,verbosity", "text") ||
        !validate_members(ask, format, "type,name,description,schema,strict", "text.format"))
        return false;
    if (format != NULL && !validate_is_in("text,json_object,json_schema", type))
        return validate_refuse(ask, "Invalid value: '%.40s' of text.format.type.", type);
    if (strcmp(type, "json_schema") == 0 &&
        (!validate_is_word(validate_text(format, "name"), 64, "_-") ||
         !cJSON_IsObject(responses_get(format, "schema"))))
        return validate_refuse(ask, "Missing required parameter: 'text.format.name'.");
    return true;
}

static bool
responses_items(struct ask *ask)
{
    const cJSON *input = responses_get(ask->tree, "input"), *item;
    int i = 0;

    if (cJSON_IsString(input) || (input == NULL && (responses_get(ask->tree, "prompt") != NULL ||
                                                    responses_get(ask->tree, "conversation"))))
        return true;
    if (cJSON_GetArraySize(input) == 0)
        return validate_refuse(ask, "Missing required parameter: 'input'.");
    cJSON_ArrayForEach(item, input)
    {
        if (!responses_item(ask, item, i) || !responses_id(ask, item, i) ||
            !responses_call(ask, item, i))
            return false;
        i++;
    }
    return true;
}

static bool
responses_item(struct ask *ask, const cJSON *item, int i)
{
    const char *type = responses_type(item);

    if (!validate_is_in(ITEMS, type))
        return validate_refuse(ask, "Invalid value: '%.40s' of input[%d].type.", type, i);
    if (strcmp(type, "item_reference") == 0)
        return validate_refuse(ask, "Item with id '%.64s' not found.", validate_text(item, "id"));
    if (strcmp(type, "message") == 0)
        return responses_message(ask, item, i);
    if (strcmp(type, "reasoning") == 0 && !cJSON_IsArray(responses_get(item, "summary")))
        return validate_refuse(ask, "Missing required parameter: 'input[%d].summary'.", i);
    if (strcmp(type, "reasoning") == 0 && validate_text(item, "encrypted_content")[0] != '\0' &&
        !validate_is_word(validate_text(item, "encrypted_content"), 1 << 20, "+/=_-"))
        return validate_refuse(ask, "The encrypted content could not be verified.");
    return true;
}

static bool
responses_message(struct ask *ask, const cJSON *item, int i)
{
    const char *role = validate_text(item, "role");
    const cJSON *content = responses_get(item, "content"), *part;
    bool is_assistant = strcmp(role, "assistant") == 0;

    if (!validate_is_in("user,system,developer,assistant", role))
        return validate_refuse(ask, "Invalid value: '%.40s' of input[%d].role.", role, i);
    if (!validate_members(ask, item, MESSAGE, "input"))
        return false;
    if (!cJSON_IsString(content) && !cJSON_IsArray(content))
        return validate_refuse(ask, "Invalid type for 'input[%d].content'.", i);
    cJSON_ArrayForEach(part, content)
    {
        const char *type = validate_text(part, "type");

        if (!validate_is_in(is_assistant ? "output_text,refusal" : PARTS, type) ||
            (!is_assistant && strncmp(type, "output", 6) == 0))
            return validate_refuse(ask, "Invalid value: '%.40s' of input[%d].content.type.", type,
                                   i);
        if (!validate_members(ask, part,
                              "type,text,refusal,annotations,logprobs,image_url,file_id,detail,"
                              "file_data,file_url,filename,prompt_cache_breakpoint",
                              "input.content"))
            return false;
    }
    return true;
}

/* Ids of items say what they are of. */
static bool
responses_id(struct ask *ask, const cJSON *item, int i)
{
    static const struct {
        const char *type, *prefix;
    } rows[] = {{"message", "msg"},
                {"function_call", "fc"},
                {"custom_tool_call", "ctc"},
                {"reasoning", "rs"}};
    const char *id = validate_text(item, "id");

    for (size_t k = 0; k < sizeof rows / sizeof *rows && id[0] != '\0'; k++) {
        if (strcmp(responses_type(item), rows[k].type) == 0 &&
            strncmp(id, rows[k].prefix, strlen(rows[k].prefix)) != 0)
            return validate_refuse(
                ask, "Invalid 'input[%d].id': '%.64s'. Expected an ID that begins with '%s'.", i,
                id, rows[k].prefix);
    }
    return strlen(id) <= MAX_ID ||
           validate_refuse(ask, "Invalid 'input[%d].id': string too long.", i);
}

/* Calls and outputs come in pairs. */
static bool
responses_call(struct ask *ask, const cJSON *item, int i)
{
    static const char *const pairs[][2] = {{"function_call", "function_call_output"},
                                           {"custom_tool_call", "custom_tool_call_output"}};
    const cJSON *input = responses_get(ask->tree, "input");
    const char *type = responses_type(item), *id = validate_text(item, "call_id");

    for (int k = 0; k < 2; k++) {
        bool is_call = strcmp(type, pairs[k][0]) == 0, is_output = strcmp(type, pairs[k][1]) == 0;

        if (!is_call && !is_output)
            continue;
        if (id[0] == '\0' || strlen(id) > MAX_ID)
            return validate_refuse(ask,
                                   "Invalid 'input[%d].call_id': string too long or missing. "
                                   "Expected a string with maximum length 64.",
                                   i);
        if (is_call && !cJSON_IsString(responses_get(item, k == 0 ? "arguments" : "input")))
            return validate_refuse(ask, "Missing required parameter: 'input[%d].arguments'.", i);
        if (is_call && !responses_has(input, pairs[k][1], id))
            return validate_refuse(ask, "No tool output found for function call %.64s.", id);
        if (is_output && responses_get(ask->tree, "previous_response_id") == NULL &&
            !responses_has(input, pairs[k][0], id))
            return validate_refuse(
                ask, "No tool call found for function call output with call_id %.64s.", id);
    }
    return true;
}

static bool
responses_has(const cJSON *items, const char *type, const char *call_id)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, items)
    {
        if (strcmp(responses_type(item), type) == 0 &&
            strcmp(validate_text(item, "call_id"), call_id) == 0)
            return true;
    }
    return false;
}

/* An easy message has no type. */
static const char *
responses_type(const cJSON *item)
{
    const char *type = validate_text(item, "type");

    return type[0] == '\0' ? "message" : type;
}

static const cJSON *
responses_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}
