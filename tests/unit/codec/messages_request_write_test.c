/* SPDX-License-Identifier: ISC
 *
 * Requests for models of different families (protocols.md 7.2 - 7.6): each model gets what it
 * takes.
 */
#include "built_in.h"
#include "translate_run.h"
#include "translators.h"

/* A neutral request of one user's turn, "hi"; a test sets what it is about. */
struct fixture {
    struct neutral_request request;
    struct neutral_turn turns[4];
    struct neutral_part parts[8];
    struct neutral_tool tool;
    struct translate_target target;
    struct arena arena;
    struct buf out;
    struct translate_dropped dropped;
    struct refusal_reason why;
};

static struct fixture *
make(const char *model)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->request = (struct neutral_request){.turns = f->turns,
                                          .parts = f->parts,
                                          .n_turns = 1,
                                          .n_parts = 1,
                                          .n_choices = 1,
                                          .top_logprobs = -1,
                                          .max_tokens = 1000};
    f->turns[0] = (struct neutral_turn){.role = NEUTRAL_USER, .n_parts = 1};
    f->parts[0].text = SLICE_LIT("hi");
    f->tool = (struct neutral_tool){.name = SLICE_LIT("f")};
    f->target = (struct translate_target){.model = slice_str(model),
                                          .capability = built_in(slice_str(model))};
    arena_init(&f->arena, 1 << 20);
    buf_init(&f->out, 1 << 20);
    return f;
}

static int
write_out(struct fixture *f)
{
    buf_clear(&f->out);
    f->dropped = (struct translate_dropped){.len = 0};
    return messages_request_write(&f->request, &f->target, &f->arena, &f->out, &f->dropped,
                                  &f->why);
}

static bool
has(struct fixture *f, const char *text)
{
    return memmem(f->out.ptr, f->out.len, text, strlen(text)) != NULL;
}

#define EXPECT_HAS(f, text)                                                                        \
    cr_expect(has(f, text), "%.*s lacks %s", (int)(f)->out.len, (f)->out.ptr, text)
#define EXPECT_LACKS(f, text)                                                                      \
    cr_expect(!has(f, text), "%.*s has %s", (int)(f)->out.len, (f)->out.ptr, text)
#define EXPECT_DROPPED(f, text)                                                                    \
    cr_expect((f)->dropped.len == strlen(text) &&                                                  \
                  memcmp((f)->dropped.names, text, strlen(text)) == 0,                             \
              "dropped %.*s", (int)(f)->dropped.len, (f)->dropped.names)

static void
end(struct fixture *f)
{
    struct json_error error;
    enum json_type type;

    cr_expect(json_scan_value(buf_slice(&f->out), &type, &error) == 0, "%.*s", (int)f->out.len,
              f->out.ptr);
    arena_fini(&f->arena);
    buf_fini(&f->out);
    free(f);
}

/* One row: what is asked of a model, and what it is sent ("" = nothing of thinking). */
struct thinking_case {
    const char *model;
    enum neutral_effort effort;
    int64_t budget;
    bool is_adaptive;
    int64_t max_tokens;
    const char *sent;
};

