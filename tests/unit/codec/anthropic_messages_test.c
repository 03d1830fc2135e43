/* SPDX-License-Identifier: ISC */
#include "stream_run.h"

#include <stdlib.h>

static char *
slurp(const char *path)
{
    static char text[1 << 16];
    FILE *file = fopen(path, "r");

    cr_assert_not_null(file, "%s", path);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* The text with one string put in for another. */
static char *
replaced(const char *text, const char *old, const char *new)
{
    static char out[1 << 16];
    const char *at = strstr(text, old);

    cr_assert_not_null(at);
    snprintf(out, sizeof(out), "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    return out;
}

/* Signed thinking, redacted thinking, pings, figures nobody has heard of: only id and model change.
 */
Test(anthropic_messages, a_stream_passes_byte_for_byte_but_for_id_and_model)
{
    const char *folder = "tests/vectors/messages-passthrough-thinking-stream/";
    char path[256], *expected;

    snprintf(path, sizeof(path), "%supstream-response.sse", folder);
    struct stream_run run = run_stream(OPERATION_MESSAGE, false, slurp(path));
    snprintf(path, sizeof(path), "%sclient-response.sse", folder);
    expected = strdup(replaced(slurp(path), "msg_v24", "msg_" RUN_HEX));
    RUN_EXPECT(&run, replaced(expected, "claude-sonnet-4-6", "public-model"));
    cr_expect(run.stream.is_complete && run.stream.has_content);
    cr_expect_eq(run.content_at, 3);
    cr_expect_eq(run.stream.usage.count[USAGE_INPUT], 30);
    cr_expect_eq(run.stream.usage.count[USAGE_OUTPUT], 12);
    cr_expect_eq(run.stream.usage.reasoning_tokens, 8);
    free(expected);
    run_end(&run);
}

#define START(usage)                                                                               \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"x\",\"model\":" \
    "\"y\",\"content\":[],\"usage\":" usage "}}\n\n"
#define DELTA(usage)                                                                               \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"          \
    "\"end_turn\"},\"usage\":" usage "}\n\n"

Test(anthropic_messages, a_message_out_of_its_place_tells_nothing_either)
{
    static const char *const text =
        START("{\"input_tokens\":1}") "event: content_block_delta\ndata: "
                                      "{\"type\":\"content_block_delta\",\"index\":0,"
                                      "\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"},"
                                      "\"message\":{\"id\":\"canary\","
                                      "\"model\":\"canary\"}}\n\n"
                                      "event: content_block_delta\ndata: "
                                      "{\"type\":\"content_block_delta\",\"index\":0,"
                                      "\"delta\":{\"type\":\"text_delta\",\"text\":\"b\"},"
                                      "\"message\":{\"id\":\"canary\","
                                      "\"model\":\"canary\"}}\n\n";
    struct stream_run run = run_stream(OPERATION_MESSAGE, false, text);

    cr_expect_eq(run.err, 0);
    cr_expect_null(memmem(run.out.ptr, run.out.len, "canary", 6));
    cr_expect_not_null(memmem(run.out.ptr, run.out.len, "\"b\"", 3));
    run_end(&run);
}

Test(anthropic_messages, later_figures_overwrite)
{
    struct stream_run run =
        run_stream(OPERATION_MESSAGE, false,
                   START("{\"input_tokens\":100,\"cache_creation_input_tokens\":30,\"cache_read_"
                         "input_tokens\":0,"
                         "\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_"
                         "input_tokens\":20},"
                         "\"output_tokens\":1,\"service_tier\":\"batch\"}")
                       DELTA("{\"input_tokens\":20,\"cache_read_input_tokens\":80,\"cache_creation_"
                             "input_tokens\":null,"
                             "\"output_tokens\":7,\"server_tool_use\":{\"web_search_requests\":2}}")
                           DELTA("{\"output_tokens\":9,\"input_tokens\":null}"));
    const struct usage *usage = &run.stream.usage;

    cr_expect_eq(run.err, 0);
    cr_expect_eq(usage->count[USAGE_INPUT], 20);
    cr_expect_eq(usage->count[USAGE_CACHE_READ], 80);
    cr_expect_eq(usage->count[USAGE_CACHE_WRITE_5M], 10);
    cr_expect_eq(usage->count[USAGE_CACHE_WRITE_1H], 20);
    cr_expect_eq(usage->count[USAGE_OUTPUT], 9);
    cr_expect_eq(usage->count[USAGE_SERVER_TOOL], 2);
    cr_expect_eq(usage->service_tier, USAGE_TIER_BATCH);
    cr_expect_not(usage->is_invalid);
    run_end(&run);
}

Test(anthropic_messages, what_the_start_says_of_the_output_is_not_all_of_it)
{
    static const char start[] = START("{\"input_tokens\":100,\"output_tokens\":1}");
    struct stream_run run = run_stream(OPERATION_MESSAGE, false, start);

    cr_expect_eq(run.stream.usage.totals, USAGE_SAID_INPUT);
    run_end(&run);
    run = run_stream(OPERATION_MESSAGE, false,
                     START("{\"input_tokens\":100,\"output_tokens\":1}")
                         DELTA("{\"output_tokens\":7}"));
    cr_expect_eq(run.stream.usage.totals, USAGE_SAID_INPUT | USAGE_SAID_OUTPUT);
    run_end(&run);
}

Test(anthropic_messages, a_start_that_says_zero_has_not_counted_the_prompt_yet)
{
    static const struct {
        const char *text;
        uint8_t totals;
    } rows[] = {
        {START("{\"input_tokens\":0,\"output_tokens\":0}"), USAGE_SAID_EMPTY},
        {START("{\"output_tokens\":0}"), 0},
        {START("{\"input_tokens\":0,\"cache_read_input_tokens\":5,\"output_tokens\":0}"),
         USAGE_SAID_INPUT},
        {START("{\"input_tokens\":0,\"output_tokens\":0}")
             DELTA("{\"input_tokens\":7,\"output_tokens\":7}"),
         USAGE_SAID_INPUT | USAGE_SAID_OUTPUT | USAGE_SAID_EMPTY},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stream_run run = run_stream(OPERATION_MESSAGE, false, rows[i].text);

        cr_expect_eq(run.stream.usage.totals, rows[i].totals, "row %zu", i);
        run_end(&run);
    }
}

Test(anthropic_messages, a_total_of_cache_writes_without_a_split_lasts_five_minutes)
{
    struct stream_run run = run_stream(
        OPERATION_MESSAGE, false, START("{\"input_tokens\":1,\"cache_creation_input_tokens\":30}"));

    cr_expect_eq(run.stream.usage.count[USAGE_CACHE_WRITE_5M], 30);
    cr_expect_eq(run.stream.usage.count[USAGE_CACHE_WRITE_1H], 0);
    run_end(&run);
}

Test(anthropic_messages, content_is_what_a_model_has_said)
{
    static const struct {
        const char *data;
        bool is_content;
        int64_t bytes;
    } rows[] = {
        {"{\"type\":\"ping\"}", false, 0},
        {"{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}",
         false, 0},
        {"{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"thinking\",\"thinking\":"
         "\"\","
         "\"signature\":\"\"}}",
         false, 0},
        {"{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"redacted_thinking\","
         "\"data\":"
         "\"AA\"}}",
         true, 0},
        {"{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\","
         "\"name\":\"n\",\"input\":{}}}",
         true, 0},
        {"{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"abc\"}}",
         true, 3},
        {"{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"\"}}",
         false, 0},
        {"{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":"
         "\"ab\"}}",
         true, 2},
        {"{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"input_json_delta\",\"partial_"
         "json\":"
         "\"{\\\"\"}}",
         true, 2},
        {"{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"signature_delta\",\"signature\":"
         "\"A\"}}",
         true, 0},
        {"{\"type\":\"content_block_stop\",\"index\":0}", false, 0},
        {"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\"},\"usage\":{}}", false,
         0},
    };
    char text[512];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), "data: %s\n\n", rows[i].data);
        struct stream_run run = run_stream(OPERATION_MESSAGE, false, text);
        cr_expect_eq(run.last.is_content, rows[i].is_content, "%s", rows[i].data);
        cr_expect_eq(run.stream.content_bytes, rows[i].bytes, "%s", rows[i].data);
        /* SDKs do not take an event without a name: it gets that of its type. */
        size_t name_len = strcspn(rows[i].data + 9, "\"");
        snprintf(text, sizeof(text), "event: %.*s\ndata: %s\n\n", (int)name_len, rows[i].data + 9,
                 rows[i].data);
        RUN_EXPECT(&run, text);
        run_end(&run);
    }
}

