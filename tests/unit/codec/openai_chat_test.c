/* SPDX-License-Identifier: ISC */
#include "stream_run.h"

#define HEAD                                                                                       \
    "{\"id\":\"chatcmpl-" RUN_HEX                                                                  \
    "\",\"object\":\"chat.completion.chunk\",\"model\":\"public-model\""
#define UP_HEAD                                                                                    \
    "{\"id\":\"chatcmpl-canary\",\"object\":\"chat.completion.chunk\",\"model\":\"canary\""
#define ROLE   ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]"
#define TEXT   ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\\u00e9\"}}]"
#define FINISH ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]"
#define USAGE                                                                                      \
    "\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,\"total_tokens\":120,"              \
    "\"prompt_tokens_details\":{\"cached_tokens\":60,\"cache_write_tokens\":10,\"audio_tokens\":"  \
    "5},\"completion_tokens_details\":{\"reasoning_tokens\":8,\"audio_tokens\":2}}"

static const char upstream[] =
    "data: " UP_HEAD ",\"system_fingerprint\":\"canary\"" ROLE ",\"usage\":null}\n\n"
    "data: " UP_HEAD TEXT ",\"usage\":null,\"x_groq\":{\"id\":\"canary\"}}\n\n"
    ": canary\n\n"
    "data: " UP_HEAD FINISH ",\"usage\":null}\n\n"
    "data: " UP_HEAD ",\"choices\":[]," USAGE "}\n\n"
    "data: [DONE]\n\n";

Test(openai_chat, a_caller_who_asked_sees_the_usage)
{
    struct stream_run run = run_stream(OPERATION_CHAT, false, upstream);

    cr_assert_eq(run.err, 0);
    RUN_EXPECT(&run, "data: " HEAD ROLE ",\"usage\":null}\n\n"
                     "data: " HEAD TEXT ",\"usage\":null}\n\n"
                     "data: " HEAD FINISH ",\"usage\":null}\n\n"
                     "data: " HEAD ",\"choices\":[]," USAGE "}\n\n"
                     "data: [DONE]\n\n");
    cr_expect_eq(run.stream.n_events, 5);
    run_end(&run);
}

Test(openai_chat, a_caller_who_did_not_ask_sees_what_he_would_have_seen)
{
    struct stream_run run = run_stream(OPERATION_CHAT, true, upstream);

    cr_assert_eq(run.err, 0);
    RUN_EXPECT(&run, "data: " HEAD ROLE "}\n\n"
                     "data: " HEAD TEXT "}\n\n"
                     "data: " HEAD FINISH "}\n\n"
                     "data: [DONE]\n\n");
    cr_expect_eq(run.stream.n_events, 4);
    cr_expect_eq(run.content_at, 1);
    cr_expect(run.stream.is_complete && run.stream.has_content);
    cr_expect_eq(run.stream.content_bytes, 3);
    run_end(&run);
}

Test(openai_chat, usage_is_read_into_disjoint_buckets)
{
    struct stream_run run = run_stream(OPERATION_CHAT, true, upstream);
    const struct usage *usage = &run.stream.usage;

    cr_expect_eq(usage->count[USAGE_INPUT], 25);
    cr_expect_eq(usage->count[USAGE_CACHE_READ], 60);
    cr_expect_eq(usage->count[USAGE_CACHE_WRITE_5M], 10);
    cr_expect_eq(usage->count[USAGE_INPUT_AUDIO], 5);
    cr_expect_eq(usage->count[USAGE_OUTPUT], 18);
    cr_expect_eq(usage->count[USAGE_OUTPUT_AUDIO], 2);
    cr_expect_eq(usage->reasoning_tokens, 8);
    cr_expect_eq(usage->count[USAGE_REQUEST], 1);
    cr_expect(usage->is_reported && !usage->is_invalid);
    run_end(&run);
}

/* Gemini's endpoint has figures on every chunk, others on the one that finishes. */
Test(openai_chat, usage_on_every_chunk_is_cut_out_and_the_last_counts)
{
    struct stream_run run = run_stream(
        OPERATION_CHAT, true,
        "data: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}" TEXT "}\n\n"
        "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\n"
        "data: [DONE]\n\n");

    RUN_EXPECT(
        &run, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\\u00e9\"}}]}\n\n"
              "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n"
              "data: [DONE]\n\n");
    cr_expect_eq(run.stream.usage.count[USAGE_INPUT], 9);
    cr_expect_eq(run.stream.usage.count[USAGE_OUTPUT], 4);
    run_end(&run);
}

