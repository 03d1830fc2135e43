/* SPDX-License-Identifier: ISC
 *
 * What chat clients get of an answer's events, in all the forms that they may have asked for.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "translators.h"

#define OUT_CAP (1 << 20)
#define ID      "0199c73c4c0070010203040506070809"
#define CHUNK                                                                                      \
    "data: {\"id\":\"chatcmpl-" ID "\",\"object\":\"chat.completion.chunk\",\"created\":17599"     \
    "30240,\"model\":\"m\",\"choices\":[{\"index\":"
#define DELTA CHUNK "0,\"delta\":{"
#define REST  "},\"logprobs\":null,\"finish_reason\":null}]}\n\n"

struct writing {
    struct answer_writer writer;
    struct buf out;
};

static void
begin(struct writing *w, enum operation operation, bool is_whole)
{
    const struct reply_context context = {
        .operation = operation,
        .public_model = SLICE_LIT("m"),
        .request_id = {{0x01, 0x99, 0xc7, 0x3c, 0x4c, 0, 0x70, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
    };

    answer_writer_init(&w->writer, PROTOCOL_OPENAI_CHAT, &context);
    buf_init(&w->out, OUT_CAP);
    w->writer.is_whole = is_whole;
    w->writer.created_s = 1759930240;
}

static void
give(struct writing *w, struct neutral_event event)
{
    chat_answer_write(&w->writer, &event, &w->out);
}

static void
give_part(struct writing *w, enum neutral_part_kind kind, const char *text)
{
    give(w, (struct neutral_event){.kind = NEUTRAL_PART_BEGIN, .part = kind});
    give(w, (struct neutral_event){.kind = NEUTRAL_PART_DELTA, .text = slice_str(text)});
    give(w, (struct neutral_event){.kind = NEUTRAL_PART_END, .part = kind});
}

static void
give_call(struct writing *w, const char *id, const char *name, const char *arguments)
{
    give(w, (struct neutral_event){.kind = NEUTRAL_PART_BEGIN,
                                   .part = NEUTRAL_CALL,
                                   .id = slice_str(id),
                                   .name = slice_str(name)});
    if (arguments[0] != '\0')
        give(w, (struct neutral_event){.kind = NEUTRAL_PART_DELTA, .text = slice_str(arguments)});
    give(w, (struct neutral_event){.kind = NEUTRAL_PART_END, .part = NEUTRAL_CALL});
}

static void
give_end(struct writing *w, enum neutral_finish finish)
{
    give(w, (struct neutral_event){.kind = NEUTRAL_FINISH, .finish = finish});
    give(w, (struct neutral_event){.kind = NEUTRAL_END});
}

static bool
says(struct writing *w, const char *text)
{
    return memmem(w->out.ptr, w->out.len, text, strlen(text)) != NULL;
}

static void
end(struct writing *w)
{
    answer_writer_fini(&w->writer);
    buf_fini(&w->out);
}

Test(chat_answer_write, streams_chunks_of_one_kind)
{
    struct writing w;

    begin(&w, OPERATION_CHAT, false);
    give(&w, (struct neutral_event){.kind = NEUTRAL_START});
    give_part(&w, NEUTRAL_TEXT, "a\\n");
    give_call(&w, "t", "f", "");
    give_end(&w, NEUTRAL_TOOL_CALLS);
    buf_append_byte(&w.out, '\0');
    cr_expect_str_eq(w.out.ptr, DELTA
                     "\"role\":\"assistant\",\"content\":\"\"" REST DELTA
                     "\"content\":\"a\\n\"" REST DELTA
                     "\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"function\","
                     "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]" REST DELTA
                     "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]" REST DELTA
                     "},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}]}\n\n"
                     "data: [DONE]\n\n");
    end(&w);
}

Test(chat_answer_write, gives_the_old_form_its_one_call)
{
    struct writing w;

    begin(&w, OPERATION_CHAT, false);
    w.writer.uses_functions = true;
    give_call(&w, "t", "f", "{\\\"a\\\":1}");
    give_call(&w, "u", "g", "{}");
    give_end(&w, NEUTRAL_TOOL_CALLS);
    cr_expect(says(&w, "{\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}}"));
    cr_expect(says(&w, "{\"function_call\":{\"arguments\":\"{\\\"a\\\":1}\"}}"));
    cr_expect(says(&w, "\"finish_reason\":\"function_call\""));
    cr_expect(!says(&w, "tool_calls") && !says(&w, "\"g\""));
    end(&w);
    begin(&w, OPERATION_CHAT, true);
    w.writer.uses_functions = true;
    give_call(&w, "t", "f", "{}");
    give_call(&w, "u", "g", "{}");
    give_end(&w, NEUTRAL_TOOL_CALLS);
    cr_expect(says(&w, "\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}}"));
    end(&w);
}

Test(chat_answer_write, takes_the_text_of_a_custom_tool_out_of_its_object)
{
    struct neutral_tool tool = {.kind = NEUTRAL_CUSTOM, .name = SLICE_LIT("patch")};
    struct neutral_request request = {.tools = &tool, .n_tools = 1, .is_stream = true};

    for (int is_whole = 0; is_whole < 2; is_whole++) {
        struct writing w;

        request.is_stream = !is_whole;
        begin(&w, OPERATION_CHAT, is_whole);
        answer_writer_expect(&w.writer, &request);
        give_call(&w, "t", "patch", "{\\\"input\\\": \\\"a\\\\n\\\\\\\"b\\\"}");
        give_end(&w, NEUTRAL_TOOL_CALLS);
        cr_expect(says(&w, "\"type\":\"custom\",\"custom\":{\"name\":\"patch\",\"input\":\""));
        cr_expect(says(&w, "\"input\":\"a\\n\\\"b\"}"), "%.*s", (int)w.out.len, w.out.ptr);
        end(&w);
    }
}

Test(chat_answer_write, answers_completions_with_text_alone)
{
    struct writing w;

    begin(&w, OPERATION_COMPLETION, false);
    give(&w, (struct neutral_event){.kind = NEUTRAL_START});
    give_part(&w, NEUTRAL_REASONING, "hm");
    give_part(&w, NEUTRAL_TEXT, "a");
    give_end(&w, NEUTRAL_LENGTH);
    buf_append_byte(&w.out, '\0');
#define TEXT_CHUNK                                                                                 \
    "data: {\"id\":\"cmpl-" ID "\",\"object\":\"text_completion\",\"created\":1759930240,"         \
    "\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":"
    cr_expect_str_eq(w.out.ptr, TEXT_CHUNK
                     "\"a\",\"logprobs\":null,\"finish_reason\":null}]}\n\n" TEXT_CHUNK
                     "\"\",\"logprobs\":null,\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n");
    end(&w);
    begin(&w, OPERATION_COMPLETION, true);
    give_part(&w, NEUTRAL_TEXT, "a");
    give_end(&w, NEUTRAL_STOP);
    cr_expect(says(&w, "\"choices\":[{\"index\":0,\"text\":\"a\",\"logprobs\":null,"
                       "\"finish_reason\":\"stop\"}],\"usage\":{"));
    end(&w);
}

Test(chat_answer_write, puts_together_a_whole_message_from_parts_in_any_order)
{
    struct writing w;

    begin(&w, OPERATION_CHAT, true);
    give_part(&w, NEUTRAL_REASONING, "r1");
    give_part(&w, NEUTRAL_TEXT, "t1");
    give_call(&w, "a", "f", "{}");
    give_part(&w, NEUTRAL_REASONING, "r2");
    give_part(&w, NEUTRAL_TEXT, "t2");
    give(&w, (struct neutral_event){
                 .kind = NEUTRAL_ANNOTATION,
                 .json = SLICE_LIT("{\"type\":\"url_citation\",\"url\":\"u\",\"end_index\":2}")});
    give_call(&w, "b", "g", "");
    give_end(&w, NEUTRAL_TOOL_CALLS);
    cr_expect(says(&w, "\"message\":{\"role\":\"assistant\",\"content\":\"t1t2\",\"refusal\":null,"
                       "\"reasoning_content\":\"r1r2\",\"annotations\":[{\"type\":\"url_citation\","
                       "\"url_citation\":{\"url\":\"u\",\"end_index\":4}}],\"tool_calls\":["
                       "{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                       "\"arguments\":\"{}\"}},{\"id\":\"b\",\"type\":\"function\",\"function\":{"
                       "\"name\":\"g\",\"arguments\":\"{}\"}}]}"),
              "%.*s", (int)w.out.len, w.out.ptr);
    end(&w);
}

Test(chat_answer_write, numbers_the_calls_of_each_choice_by_themselves)
{
    struct writing w;

    begin(&w, OPERATION_CHAT, false);
    for (uint32_t choice = 0; choice < 2; choice++) {
        give(&w, (struct neutral_event){.kind = NEUTRAL_PART_BEGIN,
                                        .part = NEUTRAL_CALL,
                                        .choice = choice,
                                        .id = SLICE_LIT("t"),
                                        .name = SLICE_LIT("f")});
        give(&w, (struct neutral_event){.kind = NEUTRAL_PART_END, .choice = choice});
    }
    cr_expect(says(&w, CHUNK "1,\"delta\":{\"role\":\"assistant\""));
    cr_expect(says(&w, CHUNK "1,\"delta\":{\"tool_calls\":[{\"index\":0,"));
    cr_expect(!says(&w, "[{\"index\":1,\"id\""));
    end(&w);
}

Test(chat_answer_write, explains_a_refusal_once)
{
    const struct neutral_event finish = {
        .kind = NEUTRAL_FINISH, .finish = NEUTRAL_CONTENT_FILTER, .text = SLICE_LIT("why")};
    struct writing w;

    begin(&w, OPERATION_CHAT, false);
    give(&w, finish);
    cr_expect(says(&w, DELTA "\"refusal\":\"why\"" REST));
    end(&w);
    begin(&w, OPERATION_CHAT, true);
    give_part(&w, NEUTRAL_REFUSAL, "no");
    give(&w, finish);
    give(&w, (struct neutral_event){.kind = NEUTRAL_END});
    cr_expect(says(&w, "\"content\":null,\"refusal\":\"no\"") && !says(&w, "why"));
    end(&w);
}

Test(chat_answer_write, counts_all_of_the_prompt_and_what_was_cached_of_it)
{
    struct usage usage = {.reasoning_tokens = 3, .is_reported = true};
    struct writing w;

    usage.count[USAGE_INPUT] = 1;
    usage.count[USAGE_CACHE_READ] = 10;
    usage.count[USAGE_CACHE_WRITE_5M] = 100;
    usage.count[USAGE_CACHE_WRITE_1H] = 1000;
    usage.count[USAGE_OUTPUT] = 7;
    begin(&w, OPERATION_CHAT, false);
    w.writer.wants_usage = true;
    give(&w, (struct neutral_event){.kind = NEUTRAL_USAGE, .usage = &usage});
    give_end(&w, NEUTRAL_STOP);
    cr_expect(says(&w, "\"choices\":[],\"usage\":{\"prompt_tokens\":1111,\"completion_tokens\":7,"
                       "\"total_tokens\":1118,\"prompt_tokens_details\":{\"cached_tokens\":10,"
                       "\"cache_write_tokens\":1100},\"completion_tokens_details\":{"
                       "\"reasoning_tokens\":3}}}\n\ndata: [DONE]\n\n"));
    end(&w);
}

Test(chat_answer_write, ends_with_the_error_and_nothing_behind_it)
{
    struct writing w;

    begin(&w, OPERATION_CHAT, false);
    give(&w, (struct neutral_event){.kind = NEUTRAL_START});
    give(&w, (struct neutral_event){.kind = NEUTRAL_ERROR, .category = ERR_CATEGORY_OVERLOADED});
    cr_expect(says(&w, "\n\ndata: {\"error\":{\"message\":"));
    cr_expect(says(&w, "\"type\":\"server_error\",\"param\":null,\"code\":\"overloaded\""));
    cr_expect(!says(&w, "[DONE]") && !says(&w, "\"finish_reason\":\""));
    end(&w);
}

/* On the steady path a chunk needs no memory but the output's. */
Test(chat_answer_write, keeps_its_buffers_from_chunk_to_chunk)
{
    struct writing w;
    size_t capacity;

    begin(&w, OPERATION_CHAT, false);
    give_part(&w, NEUTRAL_TEXT, "a");
    capacity = w.writer.scratch.capacity + w.writer.text.capacity + w.writer.items.capacity;
    for (int i = 0; i < 1000; i++) {
        buf_clear(&w.out);
        give_part(&w, i % 2 == 0 ? NEUTRAL_TEXT : NEUTRAL_REASONING, "some text");
    }
    cr_expect_eq(capacity,
                 w.writer.scratch.capacity + w.writer.text.capacity + w.writer.items.capacity);
    end(&w);
}
