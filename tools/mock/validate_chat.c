/* SPDX-License-Identifier: ISC
 *
 * validate_chat - what OpenAI's chat completions refuse (protocols.md 1.1).
 */
#include "validate.h"

#include <string.h>

#define TOP                                                                                        \
    "model,messages,max_completion_tokens,max_tokens,temperature,top_p,n,stop,stream,"             \
    "stream_options,tools,tool_choice,parallel_tool_calls,response_format,reasoning_effort,"       \
    "verbosity,logprobs,top_logprobs,logit_bias,seed,frequency_penalty,presence_penalty,"          \
    "modalities,audio,prediction,web_search_options,moderation,user,safety_identifier,"            \
    "prompt_cache_key,prompt_cache_options,prompt_cache_retention,service_tier,store,metadata,"    \
    "functions,function_call"
/* Answers have annotations, and come back as they were given. */
#define MESSAGE "role,content,name,tool_calls,tool_call_id,refusal,audio,function_call,annotations"
/* What servers that only look like OpenAI's take back. */
#define MESSAGE_ELSEWHERE MESSAGE ",reasoning_content"
#define MAX_ID            40

static bool chat_scalars(struct ask *ask);
static bool chat_of_reasoning(struct ask *ask);
static bool chat_tools(struct ask *ask);
static bool chat_tool(struct ask *ask, const cJSON *tool, int i);
static bool chat_format(struct ask *ask);
static bool chat_strict_schema(struct ask *ask, const cJSON *schema, const char *where);
static bool chat_messages(struct ask *ask);
static bool chat_message(struct ask *ask, const cJSON *message, int i);
static bool chat_parts(struct ask *ask, const cJSON *message, int i);
static bool chat_calls(struct ask *ask, const cJSON *message, int i);
static bool chat_answers(struct ask *ask, const cJSON *message, int i);
static bool chat_is_openai(const struct ask *ask);
static const cJSON *chat_get(const cJSON *object, const char *key);

void
validate_chat(struct ask *ask)
{
    if (validate_members(ask, ask->tree, TOP, "") && chat_scalars(ask) && chat_of_reasoning(ask) &&
        chat_tools(ask) && chat_format(ask))
        chat_messages(ask);
}

static bool
chat_scalars(struct ask *ask)
{
    static const char *const maxima[] = {"max_completion_tokens", "max_tokens"};
    const cJSON *stop = chat_get(ask->tree, "stop");
    double temperature = validate_number(ask->tree, "temperature", 1);
    long limit = validate_model_of(ask)->max_output;

    for (int i = 0; i < 2; i++) {
        double most = validate_number(ask->tree, maxima[i], 1);

        if (most < 1 || most > (double)limit)
            return validate_refuse(ask,
                                   "%s is too large: %.0f. This model supports at most %ld "
                                   "completion tokens.",
                                   maxima[i], most, limit);
    }
    if (temperature < 0 || temperature > 2)
        return validate_refuse(ask, "Invalid 'temperature': expected a value between 0 and 2.");
    if (cJSON_IsArray(stop) && cJSON_GetArraySize(stop) > 4)
        return validate_refuse(ask, "Invalid 'stop': array too long. Expected maximum length 4.");
    if (strlen(validate_text(ask->tree, "user")) > 64 ||
        strlen(validate_text(ask->tree, "prompt_cache_key")) > 64 ||
        strlen(validate_text(ask->tree, "safety_identifier")) > 64)
        return validate_refuse(ask, "Invalid 'user' or key: string too long. Expected a string "
                                    "with maximum length 64.");
    return true;
}

static bool
chat_of_reasoning(struct ask *ask)
{
    static const char *const sampling[] = {"temperature",       "top_p",    "presence_penalty",
                                           "frequency_penalty", "logprobs", "logit_bias"};
    const char *effort = validate_text(ask->tree, "reasoning_effort");
    bool reasons = validate_can(ask, MODEL_REASONS);

    if (effort[0] != '\0' && !reasons && chat_is_openai(ask))
        return validate_refuse(ask, "Unrecognized request argument supplied: reasoning_effort");
    if (effort[0] != '\0' && !validate_is_in("none,minimal,low,medium,high,xhigh,max", effort))
        return validate_refuse(ask, "Invalid value: '%.40s' of reasoning_effort.", effort);
    if (!reasons)
        return true;
    if (strcmp(effort, "none") == 0 && !validate_can(ask, MODEL_OFF))
        return validate_refuse(ask, "Unsupported value: 'reasoning_effort' does not support 'none' "
                                    "with this model.");
    if (chat_get(ask->tree, "max_tokens") != NULL)
        return validate_refuse(ask,
                               "Unsupported parameter: 'max_tokens' is not supported with this "
                               "model. Use 'max_completion_tokens' instead.");
    if (chat_get(ask->tree, "stop") != NULL)
        return validate_refuse(ask,
                               "Unsupported parameter: 'stop' is not supported with this model.");
    for (size_t i = 0; i < sizeof sampling / sizeof *sampling && strcmp(effort, "none") != 0; i++) {
        if (chat_get(ask->tree, sampling[i]) != NULL)
            return validate_refuse(
                ask, "Unsupported parameter: '%s' is not supported with this model.", sampling[i]);
    }
    return true;
}

