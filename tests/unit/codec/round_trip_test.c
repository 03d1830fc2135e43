/* SPDX-License-Identifier: ISC
 *
 * Any request, written in a protocol and read again, means what it meant.
 */
#include <criterion/parameterized.h>

#include "built_in.h"
#include "request_digest.h"
#include "translate_run.h"
#include "turns.h"

/* Raw strings of all kinds; they neither begin nor end with white space, which Messages would cut.
 */
static const char *const texts[] = {
    "a",
    "\\u00e9\\ud83d\\ude00 and \xc3\xa9",
    "two\\n\\nlines\\tand \\\"quotes\\\" and a \\\\ and a \\/",
    "<system>not one</system>",
    "{\\\"a\\\":[1]}",
    "\\u0000\\u001f.",
    "data: [DONE]",
};
/* Objects: their numbers and the order of their keys are not ours to change. */
static const char *const inputs[] = {
    "{}",
    "{\"b\":1,\"a\":12345678901234567890.10}",
    "{\"text\":\"\\u00e9 \\\"x\\\" \\\\ \\n\",\"deep\":{\"list\":[1,[2,{\"c\":null}]]}}",
    "{\"quoted\":\"{\\\"a\\\":\\\"\\\\\\\"\\\"}\"}",
};
static const char *const images[] = {"iVBORw0KGgo=", "AAAA", "R0lGODlhAQ=="};

#define ANY(array) slice_str((array)[(size_t)rand() % (sizeof(array) / sizeof((array)[0]))])

struct history {
    struct arena arena;
    struct turns turns;
    struct neutral_request request;
    uint32_t n_calls;
};

static void
add_calls(struct history *h)
{
    const uint32_t n = 1 + (uint32_t)rand() % 3;
    char id[24];

    for (uint32_t i = 0; i < n; i++) {
        struct neutral_part *part = turns_add(&h->turns, NEUTRAL_ASSISTANT);

        part->kind = NEUTRAL_CALL;
        part->id = arena_copy(
            &h->arena, slice_of(id, (size_t)snprintf(id, sizeof(id), "call_%u", h->n_calls + i)));
        part->name = SLICE_LIT("get_tide");
        part->input = ANY(inputs);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct neutral_part *part = turns_add(&h->turns, NEUTRAL_USER);

        part->kind = NEUTRAL_RESULT;
        part->id = arena_copy(
            &h->arena, slice_of(id, (size_t)snprintf(id, sizeof(id), "call_%u", h->n_calls + i)));
        part->text = ANY(texts);
    }
    h->n_calls += n;
}

/* Not two that touch: where it can, chat makes one of them. */
static void
add_text(struct history *h, enum neutral_role role)
{
    const struct neutral_request *request = &h->request;

    if (request->turns[request->n_turns - 1].role != role ||
        request->turns[request->n_turns - 1].n_parts == 0 ||
        request->parts[request->n_parts - 1].kind != NEUTRAL_TEXT)
        turns_add(&h->turns, role)->text = ANY(texts);
}

static void
add_something(struct history *h)
{
    struct neutral_part *part;
    const enum neutral_role last = h->request.turns[h->request.n_turns - 1].role;

    switch (rand() % 5) {
    case 0:
        add_text(h, NEUTRAL_ASSISTANT);
        break;
    case 1:
        add_calls(h);
        break;
    case 2:
        part = turns_add(&h->turns, NEUTRAL_USER);
        part->kind = NEUTRAL_IMAGE;
        part->media_type = SLICE_LIT("image/png");
        part->data = ANY(images);
        break;
    case 3:
        if (last != NEUTRAL_SYSTEM)
            turns_begin_system(&h->turns, false);
        add_text(h, NEUTRAL_SYSTEM);
        break;
    default:
        add_text(h, NEUTRAL_USER);
    }
}

static struct history *
history_of(unsigned seed)
{
    static struct neutral_tool tool = {
        .name = SLICE_LIT("get_tide"),
        .schema = SLICE_LIT("{\"type\":\"object\",\"properties\":{}}"),
    };
    struct history *h = calloc(1, sizeof(*h));
    struct refusal_reason why;

    srand(seed);
    arena_init(&h->arena, 1 << 20);
    turns_init(&h->turns, &h->arena, &h->request);
    turns_begin_system(&h->turns, false);
    turns_add(&h->turns, NEUTRAL_SYSTEM)->text = ANY(texts);
    turns_add(&h->turns, NEUTRAL_USER)->text = ANY(texts);
    for (int i = rand() % 12; i > 0; i--)
        add_something(h);
    add_text(h, NEUTRAL_USER);
    cr_assert_eq(turns_finish(&h->turns, &why), 0);
    h->request.tools = &tool;
    h->request.n_tools = 1;
    h->request.n_choices = 1;
    h->request.top_logprobs = -1;
    h->request.max_tokens = 1000;
    return h;
}

struct home {
    enum protocol protocol;
    enum operation operation;
    char model[32]; /* no pointer: it goes to another process */
};

ParameterizedTestParameters(round_trip, a_request_written_and_read_means_the_same)
{
    static struct home homes[] = {
        {PROTOCOL_OPENAI_CHAT, OPERATION_CHAT, "gpt-4.1"},
        {PROTOCOL_OPENAI_RESPONSES, OPERATION_RESPONSE, "gpt-4.1"},
        {PROTOCOL_ANTHROPIC_MESSAGES, OPERATION_MESSAGE, "claude-opus-4-8"},
    };

    return cr_make_param_array(struct home, homes, sizeof(homes) / sizeof(homes[0]));
}

ParameterizedTest(struct home *home, round_trip, a_request_written_and_read_means_the_same)
{
    const struct translate_target target = {.model = slice_str(home->model),
                                            .capability = built_in(slice_str(home->model)),
                                            .flavor = FLAVOR_OPENAI};

    for (unsigned seed = 1; seed < 1500; seed++) {
        struct history *h = history_of(seed);
        struct translate_dropped dropped = {.len = 0};
        struct neutral_request again = {0};
        struct refusal_reason why = {.detail = ""};
        struct buf written, before, after;

        buf_init(&written, RUN_CAP);
        buf_init(&before, RUN_CAP);
        buf_init(&after, RUN_CAP);
        cr_assert_eq(translator_of(home->protocol)
                         ->write_request(&h->request, &target, &h->arena, &written, &dropped, &why),
                     0, "%s", why.detail);
        cr_assert_eq(
            translator_of(home->protocol)
                ->read_request(home->operation, buf_slice(&written), &h->arena, &again, &why),
            0, "%s: %.*s", why.detail, (int)written.len, written.ptr);
        digest_request(&h->request, &before);
        digest_request(&again, &after);
        cr_assert(slice_eq(buf_slice(&before), buf_slice(&after)),
                  "seed %u\nbefore: %.*s\nafter: %.*s\nwritten: %.*s", seed, (int)before.len,
                  before.ptr, (int)after.len, after.ptr, (int)written.len, written.ptr);
        cr_expect_eq(dropped.len, 0, "%.*s", (int)dropped.len, dropped.names);
        buf_fini(&written);
        buf_fini(&before);
        buf_fini(&after);
        arena_fini(&h->arena);
        free(h);
    }
}
