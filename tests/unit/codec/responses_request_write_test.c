/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "built_in.h"
#include "translators.h"

struct written {
    int err;
    struct buf out;
    struct translate_dropped dropped;
    struct refusal_reason why;
};

/* What one client's request becomes. */
static struct written
write_from(enum operation operation, const char *model, const char *body)
{
    const struct translator *client = translator_of(dialect_operation_protocol(operation));
    const struct translate_target target = {.model = slice_str(model),
                                            .capability = built_in(slice_str(model)),
                                            .max_output_tokens = 1000,
                                            .flavor = FLAVOR_OPENAI};
    struct written written = {0};
    struct neutral_request request;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    buf_init(&written.out, 1 << 20);
    written.err = client->read_request(operation, slice_str(body), &arena, &request, &written.why);
    cr_assert_eq(written.err, 0, "%s", written.why.detail);
    written.err = responses_request_write(&request, &target, &arena, &written.out, &written.dropped,
                                          &written.why);
    arena_fini(&arena);
    return written;
}

static struct written
write_messages(const char *model, const char *body)
{
    return write_from(OPERATION_MESSAGE, model, body);
}

#define EXPECT_BODY(written, text)                                                                 \
    do {                                                                                           \
        cr_expect_eq((written).err, 0, "%s", (written).why.detail);                                \
        cr_expect(slice_eq_str(buf_slice(&(written).out), text), "got:\n%.*s\nexpected:\n%s",      \
                  (int)(written).out.len, (written).out.ptr, text);                                \
        buf_fini(&(written).out);                                                                  \
    } while (0)

#define USER(text)                                                                                 \
    "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"      \
    "\"" text "\"}]}"
#define MESSAGES(more, list) "{\"model\":\"m\",\"max_tokens\":500" more ",\"messages\":[" list "]}"
#define STORE                ",\"store\":false}"

Test(responses_request_write, the_first_system_message_is_instructions)
{
    struct written written = write_messages(
        "gpt-4.1", MESSAGES(",\"system\":[{\"type\":\"text\",\"text\":\"One.\"},{\"type\":"
                            "\"text\",\"text\":\"Two.\"}]",
                            "{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\","
                            "\"content\":\"Late.\"}"));

    EXPECT_BODY(written,
                "{\"model\":\"gpt-4.1\",\"instructions\":\"One.\\n\\nTwo.\",\"input\":[" USER(
                    "hi") ",{\"type\":\"message\",\"role\":\"developer\",\"content\":[{\"type\":"
                          "\"input_text\",\"text\":\"Late.\"}]}],\"max_output_tokens\":500" STORE);
}

Test(responses_request_write, the_word_json_stays_where_the_api_looks_for_it)
{
    struct written written =
        write_from(OPERATION_CHAT, "gpt-4.1",
                   "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"In JSON.\"},"
                   "{\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":"
                   "\"json_object\"}}");

    EXPECT_BODY(written,
                "{\"model\":\"gpt-4.1\",\"input\":[{\"type\":\"message\",\"role\":"
                "\"developer\",\"content\":[{\"type\":\"input_text\",\"text\":\"In JSON."
                "\"}]}," USER("hi") "],\"text\":{\"format\":{\"type\":\"json_object\"}}" STORE);
}

Test(responses_request_write, a_turn_with_calls_becomes_items)
{
    struct written written = write_messages(
        "gpt-4.1",
        MESSAGES("", "{\"role\":\"user\",\"content\":\"go\"},{\"role\":\"assistant\",\"content\":["
                     "{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\":\"c2ln\"},"
                     "{\"type\":\"text\",\"text\":\"Well.\"},{\"type\":\"tool_use\",\"id\":\"a\","
                     "\"name\":\"f\",\"input\":{\"q\": \"say \\\"x\\\"\", \"n\": 1.50}}]},"
                     "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
                     "\"a\",\"is_error\":true,\"content\":\"no\"},{\"type\":\"text\",\"text\":"
                     "\"again\"}]}"));

    EXPECT_BODY(
        written,
        "{\"model\":\"gpt-4.1\",\"input\":[" USER(
            "go") ",{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_"
                  "text\","
                  "\"text\":\"Well.\"}]},{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":"
                  "\"f\","
                  "\"arguments\":\"{\\\"q\\\":\\\"say \\\\\\\"x\\\\\\\"\\\",\\\"n\\\":1.50}\"},"
                  "{\"type\":\"function_call_output\",\"call_id\":\"a\",\"output\":\"Error: "
                  "no\"}," USER("again") "],\"max_output_tokens\":500" STORE);
}

