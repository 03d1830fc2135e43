/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "built_in.h"
#include "relayos/codec/json_scan.h"
#include "translators.h"
#include "turns.h"

#define TURN(text) "{\"role\":\"user\",\"parts\":[{\"text\":\"" text "\"}]}"

/* A request to be filled, and what became of it. */
struct writing {
    struct arena arena;
    struct neutral_request request;
    struct turns turns;
    struct buf out;
    struct translate_dropped dropped;
    struct refusal_reason why;
    int err;
};

static struct writing *
begin(void)
{
    static struct writing w;

    w = (struct writing){.request = {.n_choices = 1, .top_logprobs = -1}};
    arena_init(&w.arena, 1 << 20);
    buf_init(&w.out, 1 << 20);
    turns_init(&w.turns, &w.arena, &w.request);
    return &w;
}

static struct neutral_part *
say(struct writing *w, enum neutral_role role, const char *text)
{
    struct neutral_part *part = turns_add(&w->turns, role);

    part->text = slice_str(text);
    return part;
}

static void
call(struct writing *w, const char *id, const char *name)
{
    struct neutral_part *part = turns_add(&w->turns, NEUTRAL_ASSISTANT);

    part->kind = NEUTRAL_CALL;
    part->id = slice_str(id);
    part->name = slice_str(name);
    part->input = SLICE_LIT("{\"n\":1.50}");
}

static void
reason(struct writing *w, enum neutral_origin origin, const char *state)
{
    struct neutral_part *part = say(w, NEUTRAL_ASSISTANT, "Hm.");

    part->kind = NEUTRAL_REASONING;
    part->origin = origin;
    part->state = slice_str(state);
}

static struct neutral_part *
result(struct writing *w, const char *id, const char *text)
{
    struct neutral_part *part = say(w, NEUTRAL_USER, text);

    part->kind = NEUTRAL_RESULT;
    part->id = slice_str(id);
    return part;
}

static void
write_for(struct writing *w, const char *model)
{
    const struct translate_target target = {.model = slice_str(model),
                                            .capability = built_in(slice_str(model))};
    enum json_type type;
    struct json_error error;

    cr_assert_eq(turns_finish(&w->turns, &w->why), 0);
    w->err = gemini_request_write(&w->request, &target, &w->arena, &w->out, &w->dropped, &w->why);
    if (w->err == 0)
        cr_assert_eq(json_scan_value(buf_slice(&w->out), &type, &error), 0, "%.*s", (int)w->out.len,
                     w->out.ptr);
}

static void
end(struct writing *w)
{
    arena_fini(&w->arena);
    buf_fini(&w->out);
}

#define EXPECT(w, text)                                                                            \
    cr_expect(slice_eq_str(buf_slice(&(w)->out), text), "got:\n%.*s\nexpected:\n%s",               \
              (int)(w)->out.len, (w)->out.ptr, text)

/* Is that a piece of what was written? */
static bool
has(const struct writing *w, const char *piece)
{
    return memmem(w->out.ptr, w->out.len, piece, strlen(piece)) != NULL;
}
#define EXPECT_PIECE(w, piece)                                                                     \
    cr_expect(has(w, piece), "no %s in\n%.*s", piece, (int)(w)->out.len, (w)->out.ptr)

Test(gemini_request_write, roles_alternate_and_the_user_is_first)
{
    struct writing *w = begin();

    turns_begin_system(&w->turns, false);
    say(w, NEUTRAL_SYSTEM, "S");
    say(w, NEUTRAL_ASSISTANT, "a\\n");
    reason(w, NEUTRAL_ORIGIN_ANTHROPIC, "sig");
    say(w, NEUTRAL_USER, "b");
    turns_begin_system(&w->turns, false);
    say(w, NEUTRAL_SYSTEM, "late");
    write_for(w, "gemini-2.5-pro");
    EXPECT(w, "{\"systemInstruction\":{\"parts\":[{\"text\":\"S\"}]},\"contents\":[" TURN(
                  ".") ",{\"role\":\"model\",\"parts\":[{\"text\":\"a\\n\"}]},{\"role\":\"user\","
                       "\"parts\":[{\"text\":\"b\"},{\"text\":\"<system>late</system>\"}]}]}");
    end(w);
}

