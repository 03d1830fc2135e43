/* SPDX-License-Identifier: ISC
 *
 * The mock providers themselves: what they refuse when they are strict, and that they refuse
 * nothing that is right; Google's own protocol. A mock that takes anything proves nothing.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway.h"
#include "http.h"
#include "json.h"

#define VECTORS "tests/vectors/"
#define STRICT  "x-mock-fault: strict\r\nanthropic-version: 2023-06-01\r\n"
#define LENIENT "anthropic-version: 2023-06-01\r\n"

#define CHAT      "/openai/v1/chat/completions"
#define RESPONSES "/openai/v1/responses"
#define MESSAGES  "/anthropic/v1/messages"
#define GEMINI(m) "/gemini/v1beta/models/" m ":generateContent"
#define GEMINI_25 GEMINI("gemini-2.5-pro")
#define GEMINI_3  GEMINI("gemini-3-pro-preview")

#define CALL(id)                                                                                   \
    "{'role':'assistant','tool_calls':[{'id':'" id "','type':'function','function':{'name':'f',"   \
    "'arguments':'{}'}}]}"
#define USE "{'role':'assistant','content':[{'type':'tool_use','id':'t1','name':'f','input':{}}]}"
#define ASKED(model)                                                                               \
    "{'model':'" model "','max_tokens':2000,'messages':[{'role':'user','content':'hi'}]"
#define HI "{'role':'user','parts':[{'text':'hi'}]}"

/* A request that is answered, unless the mock is strict: then with a 400 that holds these words. */
struct fault {
    const char *path, *body, *words; /* quotes are single ones */
};

