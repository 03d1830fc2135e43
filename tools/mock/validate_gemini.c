/* SPDX-License-Identifier: ISC
 *
 * validate_gemini - what Google's own protocol refuses (protocols.md 4, 7.6).
 */
#include "validate.h"

#include <string.h>

#define TOP                                                                                        \
    "contents,systemInstruction,tools,toolConfig,generationConfig,safetySettings,cachedContent,"   \
    "labels,serviceTier,store,continuationToken"
#define CONFIG                                                                                     \
    "temperature,topP,topK,candidateCount,maxOutputTokens,stopSequences,seed,presencePenalty,"     \
    "frequencyPenalty,responseLogprobs,logprobs,responseMimeType,responseSchema,"                  \
    "responseJsonSchema,responseModalities,thinkingConfig,mediaResolution,speechConfig,"           \
    "imageConfig"
#define PART                                                                                       \
    "text,thought,thoughtSignature,inlineData,fileData,functionCall,functionResponse,"             \
    "executableCode,codeExecutionResult,videoMetadata"
/* Of JSON Schema what `parameters` and `responseSchema` know. */
#define OPENAPI                                                                                    \
    "type,format,title,description,nullable,enum,maxItems,minItems,properties,required,"           \
    "minProperties,maxProperties,minLength,maxLength,pattern,example,anyOf,propertyOrdering,"      \
    "default,items,minimum,maximum"

static bool gemini_vector(struct ask *ask, const cJSON *request);
static bool gemini_contents(struct ask *ask);
static bool gemini_content(struct ask *ask, const cJSON *content, int i);
static bool gemini_part(struct ask *ask, const cJSON *part, int i);
static bool gemini_calls(struct ask *ask, const cJSON *content);
static bool gemini_signature(struct ask *ask, const cJSON *content);
static bool gemini_follows(struct ask *ask, const cJSON *before, const cJSON *content);
static bool gemini_tools(struct ask *ask);
static bool gemini_function(struct ask *ask, const cJSON *function);
static bool gemini_schema(struct ask *ask, const cJSON *schema);
static bool gemini_tool_config(struct ask *ask);
static bool gemini_config(struct ask *ask);
static bool gemini_thinking(struct ask *ask, const cJSON *thinking);
static const cJSON *gemini_get(const cJSON *object, const char *key);
static int gemini_count(const cJSON *content, const char *kind);

void
validate_generate(struct ask *ask)
{
    const cJSON *system = gemini_get(ask->tree, "systemInstruction");
    const char *top = ask->kind == ASK_GENERATE_COUNT ? TOP ",model" : TOP;

    if (!validate_members(ask, ask->tree, top, "") || !gemini_contents(ask))
        return;
    if (system != NULL && cJSON_GetArraySize(gemini_get(system, "parts")) == 0) {
        validate_refuse(ask, "system_instruction.parts must not be empty.");
        return;
    }
    if (gemini_tools(ask) && gemini_tool_config(ask))
        gemini_config(ask);
}

/* Contents, or all of a request, which then names its model. */
void
validate_generate_count(struct ask *ask)
{
    cJSON *whole = ask->tree;
    cJSON *request = cJSON_GetObjectItemCaseSensitive(whole, "generateContentRequest");

    if (!validate_members(ask, whole, "contents,generateContentRequest", "") || request == NULL)
        return;
    if (strncmp(validate_text(request, "model"), "models/", 7) != 0) {
        validate_refuse(ask, "* CountTokensRequest.generate_content_request.model: unexpected "
                             "model name format");
        return;
    }
    ask->tree = request;
    validate_generate(ask);
    ask->tree = whole;
}

/* A batch names its model in the path and once more in each of its requests. */
void
validate_vectors(struct ask *ask)
{
    const cJSON *requests = gemini_get(ask->tree, "requests"), *request;
    int n = cJSON_GetArraySize(requests);

    if (!validate_members(ask, ask->tree, "requests", ""))
        return;
    if (n < 1 || n > 100) {
        validate_refuse(ask, "* BatchEmbedContentsRequest.requests: at most 100 requests can be in "
                             "one batch");
        return;
    }
    cJSON_ArrayForEach(request, requests)
    {
        if (!gemini_vector(ask, request))
            return;
    }
}

