/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

#include "relayos/codec/carrier.h"
#include "translators.h"

struct read {
    struct arena arena;
    struct neutral_request request;
    struct refusal_reason why;
    int err;
    char digest[8192]; /* of the turns */
};

static void
say(struct read *read, const char *format, ...)
{
    const size_t len = strlen(read->digest);
    va_list args;

    va_start(args, format);
    vsnprintf(read->digest + len, sizeof(read->digest) - len, format, args);
    va_end(args);
}

#define S(slice) (int)(slice).len, (slice).ptr

static void
say_part(struct read *read, const struct neutral_part *part)
{
    static const char *const sources[] = {"inline", "url", "id"};

    switch (part->kind) {
    case NEUTRAL_TEXT:
        say(read, " '%.*s'", S(part->text));
        break;
    case NEUTRAL_IMAGE:
    case NEUTRAL_FILE:
    case NEUTRAL_AUDIO:
        say(read, " %s[%s %.*s %.*s %.*s%.*s]",
            part->kind == NEUTRAL_IMAGE  ? "image"
            : part->kind == NEUTRAL_FILE ? "file"
                                         : "audio",
            sources[part->source], S(part->media_type), S(part->data), S(part->detail),
            S(part->name));
        break;
    case NEUTRAL_CALL:
        say(read, " %s(%.*s %.*s %.*s)", part->is_custom ? "custom" : "call", S(part->id),
            S(part->name), S(part->input));
        break;
    case NEUTRAL_RESULT:
        say(read, " %s(%.*s '%.*s'", part->is_custom ? "custom-result" : "result", S(part->id),
            S(part->text));
        for (uint32_t i = 0; i < part->n_children; i++)
            say_part(read, &read->request.parts[part->first_child + i]);
        say(read, ")");
        break;
    case NEUTRAL_REASONING:
        say(read, " reasoning(%.*s '%.*s' %d:%.*s)", S(part->id), S(part->text), part->origin,
            S(part->state));
        break;
    case NEUTRAL_REFUSAL:
        say(read, " refusal '%.*s'", S(part->text));
        break;
    case NEUTRAL_FOREIGN:
        say(read, " foreign");
        break;
    }
}

static struct read *
read_body(const char *body)
{
    static struct read read;
    static const char roles[] = "SUA";

    if (read.arena.blocks != NULL)
        arena_fini(&read.arena);
    read = (struct read){0};
    arena_init(&read.arena, 1 << 20);
    read.err = responses_request_read(OPERATION_RESPONSE, slice_str(body), &read.arena,
                                      &read.request, &read.why);
    if (read.err == 0)
        carrier_open(&read.request, NULL, 0, &read.arena);
    for (uint32_t i = 0; read.err == 0 && i < read.request.n_turns; i++) {
        const struct neutral_turn *turn = &read.request.turns[i];

        say(&read, "%c%s:", roles[turn->role], turn->is_developer ? "d" : "");
        for (uint32_t j = 0; j < turn->n_parts; j++)
            say_part(&read, &read.request.parts[turn->first_part + j]);
        say(&read, "\n");
    }
    return &read;
}

#define EXPECT_TURNS(items, expected)                                                              \
    do {                                                                                           \
        const struct read *read = read_body("{\"model\":\"m\",\"input\":" items "}");              \
        cr_expect_eq(read->err, 0, "%s", read->why.detail);                                        \
        cr_expect_str_eq(read->digest, expected);                                                  \
    } while (0)

#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define CALL(id)                                                                                   \
    "{\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"f\",\"arguments\":\"{}\"}"
#define OUTPUT(id, text)                                                                           \
    "{\"type\":\"function_call_output\",\"call_id\":\"" id "\",\"output\":\"" text "\"}"

Test(responses_request, a_string_is_what_the_user_says)
{
    EXPECT_TURNS("\"hi \\\"you\\\"\"", "U: 'hi \\\"you\\\"'\n");
}

Test(responses_request, what_an_assistant_did_between_two_inputs_is_one_turn)
{
    EXPECT_TURNS(
        "[" USER("go") ",{\"type\":\"message\",\"role\":\"assistant\",\"id\":\"msg_1\","
                       "\"content\":[{\"type\":\"output_text\",\"text\":\"First.\",\"annotations\":"
                       "[]}]}," CALL("a") ",{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],"
                                          "\"encrypted_content\":\"xyz\"}," CALL("b") "," OUTPUT(
                                              "b", "B") "," OUTPUT("a", "A") "," USER("more") "]",
        "U: 'go'\nA: 'First.' call(a f {}) reasoning(rs_1 '' 3:xyz) call(b f {})\n"
        "U: result(a 'A') result(b 'B') 'more'\n");
}

