/* SPDX-License-Identifier: ISC
 *
 * What models do not take, taken out or refused before any writer sees it.
 */
#include "translate_run.h"

#define ALL ((CAP_OPEN_CALLS << 1) - 1)

static struct translate_dropped dropped;
static struct refusal_reason why;

static int
fit_of(enum operation operation, const char *body, enum protocol upstream, uint32_t lacks,
       struct neutral_request *out, struct arena *arena)
{
    const struct capability capability = {.flags = ALL & ~lacks};

    arena_init(arena, RUN_CAP);
    memset(&dropped, 0, sizeof(dropped));
    cr_assert_eq(translator_of(dialect_operation_protocol(operation))
                     ->read_request(operation, slice_str(body), arena, out, &why),
                 0, "%s", why.detail);
    return translate_fit(out, upstream, &capability, &dropped, &why);
}

/* A chat body, read and fitted to a model that lacks these. */
static int
fit(const char *body, enum protocol upstream, uint32_t lacks, struct neutral_request *out,
    struct arena *arena)
{
    return fit_of(OPERATION_CHAT, body, upstream, lacks, out, arena);
}

#define BODY(more)                                                                                 \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]," more "}"
#define TOOL "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
#define SCHEMA                                                                                     \
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\",\"schema\":{}}" \
    "}"
#define IMAGE                                                                                      \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","      \
    "\"image_url\":{\"url\":\"https://a.example/b.png\"}}]}]}"

Test(translate_fit, what_would_change_the_answer_is_refused)
{
    static const struct {
        const char *body;
        uint32_t lacks;
        bool passes_messages; /* which has a way around it */
    } rows[] = {
        {IMAGE, CAP_IMAGES, false},
        {BODY(TOOL "\"tool_choice\":\"required\""), CAP_FORCED_TOOL, true},
        {BODY(TOOL "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"),
         CAP_FORCED_TOOL, true},
        {BODY(SCHEMA), CAP_JSON_SCHEMA, true},
    };
    struct neutral_request request;
    struct arena arena;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int p = PROTOCOL_OPENAI_CHAT; p <= PROTOCOL_GEMINI; p++) {
            bool passes = p == PROTOCOL_ANTHROPIC_MESSAGES && rows[i].passes_messages;

            cr_expect_eq(fit(rows[i].body, (enum protocol)p, rows[i].lacks, &request, &arena),
                         passes ? 0 : ERR_UNSUPPORTED_PARAMETER, "%s to %d", rows[i].body, p);
            arena_fini(&arena);
            cr_expect_eq(fit(rows[i].body, (enum protocol)p, 0, &request, &arena), 0);
            arena_fini(&arena);
        }
    }
}

Test(translate_fit, what_only_tunes_is_dropped_by_name)
{
    static const char body[] = BODY("\"stop\":\"x\",\"temperature\":0.5,\"top_p\":0.9");
    struct neutral_request request;
    struct arena arena;

    cr_expect_eq(fit(body, PROTOCOL_GEMINI, CAP_STOP | CAP_SAMPLING, &request, &arena), 0);
    cr_expect(slice_eq_str(slice_of(dropped.names, dropped.len), "stop, temperature, top_p"));
    cr_expect(request.n_stops == 0 && request.temperature.len == 0 && request.top_p.len == 0);
    arena_fini(&arena);
    cr_expect_eq(fit(body, PROTOCOL_GEMINI, 0, &request, &arena), 0);
    cr_expect_eq(dropped.len, 0);
    cr_expect(request.n_stops == 1 && request.temperature.len > 0);
    arena_fini(&arena);
    /* Those writers know when a model that reasons takes it all the same. */
    cr_expect_eq(fit(body, PROTOCOL_OPENAI_CHAT, CAP_SAMPLING, &request, &arena), 0);
    cr_expect(dropped.len == 0 && request.temperature.len > 0);
    arena_fini(&arena);
}

#define SHOWN(role, part) "{\"role\":\"" role "\",\"content\":[" part "]}"
#define NEWEST            "{\"type\":\"hologram\",\"x\":1}"

Test(translate_fit, what_a_user_shows_is_never_left_out_unseen)
{
    static const struct {
        const char *messages;
        bool passes;
    } rows[] = {
        {SHOWN("user", NEWEST), false},
        {SHOWN("system", NEWEST), false},
        {SHOWN("user", "{\"type\":\"search_result\",\"content\":[{\"text\":\"a\"}]}"), true},
        {SHOWN("assistant", NEWEST) "," SHOWN("user", "{\"type\":\"text\",\"text\":\"a\"}"), true},
        {SHOWN(
             "assistant",
             "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{"
             "}}") "," SHOWN("user",
                             "{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":[" NEWEST
                             "]}"),
         true},
    };
    struct neutral_request request;
    struct arena arena;
    char body[512];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(body, sizeof(body), "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[%s]}",
                 rows[i].messages);
        for (int p = PROTOCOL_OPENAI_CHAT; p <= PROTOCOL_GEMINI; p++) {
            bool passes = p == PROTOCOL_ANTHROPIC_MESSAGES || rows[i].passes;

            cr_expect_eq(fit_of(OPERATION_MESSAGE, body, (enum protocol)p, 0, &request, &arena),
                         passes ? 0 : ERR_UNSUPPORTED_PARAMETER, "%s to %d", body, p);
            cr_expect(passes || strcmp(why.detail, "Content of the type \"hologram\"") == 0);
            arena_fini(&arena);
        }
    }
}
