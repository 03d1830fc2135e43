/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

#include "quoted.h"
#include "relayos/codec/sse.h"
#include "translators.h"

/* The events of an answer in words; text of one part is joined. */
struct heard {
    char text[8192];
    int err;
    struct answer_reader reader;
};

static void
say(struct heard *heard, const char *format, ...)
{
    const size_t len = strlen(heard->text);
    va_list args;

    va_start(args, format);
    vsnprintf(heard->text + len, sizeof(heard->text) - len, format, args);
    va_end(args);
}

#define S(slice) (int)(slice).len, (slice).ptr

static void
hear(void *ctx, const struct neutral_event *event)
{
    static const char *const parts[] = {
        [NEUTRAL_TEXT] = "text", [NEUTRAL_REASONING] = "reasoning", [NEUTRAL_REFUSAL] = "refusal"};
    struct heard *heard = ctx;

    switch (event->kind) {
    case NEUTRAL_START:
        say(heard, "start(%.*s)", S(event->id));
        break;
    case NEUTRAL_PART_BEGIN:
        if (event->part == NEUTRAL_CALL)
            say(heard, " %s(%.*s %.*s ", event->is_custom ? "custom" : "call", S(event->id),
                S(event->name));
        else
            say(heard, " %s(", parts[event->part]);
        break;
    case NEUTRAL_PART_DELTA:
        say(heard, "%.*s", S(event->text));
        break;
    case NEUTRAL_PART_STATE:
        say(heard, "|%d %.*s", event->origin, S(event->state));
        break;
    case NEUTRAL_PART_END:
        say(heard, ")");
        break;
    case NEUTRAL_ANNOTATION:
        say(heard, "<%.*s>", S(event->json));
        break;
    case NEUTRAL_USAGE:
        say(heard, " usage(%d %d %d %d)", (int)event->usage->count[USAGE_INPUT],
            (int)event->usage->count[USAGE_CACHE_READ], (int)event->usage->count[USAGE_OUTPUT],
            (int)event->usage->reasoning_tokens);
        break;
    case NEUTRAL_FINISH:
        say(heard, " finish(%d)", event->finish);
        break;
    case NEUTRAL_END:
        say(heard, " end");
        break;
    case NEUTRAL_ERROR:
        say(heard, " error(%s)", err_category_name(event->category));
        break;
    }
}

/* A stream in pieces of `size` bytes; 0: all at once. */
static struct heard *
read_stream(const char *text, size_t size)
{
    static struct heard heard;
    const size_t len = strlen(text);
    struct sse_event event;
    struct sse sse;

    if (heard.reader.protocol == PROTOCOL_OPENAI_RESPONSES)
        answer_reader_fini(&heard.reader);
    heard = (struct heard){0};
    answer_reader_init(&heard.reader, PROTOCOL_OPENAI_RESPONSES);
    sse_init(&sse);
    for (size_t from = 0; from < len; from += size) {
        if (size == 0)
            size = len;
        sse_feed(&sse, slice_of(text + from, from + size < len ? size : len - from));
        while (heard.err == 0 && sse_next(&sse, &event) == 0)
            heard.err = responses_answer_read_event(&heard.reader, &event, hear, &heard);
    }
    sse_fini(&sse);
    if (heard.err == 0)
        responses_answer_read_end(&heard.reader, hear, &heard);
    return &heard;
}

static struct heard *
read_reply(const char *body)
{
    static struct heard heard;

    if (heard.reader.protocol == PROTOCOL_OPENAI_RESPONSES)
        answer_reader_fini(&heard.reader);
    heard = (struct heard){0};
    answer_reader_init(&heard.reader, PROTOCOL_OPENAI_RESPONSES);
    heard.err = responses_answer_read_reply(&heard.reader, slice_str(body), hear, &heard);
    return &heard;
}

/* A stream of events, each without its braces. */
static const char *
stream_of(const char *const *lines, size_t n)
{
    static char text[16384];

    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        quoted_append(text, sizeof(text), "data: {", "");
        quoted_append(text, sizeof(text), lines[i], "");
        quoted_append(text, sizeof(text), "}\n\n", "");
    }
    return text;
}
#define EXPECT_HEARD(expected, ...)                                                                \
    cr_expect_str_eq(read_stream(stream_of(QUOTED_LINES(__VA_ARGS__)), 0)->text, expected)

#define CREATED "'type':'response.created','response':{'id':'resp_u','output':[]}"
#define ADDED   "'type':'response.output_item.added','output_index':"
#define DONE    "'type':'response.output_item.done','output_index':"
#define USAGE                                                                                      \
    "'usage':{'input_tokens':50,'input_tokens_details':{'cached_tokens':30},'output_tokens':9,"    \
    "'output_tokens_details':{'reasoning_tokens':4}}"
#define COMPLETED                                                                                  \
    "'type':'response.completed','response':{'status':'completed','output':[]," USAGE "}"