Test(anthropic_messages, errors_are_kept_back_and_nonsense_is_one)
{
    struct stream_run run =
        run_stream(OPERATION_MESSAGE, false,
                   "event: error\ndata: "
                   "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
                   "\"canary\"}}\n\n");

    cr_expect_eq(run.last.category, ERR_CATEGORY_OVERLOADED);
    cr_expect(slice_eq_str(run.last.error_text, "canary"));
    cr_expect_eq(run.out.len, 0);
    run_end(&run);
    run = run_stream(OPERATION_MESSAGE, false,
                     "event: message_start\ndata: {\"type\":"
                     "\"message_start\",\"message\":[]}\n\n");
    cr_expect_eq(run.err, ERR_UPSTREAM_ERROR);
    run_end(&run);
    run = run_stream(OPERATION_MESSAGE, false, "data: [DONE]\n\n");
    cr_expect(run.err == 0 && run.out.len == 0 && !run.stream.is_complete);
    run_end(&run);
}

Test(anthropic_messages, an_error_of_ours_is_an_error_event)
{
    struct stream_run run = run_stream(OPERATION_MESSAGE, false, "");

    dialect_of(PROTOCOL_ANTHROPIC_MESSAGES)
        ->write_error_event(&run.stream, ERR_CATEGORY_OVERLOADED, SLICE_LIT("busy"), &run.out);
    RUN_EXPECT(&run,
               "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
               "\"message\":\"busy\"},\"request_id\":\"" RUN_ID "\"}\n\n");
    run_end(&run);
}

