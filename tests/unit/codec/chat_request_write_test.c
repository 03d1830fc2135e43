/* SPDX-License-Identifier: ISC
 *
 * What chat upstreams are sent, OpenAI's own and those that know less.
 */
#include "built_in.h"
#include "translate_run.h"
#include "translators.h"

/* A request of a client's, as chat upstreams get it for a model. */
static struct translate_run
run(enum operation operation, const char *model, const char *body)
{
    struct translate_run r = {
        .operation = operation,
        .upstream = PROTOCOL_OPENAI_CHAT,
        .model = slice_str(model),
        .flavor = model[0] == 'g' || model[0] == 'o' ? FLAVOR_OPENAI : FLAVOR_COMPATIBLE,
    };

    run_request(&r, slice_str(body));
    buf_append_byte(&r.written, '\0');
    return r;
}

static void
expect_dropped(const struct translate_run *r, const char *names)
{
    cr_expect(slice_eq_str(slice_of(r->dropped.names, r->dropped.len), names), "dropped %.*s",
              (int)r->dropped.len, r->dropped.names);
}

#define USER     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define FUNCTION "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"
#define EXPECT(r, text)                                                                            \
    cr_expect(strstr((r).written.ptr, text) != NULL, "%s\nnot in\n%s", text, (r).written.ptr)
#define EXPECT_NOT(r, text)                                                                        \
    cr_expect(strstr((r).written.ptr, text) == NULL, "%s\nin\n%s", text, (r).written.ptr)

Test(chat_request_write, sends_openai_its_own_words)
{
    struct translate_run r =
        run(OPERATION_CHAT, "gpt-5.6",
            "{\"messages\":[{\"role\":\"system\",\"content\":\"a\"},{\"role\":\"user\",\"content\":"
            "\"hi\"}],\"max_tokens\":999999,\"temperature\":1,\"stop\":\"x\",\"stream\":true,"
            "\"reasoning_effort\":\"max\",\"verbosity\":\"low\",\"prompt_cache_key\":\"k\"}");

    cr_assert_eq(r.err, 0);
    cr_expect_str_eq(
        r.written.ptr,
        "{\"model\":\"gpt-5.6\",\"messages\":[{\"role\":\"developer\",\"content\":\"a\"},"
        "{\"role\":\"user\",\"content\":\"hi\"}],\"max_completion_tokens\":128000,"
        "\"reasoning_effort\":\"xhigh\",\"prompt_cache_key\":\"k\",\"verbosity\":\"low\","
        "\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    expect_dropped(&r, "temperature, stop");
    run_end(&r);
}

Test(chat_request_write, sends_others_only_what_all_know)
{
    struct translate_run r =
        run(OPERATION_CHAT, "llama-4",
            "{\"messages\":[{\"role\":\"developer\",\"content\":\"a\"},{\"role\":\"user\","
            "\"content\":\"hi\"}],\"max_completion_tokens\":50,\"temperature\":0.70,\"top_k\":4,"
            "\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"],\"reasoning_effort\":\"high\","
            "\"verbosity\":\"low\",\"metadata\":{\"a\":\"b\"},\"seed\":3}");

    cr_assert_eq(r.err, 0);
    cr_expect_str_eq(r.written.ptr,
                     "{\"model\":\"llama-4\",\"messages\":[{\"role\":\"system\",\"content\":\"a\"},"
                     "{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":50,"
                     "\"temperature\":0.70,\"seed\":3,\"stop\":[\"1\",\"2\",\"3\",\"4\"]}");
    expect_dropped(&r, "top_k, stop, reasoning_effort, verbosity, metadata");
    run_end(&r);
}

