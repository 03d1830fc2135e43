/* SPDX-License-Identifier: ISC */
#include "gemini_usage.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct usage
read(const char *metadata)
{
    struct usage usage = {0};

    gemini_usage_read(slice_str(metadata), &usage);
    return usage;
}

Test(gemini_usage, sounds_have_buckets_of_their_own)
{
    struct usage usage =
        read("{\"promptTokenCount\":100,\"cachedContentTokenCount\":30,"
             "\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":60},"
             "{\"modality\":\"AUDIO\",\"tokenCount\":40}],"
             "\"cacheTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":10}],"
             "\"candidatesTokenCount\":50,\"candidatesTokensDetails\":["
             "{\"modality\":\"IMAGE\",\"tokenCount\":20},{\"modality\":\"AUDIO\",\"tokenCount\":"
             "5}],\"thoughtsTokenCount\":7}");

    cr_expect_eq(usage.count[USAGE_CACHE_READ], 30);
    cr_expect_eq(usage.count[USAGE_INPUT_AUDIO], 30);
    cr_expect_eq(usage.count[USAGE_INPUT], 40);
    cr_expect_eq(usage.count[USAGE_OUTPUT_IMAGE], 20);
    cr_expect_eq(usage.count[USAGE_OUTPUT_AUDIO], 5);
    cr_expect_eq(usage.count[USAGE_OUTPUT], 32);
}

Test(gemini_usage, parts_never_exceed_their_whole)
{
    struct usage usage =
        read("{\"promptTokenCount\":10,\"cachedContentTokenCount\":50,"
             "\"promptTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":40}],"
             "\"candidatesTokenCount\":3,\"candidatesTokensDetails\":["
             "{\"modality\":\"AUDIO\",\"tokenCount\":5}]}");

    cr_expect_eq(usage.count[USAGE_CACHE_READ], 10);
    cr_expect_eq(usage.count[USAGE_INPUT_AUDIO], 0);
    cr_expect_eq(usage.count[USAGE_INPUT], 0);
    cr_expect_eq(usage.count[USAGE_OUTPUT_AUDIO], 3);
    cr_expect_eq(usage.count[USAGE_OUTPUT], 0);
}

Test(gemini_usage, nonsense_is_no_figure)
{
    static const char *const values[] = {
        "-5", "1.5", "\"many\"", "99999999999999999999", "[7]", "true", "9223372036854775808"};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[128];

        snprintf(text, sizeof(text), "{\"promptTokenCount\":7,\"candidatesTokenCount\":%s}",
                 values[i]);
        struct usage usage = read(text);

        cr_expect(usage.is_invalid && usage.is_reported, "%s", values[i]);
        cr_expect_eq(usage.count[USAGE_INPUT], 7);
        cr_expect_eq(usage.count[USAGE_OUTPUT], 0);
    }
    cr_expect_not(read("{\"promptTokenCount\":7,\"candidatesTokenCount\":null}").is_invalid);
}

Test(gemini_usage, what_says_nothing_that_we_know_is_no_report_of_zeros)
{
    static const char *const texts[] = {"{}", "{\"totalTokenCount\":15}",
                                        "{\"promptTokenCount\":null}",
                                        "{\"trafficType\":\"ON_DEMAND\"}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect_eq(read(texts[i]).is_reported, 0, "%s", texts[i]);
    cr_expect_eq(read("{\"promptTokenCount\":0}").is_reported, 1);
    cr_expect_eq(read("{\"promptTokenCount\":7}").totals, USAGE_SAID_INPUT);
    cr_expect_eq(read("{\"candidatesTokenCount\":7}").totals, USAGE_SAID_OUTPUT);
    /* A part is not the whole. */
    cr_expect_eq(read("{\"thoughtsTokenCount\":7}").totals, 0);
    cr_expect_eq(read("{\"thoughtsTokenCount\":7}").count[USAGE_OUTPUT], 7);
    cr_expect_eq(read("{\"toolUsePromptTokenCount\":7}").totals, 0);
}

/* Each can be, and what they come to cannot: no price takes it, so it would be free. */
Test(gemini_usage, a_sum_that_cannot_be_is_nonsense)
{
    static const char *const pairs[][2] = {{"promptTokenCount", "toolUsePromptTokenCount"},
                                           {"candidatesTokenCount", "thoughtsTokenCount"}};

    for (size_t i = 0; i < 2; i++) {
        char text[128];

        snprintf(text, sizeof(text), "{\"%s\":%lld,\"%s\":1}", pairs[i][0], (long long)LIMIT_TOKENS,
                 pairs[i][1]);
        struct usage usage = read(text);

        cr_expect_eq(usage.is_invalid, 1, "%s", text);
        cr_expect_eq(usage.count[USAGE_INPUT] + usage.count[USAGE_OUTPUT], 0, "%s", text);
    }
}
