/* SPDX-License-Identifier: ISC
 *
 * ask - see ask.h.
 */
#include "ask.h"

#include "azure.h"
#include "control.h"
#include "reading.h"
#include "schema.h"
#include "validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct path_row {
    const char *suffix;
    enum ask_kind kind;
};

/* Matched at the end of the path, whatever prefix stands before; the first that fits wins. */
static const struct path_row path_rows[] = {
    {"/chat/completions", ASK_CHAT},
    {"/completions", ASK_COMPLETION},
    {"/embeddings", ASK_EMBEDDING},
    {"/responses", ASK_RESPONSE},
    {"/responses/input_tokens", ASK_INPUT_TOKENS},
    {"/responses/compact", ASK_COMPACT},
    {"/messages/count_tokens", ASK_COUNT_TOKENS},
    {"/messages", ASK_MESSAGE},
    {":generateContent", ASK_GENERATE},
    {":streamGenerateContent", ASK_GENERATE},
    {":batchEmbedContents", ASK_GENERATE_VECTORS},
    {":countTokens", ASK_GENERATE_COUNT},
    {"/models", ASK_MODELS},
    {"/mock/stats", ASK_MOCK_STATS},
    {"/mock/last", ASK_MOCK_LAST},
    {"/mock/reset", ASK_MOCK_RESET},
    {"/mock/control", ASK_MOCK_CONTROL},
};

static bool ask_is_strict;

static void ask_read_path(struct ask *ask, const char *head);
static void ask_read_method(struct ask *ask, const char *path, size_t len);
static void ask_read_credential(struct ask *ask, const char *head);
static void ask_read_body(struct ask *ask, const char *body, size_t len);
static void ask_read_model(struct ask *ask);
static void ask_read_model_faults(struct ask *ask);
static void ask_check(struct ask *ask);
static void ask_read_prompt(struct ask *ask);
static void ask_take_text(struct ask *ask, const cJSON *node, bool is_user);
static void ask_read_text_faults(struct ask *ask);
static void ask_choose_tool(struct ask *ask);
static const cJSON *ask_chosen(const cJSON *tools, const cJSON *choice);
static const cJSON *ask_find_reader(const cJSON *tools);
static void ask_write_answer(struct ask *ask);
static void ask_cut_answer(struct ask *ask, size_t len);
static void ask_count(struct ask *ask);
static const char *ask_name_of(const cJSON *tool);
static bool ask_string_is(const cJSON *object, const char *key, const char *value);

void
ask_be_strict(void)
{
    ask_is_strict = true;
}

void
ask_read(struct ask *ask, const char *head, const char *body, size_t body_len)
{
    *ask = (struct ask){0};
    fault_init(&ask->fault);
    ask_read_path(ask, head);
    ask_read_credential(ask, head);
    azure_read(ask, head);
    if (ask->kind == ASK_MODELS)
        control_apply(ask);

    const char *fault = strcasestr(head, "\r\nx-mock-fault: ");

    if (fault != NULL)
        fault_parse(&ask->fault, fault + 16, strcspn(fault + 16, "\r"));
    const char *id = strcasestr(head, "\r\nx-request-id: ");

    if (id != NULL)
        snprintf(ask->request_id, sizeof ask->request_id, "%.*s", (int)strcspn(id + 16, "\r"),
                 id + 16);
    if (ask->kind == ASK_MODELS && strcasestr(head, "\r\nanthropic-version:") != NULL)
        ask->is_anthropic = true;
    const char *version = strcasestr(head, "\r\nanthropic-version: ");

    if (version != NULL)
        snprintf(ask->version, sizeof ask->version, "%.*s", (int)strcspn(version + 21, "\r"),
                 version + 21);
    if (ask->kind >= ASK_CHAT && ask->kind <= ASK_GENERATE_COUNT)
        ask_read_body(ask, body, body_len);
}