static const struct fault faults[] = {
    {CHAT, "{'model':'gpt-4.1','messages':[{'role':'user','content':'hi'}],'stop_sequences':['x']}",
     "'stop_sequences'"},
    {CHAT, "{'model':'gpt-4.1','messages':[]}", "empty array"},
    {CHAT, "{'model':'gpt-4.1','messages':[{'role':'user','content':null}]}", "got null"},
    {CHAT, "{'model':'gpt-4.1','messages':[{'role':'user','content':'hi'}," CALL("1") "]}",
     "must be followed by"},
    {CHAT, "{'model':'gpt-4.1','messages':[{'role':'tool','tool_call_id':'1','content':'r'}]}",
     "must be a response"},
    {CHAT,
     "{'model':'gpt-4.1','messages':[{'role':'user','content':'hi'}," CALL(
         "12345678901234567890123456789012345678901") ",{'role':'tool','tool_call_id':"
                                                      "'1','content':'r'}]}",
     "maximum length 40"},
    {CHAT,
     "{'model':'gpt-4.1','messages':[{'role':'user','content':[{'type':'text','text':'hi',"
     "'cache_control':{'type':'ephemeral'}}]}]}",
     "cache_control"},
    {CHAT, ASKED("gpt-5.2") "}", "max_completion_tokens"},
    {CHAT, "{'model':'gpt-4.1','max_tokens':64000,'messages':[{'role':'user','content':'hi'}]}",
     "at most 32768"},
    {CHAT,
     "{'model':'gpt-4.1','reasoning_effort':'low','messages':[{'role':'user','content':'hi'}]}",
     "reasoning_effort"},
    {CHAT,
     "{'model':'gpt-4.1','parallel_tool_calls':true,'messages':[{'role':'user','content':'hi'}]}",
     "tools"},
    {RESPONSES, "{'model':'gpt-4.1','input':'hi','messages':[]}", "'messages'"},
    {RESPONSES, "{'model':'gpt-4.1','input':'hi','max_output_tokens':5}", ">= 16"},
    {RESPONSES,
     "{'model':'gpt-4.1','input':[{'type':'function_call_output','call_id':'1','output':'r'}]}",
     "No tool call found"},
    {RESPONSES,
     "{'model':'gpt-4.1','input':[{'type':'function_call','call_id':'1','name':'f','arguments':"
     "'{}'}]}",
     "No tool output found"},
    {RESPONSES,
     "{'model':'gpt-4.1','input':'hi','tools':[{'type':'function','name':'f','parameters':"
     "{'type':'object','properties':{}}}]}",
     "additionalProperties"},
    {RESPONSES,
     "{'model':'gpt-4.1','input':[{'type':'reasoning','summary':[],'encrypted_content':"
     "'relay1.ant.e30'}]}",
     "could not be verified"},
    {MESSAGES, ASKED("claude-sonnet-4-5") ",'response_format':{}}", "Extra inputs"},
    {MESSAGES, ASKED("claude-sonnet-4-5") ",'temperature':0.5,'top_p':0.5}", "both"},
    {MESSAGES, ASKED("claude-opus-4-7") ",'temperature':1}", "deprecated"},
    {MESSAGES, ASKED("claude-sonnet-4-5") ",'thinking':{'type':'adaptive'}}", "adaptive"},
    {MESSAGES, ASKED("claude-sonnet-4-5") ",'thinking':{'type':'enabled','budget_tokens':2000}}",
     "greater than `thinking"},
    {MESSAGES, ASKED("claude-haiku-5-5") ",'thinking':{'type':'enabled','budget_tokens':1024}}",
     "not supported"},
    {MESSAGES,
     "{'model':'claude-opus-4-1','max_tokens':64000,'messages':[{'role':'user','content':'hi'}]}",
     "32000"},
    {MESSAGES,
     ASKED("claude-sonnet-5-5") ",'tools':[{'name':'f','input_schema':{'type':'object'}"
                                "}],'tool_choice':{'type':'any'}}",
     "forced"},
    {MESSAGES,
     "{'model':'claude-sonnet-4-5','max_tokens':9,'messages':[{'role':'user','content':'hi'}," USE
     ",{'role':'user','content':'go on'}]}",
     "without `tool_result`"},
    {MESSAGES,
     "{'model':'claude-sonnet-4-5','max_tokens':9,'messages':[{'role':'user','content':'hi'}," USE
     ",{'role':'user','content':[{'type':'text','text':'x'},{'type':'tool_result','tool_use_id':"
     "'t1'}]}]}",
     "must come first"},
    {MESSAGES,
     "{'model':'claude-sonnet-4-5','max_tokens':9,'messages':[{'role':'user','content':'hi'},"
     "{'role':'assistant','content':[{'type':'thinking','thinking':'x','signature':"
     "'relay1.gem.e30'}]}]}",
     "Invalid `signature`"},
    {MESSAGES,
     "{'model':'claude-sonnet-4-5','max_tokens':9,'messages':[{'role':'user','content':' '}]}",
     "non-whitespace"},
    {MESSAGES,
     "{'model':'claude-sonnet-4-5','max_tokens':9,'messages':[{'role':'user','content':'hi'},"
     "{'role':'system','content':'x'}]}",
     "Unexpected role"},
    {GEMINI_25, "{'contents':[" HI "],'model':'x'}", "Unknown name"},
    {GEMINI_25, "{'contents':[" HI "," HI "]}", "alternate"},
    {GEMINI_25, "{'contents':[" HI ",{'role':'model','parts':[]}]}", "must not be empty"},
    {GEMINI_25,
     "{'contents':[" HI ",{'role':'model','parts':[{'functionCall':{'name':'f','args':"
     "{}}}]}," HI "]}",
     "equal to the number"},
    {GEMINI_3,
     "{'contents':[" HI ",{'role':'model','parts':[{'functionCall':{'name':'f','args':{}"
     "}}]},{'role':'user','parts':[{'functionResponse':{'name':'f','response':{'output':"
     "'r'}}}]}]}",
     "thought_signature"},
    {GEMINI_25,
     "{'contents':[" HI "],'generationConfig':{'thinkingConfig':{'thinkingLevel':'LOW'}"
     "}}",
     "not supported"},
    {GEMINI_25, "{'contents':[" HI "],'generationConfig':{'thinkingConfig':{'thinkingBudget':0}}}",
     "between 128"},
    {GEMINI_25,
     "{'contents':[" HI "],'tools':[{'functionDeclarations':[{'name':'f','parameters':"
     "{'type':'object','additionalProperties':false}}]}]}",
     "additionalProperties"},
    {GEMINI_25,
     "{'contents':[" HI "],'tools':[{'functionDeclarations':[{'name':'f'}]}],"
     "'generationConfig':{'responseMimeType':'application/json'}}",
     "mime type"},
};

/* Single quotes made double ones. Free it. */
static char *
quoted(const char *body)
{
    char *copy = strdup(body);

    for (char *p = copy; *p != '\0'; p++)
        *p = *p == '\'' ? '"' : *p;
    return copy;
}

Test(mock, refuses_what_the_real_apis_refuse_only_when_it_is_strict)
{
    struct gateway *gateway = gateway_start(NULL);

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char *body = quoted(faults[i].body);
        struct http_reply *lenient =
            http_call(gateway->mock_port, faults[i].path, "k", LENIENT, body);
        struct http_reply *strict =
            http_call(gateway->mock_port, faults[i].path, "k", STRICT, body);

        cr_expect_eq(lenient->status, 200, "row %zu: %s", i, lenient->body);
        cr_expect_eq(strict->status, 400, "row %zu: %s", i, faults[i].body);
        cr_expect(strstr(strict->body, faults[i].words) != NULL, "row %zu: %s", i, strict->body);
        http_reply_free(&lenient);
        http_reply_free(&strict);
        free(body);
    }
    gateway_stop(&gateway);
}

