/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "relayos/base/limits.h"
#include "relayos/policy/estimate_prompt.h"

static int64_t
tokens_of(struct neutral_part part)
{
    struct neutral_request request = {.parts = &part, .n_parts = 1};

    return estimate_prompt_tokens(&request);
}

static struct slice
base64_of(size_t bytes)
{
    static char text[1024 * 1024];

    memset(text, 'A', sizeof(text));
    cr_assert_leq(bytes / 3 * 4, sizeof(text));
    return slice_of(text, bytes / 3 * 4);
}

Test(estimate_prompt, four_bytes_of_text_are_a_token_and_parts_do_not_round)
{
    struct neutral_part parts[] = {{.kind = NEUTRAL_TEXT, .text = SLICE_LIT("abc")},
                                   {.kind = NEUTRAL_TEXT, .text = SLICE_LIT("defg")},
                                   {.kind = NEUTRAL_RESULT, .text = SLICE_LIT("hi")}};
    struct neutral_request request = {.parts = parts, .n_parts = 3};

    cr_expect_eq(estimate_prompt_tokens(&request), 3);
    request.n_turns = 2;
    cr_expect_eq(estimate_prompt_tokens(&request), 3 + 2 * 4, "what stands around each turn");
}

Test(estimate_prompt, an_escape_is_what_it_stands_for)
{
    const struct neutral_part lines = {.kind = NEUTRAL_TEXT,
                                       .text = SLICE_LIT("\\n\\n\\n\\n\\\"\\\"\\\"\\\\")};
    const struct neutral_part hanzi = {.kind = NEUTRAL_TEXT,
                                       .text = SLICE_LIT("\\u4f60\\u597d\\u4f60\\u597d")};

    cr_expect_eq(tokens_of(lines), 2);
    cr_expect_eq(tokens_of(hanzi), 3);
}

Test(estimate_prompt, pictures_files_and_sounds_go_by_what_vendors_say)
{
    cr_expect_eq(tokens_of((struct neutral_part){.kind = NEUTRAL_IMAGE}), 1600);
    cr_expect_eq(tokens_of((struct neutral_part){
                     .kind = NEUTRAL_IMAGE, .source = NEUTRAL_INLINE, .data = base64_of(600000)}),
                 1600, "however many bytes it has");
    cr_expect_eq(
        tokens_of((struct neutral_part){.kind = NEUTRAL_IMAGE, .detail = SLICE_LIT("low")}), 85);
    cr_expect_eq(tokens_of((struct neutral_part){.kind = NEUTRAL_FILE,
                                                 .source = NEUTRAL_INLINE,
                                                 .media_type = SLICE_LIT("application/pdf"),
                                                 .data = base64_of(300)}),
                 1500, "a page at least");
    cr_expect_eq(tokens_of((struct neutral_part){.kind = NEUTRAL_FILE,
                                                 .source = NEUTRAL_INLINE,
                                                 .media_type = SLICE_LIT("application/pdf"),
                                                 .data = base64_of(600000)}),
                 15000);
    cr_expect_eq(tokens_of((struct neutral_part){.kind = NEUTRAL_FILE,
                                                 .source = NEUTRAL_INLINE,
                                                 .media_type = SLICE_LIT("text/plain"),
                                                 .data = base64_of(600)}),
                 150, "text is text");
    cr_expect_eq(tokens_of((struct neutral_part){.kind = NEUTRAL_FILE,
                                                 .source = NEUTRAL_URL,
                                                 .data = SLICE_LIT("http://127.0.0.1/a.pdf")}),
                 1500);
    cr_expect_eq(tokens_of((struct neutral_part){
                     .kind = NEUTRAL_AUDIO, .source = NEUTRAL_INLINE, .data = base64_of(153600)}),
                 300);
}

Test(estimate_prompt, what_is_read_again_counts_and_what_is_sealed_does_not)
{
    cr_expect_eq(tokens_of((struct neutral_part){.kind = NEUTRAL_REASONING,
                                                 .text = SLICE_LIT("12345678"),
                                                 .state = SLICE_LIT("a signature, quite long")}),
                 2);
    cr_expect_eq(tokens_of((struct neutral_part){.kind = NEUTRAL_CALL,
                                                 .id = SLICE_LIT("call_0123456789"),
                                                 .name = SLICE_LIT("read"),
                                                 .input = SLICE_LIT("{\"a\":\"bc\"}")}),
                 4);
    cr_expect_eq(tokens_of((struct neutral_part){.kind = NEUTRAL_FOREIGN,
                                                 .json = SLICE_LIT("{\"type\":\"x\"}")}),
                 3);
}

Test(estimate_prompt, tools_and_formats_are_part_of_it)
{
    struct neutral_tool tools[] = {
        {.name = SLICE_LIT("read"),
         .description = SLICE_LIT("Reads it"),
         .schema = SLICE_LIT("{}")},
        {.kind = NEUTRAL_SERVER_TOOL, .json = SLICE_LIT("{\"type\":\"web\"}")}};
    struct neutral_request request = {.tools = tools, .n_tools = 2};
    int64_t tools_only = estimate_prompt_tokens(&request);

    cr_expect_eq(tools_only, 2 * 8 + (14 + 14) / 4);
    request.format_schema = SLICE_LIT("{\"type\":\"object\"}");
    cr_expect_gt(estimate_prompt_tokens(&request), tools_only);
}

Test(estimate_prompt, nothing_is_nothing)
{
    cr_expect_eq(estimate_prompt_tokens(&(struct neutral_request){0}), 0);
}
