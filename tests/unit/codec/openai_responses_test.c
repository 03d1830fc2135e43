/* SPDX-License-Identifier: ISC */
#include "stream_run.h"

#include "relayos/codec/json_scan.h"

/* The sealed form of an id, good until the next call. */
static const char *
sealed(const char *id)
{
    static char text[1024];
    const struct reply_context context = run_context(OPERATION_RESPONSE, false);
    struct buf out;

    buf_init(&out, sizeof(text) - 1);
    cr_assert_eq(seal_id(context.seal, context.owner_hash, context.place, slice_str(id), &out), 0);
    memcpy(text, out.ptr, out.len);
    text[out.len] = '\0';
    buf_fini(&out);
    return text;
}

#define EVENT(type, number, more)                                                                  \
    "event: " type "\ndata: {\"type\":\"" type "\",\"sequence_number\":" number more "}\n\n"
#define SNAPSHOT(id, model, more)                                                                  \
    ",\"response\":{\"id\":\"" id "\",\"model\":\"" model "\"" more "}"
#define TEXT_DELTA                                                                                 \
    EVENT("response.output_text.delta", "3", ",\"item_id\":\"msg_1\",\"delta\":\"hey\"")
#define USAGE                                                                                      \
    ",\"usage\":{\"input_tokens\":50,\"input_tokens_details\":{\"cached_tokens\":30},"             \
    "\"output_tokens\":9,\"output_tokens_details\":{\"reasoning_tokens\":4}}"

static const char upstream[] = EVENT(
    "response.created", "0",
    SNAPSHOT("resp_canary", "canary", ",\"previous_response_id\":\"resp_before\",\"error\":null"))
    EVENT("response.output_item.added", "1", ",\"item\":{\"type\":\"message\",\"id\":\"msg_1\"}")
        EVENT("response.output_text.delta", "2", ",\"item_id\":\"msg_1\",\"delta\":\"\"")
            TEXT_DELTA EVENT("response.completed", "4",
                             SNAPSHOT("resp_canary", "canary",
                                      ",\"conversation\":{\"id\":\"conv_1\"},\"service_tier\":"
                                      "\"flex\",\"output\":[{\"type\":"
                                      "\"web_search_call\"},{\"type\":\"message\"}]" USAGE));

Test(openai_responses, ids_are_sealed_and_all_else_passes)
{
    struct stream_run run = run_stream(OPERATION_RESPONSE, false, upstream);
    char id[512], before[512], conversation[512], expected[8192];

    snprintf(id, sizeof(id), "%s", sealed("resp_canary"));
    snprintf(before, sizeof(before), "%s", sealed("resp_before"));
    snprintf(conversation, sizeof(conversation), "%s", sealed("conv_1"));
    cr_assert_eq(run.err, 0);
    snprintf(
        expected, sizeof(expected),
        EVENT("response.created", "0",
              SNAPSHOT("%s", "public-model", ",\"previous_response_id\":\"%s\",\"error\":null"))
            EVENT("response.output_item.added", "1",
                  ",\"item\":{\"type\":\"message\",\"id\":\"msg_1\"}")
                EVENT("response.output_text.delta", "2", ",\"item_id\":\"msg_1\",\"delta\":\"\"")
                    TEXT_DELTA EVENT(
                        "response.completed", "4",
                        SNAPSHOT("%s", "public-model",
                                 ",\"conversation\":{\"id\":\"%s\"},\"service_tier\":\"flex\","
                                 "\"output\":[{"
                                 "\"type\":\"web_search_call\"},{\"type\":\"message\"}]" USAGE)),
        id, before, id, conversation);
    RUN_EXPECT(&run, expected);
    cr_expect_eq(run.content_at, 3);
    cr_expect_eq(run.stream.content_bytes, 3);
    cr_expect(run.stream.is_complete);
    cr_expect_eq(run.stream.next_sequence, 5);
    run_end(&run);
}

Test(openai_responses, usage_comes_with_the_end)
{
    struct stream_run run = run_stream(OPERATION_RESPONSE, false, upstream);
    const struct usage *usage = &run.stream.usage;

    cr_expect_eq(usage->count[USAGE_INPUT], 20);
    cr_expect_eq(usage->count[USAGE_CACHE_READ], 30);
    cr_expect_eq(usage->count[USAGE_OUTPUT], 9);
    cr_expect_eq(usage->reasoning_tokens, 4);
    cr_expect_eq(usage->count[USAGE_SERVER_TOOL], 1);
    cr_expect_eq(usage->count[USAGE_REQUEST], 1);
    cr_expect_eq(usage->service_tier, USAGE_TIER_FLEX);
    run_end(&run);
}