static bool
chat_tools(struct ask *ask)
{
    const cJSON *tools = chat_get(ask->tree, "tools"), *tool;
    int i = 0;

    if (tools == NULL && (chat_get(ask->tree, "tool_choice") != NULL ||
                          chat_get(ask->tree, "parallel_tool_calls") != NULL))
        return validate_refuse(ask,
                               "Invalid value for 'tool_choice' or 'parallel_tool_calls': only "
                               "allowed when 'tools' are specified.");
    if (tools != NULL && (cJSON_GetArraySize(tools) == 0 || cJSON_GetArraySize(tools) > 128))
        return validate_refuse(ask, "Invalid 'tools': array too short or too long.");
    cJSON_ArrayForEach(tool, tools)
    {
        if (!chat_tool(ask, tool, i++))
            return false;
    }
    return true;
}

static bool
chat_tool(struct ask *ask, const cJSON *tool, int i)
{
    const char *type = validate_text(tool, "type");
    const cJSON *body = chat_get(tool, type), *parameters = chat_get(body, "parameters");

    if (!validate_is_in("function,custom", type) || body == NULL)
        return validate_refuse(ask, "Missing required parameter: 'tools[%d].function'.", i);
    if (!validate_members(ask, tool, "type,function,custom", "tools") ||
        !validate_members(ask, body, "name,description,parameters,strict,format", "tools.function"))
        return false;
    if (!validate_is_word(validate_text(body, "name"), 64, "_-"))
        return validate_refuse(ask,
                               "Invalid 'tools[%d].function.name': expected a string that matches "
                               "'^[a-zA-Z0-9_-]+$' with maximum length 64.",
                               i);
    if (parameters != NULL && strcmp(validate_text(parameters, "type"), "object") != 0)
        return validate_refuse(ask,
                               "Invalid schema for function '%.64s': schema must be of type "
                               "\"object\".",
                               validate_text(body, "name"));
    return !cJSON_IsTrue(chat_get(body, "strict")) ||
           chat_strict_schema(ask, parameters, "tools.function.parameters");
}

static bool
chat_format(struct ask *ask)
{
    const cJSON *format = chat_get(ask->tree, "response_format"),
                *body = chat_get(format, "json_schema");
    const char *type = validate_text(format, "type");

    if (format == NULL)
        return true;
    if (!validate_is_in("text,json_object,json_schema", type))
        return validate_refuse(ask, "Invalid value: '%.40s' of response_format.type.", type);
    if (strcmp(type, "json_schema") != 0)
        return true;
    if (!validate_members(ask, body, "name,description,schema,strict",
                          "response_format.json_schema"))
        return false;
    if (!validate_is_word(validate_text(body, "name"), 64, "_-"))
        return validate_refuse(ask,
                               "Missing required parameter: 'response_format.json_schema.name'.");
    return !cJSON_IsTrue(chat_get(body, "strict")) ||
           chat_strict_schema(ask, chat_get(body, "schema"), "response_format");
}

/* Every object names all its properties and allows no others. */
static bool
chat_strict_schema(struct ask *ask, const cJSON *schema, const char *where)
{
    const cJSON *properties = chat_get(schema, "properties"), *child;

    if (strcmp(validate_text(schema, "type"), "object") == 0 &&
        (!cJSON_IsFalse(chat_get(schema, "additionalProperties")) ||
         cJSON_GetArraySize(chat_get(schema, "required")) != cJSON_GetArraySize(properties)))
        return validate_refuse(ask,
                               "Invalid schema for %s: 'required' must list every property and "
                               "'additionalProperties' must be false.",
                               where);
    cJSON_ArrayForEach(child, properties)
    {
        if (!chat_strict_schema(ask, child, where))
            return false;
    }
    return chat_get(schema, "items") == NULL ||
           chat_strict_schema(ask, chat_get(schema, "items"), where);
}

static bool
chat_messages(struct ask *ask)
{
    const cJSON *messages = chat_get(ask->tree, "messages"), *message;
    int i = 0;

    if (cJSON_GetArraySize(messages) == 0)
        return validate_refuse(ask, "Invalid 'messages': empty array.");
    cJSON_ArrayForEach(message, messages)
    {
        if (!chat_message(ask, message, i) || !chat_answers(ask, message, i))
            return false;
        i++;
    }
    return true;
}