Test(messages_request_write, asks_each_model_to_think_in_its_own_words)
{
    static const struct thinking_case cases[] = {
        {"claude-sonnet-4-6", NEUTRAL_EFFORT_UNSAID, 0, false, 1000, ""},
        {"claude-sonnet-4-6", NEUTRAL_EFFORT_HIGH, 0, false, 1000,
         "\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},\"output_config\":{"
         "\"effort\":"
         "\"high\"}"},
        {"claude-sonnet-4-6", NEUTRAL_EFFORT_MINIMAL, 0, false, 1000, "\"effort\":\"low\""},
        {"claude-sonnet-4-6", NEUTRAL_EFFORT_XHIGH, 0, false, 1000, "\"effort\":\"high\""},
        {"claude-opus-5", NEUTRAL_EFFORT_XHIGH, 0, false, 1000, "\"effort\":\"xhigh\""},
        {"claude-opus-5", NEUTRAL_EFFORT_MAX, 0, false, 1000, "\"effort\":\"max\""},
        {"claude-sonnet-4-6", NEUTRAL_EFFORT_UNSAID, 2048, false, 4000,
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048,"},
        {"claude-opus-5-5", NEUTRAL_EFFORT_UNSAID, 2048, false, 4000,
         "\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},\"output_config\":{"
         "\"effort\":"
         "\"medium\"}"},
        {"claude-sonnet-4-6", NEUTRAL_EFFORT_UNSAID, 0, true, 1000,
         "\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"}}"},
        {"claude-sonnet-4-6", NEUTRAL_EFFORT_NONE, 0, false, 1000,
         "\"thinking\":{\"type\":\"disabled\"}"},
        {"claude-opus-5-5", NEUTRAL_EFFORT_NONE, 0, false, 1000, ""},
        {"claude-haiku-4-5", NEUTRAL_EFFORT_NONE, 0, false, 1000, ""},
        {"claude-haiku-4-5", NEUTRAL_EFFORT_HIGH, 0, false, 20000,
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":16384}}"},
        {"claude-haiku-4-5", NEUTRAL_EFFORT_UNSAID, 0, true, 20000, "\"budget_tokens\":4096"},
        {"claude-haiku-4-5", NEUTRAL_EFFORT_UNSAID, 500, false, 20000, "\"budget_tokens\":1024"},
        {"claude-3-5-sonnet", NEUTRAL_EFFORT_HIGH, 0, false, 1000, ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = make(cases[i].model);

        f->request.effort = cases[i].effort;
        f->request.thinking_budget = cases[i].budget;
        f->request.is_thinking_adaptive = cases[i].is_adaptive;
        f->request.max_tokens = cases[i].max_tokens;
        f->request.wants_reasoning_text = true;
        cr_expect(write_out(f) == 0);
        if (cases[i].sent[0] != '\0')
            EXPECT_HAS(f, cases[i].sent);
        else
            EXPECT_LACKS(f, "thinking");
        end(f);
    }
}

Test(messages_request_write, makes_room_for_a_budget)
{
    struct fixture *f = make("claude-haiku-4-5");

    f->request.effort = NEUTRAL_EFFORT_HIGH;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"max_tokens\":17384");
    f->request.effort = NEUTRAL_EFFORT_MAX;
    f->target.max_output_tokens = 20000;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"max_tokens\":20000");
    EXPECT_HAS(f, "\"budget_tokens\":19999");
    f->target.max_output_tokens = 800;
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "budget_tokens");
    end(f);
}

Test(messages_request_write, says_how_long_an_answer_may_be)
{
    struct fixture *f = make("claude-haiku-4-5");

    f->request.max_tokens = 0;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"max_tokens\":8192");
    f->request.max_tokens = 128000;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"max_tokens\":64000");
    end(f);
}

Test(messages_request_write, sends_sampling_where_it_is_taken)
{
    struct fixture *f = make("claude-sonnet-4-5");

    f->request.temperature = SLICE_LIT("1.6");
    f->request.top_p = SLICE_LIT("0.90");
    f->request.top_k = SLICE_LIT("5");
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"temperature\":1,\"top_k\":5");
    EXPECT_DROPPED(f, "top_p");
    f->target.capability = built_in(SLICE_LIT("claude-opus-5"));
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "temperature");
    EXPECT_DROPPED(f, "temperature, top_p, top_k");
    f->target.capability = built_in(SLICE_LIT("claude-sonnet-4-6"));
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"temperature\":1,\"top_p\":0.90,\"top_k\":5");
    f->request.effort = NEUTRAL_EFFORT_LOW; /* thinking and sampling exclude each other */
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "temperature");
    end(f);
}

Test(messages_request_write, forces_a_tool_or_says_so)
{
    struct fixture *f = make("claude-sonnet-4-6");

    f->request.tools = &f->tool;
    f->request.n_tools = 1;
    f->request.choice = NEUTRAL_CHOICE_TOOL;
    f->request.choice_name = SLICE_LIT("f");
    f->request.effort = NEUTRAL_EFFORT_HIGH;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}");
    EXPECT_LACKS(f, "thinking");
    EXPECT_DROPPED(f, "reasoning_effort");
    f->target.capability = built_in(SLICE_LIT("claude-opus-5-5"));
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"tool_choice\":{\"type\":\"auto\"}");
    EXPECT_HAS(f, "\"system\":[{\"type\":\"text\",\"text\":\"You must call a tool (f).\"}]");
    EXPECT_HAS(f, "\"thinking\":{\"type\":\"adaptive\"");
    f->request.choice = NEUTRAL_CHOICE_REQUIRED;
    f->request.parallel_tools = NEUTRAL_NO;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}");
    EXPECT_HAS(f, "You must call a tool.");
    f->request.choice = NEUTRAL_CHOICE_NONE;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"tool_choice\":{\"type\":\"none\"}");
    end(f);
}

