/* SPDX-License-Identifier: ISC
 *
 * What is read of a chat request: every form that clients are known to send.
 */
#include "translate_run.h"
#include "translators.h"

struct read {
    struct arena arena;
    struct neutral_request request;
    struct refusal_reason why;
    int err;
};

static struct read
read_as(enum operation operation, const char *body)
{
    struct read r = {.err = 0};

    arena_init(&r.arena, RUN_CAP);
    r.err = chat_request_read(operation, slice_str(body), &r.arena, &r.request, &r.why);
    return r;
}

static struct read
read_body(const char *body)
{
    return read_as(OPERATION_CHAT, body);
}

#define EXPECT(slice, text)                                                                        \
    cr_expect(slice_eq_str(slice, text), "got %.*s", (int)(slice).len, (slice).ptr)
#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

Test(chat_request, keeps_system_messages_where_they_stand_and_who_wrote_them)
{
    struct read r = read_body("{\"messages\":[{\"role\":\"system\",\"content\":\"a\"},"
                              "{\"role\":\"developer\",\"content\":[{\"type\":\"text\","
                              "\"text\":\"b\"},{\"type\":\"text\",\"text\":\"c\"}]},"
                              "{\"role\":\"user\",\"content\":\"hi\"},"
                              "{\"role\":\"system\",\"content\":\"late\"}]}");

    cr_assert(r.err == 0 && r.request.n_turns == 4);
    const struct neutral_turn *turns = r.request.turns;
    cr_expect(turns[0].role == NEUTRAL_SYSTEM && !turns[0].is_developer);
    cr_expect(turns[1].role == NEUTRAL_SYSTEM && turns[1].is_developer && turns[1].n_parts == 2);
    cr_expect(turns[3].role == NEUTRAL_SYSTEM);
    EXPECT(r.request.parts[turns[3].first_part].text, "late");
    arena_fini(&r.arena);
}

Test(chat_request, reads_every_kind_of_part)
{
    struct read r = read_body(
        "{\"messages\":[{\"role\":\"user\",\"content\":["
        "{\"type\":\"text\",\"text\":\"a \\\"b\\\"\",\"cache_control\":{\"type\":\"ephemeral\"}},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image\\/png;base64,iV\\/B\","
        "\"detail\":\"low\"}},"
        "{\"type\":\"image_url\",\"image_url\":\"https://x.example/a\"},"
        "{\"type\":\"input_image\",\"image_url\":\"https://x.example/b\",\"detail\":\"high\"},"
        "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AA\",\"format\":\"mp3\"}},"
        "{\"type\":\"file\",\"file\":{\"filename\":\"a.csv\",\"file_data\":\"YQ==\"}},"
        "{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;x=1;base64,JV\"}},"
        "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}]}]}");

    cr_assert(r.err == 0 && r.request.n_parts == 8);
    const struct neutral_part *p = r.request.parts;
    EXPECT(p[0].text, "a \\\"b\\\"");
    EXPECT(p[0].cache_control, "{\"type\":\"ephemeral\"}");
    cr_expect(p[1].kind == NEUTRAL_IMAGE && p[1].source == NEUTRAL_INLINE);
    EXPECT(p[1].media_type, "image/png");
    EXPECT(p[1].data, "iV/B");
    EXPECT(p[1].detail, "low");
    cr_expect(p[2].source == NEUTRAL_URL && p[3].source == NEUTRAL_URL);
    EXPECT(p[2].data, "https://x.example/a");
    EXPECT(p[3].detail, "high");
    cr_expect(p[4].kind == NEUTRAL_AUDIO);
    EXPECT(p[4].media_type, "audio/mp3");
    cr_expect(p[5].kind == NEUTRAL_FILE && p[5].source == NEUTRAL_INLINE);
    EXPECT(p[5].media_type, "text/plain");
    EXPECT(p[6].media_type, "application/pdf");
    EXPECT(p[6].data, "JV");
    cr_expect(p[7].source == NEUTRAL_ID);
    arena_fini(&r.arena);
}

