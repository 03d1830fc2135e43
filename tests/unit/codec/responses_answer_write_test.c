/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "quoted.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/sse.h"
#include "translators.h"

#define HEX "019abc00000070010203040506070809"

static struct answer_writer writer;
static struct buf out;

static void
begin(const struct neutral_request *request)
{
    const struct reply_context context = {
        .operation = OPERATION_RESPONSE,
        .public_model = SLICE_LIT("public-model"),
        .request_id = {{0x01, 0x9a, 0xbc, 0, 0, 0, 0x70, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
    };

    answer_writer_init(&writer, PROTOCOL_OPENAI_RESPONSES, &context);
    answer_writer_expect(&writer, request);
    writer.created_s = 1760000000;
    buf_init(&out, 1 << 20);
}

static void
end(void)
{
    answer_writer_fini(&writer);
    buf_fini(&out);
}

static void
tell(struct neutral_event event)
{
    responses_answer_write(&writer, &event, &out);
}

#define TELL(...)              tell((struct neutral_event){__VA_ARGS__})
#define TELL_BEGIN(part_, ...) TELL(.kind = NEUTRAL_PART_BEGIN, .part = (part_), __VA_ARGS__)
#define TELL_TEXT(text_)       TELL(.kind = NEUTRAL_PART_DELTA, .text = SLICE_LIT(text_))
#define TELL_END()             TELL(.kind = NEUTRAL_PART_END)
#define TELL_OVER(finish_)                                                                         \
    do {                                                                                           \
        TELL(.kind = NEUTRAL_FINISH, .finish = (finish_));                                         \
        TELL(.kind = NEUTRAL_END);                                                                 \
    } while (0)

/* Type by type, without the snapshots at both ends. */
static void
expect_events(const char *expected)
{
    static char got[16384];
    struct sse_event event;
    struct sse sse;
    size_t len = 0;

    sse_init(&sse);
    sse_feed(&sse, buf_slice(&out));
    for (int n = 0; sse_next(&sse, &event) == 0; n++) {
        struct json_object object;
        struct json_error error;
        int64_t sequence = -1;

        cr_assert_eq(json_scan_object(event.data, &object, &error), 0, "%.*s", (int)event.data.len,
                     event.data.ptr);
        cr_expect(json_string_eq(json_find(&object, "type")->value, event.name));
        cr_expect_eq(json_int(json_find(&object, "sequence_number")->value, &sequence), 0);
        cr_expect_eq(sequence, n);
        if (json_find(&object, "response") == NULL)
            len += (size_t)snprintf(got + len, sizeof(got) - len, "%.*s\n", (int)event.data.len,
                                    event.data.ptr);
    }
    sse_fini(&sse);
    cr_expect_str_eq(got, expected);
}

static bool
has_text(const char *text)
{
    return memmem(out.ptr, out.len, text, strlen(text)) != NULL;
}

static void
expect_text(const char *text)
{
    cr_expect(has_text(text), "no %s in\n%.*s", text, (int)out.len, out.ptr);
}

/* Events without what stands in all of them: # is our id, numbers begin behind the snapshots. */
static void
expect_events_of(const char *const *lines, size_t n)
{
    static char text[16384];

    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        size_t len = quoted_append(text, sizeof(text), lines[i], HEX);

        snprintf(text + len, sizeof(text) - len, ",\"sequence_number\":%zu}\n", i + 2);
    }
    expect_events(text);
}
#define EXPECT_EVENTS(...) expect_events_of(QUOTED_LINES(__VA_ARGS__))

static const struct neutral_request streamed = {.is_stream = true};

Test(responses_answer_write, a_message_has_the_whole_ladder)
{
    begin(&streamed);
    TELL(.kind = NEUTRAL_START);
    TELL_BEGIN(NEUTRAL_TEXT);
    TELL_TEXT("Say ");
    TELL_TEXT("\\\"x\\\"");
    TELL(.kind = NEUTRAL_ANNOTATION, .json = SLICE_LIT("{\"url\":\"u\"}"));
    TELL_END();
    TELL_OVER(NEUTRAL_STOP);
    EXPECT_EVENTS(
        "{'type':'response.output_item.added','output_index':0,'item':{'id':'msg_#_0',"
        "'type':'message','status':'in_progress','role':'assistant','content':[]}",
        "{'type':'response.content_part.added','item_id':'msg_#_0','output_index':0,"
        "'content_index':0,'part':{'type':'output_text','annotations':[],'logprobs':[],'text':''}",
        "{'type':'response.output_text.delta','item_id':'msg_#_0','output_index':0,"
        "'content_index':0,'delta':'Say ','logprobs':[]",
        "{'type':'response.output_text.delta','item_id':'msg_#_0','output_index':0,"
        "'content_index':0,'delta':'\\'x\\'','logprobs':[]",
        "{'type':'response.output_text.annotation.added','item_id':'msg_#_0','output_index':0,"
        "'content_index':0,'annotation_index':0,'annotation':{'url':'u'}",
        "{'type':'response.output_text.done','item_id':'msg_#_0','output_index':0,"
        "'content_index':0,'text':'Say \\'x\\'','logprobs':[]",
        "{'type':'response.content_part.done','item_id':'msg_#_0','output_index':0,"
        "'content_index':0,'part':{'type':'output_text','annotations':[{'url':'u'}],"
        "'logprobs':[],'text':'Say \\'x\\''}",
        "{'type':'response.output_item.done','output_index':0,'item':{'id':'msg_#_0',"
        "'type':'message','status':'completed','role':'assistant','content':[{'type':"
        "'output_text','annotations':[{'url':'u'}],'logprobs':[],'text':'Say \\'x\\''}]}");
    expect_text("event: response.completed\ndata: ");
    end();
}

Test(responses_answer_write, a_refusal_is_a_part_of_its_own_kind)
{
    begin(&streamed);
    TELL_BEGIN(NEUTRAL_REFUSAL);
    TELL_TEXT("No.");
    TELL_END();
    TELL_OVER(NEUTRAL_STOP);
    expect_text("event: response.refusal.delta\n");
    expect_text("\"output_index\":0,\"content_index\":0,\"refusal\":\"No.\",\"sequence_number\"");
    expect_text("\"content\":[{\"type\":\"refusal\",\"refusal\":\"No.\"}]");
    end();
}

Test(responses_answer_write, the_reason_of_a_refusal_is_told)
{
    begin(&streamed);
    TELL(.kind = NEUTRAL_FINISH, .finish = NEUTRAL_CONTENT_FILTER, .text = SLICE_LIT("Not this."));
    TELL(.kind = NEUTRAL_END);
    expect_text("event: response.refusal.delta\n");
    expect_text("\"content\":[{\"type\":\"refusal\",\"refusal\":\"Not this.\"}]");
    expect_text("event: response.incomplete\n");
    expect_text("\"incomplete_details\":{\"reason\":\"content_filter\"}");
    end();
}

Test(responses_answer_write, reasoning_carries_its_state)
{
    begin(&streamed);
    TELL_BEGIN(NEUTRAL_REASONING);
    TELL_TEXT("Need the tide.");
    TELL(.kind = NEUTRAL_PART_STATE, .state = SLICE_LIT("QW50U2ln"),
         .origin = NEUTRAL_ORIGIN_ANTHROPIC);
    TELL_END();
    TELL_BEGIN(NEUTRAL_REASONING, .is_redacted = true);
    TELL(.kind = NEUTRAL_PART_STATE, .state = SLICE_LIT("cmVk"),
         .origin = NEUTRAL_ORIGIN_ANTHROPIC);
    TELL_END();
    TELL_OVER(NEUTRAL_STOP);
    expect_text("\"summary\":[{\"type\":\"summary_text\",\"text\":\"Need the tide.\"}],"
                "\"encrypted_content\":\"relay1.ant.W3sidHlwZSI6InRoaW5raW5nIiwidGhpbmtpbmciOiJOZW"
                "VkIHRoZSB0aWRlLiIsInNpZ25hdHVyZSI6IlFXNTBVMmxuIn1d\"}");
    expect_text("\"id\":\"rs_" HEX "_1\",\"type\":\"reasoning\",\"summary\":[],"
                "\"encrypted_content\":\"relay1.ant.");
    /* An empty summary has no events. */
    cr_expect(!has_text("\"item_id\":\"rs_" HEX "_1\""));
    end();
}

Test(responses_answer_write, calls_go_back_to_their_namespace)
{
    struct neutral_tool tools[] = {{.name = SLICE_LIT("mcp__git__log"), .namespace_len = 8},
                                   {.name = SLICE_LIT("mcp__x")}};
    const struct neutral_request request = {.tools = tools, .n_tools = 2, .is_stream = true};

    begin(&request);
    TELL_BEGIN(NEUTRAL_CALL, .id = SLICE_LIT("a"), .name = SLICE_LIT("mcp__git__log"));
    TELL_END();
    TELL_BEGIN(NEUTRAL_CALL, .id = SLICE_LIT("b"), .name = SLICE_LIT("mcp__x"));
    TELL_TEXT("{\\\"q\\\":1}");
    TELL_END();
    TELL_OVER(NEUTRAL_TOOL_CALLS);
    EXPECT_EVENTS(
        "{'type':'response.output_item.added','output_index':0,'item':{'id':'fc_#_0','type':"
        "'function_call','status':'in_progress','call_id':'a','name':'log','namespace':"
        "'mcp__git','arguments':''}",
        "{'type':'response.function_call_arguments.delta','item_id':'fc_#_0','output_index':0,"
        "'delta':'{}'",
        "{'type':'response.function_call_arguments.done','item_id':'fc_#_0','output_index':0,"
        "'name':'log','arguments':'{}'",
        "{'type':'response.output_item.done','output_index':0,'item':{'id':'fc_#_0','type':"
        "'function_call','status':'completed','call_id':'a','name':'log','namespace':"
        "'mcp__git','arguments':'{}'}",
        "{'type':'response.output_item.added','output_index':1,'item':{'id':'fc_#_1','type':"
        "'function_call','status':'in_progress','call_id':'b','name':'mcp__x','arguments':''}",
        "{'type':'response.function_call_arguments.delta','item_id':'fc_#_1','output_index':1,"
        "'delta':'{\\'q\\':1}'",
        "{'type':'response.function_call_arguments.done','item_id':'fc_#_1','output_index':1,"
        "'name':'mcp__x','arguments':'{\\'q\\':1}'",
        "{'type':'response.output_item.done','output_index':1,'item':{'id':'fc_#_1','type':"
        "'function_call','status':'completed','call_id':'b','name':'mcp__x','arguments':"
        "'{\\'q\\':1}'}");
    end();
}

/* Upstreams without custom tools were given a function with the one argument "input". */
Test(responses_answer_write, inputs_of_custom_tools_are_unwrapped)
{
    struct neutral_tool tool = {.kind = NEUTRAL_CUSTOM, .name = SLICE_LIT("patch")};
    const struct neutral_request request = {.tools = &tool, .n_tools = 1, .is_stream = true};

    begin(&request);
    TELL_BEGIN(NEUTRAL_CALL, .id = SLICE_LIT("a"), .name = SLICE_LIT("patch"));
    TELL_TEXT("{\\\"inp");
    TELL_TEXT("ut\\\":\\\"*** \\\\\\\"a\\\\\\\"\\\\n\\\"}");
    TELL_END();
    TELL_OVER(NEUTRAL_TOOL_CALLS);
    expect_text("\"output_index\":0,\"input\":\"*** \\\"a\\\"\\n\",\"sequence_number\":4}");
    expect_text("\"type\":\"custom_tool_call\",\"status\":\"completed\",\"call_id\":\"a\",\"name\":"
                "\"patch\",\"input\":\"*** \\\"a\\\"\\n\"}");
    end();

    begin(&request); /* one that knows them */
    TELL_BEGIN(NEUTRAL_CALL, .id = SLICE_LIT("a"), .name = SLICE_LIT("patch"), .is_custom = true);
    TELL_TEXT("*** \\\"a\\\"");
    TELL_TEXT("\\n");
    TELL_END();
    TELL_OVER(NEUTRAL_TOOL_CALLS);
    expect_text("\"delta\":\"*** \\\"a\\\"\"");
    expect_text("\"input\":\"*** \\\"a\\\"\\n\"}");
    end();
}

/* A model may not do as its tool says. */
Test(responses_answer_write, an_input_that_is_not_wrapped_is_not_lost)
{
    struct neutral_tool tool = {.kind = NEUTRAL_CUSTOM, .name = SLICE_LIT("patch")};
    const struct neutral_request request = {.tools = &tool, .n_tools = 1, .is_stream = true};

    begin(&request);
    TELL_BEGIN(NEUTRAL_CALL, .id = SLICE_LIT("a"), .name = SLICE_LIT("patch"));
    TELL_TEXT("*** \\\"a\\\"");
    TELL_END();
    TELL_OVER(NEUTRAL_TOOL_CALLS);
    expect_text("\"name\":\"patch\",\"input\":\"*** \\\"a\\\"\"}");
    end();
}

Test(responses_answer_write, what_was_cut_off_says_so)
{
    begin(&streamed);
    TELL_BEGIN(NEUTRAL_TEXT);
    TELL_TEXT("One");
    TELL_END();
    TELL_BEGIN(NEUTRAL_TEXT);
    TELL_TEXT("Two");
    TELL_END();
    TELL_OVER(NEUTRAL_LENGTH);
    expect_text("\"id\":\"msg_" HEX "_0\",\"type\":\"message\",\"status\":\"completed\"");
    expect_text("\"id\":\"msg_" HEX "_1\",\"type\":\"message\",\"status\":\"incomplete\"");
    expect_text("event: response.incomplete\n");
    expect_text("\"incomplete_details\":{\"reason\":\"max_output_tokens\"}");
    end();
}

Test(responses_answer_write, a_failure_is_the_last_event)
{
    begin(&streamed);
    TELL_BEGIN(NEUTRAL_TEXT);
    TELL_TEXT("One");
    TELL_END();
    TELL_BEGIN(NEUTRAL_TEXT);
    TELL_TEXT("Tw");
    TELL(.kind = NEUTRAL_ERROR, .category = ERR_CATEGORY_OVERLOADED);
    expect_text("event: response.failed\n");
    expect_text("\"status\":\"failed\",\"background\":false,\"error\":{\"code\":\"server_error\"");
    expect_text("\"output\":[{\"id\":\"msg_" HEX "_0\"");
    cr_expect(!has_text("response.completed"));
    end();
}

Test(responses_answer_write, empty_messages_are_not_told)
{
    begin(&streamed);
    TELL_BEGIN(NEUTRAL_TEXT);
    TELL_END();
    TELL_BEGIN(NEUTRAL_IMAGE);
    TELL_TEXT("what?");
    TELL_END();
    TELL_OVER(NEUTRAL_STOP);
    expect_events("");
    expect_text("\"output\":[]");
    end();
}

Test(responses_answer_write, a_whole_answer_is_one_object)
{
    const struct neutral_request request = {
        .max_tokens = 16, .effort = NEUTRAL_EFFORT_LOW, .wants_reasoning_text = true};
    struct usage usage = {.count = {[USAGE_INPUT] = 5, [USAGE_CACHE_READ] = 3, [USAGE_OUTPUT] = 2},
                          .reasoning_tokens = 1,
                          .is_reported = 1};

    begin(&request);
    TELL(.kind = NEUTRAL_START);
    TELL_BEGIN(NEUTRAL_TEXT);
    TELL_TEXT("Hi");
    TELL_END();
    TELL(.kind = NEUTRAL_USAGE, .usage = &usage);
    TELL_OVER(NEUTRAL_STOP);
    buf_append_byte(&out, '\0');
    cr_expect_str_eq(
        out.ptr,
        "{\"id\":\"resp_" HEX "\",\"object\":\"response\",\"created_at\":1760000000,\"status\":"
        "\"completed\",\"background\":false,\"error\":null,\"incomplete_details\":null,"
        "\"instructions\":null,\"max_output_tokens\":16,\"reasoning\":{\"effort\":\"low\","
        "\"summary\":\"auto\"},\"metadata\":{},\"model\":\"public-model\",\"output\":[{\"id\":"
        "\"msg_" HEX "_0\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\","
        "\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"Hi\"}"
        "]}],\"parallel_tool_calls\":true,\"previous_response_id\":null,\"store\":false,"
        "\"temperature\":1,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\","
        "\"tools\":[],\"top_p\":1,\"truncation\":\"disabled\",\"usage\":{\"input_tokens\":8,"
        "\"input_tokens_details\":{\"cached_tokens\":3,\"cache_write_tokens\":0},"
        "\"output_tokens\":2,\"output_tokens_details\":{\"reasoning_tokens\":1},"
        "\"total_tokens\":10}}");
    end();
}

/* Deltas fill buffers that are there already. */
Test(responses_answer_write, a_long_answer_grows_few_buffers)
{
    size_t capacity = 0, moves = 0;

    begin(&streamed);
    TELL_BEGIN(NEUTRAL_TEXT);
    for (int i = 0; i < 10000; i++) {
        buf_clear(&out);
        TELL_TEXT("word ");
        moves += writer.text.capacity != capacity;
        capacity = writer.text.capacity;
    }
    cr_expect_lt(moves, 20, "%zu", moves);
    end();
}