static bool
gemini_vector(struct ask *ask, const cJSON *request)
{
    const cJSON *content = gemini_get(request, "content"), *parts = gemini_get(content, "parts");
    const char *model = validate_text(request, "model");

    if (!validate_members(ask, request, "model,content,taskType,title,outputDimensionality",
                          "requests") ||
        !validate_members(ask, content, "role,parts", "requests.content"))
        return false;
    if (strncmp(model, "models/", 7) != 0 || strcmp(model + 7, ask->asked) != 0)
        return validate_refuse(ask, "* BatchEmbedContentsRequest.model: unexpected model name");
    if (cJSON_GetArraySize(parts) != 1 || validate_text(parts->child, "text")[0] == '\0')
        return validate_refuse(ask, "* EmbedContentRequest.content: contents is not specified");
    return validate_number(request, "outputDimensionality", 1) >= 1 ||
           validate_refuse(ask, "Invalid value at 'requests.output_dimensionality'");
}

static bool
gemini_contents(struct ask *ask)
{
    const cJSON *contents = gemini_get(ask->tree, "contents"), *content, *before = NULL;
    int i = 0;

    if (cJSON_GetArraySize(contents) == 0)
        return validate_refuse(ask, "* GenerateContentRequest.contents: contents is not specified");
    cJSON_ArrayForEach(content, contents)
    {
        if (!gemini_content(ask, content, i++) || !gemini_follows(ask, before, content))
            return false;
        before = content;
    }
    if (gemini_count(before, "functionCall") > 0)
        return validate_refuse(ask, "Please ensure that function call turns are answered.");
    return true;
}

static bool
gemini_content(struct ask *ask, const cJSON *content, int i)
{
    const cJSON *parts = gemini_get(content, "parts"), *part;

    if (!validate_members(ask, content, "role,parts", "contents"))
        return false;
    if (!validate_is_in("user,model", validate_text(content, "role")))
        return validate_refuse(ask, "Please use a valid role: user, model.");
    if (cJSON_GetArraySize(parts) == 0)
        return validate_refuse(ask,
                               "* GenerateContentRequest.contents[%d].parts: contents.parts must "
                               "not be empty.",
                               i);
    cJSON_ArrayForEach(part, parts)
    {
        if (!gemini_part(ask, part, i))
            return false;
    }
    return gemini_calls(ask, content) && gemini_signature(ask, content);
}

static bool
gemini_part(struct ask *ask, const cJSON *part, int i)
{
    static const char kinds[] = "text,inlineData,fileData,functionCall,functionResponse";
    const cJSON *member;
    const char *uri = validate_text(gemini_get(part, "fileData"), "fileUri");
    const cJSON *bytes = gemini_get(part, "inlineData");
    int n = 0;

    if (!validate_members(ask, part, PART, "contents.parts"))
        return false;
    cJSON_ArrayForEach(member, part) n += validate_is_in(kinds, member->string);
    if (n != 1)
        return validate_refuse(ask,
                               "* GenerateContentRequest.contents[%d].parts: required oneof field "
                               "'data' must have one initialized field",
                               i);
    if (uri[0] != '\0' && strncmp(uri, "gs://", 5) != 0 &&
        strncmp(uri, "https://generativelanguage.googleapis.com/", 42) != 0)
        return validate_refuse(ask, "Invalid or unsupported file uri: %s", uri);
    if (bytes != NULL && (!validate_is_base64(validate_text(bytes, "data")) ||
                          strchr(validate_text(bytes, "mimeType"), '/') == NULL))
        return validate_refuse(ask, "Unable to process input image or unsupported MIME type.");
    return true;
}

static bool
gemini_calls(struct ask *ask, const cJSON *content)
{
    const cJSON *part, *call, *result;
    bool is_model = strcmp(validate_text(content, "role"), "model") == 0;

    cJSON_ArrayForEach(part, gemini_get(content, "parts"))
    {
        call = gemini_get(part, "functionCall");
        result = gemini_get(part, "functionResponse");
        if (call != NULL && (!is_model || !cJSON_IsObject(gemini_get(call, "args"))))
            return validate_refuse(ask, "Function calls belong to the model, with args of type "
                                        "Struct.");
        if (call != NULL && !validate_members(ask, call, "name,args,id", "function_call"))
            return false;
        if (result == NULL)
            continue;
        if (is_model || !cJSON_IsObject(gemini_get(result, "response")))
            return validate_refuse(ask, "Function responses belong to the user, with a response "
                                        "of type Struct.");
        if (!validate_members(ask, result, "name,response,id,parts", "function_response"))
            return false;
        if (gemini_get(result, "parts") != NULL && !validate_can(ask, MODEL_LEVEL))
            return validate_refuse(ask, "Multimodal function responses are not supported.");
    }
    return true;
}