Test(chat_request_write, gives_each_model_the_effort_it_knows)
{
    static const struct {
        const char *model, *effort, *want;
    } cases[] = {
        {"gpt-5", "minimal", "\"reasoning_effort\":\"minimal\""},
        {"gpt-5.2", "minimal", "\"reasoning_effort\":\"low\""},
        {"o3", "minimal", "\"reasoning_effort\":\"low\""},
        {"o3", "xhigh", "\"reasoning_effort\":\"high\""},
        {"gpt-5.1", "none", "\"reasoning_effort\":\"none\""},
        {"gpt-5", "none", NULL},
        {"gpt-4.1", "high", NULL},
        {"deepseek-reasoner", "medium", "\"reasoning_effort\":\"medium\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[256];

        snprintf(body, sizeof(body), "{" USER ",\"reasoning_effort\":\"%s\"}", cases[i].effort);
        struct translate_run r = run(OPERATION_CHAT, cases[i].model, body);
        cr_assert_eq(r.err, 0);
        if (cases[i].want == NULL)
            EXPECT_NOT(r, "reasoning_effort");
        else
            EXPECT(r, cases[i].want);
        run_end(&r);
    }
}

Test(chat_request_write, takes_sampling_of_a_model_that_is_told_not_to_reason)
{
    struct translate_run r = run(OPERATION_CHAT, "gpt-5.1",
                                 "{" USER ",\"temperature\":0.2,\"reasoning_effort\":\"none\"}");

    EXPECT(r, "\"temperature\":0.2");
    run_end(&r);
}

Test(chat_request_write, moves_media_of_results_behind_them)
{
    struct translate_run r = run(
        OPERATION_MESSAGE, "gpt-4.1",
        "{\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\","
        "\"input\":{ \"a\" : 1.0 }}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
        "\"tool_use_id\":\"c\",\"is_error\":true,\"content\":[{\"type\":\"image\",\"source\":{"
        "\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AA\"}},{\"type\":\"text\","
        "\"text\":\"bad\"}]}]}]}");

    cr_assert_eq(r.err, 0);
    EXPECT(r, "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":"
              "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1.0}\"}}]},"
              "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":"
              "\"Error: [image: attached below]\\nbad\"},{\"role\":\"user\",\"content\":["
              "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AA\"}}]}");
    run_end(&r);
}

Test(chat_request_write, shows_text_files_as_text_and_keeps_documents)
{
    struct translate_run r = run(
        OPERATION_CHAT, "gpt-4.1",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":"
        "\"a.txt\",\"file_data\":\"data:text/plain;base64,c2FpbCAiYXQiIGRhd24=\"}},"
        "{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,JV\"}}]}]}");

    cr_assert_eq(r.err, 0);
    EXPECT(r, "{\"type\":\"text\",\"text\":\"a.txt:\\nsail \\\"at\\\" dawn\"}");
    EXPECT(r, "{\"type\":\"file\",\"file\":{\"filename\":\"document.pdf\",\"file_data\":"
              "\"data:application/pdf;base64,JV\"}}");
    run_end(&r);
}

Test(chat_request_write, gives_custom_tools_to_those_that_know_them)
{
    const char *body =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
        "\"tool_calls\":[{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"input\":"
        "\"x\\ny\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"ok\"}],"
        "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"format\":{\"type\":"
        "\"grammar\",\"grammar\":{\"definition\":\"d\",\"syntax\":\"lark\"}}}}],"
        "\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"p\"}}}";
    struct translate_run r = run(OPERATION_CHAT, "gpt-5", body);

    cr_assert_eq(r.err, 0);
    EXPECT(r, "{\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"format\":{\"type\":\"grammar\","
              "\"grammar\":{\"definition\":\"d\",\"syntax\":\"lark\"}}}}");
    EXPECT(r, "\"custom\":{\"name\":\"p\",\"input\":\"x\\ny\"}");
    EXPECT(r, "\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"p\"}}");
    run_end(&r);
    r = run(OPERATION_CHAT, "llama-4", body);
    EXPECT(r, "\"parameters\":{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\","
              "\"description\":\"d\"}},\"required\":[\"input\"]}");
    EXPECT(r, "\"arguments\":\"{\\\"input\\\":\\\"x\\\\ny\\\"}\"");
    EXPECT(r, "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"p\"}}");
    run_end(&r);
}

Test(chat_request_write, gives_open_thinking_back_inside_a_tool_loop_only)
{
    const char *turn = "{\"role\":\"assistant\",\"reasoning_content\":\"hm\",\"tool_calls\":["
                       "{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                       "\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\","
                       "\"content\":\"ok\"}";
    char body[1024];

    snprintf(body, sizeof(body), "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},%s]}",
             turn);
    struct translate_run r = run(OPERATION_CHAT, "deepseek-reasoner", body);
    EXPECT(r, "\"reasoning_content\":\"hm\"");
    run_end(&r);
    r = run(OPERATION_CHAT, "gpt-5", body);
    EXPECT_NOT(r, "reasoning_content");
    run_end(&r);
    snprintf(body, sizeof(body),
             "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},%s,"
             "{\"role\":\"user\",\"content\":\"next\"}]}",
             turn);
    r = run(OPERATION_CHAT, "deepseek-reasoner", body);
    EXPECT_NOT(r, "reasoning_content");
    run_end(&r);
}

Test(chat_request_write, leaves_out_tools_of_providers_but_not_in_silence)
{
    struct translate_run r = run(OPERATION_CHAT, "gpt-4.1",
                                 "{" USER ",\"tools\":[{\"type\":\"web_search\"}," FUNCTION "],"
                                 "\"tool_choice\":\"required\",\"parallel_tool_calls\":false}");

    cr_assert_eq(r.err, 0);
    EXPECT(r,
           "\"tools\":[" FUNCTION "],\"tool_choice\":\"required\",\"parallel_tool_calls\":false");
    expect_dropped(&r, "tools.web_search");
    run_end(&r);
    r = run(OPERATION_CHAT, "gpt-4.1",
            "{" USER ",\"tools\":[{\"type\":\"web_search\"}],\"tool_choice\":\"required\"}");
    cr_expect_eq(r.err, ERR_UNSUPPORTED_PARAMETER);
    run_end(&r);
    r = run(OPERATION_CHAT, "gpt-4.1", "{" USER ",\"parallel_tool_calls\":true}");
    cr_assert_eq(r.err, 0);
    EXPECT_NOT(r, "parallel_tool_calls");
    run_end(&r);
}

Test(chat_request_write, refuses_what_is_in_a_store_of_others)
{
    static const char *const parts[] = {
        "{\"type\":\"document\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}",
        "{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"https://x.example/a\"}}",
        "{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}",
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char body[512];

        snprintf(body, sizeof(body),
                 "{\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}",
                 parts[i]);
        struct translate_run r = run(OPERATION_MESSAGE, "gpt-4.1", body);
        cr_expect_eq(r.err, ERR_UNSUPPORTED_PARAMETER, "%s", parts[i]);
        cr_expect(r.why.detail[0] != '\0');
        run_end(&r);
    }
}

Test(chat_request_write, tells_a_long_user_by_its_hash)
{
    struct translate_run r =
        run(OPERATION_CHAT, "gpt-4.1",
            "{" USER ",\"user\":\"0123456789012345678901234567890123456789012345678901234567890123"
            "45\"}");

    EXPECT(r, "\"user\":\"82db6bb07e2233c096811f645f2b5549ffb21b98eca1e9aca25706eee4c239ef");
    run_end(&r);
}

/* What was read of what was written is written the same: nothing is lost, nothing changes. */
Test(chat_request_write, keeps_all_of_a_request_that_goes_round)
{
    const char *body =
        "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":["
        "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"data:image/png;base64,AA\",\"detail\":\"low\"}}]},{\"role\":\"assistant\",\"content\":"
        "\"t\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{\\\"z\\\": 1.50, \\\"a\\\":\\\"\\\\u00e9\\\"}\"}}]},{\"role\":\"tool\","
        "\"tool_call_id\":\"c\",\"content\":\"r\"},{\"role\":\"user\",\"content\":\"b\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
        "\"parameters\":{\"type\":\"object\"},\"strict\":true}}],\"tool_choice\":{\"type\":"
        "\"function\",\"function\":{\"name\":\"f\"}},\"max_tokens\":9,\"temperature\":0.10,"
        "\"seed\":12345678901234567890,\"response_format\":{\"type\":\"json_schema\","
        "\"json_schema\":{\"name\":\"n\",\"schema\":{\"a\":1.0},\"strict\":true}},\"stream\":true}";
    struct translate_run once = run(OPERATION_CHAT, "gpt-4.1", body);
    struct translate_run twice = run(OPERATION_CHAT, "gpt-4.1", once.written.ptr);
    struct translate_run again = run(OPERATION_CHAT, "gpt-4.1", body);

    cr_assert(once.err == 0 && twice.err == 0);
    cr_expect_str_eq(once.written.ptr, twice.written.ptr);
    cr_expect_str_eq(once.written.ptr, again.written.ptr);
    EXPECT(once, "\"seed\":12345678901234567890");
    EXPECT(once, "\"detail\":\"low\"");
    run_end(&once);
    run_end(&twice);
    run_end(&again);
}

/* ---- whose server it is ---- */

static struct translate_run
run_for(enum upstream_flavor flavor, enum operation operation, const char *body)
{
    struct translate_run r = {.operation = operation,
                              .upstream = PROTOCOL_OPENAI_CHAT,
                              .model = SLICE_LIT("house-7"),
                              .flavor = flavor};

    run_request(&r, slice_str(body));
    buf_append_byte(&r.written, '\0');
    return r;
}

#define FLAVORED                                                                                   \
    "{\"model\":\"m\",\"max_tokens\":9,\"user\":\"u\",\"logit_bias\":{\"1\":2},\"prompt_cache_"    \
    "key\":"                                                                                       \
    "\"k\"," USER "}"

Test(chat_request_write, azure_is_told_what_openai_is)
{
    struct translate_run azure = run_for(FLAVOR_AZURE, OPERATION_CHAT, FLAVORED);
    struct translate_run openai = run_for(FLAVOR_OPENAI, OPERATION_CHAT, FLAVORED);

    cr_expect_str_eq(azure.written.ptr, openai.written.ptr);
    EXPECT(azure, "\"max_completion_tokens\":9");
    EXPECT(azure, "\"prompt_cache_key\":\"k\"");
    run_end(&azure);
    run_end(&openai);
}

Test(chat_request_write, ollama_is_not_told_what_it_leaves_unread)
{
    struct translate_run r = run_for(FLAVOR_OLLAMA, OPERATION_CHAT, FLAVORED);

    EXPECT(r, "\"max_tokens\":9");
    EXPECT_NOT(r, "\"user\":\"u\"");
    EXPECT_NOT(r, "logit_bias");
    expect_dropped(&r, "logit_bias, user, prompt_cache_key");
    run_end(&r);
}

#define TOOLED(more) "{\"model\":\"m\"," USER ",\"tools\":[" FUNCTION "]," more "}"

Test(chat_request_write, what_ollama_leaves_unread_and_would_change_the_answer_is_refused)
{
    static const char *const bodies[] = {
        "{\"model\":\"m\",\"n\":2," USER "}",
        TOOLED("\"tool_choice\":\"required\""),
        TOOLED("\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"),
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct translate_run r = run_for(FLAVOR_OLLAMA, OPERATION_CHAT, bodies[i]);

        cr_expect_eq(r.err, ERR_UNSUPPORTED_PARAMETER, "%s", bodies[i]);
        run_end(&r);
        r = run_for(FLAVOR_COMPATIBLE, OPERATION_CHAT, bodies[i]);
        cr_expect_eq(r.err, 0, "%s", bodies[i]);
        run_end(&r);
    }
}

Test(chat_request_write, ollama_calls_no_tool_that_it_does_not_see)
{
    struct translate_run r =
        run_for(FLAVOR_OLLAMA, OPERATION_CHAT, TOOLED("\"tool_choice\":\"none\""));

    EXPECT_NOT(r, "tool");
    run_end(&r);
    r = run_for(FLAVOR_OLLAMA, OPERATION_CHAT,
                TOOLED("\"tool_choice\":\"auto\",\"parallel_tool_calls\":false"));
    EXPECT(r, "\"tools\":[");
    EXPECT_NOT(r, "tool_choice");
    EXPECT_NOT(r, "parallel");
    expect_dropped(&r, "parallel_tool_calls");
    run_end(&r);
}

Test(chat_request_write, vllm_takes_top_k)
{
    static const char body[] = "{\"model\":\"m\",\"max_tokens\":5,\"top_k\":40," USER "}";
    struct translate_run r = run_for(FLAVOR_VLLM, OPERATION_MESSAGE, body);

    EXPECT(r, "\"top_k\":40");
    run_end(&r);
    r = run_for(FLAVOR_COMPATIBLE, OPERATION_MESSAGE, body);
    EXPECT_NOT(r, "top_k");
    expect_dropped(&r, "top_k");
    run_end(&r);
}

#define THOUGHT                                                                                    \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"             \
    "\"assistant\","                                                                               \
    "\"content\":null,\"reasoning_content\":\"hm\",\"tool_calls\":[{\"id\":\"c1\",\"type\":"       \
    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\","       \
    "\"tool_call_id\":\"c1\",\"content\":\"ok\"}],\"tools\":[" FUNCTION "]}"

Test(chat_request_write, reasoning_goes_back_in_the_servers_own_member)
{
    static const struct {
        enum upstream_flavor flavor;
        const char *member; /* NULL: none */
    } rows[] = {
        {FLAVOR_COMPATIBLE, "\"reasoning_content\":\"hm\""},
        {FLAVOR_VLLM, "\"reasoning\":\"hm\""},
        {FLAVOR_OLLAMA, "\"reasoning\":\"hm\""},
        {FLAVOR_OPENAI, NULL},
        {FLAVOR_AZURE, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct translate_run r = run_for(rows[i].flavor, OPERATION_CHAT, THOUGHT);

        if (rows[i].member == NULL)
            EXPECT_NOT(r, "reasoning");
        else
            EXPECT(r, rows[i].member);
        run_end(&r);
    }
}

Test(chat_request_write, a_late_system_message_is_the_users_where_the_model_knows_none)
{
    static const char body[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\","
        "\"content\":\"hi\"},{\"role\":\"system\",\"content\":\"late\"}]}";
    struct capability capability = *built_in(SLICE_LIT("house-7"));
    struct translate_target target = {.model = SLICE_LIT("house-7"), .capability = &capability};
    struct translate_run r = {.operation = OPERATION_CHAT};
    const struct translator *chat = translator_of(PROTOCOL_OPENAI_CHAT);

    arena_init(&r.arena, RUN_CAP);
    cr_assert_eq(chat->read_request(OPERATION_CHAT, slice_str(body), &r.arena, &r.request, &r.why),
                 0);
    for (int is_taken = 0; is_taken < 2; is_taken++) {
        capability.flags ^= is_taken ? CAP_LATE_SYSTEM : capability.flags & CAP_LATE_SYSTEM;
        buf_init(&r.written, RUN_CAP);
        cr_assert_eq(
            chat->write_request(&r.request, &target, &r.arena, &r.written, &r.dropped, &r.why), 0);
        buf_append_byte(&r.written, '\0');
        cr_expect_eq(strstr(r.written.ptr, "{\"role\":\"system\",\"content\":\"late\"}") != NULL,
                     is_taken, "%s", r.written.ptr);
        EXPECT(r, "{\"role\":\"system\",\"content\":\"s\"}");
        EXPECT(r, "late");
        buf_fini(&r.written);
    }
    arena_fini(&r.arena);
}

/* OpenAI refuses the whole request for a tool whose schema leaves them out. */
Test(chat_request_write, says_that_a_tool_takes_nothing)
{
    static const char *const schemas[][2] = {
        {"{\"type\":\"object\"}", "{\"properties\":{},\"type\":\"object\"}"},
        {"{}", "{\"type\":\"object\",\"properties\":{}}"},
        {"{\"type\": \"object\", \"properties\": {}}",
         "{\"type\": \"object\", \"properties\": {}}"},
    };
    char body[256], expected[128];

    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        snprintf(body, sizeof(body),
                 "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
                 "\"hi\"}],\"tools\":[{\"name\":\"f\",\"input_schema\":%s}]}",
                 schemas[i][0]);
        snprintf(expected, sizeof(expected), "\"parameters\":%s}", schemas[i][1]);
        struct translate_run r = run(OPERATION_MESSAGE, "gpt-4.1", body);
        EXPECT(r, expected);
        run_end(&r);
    }
}

Test(chat_request_write, a_prompt_that_is_only_to_be_cached_gets_the_least_answer)
{
    struct translate_run r =
        run(OPERATION_MESSAGE, "gpt-4.1", "{\"model\":\"m\",\"max_tokens\":0," USER "}");

    EXPECT(r, "\"max_completion_tokens\":1");
    run_end(&r);
}

Test(chat_request_write, shows_texts_that_lie_beside_others_under_their_names)
{
    struct translate_run r = run(
        OPERATION_MESSAGE, "gpt-4.1",
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["
        "{\"type\":\"document\",\"title\":\"a.txt\",\"source\":{\"type\":\"text\",\"media_type\":"
        "\"text/plain\",\"data\":\"one\"}},{\"type\":\"search_result\",\"source\":\"http://u\","
        "\"title\":\"T\",\"content\":[{\"type\":\"text\",\"text\":\"two\"}]}]}]}");

    EXPECT(r, "a.txt:\\none\\n\\nT:\\nhttp://u:\\ntwo");
    run_end(&r);
}