Test(gemini_request_write, a_turn_of_foreign_reasoning_alone_leaves_no_empty_one)
{
    struct writing *w = begin();

    say(w, NEUTRAL_USER, "a");
    reason(w, NEUTRAL_ORIGIN_OPENAI, "enc");
    say(w, NEUTRAL_USER, "b");
    write_for(w, "gemini-3-pro-preview");
    EXPECT(w, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}]}");
    end(w);
}

Test(gemini_request_write, a_signature_goes_back_to_the_part_it_came_with)
{
    struct writing *w = begin();

    say(w, NEUTRAL_USER, "a");
    reason(w, NEUTRAL_ORIGIN_GEMINI, "czE=");
    say(w, NEUTRAL_ASSISTANT, "T");
    reason(w, NEUTRAL_ORIGIN_GEMINI, "czI=");
    call(w, "1", "f");
    call(w, "2", "g");
    result(w, "1", "r1");
    result(w, "2", "r2");
    write_for(w, "gemini-3-pro-preview");
    EXPECT_PIECE(w, "{\"role\":\"model\",\"parts\":[{\"text\":\"T\",\"thoughtSignature\":\"czE=\"},"
                    "{\"functionCall\":{\"name\":\"f\",\"args\":{\"n\":1.50}},"
                    "\"thoughtSignature\":\"czI=\"},"
                    "{\"functionCall\":{\"name\":\"g\",\"args\":{\"n\":1.50}}}]}");
    end(w);
}

/* Clients that sort reasoning in front of text still give the call what it needs. */
Test(gemini_request_write, a_call_has_the_better_claim_to_a_signature)
{
    struct writing *w = begin();

    say(w, NEUTRAL_USER, "a");
    reason(w, NEUTRAL_ORIGIN_GEMINI, "czE=");
    say(w, NEUTRAL_ASSISTANT, "T");
    call(w, "1", "f");
    result(w, "1", "r1");
    write_for(w, "gemini-3-pro-preview");
    EXPECT_PIECE(w, "[{\"text\":\"T\"},{\"functionCall\":{\"name\":\"f\",\"args\":{\"n\":1.50}},"
                    "\"thoughtSignature\":\"czE=\"}]");
    end(w);
}

Test(gemini_request_write, a_lost_signature_is_replaced_where_models_ask_for_one)
{
    static const char *const models[] = {"gemini-3-pro-preview", "gemini-2.5-pro"};

    for (int i = 0; i < 2; i++) {
        struct writing *w = begin();

        say(w, NEUTRAL_USER, "a");
        reason(w, NEUTRAL_ORIGIN_ANTHROPIC, "foreign");
        call(w, "1", "f");
        call(w, "2", "g");
        write_for(w, models[i]);
        cr_expect_eq(has(w, "{\"functionCall\":{\"name\":\"f\",\"args\":{\"n\":1.50}},"
                            "\"thoughtSignature\":\"skip_thought_signature_validator\"},"
                            "{\"functionCall\":{\"name\":\"g\",\"args\":{\"n\":1.50}}}]"),
                     i == 0);
        cr_expect_not(has(w, "foreign"));
        end(w);
    }
}

static struct writing *
ask_with_picture(void)
{
    struct writing *w = begin();
    struct neutral_part *child;

    say(w, NEUTRAL_USER, "a");
    call(w, "1", "look");
    result(w, "1", "")->is_error = false;
    *turns_add_child(&w->turns) = (struct neutral_part){.text = SLICE_LIT("x")};
    child = turns_add_child(&w->turns);
    child->kind = NEUTRAL_IMAGE;
    child->media_type = SLICE_LIT("image/jpeg");
    child->data = SLICE_LIT("AAAA");
    *turns_add_child(&w->turns) = (struct neutral_part){.text = SLICE_LIT("y")};
    say(w, NEUTRAL_USER, "b");
    return w;
}

