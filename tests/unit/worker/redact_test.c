#include <criterion/criterion.h>

#include "redact.h"

static char out[128];

static const char *
redact(const char *text)
{
    redact_copy(out, sizeof(out), slice_str(text));
    return out;
}

Test(redact, plain_text_is_left_alone)
{
    cr_assert_str_eq(redact("The model `gpt-4.1-mini` does not exist."),
                     "The model `gpt-4.1-mini` does not exist.");
    cr_assert_str_eq(redact("anthropic/claude-sonnet-4-20250514-thinking-max"),
                     "anthropic/claude-sonnet-4-20250514-thinking-max");
    cr_assert_str_eq(redact("019abc12-3456-7def-8123-456789abcdef"),
                     "019abc12-3456-7def-8123-456789abcdef");
    cr_assert_str_eq(redact(""), "");
}

Test(redact, what_looks_like_a_secret_is_masked_wherever_it_stands)
{
    cr_assert_str_eq(redact("key sk-prod-abc is bad"), "key *** is bad");
    cr_assert_str_eq(redact("Incorrect API key: sk-ant-api03-x_Y-z."), "Incorrect API key: ***.");
    cr_assert_str_eq(redact("Authorization: Bearer abc, next"), "Authorization: Bearer ***, next");
    cr_assert_str_eq(redact("key=AIzaSyAbc"), "key=***");
    cr_assert_str_eq(redact("0123456789abcdef0123456789abcdef"), "***");
    cr_assert_str_eq(redact("(\"sk-x\")"), "(\"***\")");
}

Test(redact, what_is_not_printable_becomes_a_question_mark)
{
    cr_assert_str_eq(redact("a\r\nb\tc\x7f\xc3\xa9"), "a??b?c???");
}

Test(redact, every_size_ends_in_a_nul_and_never_shows_part_of_a_secret)
{
    static const char text[] = "error for sk-prod-0123456789 today";

    for (size_t size = 1; size < sizeof(text) + 5; size++) {
        memset(out, 'x', sizeof(out));
        redact_copy(out, size, slice_str(text));
        cr_assert_lt(strlen(out), size);
        cr_assert_null(strstr(out, "sk-"));
    }
}
