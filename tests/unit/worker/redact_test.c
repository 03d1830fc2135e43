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

Test(redact, a_secret_that_is_known_is_found_whatever_it_looks_like)
{
    static const char text[] = "no: my.own-key, my.own-key";
    const struct slice secret = SLICE_LIT("my.own-key");

    redact_copy_without(out, sizeof(out), slice_str(text), secret);
    cr_assert_str_eq(out, "no: ***, ***");
    for (size_t size = 1; size < sizeof(text); size++) {
        redact_copy_without(out, size, slice_str(text), secret);
        cr_assert_lt(strlen(out), size);
        cr_assert_null(strstr(out, "m"));
    }
    redact_copy_without(out, sizeof(out), slice_str(text), (struct slice){0});
    cr_assert_str_eq(out, text);
    redact_copy_without(out, sizeof(out), (struct slice){0}, secret);
    cr_assert_str_eq(out, "");
}

/* However short it is: what is left of a word that holds it may be the better half of a secret. */
Test(redact, a_word_that_holds_a_known_secret_is_masked_whole)
{
    static const struct {
        const char *text, *secret, *shown;
    } rows[] = {
        {"no: sk-proj-Ab12, sk", "sk", "no: ***, ***"},
        {"Bearer abc1def 2", "1", "Bearer *** 2"},
        {"bearer abc", "r", "*** ***"},
        {"Bearer abc", "Bearer", "*** ***"},
        {"Bearer abc", "arer a", "***"},
        {"Bearer x.y z", "x", "Bearer ***.y z"},
        {"key(0x1y.z9)", "1y.z", "key(***)"},
        {"key 'two words' it is", "two words", "key '***' it is"},
        {"(a.b), a.b.a.b", "a.b", "(***), ***.***"},
        {"a..b", ".", "a***b"},
        {"one\ttwo", "\t", "one***two"},
        {"sk-proj-Ab12 is not it", "it.", "*** is not it"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        redact_copy_without(out, sizeof(out), slice_str(rows[i].text), slice_str(rows[i].secret));
        cr_expect_str_eq(out, rows[i].shown, "%s without %s: %s", rows[i].text, rows[i].secret,
                         out);
    }
}