Test(chat_request, reads_calls_and_their_results_in_both_forms)
{
    struct read r = read_body(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
        "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"hm\",\"tool_calls\":["
        "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{\\\"a\\\": 1.50}\"}},"
        "{\"id\":\"c2\",\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"input\":\"x\\ny\"}},"
        "{\"id\":\"c3\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{broken\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"one\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"text\","
        "\"text\":\"two\"}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c3\",\"content\":\"three\"},"
        "{\"role\":\"assistant\",\"content\":null,\"function_call\":{\"name\":\"old\","
        "\"arguments\":\"\"}},"
        "{\"role\":\"function\",\"name\":\"old\",\"content\":\"four\"}]}");

    cr_assert(r.err == 0 && r.request.n_turns == 5);
    const struct neutral_turn *turns = r.request.turns;
    const struct neutral_part *p = &r.request.parts[turns[1].first_part];
    cr_assert(turns[1].n_parts == 4);
    cr_expect(p[0].kind == NEUTRAL_REASONING && p[0].origin == NEUTRAL_ORIGIN_TEXT);
    EXPECT(p[1].input, "{\"a\": 1.50}");
    cr_expect(p[2].is_custom);
    EXPECT(p[2].input, "x\\ny");
    EXPECT(p[3].input, "{\"_raw\":\"{broken\"}");
    p = &r.request.parts[turns[2].first_part];
    cr_assert(turns[2].n_parts == 3);
    EXPECT(p[0].text, "one");
    cr_assert(p[1].n_children == 1);
    EXPECT(r.request.parts[p[1].first_child].text, "two");
    const struct neutral_part *old = &r.request.parts[turns[3].first_part];
    const struct neutral_part *result = &r.request.parts[turns[4].first_part];
    EXPECT(old->input, "{}");
    cr_expect(slice_eq(old->id, result->id));
    EXPECT(result->text, "four");
    arena_fini(&r.arena);
}

Test(chat_request, takes_tools_in_the_shapes_of_three_protocols)
{
    struct read r = read_body(
        "{" USER ",\"tools\":["
        "{\"type\":\"function\",\"function\":{\"name\":\"nested\",\"parameters\":{\"a\":1},"
        "\"strict\":true},\"cache_control\":{}},"
        "{\"type\":\"function\",\"name\":\"flat\",\"description\":\"d\",\"parameters\":{\"b\":1}},"
        "{\"name\":\"third\",\"input_schema\":{\"c\":1}},"
        "{\"type\":\"custom\",\"custom\":{\"name\":\"free\",\"format\":{\"type\":\"grammar\","
        "\"grammar\":{\"syntax\":\"lark\",\"definition\":\"x\"}}}},"
        "{\"type\":\"web_search\"}],"
        "\"tool_choice\":{\"type\":\"function\",\"name\":\"flat\"}}");

    cr_assert(r.err == 0 && r.request.n_tools == 5);
    const struct neutral_tool *tools = r.request.tools;
    EXPECT(tools[0].name, "nested");
    EXPECT(tools[0].schema, "{\"a\":1}");
    EXPECT(tools[0].cache_control, "{}");
    cr_expect(tools[0].strict == NEUTRAL_YES);
    EXPECT(tools[1].description, "d");
    EXPECT(tools[1].schema, "{\"b\":1}");
    EXPECT(tools[2].schema, "{\"c\":1}");
    cr_expect(tools[3].kind == NEUTRAL_CUSTOM);
    EXPECT(tools[3].json, "{\"type\":\"grammar\",\"syntax\":\"lark\",\"definition\":\"x\"}");
    cr_expect(tools[4].kind == NEUTRAL_SERVER_TOOL);
    cr_expect(r.request.choice == NEUTRAL_CHOICE_TOOL);
    EXPECT(r.request.choice_name, "flat");
    arena_fini(&r.arena);
}

Test(chat_request, leaves_only_the_tools_that_are_allowed)
{
    struct read r = read_body(
        "{" USER ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":"
        "\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"b\"}}]}},"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}},"
        "{\"type\":\"function\",\"function\":{\"name\":\"b\"}}]}");

    cr_assert(r.err == 0 && r.request.n_tools == 1);
    EXPECT(r.request.tools[0].name, "b");
    cr_expect(r.request.choice == NEUTRAL_CHOICE_REQUIRED);
    arena_fini(&r.arena);
}