static void
ask_read_path(struct ask *ask, const char *head)
{
    const char *path = strchr(head, ' ');
    size_t len = path == NULL ? 0 : strcspn(++path, " ?\r");

    snprintf(ask->path, sizeof ask->path, "%.*s", (int)len, len == 0 ? "" : path);
    for (size_t i = 0; i < sizeof path_rows / sizeof *path_rows; i++) {
        size_t n = strlen(path_rows[i].suffix);

        if (len >= n && memcmp(path + len - n, path_rows[i].suffix, n) == 0) {
            ask->kind = path_rows[i].kind;
            break;
        }
    }
    const char *id = len == 0 ? NULL : memmem(path, len, "/models/", 8);

    if (ask->kind == ASK_UNKNOWN && id != NULL) {
        ask->kind = ASK_MODELS;
        snprintf(ask->model_id, sizeof ask->model_id, "%.*s", (int)(path + len - id - 8), id + 8);
    }
    ask->is_native = len > 0 && memmem(path, len, "/v1beta/models", 14) != NULL;
    ask->is_gemini = len > 0 && !ask->is_native && memmem(path, len, "/gemini/", 8) != NULL;
    if (ask->kind >= ASK_GENERATE && ask->kind <= ASK_GENERATE_COUNT)
        ask_read_method(ask, path, len);
    ask->is_anthropic = ask->kind == ASK_MESSAGE || ask->kind == ASK_COUNT_TOKENS ||
                        (len > 0 && memmem(path, len, "/anthropic/", 11) != NULL);
}

/* Gemini's model and the wish for a stream stand in the path: .../models/MODEL:METHOD?alt=sse. */
static void
ask_read_method(struct ask *ask, const char *path, size_t len)
{
    const char *model = memmem(path, len, "/models/", 8);
    const char *method = memrchr(path, ':', len);
    size_t n = 0;

    if (model == NULL || method == NULL || method < model)
        return;
    for (const char *p = model + 8; p < method && n + 1 < sizeof ask->asked; p++) {
        char hex[3] = {p[0], p[0] == '%' ? p[1] : '\0', p[0] == '%' ? p[2] : '\0'};

        ask->asked[n++] = p[0] == '%' ? (char)strtol(hex + 1, NULL, 16) : p[0];
        p += p[0] == '%' ? 2 : 0;
    }
    bool is_stream = strncmp(method, ":stream", 7) == 0;
    const char *query = path + len;

    ask->is_stream = is_stream && memmem(query, strcspn(query, " \r"), "alt=sse", 7) != NULL;
    ask->is_array = is_stream && !ask->is_stream;
}

static void
ask_read_credential(struct ask *ask, const char *head)
{
    static const char *const names[] = {"\r\nauthorization: Bearer ",
                                        "\r\napi-key: ", "\r\nx-api-key: ", "\r\nx-goog-api-key: "};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = strcasestr(head, names[i]);

        if (value == NULL)
            continue;
        value += strlen(names[i]);
        snprintf(ask->credential, sizeof ask->credential, "%.*s", (int)strcspn(value, "\r"), value);
        return;
    }
}

static void
ask_read_body(struct ask *ask, const char *body, size_t len)
{
    ask->tree = cJSON_ParseWithLength(body, len);
    if (!cJSON_IsObject(ask->tree)) {
        ask->problem = "We could not parse the JSON body of your request.";
        return;
    }
    ask_read_model(ask);
    control_apply(ask);
    ask_read_model_faults(ask);
    if (!ask->is_native)
        ask->is_stream = cJSON_IsTrue(cJSON_GetObjectItem(ask->tree, "stream"));
    ask->wants_usage = cJSON_IsTrue(
        cJSON_GetObjectItem(cJSON_GetObjectItem(ask->tree, "stream_options"), "include_usage"));
    ask->wants_base64 = ask_string_is(ask->tree, "encoding_format", "base64");
    ask_check(ask);
    ask_read_prompt(ask);
    ask_read_text_faults(ask);
    if (ask->fault.plain >= 0)
        ask->is_stream = ask->is_array = false;
    ask_choose_tool(ask);
    ask_write_answer(ask);
    ask_count(ask);
    if (ask->problem == NULL && (ask_is_strict || ask->fault.strict >= 0))
        validate_request(ask);
}