#define CALL_A "'type':'function_call','call_id':'a','name':'f'"
#define CALL_B "'type':'function_call','call_id':'b','name':'g'"

#define LADDER                                                                                     \
    QUOTED_LINES(                                                                                  \
        CREATED, ADDED "0,'item':{'type':'reasoning','id':'rs_1','summary':[]}",                   \
        "'type':'response.reasoning_summary_part.added','output_index':0,'summary_index':0",       \
        "'type':'response.reasoning_summary_text.delta','output_index':0,'delta':'One.'",          \
        "'type':'response.reasoning_summary_part.added','output_index':0,'summary_index':1",       \
        "'type':'response.reasoning_summary_text.delta','output_index':0,'delta':'Two.'",          \
        DONE "0,'item':{'type':'reasoning','id':'rs_1','encrypted_content':'enc','summary':[]}",   \
        ADDED "1,'item':{'type':'message','id':'msg_1'}",                                          \
        "'type':'response.content_part.added','output_index':1,'part':{'type':'output_text'}",     \
        "'type':'response.output_text.delta','output_index':1,'delta':'Hel'",                      \
        "'type':'response.output_text.delta','output_index':1,'delta':'lo \\'you\\''",             \
        "'type':'response.output_text.annotation.added','output_index':1,'annotation':{'url':"     \
        "'u'}",                                                                                    \
        "'type':'response.output_text.done','output_index':1,'text':'Hello'",                      \
        DONE "1,'item':{'type':'message','id':'msg_1'}", ADDED "2,'item':{" CALL_A "}",            \
        "'type':'response.function_call_arguments.delta','output_index':2,'delta':'{\\'x\\':'",    \
        "'type':'response.function_call_arguments.delta','output_index':2,'delta':'1}'",           \
        DONE "2,'item':{" CALL_A "}", COMPLETED)
static const char ladder_heard[] =
    "start(resp_u) reasoning(One.\\n\\nTwo.|3 enc) text(Hello \\\"you\\\"<{\"url\":\"u\"}>)"
    " call(a f {\\\"x\\\":1}) usage(20 30 9 4) finish(3) end";

Test(responses_answer_read, a_whole_ladder)
{
    cr_expect_str_eq(read_stream(stream_of(LADDER), 0)->text, ladder_heard);
}

Test(responses_answer_read, cuts_do_not_matter)
{
    for (size_t size = 1; size < 64; size++)
        cr_expect_str_eq(read_stream(stream_of(LADDER), size)->text, ladder_heard);
}

Test(responses_answer_read, finished_items_alone_are_enough)
{
    EXPECT_HEARD("start(resp_u) reasoning(One.\\n\\nTwo.|3 enc) text(Hi<{\"url\":\"u\"}>)"
                 " refusal(No) call(a f {}) usage(20 30 9 4) finish(3) end",
                 CREATED,
                 DONE "0,'item':{'type':'reasoning','id':'rs_1','summary':[{'text':'One.'},"
                      "{'text':'Two.'}],'encrypted_content':'enc'}",
                 DONE "1,'item':{'type':'message','content':[{'type':'output_text','text':'Hi',"
                      "'annotations':[{'url':'u'}]},{'type':'refusal','refusal':'No'}]}",
                 DONE "2,'item':{" CALL_A ",'arguments':'{}'}", COMPLETED);
}

Test(responses_answer_read, the_last_event_alone_is_enough)
{
    EXPECT_HEARD("start(r) text(Hi) finish(0) end",
                 "'type':'response.completed','response':{'id':'r','output':[{'type':'message',"
                 "'content':[{'type':'output_text','text':'Hi'}]}]}");
}

Test(responses_answer_read, items_that_overlap_come_one_by_one)
{
    EXPECT_HEARD("start(resp_u) call(a f {1}!) call(b g {2}) usage(20 30 9 4) finish(3) end",
                 CREATED, ADDED "0,'item':{" CALL_A "}", ADDED "1,'item':{" CALL_B "}",
                 "'type':'response.function_call_arguments.delta','output_index':1,'delta':'{2'",
                 "'type':'response.function_call_arguments.delta','output_index':0,'delta':'{1}'",
                 DONE "1,'item':{" CALL_B ",'arguments':'{2}'}",
                 "'type':'response.function_call_arguments.delta','output_index':0,'delta':'!'",
                 DONE "0,'item':{" CALL_A "}", COMPLETED);
}

Test(responses_answer_read, custom_calls_and_namespaces)
{
    EXPECT_HEARD("start(resp_u) custom(a patch *** x) call(b mcp__git__g {}) usage(20 30 9 4)"
                 " finish(3) end",
                 CREATED, ADDED "0,'item':{'type':'custom_tool_call','call_id':'a','name':'patch'}",
                 "'type':'response.custom_tool_call_input.delta','output_index':0,'delta':'*** x'",
                 DONE "0,'item':{'type':'custom_tool_call'}",
                 ADDED "1,'item':{" CALL_B ",'namespace':'mcp__git'}",
                 DONE "1,'item':{" CALL_B ",'arguments':'{}'}",
                 ADDED "2,'item':{'type':'web_search_call'}",
                 DONE "2,'item':{'type':'web_search_call'}", COMPLETED);
}

