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