/* A file of a vector. Free it. */
static char *
vector_file(const char *vector, const char *name)
{
    char path[512];
    FILE *file;
    char *text = NULL;
    size_t room = 0;

    snprintf(path, sizeof path, VECTORS "%s/%s", vector, name);
    file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    if (getdelim(&text, &room, '\0', file) < 0)
        text[0] = '\0';
    fclose(file);
    return text;
}

static void
post_vector(struct gateway *gateway, const char *vector, const char *upstream)
{
    char *asked = vector_file(vector, "client-request.json");
    char *body = vector_file(vector, "upstream-request.json");
    cJSON *tree = cJSON_Parse(asked);
    char path[256] = CHAT;

    if (strcmp(upstream, "gemini") == 0)
        snprintf(path, sizeof path, "/gemini/v1beta/models/%s:generateContent",
                 json_text(tree, "model"));
    else if (strstr(upstream, "messages") != NULL)
        snprintf(path, sizeof path, "%s", MESSAGES);
    else if (strstr(upstream, "responses") != NULL)
        snprintf(path, sizeof path, "%s", RESPONSES);
    struct http_reply *reply = http_call(gateway->mock_port, path, "k", STRICT, body);

    cr_expect_eq(reply->status, 200, "%s: %s", vector, reply->body);
    http_reply_free(&reply);
    cJSON_Delete(tree);
    free(asked);
    free(body);
}

Test(mock, takes_every_request_of_the_vectors_when_it_is_strict)
{
    struct gateway *gateway = gateway_start(NULL);
    DIR *all = opendir(VECTORS);
    const struct dirent *entry;
    int n = 0;

    cr_assert(all != NULL, "tests run from the root of the repository");
    while ((entry = readdir(all)) != NULL) {
        char *meta = vector_file(entry->d_name, "meta.json");
        cJSON *tree = meta == NULL ? NULL : cJSON_Parse(meta);

        if (tree != NULL && strstr(entry->d_name, "bedrock") == NULL) {
            post_vector(gateway, entry->d_name, json_text(tree, "upstream"));
            n++;
        }
        cJSON_Delete(tree);
        free(meta);
    }
    closedir(all);
    cr_expect_gt(n, 30);
    gateway_stop(&gateway);
}

static cJSON *
call_gemini(struct gateway *gateway, const char *path, const char *body)
{
    char *quotes = body == NULL ? NULL : quoted(body);
    struct http_reply *reply = http_call(gateway->mock_port, path, "k", STRICT, quotes);
    cJSON *tree = strstr(path, "alt=sse") != NULL ? json_events(reply) : json_body(reply);

    cr_expect_eq(reply->status, 200, "%s: %s", path, reply->body);
    http_reply_free(&reply);
    free(quotes);
    return tree;
}

/* read=PATH: whichever of the tools reads files, in any protocol, with that file. */
Test(mock, reads_a_file_with_the_tool_that_is_there)
{
#define READ             "read !mock:read=/a/b now"
#define SCHEMA(property) "{'type':'object','properties':{'q':{'type':'string'}," property "}}"
    static const struct {
        const char *path, *body, *name_at, *name, *arguments;
    } rows[] = {
        {CHAT,
         "{'model':'gpt-4.1','messages':[{'role':'user','content':'" READ "'}],'tools':[{'type':"
         "'function','function':{'name':'f'}},{'type':'function','function':{'name':'read',"
         "'parameters':" SCHEMA("'filePath':{'type':'string'}") "}}]}",
         "choices.0.message.tool_calls.0.function.name", "read", "{\\\"filePath\\\":\\\"/a/b\\\"}"},
        {MESSAGES,
         "{'model':'claude-sonnet-4','max_tokens':99,'messages':[{'role':'user','content':'" READ
         "'},{'role':'system','content':'be brief'}],'tools':[{'name':'f','input_schema':{'type':"
         "'object'}},{'name':'Read','input_schema':" SCHEMA("'file_path':{'type':'string'}") "}]}",
         "content.0.name", "Read", "{\"file_path\":\"/a/b\"}"},
        {RESPONSES,
         "{'model':'gpt-4.1','input':'" READ "','tools':[{'type':'web_search'},{'type':'function',"
         "'name':'exec_command','parameters':" SCHEMA("'cmd':{'type':'string'}") "}]}",
         "output.0.name", "exec_command", "{\\\"cmd\\\":\\\"cat /a/b\\\"}"},
        {GEMINI_25,
         "{'contents':[{'role':'user','parts':[{'text':'" READ "'}]}],'tools':[{"
         "'functionDeclarations':[{'name':'f'},{'name':'shell','parametersJsonSchema':" SCHEMA(
             "'command':{'type':'array','items':{'type':'string'}}") "}]}]}",
         "candidates.0.content.parts.0.functionCall.name", "shell",
         "{\"command\":[\"cat\",\"/a/b\"]}"},
    };
    struct gateway *gateway = gateway_start(NULL);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *body = quoted(rows[i].body);
        struct http_reply *reply = http_call(gateway->mock_port, rows[i].path, "k", LENIENT, body);
        cJSON *tree = json_body(reply);

        cr_expect_str_eq(json_text(tree, rows[i].name_at), rows[i].name, "%s", reply->body);
        cr_expect(strstr(reply->body, rows[i].arguments) != NULL, "%s", reply->body);
        cJSON_Delete(tree);
        http_reply_free(&reply);
        free(body);
    }
    gateway_stop(&gateway);
}

