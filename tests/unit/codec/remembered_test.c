/* SPDX-License-Identifier: ISC
 *
 * Reasoning that a client of chat could not bring back stands in front of its calls again.
 */
#include "relayos/codec/remembered.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "relayos/codec/carrier.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/translate.h"

/* What is remembered: pairs of an id and its lines, NULL-ended. */
struct shelf {
    const char *const *pairs;
    unsigned n_lookups;
};

static bool
find(void *ctx, struct slice id, struct buf *out)
{
    struct shelf *shelf = ctx;

    shelf->n_lookups++;
    for (size_t i = 0; shelf->pairs[i] != NULL; i += 2) {
        if (slice_eq_str(id, shelf->pairs[i])) {
            buf_append_str(out, shelf->pairs[i + 1]);
            return true;
        }
    }
    return false;
}

struct run {
    struct arena arena;
    struct neutral_request request;
    struct shelf shelf;
    enum neutral_origin origin; /* of the second part */
    char shown[512];            /* turns as words */
};

static void
show_part(struct run *run, const struct neutral_part *part, size_t *len)
{
    static const char *const kinds[] = {[NEUTRAL_TEXT] = "text",
                                        [NEUTRAL_IMAGE] = "image",
                                        [NEUTRAL_CALL] = "call",
                                        [NEUTRAL_RESULT] = "result",
                                        [NEUTRAL_REASONING] = "thought"};
    struct slice named = part->kind == NEUTRAL_CALL || part->kind == NEUTRAL_RESULT ? part->id
                         : part->state.len > 0                                      ? part->state
                                                                                    : part->text;

    *len += (size_t)snprintf(run->shown + *len, sizeof(run->shown) - *len, " %s:%.*s",
                             kinds[part->kind], (int)named.len, named.ptr);
    for (uint32_t i = 0; i < part->n_children; i++)
        show_part(run, &run->request.parts[part->first_child + i], len);
}

static const char *
insert(struct run *run, const char *messages, const char *const *pairs)
{
    const struct remembered memory = {.find = find, .ctx = &run->shelf, .max = 4096};
    static char body[8192];
    struct refusal_reason why;
    size_t len = 0;

    snprintf(body, sizeof(body), "{\"model\":\"m\",\"messages\":[%s]}", messages);
    *run = (struct run){.shelf.pairs = pairs};
    arena_init(&run->arena, 1 << 20);
    cr_assert_eq(
        translator_of(PROTOCOL_OPENAI_CHAT)
            ->read_request(OPERATION_CHAT, slice_str(body), &run->arena, &run->request, &why),
        0, "%s", why.detail);
    remembered_insert(&run->request, &memory, &run->arena);
    carrier_open(&run->request, NULL, 0, &run->arena);
    for (uint32_t i = 0; i < run->request.n_turns; i++) {
        const struct neutral_turn *turn = &run->request.turns[i];

        len += (size_t)snprintf(run->shown + len, sizeof(run->shown) - len, "%s%c",
                                i > 0 ? " | " : "", "sua"[turn->role]);
        for (uint32_t k = 0; k < turn->n_parts; k++)
            show_part(run, &run->request.parts[turn->first_part + k], &len);
    }
    run->origin = run->request.n_parts > 1 ? run->request.parts[1].origin : NEUTRAL_ORIGIN_NONE;
    arena_fini(&run->arena);
    return run->shown;
}

#define USER     "{\"role\":\"user\",\"content\":\"go\"}"
#define CALL(id) "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\"}}"
#define CALLS(text, calls)                                                                         \
    "{\"role\":\"assistant\",\"content\":" text ",\"tool_calls\":[" calls "]}"
#define RESULT(id)    "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"r\"}"
#define GEMINI_SIGNED "relay1.gem.c2lnbmVk\n" /* "signed" */
#define GEMINI_OTHER  "relay1.gem.b3RoZXI\n"  /* "other" */

Test(remembered, reasoning_comes_first_in_the_turn_whose_call_it_led_to)
{
    static const char *const pairs[] = {"a", GEMINI_SIGNED, NULL};
    struct run run;

    cr_expect_str_eq(insert(&run, USER "," CALLS("\"hm\"", CALL("a")) "," RESULT("a"), pairs),
                     "u text:go | a thought:signed text:hm call:a | u result:a");
    cr_expect_eq(run.origin, NEUTRAL_ORIGIN_GEMINI);
}

Test(remembered, what_came_between_two_calls_stays_there)
{
    static const char *const pairs[] = {
        "a", GEMINI_SIGNED GEMINI_OTHER, "b", GEMINI_OTHER, "z", GEMINI_SIGNED, NULL};
    struct run run;

    cr_expect_str_eq(
        insert(&run,
               USER
               "," CALLS("null", CALL("a") "," CALL("b") "," CALL("c")) "," RESULT("a") "," RESULT(
                   "b") "," RESULT("c") "," CALLS("null", CALL("d")) "," RESULT("d"),
               pairs),
        "u text:go | a thought:signed thought:other call:a thought:other call:b call:c | "
        "u result:a result:b result:c | a call:d | u result:d");
}

Test(remembered, plain_text_comes_back_too_and_what_a_client_echoes_stays)
{
    static const char *const pairs[] = {"a", "relay1.txt.I thought\\n so.\n", NULL};
    struct run run;

    cr_expect_str_eq(insert(&run, USER "," CALLS("null", CALL("a")) "," RESULT("a"), pairs),
                     "u text:go | a thought:I thought\\n so. call:a | u result:a");
    cr_expect_str_eq(
        insert(&run,
               USER ",{\"role\":\"assistant\",\"reasoning_content\":\"mine\",\"tool_calls\":[" CALL(
                   "a") "]}," RESULT("a"),
               (const char *const[]){"a", GEMINI_SIGNED, NULL}),
        "u text:go | a thought:signed thought:mine call:a | u result:a");
}