static void
ask_read_model(struct ask *ask)
{
    const cJSON *model = cJSON_GetObjectItem(ask->tree, "model");

    if (ask->deployment[0] != '\0') {
        snprintf(ask->asked, sizeof ask->asked, "%s", ask->deployment);
        snprintf(ask->model, sizeof ask->model, "%s", ask->deployment);
        return;
    }
    if (!ask->is_native && (!cJSON_IsString(model) || model->valuestring[0] == '\0')) {
        ask->problem = "you must provide a model parameter";
        return;
    }
    if (!ask->is_native)
        snprintf(ask->asked, sizeof ask->asked, "%s", model->valuestring);
    size_t len = strcspn(ask->asked, "!");

    snprintf(ask->model, sizeof ask->model, "%.*s", (int)len, ask->asked);
}

static void
ask_read_model_faults(struct ask *ask)
{
    const char *faults = ask->asked + strlen(ask->model);

    fault_parse(&ask->fault, faults, strlen(faults));
}

/* What the real services refuse, as far as a gateway could get it wrong. */
static void
ask_check(struct ask *ask)
{
    const cJSON *tree = ask->tree, *previous = cJSON_GetObjectItem(tree, "previous_response_id");

    if (ask->problem != NULL)
        return;
    if (ask->kind == ASK_MESSAGE && !cJSON_IsNumber(cJSON_GetObjectItem(tree, "max_tokens")))
        ask->problem = "max_tokens: Field required";
    if (cJSON_HasObjectItem(tree, "stream_options") && !ask->is_stream)
        ask->problem = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    if (cJSON_IsString(previous) && strncmp(previous->valuestring, "resp_canary", 11) != 0)
        ask->problem = "Previous response with that id not found.";
}

static void
ask_read_prompt(struct ask *ask)
{
    static const char *const places[] = {"system", "instructions",      "prompt",   "messages",
                                         "input",  "systemInstruction", "contents", "requests"};

    const cJSON *counted = cJSON_GetObjectItem(ask->tree, "generateContentRequest");

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        ask_take_text(ask, cJSON_GetObjectItem(counted == NULL ? ask->tree : counted, places[i]),
                      true);
    if (ask->user_text == NULL)
        ask->user_text = strdup("");
}

/* Texts of strings, messages and content parts; depth is bounded by the parser. */
static void
ask_take_text(struct ask *ask, const cJSON *node, bool is_user)
{
    static const char *const members[] = {"content",          "text",     "output", "parts",
                                          "functionResponse", "response", "error"};
    const cJSON *child;

    if (cJSON_IsNumber(node)) {
        ask->input++; /* a token of an embedding's input */
    } else if (cJSON_IsString(node)) {
        ask->input += ask_tokens(strlen(node->valuestring));
        if (is_user && !ask->has_wish) {
            free(ask->user_text);
            ask->user_text = strdup(node->valuestring);
            ask->has_wish = strstr(node->valuestring, "!mock:") != NULL;
        }
    } else if (cJSON_IsArray(node)) {
        cJSON_ArrayForEach(child, node) ask_take_text(ask, child, is_user);
    } else if (cJSON_IsObject(node)) {
        const cJSON *role = cJSON_GetObjectItem(node, "role");
        bool speaks = cJSON_IsString(role) ? strcmp(role->valuestring, "user") == 0 ||
                                                 strcmp(role->valuestring, "tool") == 0
                                           : is_user;

        if (role != NULL || cJSON_HasObjectItem(node, "output"))
            ask->has_wish = false;
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            ask_take_text(ask, cJSON_GetObjectItem(node, members[i]), speaks);
    }
}

static void
ask_read_text_faults(struct ask *ask)
{
    const char *list = strstr(ask->user_text, "!mock:");

    if (list != NULL)
        fault_parse(&ask->fault, list + 6, strcspn(list + 6, " \t\r\n"));
}

/* The last that is not an instruction: Claude Code has some after what was said. */
static const cJSON *
ask_last_item(const struct ask *ask)
{
    const cJSON *list = cJSON_GetObjectItem(ask->tree, "messages");

    if (list == NULL)
        list = cJSON_GetObjectItem(ask->tree, "input");
    if (list == NULL)
        list = cJSON_GetObjectItem(ask->tree, "contents");
    const cJSON *item, *last = NULL;

    cJSON_ArrayForEach(item, list)
    {
        if (!ask_string_is(item, "role", "system") && !ask_string_is(item, "role", "developer"))
            last = item;
    }
    return last;
}