#define TOOLS                                                                                      \
    ",'tools':[{'functionDeclarations':[{'name':'f','parametersJsonSchema':{'type':"               \
    "'object','properties':{'p':{'type':'string'}}}}]}]"

Test(mock, speaks_gemini)
{
    struct gateway *gateway = gateway_start(NULL);
    cJSON *tree = call_gemini(gateway, GEMINI_3, "{'contents':[" HI "]}");

    cr_expect_str_eq(json_text(tree, "candidates.0.content.parts.0.text"), "You said: hi");
    cr_expect_str_eq(json_text(tree, "candidates.0.finishReason"), "STOP");
    cr_expect_eq(json_int(tree, "usageMetadata.promptTokenCount"), 1);
    cr_expect_eq(json_int(tree, "usageMetadata.candidatesTokenCount"), 3);
    cJSON_Delete(tree);

    tree = call_gemini(gateway, GEMINI_3,
                       "{'contents':[{'role':'user','parts':[{'text':'use the tool'}]}]" TOOLS "}");
    cr_expect_str_eq(json_text(tree, "candidates.0.content.parts.0.functionCall.args.p"),
                     "value 1");
    cr_expect_str_neq(json_text(tree, "candidates.0.content.parts.0.thoughtSignature"), "");
    cJSON_Delete(tree);

    tree = call_gemini(
        gateway, "/gemini/v1beta/models/gemini-3-flash!reasoning=2:streamGenerateContent?alt=sse",
        "{'contents':[" HI "]}");
    cr_expect_eq(cJSON_GetArraySize(tree), 6);
    cr_expect(json_is_true(tree, "0.data.candidates.0.content.parts.0.thought"));
    cr_expect_str_eq(json_text(tree, "5.data.candidates.0.finishReason"), "STOP");
    cr_expect_eq(json_int(tree, "5.data.usageMetadata.thoughtsTokenCount"), 2);
    cJSON_Delete(tree);

    tree = call_gemini(gateway, "/gemini/v1beta/models/gemini-3-flash:countTokens",
                       "{'generateContentRequest':{'model':'models/gemini-3-flash','contents':[" HI
                       "]}}");
    cr_expect_eq(json_int(tree, "totalTokens"), 1);
    cJSON_Delete(tree);
    tree = call_gemini(gateway, "/gemini/v1beta/models", NULL);
    cr_expect_eq(strncmp(json_text(tree, "models.0.name"), "models/", 7), 0);
    cJSON_Delete(tree);
    gateway_stop(&gateway);
}

Test(mock, says_in_geminis_words_what_went_wrong)
{
    struct gateway *gateway = gateway_start(NULL);
    char *body = quoted("{'contents':[{'role':'user','parts':[{'text':"
                        "'!mock:status=429,retry-after=7'}]}]}");
    struct http_reply *reply = http_call(gateway->mock_port, GEMINI_25, "k", NULL, body);
    cJSON *tree = json_body(reply);

    cr_expect_eq(reply->status, 429);
    cr_expect_str_eq(json_text(tree, "error.status"), "RESOURCE_EXHAUSTED");
    cr_expect_str_eq(json_text(tree, "error.details.0.retryDelay"), "7s");
    cr_expect_eq(http_header_count(reply, "retry-after"), 0);
    cJSON_Delete(tree);
    http_reply_free(&reply);
    free(body);
    gateway_stop(&gateway);
}
