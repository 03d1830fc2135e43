/* SPDX-License-Identifier: ISC
 *
 * What an answer says of its own text: how likely its tokens were, and where it was found. From
 * each protocol that has it to each that has a place for it, whole and streamed.
 */
#include "translate_run.h"

#define EXPECT_SAYS(run, text)                                                                     \
    cr_expect(memmem((run).out.ptr, (run).out.len, text, strlen(text)) != NULL,                    \
              "%s\nnot in\n%.*s", text, (int)(run).out.len, (run).out.ptr)
#define EXPECT_LACKS(run, text)                                                                    \
    cr_expect(memmem((run).out.ptr, (run).out.len, text, strlen(text)) == NULL, "%s\nin\n%.*s",    \
              text, (int)(run).out.len, (run).out.ptr)

static const char *const bodies[] = {
    [OPERATION_CHAT] = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"logprobs\":true,"
                       "\"top_logprobs\":2}",
    [OPERATION_RESPONSE] =
        "\"input\":\"hi\",\"top_logprobs\":2,\"include\":[\"message.output_text.logprobs\"]}",
};

static struct translate_run
ask(enum operation operation, enum protocol upstream, const char *model, bool is_stream)
{
    struct translate_run run = {
        .operation = operation, .upstream = upstream, .model = slice_str(model)};

    buf_init(&run.body, 1024);
    buf_append_str(&run.body, is_stream ? "{\"stream\":true," : "{");
    buf_append_str(&run.body, bodies[operation]);
    run_request(&run, buf_slice(&run.body));
    cr_assert_eq(run.err, 0, "%s", run.why.detail);
    run_answer(&run);
    return run;
}

static void
stop(struct translate_run *run)
{
    cr_expect_eq(run->answer_err, 0);
    cr_expect_null(run->disorder, "%s", run->disorder);
    run_answer_end(run);
    run_end(run);
}

/* ---- log probabilities ---- */

#define TOKEN(t) "{\"token\":\"" t "\",\"logprob\":-0.10,\"bytes\":[72],\"top_logprobs\":[]}"
#define CHAT_WHOLE                                                                                 \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},"          \
    "\"logprobs\":{\"content\":[" TOKEN("H") "," TOKEN("i") "],\"refusal\":null},"                 \
                                                            "\"finish_reason\":\"stop\"}]}"
#define CHAT_CHUNK(t)                                                                              \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" t "\"},\"logprobs\":{"            \
    "\"content\":[" TOKEN(t) "]},\"finish_reason\":null}]}\n\n"
#define CHAT_END                                                                                   \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"              \
    "data: [DONE]\n\n"