Test(remembered, children_of_results_stay_with_them)
{
    static const char *const pairs[] = {"a", GEMINI_SIGNED, "b", GEMINI_OTHER, NULL};
    struct run run;

    cr_expect_str_eq(
        insert(&run,
               USER "," CALLS(
                   "null", CALL("a")) ",{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":["
                                      "{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\","
                                      "\"text\":\"y\"}]}," CALLS("null", CALL("b")) "," RESULT("b"),
               pairs),
        "u text:go | a thought:signed call:a | u result:a text:x text:y | "
        "a thought:other call:b | u result:b");
}

Test(remembered, without_a_memory_a_request_stays_what_it_was)
{
    static const char *const none[] = {NULL};
    static const char *const broken[] = {"a", "\n", NULL};
    struct run run;

    cr_expect_str_eq(insert(&run, USER "," CALLS("null", CALL("a")) "," RESULT("a"), none),
                     "u text:go | a call:a | u result:a");
    cr_expect_eq(run.shelf.n_lookups, 1);
    cr_expect_str_eq(insert(&run, USER "," CALLS("null", CALL("a")) "," RESULT("a"), broken),
                     "u text:go | a call:a | u result:a");
    cr_expect_str_eq(insert(&run, USER, none), "u text:go");
    cr_expect_eq(run.shelf.n_lookups, 0);
}

/* A hundred thousand calls are no way to keep a worker busy. */
Test(remembered, only_the_latest_calls_are_looked_up)
{
    static char messages[1 << 16];
    static const char *const none[] = {NULL};
    static char body[1 << 17];
    struct run run = {.shelf.pairs = none};
    const struct remembered memory = {.find = find, .ctx = &run.shelf, .max = 4096};
    struct refusal_reason why;
    size_t len = 0;

    for (unsigned i = 0; i < 600; i++)
        len += (size_t)snprintf(messages + len, sizeof(messages) - len,
                                "%s{\"id\":\"c%u\",\"type\":\"function\",\"function\":"
                                "{\"name\":\"f\"}}",
                                i > 0 ? "," : "", i);
    snprintf(body, sizeof(body),
             "{\"model\":\"m\",\"messages\":[" USER
             ",{\"role\":\"assistant\",\"tool_calls\":[%s]}]}",
             messages);
    arena_init(&run.arena, 1 << 22);
    cr_assert_eq(
        translator_of(PROTOCOL_OPENAI_CHAT)
            ->read_request(OPERATION_CHAT, slice_str(body), &run.arena, &run.request, &why),
        0);
    remembered_insert(&run.request, &memory, &run.arena);
    cr_expect_eq(run.shelf.n_lookups, 512);
    arena_fini(&run.arena);
}

/* ---- bodies that go as they are ---- */

static const char *
open_body(const char *messages, const char *member, const char *const *pairs)
{
    static char body[8192];
    static struct buf out;
    struct shelf shelf = {.pairs = pairs};
    const struct remembered memory = {.find = find, .ctx = &shelf, .max = 4096};
    enum json_type type;
    struct json_error error;

    snprintf(body, sizeof(body), "{\"messages\":[%s],\"model\":\"m\"}", messages);
    if (out.ptr == NULL)
        buf_init(&out, sizeof(body));
    buf_clear(&out);
    remembered_open(slice_str(body), member, &memory, &out);
    cr_expect_eq(json_scan_value(buf_slice(&out), &type, &error), 0, "%.*s", (int)out.len, out.ptr);
    buf_append_byte(&out, '\0');
    return out.ptr;
}

static void
expect_opened(const char *messages, const char *opened)
{
    static const char *const pairs[] = {"a", "relay1.txt.one\nrelay1.txt.\\\"two\\\"\n", "b",
                                        "relay1.txt.b\n", NULL};
    static char expected[8192];

    snprintf(expected, sizeof(expected), "{\"messages\":[%s],\"model\":\"m\"}", opened);
    cr_expect_str_eq(open_body(messages, "reasoning_content", pairs), expected);
}

#define SAID(more, id) "{\"role\":\"assistant\",\"tool_calls\":[" CALL(id) "]" more "}"
#define ONE_AND_TWO    ",\"reasoning_content\":\"one\\n\\n\\\"two\\\"\""

Test(remembered, an_open_model_gets_its_text_back_in_the_loop_alone)
{
    expect_opened(USER "," SAID("", "a") "," RESULT("a"),
                  USER "," SAID(ONE_AND_TWO, "a") "," RESULT("a"));
    expect_opened(USER "," SAID("", "a") "," RESULT("a") "," USER " , " SAID(" ", "b"),
                  USER "," SAID("", "a") "," RESULT("a") "," USER " , " SAID(
                      " ,\"reasoning_content\":\"b\"", "b"));
    expect_opened(USER "," SAID(",\"reasoning_content\":null,\"x\":1", "b"),
                  USER "," SAID(",\"reasoning_content\":\"b\",\"x\":1", "b"));
    expect_opened(USER "," SAID(",\"reasoning_content\":\"mine\"", "b"),
                  USER "," SAID(",\"reasoning_content\":\"mine\"", "b"));
    expect_opened(USER "," SAID(",\"reasoning\":\"mine\"", "b"),
                  USER "," SAID(",\"reasoning\":\"mine\"", "b"));
    expect_opened(USER "," SAID("", "c") ",{\"role\":\"assistant\",\"content\":\"a\"}",
                  USER "," SAID("", "c") ",{\"role\":\"assistant\",\"content\":\"a\"}");
    expect_opened("1,null,{}," USER, "1,null,{}," USER);
}
