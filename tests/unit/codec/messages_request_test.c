/* SPDX-License-Identifier: ISC
 *
 * What is read of a Messages request, and what of it is written again.
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
read_body(const char *body)
{
    struct read r = {.err = 0};

    arena_init(&r.arena, RUN_CAP);
    r.err = messages_request_read(OPERATION_MESSAGE, slice_str(body), &r.arena, &r.request, &r.why);
    return r;
}

#define EXPECT(slice, text)                                                                        \
    cr_expect(slice_eq_str(slice, text), "got %.*s", (int)(slice).len, (slice).ptr)

Test(messages_request, puts_system_in_front_wherever_it_stands)
{
    struct read r = read_body("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
                              "{\"role\":\"system\",\"content\":\"late\"}],"
                              "\"system\":[{\"type\":\"text\",\"text\":\"a\"},"
                              "{\"type\":\"text\",\"text\":\"b\",\"cache_control\":{}}]}");

    cr_assert(r.err == 0 && r.request.n_turns == 3);
    const struct neutral_turn *turns = r.request.turns;
    cr_expect(turns[0].role == NEUTRAL_SYSTEM && turns[0].n_parts == 2);
    cr_expect(turns[1].role == NEUTRAL_USER && turns[2].role == NEUTRAL_SYSTEM);
    EXPECT(r.request.parts[turns[0].first_part + 1].text, "b");
    EXPECT(r.request.parts[turns[0].first_part + 1].cache_control, "{}");
    EXPECT(r.request.parts[turns[2].first_part].text, "late");
    arena_fini(&r.arena);
}

Test(messages_request, reads_every_kind_of_block)
{
    struct read r = read_body(
        "{\"messages\":[{\"role\":\"user\",\"content\":["
        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/"
        "png\",\"data\":\"AA\"}},"
        "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x.example/a\"}},"
        "{\"type\":\"document\",\"title\":\"t\",\"source\":{\"type\":\"file\",\"file_id\":\"f_1\"}}"
        ","
        "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/"
        "plain\",\"data\":\"plain\"}},"
        "{\"type\":\"search_result\",\"source\":\"s\",\"title\":\"t\",\"content\":["
        "{\"type\":\"text\",\"text\":\"one\"},{\"type\":\"text\",\"text\":\"two\"}]},"
        "{\"type\":\"container_upload\",\"file_id\":\"f_2\"}]},"
        "{\"role\":\"assistant\",\"content\":["
        "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"sig\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"red\"},"
        "{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\":\"\"},"
        "{\"type\":\"thinking\",\"thinking\":\"y\",\"signature\":\"relay1.gem.YQ\"},"
        "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{\"a\":1.50}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c1\","
        "\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"no\"}]}]}]}");

    cr_assert(r.err == 0 && r.request.n_turns == 3);
    const struct neutral_part *p = r.request.parts;
    cr_expect(p[0].kind == NEUTRAL_IMAGE && p[0].source == NEUTRAL_INLINE);
    EXPECT(p[0].media_type, "image/png");
    cr_expect(p[1].source == NEUTRAL_URL && p[2].source == NEUTRAL_ID);
    EXPECT(p[2].name, "t");
    cr_expect(p[3].kind == NEUTRAL_FOREIGN && p[4].kind == NEUTRAL_FOREIGN);
    EXPECT(p[3].text, "plain");
    EXPECT(p[4].text, "t:\\ns:\\none\\n\\ntwo");
    cr_expect(p[5].kind == NEUTRAL_FOREIGN && p[5].text.len == 0);
    p += r.request.turns[1].first_part;
    EXPECT(p[0].state, "sig");
    cr_expect(p[0].origin == NEUTRAL_ORIGIN_ANTHROPIC && p[1].is_redacted);
    cr_expect(p[2].origin == NEUTRAL_ORIGIN_TEXT && p[2].state.len == 0);
    cr_expect(p[3].origin == NEUTRAL_ORIGIN_GEMINI && p[3].state.len == 0);
    EXPECT(p[4].input, "{\"a\":1.50}");
    const struct neutral_part *result = &r.request.parts[r.request.turns[2].first_part];
    cr_expect(result->kind == NEUTRAL_RESULT && result->is_error && result->n_children == 1);
    EXPECT(r.request.parts[result->first_child].text, "no");
    arena_fini(&r.arena);
}

Test(messages_request, reads_what_the_answer_is_to_be_like)
{
    struct read r = read_body(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":64000,\"stream\":"
        "true,"
        "\"temperature\":0.70,\"top_k\":5,\"stop_sequences\":[\"END\"],"
        "\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"standard_only\","
        "\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"},"
        "\"output_config\":{\"effort\":\"xhigh\",\"format\":{\"type\":\"json_schema\",\"schema\":{"
        "\"a\":1}}},"
        "\"tools\":[{\"name\":\"f\",\"input_schema\":{},\"strict\":true},"
        "{\"type\":\"web_search_20260318\",\"name\":\"web_search\"}],"
        "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true},"
        "\"context_management\":{\"edits\":[]}}");
    const struct neutral_request *q = &r.request;

    cr_assert(r.err == 0);
    cr_expect(q->max_tokens == 64000 && q->is_stream && q->n_stops == 1 && q->n_tools == 2);
    EXPECT(q->temperature, "0.70");
    EXPECT(q->user, "u");
    EXPECT(q->service_tier, "default");
    EXPECT(q->format_schema, "{\"a\":1}");
    cr_expect(q->effort == NEUTRAL_EFFORT_XHIGH && q->is_thinking_adaptive);
    cr_expect(!q->wants_reasoning_text && q->thinking_budget == 0);
    cr_expect(q->tools[0].strict == NEUTRAL_YES && q->tools[1].kind == NEUTRAL_SERVER_TOOL);
    cr_expect(q->choice == NEUTRAL_CHOICE_TOOL && q->parallel_tools == NEUTRAL_NO);
    arena_fini(&r.arena);
}

Test(messages_request, refuses_what_would_change_the_answer)
{
    struct read r =
        read_body("{\"messages\":[],\"output_config\":{\"format\":{\"type\":\"json_schema\"}}}");
    cr_expect(r.err == ERR_INVALID_REQUEST);
    arena_fini(&r.arena);
    r = read_body("{\"messages\":\"hi\"}");
    cr_expect(r.err == ERR_INVALID_REQUEST);
    arena_fini(&r.arena);
    r = read_body("{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}");
    cr_expect(r.err == ERR_INVALID_REQUEST);
    arena_fini(&r.arena);
}

/* What a request becomes for a model of Anthropic's own that takes all of it: itself. */
Test(messages_request, comes_back_as_it_was)
{
    static const char body[] =
        "{\"model\":\"claude-x\",\"max_tokens\":100,"
        "\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"},"
        "\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"bash_20250124\",\"name\":\"bash\"}"
        "],"
        "\"tool_choice\":{\"type\":\"auto\"},"
        "\"system\":[{\"type\":\"text\",\"text\":\"s\"}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"caf\\u00e9\"}]"
        "},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"\","
        "\"signature\":\"s=\"},"
        "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{\"b\":1e2,\"a\":"
        "12345678901234567890}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c1\","
        "\"content\":\"r\"}]},"
        "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"late\"}]}],"
        "\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"},"
        "\"output_config\":{\"effort\":\"max\"},\"stop_sequences\":[\"E\"],"
        "\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"standard_only\",\"stream\":true}";
    struct translate_run run = {.operation = OPERATION_MESSAGE,
                                .upstream = PROTOCOL_ANTHROPIC_MESSAGES,
                                .model = SLICE_LIT("claude-x")};

    run_request(&run, SLICE_LIT(body));
    cr_assert(run.err == 0);
    EXPECT(buf_slice(&run.written), body);
    run_end(&run);
}

/* Whatever is cut off or changed: an answer or a refusal, and no byte beyond the body is read. */
Test(messages_request, survives_any_change)
{
    static const char body[] =
        "{\"max_tokens\":5,\"system\":\"s\",\"tools\":[{\"name\":\"f\"}],\"messages\":["
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\","
        "\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c\","
        "\"content\":[]}]}]}";
    static const char bytes[] = "\"{}[],:0ntu\\ ";
    unsigned n_read = 0;

    for (size_t i = 0; i + 1 < sizeof(body); i++) {
        for (size_t k = 0; k + 1 < sizeof(bytes); k++) {
            struct translate_run run = {.operation = OPERATION_MESSAGE,
                                        .upstream = PROTOCOL_ANTHROPIC_MESSAGES,
                                        .model = SLICE_LIT("claude-x")};
            char *text = malloc(sizeof(body) - 1); /* no room behind it: sanitizers watch */

            memcpy(text, body, sizeof(body) - 1);
            text[i] = bytes[k];
            run_request(&run, slice_of(text, sizeof(body) - 1));
            n_read += run.err == 0;
            free(text);
            run_end(&run);
        }
    }
    cr_expect(n_read > 100, "%u", n_read);
}