Test(responses_request, what_runs_at_openai_keeps_its_place)
{
    EXPECT_TURNS(
        "[" USER("go") ",{\"type\":\"web_search_call\",\"id\":\"ws_1\"}," CALL(
            "a") ",{\"type\":\"computer_call_output\",\"call_id\":\"x\",\"output\":{}},"
                 "{\"type\":\"compaction\",\"encrypted_content\":\"q\"}," OUTPUT("a", "A") "]",
        "U: 'go'\nA: foreign call(a f {}) foreign foreign\nU: result(a 'A')\n");
}

Test(responses_request, instructions_stand_before_developers)
{
    const struct read *read =
        read_body("{\"instructions\":\"One.\",\"input\":[{\"type\":\"message\",\"role\":"
                  "\"developer\",\"content\":[{\"type\":\"input_text\",\"text\":\"Two.\"}]}," USER(
                      "hi") ",{\"role\":\"system\",\"content\":\"Three.\"}]}");

    cr_expect_str_eq(read->digest, "S: 'One.'\nSd: 'Two.'\nU: 'hi'\nS: 'Three.'\n");
}

Test(responses_request, arguments_are_objects_whatever_they_were)
{
    EXPECT_TURNS(
        "[" USER(
            "go") ",{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"f\",\"arguments\":"
                  "\"{\\\"x\\\": 1.50}\"},{\"type\":\"function_call\",\"call_id\":\"b\",\"name\":"
                  "\"f\",\"arguments\":\"\"},{\"type\":\"function_call\",\"call_id\":\"c\","
                  "\"name\":\"f\",\"arguments\":\"{bro\"}," OUTPUT("a", "") "," OUTPUT(
                      "b", "") "," OUTPUT("c", "") "]",
        "U: 'go'\nA: call(a f {\"x\": 1.50}) call(b f {}) call(c f {\"_raw\":\"{bro\"})\n"
        "U: result(a '') result(b '') result(c '')\n");
}

Test(responses_request, parts_of_all_kinds)
{
    EXPECT_TURNS(
        "[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"see\"},"
        "{\"type\":\"input_image\",\"image_url\":\"data:image/"
        "png;base64,iVBO\",\"detail\":\"low\"},"
        "{\"type\":\"input_image\",\"image_url\":\"https://x.test/a.png\"},"
        "{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":"
        "\"data:application/pdf;base64,JVBE\"},"
        "{\"type\":\"input_file\",\"filename\":\"b.pdf\",\"file_data\":\"JVBE\"},"
        "{\"type\":\"input_file\",\"file_url\":\"https://x.test/c.pdf\"},"
        "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklG\",\"format\":\"wav\"}}]}]",
        "U: 'see' image[inline image/png iVBO low] image[url  https://x.test/a.png ]"
        " file[inline application/pdf JVBE a.pdf] file[inline application/pdf JVBE b.pdf]"
        " file[url  https://x.test/c.pdf ] audio[inline audio/wav UklG ]\n");
}

Test(responses_request, outputs_may_be_parts)
{
    EXPECT_TURNS(
        "[" USER("go") "," CALL("a") "," CALL(
            "b") ",{\"type\":\"function_call_output\",\"call_id\":\"a\",\"output\":[{\"type\":"
                 "\"input_text\",\"text\":\"only\"}]},{\"type\":\"function_call_output\",\"call_"
                 "id\":\"b\","
                 "\"output\":[{\"type\":\"input_text\",\"text\":\"map\"},{\"type\":\"input_image\","
                 "\"image_url\":\"data:image/png;base64,iVBO\"}]}]",
        "U: 'go'\nA: call(a f {}) call(b f {})\n"
        "U: result(a 'only') result(b '' 'map' image[inline image/png iVBO ])\n");
}

Test(responses_request, custom_calls_hold_text)
{
    EXPECT_TURNS(
        "[" USER(
            "go") ",{\"type\":\"custom_tool_call\",\"call_id\":\"a\",\"name\":\"apply_patch\","
                  "\"input\":\"*** Begin\\n\"},{\"type\":\"custom_tool_call_output\",\"call_id\":"
                  "\"a\",\"output\":\"Done\"}]",
        "U: 'go'\nA: custom(a apply_patch *** Begin\\n)\nU: custom-result(a 'Done')\n");
}