#define PICTURE "{\"inlineData\":{\"mimeType\":\"image/jpeg\",\"data\":\"AAAA\"}}"

Test(gemini_request_write, pictures_of_a_result_lie_where_the_model_looks_for_them)
{
    struct writing *w = ask_with_picture();

    write_for(w, "gemini-2.5-flash");
    EXPECT_PIECE(w, "[{\"functionResponse\":{\"name\":\"look\",\"response\":{\"output\":"
                    "\"x\\ny\"}}}," PICTURE ",{\"text\":\"b\"}]");
    end(w);
    w = ask_with_picture();
    write_for(w, "gemini-3-flash");
    EXPECT_PIECE(w, "[{\"functionResponse\":{\"name\":\"look\",\"response\":{\"output\":"
                    "\"x\\ny\"},\"parts\":[" PICTURE "]}},{\"text\":\"b\"}]");
    end(w);
}

/* Its own stores are the account's, which all callers share. */
Test(gemini_request_write, no_url_is_taken_of_googles_own_stores_neither)
{
    static const char *const urls[] = {"gs://bucket/a.png",
                                       "https://generativelanguage.googleapis.com/v1beta/files/x",
                                       "https://example.org/a.png"};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct writing *w = begin();
        struct neutral_part *part = turns_add(&w->turns, NEUTRAL_USER);

        part->kind = NEUTRAL_IMAGE;
        part->source = NEUTRAL_URL;
        part->data = slice_str(urls[i]);
        write_for(w, "gemini-2.5-pro");
        cr_expect_eq(w->err, ERR_UNSUPPORTED_PARAMETER, "%s", urls[i]);
        end(w);
    }
}

Test(gemini_request_write, what_cannot_be_said_is_dropped_by_name)
{
    struct writing *w = begin();

    say(w, NEUTRAL_USER, "a");
    w->request.logit_bias = SLICE_LIT("{}");
    w->request.user = SLICE_LIT("u");
    w->request.parallel_tools = NEUTRAL_NO;
    for (int i = 0; i < 6; i++)
        w->request.stops[w->request.n_stops++] = SLICE_LIT("x");
    write_for(w, "gemini-2.5-pro");
    EXPECT(w, "{\"contents\":[" TURN("a") "],\"generationConfig\":{\"stopSequences\":[\"x\",\"x\","
                                          "\"x\",\"x\",\"x\"]}}");
    cr_expect(slice_eq_str(slice_of(w->dropped.names, w->dropped.len),
                           "stop, logit_bias, parallel_tool_calls, user"),
              "%.*s", (int)w->dropped.len, w->dropped.names);
    end(w);
}

struct thinking {
    const char *model;
    enum neutral_effort effort;
    int64_t budget;
    bool is_shown;
    const char *config; /* NULL: there is none */
};

