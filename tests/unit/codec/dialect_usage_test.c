/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "dialect_parts.h"
#include "relayos/base/limits.h"

static struct usage
read_usage(enum operation operation, const char *text)
{
    struct usage usage;

    dialect_usage_clear(&usage);
    dialect_usage_read(operation, slice_str(text), &usage);
    return usage;
}

static bool
is_in_range(const struct usage *usage)
{
    for (size_t i = 0; i < USAGE_N_BUCKETS; i++) {
        if (usage->count[i] < 0 || usage->count[i] > LIMIT_TOKENS)
            return false;
    }
    return usage->reasoning_tokens >= 0 && usage->reasoning_tokens <= LIMIT_TOKENS;
}

Test(dialect_usage, nonsense_is_invalid_and_never_a_credit)
{
    static const char *const values[] = {"-1",
                                         "1.5",
                                         "1e300",
                                         "1e2",
                                         "\"7\"",
                                         "true",
                                         "[]",
                                         "{}",
                                         "9223372036854775808",
                                         "18446744073709551615",
                                         "1099511627777",
                                         "-9223372036854775808"};
    static const struct {
        enum operation operation;
        const char *format;
    } rows[] = {
        {OPERATION_CHAT, "{\"prompt_tokens\":%s,\"completion_tokens\":5}"},
        {OPERATION_CHAT, "{\"prompt_tokens\":5,\"completion_tokens\":%s}"},
        {OPERATION_CHAT, "{\"prompt_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":%s}}"},
        {OPERATION_CHAT,
         "{\"completion_tokens\":5,\"completion_tokens_details\":{\"reasoning_tokens\":%s}}"},
        {OPERATION_EMBEDDING, "{\"prompt_tokens\":%s}"},
        {OPERATION_RESPONSE, "{\"input_tokens\":%s}"},
        {OPERATION_RESPONSE, "{\"output_tokens\":%s}"},
        {OPERATION_MESSAGE, "{\"input_tokens\":%s}"},
        {OPERATION_MESSAGE, "{\"output_tokens\":%s}"},
        {OPERATION_MESSAGE, "{\"cache_read_input_tokens\":%s}"},
        {OPERATION_MESSAGE, "{\"cache_creation_input_tokens\":%s}"},
        {OPERATION_MESSAGE, "{\"cache_creation\":{\"ephemeral_1h_input_tokens\":%s}}"},
        {OPERATION_MESSAGE, "{\"server_tool_use\":{\"web_search_requests\":%s}}"},
    };
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
            struct buf buf;
            const char *hole = strstr(rows[r].format, "%s");

            buf_init(&buf, 256);
            buf_append(&buf, rows[r].format, (size_t)(hole - rows[r].format));
            buf_append_str(&buf, values[v]);
            buf_append_str(&buf, hole + 2);
            buf_append_byte(&buf, '\0');
            struct usage usage = read_usage(rows[r].operation, buf.ptr);
            cr_expect(usage.is_invalid && is_in_range(&usage), "%s", buf.ptr);
            buf_fini(&buf);
        }
    }
}

Test(dialect_usage, null_missing_and_zero_are_no_nonsense)
{
    static const char *const texts[] = {"{}",
                                        "{\"prompt_tokens\":null}",
                                        "{\"prompt_tokens\":0}",
                                        "{\"prompt_tokens\":5,\"prompt_tokens_details\":null}",
                                        "{\"prompt_tokens\":1099511627776}",
                                        "{\"anything\":\"else\"}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct usage usage = read_usage(OPERATION_CHAT, texts[i]);
        cr_expect(usage.is_reported && !usage.is_invalid && is_in_range(&usage), "%s", texts[i]);
    }
}

Test(dialect_usage, a_counter_said_twice_is_believed_neither_time)
{
    struct usage usage = read_usage(OPERATION_CHAT, "{\"prompt_tokens\":1,\"prompt_tokens\":2}");

    cr_expect(usage.is_invalid && usage.count[USAGE_INPUT] == 0);
    usage = read_usage(OPERATION_CHAT, "[1]");
    cr_expect(usage.is_invalid && usage.is_reported);
}

Test(dialect_usage, details_never_exceed_their_total)
{
    struct usage usage =
        read_usage(OPERATION_CHAT,
                   "{\"prompt_tokens\":10,\"prompt_tokens_details\":{\"cached_tokens\":8,"
                   "\"audio_tokens\":7},\"completion_tokens\":3,\"completion_tokens_details\":{"
                   "\"reasoning_tokens\":9,\"audio_tokens\":9}}");

    cr_expect_eq(usage.count[USAGE_CACHE_READ], 8);
    cr_expect_eq(usage.count[USAGE_INPUT_AUDIO], 2);
    cr_expect_eq(usage.count[USAGE_INPUT], 0);
    cr_expect_eq(usage.count[USAGE_OUTPUT_AUDIO], 3);
    cr_expect_eq(usage.count[USAGE_OUTPUT], 0);
    cr_expect_eq(usage.reasoning_tokens, 3);
}

Test(dialect_usage, the_last_word_counts_also_when_it_is_less)
{
    struct usage usage =
        read_usage(OPERATION_CHAT, "{\"prompt_tokens\":10,\"completion_tokens\":9}");

    dialect_usage_read(OPERATION_CHAT, SLICE_LIT("{\"completion_tokens\":4}"), &usage);
    cr_expect(usage.count[USAGE_INPUT] == 10 && usage.count[USAGE_OUTPUT] == 4);
    dialect_usage_read(OPERATION_CHAT, SLICE_LIT("{\"completion_tokens\":null}"), &usage);
    cr_expect(usage.count[USAGE_OUTPUT] == 4);
}
