/* SPDX-License-Identifier: ISC */
#include "relayos/codec/capability.h"

#include <criterion/criterion.h>

#include "built_in.h"

static const struct capability *
of(const char *model)
{
    return built_in(slice_str(model));
}

static bool
takes(const char *model, enum capability_flag flag)
{
    return (of(model)->flags & flag) != 0;
}

static bool
is_same(struct capability found, const char *model)
{
    const struct capability *wanted = of(model);

    return found.thinking == wanted->thinking && found.flags == wanted->flags &&
           found.max_output_tokens == wanted->max_output_tokens;
}

Test(capability, the_longest_prefix_wins)
{
    cr_expect(is_same(*of("claude-opus-5-5-20261101"), "claude-opus-5-5"));
    cr_expect_not(is_same(*of("claude-opus-5"), "claude-opus-5-5"));
    cr_expect(is_same(*of("gpt-5.1-chat-latest"), "gpt-5.1-chat"));
    cr_expect_not(is_same(*of("gpt-5.1-chat"), "gpt-5.1"));
    cr_expect_not(is_same(*of("gemini-2.5-pro"), "gemini-2.5-flash"));
    cr_expect(is_same(*of("anthropic/claude-sonnet-4-6"), "claude-sonnet-4-6"));
    cr_expect(is_same(*of("models/gemini-3-pro"), "gemini-3-pro"));
}

Test(capability, names_not_known_yet_are_their_vendors_newest)
{
    cr_expect_eq(of("claude-saga-7")->thinking, THINKING_ADAPTIVE);
    cr_expect(!takes("claude-saga-7", CAP_SAMPLING) && !takes("claude-saga-7", CAP_FORCED_TOOL));
    cr_expect_eq(of("gpt-7")->thinking, THINKING_EFFORT);
    cr_expect(takes("gpt-7", CAP_DEVELOPER_ROLE));
    cr_expect(takes("gemini-4-pro", CAP_SIGNED_CALLS));
    cr_expect_eq(of("llama3.3:70b")->thinking, THINKING_NONE);
    cr_expect(takes("llama3.3:70b", CAP_SAMPLING) && takes("", CAP_SAMPLING));
}

Test(capability, the_families_of_the_handbook)
{
    cr_expect(takes("claude-sonnet-4-5", CAP_SAMPLING));
    cr_expect(!takes("claude-sonnet-4-5", CAP_SAMPLING_BOTH));
    cr_expect_eq(of("claude-sonnet-4-20250514")->thinking, THINKING_BUDGET);
    cr_expect(!takes("claude-opus-4-20250514", CAP_JSON_SCHEMA));
    cr_expect(takes("claude-sonnet-4-6", CAP_SAMPLING));
    cr_expect(takes("claude-sonnet-4-6", CAP_BUDGET));
    cr_expect(!takes("claude-opus-4-7", CAP_SAMPLING));
    cr_expect(takes("claude-opus-4-7", CAP_THINKING_OFF));
    cr_expect(!takes("claude-fable-5", CAP_THINKING_OFF));
    cr_expect(takes("claude-fable-5", CAP_FORCED_TOOL));
    cr_expect(!takes("claude-sonnet-5-5", CAP_FORCED_TOOL));
    cr_expect(!takes("o3-mini", CAP_STOP) && !takes("gpt-5-mini", CAP_SAMPLING));
    cr_expect(takes("gpt-4.1-mini", CAP_SAMPLING));
    cr_expect(!takes("gemini-2.5-pro", CAP_THINKING_OFF));
    cr_expect_eq(of("claude-opus-4-1")->max_output_tokens, 32000);
}

/* ---- what the operator says ---- */

#define SAME      CAPABILITY_UNSAID_FLAGS
#define SAME_MOST CAPABILITY_UNSAID_TOKENS

#define FIND(rows, model) capability_find(rows, sizeof(rows) / sizeof(rows[0]), slice_str(model))

Test(capability, without_a_row_of_the_operators_what_is_built_in_holds)
{
    cr_expect(is_same(capability_find(NULL, 0, SLICE_LIT("claude-opus-5")), "claude-opus-5"));
}