Test(messages_request_write, declares_tools_as_objects)
{
    static const char *const schemas[][2] = {
        {"", "{\"type\":\"object\",\"properties\":{}}"},
        {"{}", "{\"type\":\"object\",\"properties\":{}}"},
        {"{\n }", "{\"type\":\"object\",\"properties\":{}}"},
        {"{\"properties\":{}}", "{\"type\":\"object\",\"properties\":{}}"},
        {"{\"type\":\"object\",\"x\":1.0}", "{\"properties\":{},\"type\":\"object\",\"x\":1.0}"},
    };
    struct fixture *f = make("claude-sonnet-4-6");
    char expected[200];

    f->request.tools = &f->tool;
    f->request.n_tools = 1;
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        f->tool.schema = slice_str(schemas[i][0]);
        cr_expect(write_out(f) == 0);
        snprintf(expected, sizeof(expected), "\"input_schema\":%s}]", schemas[i][1]);
        EXPECT_HAS(f, expected);
    }
    f->tool.kind = NEUTRAL_CUSTOM;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"properties\":{\"input\":{\"type\":\"string\"}}");
    f->tool.kind = NEUTRAL_SERVER_TOOL; /* of another protocol */
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "tools");
    EXPECT_DROPPED(f, "tools.f");
    f->request.choice = NEUTRAL_CHOICE_REQUIRED;
    cr_expect(write_out(f) == ERR_UNSUPPORTED_PARAMETER);
    buf_clear(&f->out);
    buf_append_str(&f->out, "{}");
    end(f);
}

Test(messages_request_write, keeps_the_last_four_breakpoints)
{
    struct fixture *f = make("claude-sonnet-4-6");

    f->request.tools = &f->tool;
    f->request.n_tools = 1;
    f->tool.cache_control = SLICE_LIT("{\"t\":0}");
    for (uint32_t i = 0; i < 5; i++)
        f->parts[i] =
            (struct neutral_part){.text = SLICE_LIT("x"), .cache_control = SLICE_LIT("{\"p\":1}")};
    f->parts[1].text = SLICE_LIT(" "); /* left out, and its breakpoint with it */
    f->turns[0].n_parts = f->request.n_parts = 5;
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "{\"t\":0}");
    f->parts[4].cache_control.len = 0;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "{\"t\":0}");
    f->request.cache_control = SLICE_LIT("{\"top\":1}");
    f->parts[4].cache_control.len = 7;
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "{\"t\":0}");
    EXPECT_HAS(f, "\"cache_control\":{\"top\":1}");
    end(f);
}

Test(messages_request_write, wraps_late_instructions_where_they_are_not_taken)
{
    struct fixture *f = make("claude-opus-5");

    f->turns[1] = (struct neutral_turn){.role = NEUTRAL_SYSTEM, .first_part = 1, .n_parts = 1};
    f->parts[1].text = SLICE_LIT("late");
    f->request.n_turns = f->request.n_parts = 2;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"late\"}]}");
    f->target.capability = built_in(SLICE_LIT("claude-sonnet-4-6"));
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f,
               "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"},"
               "{\"type\":\"text\",\"text\":\"<system>late</system>\"}]}]");
    end(f);
}

