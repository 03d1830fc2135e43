/* SPDX-License-Identifier: ISC */
#include "translate_id.h"

#include <criterion/criterion.h>
#include <string.h>

#define LONG_ID "call_0123456789012345678901234567890123456789"

struct request {
    struct arena arena;
    struct neutral_part parts[8];
    struct neutral_request request;
    struct translate_ids ids;
};

static void
begin(struct request *r, enum protocol target, const char *const *ids)
{
    *r = (struct request){.request = {.parts = r->parts}};
    arena_init(&r->arena, 1 << 16);
    for (; ids[r->request.n_parts] != NULL; r->request.n_parts++)
        r->parts[r->request.n_parts] =
            (struct neutral_part){.kind = NEUTRAL_CALL, .id = slice_str(ids[r->request.n_parts])};
    translate_ids_init(&r->ids, &r->request, target, &r->arena);
}

static void
expect_id(const struct request *r, const char *id, const char *expected)
{
    const struct slice got = translate_ids_of(&r->ids, slice_str(id));

    cr_expect(slice_eq_str(got, expected), "%s became %.*s", id, (int)got.len, got.ptr);
}

static bool
is_plain_name(struct slice name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-0123456789";

    for (size_t i = 0; i < name.len; i++) {
        if (memchr(plain, name.ptr[i], sizeof(plain) - 1) == NULL)
            return false;
    }
    return name.len > 0 && name.len <= 64 && memchr("-0123456789", name.ptr[0], 11) == NULL;
}

Test(translate_id, good_ids_stay)
{
    static const char *const ids[] = {"toolu_a", "call_1-x", NULL};
    struct request r;

    begin(&r, PROTOCOL_ANTHROPIC_MESSAGES, ids);
    expect_id(&r, "toolu_a", "toolu_a");
    expect_id(&r, "call_1-x", "call_1-x");
    expect_id(&r, "of no call", "of no call");
    arena_fini(&r.arena);
}

Test(translate_id, what_messages_does_not_take_is_replaced)
{
    static const char *const ids[] = {"functions.list:1", "toolu_a", NULL};
    struct request r;

    begin(&r, PROTOCOL_ANTHROPIC_MESSAGES, ids);
    expect_id(&r, "functions.list:1", "functions_list_1");
    expect_id(&r, "toolu_a", "toolu_a");
    arena_fini(&r.arena);
}

Test(translate_id, two_that_become_alike_are_told_apart_and_the_first_stays)
{
    static const char *const ids[] = {"a:b", "a.b", "a_b", "c", "a.b", NULL};
    struct request r;

    begin(&r, PROTOCOL_ANTHROPIC_MESSAGES, ids);
    expect_id(&r, "a:b", "a_b");
    expect_id(&r, "c", "c");
    const struct slice second = translate_ids_of(&r.ids, slice_str("a.b"));
    const struct slice third = translate_ids_of(&r.ids, slice_str("a_b"));
    cr_expect_eq(second.len, 12);
    cr_expect_eq(third.len, 12);
    cr_expect(!slice_eq(second, third));
    cr_expect(is_plain_name(second) && is_plain_name(third));
    arena_fini(&r.arena);
}

Test(translate_id, long_ids_become_a_hash)
{
    static const char *const ids[] = {LONG_ID, "call_1", NULL};
    struct request chat, responses;

    begin(&chat, PROTOCOL_OPENAI_CHAT, ids);
    const struct slice got = translate_ids_of(&chat.ids, slice_str(LONG_ID));
    cr_expect_eq(got.len, 37);
    cr_expect(slice_starts_with(got, SLICE_LIT("call_")));
    expect_id(&chat, "call_1", "call_1");
    begin(&responses, PROTOCOL_OPENAI_RESPONSES, ids);
    expect_id(&responses, LONG_ID, LONG_ID);
    arena_fini(&chat.arena);
    arena_fini(&responses.arena);
}

Test(translate_id, names_that_any_target_takes)
{
    static const char *const bad[] = {
        "",
        "mcp.server/tool",
        "1st",
        "--x",
        "9",
        "h\xc3\xa9",
        "a_name_that_is_far_too_long_for_any_target_to_take_as_it_stands",
        "a_name_that_is_far_too_long_for_any_target_to_take_as_it_stands_2"};
    struct arena arena;

    arena_init(&arena, 1 << 16);
    cr_expect(slice_eq_str(translate_name(&arena, slice_str("get_tide")), "get_tide"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct slice name = translate_name(&arena, slice_str(bad[i]));

        cr_expect(is_plain_name(name), "%s became %.*s", bad[i], (int)name.len, name.ptr);
        cr_expect(slice_eq(name, translate_name(&arena, slice_str(bad[i]))));
        for (size_t j = 0; j < i; j++)
            cr_expect(!slice_eq(name, translate_name(&arena, slice_str(bad[j]))));
    }
    arena_fini(&arena);
}