Test(anthropic_messages, tells_a_thread_client_to_send_the_whole_history)
{
    const struct uuid id = run_context(OPERATION_MESSAGE, false).request_id;
    struct buf out;

    buf_init(&out, 4096);
    dialect_of(PROTOCOL_ANTHROPIC_MESSAGES)
        ->write_error(ERR_CATEGORY_UNSUPPORTED_PARAMETER, SLICE_LIT("no"), SLICE_LIT("thread"), id,
                      &out);
    cr_expect(slice_eq_str(buf_slice(&out),
                           "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
                           "\"message\":\"no\",\"details\":{\"error_code\":"
                           "\"thread_unsupported_request\"}},\"request_id\":\"" RUN_ID "\"}"));
    buf_fini(&out);
}

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

Test(anthropic_messages, a_thread_goes_on_from_an_id_and_its_answer_is_kept)
{
    static struct request_facts facts;
    static struct refusal_reason why;
    const struct dialect *dialect = dialect_of(PROTOCOL_ANTHROPIC_MESSAGES);
    const char create[] =
        "{\"model\":\"a\",\"max_tokens\":1," MESSAGES ",\"thread\":{\"type\":\"create\"}}";
    const char go_on[] = "{\"model\":\"a\",\"max_tokens\":1,\"thread\":{\"type\":\"continue\","
                         "\"previous_message_id\":\"msg_1\"}}";
    const char hidden[] = "{\"model\":\"a\",\"max_tokens\":1," MESSAGES
                          ",\"thread\":{\"type\":\"continue\",\"thread_id\":\"t\"}}";

    cr_assert_eq(dialect->read_request(OPERATION_MESSAGE, SLICE_LIT(create), &facts, &why), 0);
    cr_expect(facts.keeps_state && facts.n_state_ids == 0);
    cr_assert_eq(dialect->read_request(OPERATION_MESSAGE, SLICE_LIT(go_on), &facts, &why), 0, "%s",
                 why.detail);
    cr_expect(facts.keeps_state && facts.n_state_ids == 1);
    cr_expect(slice_eq_str(facts.state_ids[0], "\"msg_1\""));
    cr_expect_eq(dialect->read_request(OPERATION_MESSAGE, SLICE_LIT(hidden), &facts, &why),
                 ERR_UNSUPPORTED_PARAMETER);
    cr_expect_str_eq(why.param, "thread");
}

Test(anthropic_messages, ids_in_a_thread_are_sealed)
{
    struct reply_context context = run_context(OPERATION_MESSAGE, false);
    struct buf expected;

    context.keeps_state = true;
    buf_init(&expected, 1024);
    buf_append_str(&expected, "\"message\":{\"id\":\"");
    cr_assert_eq(seal_id(context.seal, context.owner_hash, context.place, SLICE_LIT("msg_canary"),
                         &expected),
                 0);
    buf_append_str(&expected, "\",\"content\"");
    struct stream_run run =
        run_stream_in(&context, "event: message_start\ndata: {\"type\":\"message_start\","
                                "\"message\":{\"id\":\"msg_canary\",\"content\":[]}}\n\n");
    cr_expect_eq(run.err, 0);
    cr_expect(memmem(run.out.ptr, run.out.len, expected.ptr, expected.len) != NULL, "%.*s",
              (int)run.out.len, run.out.ptr);
    buf_fini(&expected);
    run_end(&run);
}