Test(openai_chat, members_are_cut_wherever_they_stand)
{
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"{\"provider\":1}", "{}"},
        {"{ \"provider\" : 1 }", "{  }"},
        {"{\"provider\":1,\"usage\":null}", "{}"},
        {"{\"provider\":1,\"a\":2}", "{\"a\":2}"},
        {"{\"provider\":1 , \"usage\":null , \"a\":2}", "{\"a\":2}"},
        {"{\"a\":2,\"provider\":1}", "{\"a\":2}"},
        {"{\"a\":2 , \"provider\":1 , \"usage\":null}", "{\"a\":2}"},
        {"{\"a\":2, \"provider\":1, \"b\":3}", "{\"a\":2, \"b\":3}"},
        {"{\"provider\":1,\"a\":2,\"usage\":null,\"b\":3,\"timings\":{}}", "{\"a\":2,\"b\":3}"},
        {"{\"provid\\u0065r\":1,\"a\":2}", "{\"a\":2}"},
        {"{\"id\":\"x\",\"provider\":1,\"model\":\"y\"}",
         "{\"id\":\"chatcmpl-" RUN_HEX "\",\"model\":\"public-model\"}"},
    };
    char text[512];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), "data: %s\n\n", rows[i].before);
        struct stream_run run = run_stream(OPERATION_CHAT, true, text);
        snprintf(text, sizeof(text), "data: %s\n\n", rows[i].after);
        RUN_EXPECT(&run, text);
        run_end(&run);
    }
}

Test(openai_chat, content_is_what_a_model_has_said)
{
    static const struct {
        const char *delta;
        bool is_content;
        int64_t bytes;
    } rows[] = {
        {"{\"role\":\"assistant\"}", false, 0},
        {"{\"role\":\"assistant\",\"content\":null,\"refusal\":null}", false, 0},
        {"{\"content\":\"\"}", false, 0},
        {"{}", false, 0},
        {"{\"content\":\" \"}", true, 1},
        {"{\"content\":\"\\n\\ud83d\\ude00\"}", true, 5},
        {"{\"reasoning_content\":\"hm\"}", true, 2},
        {"{\"reasoning\":\"hm\",\"reasoning_details\":[{\"text\":\"hm\"}]}", true, 2},
        {"{\"refusal\":\"no\"}", true, 2},
        {"{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":"
         "\"f\",\"arguments\":\"\"}}]}",
         true, 0},
        {"{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}}]}", true, 4},
        {"{\"function_call\":{\"arguments\":\"x\"}}", true, 1},
        {"{\"audio\":{\"id\":\"a\",\"data\":\"AAAA\"}}", true, 0},
    };
    char text[512];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text),
                 "data: {\"choices\":[{\"index\":0,\"delta\":%s,\"logprobs\":{"
                 "\"content\":[{\"token\":\"x\"}]}}]}\n\n",
                 rows[i].delta);
        struct stream_run run = run_stream(OPERATION_CHAT, false, text);
        cr_expect_eq(run.last.is_content, rows[i].is_content, "%s", rows[i].delta);
        cr_expect_eq(run.stream.content_bytes, rows[i].bytes, "%s", rows[i].delta);
        run_end(&run);
    }
}

Test(openai_chat, completions_are_the_same_with_text)
{
    struct stream_run run = run_stream(
        OPERATION_COMPLETION, true,
        "data: {\"id\":\"cmpl-canary\",\"choices\":[{\"text\":\"ab\",\"index\":0}]}\n\ndata: "
        "[DONE]\n\n");

    RUN_EXPECT(&run, "data: {\"id\":\"cmpl-" RUN_HEX
                     "\",\"choices\":[{\"text\":\"ab\",\"index\":0}]}\n\ndata: [DONE]\n\n");
    cr_expect(run.stream.has_content);
    run_end(&run);
}

Test(openai_chat, an_error_in_the_stream_is_not_passed_on)
{
    static const char *const errors[] = {
        "data: {\"error\":{\"message\":\"canary\",\"code\":429}}\n\n",
        "data: "
        "{\"error\":{\"message\":\"canary\",\"type\":\"rate_limit_error\"},\"choices\":[]}\n\n",
        "event: error\ndata: "
        "{\"error\":{\"message\":\"canary\",\"code\":\"rate_limit_exceeded\"}}\n\n",
        "data: [{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}]\n\n",
        "data: {\"object\":\"error\",\"message\":\"canary\",\"code\":429}\n\n", /* vLLM's */
        "event: error\ndata: {\"message\":\"canary\",\"code\":\"rate_limit_exceeded\"}\n\n",
    };

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct stream_run run = run_stream(OPERATION_CHAT, false, errors[i]);

        cr_expect(run.err == 0 && run.last.is_error);
        cr_expect_eq(run.last.category, ERR_CATEGORY_UPSTREAM_RATE_LIMITED, "%s", errors[i]);
        cr_expect_eq(run.out.len, 0);
        cr_expect_not(run.stream.is_complete);
        run_end(&run);
    }
}