Test(responses_request_write, images_and_files)
{
    struct written written = write_messages(
        "gpt-4.1",
        MESSAGES("", "{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":"
                     "\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBO\"}},{\"type\":"
                     "\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x.test/a\"}},"
                     "{\"type\":\"document\",\"title\":\"a.pdf\",\"source\":{\"type\":\"base64\","
                     "\"media_type\":\"application/pdf\",\"data\":\"JVBE\"}}]}"));

    EXPECT_BODY(written,
                "{\"model\":\"gpt-4.1\",\"input\":[{\"type\":\"message\",\"role\":\"user\","
                "\"content\":[{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,"
                "iVBO\"},{\"type\":\"input_image\",\"image_url\":\"https://x.test/a\"},{\"type\":"
                "\"input_file\",\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;"
                "base64,JVBE\"}]}],\"max_output_tokens\":500" STORE);
}

Test(responses_request_write, tools_always_say_if_they_are_strict)
{
    struct written written = write_messages(
        "gpt-4.1", MESSAGES(",\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":"
                            "{\"type\":\"object\",\"x\": 1}}],\"tool_choice\":{\"type\":\"tool\","
                            "\"name\":\"f\",\"disable_parallel_tool_use\":true}",
                            "{\"role\":\"user\",\"content\":\"hi\"}"));

    EXPECT_BODY(
        written,
        "{\"model\":\"gpt-4.1\",\"input\":[" USER(
            "hi") "],\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\","
                  "\"parameters\":{\"properties\":{},\"type\":\"object\",\"x\":1},"
                  "\"strict\":false}],"
                  "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},"
                  "\"parallel_tool_calls\":false,\"max_output_tokens\":500" STORE);
}

Test(responses_request_write, reasoning_is_asked_of_models_that_reason)
{
    static const char body[] = MESSAGES(
        ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},\"output_config\":"
        "{\"effort\":\"max\"},\"temperature\":1,\"top_k\":5",
        "{\"role\":\"user\",\"content\":\"hi\"}");
    struct written written = write_messages("gpt-5.6", body);

    EXPECT_BODY(written,
                "{\"model\":\"gpt-5.6\",\"input\":[" USER(
                    "hi") "],\"max_output_tokens\":500,\"reasoning\":{\"effort\":\"xhigh\","
                          "\"summary\":\"auto\"},\"include\":["
                          "\"reasoning.encrypted_content\"]" STORE);
    cr_expect_str_eq(written.dropped.names, "temperature, top_k");
    written = write_messages("gpt-4.1", body);
    EXPECT_BODY(written, "{\"model\":\"gpt-4.1\",\"input\":[" USER(
                             "hi") "],\"max_output_tokens\":500,\"temperature\":1" STORE);
    cr_expect_str_eq(written.dropped.names, "reasoning_effort, top_k");
}