/* Reasoning of others is left out, also when nothing of a turn is left; its neighbours meet. */
Test(messages_request_write, sends_only_reasoning_that_anthropic_signed)
{
    struct fixture *f = make("claude-sonnet-4-6");

    for (uint32_t i = 0; i < 3; i++)
        f->turns[i] = (struct neutral_turn){
            .role = i == 1 ? NEUTRAL_ASSISTANT : NEUTRAL_USER, .first_part = i, .n_parts = 1};
    f->parts[1] = (struct neutral_part){.kind = NEUTRAL_REASONING,
                                        .origin = NEUTRAL_ORIGIN_GEMINI,
                                        .text = SLICE_LIT("t"),
                                        .state = SLICE_LIT("s")};
    f->parts[2].text = SLICE_LIT("again");
    f->request.n_turns = f->request.n_parts = 3;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f,
               "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"},"
               "{\"type\":\"text\",\"text\":\"again\"}]}]");
    f->parts[1].origin = NEUTRAL_ORIGIN_ANTHROPIC;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"s\"}");
    end(f);
}

/* An open tool loop without its thinking: this one request goes without. */
Test(messages_request_write, does_not_think_in_a_loop_that_lost_its_thinking)
{
    struct fixture *f = make("claude-haiku-4-5");

    for (uint32_t i = 0; i < 3; i++)
        f->turns[i] = (struct neutral_turn){
            .role = i == 1 ? NEUTRAL_ASSISTANT : NEUTRAL_USER, .first_part = i, .n_parts = 1};
    f->parts[1] =
        (struct neutral_part){.kind = NEUTRAL_CALL, .id = SLICE_LIT("a.b"), .name = SLICE_LIT("f")};
    f->parts[2] = (struct neutral_part){
        .kind = NEUTRAL_RESULT, .id = SLICE_LIT("a.b"), .text = SLICE_LIT("r")};
    f->request.n_turns = f->request.n_parts = 3;
    f->request.effort = NEUTRAL_EFFORT_LOW;
    f->request.max_tokens = 4000;
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "\"thinking\"");
    EXPECT_DROPPED(f, "reasoning_effort");
    EXPECT_HAS(f, "{\"type\":\"tool_use\",\"id\":\"a_b\",\"name\":\"f\",\"input\":{}}");
    EXPECT_HAS(f, "{\"type\":\"tool_result\",\"tool_use_id\":\"a_b\",\"content\":\"r\"}");
    f->turns[1] = (struct neutral_turn){.role = NEUTRAL_ASSISTANT, .first_part = 3, .n_parts = 2};
    f->parts[3] = (struct neutral_part){
        .kind = NEUTRAL_REASONING, .origin = NEUTRAL_ORIGIN_ANTHROPIC, .state = SLICE_LIT("s")};
    f->parts[4] = f->parts[1];
    f->request.n_parts = 5;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"budget_tokens\":1024");
    end(f);
}

Test(messages_request_write, trims_what_the_answer_is_to_begin_with)
{
    struct fixture *f = make("claude-sonnet-4-6");

    f->turns[1] = (struct neutral_turn){.role = NEUTRAL_ASSISTANT, .first_part = 1, .n_parts = 1};
    f->parts[1].text = SLICE_LIT("So\\\\n \\n ");
    f->request.n_turns = f->request.n_parts = 2;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"text\":\"So\\\\n\"}");
    end(f);
}

Test(messages_request_write, carries_files_of_each_kind)
{
    struct fixture *f = make("claude-sonnet-4-6");

    f->parts[0] = (struct neutral_part){.kind = NEUTRAL_FILE,
                                        .media_type = SLICE_LIT("text/csv"),
                                        .name = SLICE_LIT("a.csv"),
                                        .data = SLICE_LIT("YSwiYiIKPz8\\/")};
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":"
                  "\"a,\\\"b\\\"\\n\?\?\?\"},\"title\":\"a.csv\"");
    f->parts[0] = (struct neutral_part){.kind = NEUTRAL_FILE, .data = SLICE_LIT("JVBE")};
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "\"media_type\":\"application/pdf\",\"data\":\"JVBE\"");
    f->parts[0].source = NEUTRAL_ID;
    cr_expect(write_out(f) == ERR_UNSUPPORTED_PARAMETER);
    f->parts[0] = (struct neutral_part){.kind = NEUTRAL_AUDIO, .data = SLICE_LIT("AA")};
    cr_expect(write_out(f) == ERR_UNSUPPORTED_PARAMETER);
    end(f);
}