Test(notes, log_probabilities_are_asked_for_where_they_can_be_had)
{
    static const struct {
        enum operation operation;
        enum protocol upstream;
        const char *model, *asked, *dropped;
    } rows[] = {
        {OPERATION_RESPONSE, PROTOCOL_OPENAI_CHAT, "gpt-4.1-mini",
         "\"logprobs\":true,\"top_logprobs\":2", ""},
        {OPERATION_CHAT, PROTOCOL_OPENAI_RESPONSES, "gpt-4.1-mini",
         "\"include\":[\"message.output_text.logprobs\"],\"top_logprobs\":2", ""},
        {OPERATION_CHAT, PROTOCOL_OPENAI_RESPONSES, "gpt-5",
         "\"include\":[\"reasoning.encrypted_content\"]", "logprobs"},
        {OPERATION_CHAT, PROTOCOL_GEMINI, "gemini-2.5-flash",
         "\"responseLogprobs\":true,\"logprobs\":2", ""},
        {OPERATION_CHAT, PROTOCOL_ANTHROPIC_MESSAGES, "claude-sonnet-4-5",
         "\"messages\":", "logprobs, top_logprobs"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct translate_run run = ask(rows[i].operation, rows[i].upstream, rows[i].model, false);

        cr_expect(memmem(run.written.ptr, run.written.len, rows[i].asked, strlen(rows[i].asked)) !=
                      NULL,
                  "%.*s", (int)run.written.len, run.written.ptr);
        cr_expect_str_eq(run.dropped.names, rows[i].dropped);
        run_answer_end(&run);
        run_end(&run);
    }
}

Test(notes, log_probabilities_of_chat_reach_responses)
{
    struct translate_run run = ask(OPERATION_RESPONSE, PROTOCOL_OPENAI_CHAT, "m", false);

    run_reply(&run, SLICE_LIT(CHAT_WHOLE));
    EXPECT_SAYS(run, "\"logprobs\":[" TOKEN("H") "," TOKEN("i") "],\"text\":\"Hi\"");
    stop(&run);

    run = ask(OPERATION_RESPONSE, PROTOCOL_OPENAI_CHAT, "m", true);
    run_feed(&run, SLICE_LIT(CHAT_CHUNK("H") CHAT_CHUNK("i") CHAT_END));
    run_feed_end(&run);
    EXPECT_SAYS(run, "\"delta\":\"H\",\"logprobs\":[" TOKEN("H") "]");
    EXPECT_SAYS(run, "\"text\":\"Hi\",\"logprobs\":[" TOKEN("H") "," TOKEN("i") "]");
    stop(&run);
}

Test(notes, log_probabilities_of_responses_reach_chat)
{
    struct translate_run run = ask(OPERATION_CHAT, PROTOCOL_OPENAI_RESPONSES, "gpt-4.1", false);

    run_reply(
        &run,
        SLICE_LIT("{\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":["
                  "{\"type\":\"output_text\",\"text\":\"Hi\",\"logprobs\":[" TOKEN("Hi") "]}]}]}"));
    EXPECT_SAYS(run, "\"logprobs\":{\"content\":[" TOKEN("Hi") "],\"refusal\":null}");
    stop(&run);

    run = ask(OPERATION_CHAT, PROTOCOL_OPENAI_RESPONSES, "gpt-4.1", true);
    run_feed(&run,
             SLICE_LIT("data: {\"type\":\"response.output_text.delta\",\"output_index\":0,"
                       "\"delta\":\"Hi\",\"logprobs\":[" TOKEN(
                           "Hi") "]}\n\n"
                                 "data: {\"type\":\"response.completed\",\"response\":{\"status\":"
                                 "\"completed\",\"output\":[]}}\n\n"));
    run_feed_end(&run);
    EXPECT_SAYS(run, "\"delta\":{\"content\":\"Hi\"},\"logprobs\":{\"content\":[" TOKEN(
                         "Hi") "],\"refusal\":null},\"finish_reason\":null");
    stop(&run);
}

Test(notes, log_probabilities_of_gemini_are_put_in_openais_words)
{
    static const char answer[] =
        "{\"candidates\":[{\"logprobsResult\":{\"topCandidates\":[{\"candidates\":[{\"token\":"
        "\"Hi\",\"tokenId\":1,\"logProbability\":-0.25},{\"token\":\"Ho\",\"logProbability\":-3}]"
        "}],\"chosenCandidates\":[{\"token\":\"Hi\",\"tokenId\":1,\"logProbability\":-0.25}]},"
        "\"content\":{\"parts\":[{\"text\":\"Hi\"}]},\"finishReason\":\"STOP\"}]}";
    static const char expected[] =
        "\"logprobs\":{\"content\":[{\"token\":\"Hi\",\"logprob\":-0.25,\"bytes\":null,"
        "\"top_logprobs\":[{\"token\":\"Hi\",\"logprob\":-0.25,\"bytes\":null},{\"token\":\"Ho\","
        "\"logprob\":-3,\"bytes\":null}]}],\"refusal\":null}";

    for (int is_stream = 0; is_stream < 2; is_stream++) {
        struct translate_run run =
            ask(OPERATION_CHAT, PROTOCOL_GEMINI, "gemini-2.5-flash", is_stream);

        if (is_stream) {
            run_feed(&run, SLICE_LIT("data: "));
            run_feed(&run, SLICE_LIT(answer));
            run_feed(&run, SLICE_LIT("\n\n"));
            run_feed_end(&run);
        } else {
            run_reply(&run, SLICE_LIT(answer));
        }
        EXPECT_SAYS(run, expected);
        stop(&run);
    }
}

/* ---- citations ---- */

#define FOUND(url)                                                                                 \
    "{\"type\":\"web_search_result_location\",\"url\":\"" url "\",\"title\":\"T\","                \
    "\"cited_text\":\"c\",\"encrypted_index\":\"e\"}"
#define NOTE(from, to, url)                                                                        \
    "\"start_index\":" from ",\"end_index\":" to ",\"url\":\"" url "\",\"title\":\"T\"}"

/* The second block is what was found; "\u00e9" is one character, the emoji another. */
Test(notes, citations_of_messages_cover_their_block)
{
    static const char answer[] =
        "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"Say \\ud83d\\ude00 \"},"
        "{\"type\":\"text\",\"text\":\"h\\u00e9\xC3\xA9\",\"citations\":[" FOUND(
            "u") ",{\"type\":"
                 "\"char_location\",\"cited_text\":\"x\"}," FOUND(
                     "v") "]}],\"stop_reason\":\"end_turn\"}";
    struct translate_run run =
        ask(OPERATION_CHAT, PROTOCOL_ANTHROPIC_MESSAGES, "claude-sonnet-4-5", false);

    run_reply(&run, SLICE_LIT(answer));
    EXPECT_SAYS(run, "\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{" NOTE(
                         "6", "9", "u") "},{\"type\":\"url_citation\",\"url_citation\":{" //
                NOTE("6", "9", "v") "}]");
    stop(&run);

    run = ask(OPERATION_RESPONSE, PROTOCOL_ANTHROPIC_MESSAGES, "claude-sonnet-4-5", false);
    run_reply(&run, SLICE_LIT(answer));
    EXPECT_SAYS(run, "\"annotations\":[{\"type\":\"url_citation\"," NOTE("0", "3", "u"));
    stop(&run);
}

#define BLOCK(event, more)                                                                         \
    "event: content_block_" event "\ndata: {\"type\":\"content_block_" event "\",\"index\":0" more \
    "}\n\n"

Test(notes, citations_of_a_stream_wait_for_the_end_of_their_block)
{
    struct translate_run run =
        ask(OPERATION_CHAT, PROTOCOL_ANTHROPIC_MESSAGES, "claude-sonnet-4-5", true);

    run_feed(
        &run,
        SLICE_LIT("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n" //
                  BLOCK("start", ",\"content_block\":{\"type\":\"text\",\"text\":\"\"}")        //
                  BLOCK("delta",
                        ",\"delta\":{\"type\":\"citations_delta\",\"citation\":" FOUND("u") "}") //
                  BLOCK("delta", ",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}")         //
                  BLOCK("delta", ",\"delta\":{\"type\":\"text_delta\",\"text\":\"\\n!\"}")));
    EXPECT_LACKS(run, "annotations");
    run_feed(&run, SLICE_LIT(BLOCK("stop", "") "event: message_stop\ndata: {\"type\":\"message_"
                                               "stop\"}\n\n"));
    run_feed_end(&run);
    EXPECT_SAYS(run, "\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{" NOTE(
                         "0", "4", "u") "}]");
    stop(&run);
}

#define GROUNDED(text)                                                                             \
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"" text "\"}]},\"groundingMetadata\":{"  \
    "\"groundingChunks\":[{\"retrievedContext\":{\"uri\":\"x\"}},{\"web\":{\"uri\":\"u\","         \
    "\"title\":\"T\"}}],\"groundingSupports\":[{\"segment\":{\"endIndex\":2},"                     \
    "\"groundingChunkIndices\":[0,1,7,-1]},{\"segment\":{\"startIndex\":1,\"endIndex\":99},"       \
    "\"groundingChunkIndices\":[1]},{\"segment\":{\"startIndex\":1,\"endIndex\":3},"               \
    "\"groundingChunkIndices\":[1]}]},\"finishReason\":\"STOP\"}]}"

Test(notes, citations_of_gemini_are_given_where_bytes_are_characters)
{
    struct translate_run run = ask(OPERATION_RESPONSE, PROTOCOL_GEMINI, "gemini-2.5-flash", false);

    run_reply(&run, SLICE_LIT(GROUNDED("Hi!")));
    EXPECT_SAYS(run, "\"annotations\":[{\"type\":\"url_citation\"," NOTE("0", "2", "u") //
                ",{\"type\":\"url_citation\"," NOTE("1", "3", "u") "]");
    stop(&run);

    run = ask(OPERATION_RESPONSE, PROTOCOL_GEMINI, "gemini-2.5-flash", false);
    run_reply(&run, SLICE_LIT(GROUNDED("H\xC3\xA9!")));
    EXPECT_SAYS(run, "\"annotations\":[]");
    stop(&run);
}

Test(notes, characters_of_a_raw_string_are_counted)
{
    static const struct {
        const char *raw;
        size_t n;
    } rows[] = {{"", 0},
                {"abc", 3},
                {"\\n\\\"\\\\", 3},
                {"\\u00e9", 1},
                {"\xC3\xA9", 1},
                {"\\ud83d\\ude00", 1},
                {"\\uD83D\\uDE00x", 2},
                {"\xF0\x9F\x98\x80", 1},
                {"\\u0064cdef", 5},
                {"\\", 1},
                {"\\u12", 1}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(json_length(slice_str(rows[i].raw)), rows[i].n, "%s", rows[i].raw);
}