Test(chat_request, reads_the_old_functions)
{
    struct read r = read_body("{" USER ",\"functions\":[{\"name\":\"f\",\"parameters\":{}}],"
                              "\"function_call\":{\"name\":\"f\"}}");

    cr_assert(r.err == 0 && r.request.n_tools == 1 && r.request.uses_functions);
    cr_expect(r.request.choice == NEUTRAL_CHOICE_TOOL);
    arena_fini(&r.arena);
}

Test(chat_request, reads_scalars_as_they_were_written)
{
    struct read r = read_body(
        "{" USER ",\"max_completion_tokens\":7,\"max_tokens\":9,\"temperature\":0.70,"
        "\"top_p\":1e0,\"seed\":null,\"stop\":[\"a\",\"b\\n\"],\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true},\"parallel_tool_calls\":false,"
        "\"safety_identifier\":\"s\",\"prompt_cache_key\":\"k\",\"reasoning_effort\":\"low\","
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
        "\"strict\":false,\"schema\":{\"x\":1}}},\"logit_bias\":{\"1\":2},\"n\":2}");
    const struct neutral_request *q = &r.request;

    cr_assert(r.err == 0);
    cr_expect(q->max_tokens == 7 && q->n_choices == 2 && q->seed.len == 0);
    EXPECT(q->temperature, "0.70");
    EXPECT(q->top_p, "1e0");
    EXPECT(q->stops[1], "b\\n");
    cr_expect(q->is_stream && q->wants_usage && q->parallel_tools == NEUTRAL_NO);
    EXPECT(q->user, "s");
    EXPECT(q->cache_key, "k");
    cr_expect(q->effort == NEUTRAL_EFFORT_LOW && q->wants_reasoning_text);
    cr_expect(q->format == NEUTRAL_FORMAT_SCHEMA && q->format_strict == NEUTRAL_NO);
    EXPECT(q->format_schema, "{\"x\":1}");
    EXPECT(q->logit_bias, "{\"1\":2}");
    arena_fini(&r.arena);
}

Test(chat_request, reads_reasoning_in_other_clients_words)
{
    struct read r = read_body("{" USER ",\"reasoning\":{\"max_tokens\":2000,\"exclude\":true}}");

    cr_assert(r.err == 0);
    cr_expect(r.request.thinking_budget == 2000 && !r.request.wants_reasoning_text);
    arena_fini(&r.arena);
    r = read_body("{" USER ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}}");
    cr_expect(r.err == 0 && r.request.thinking_budget == 1024 && r.request.wants_reasoning_text);
    arena_fini(&r.arena);
}

Test(chat_request, marks_the_last_part_of_a_message_for_the_cache)
{
    struct read r = read_body("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                              "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}],"
                              "\"cache_control\":{\"type\":\"ephemeral\"}}]}");

    cr_assert(r.err == 0 && r.request.n_parts == 2);
    cr_expect(r.request.parts[0].cache_control.len == 0);
    EXPECT(r.request.parts[1].cache_control, "{\"type\":\"ephemeral\"}");
    arena_fini(&r.arena);
}

Test(chat_request, gives_the_body_of_another_protocol_to_its_reader)
{
    struct read r =
        read_body("{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                  "\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{}}]}");

    cr_assert(r.err == 0 && r.request.n_turns == 1 && r.request.n_tools == 1);
    EXPECT(r.request.parts[0].text, "hi");
    cr_expect(r.request.protocol == PROTOCOL_OPENAI_RESPONSES);
    arena_fini(&r.arena);
}