Test(openai_responses, an_incomplete_answer_is_a_complete_stream)
{
    struct stream_run run = run_stream(
        OPERATION_RESPONSE, false, EVENT("response.incomplete", "0", SNAPSHOT("resp_1", "m", "")));

    cr_expect(run.err == 0 && run.stream.is_complete);
    run_end(&run);
}

Test(openai_responses, calls_are_content_by_being_there)
{
    struct stream_run run =
        run_stream(OPERATION_RESPONSE, false,
                   EVENT("response.output_item.added", "0", ",\"item\":{\"type\":\"reasoning\"}")
                       EVENT("response.output_item.added", "1",
                             ",\"item\":{\"type\":\"function_call\",\"name\":\"f\"}"));

    cr_expect_eq(run.content_at, 1);
    run_end(&run);
}

Test(openai_responses, failures_are_kept_back_but_not_their_figures)
{
    struct stream_run run = run_stream(
        OPERATION_RESPONSE, false,
        EVENT("response.failed", "0",
              SNAPSHOT(
                  "resp_1", "m",
                  ",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"canary\"}" USAGE)));

    cr_expect(run.err == 0 && run.last.is_error && run.last.has_usage && !run.stream.is_complete);
    cr_expect_eq(run.last.category, ERR_CATEGORY_UPSTREAM_RATE_LIMITED);
    cr_expect(slice_eq_str(run.last.error_text, "canary"));
    cr_expect_eq(run.out.len, 0);
    cr_expect_eq(run.stream.usage.count[USAGE_OUTPUT], 9);
    run_end(&run);

    run = run_stream(
        OPERATION_RESPONSE, false,
        EVENT("error", "7", ",\"code\":\"server_error\",\"message\":\"canary\",\"param\":null"));
    cr_expect(run.last.is_error && run.last.category == ERR_CATEGORY_UPSTREAM_ERROR);
    run_end(&run);
}

Test(openai_responses, an_id_that_cannot_be_sealed_is_not_handed_out)
{
    struct stream_run run = run_stream(OPERATION_RESPONSE, false,
                                       EVENT("response.created", "0", ",\"response\":{\"id\":7}"));

    cr_expect_eq(run.err, ERR_UPSTREAM_ERROR);
    cr_expect_eq(run.out.len, 0);
    run_end(&run);
}

static void
expect_member(struct slice data, const char *const *path, size_t n, const char *value)
{
    struct json_object object;
    struct json_error error;
    struct json_member member;

    cr_assert_eq(json_scan_object(data, &object, &error), 0, "%s", error.reason);
    cr_assert(json_find_path(&object, path, n, &member));
    cr_expect(slice_eq_str(member.value, value), "%.*s", (int)member.value.len, member.value.ptr);
}

#define EXPECT(data, value, ...)                                                                   \
    expect_member(data, (const char *[]){__VA_ARGS__},                                             \
                  sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), value)

Test(openai_responses, an_error_of_ours_is_a_failed_response_with_the_same_id_and_the_next_number)
{
    struct stream_run run = run_stream(OPERATION_RESPONSE, false, upstream);
    char id[512];

    snprintf(id, sizeof(id), "\"%s\"", sealed("resp_canary"));
    buf_clear(&run.out);
    dialect_of(PROTOCOL_OPENAI_RESPONSES)
        ->write_error_event(&run.stream, ERR_CATEGORY_STREAM_INTERRUPTED, SLICE_LIT("cut"),
                            &run.out);

    static const char head[] = "event: response.failed\ndata: ";
    cr_assert(slice_starts_with(buf_slice(&run.out), SLICE_LIT(head)));
    struct slice data = slice_sub(buf_slice(&run.out), sizeof(head) - 1, run.out.len - 2);
    EXPECT(data, "\"response.failed\"", "type");
    EXPECT(data, "5", "sequence_number");
    EXPECT(data, id, "response", "id");
    EXPECT(data, "\"failed\"", "response", "status");
    EXPECT(data, "\"public-model\"", "response", "model");
    EXPECT(data, "\"server_error\"", "response", "error", "code");
    EXPECT(data, "\"cut\"", "response", "error", "message");
    EXPECT(data, "\"" RUN_ID "\"", "response", "error", "request_id");
    EXPECT(data, "1764090707", "response", "created_at");
    run_end(&run);
}

Test(openai_responses, an_error_before_anything_else_has_an_id_of_ours)
{
    struct stream_run run = run_stream(OPERATION_RESPONSE, false, "");

    dialect_of(PROTOCOL_OPENAI_RESPONSES)
        ->write_error_event(&run.stream, ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, SLICE_LIT("x"),
                            &run.out);
    struct slice data = slice_sub(buf_slice(&run.out), 29, run.out.len - 2);
    EXPECT(data, "0", "sequence_number");
    EXPECT(data, "\"resp_" RUN_HEX "\"", "response", "id");
    EXPECT(data, "\"context_length_exceeded\"", "response", "error", "code");
    run_end(&run);
}