/* Of the calls of a turn the first must be signed, with what Google signed or its sentinel. */
static bool
gemini_signature(struct ask *ask, const cJSON *content)
{
    const cJSON *part;
    bool is_first = true;

    cJSON_ArrayForEach(part, gemini_get(content, "parts"))
    {
        const char *signature = validate_text(part, "thoughtSignature");

        if (signature[0] != '\0' && !validate_is_base64(signature) &&
            strcmp(signature, "skip_thought_signature_validator") != 0)
            return validate_refuse(ask, "Invalid value at 'thought_signature' (TYPE_BYTES)");
        if (gemini_get(part, "functionCall") == NULL)
            continue;
        if (is_first && signature[0] == '\0' && validate_can(ask, MODEL_LEVEL))
            return validate_refuse(ask, "Function call is missing a thought_signature in "
                                        "functionCall parts.");
        is_first = false;
    }
    return true;
}

/* Roles alternate; calls are answered at once, each by its name, and nothing else is. */
static bool
gemini_follows(struct ask *ask, const cJSON *before, const cJSON *content)
{
    int n_calls = before == NULL ? 0 : gemini_count(before, "functionCall");
    const cJSON *call, *result,
        *part = before == NULL ? NULL : cJSON_GetArrayItem(gemini_get(before, "parts"), 0);

    if (before == NULL && strcmp(validate_text(content, "role"), "user") != 0)
        return validate_refuse(ask, "Please ensure that the first turn has the role user.");
    if (before != NULL &&
        strcmp(validate_text(before, "role"), validate_text(content, "role")) == 0)
        return validate_refuse(
            ask, "Please ensure that multiturn requests alternate between user and model.");
    if (n_calls != gemini_count(content, "functionResponse"))
        return validate_refuse(ask, "Please ensure that the number of function response parts is "
                                    "equal to the number of function call parts of the function "
                                    "call turn.");
    cJSON_ArrayForEach(result, gemini_get(content, "parts"))
    {
        if (gemini_get(result, "functionResponse") == NULL)
            continue;
        while (part != NULL && gemini_get(part, "functionCall") == NULL)
            part = part->next;
        call = gemini_get(part, "functionCall");
        if (strcmp(validate_text(call, "name"),
                   validate_text(gemini_get(result, "functionResponse"), "name")) != 0)
            return validate_refuse(ask, "Function response name does not match its call's.");
        part = part == NULL ? NULL : part->next;
    }
    return true;
}

static bool
gemini_tools(struct ask *ask)
{
    const cJSON *tool, *function;

    cJSON_ArrayForEach(tool, gemini_get(ask->tree, "tools"))
    {
        const cJSON *functions = gemini_get(tool, "functionDeclarations");

        if (!validate_members(
                ask, tool, "functionDeclarations,googleSearch,codeExecution,urlContext", "tools"))
            return false;
        if (functions != NULL && cJSON_GetArraySize(functions) == 0)
            return validate_refuse(ask, "tools.function_declarations must not be empty");
        cJSON_ArrayForEach(function, functions)
        {
            if (!gemini_function(ask, function))
                return false;
        }
    }
    return true;
}

static bool
gemini_function(struct ask *ask, const cJSON *function)
{
    const cJSON *parameters = gemini_get(function, "parameters"),
                *schema = gemini_get(function, "parametersJsonSchema");
    const char *name = validate_text(function, "name");

    if (!validate_members(ask, function,
                          "name,description,parameters,parametersJsonSchema,response,"
                          "responseJsonSchema,behavior",
                          "tools[0].function_declarations"))
        return false;
    if (!validate_is_word(name, 128, "_.:-") || strchr("0123456789.:-", name[0]) != NULL)
        return validate_refuse(ask,
                               "Invalid function name. Must start with a letter or an underscore: "
                               "%.64s",
                               name);
    if (parameters != NULL && schema != NULL)
        return validate_refuse(ask, "parameters and parameters_json_schema exclude each other.");
    if (schema != NULL && strcmp(validate_text(schema, "type"), "object") != 0)
        return validate_refuse(ask, "parameters_json_schema should be of type object.");
    return parameters == NULL || gemini_schema(ask, parameters);
}

/* The subset of OpenAPI, down to the last property. */
static bool
gemini_schema(struct ask *ask, const cJSON *schema)
{
    const cJSON *items = gemini_get(schema, "items"), *child;

    if (!validate_members(ask, schema, OPENAPI, "parameters"))
        return false;
    if (cJSON_IsArray(gemini_get(schema, "type")))
        return validate_refuse(ask, "Proto field is not repeating, cannot start list.");
    cJSON_ArrayForEach(child, gemini_get(schema, "properties"))
    {
        if (!gemini_schema(ask, child))
            return false;
    }
    cJSON_ArrayForEach(child, gemini_get(schema, "anyOf"))
    {
        if (!gemini_schema(ask, child))
            return false;
    }
    return items == NULL || gemini_schema(ask, items);
}