Test(responses_request_write, limits_are_raised_and_cut)
{
    struct written written = write_messages(
        "gpt-4.1", "{\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");

    EXPECT_BODY(written,
                "{\"model\":\"gpt-4.1\",\"input\":[" USER("hi") "],\"max_output_tokens\":16" STORE);
    written = write_messages(
        "gpt-4.1", "{\"max_tokens\":64000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    EXPECT_BODY(written, "{\"model\":\"gpt-4.1\",\"input\":[" USER(
                             "hi") "],\"max_output_tokens\":1000" STORE);
}

Test(responses_request_write, a_long_name_of_a_user_is_hashed)
{
    struct written written = write_messages(
        "gpt-4.1", MESSAGES(",\"metadata\":{\"user_id\":\"0123456789012345678901234567890123456789"
                            "0123456789012345678901234\"}",
                            "{\"role\":\"user\",\"content\":\"hi\"}"));

    /* Twice the same 64 digits. */
    const char *first = memmem(written.out.ptr, written.out.len, "\"prompt_cache_key\":\"", 20);
    const char *second = memmem(written.out.ptr, written.out.len, "\"safety_identifier\":\"", 21);
    cr_assert(first != NULL && second != NULL);
    cr_expect_arr_eq(first + 20, second + 21, 64);
    cr_expect_eq(first[20 + 64], '"');
    buf_fini(&written.out);
}

/* Reasoning of this vendor goes back in front of its call; that of others stays away. */
Test(responses_request_write, reasoning_goes_back_to_its_maker_alone)
{
    struct neutral_part parts[] = {
        {.kind = NEUTRAL_REASONING,
         .id = SLICE_LIT("rs_1"),
         .text = SLICE_LIT("Plan"),
         .state = SLICE_LIT("enc"),
         .origin = NEUTRAL_ORIGIN_OPENAI},
        {.kind = NEUTRAL_REASONING,
         .text = SLICE_LIT("Other"),
         .state = SLICE_LIT("sig"),
         .origin = NEUTRAL_ORIGIN_ANTHROPIC},
        {.kind = NEUTRAL_CALL,
         .id = SLICE_LIT("a"),
         .name = SLICE_LIT("patch"),
         .input = SLICE_LIT("x\\n"),
         .is_custom = true},
    };
    struct neutral_turn turn = {.role = NEUTRAL_ASSISTANT, .n_parts = 3};
    struct neutral_tool tool = {.kind = NEUTRAL_CUSTOM,
                                .name = SLICE_LIT("patch"),
                                .json = SLICE_LIT("{\"type\":\"text\"}")};
    const struct neutral_request request = {.turns = &turn,
                                            .parts = parts,
                                            .tools = &tool,
                                            .n_turns = 1,
                                            .n_parts = 3,
                                            .n_tools = 1,
                                            .n_choices = 1,
                                            .choice = NEUTRAL_CHOICE_TOOL,
                                            .choice_name = SLICE_LIT("patch")};
    const struct translate_target target = {.model = SLICE_LIT("gpt-4.1"),
                                            .capability = built_in(SLICE_LIT("gpt-4.1"))};
    struct written written = {0};
    struct arena arena;

    arena_init(&arena, 1 << 16);
    buf_init(&written.out, 1 << 16);
    written.err = responses_request_write(&request, &target, &arena, &written.out, &written.dropped,
                                          &written.why);
    EXPECT_BODY(written,
                "{\"model\":\"gpt-4.1\",\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\","
                "\"summary\":[{\"type\":\"summary_text\",\"text\":\"Plan\"}],"
                "\"encrypted_content\":\"enc\"},{\"type\":\"custom_tool_call\",\"call_id\":\"a\","
                "\"name\":\"patch\",\"input\":\"x\\n\"}],\"tools\":[{\"type\":\"custom\",\"name\":"
                "\"patch\",\"format\":{\"type\":\"text\"}}],\"tool_choice\":{\"type\":\"custom\","
                "\"name\":\"patch\"}" STORE);
    arena_fini(&arena);
}

/* Said once more to its own API, for the sake of reasoning of others, a conversation is the same.
 */
Test(responses_request_write, items_that_no_other_api_knows_stay_where_they_were)
{
    struct written written =
        write_from(OPERATION_RESPONSE, "gpt-5",
                   "{\"model\":\"m\",\"input\":[{\"type\":\"compaction\",\"encrypted_content\":"
                   "\"c\"},{\"type\":"
                   "\"reasoning\",\"summary\":[],\"encrypted_content\":\"relay1.txt.\"},{\"type\":"
                   "\"web_search_call\",\"id\":\"w\"},{\"role\":\"user\",\"content\":\"hi\"}]}");

    EXPECT_BODY(written,
                "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"compaction\","
                "\"encrypted_content\":\"c\"},{\"type\":\"web_search_call\",\"id\":\"w\"}," USER(
                    "hi") "],\"include\":[\"reasoning.encrypted_content\"]" STORE);
}

/* A search that only its own provider runs was to be made: without it the answer is another one. */
Test(responses_request_write, a_call_that_cannot_be_made_is_not_demanded)
{
    struct neutral_tool search = {.kind = NEUTRAL_SERVER_TOOL, .name = SLICE_LIT("web_search")};
    struct neutral_request request = {.tools = &search,
                                      .n_tools = 1,
                                      .n_choices = 1,
                                      .protocol = PROTOCOL_ANTHROPIC_MESSAGES,
                                      .choice = NEUTRAL_CHOICE_REQUIRED};
    const struct translate_target target = {.capability = built_in(SLICE_LIT("gpt-5"))};
    struct written written = {0};
    struct arena arena;

    arena_init(&arena, 1 << 16);
    buf_init(&written.out, 1 << 16);
    cr_expect_eq(responses_request_write(&request, &target, &arena, &written.out, &written.dropped,
                                         &written.why),
                 ERR_UNSUPPORTED_PARAMETER);
    request.choice = NEUTRAL_CHOICE_AUTO;
    cr_expect_eq(responses_request_write(&request, &target, &arena, &written.out, &written.dropped,
                                         &written.why),
                 0);
    buf_fini(&written.out);
    arena_fini(&arena);
}

Test(responses_request_write, what_cannot_be_said_is_refused)
{
    struct neutral_part sound = {.kind = NEUTRAL_AUDIO};
    struct neutral_part file = {.kind = NEUTRAL_FILE, .source = NEUTRAL_ID};
    struct neutral_turn turn = {.role = NEUTRAL_USER, .n_parts = 1};
    const struct {
        struct neutral_part *part;
        int64_t n_choices;
        const char *param;
    } cases[] = {{&sound, 1, "input_audio"}, {&file, 1, "file_id"}, {NULL, 2, "n"}};

    for (size_t i = 0; i < 3; i++) {
        const struct neutral_request request = {.turns = &turn,
                                                .parts = cases[i].part,
                                                .n_turns = 1,
                                                .n_parts = cases[i].part != NULL,
                                                .n_choices = cases[i].n_choices};
        const struct translate_target target = {.capability = built_in(SLICE_LIT("gpt-5"))};
        struct written written = {0};
        struct arena arena;

        arena_init(&arena, 1 << 16);
        buf_init(&written.out, 1 << 16);
        cr_expect_eq(responses_request_write(&request, &target, &arena, &written.out,
                                             &written.dropped, &written.why),
                     ERR_UNSUPPORTED_PARAMETER);
        cr_expect_str_eq(written.why.param, cases[i].param);
        buf_fini(&written.out);
        arena_fini(&arena);
    }
}

/* Read and written again, a request means the same: nothing but its spelling changes, once. */
Test(responses_request_write, writing_what_was_read_is_stable)
{
    static const char body[] =
        "{\"model\":\"m\",\"instructions\":\"Be brief.\",\"input\":[{\"role\":\"user\",\"content\":"
        "\"go\"},{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":"
        "\"e\"},{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"f\",\"arguments\":"
        "\"{\\\"n\\\": 1e3}\"},{\"type\":\"function_call_output\",\"call_id\":\"a\",\"output\":"
        "[{\"type\":\"input_text\",\"text\":\"x\"},{\"type\":\"input_image\",\"image_url\":"
        "\"data:image/png;base64,iVBO\"}]}],\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],"
        "\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},\"max_output_tokens\":99}";
    struct written once = write_from(OPERATION_RESPONSE, "gpt-5", body), twice;

    buf_append_byte(&once.out, '\0');
    twice = write_from(OPERATION_RESPONSE, "gpt-5", once.out.ptr);
    EXPECT_BODY(twice, once.out.ptr);
    buf_fini(&once.out);
}