Test(gemini_request_write, thinking_is_asked_for_as_the_model_takes_it)
{
    static const struct thinking rows[] = {
        {"gemini-2.5-pro", NEUTRAL_EFFORT_UNSAID, 0, false, NULL},
        {"gemini-2.5-pro", NEUTRAL_EFFORT_UNSAID, 0, true, "{\"includeThoughts\":true}"},
        {"gemini-2.5-pro", NEUTRAL_EFFORT_LOW, 0, true,
         "{\"includeThoughts\":true,\"thinkingBudget\":1024}"},
        {"gemini-2.5-pro", NEUTRAL_EFFORT_LOW, 0, false, "{\"thinkingBudget\":1024}"},
        {"gemini-2.5-pro", NEUTRAL_EFFORT_NONE, 0, true, "{\"thinkingBudget\":128}"},
        {"gemini-2.5-flash", NEUTRAL_EFFORT_NONE, 0, true, "{\"thinkingBudget\":0}"},
        {"gemini-2.5-flash", NEUTRAL_EFFORT_MAX, 0, false, "{\"thinkingBudget\":24576}"},
        {"gemini-2.5-pro", NEUTRAL_EFFORT_UNSAID, 2048, false, "{\"thinkingBudget\":2048}"},
        {"gemini-3-flash", NEUTRAL_EFFORT_HIGH, 0, false, "{\"thinkingLevel\":\"HIGH\"}"},
        {"gemini-3-flash", NEUTRAL_EFFORT_XHIGH, 0, false, "{\"thinkingLevel\":\"HIGH\"}"},
        {"gemini-3-flash", NEUTRAL_EFFORT_UNSAID, 1024, false, "{\"thinkingLevel\":\"LOW\"}"},
        {"gemini-3-flash", NEUTRAL_EFFORT_UNSAID, 90000, false, "{\"thinkingLevel\":\"HIGH\"}"},
        {"gemini-2.0-flash", NEUTRAL_EFFORT_HIGH, 0, true, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct writing *w = begin();
        char want[256];

        say(w, NEUTRAL_USER, "a");
        w->request.effort = rows[i].effort;
        w->request.thinking_budget = rows[i].budget;
        w->request.wants_reasoning_text = rows[i].is_shown;
        write_for(w, rows[i].model);
        snprintf(want, sizeof(want), "\"generationConfig\":{\"thinkingConfig\":%s}}",
                 rows[i].config == NULL ? "" : rows[i].config);
        if (rows[i].config == NULL)
            cr_expect_not(has(w, "generationConfig"), "row %zu", i);
        else
            cr_expect(has(w, want), "row %zu: %.*s", i, (int)w->out.len, w->out.ptr);
        end(w);
    }
}

static void
add_tools(struct writing *w)
{
    static struct neutral_tool tools[] = {
        {.name = {"f", 1}, .schema = {"{\"type\":\"object\"}", 17}},
        {.kind = NEUTRAL_CUSTOM, .name = {"patch", 5}, .description = {"d", 1}},
        {.kind = NEUTRAL_SERVER_TOOL, .name = {"web_search", 10}},
    };

    w->request.tools = tools;
    w->request.n_tools = 3;
}

Test(gemini_request_write, tools_are_declared_as_functions)
{
    struct writing *w = begin();

    say(w, NEUTRAL_USER, "a");
    add_tools(w);
    w->request.choice = NEUTRAL_CHOICE_TOOL;
    w->request.choice_name = SLICE_LIT("f");
    write_for(w, "gemini-2.5-pro");
    EXPECT(w, "{\"contents\":[" TURN(
                  "a") "],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\","
                       "\"parametersJsonSchema\":{\"type\":\"object\"}},{\"name\":\"patch\","
                       "\"description\":\"d\",\"parametersJsonSchema\":{\"type\":\"object\","
                       "\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":"
                       "[\"input\"]}}]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":"
                       "\"ANY\",\"allowedFunctionNames\":[\"f\"]}}}");
    cr_expect(slice_eq_str(slice_of(w->dropped.names, w->dropped.len), "tools.web_search"));
    end(w);
}

Test(gemini_request_write, a_format_beside_tools_is_asked_for_in_words_before_gemini_3)
{
    static const char *const models[] = {"gemini-2.5-pro", "gemini-3-pro-preview"};

    for (int i = 0; i < 2; i++) {
        struct writing *w = begin();

        say(w, NEUTRAL_USER, "a");
        add_tools(w);
        w->request.format = NEUTRAL_FORMAT_SCHEMA;
        w->request.format_schema = SLICE_LIT("{\"type\":\"string\"}");
        write_for(w, models[i]);
        cr_expect_eq(has(w, "responseJsonSchema"), i == 1);
        cr_expect_eq(has(w, "text around it: {\\\"type\\\":\\\"string\\\"}\"}]}"), i == 0);
        end(w);
    }
}

Test(gemini_request_write, the_same_request_gives_the_same_bytes)
{
    struct writing *w = ask_with_picture();
    struct buf first;

    write_for(w, "gemini-3-pro-preview");
    buf_init(&first, 1 << 20);
    buf_append_slice(&first, buf_slice(&w->out));
    end(w);
    w = ask_with_picture();
    write_for(w, "gemini-3-pro-preview");
    cr_expect(slice_eq(buf_slice(&first), buf_slice(&w->out)));
    buf_fini(&first);
    end(w);
}