Test(responses_request, reasoning_brings_its_state)
{
    EXPECT_TURNS(
        "[" USER(
            "go") ",{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_"
                  "text\","
                  "\"text\":\"A.\"},{\"type\":\"summary_text\",\"text\":\"B.\"}],\"content\":null,"
                  "\"encrypted_content\":\"enc\"}," CALL("a") "," OUTPUT("a", "A") "]",
        "U: 'go'\nA: reasoning(rs_1 'A.\\n\\nB.' 3:enc) call(a f {})\nU: result(a 'A')\n");
}

Test(responses_request, a_carrier_is_what_it_carries)
{
    EXPECT_TURNS(
        "[" USER(
            "go") ",{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":"
                  "\"relay1.ant."
                  "W3sidHlwZSI6InRoaW5raW5nIiwidGhpbmtpbmciOiJOZWVkIHRoZSB0aWRlLiIsInNp"
                  "Z25hdHVyZSI6IlFXNTBVMmxuIn1d\"}," CALL("a") "," OUTPUT("a", "A") "]",
        "U: 'go'\nA: reasoning(rs_1 'Need the tide.' 1:QW50U2ln) call(a f {})\n"
        "U: result(a 'A')\n");
}

/* ---- tools ---- */

static const char *
tools_of(const struct read *read)
{
    static char text[2048];
    static const char kinds[] = "FCS";
    size_t len = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < read->request.n_tools; i++) {
        const struct neutral_tool *tool = &read->request.tools[i];

        len += (size_t)snprintf(text + len, sizeof(text) - len, "%c %.*s/%u %.*s %d %.*s\n",
                                kinds[tool->kind], S(tool->name), tool->namespace_len,
                                S(tool->schema), tool->strict, S(tool->json));
    }
    return text;
}

#define TOOLS                                                                                      \
    "\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\"},"       \
    "\"strict\":false},{\"type\":\"custom\",\"name\":\"patch\",\"format\":{\"type\":\"text\"}},"   \
    "{\"type\":\"namespace\",\"name\":\"mcp__git\",\"tools\":[{\"type\":\"function\",\"name\":"    \
    "\"log\"}]},{\"type\":\"web_search\"},{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]"

Test(responses_request, tools_of_all_kinds)
{
    const struct read *read = read_body("{\"input\":\"x\"," TOOLS "}");

    cr_expect_str_eq(tools_of(read), "F f/0 {\"type\":\"object\"} 1 \n"
                                     "C patch/0  0 {\"type\":\"text\"}\n"
                                     "F mcp__git__log/8  0 \n"
                                     "S web_search/0  0 {\"type\":\"web_search\"}\n"
                                     "F g/0  0 \n");
}

Test(responses_request, calls_of_a_namespace_have_its_name)
{
    EXPECT_TURNS(
        "[" USER("go") ",{\"type\":\"function_call\",\"call_id\":\"a\",\"namespace\":\"mcp__git\","
                       "\"name\":\"log\",\"arguments\":\"{}\"}," OUTPUT("a", "A") "]",
        "U: 'go'\nA: call(a mcp__git__log {})\nU: result(a 'A')\n");
}

Test(responses_request, only_allowed_tools_are_left)
{
    const struct read *read = read_body(
        "{\"input\":\"x\"," TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":"
        "\"required\",\"tools\":[{\"type\":\"function\",\"name\":\"g\"},{\"type\":\"custom\","
        "\"name\":\"patch\"}]}}");

    cr_expect_eq(read->request.choice, NEUTRAL_CHOICE_REQUIRED);
    cr_expect_str_eq(tools_of(read), "C patch/0  0 {\"type\":\"text\"}\nF g/0  0 \n");
}

Test(responses_request, the_choice_of_a_tool)
{
    const struct read *read =
        read_body("{\"input\":\"x\"," TOOLS ",\"tool_choice\":{\"type\":\"function\",\"namespace\":"
                  "\"mcp__git\",\"name\":\"log\"},\"parallel_tool_calls\":false}");

    cr_expect_eq(read->request.choice, NEUTRAL_CHOICE_TOOL);
    cr_expect(slice_eq_str(read->request.choice_name, "mcp__git__log"));
    cr_expect_eq(read->request.parallel_tools, NEUTRAL_NO);
    read = read_body("{\"input\":\"x\"," TOOLS ",\"tool_choice\":\"required\"}");
    cr_expect_eq(read->request.choice, NEUTRAL_CHOICE_REQUIRED);
    read = read_body("{\"input\":\"x\"," TOOLS ",\"tool_choice\":null}");
    cr_expect_eq(read->request.choice, NEUTRAL_CHOICE_UNSAID);
}

/* ---- what tunes ---- */