Test(messages_request_write, says_what_it_drops)
{
    struct fixture *f = make("claude-sonnet-4-6");

    f->request.seed = f->request.logit_bias = f->request.verbosity = SLICE_LIT("1");
    f->request.wants_logprobs = true;
    f->request.service_tier = SLICE_LIT("flex");
    f->request.stops[0] = SLICE_LIT("\\n\\t ");
    f->request.stops[1] = SLICE_LIT("E");
    f->request.n_stops = 2;
    cr_expect(write_out(f) == 0);
    EXPECT_DROPPED(f, "service_tier, seed, logit_bias, logprobs, verbosity");
    EXPECT_HAS(f, "\"stop_sequences\":[\"E\"]");
    f->request.n_choices = 2;
    cr_expect(write_out(f) == ERR_UNSUPPORTED_PARAMETER);
    cr_expect_str_eq(f->why.param, "n");
    buf_append_str(&f->out, "{}");
    end(f);
}

Test(messages_request_write, hashes_a_long_user)
{
    struct fixture *f = make("claude-sonnet-4-6");
    char user[300];

    memset(user, 'u', sizeof(user));
    f->request.user = slice_of(user, 256);
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "uuuu");
    f->request.user = slice_of(user, 257);
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "uuuu");
    EXPECT_HAS(f, "\"metadata\":{\"user_id\":\"");
    end(f);
}

Test(messages_request_write, cleans_the_schema_of_an_answer)
{
    struct fixture *f = make("claude-sonnet-4-6");

    f->request.format = NEUTRAL_FORMAT_SCHEMA;
    f->request.format_schema = SLICE_LIT(
        "{\"$schema\":\"x\",\"type\":\"object\",\"properties\":{\"pattern\":{\"type\":\"string\","
        "\"pattern\":\"^a\",\"format\":\"date\"},\"minimum\":{\"type\":[\"number\",\"null\"],"
        "\"minimum\":1,"
        "\"default\":1.50},\"l\":{\"type\":\"array\",\"items\":{\"oneOf\":[{\"type\":\"string\","
        "\"format\":\"phone\"},{\"$ref\":\"#/$defs/"
        "d\"}]},\"maxItems\":3}},\"$defs\":{\"d\":{\"properties\":{},"
        "\"additionalProperties\":true}},\"required\":[\"l\"]}");
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(
        f,
        "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\","
        "\"properties\":{\"pattern\":{\"type\":\"string\",\"format\":\"date\"},\"minimum\":{"
        "\"type\":"
        "[\"number\",\"null\"],\"default\":1.50},\"l\":{\"type\":\"array\",\"items\":{\"anyOf\":["
        "{\"type\":\"string\"},{\"$ref\":\"#/$defs/d\"}]}}},\"$defs\":{\"d\":{\"properties\":{},"
        "\"additionalProperties\":false}},\"required\":[\"l\"],\"additionalProperties\":false}}}");
    f->target.capability = built_in(SLICE_LIT("claude-opus-4-0"));
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "output_config");
    EXPECT_HAS(f, "valid by this JSON Schema: {\\\"$schema\\\"");
    f->request.format = NEUTRAL_FORMAT_JSON;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, "Answer with one JSON object only.");
    end(f);
}

/* Said once more to its own API, a request has its tools as they were. */
Test(messages_request_write, keeps_what_only_this_api_says_of_a_tool)
{
    static const char tool[] = "{\"name\":\"f\",\"defer_loading\":true,\"input_schema\":{\"type\":"
                               "\"object\"},\"strict\":true}";
    struct fixture *f = make("claude-sonnet-4-6");

    f->request.tools = &f->tool;
    f->request.n_tools = 1;
    f->tool.json = slice_str(tool);
    f->tool.strict = NEUTRAL_YES;
    f->request.protocol = PROTOCOL_ANTHROPIC_MESSAGES;
    cr_expect(write_out(f) == 0);
    EXPECT_HAS(f, tool);
    f->request.protocol = PROTOCOL_OPENAI_CHAT;
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "defer_loading");
    f->request.protocol = PROTOCOL_ANTHROPIC_MESSAGES;
    f->target.capability = built_in(SLICE_LIT("claude-3-5-sonnet"));
    cr_expect(write_out(f) == 0);
    EXPECT_LACKS(f, "strict");
    end(f);
}