Test(chat_request, keeps_what_is_chats_own_in_the_body_of_another_protocol)
{
    struct read r =
        read_body("{\"n\":2,\"stop\":[\"x\"],\"seed\":7,\"stream\":true,\"logit_bias\":{\"1\":2},"
                  "\"stream_options\":{\"include_usage\":true},\"max_tokens\":9,"
                  "\"response_format\":{\"type\":\"json_object\"},\"input\":\"hi\"}");

    cr_assert(r.err == 0 && r.request.n_turns == 1);
    cr_expect(r.request.n_choices == 2 && r.request.n_stops == 1 && r.request.max_tokens == 9);
    EXPECT(r.request.stops[0], "x");
    EXPECT(r.request.seed, "7");
    EXPECT(r.request.logit_bias, "{\"1\":2}");
    cr_expect(r.request.wants_usage && r.request.is_stream);
    cr_expect_eq(r.request.format, NEUTRAL_FORMAT_JSON);
    arena_fini(&r.arena);

    r = read_body(
        "{\"stream\":true,\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"json_object\"}}}");
    cr_assert_eq(r.err, 0);
    cr_expect_not(r.request.wants_usage, "who does not ask gets none");
    cr_expect_eq(r.request.format, NEUTRAL_FORMAT_JSON);
    arena_fini(&r.arena);

    r = read_body("{\"input\":\"hi\",\"n\":\"two\"}");
    cr_expect_eq(r.err, ERR_INVALID_REQUEST);
    cr_expect_str_eq(r.why.param, "n");
    arena_fini(&r.arena);
}

Test(chat_request, reads_one_prompt_of_a_completion)
{
    struct read r =
        read_as(OPERATION_COMPLETION,
                "{\"prompt\":[\"Say a\"],\"best_of\":1,\"echo\":false,\"suffix\":\"\"}");

    cr_assert(r.err == 0 && r.request.n_turns == 1);
    EXPECT(r.request.parts[0].text, "Say a");
    arena_fini(&r.arena);
}

Test(chat_request, refuses_with_the_place_of_the_fault)
{
    static const struct {
        enum operation operation;
        const char *body, *param;
        int err;
    } cases[] = {
        {OPERATION_CHAT, "{\"messages\":{}}", "messages", ERR_INVALID_REQUEST},
        {OPERATION_CHAT, "{\"messages\":[{\"role\":\"x\"}]}", "messages[0].role",
         ERR_INVALID_REQUEST},
        {OPERATION_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"video\"}]}]}",
         "messages[0].content[0].type", ERR_INVALID_REQUEST},
        {OPERATION_CHAT,
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
         "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png,x\"}}]}]}",
         "messages[0].content[1].image_url", ERR_INVALID_REQUEST},
        {OPERATION_CHAT, "{\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}",
         "messages[0].tool_call_id", ERR_INVALID_REQUEST},
        {OPERATION_CHAT, "{" USER ",\"tools\":[{\"type\":\"function\"}]}", "tools",
         ERR_INVALID_REQUEST},
        {OPERATION_CHAT, "{" USER ",\"tool_choice\":\"maybe\"}", "tool_choice",
         ERR_INVALID_REQUEST},
        {OPERATION_CHAT, "{" USER ",\"reasoning_effort\":\"vast\"}", "reasoning_effort",
         ERR_INVALID_REQUEST},
        {OPERATION_CHAT, "{" USER ",\"temperature\":\"hot\"}", "temperature", ERR_INVALID_REQUEST},
        {OPERATION_CHAT, "{" USER ",\"modalities\":[\"text\",\"audio\"]}", "modalities",
         ERR_UNSUPPORTED_PARAMETER},
        {OPERATION_COMPLETION, "{\"prompt\":[1,2]}", "prompt", ERR_INVALID_REQUEST},
        {OPERATION_COMPLETION, "{\"prompt\":[\"a\",\"b\"]}", "prompt", ERR_INVALID_REQUEST},
        {OPERATION_COMPLETION, "{\"prompt\":\"a\",\"suffix\":\"b\"}", "suffix",
         ERR_UNSUPPORTED_PARAMETER},
        {OPERATION_COMPLETION, "{\"prompt\":\"a\",\"logprobs\":0}", "logprobs",
         ERR_UNSUPPORTED_PARAMETER},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct read r = read_as(cases[i].operation, cases[i].body);

        cr_expect(r.err == cases[i].err, "%s: %d", cases[i].body, r.err);
        cr_expect_str_eq(r.why.param, cases[i].param, "%s", cases[i].body);
        cr_expect(r.why.detail[0] != '\0');
        arena_fini(&r.arena);
    }
}