Test(openai_chat, data_that_is_no_chunk_is_an_upstream_error)
{
    static const char *const bad[] = {
        "data: {\"choices\":[\n\n", "data: <html>\n\n", "data: 7\n\n",
        "data: DONE\n\n",           "data: [DONE]\n\n", "data: {\"id\":1,\"id\":2}\n\n"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct stream_run run = run_stream(OPERATION_CHAT, false, bad[i]);

        cr_expect_eq(run.err, ERR_UPSTREAM_ERROR, "%s", bad[i]);
        cr_expect_eq(run.out.len, 0);
        run_end(&run);
    }
}

Test(openai_chat, data_of_several_lines_becomes_one)
{
    struct stream_run run = run_stream(
        OPERATION_CHAT, true, "event: x\ndata: {\"model\":\ndata: \"m\",\ndata: \"a\":1}\n\n");

    RUN_EXPECT(&run, "data: {\"model\": \"public-model\", \"a\":1}\n\n");
    run_end(&run);
}

Test(openai_chat, an_error_of_ours_ends_the_stream_without_done)
{
    struct stream_run run = run_stream(OPERATION_CHAT, true, "");

    dialect_of(PROTOCOL_OPENAI_CHAT)
        ->write_error_event(&run.stream, ERR_CATEGORY_STREAM_INTERRUPTED, SLICE_LIT("cut \"off\""),
                            &run.out);
    RUN_EXPECT(&run, "data: {\"error\":{\"message\":\"cut \\\"off\\\"\",\"type\":\"server_error\","
                     "\"param\":null,\"code\":\"stream_interrupted\",\"request_id\":\"" RUN_ID
                     "\"},\"request_id\":\"" RUN_ID "\"}\n\n");
    run_end(&run);
}

/* ---- Azure ---- */

#define FOUND "\"content_filter_results\":{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}"

Test(openai_chat, what_azures_filter_found_is_cut_from_each_choice)
{
    struct reply_context context = run_context(OPERATION_CHAT, true);

    context.is_filtered = true;
    struct stream_run run = run_stream_in(
        &context,
        "data: {\"choices\":[],\"id\":\"\",\"model\":\"\",\"prompt_filter_results\":[{" FOUND
        "}]}\n\n"
        "data: {\"choices\":[{" FOUND ",\"delta\":{\"content\":\"a\"}}],\"id\":\"x\"}\n\n"
        "data: {\"choices\":[{" FOUND ",\"delta\":{\"content\":\"bc\"}}],\"id\":\"x\"}\n\n"
        "data: {\"choices\":[{\"index\":0," FOUND
        ",\"content_filter_offsets\":{\"check_offset\":44}},"
        "{\"index\":1," FOUND "}]}\n\n"
        "data: [DONE]\n\n");

    cr_assert_eq(run.err, 0);
    RUN_EXPECT(
        &run,
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"id\":\"chatcmpl-" RUN_HEX "\"}\n\n"
        "data: {\"choices\":[{\"delta\":{\"content\":\"bc\"}}],\"id\":\"chatcmpl-" RUN_HEX "\"}\n\n"
        "data: {\"choices\":[{\"index\":0},{\"index\":1}]}\n\n"
        "data: [DONE]\n\n");
    cr_expect_eq(run.stream.content_bytes, 3);
    run_end(&run);
}

Test(openai_chat, a_chunk_without_a_choice_and_without_figures_says_nothing)
{
    struct stream_run run =
        run_stream(OPERATION_CHAT, false,
                   "data: {\"choices\":[],\"usage\":null}\n\n"
                   "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n");

    RUN_EXPECT(&run, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n");
    run_end(&run);
}

Test(openai_chat, of_very_many_choices_the_last_keep_what_was_found)
{
    struct reply_context context = run_context(OPERATION_CHAT, false);
    struct buf body, scratch;
    struct reply_facts facts;
    struct edits edits;
    struct usage usage;

    context.is_filtered = true;
    buf_init(&body, 1 << 20);
    buf_init(&scratch, 1 << 20);
    buf_append_str(&body, "{\"choices\":[");
    for (int i = 0; i < 128; i++)
        buf_printf(&body, "%s{\"index\":%d," FOUND "}", i == 0 ? "" : ",", i);
    buf_append_str(&body, "]}");
    cr_expect_eq(dialect_of(PROTOCOL_OPENAI_CHAT)
                     ->read_reply(&context, buf_slice(&body), &scratch, &edits, &usage, &facts),
                 0);
    cr_expect(edits.n > 0 && edits.n < EDITS_MAX);
    buf_fini(&body);
    buf_fini(&scratch);
}