Test(responses_request, fields_are_read)
{
    const struct read *read = read_body(
        "{\"input\":\"x\",\"stream\":true,\"max_output_tokens\":64,\"temperature\":0.70,"
        "\"top_p\":null,\"reasoning\":{\"effort\":\"xhigh\",\"summary\":\"detailed\"},"
        "\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":\"json_schema\",\"name\":\"t\","
        "\"schema\":{\"type\":\"object\"},\"strict\":true}},\"safety_identifier\":\"u1\","
        "\"prompt_cache_key\":\"k\",\"service_tier\":\"flex\",\"metadata\":{\"a\":\"b\"},"
        "\"store\":true,\"include\":[\"reasoning.encrypted_content\"],\"truncation\":\"auto\","
        "\"client_metadata\":{},\"previous_response_id\":null,\"background\":false}");
    const struct neutral_request *request = &read->request;

    cr_assert_eq(read->err, 0);
    cr_expect(request->is_stream && request->wants_usage && request->wants_reasoning_text);
    cr_expect_eq(request->max_tokens, 64);
    cr_expect(slice_eq_str(request->temperature, "0.70"));
    cr_expect_eq(request->top_p.len, 0);
    cr_expect_eq(request->effort, NEUTRAL_EFFORT_XHIGH);
    cr_expect_eq(request->format, NEUTRAL_FORMAT_SCHEMA);
    cr_expect(slice_eq_str(request->format_name, "t"));
    cr_expect(slice_eq_str(request->format_schema, "{\"type\":\"object\"}"));
    cr_expect_eq(request->format_strict, NEUTRAL_YES);
    cr_expect(slice_eq_str(request->verbosity, "low"));
    cr_expect(slice_eq_str(request->user, "u1"));
    cr_expect(slice_eq_str(request->cache_key, "k"));
    cr_expect(slice_eq_str(request->service_tier, "flex"));
    cr_expect(slice_eq_str(request->metadata, "{\"a\":\"b\"}"));
    cr_expect_eq(request->protocol, PROTOCOL_OPENAI_RESPONSES);
}

/* ---- refusals ---- */

static void
expect_refusal(const char *body, int err, const char *param)
{
    const struct read *read = read_body(body);

    cr_expect_eq(read->err, err, "%s", body);
    cr_expect_str_eq(read->why.param, param, "%s", body);
}

Test(responses_request, state_kept_upstream_is_refused)
{
    const int err = ERR_UNSUPPORTED_PARAMETER;

    expect_refusal("{\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]}", err, "input");
    expect_refusal("{\"input\":[{\"id\":\"msg_1\"}]}", err, "input");
}

Test(responses_request, what_cannot_be_meant_is_refused)
{
    const int err = ERR_INVALID_REQUEST;

    expect_refusal("{\"input\":7}", err, "input");
    expect_refusal("{\"input\":[7]}", err, "input");
    expect_refusal("{\"input\":[{\"type\":\"message\",\"content\":\"x\"}]}", err, "input");
    expect_refusal("{\"input\":[{\"role\":\"robot\",\"content\":\"x\"}]}", err, "input");
    expect_refusal("{\"input\":[{\"role\":\"user\",\"content\":[\"x\"]}]}", err, "input");
    expect_refusal("{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"video\"}]}]}", err,
                   "input");
    expect_refusal("{\"input\":\"x\",\"tools\":[{\"type\":\"function\"}]}", err, "tools");
    expect_refusal("{\"input\":\"x\",\"tools\":{}}", err, "tools");
    expect_refusal("{\"input\":\"x\",\"tool_choice\":\"maybe\"}", err, "tool_choice");
    expect_refusal("{\"input\":\"x\",\"reasoning\":{\"effort\":\"huge\"}}", err,
                   "reasoning.effort");
    expect_refusal("{\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\"}}}", err,
                   "text.format");
}

Test(responses_request, a_tool_of_openai_cannot_be_forced_elsewhere)
{
    const int err = ERR_UNSUPPORTED_PARAMETER;

    expect_refusal("{\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"}],\"tool_choice\":"
                   "\"required\"}",
                   err, "tool_choice");
    expect_refusal("{\"input\":\"x\"," TOOLS ",\"tool_choice\":{\"type\":\"web_search\"}}", err,
                   "tool_choice");
}

/* Each cut of a body either reads or is refused; nothing is looked at beyond its end. */
Test(responses_request, any_prefix_is_survived)
{
    static const char body[] = "{\"input\":[" USER("go") "," CALL("a") "," OUTPUT(
        "a", "x") "]," TOOLS ",\"reasoning\":{\"effort\":\"low\"}}";

    for (size_t len = 0; len < sizeof(body); len++) {
        char *cut = strndup(body, len);

        read_body(cut);
        free(cut);
    }
}
