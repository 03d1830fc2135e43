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

Test(dialect_usage, null_and_missing_are_no_report_and_zero_is_one)
{
    static const struct {
        const char *text;
        bool is_reported;
    } rows[] = {
        {"{}", false},
        {"{\"prompt_tokens\":null}", false},
        {"{\"prompt_tokens\":null,\"completion_tokens\":null}", false},
        {"{\"anything\":\"else\"}", false},
        {"{\"prompt_tokens\":0}", true},
        {"{\"prompt_tokens\":5,\"prompt_tokens_details\":null}", true},
        {"{\"prompt_tokens\":4294967296}", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct usage usage = read_usage(OPERATION_CHAT, rows[i].text);
        cr_expect_eq(usage.is_reported, rows[i].is_reported, "%s", rows[i].text);
        cr_expect(!usage.is_invalid && is_in_range(&usage), "%s", rows[i].text);
    }
}

Test(dialect_usage, tells_which_of_the_totals_were_said)
{
    cr_expect_eq(read_usage(OPERATION_CHAT, "{\"prompt_tokens\":0}").totals, USAGE_SAID_INPUT);
    cr_expect_eq(read_usage(OPERATION_RESPONSE, "{\"output_tokens\":0}").totals, USAGE_SAID_OUTPUT);
    cr_expect_eq(read_usage(OPERATION_MESSAGE, "{\"input_tokens\":1,\"output_tokens\":2}").totals,
                 USAGE_SAID_INPUT | USAGE_SAID_OUTPUT);
    cr_expect_eq(read_usage(OPERATION_CHAT, "{\"total_tokens\":9}").totals, 0);
    cr_expect_eq(read_usage(OPERATION_CHAT, "{\"completion_tokens\":null}").totals, 0);
}

Test(dialect_usage, a_message_was_not_thought_about_longer_than_it_is)
{
    struct usage usage =
        read_usage(OPERATION_MESSAGE, "{\"input_tokens\":1,\"output_tokens\":5,"
                                      "\"output_tokens_details\":{\"thinking_tokens\":9}}");

    cr_expect_eq(usage.reasoning_tokens, 5);
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

Test(dialect_usage, a_counter_said_twice_spoils_the_object_it_is_in)
{
    static const struct {
        enum operation operation;
        const char *text;
        int64_t input, cached, output;
    } rows[] = {
        /* In the report: nothing of it is believed. */
        {OPERATION_CHAT, "{\"completion_tokens\":5,\"prompt_tokens\":7,\"completion_tokens\":5}", 0,
         0, 0},
        {OPERATION_CHAT, "{\"prompt_tokens\":null,\"prompt_tokens\":7}", 0, 0, 0},
        {OPERATION_CHAT, "{\"prompt_tokens\":7,\"prompt_t\\u006fkens\":7}", 0, 0, 0},
        {OPERATION_CHAT,
         "{\"prompt_tokens_details\":{},\"prompt_tokens\":7,\"prompt_tokens_details\":{}}", 0, 0,
         0},
        {OPERATION_MESSAGE, "{\"input_tokens\":7,\"service_tier\":null,\"service_tier\":null}", 0,
         0, 0},
        /* In the details: the totals stand. */
        {OPERATION_CHAT,
         "{\"prompt_tokens\":7,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_"
         "tokens\":"
         "2,\"audio_tokens\":1,\"cached_tokens\":2}}",
         7, 0, 5},
        {OPERATION_RESPONSE,
         "{\"input_tokens\":7,\"output_tokens\":5,\"input_tokens_details\":{\"cached_tokens\":2},"
         "\"output_tokens_details\":{\"reasoning_tokens\":3,\"reasoning_tokens\":3}}",
         5, 2, 5},
        {OPERATION_MESSAGE,
         "{\"input_tokens\":7,\"output_tokens\":5,\"server_tool_use\":{\"web_search_requests\":1,"
         "\"web_search_requests\":1}}",
         7, 0, 5},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct usage usage = read_usage(rows[i].operation, rows[i].text);

        cr_expect(usage.is_invalid, "%s", rows[i].text);
        cr_expect_eq(usage.count[USAGE_INPUT], rows[i].input, "%s", rows[i].text);
        cr_expect_eq(usage.count[USAGE_CACHE_READ], rows[i].cached, "%s", rows[i].text);
        cr_expect_eq(usage.count[USAGE_OUTPUT], rows[i].output, "%s", rows[i].text);
        cr_expect_eq(usage.reasoning_tokens, 0, "%s", rows[i].text);
        cr_expect_eq(usage.count[USAGE_SERVER_TOOL], 0, "%s", rows[i].text);
    }
}

/* From any member on, round and round, and with space or without. */
Test(dialect_usage, neither_order_nor_space_matters)
{
    static const char *const members[] = {
        "\"prompt_tokens\":100", "\"completion_tokens\":50", "\"total_tokens\":150",
        "\"prompt_tokens_details\":{\"cached_tokens\":10,\"audio_tokens\":3,"
        "\"cache_write_tokens\":7}",
        "\"completion_tokens_details\":{\"audio_tokens\":5,\"reasoning_tokens\":20}"};
    const size_t n = sizeof(members) / sizeof(members[0]);

    for (size_t first = 0; first < 2 * n; first++) {
        char text[512], *at = text;

        for (size_t i = 0; i < n; i++) {
            *at++ = i == 0 ? '{' : ',';
            for (const char *p = members[(first + i) % n]; *p != '\0'; p++) {
                *at++ = *p;
                if (*p == ':' && first >= n)
                    *at++ = ' ';
            }
        }
        memcpy(at, "}", 2);
        struct usage usage = read_usage(OPERATION_CHAT, text);
        const int64_t *count = usage.count;
        cr_assert(!usage.is_invalid && count[USAGE_INPUT] == 80 && count[USAGE_OUTPUT] == 45, "%s",
                  text);
        cr_assert(count[USAGE_CACHE_READ] == 10 && count[USAGE_INPUT_AUDIO] == 3 &&
                      count[USAGE_CACHE_WRITE_5M] == 7 && count[USAGE_OUTPUT_AUDIO] == 5 &&
                      usage.reasoning_tokens == 20,
                  "%s", text);
    }
}

Test(dialect_usage, the_same_name_in_two_objects_is_not_said_twice)
{
    struct usage usage =
        read_usage(OPERATION_CHAT,
                   "{\"completion_tokens_details\":{\"audio_tokens\":2,\"image_tokens\":1},"
                   "\"prompt_tokens_details\":{\"audio_tokens\":3,\"image_tokens\":4},"
                   "\"prompt_tokens\":10,\"completion_tokens\":9,"
                   "\"other\":{\"prompt_tokens\":1,\"cached_tokens\":[{\"cached_tokens\":1}]}}");

    cr_expect_not(usage.is_invalid);
    cr_expect_eq(usage.count[USAGE_INPUT], 3);
    cr_expect_eq(usage.count[USAGE_INPUT_AUDIO], 3);
    cr_expect_eq(usage.count[USAGE_INPUT_IMAGE], 4);
    cr_expect_eq(usage.count[USAGE_CACHE_READ], 0);
    cr_expect_eq(usage.count[USAGE_OUTPUT], 6);
    cr_expect_eq(usage.count[USAGE_OUTPUT_AUDIO], 2);
    cr_expect_eq(usage.count[USAGE_OUTPUT_IMAGE], 1);
}

/* The walk looks for what usually comes next: behind an inner object that is none of its members.
 */
Test(dialect_usage, a_detail_outside_its_object_is_no_detail)
{
    static const char *const texts[] = {
        "{\"prompt_tokens\":10,\"prompt_tokens_details\":{\"x\":1},\"y\":0,\"cached_tokens\":4}",
        "{\"prompt_tokens\":10,\"prompt_tokens_details\":{},\"y\":{},\"cached_tokens\":4}",
        "{\"prompt_tokens\":10,\"prompt_tokens_details\":{\"audio_tokens\":0},\"y\":null,"
        "\"cache_write_tokens\":4}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct usage usage = read_usage(OPERATION_CHAT, texts[i]);

        cr_expect_eq(usage.count[USAGE_INPUT], 10, "%s", texts[i]);
        cr_expect_eq(usage.count[USAGE_CACHE_READ], 0, "%s", texts[i]);
        cr_expect_eq(usage.count[USAGE_CACHE_WRITE_5M], 0, "%s", texts[i]);
    }
}

Test(dialect_usage, details_of_a_total_that_is_not_there_are_not_read)
{
    struct usage usage = read_usage(
        OPERATION_CHAT,
        "{\"prompt_tokens\":null,\"prompt_tokens_details\":{\"cached_tokens\":-1},"
        "\"completion_tokens_details\":[],\"prompt_tokens_detail\":7,\"cached_tokens\":-1}");

    cr_expect_not(usage.is_invalid);
    cr_expect_eq(usage.count[USAGE_CACHE_READ], 0);
    usage = read_usage(OPERATION_CHAT, "{\"prompt_tokens\":1,\"prompt_tokens_details\":[]}");
    cr_expect(usage.is_invalid && usage.count[USAGE_INPUT] == 1);
    usage = read_usage(OPERATION_CHAT,
                       "{\"prompt_tokens\":1,\"prompt_tokens_details\":{\"audio_tokens\":{"
                       "\"cached_tokens\":1}}}");
    cr_expect(usage.is_invalid && usage.count[USAGE_CACHE_READ] == 0);
}

Test(dialect_usage, cache_writes_are_split_by_their_life)
{
    static const struct {
        const char *text;
        int64_t short_lived, long_lived;
        bool is_invalid;
    } rows[] = {
        {"{\"cache_creation_input_tokens\":9}", 9, 0, false},
        {"{\"cache_creation_input_tokens\":9,\"cache_creation\":null}", 9, 0, false},
        {"{\"cache_creation\":{\"ephemeral_1h_input_tokens\":4},\"cache_creation_input_tokens\":9}",
         5, 4, false},
        {"{\"cache_creation_input_tokens\":9,\"cache_creation\":{\"ephemeral_5m_input_tokens\":2,"
         "\"ephemeral_1h_input_tokens\":4}}",
         5, 4, false},
        {"{\"cache_creation_input_tokens\":3,\"cache_creation\":{\"ephemeral_1h_input_tokens\":4}}",
         0, 3, false},
        {"{\"cache_creation\":{\"ephemeral_5m_input_tokens\":2,\"ephemeral_1h_input_tokens\":4}}",
         2, 4, false},
        {"{\"cache_creation_input_tokens\":9,\"cache_creation\":7}", 9, 0, true},
        {"{\"cache_creation_input_tokens\":9,\"cache_creation\":{\"ephemeral_1h_input_tokens\":4,"
         "\"ephemeral_1h_input_tokens\":4}}",
         9, 0, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct usage usage = read_usage(OPERATION_MESSAGE, rows[i].text);

        cr_expect_eq(usage.count[USAGE_CACHE_WRITE_5M], rows[i].short_lived, "%s", rows[i].text);
        cr_expect_eq(usage.count[USAGE_CACHE_WRITE_1H], rows[i].long_lived, "%s", rows[i].text);
        cr_expect_eq(usage.is_invalid, rows[i].is_invalid, "%s", rows[i].text);
    }
}

Test(dialect_usage, a_report_is_clean_unless_it_says_what_the_operator_pays)
{
    static const struct {
        const char *text;
        bool is_clean;
    } rows[] = {
        {"{\"prompt_tokens\":1,\"total_tokens\":1}", true},
        {"{\"x\":{\"cost\":1},\"prompt_tokens_details\":{\"cost\":1}}", true},
        {"{\"prompt_tokens\":-1}", true},
        {"{\"cost\":1}", false},
        {"{\"prompt_tokens\":1,\"c\\u006fst\":1}", false},
        {"{\"cost_details\":{},\"prompt_tokens\":1}", false},
        {"{\"is_byok\":true}", false},
        {"{\"extra_properties\":null}", false},
        {"{\"prompt_tokens\":1,\"queue_time\":0.1}", false},
        {"{\"prompt_tokens\":1,\"_time\":0.1,\"timeout\":1}", true},
        {"{\"prompt_tokens\":1,\"prompt_tokens\":1}", false},
        {"7", false},
    };
    struct usage usage;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        dialect_usage_clear(&usage);
        cr_expect_eq(dialect_usage_read(OPERATION_CHAT, slice_str(rows[i].text), &usage),
                     rows[i].is_clean, "%s", rows[i].text);
    }
}