static bool
chat_message(struct ask *ask, const cJSON *message, int i)
{
    const char *role = validate_text(message, "role");
    const cJSON *content = chat_get(message, "content"), *calls = chat_get(message, "tool_calls");

    if (!validate_members(ask, message, chat_is_openai(ask) ? MESSAGE : MESSAGE_ELSEWHERE,
                          "messages"))
        return false;
    if (!validate_is_in("developer,system,user,assistant,tool,function", role))
        return validate_refuse(ask, "Invalid value: '%.40s' of messages[%d].role.", role, i);
    if (calls != NULL && (strcmp(role, "assistant") != 0 || cJSON_GetArraySize(calls) == 0))
        return validate_refuse(ask, "Invalid 'messages[%d].tool_calls': empty array.", i);
    if (!cJSON_IsString(content) && !cJSON_IsArray(content) && calls == NULL &&
        chat_get(message, "refusal") == NULL)
        return validate_refuse(ask,
                               "Invalid value for 'content' of messages[%d]: expected a string, "
                               "got null.",
                               i);
    return (!cJSON_IsArray(content) || chat_parts(ask, message, i)) && chat_calls(ask, message, i);
}

static bool
chat_parts(struct ask *ask, const cJSON *message, int i)
{
    const char *role = validate_text(message, "role");
    bool is_user = strcmp(role, "user") == 0, is_assistant = strcmp(role, "assistant") == 0;
    const cJSON *part;

    cJSON_ArrayForEach(part, chat_get(message, "content"))
    {
        const char *type = validate_text(part, "type");

        if (!validate_is_in(is_user        ? "text,image_url,input_audio,file"
                            : is_assistant ? "text,refusal"
                                           : "text",
                            type))
            return validate_refuse(ask, "Invalid value: '%.40s' of messages[%d].content.type.",
                                   type, i);
        if (!validate_members(ask, part,
                              "type,text,refusal,image_url,input_audio,file,"
                              "prompt_cache_breakpoint",
                              "messages.content"))
            return false;
        const char *url = validate_text(chat_get(part, "image_url"), "url");

        if (strcmp(type, "image_url") == 0 && strncmp(url, "https://", 8) != 0 &&
            strncmp(url, "http://", 7) != 0 && strncmp(url, "data:image/", 11) != 0)
            return validate_refuse(ask, "Invalid 'messages[%d].content.image_url'.", i);
    }
    return true;
}

static bool
chat_calls(struct ask *ask, const cJSON *message, int i)
{
    const cJSON *call;

    cJSON_ArrayForEach(call, chat_get(message, "tool_calls"))
    {
        const char *id = validate_text(call, "id"), *type = validate_text(call, "type");
        const cJSON *body = chat_get(call, type);

        if (id[0] == '\0' || strlen(id) > MAX_ID)
            return validate_refuse(ask,
                                   "Invalid 'messages[%d].tool_calls[].id': string too long or "
                                   "missing. Expected a string with maximum length 40.",
                                   i);
        if (!validate_is_in("function,custom", type) ||
            !validate_is_word(validate_text(body, "name"), 64, "_-"))
            return validate_refuse(ask, "Invalid 'messages[%d].tool_calls[].function'.", i);
        if (!cJSON_IsString(chat_get(body, "arguments")) &&
            !cJSON_IsString(chat_get(body, "input")))
            return validate_refuse(
                ask, "Invalid type for 'messages[%d].tool_calls[].function.arguments'.", i);
        if (!validate_members(ask, call, "id,type,function,custom", "messages.tool_calls"))
            return false;
    }
    return true;
}

/* A call is answered in the messages that follow it at once, and a tool message is an answer. */
static bool
chat_answers(struct ask *ask, const cJSON *message, int i)
{
    const char *id = validate_text(message, "tool_call_id");
    const cJSON *call, *other = message;
    bool is_found = false;

    cJSON_ArrayForEach(call, chat_get(message, "tool_calls"))
    {
        is_found = false;
        for (other = message->next;
             other != NULL && strcmp(validate_text(other, "role"), "tool") == 0;
             other = other->next)
            is_found |=
                strcmp(validate_text(other, "tool_call_id"), validate_text(call, "id")) == 0;
        if (!is_found)
            return validate_refuse(ask,
                                   "An assistant message with 'tool_calls' must be followed by "
                                   "tool messages responding to each 'tool_call_id'. (%.40s)",
                                   validate_text(call, "id"));
    }
    if (strcmp(validate_text(message, "role"), "tool") != 0)
        return true;
    const cJSON *all = chat_get(ask->tree, "messages");

    while (i > 0 && strcmp(validate_text(cJSON_GetArrayItem(all, i), "role"), "tool") == 0)
        i--;
    is_found = false;
    cJSON_ArrayForEach(call, chat_get(cJSON_GetArrayItem(all, i), "tool_calls"))
    {
        is_found |= strcmp(validate_text(call, "id"), id) == 0;
    }
    return is_found || validate_refuse(ask, "messages with role 'tool' must be a response to a "
                                            "preceeding message with 'tool_calls'.");
}

static bool
chat_is_openai(const struct ask *ask)
{
    return ask->is_azure || strncmp(ask->model, "gpt-", 4) == 0 || validate_can(ask, MODEL_REASONS);
}

static const cJSON *
chat_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}