static bool
gemini_tool_config(struct ask *ask)
{
    const cJSON *config = gemini_get(gemini_get(ask->tree, "toolConfig"), "functionCallingConfig"),
                *allowed = gemini_get(config, "allowedFunctionNames");
    const char *mode = validate_text(config, "mode");

    if (config == NULL)
        return true;
    if (!validate_members(ask, config, "mode,allowedFunctionNames", "function_calling_config"))
        return false;
    if (!validate_is_in("AUTO,ANY,NONE,VALIDATED", mode))
        return validate_refuse(ask, "Invalid value at 'function_calling_config.mode': %s", mode);
    if (gemini_get(ask->tree, "tools") == NULL)
        return validate_refuse(ask,
                               "Function calling config is set without function_declarations.");
    if (allowed != NULL && !validate_is_in("ANY,VALIDATED", mode))
        return validate_refuse(ask, "Allowed function names should only be set when function "
                                    "calling mode is ANY or VALIDATED.");
    return true;
}

static bool
gemini_config(struct ask *ask)
{
    const cJSON *config = gemini_get(ask->tree, "generationConfig"),
                *schema = gemini_get(config, "responseSchema");
    double temperature = validate_number(config, "temperature", 1),
           most = validate_number(config, "maxOutputTokens", 1);
    long limit = validate_model_of(ask)->max_output;
    bool is_json = strcmp(validate_text(config, "responseMimeType"), "application/json") == 0;

    if (!validate_members(ask, config, CONFIG, "generation_config"))
        return false;
    if (temperature < 0 || temperature > 2)
        return validate_refuse(ask, "temperature must be in the range [0.0, 2.0].");
    if (most < 1 || most > (double)limit)
        return validate_refuse(ask,
                               "The value is out of the supported range from 1 (inclusive) to %ld "
                               "(exclusive): max_output_tokens",
                               limit + 1);
    if (cJSON_GetArraySize(gemini_get(config, "stopSequences")) > 5)
        return validate_refuse(ask, "The number of stop sequences exceeds the limit of 5.");
    if ((schema != NULL || gemini_get(config, "responseJsonSchema") != NULL) && !is_json)
        return validate_refuse(ask, "response_schema only works with application/json.");
    if (is_json && gemini_get(ask->tree, "tools") != NULL && !validate_can(ask, MODEL_LEVEL))
        return validate_refuse(ask, "Function calling with a response mime type: "
                                    "'application/json' is unsupported");
    if (schema != NULL && !gemini_schema(ask, schema))
        return false;
    return gemini_thinking(ask, gemini_get(config, "thinkingConfig"));
}

static bool
gemini_thinking(struct ask *ask, const cJSON *thinking)
{
    const char *level = validate_text(thinking, "thinkingLevel");
    double budget = validate_number(thinking, "thinkingBudget", -1);
    bool is_pro = !validate_can(ask, MODEL_OFF);
    double least = is_pro ? 128 : 0, most = is_pro ? 32768 : 24576;

    if (thinking == NULL)
        return true;
    if (!validate_members(ask, thinking, "includeThoughts,thinkingBudget,thinkingLevel",
                          "generation_config.thinking_config"))
        return false;
    if (!validate_can(ask, MODEL_BUDGET) && !validate_can(ask, MODEL_LEVEL))
        return validate_refuse(ask, "Thinking is not supported for this model.");
    if (level[0] != '\0' && gemini_get(thinking, "thinkingBudget") != NULL)
        return validate_refuse(ask,
                               "You can only set only one of thinking budget and thinking level.");
    if (level[0] != '\0' && !validate_can(ask, MODEL_LEVEL))
        return validate_refuse(ask, "Thinking level is not supported for this model.");
    if (level[0] != '\0' && !validate_is_in("MINIMAL,LOW,MEDIUM,HIGH", level))
        return validate_refuse(ask, "Invalid value at 'thinking_level': %s", level);
    if (strcmp(level, "MINIMAL") == 0 && is_pro)
        return validate_refuse(ask, "Thinking level MINIMAL is not supported for this model.");
    if (validate_can(ask, MODEL_BUDGET) && budget != -1 && (budget < least || budget > most))
        return validate_refuse(
            ask, "The thinking budget %g is invalid. Please choose a value between %g and %g.",
            budget, least, most);
    return true;
}

static const cJSON *
gemini_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static int
gemini_count(const cJSON *content, const char *kind)
{
    const cJSON *part;
    int n = 0;

    cJSON_ArrayForEach(part, gemini_get(content, "parts")) n += gemini_get(part, kind) != NULL;
    return n;
}