static bool
ask_has_tool_result(const struct ask *ask)
{
    const cJSON *last = ask_last_item(ask), *content = cJSON_GetObjectItem(last, "content"),
                *parts = cJSON_GetObjectItem(last, "parts");

    return ask_string_is(last, "role", "tool") ||
           ask_string_is(last, "type", "function_call_output") ||
           (cJSON_IsArray(content) && ask_string_is(content->child, "type", "tool_result")) ||
           (cJSON_IsArray(parts) && cJSON_HasObjectItem(parts->child, "functionResponse"));
}

/* The first of Gemini's functions, or of those that are allowed. */
static const cJSON *
ask_declared(const cJSON *tool, const cJSON *config)
{
    const cJSON *allowed = cJSON_GetObjectItem(config, "allowedFunctionNames"), *function;

    cJSON_ArrayForEach(function, cJSON_GetObjectItem(tool, "functionDeclarations"))
    {
        if (!cJSON_IsArray(allowed) || !cJSON_IsString(allowed->child) ||
            ask_string_is(function, "name", allowed->child->valuestring))
            return function;
    }
    return NULL;
}

static void
ask_choose_tool(struct ask *ask)
{
    const cJSON *tools = cJSON_GetObjectItem(ask->tree, "tools"),
                *choice = cJSON_GetObjectItem(ask->tree, "tool_choice"),
                *config = cJSON_GetObjectItem(cJSON_GetObjectItem(ask->tree, "toolConfig"),
                                              "functionCallingConfig");
    bool is_forced =
        ask_string_is(ask->tree, "tool_choice", "required") ||
        ask_string_is(choice, "type", "any") || ask_string_is(choice, "type", "tool") ||
        ask_string_is(choice, "type", "function") || ask_string_is(config, "mode", "ANY");

    if (!cJSON_IsArray(tools) || tools->child == NULL || ask_has_tool_result(ask))
        return;
    if (ask->fault.read[0] != '\0') {
        ask->tool = ask_find_reader(tools);
        ask->n_calls = ask->tool == NULL ? 0 : 1;
        return;
    }
    if (!is_forced && ask->fault.tools < 0 && strcasestr(ask->user_text, "tool") == NULL)
        return;
    ask->tool = ask->is_native ? ask_declared(tools->child, config) : ask_chosen(tools, choice);
    if (ask->tool == NULL)
        return;
    ask->n_calls = ask->fault.tools > 0 ? ask->fault.tools : 1;
}

/* The one that the choice names, or the first. */
static const cJSON *
ask_chosen(const cJSON *tools, const cJSON *choice)
{
    const cJSON *tool;

    cJSON_ArrayForEach(tool, tools)
    {
        if (cJSON_IsObject(choice) && strcmp(ask_name_of(tool), ask_name_of(choice)) == 0)
            return tool;
    }
    return tools->child;
}

/* Gemini's functions stand one level down. */
static const cJSON *
ask_find_reader(const cJSON *tools)
{
    const cJSON *tool;

    cJSON_ArrayForEach(tool, tools)
    {
        const cJSON *functions = cJSON_GetObjectItem(tool, "functionDeclarations"),
                    *found = functions == NULL ? NULL : ask_find_reader(functions);

        if (found != NULL || reading_is_by(ask_name_of(tool)))
            return found != NULL ? found : tool;
    }
    return NULL;
}

static int64_t
ask_max_tokens(const struct ask *ask)
{
    static const char *const names[] = {"max_completion_tokens", "max_tokens", "max_output_tokens"};

    const cJSON *config = cJSON_GetObjectItem(ask->tree, "generationConfig"),
                *most = cJSON_GetObjectItem(config, "maxOutputTokens");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const cJSON *item = cJSON_GetObjectItem(ask->tree, names[i]);

        if (cJSON_IsNumber(item))
            return (int64_t)item->valuedouble;
    }
    return cJSON_IsNumber(most) ? (int64_t)most->valuedouble : INT32_MAX;
}