Test(responses_answer_read, why_it_is_not_complete)
{
    EXPECT_HEARD("start(resp_u) text(Hi) finish(2) end", CREATED,
                 ADDED "0,'item':{'type':'message'}",
                 "'type':'response.output_text.delta','output_index':0,'delta':'Hi'",
                 "'type':'response.incomplete','response':{'status':'incomplete',"
                 "'incomplete_details':{'reason':'max_output_tokens'}}");
    EXPECT_HEARD("start(resp_u) text(Hi) finish(4) end", CREATED,
                 ADDED "0,'item':{'type':'message'}",
                 "'type':'response.output_text.delta','output_index':0,'delta':'Hi'",
                 "'type':'response.incomplete','response':{'status':'incomplete',"
                 "'incomplete_details':{'reason':'content_filter'}}");
}

Test(responses_answer_read, failures_are_errors)
{
    EXPECT_HEARD("start(resp_u) error(upstream_rate_limited)", CREATED,
                 "'type':'response.failed','response':{'status':'failed','error':{'code':"
                 "'rate_limit_exceeded','message':'slow'}}");
    EXPECT_HEARD("start(resp_u) error(overloaded)", CREATED,
                 "'type':'error','code':'server_is_overloaded','message':'x'", COMPLETED);
    EXPECT_HEARD("start(resp_u) error(stream_interrupted)", CREATED,
                 ADDED "0,'item':{'type':'message'}");
    EXPECT_HEARD(" error(upstream_error)", "'error':{'message':'x'}");
}

Test(responses_answer_read, nonsense_is_refused)
{
    cr_expect_eq(read_stream("data: {\"type\":\"response.crea\n\n", 0)->err, ERR_UPSTREAM_ERROR);
    cr_expect_eq(read_stream("data: 7\n\n", 0)->err, ERR_UPSTREAM_ERROR);
    cr_expect_eq(read_reply("<html>")->err, ERR_UPSTREAM_ERROR);
    cr_expect_eq(read_reply("{\"object\":\"chat.completion\"}")->err, ERR_UPSTREAM_ERROR);
}

Test(responses_answer_read, a_call_has_a_name_and_an_id)
{
    static const char *const items[] = {
        "'item':{'type':'function_call','call_id':'a','arguments':'{}'}",
        "'item':{'type':'function_call','name':'f','arguments':'{}'}",
        "'item':{'type':'custom_tool_call','call_id':'a','name':7}"};

    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        char done[256] = DONE "0,";

        strcat(done, items[i]);
        cr_expect_eq(read_stream(stream_of(QUOTED_LINES(CREATED, done, COMPLETED)), 0)->err,
                     ERR_UPSTREAM_ERROR);
    }
    /* What comes without them at first may have them at the end. */
    EXPECT_HEARD("start(resp_u) call(a f {}) usage(20 30 9 4) finish(3) end", CREATED,
                 ADDED "0,'item':{'type':'function_call'}",
                 "'type':'response.function_call_arguments.delta','output_index':0,'delta':'{'",
                 DONE "0,'item':{" CALL_A ",'arguments':'{}'}", COMPLETED);
    cr_expect_eq(read_reply("{\"output\":[{\"type\":\"function_call\"}]}")->err,
                 ERR_UPSTREAM_ERROR);
}

Test(responses_answer_read, whole_answers_tell_the_same)
{
    char body[2048] = "";

    quoted_append(body, sizeof(body),
                  "{'id':'resp_u','status':'completed','error':null,'output':[{'type':'reasoning',"
                  "'id':'rs_1','summary':[{'text':'One.'},{'text':'Two.'}],'encrypted_content':"
                  "'enc'},{'type':'message','content':[{'type':'output_text','text':"
                  "'Hello \\'you\\'','annotations':[{'url':'u'}]}]},{" CALL_A
                  ",'arguments':'{\\'x\\':1}'}]," USAGE "}",
                  "");
    cr_expect_str_eq(read_reply(body)->text, ladder_heard);
    cr_expect_str_eq(
        read_reply("{\"status\":\"failed\",\"error\":{\"code\":\"server_error\"},\"output\":[]}")
            ->text,
        " error(upstream_error)");
    cr_expect_str_eq(read_reply("{\"status\":\"queued\",\"output\":[]}")->text,
                     " error(upstream_error)");
}

Test(responses_answer_read, nothing_comes_after_the_end)
{
    EXPECT_HEARD("start(resp_u) usage(20 30 9 4) finish(0) end", CREATED, COMPLETED, CREATED,
                 ADDED "0,'item':{" CALL_A "}", COMPLETED);
}