Test(capability, a_row_of_the_operators_wins_over_one_as_long_and_not_over_a_longer_one)
{
    static const struct capability_row rows[] = {
        {"claude-opus-5", "", "none", SAME, SAME, SAME, SAME_MOST},
        {"claude-", "", "budget", SAME, SAME, SAME, SAME_MOST},
    };

    cr_expect_eq(FIND(rows, "claude-opus-5-20260601").thinking, THINKING_NONE);
    cr_expect(is_same(FIND(rows, "claude-opus-5-5"), "claude-opus-5-5"));
    cr_expect_eq(FIND(rows, "claude-saga-7").thinking, THINKING_BUDGET);
    cr_expect(is_same(FIND(rows, "gpt-4.1"), "gpt-4.1"));
}

Test(capability, a_row_says_what_is_different_from_what_it_is_like)
{
    static const struct capability_row rows[] = {
        {"prod-", "claude-sonnet-4-5", "", SAME, SAME, SAME, SAME_MOST},
        {"prod-new", "prod-x", "", SAME, CAP_LATE_SYSTEM | CAP_SAMPLING, CAP_STOP | CAP_FORCED_TOOL,
         500},
        {"bare", "", "gemini_level", CAP_IMAGES, SAME, SAME, SAME_MOST},
        {"gpt-4.1", "", "", SAME, SAME, CAP_IMAGES, SAME_MOST},
    };
    const struct capability *sonnet = of("claude-sonnet-4-5");
    struct capability found = FIND(rows, "prod-new-1");

    cr_expect(is_same(FIND(rows, "prod-old"), "claude-sonnet-4-5"));
    cr_expect_eq(found.thinking, sonnet->thinking);
    cr_expect_eq(found.flags, (sonnet->flags | CAP_LATE_SYSTEM) & ~(CAP_STOP | CAP_FORCED_TOOL));
    cr_expect_eq(found.max_output_tokens, 500);
    found = FIND(rows, "bare-metal");
    cr_expect_eq(found.thinking, THINKING_GEMINI_LEVEL);
    cr_expect_eq(found.flags, CAP_IMAGES);
    cr_expect_eq(FIND(rows, "gpt-4.1-mini").flags, of("gpt-4.1-mini")->flags & ~CAP_IMAGES);
}

Test(capability, a_row_that_is_like_itself_or_a_later_one_is_like_what_is_built_in)
{
    static const struct capability_row rows[] = {
        {"a", "b", "effort", SAME, SAME, SAME, SAME_MOST},
        {"b", "a", "", SAME, SAME, SAME, 7},
        {"c", "c", "", SAME, SAME, SAME, SAME_MOST},
    };

    cr_expect_eq(FIND(rows, "a").max_output_tokens, 0);
    cr_expect_eq(FIND(rows, "b").thinking, THINKING_EFFORT);
    cr_expect_eq(FIND(rows, "b").max_output_tokens, 7);
    cr_expect(is_same(FIND(rows, "c"), "anything"));
}

Test(capability, a_vendor_may_stand_in_front_for_the_operators_rows_too)
{
    static const struct capability_row rows[] = {
        {"acme/large", "", "effort", SAME, SAME, SAME, SAME_MOST},
        {"tiny", "", "budget", SAME, SAME, SAME, SAME_MOST},
    };

    cr_expect_eq(FIND(rows, "acme/large-2").thinking, THINKING_EFFORT);
    cr_expect_eq(FIND(rows, "large-2").thinking, THINKING_NONE);
    cr_expect_eq(FIND(rows, "acme/tiny").thinking, THINKING_BUDGET);
}

Test(capability, is_told_in_the_words_of_the_configuration)
{
    struct buf out;

    buf_init(&out, 4096);
    capability_describe(&(struct capability){THINKING_ADAPTIVE, CAP_STOP | CAP_SAMPLING, 7}, &out);
    cr_expect(slice_eq_str(buf_slice(&out), "adaptive; sampling, stop; at most 7 tokens"), "%.*s",
              (int)out.len, out.ptr);
    buf_clear(&out);
    capability_describe(&(struct capability){THINKING_NONE, 0, 0}, &out);
    cr_expect(slice_eq_str(buf_slice(&out), "none"));
    buf_fini(&out);
}