static void
ask_write_answer(struct ask *ask)
{
    const struct fault *fault = &ask->fault;
    long size = fault->size >= 0 ? fault->size : fault->chunks > 0 ? fault->chunks * 8 : -1;
    int64_t max = ask_max_tokens(ask);

    if (ask->tool != NULL)
        return;
    if (schema_of_answer(ask->tree) != NULL) {
        schema_object(schema_of_answer(ask->tree), 1, &ask->answer);
        return;
    }
    text_str(&ask->answer, ask_has_tool_result(ask) ? "The tool said: " : "You said: ");
    text_str(&ask->answer, ask->user_text);
    while (size > 0 && ask->answer.len < (size_t)size)
        text_str(&ask->answer, " lorem ipsum dolor sit amet consectetur adipiscing elit");
    if (fault->size >= 0) {
        ask_cut_answer(ask, (size_t)size);
    } else if (ask_tokens(ask->answer.len) > max) {
        ask_cut_answer(ask, (size_t)max * 4);
        ask->is_cut_short = true;
    }
}

/* Never in the middle of a UTF-8 sequence. */
static void
ask_cut_answer(struct ask *ask, size_t len)
{
    if (len >= ask->answer.len)
        return;
    while (len > 0 && (ask->answer.ptr[len] & 0xc0) == 0x80)
        len--;
    ask->answer.len = len;
    ask->answer.ptr[len] = '\0';
}

static void
ask_count(struct ask *ask)
{
    struct text arguments = {0};

    ask->output = ask->tool == NULL ? ask_tokens(ask->answer.len) : 0;
    for (long i = 0; i < ask->n_calls; i++) {
        text_clear(&arguments);
        ask_tool_arguments(ask, i, &arguments);
        ask->output += ask_tokens(arguments.len);
    }
    text_free(&arguments);
    if (ask->fault.in >= 0)
        ask->input = ask->fault.in;
    if (ask->fault.out >= 0)
        ask->output = ask->fault.out;
    ask->cached = ask->fault.cached > 0 ? ask->fault.cached : 0;
    ask->cache_write = ask->fault.cache_write > 0 ? ask->fault.cache_write : 0;
    ask->reasoning = ask->fault.reasoning > 0 ? ask->fault.reasoning : 0;
}

void
ask_free(struct ask *ask)
{
    cJSON_Delete(ask->tree);
    free(ask->user_text);
    text_free(&ask->answer);
    *ask = (struct ask){0};
}

int64_t
ask_tokens(size_t n_bytes)
{
    return (int64_t)(n_bytes + 3) / 4;
}

/* Chat nests name and schema under "function"; Responses and Messages do not. */
static const cJSON *
ask_body_of(const cJSON *tool)
{
    const cJSON *function = cJSON_GetObjectItem(tool, "function");

    return function == NULL ? tool : function;
}

static const char *
ask_name_of(const cJSON *tool)
{
    const cJSON *name = cJSON_GetObjectItem(ask_body_of(tool), "name");

    return cJSON_IsString(name) ? name->valuestring : "unnamed";
}

const char *
ask_tool_name(const struct ask *ask)
{
    return ask_name_of(ask->tool);
}

void
ask_tool_arguments(const struct ask *ask, long n, struct text *out)
{
    const cJSON *body = ask_body_of(ask->tool), *schema = cJSON_GetObjectItem(body, "parameters");

    if (schema == NULL)
        schema = cJSON_GetObjectItem(body, "input_schema");
    if (schema == NULL)
        schema = cJSON_GetObjectItem(body, "parametersJsonSchema");
    if (ask->fault.read[0] != '\0')
        reading_arguments(schema, ask->fault.read, out);
    else
        schema_object(schema, n + 1, out);
}

static bool
ask_string_is(const cJSON *object, const char *key, const char *value)
{
    const cJSON *item = cJSON_GetObjectItem(object, key);

    return cJSON_IsString(item) && strcmp(item->valuestring, value) == 0;
}
