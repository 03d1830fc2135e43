/* SPDX-License-Identifier: ISC */
#include "relayos/codec/capability.h"

#include <criterion/criterion.h>

static const struct capability *
of(const char *model)
{
    return capability_of(slice_str(model));
}

static bool
takes(const char *model, enum capability_flag flag)
{
    return (of(model)->flags & flag) != 0;
}

Test(capability, the_longest_prefix_wins)
{
    cr_expect_str_eq(of("claude-opus-5-5-20261101")->prefix, "claude-opus-5-5");
    cr_expect_str_eq(of("claude-opus-5")->prefix, "claude-opus-5");
    cr_expect_str_eq(of("gpt-5.1-chat-latest")->prefix, "gpt-5.1-chat");
    cr_expect_str_eq(of("gemini-2.5-pro")->prefix, "gemini-2.5-pro");
    cr_expect_str_eq(of("gemini-2.5-flash")->prefix, "gemini-2.5-");
    cr_expect_str_eq(of("anthropic/claude-sonnet-4-6")->prefix, "claude-sonnet-4-6");
    cr_expect_str_eq(of("models/gemini-3-pro")->prefix, "gemini-3-pro");
}

Test(capability, names_not_known_yet_are_their_vendors_newest)
{
    cr_expect_eq(of("claude-saga-7")->thinking, THINKING_ADAPTIVE);
    cr_expect(!takes("claude-saga-7", CAP_SAMPLING) && !takes("claude-saga-7", CAP_FORCED_TOOL));
    cr_expect_eq(of("gpt-7")->thinking, THINKING_EFFORT);
    cr_expect(takes("gpt-7", CAP_DEVELOPER_ROLE));
    cr_expect(takes("gemini-4-pro", CAP_THINKING_SIGNED));
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
    cr_expect(takes("claude-sonnet-4-6", CAP_BUDGET_ALLOWED));
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
