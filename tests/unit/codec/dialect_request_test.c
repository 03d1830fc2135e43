/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "facts_read.h"
#include "relayos/codec/json_scan.h"

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

Test(dialect_request, finds_what_policy_needs)
{
    cr_assert_eq(read_request(OPERATION_CHAT,
                              "{\"model\":\"gpt-4.1-mini\"," MESSAGES ",\"stream\":true,\"n\":2,"
                              "\"max_tokens\":10,\"max_completion_tokens\":20,\"service_tier\":"
                              "\"flex\",\"prompt_cache_key\":\"k\\u00e9y\",\"unknown\":[{}]}"),
                 0);
    cr_expect(slice_eq_str(facts.model, "gpt-4.1-mini"));
    cr_expect(slice_eq_str(facts.model_value, "\"gpt-4.1-mini\""));
    cr_expect(facts.is_stream);
    cr_expect_eq(facts.n_choices, 2);
    cr_expect_eq(facts.max_tokens, 20);
    cr_expect(slice_eq_str(facts.service_tier, "flex"));
    cr_expect(slice_eq_str(facts.affinity, "k\xC3\xA9y"));
    cr_expect_not(facts.wants_usage || facts.is_unbounded || facts.has_server_tools);
    cr_expect_eq(facts.n_state_ids, 0);

    cr_assert_eq(
        read_request(OPERATION_MESSAGE,
                     "{\"mod\\u0065l\":\"claude-\\u0073onnet-4\",\"max_tokens\":0," MESSAGES
                     ",\"metadata\":{\"user_id\":\"u1\"},\"stream\":null}"),
        0);
    cr_expect(slice_eq_str(facts.model, "claude-sonnet-4"));
    cr_expect(slice_eq_str(facts.affinity, "u1"));
    cr_expect_not(facts.is_stream);
}

Test(dialect_request, counts_what_a_completion_will_generate)
{
    cr_assert_eq(read_request(OPERATION_COMPLETION, "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"],"
                                                    "\"n\":3,\"best_of\":5}"),
                 0);
    cr_expect_eq(facts.n_choices, 10);
    cr_assert_eq(read_request(OPERATION_COMPLETION, "{\"model\":\"m\",\"prompt\":[1,2,3]}"), 0);
    cr_expect_eq(facts.n_choices, 1);
}

struct refusal {
    enum operation operation;
    const char *body;
    int err;
    const char *param;
};

static void
expect_refusals(const struct refusal *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cr_expect_eq(read_request(rows[i].operation, rows[i].body), rows[i].err, "%s",
                     rows[i].body);
        cr_expect_str_eq(why.param, rows[i].param, "%s: %s", rows[i].body, why.param);
        cr_expect_neq(why.detail[0], '\0');
    }
}

#define EXPECT_REFUSALS(rows) expect_refusals(rows, sizeof(rows) / sizeof((rows)[0]))

Test(dialect_request, refuses_what_is_missing_or_of_the_wrong_shape)
{
    static const struct refusal rows[] = {
        {OPERATION_CHAT, "", ERR_INVALID_REQUEST, ""},
        {OPERATION_CHAT, "[]", ERR_INVALID_REQUEST, ""},
        {OPERATION_CHAT, "{\"model\":\"a\"," MESSAGES ",}", ERR_INVALID_REQUEST, ""},
        {OPERATION_CHAT, "{" MESSAGES "}", ERR_INVALID_REQUEST, "model"},
        {OPERATION_CHAT, "{\"model\":null," MESSAGES "}", ERR_INVALID_REQUEST, "model"},
        {OPERATION_CHAT, "{\"model\":\"\"," MESSAGES "}", ERR_INVALID_REQUEST, "model"},
        {OPERATION_CHAT, "{\"model\":7," MESSAGES "}", ERR_INVALID_REQUEST, "model"},
        {OPERATION_CHAT, "{\"model\":[\"a\"]," MESSAGES "}", ERR_INVALID_REQUEST, "model"},
        {OPERATION_CHAT, "{\"model\":\"m\"}", ERR_INVALID_REQUEST, "messages"},
        {OPERATION_CHAT, "{\"model\":\"m\",\"messages\":\"hi\"}", ERR_INVALID_REQUEST, "messages"},
        {OPERATION_MESSAGE, "{\"model\":\"m\",\"messages\":{}}", ERR_INVALID_REQUEST, "messages"},
        {OPERATION_MESSAGE, "{\"model\":\"m\"," MESSAGES "}", ERR_INVALID_REQUEST, "max_tokens"},
        {OPERATION_RESPONSE, "{\"model\":\"m\"}", ERR_INVALID_REQUEST, "input"},
        {OPERATION_COMPACTION, "{\"model\":\"m\"}", ERR_INVALID_REQUEST, "input"},
        {OPERATION_EMBEDDING, "{\"model\":\"m\",\"input\":1}", ERR_INVALID_REQUEST, "input"},
        {OPERATION_COMPLETION, "{\"model\":\"m\"}", ERR_INVALID_REQUEST, "prompt"},
        {OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES ",\"stream\":\"yes\"}", ERR_INVALID_REQUEST,
         "stream"},
        {OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES ",\"stream_options\":true}",
         ERR_INVALID_REQUEST, "stream_options"},
        {OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES ",\"stream_options\":{\"include_usage\":1}}",
         ERR_INVALID_REQUEST, "stream_options.include_usage"},
        {OPERATION_CHAT,
         "{\"model\":\"m\"," MESSAGES
         ",\"stream_options\":{\"include_usage\":true,\"include_usag\\u0065\":false}}",
         ERR_INVALID_REQUEST, "stream_options"},
        {OPERATION_CHAT,
         "{\"model\":\"0123456789012345678901234567890123456789012345678901234567890123456789012345"
         "6789012345678901234567890123456789\"," MESSAGES "}",
         ERR_NOT_FOUND, "model"},
    };

    EXPECT_REFUSALS(rows);
    cr_assert_eq(read_request(OPERATION_COUNT_TOKENS, "{\"model\":\"m\"," MESSAGES "}"), 0);
}

Test(dialect_request, numbers_are_integers_in_range)
{
    static const char *const bad[] = {"0",
                                      "-1",
                                      "1.0",
                                      "1e2",
                                      "\"5\"",
                                      "true",
                                      "[1]",
                                      "{}",
                                      "18446744073709551615",
                                      "18446744073709551617",
                                      "9223372036854775807",
                                      "-9223372036854775808",
                                      "1e300"};
    static const struct {
        enum operation operation;
        const char *before, *name;
    } fields[] = {
        {OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES, "n"},
        {OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES, "max_tokens"},
        {OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES, "max_completion_tokens"},
        {OPERATION_COMPLETION, "{\"model\":\"m\",\"prompt\":\"x\"", "n"},
        {OPERATION_COMPLETION, "{\"model\":\"m\",\"prompt\":\"x\"", "best_of"},
        {OPERATION_COMPLETION, "{\"model\":\"m\",\"prompt\":\"x\"", "max_tokens"},
        {OPERATION_RESPONSE, "{\"model\":\"m\",\"input\":\"x\"", "max_output_tokens"},
    };
    char body[512];

    for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            snprintf(body, sizeof(body), "%s,\"%s\":%s}", fields[f].before, fields[f].name, bad[i]);
            cr_expect_eq(read_request(fields[f].operation, body), ERR_INVALID_REQUEST, "%s", body);
            cr_expect_str_eq(why.param, fields[f].name);
        }
        snprintf(body, sizeof(body), "%s,\"%s\":128}", fields[f].before, fields[f].name);
        cr_expect_eq(read_request(fields[f].operation, body), 0, "%s", body);
        snprintf(body, sizeof(body), "%s,\"%s\":null}", fields[f].before, fields[f].name);
        cr_expect_eq(read_request(fields[f].operation, body), 0, "%s", body);
    }
    cr_expect_eq(read_request(OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES ",\"n\":129}"),
                 ERR_INVALID_REQUEST);
}

Test(dialect_request, a_second_model_cannot_hide)
{
    static const struct refusal rows[] = {
        {OPERATION_CHAT, "{\"model\":\"a\",\"model\":\"b\"," MESSAGES "}", ERR_INVALID_REQUEST, ""},
        {OPERATION_CHAT, "{\"model\":\"a\"," MESSAGES ",\"mod\\u0065l\":\"b\"}",
         ERR_INVALID_REQUEST, ""},
        {OPERATION_MESSAGE,
         "{\"model\":\"a\",\"max_tokens\":1," MESSAGES ",\"fallbacks\":[{\"model\":\"b\"}]}",
         ERR_UNSUPPORTED_PARAMETER, "fallbacks"},
        {OPERATION_CHAT, "{\"model\":\"a\"," MESSAGES ",\"models\":[\"b\"]}",
         ERR_UNSUPPORTED_PARAMETER, "models"},
        /* Some servers match names without case, and the last one wins. */
        {OPERATION_CHAT, "{\"model\":\"a\"," MESSAGES ",\"MODEL\":\"b\"}", ERR_INVALID_REQUEST, ""},
        {OPERATION_CHAT, "{\"model\":\"a\"," MESSAGES ",\"Max_Tokens\":1}", ERR_INVALID_REQUEST,
         ""},
        {OPERATION_CHAT, "{\"model\":\"a\"," MESSAGES ",\"\\u004dODEL\":\"b\"}",
         ERR_INVALID_REQUEST, ""},
        {OPERATION_MESSAGE, "{\"model\":\"a\",\"max_tokens\":1," MESSAGES ",\"speed\":\"fast\"}",
         ERR_UNSUPPORTED_PARAMETER, "speed"},
        {OPERATION_MESSAGE, "{\"model\":\"a\",\"max_tokens\":1," MESSAGES ",\"thread\":{\"id\":1}}",
         ERR_UNSUPPORTED_PARAMETER, "thread"},
        {OPERATION_RESPONSE,
         "{\"model\":\"a\",\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[]}]}",
         ERR_UNSUPPORTED_PARAMETER, "input"},
        {OPERATION_CHAT,
         "{\"model\":\"a\"," MESSAGES
         ",\"extra_body\":{\"google\":{\"cached_content\":\"cachedContents/1\"}}}",
         ERR_NOT_FOUND, "cached_content"},
    };

    EXPECT_REFUSALS(rows);
}

/* Go's JSON, for one, folds these two onto K and S. */
Test(dialect_request, a_name_with_letters_beyond_ascii_hides_no_miscased_one)
{
    static const struct refusal rows[] = {
        {OPERATION_CHAT,
         "{\"model\":\"a\"," MESSAGES ",\"max_to\xE2\x84\xAA"
         "ens\":1000000}",
         ERR_INVALID_REQUEST, ""},
        {OPERATION_CHAT, "{\"model\":\"a\"," MESSAGES ",\"\xC5\xBFtream\":true}",
         ERR_INVALID_REQUEST, ""},
        {OPERATION_CHAT, "{\"model\":\"a\"," MESSAGES ",\"model\xC5\xBF\":[\"b\"]}",
         ERR_INVALID_REQUEST, ""},
    };

    EXPECT_REFUSALS(rows);
}

/* Null is as good as absent, so a known name passes; with one letter in the wrong case it does not.
 */
static void
expect_known_in_one_case(enum operation operation, const char *written, bool is_known)
{
    static const char *const required[] = {
        [OPERATION_CHAT] = MESSAGES,
        [OPERATION_COMPLETION] = "\"prompt\":\"p\"",
        [OPERATION_EMBEDDING] = "\"input\":\"i\"",
        [OPERATION_RESPONSE] = "\"input\":\"i\"",
        [OPERATION_MESSAGE] = MESSAGES ",\"max_tokens\":1",
        [OPERATION_COUNT_TOKENS] = MESSAGES,
        [OPERATION_INPUT_TOKENS] = "\"input\":\"i\"",
        [OPERATION_COMPACTION] = "\"input\":\"i\"",
    };
    char body[512], name[64];
    size_t len = strlen(written);

    for (size_t at = 0; at <= len; at++) {
        bool is_miscased = at < len && written[at] != '_';

        snprintf(name, sizeof(name), "%s", written);
        if (is_miscased)
            name[at] = (char)(name[at] ^ 0x20);
        snprintf(body, sizeof(body), "{\"model\":\"m\",%s,\"%s\":null}", required[operation], name);
        int err = read_request(operation, body);
        cr_assert_eq(err, is_miscased && is_known ? ERR_INVALID_REQUEST : 0, "%s", body);
    }
}

Test(dialect_request, each_known_name_is_known_in_its_operations_and_refused_in_another_case)
{
#define CHAT    (1u << OPERATION_CHAT)
#define TEXT    (1u << OPERATION_COMPLETION)
#define RESPOND (1u << OPERATION_RESPONSE)
#define COMPACT (1u << OPERATION_COMPACTION)
#define STATE   (RESPOND | COMPACT | 1u << OPERATION_INPUT_TOKENS)
#define MESSAGE (1u << OPERATION_MESSAGE | 1u << OPERATION_COUNT_TOKENS)
    static const struct {
        const char *name;
        unsigned operations;
    } rows[] = {
        {"stream_options", CHAT | TEXT},
        {"max_completion_tokens", CHAT},
        {"max_output_tokens", RESPOND},
        {"n", CHAT | TEXT},
        {"best_of", TEXT},
        {"tools", CHAT},
        {"tool_choice", CHAT},
        {"encoding_format", 1u << OPERATION_EMBEDDING},
        {"service_tier", CHAT | TEXT | RESPOND | COMPACT | 1u << OPERATION_MESSAGE},
        {"prompt_cache_key", CHAT | RESPOND | COMPACT},
        {"metadata", 1u << OPERATION_MESSAGE},
        {"previous_response_id", STATE},
        {"conversation", STATE},
        {"container", MESSAGE},
        {"background", RESPOND | COMPACT},
        {"web_search_options", CHAT},
        {"mcp_servers", MESSAGE},
        {"fallbacks", MESSAGE},
        {"models", ~0u},
        {"speed", MESSAGE},
        {"inference_geo", MESSAGE},
        {"fallback_credit_token", MESSAGE},
        {"thread", MESSAGE},
        {"nobody_knows_this_one", 0},
        {"a_name_that_is_far_longer_than_any_that_is_known", 0},
        {"", 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned operation = 0; operation < DIALECT_N_OPERATIONS; operation++)
            expect_known_in_one_case((enum operation)operation, rows[i].name,
                                     (rows[i].operations >> operation & 1) != 0);
    }
#undef CHAT
#undef TEXT
#undef RESPOND
#undef MESSAGE
}

#define CHAT_PART(part)                                                                            \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[" part "]}]}"
#define MESSAGE_PART(part)                                                                         \
    "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":[" part "]}]}"
#define RESPONSE(more) "{\"model\":\"m\",\"input\":\"x\"," more "}"

Test(dialect_request, nobody_reaches_state_that_is_not_theirs)
{
    static const struct refusal rows[] = {
        {OPERATION_CHAT, CHAT_PART("{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}"),
         ERR_NOT_FOUND, "file_id"},
        {OPERATION_CHAT, CHAT_PART("{\"type\":\"file\",\"file\":{\"file\\u005fid\":\"file-1\"}}"),
         ERR_NOT_FOUND, "file_id"},
        {OPERATION_CHAT,
         "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"audio\":{\"id\":\"a\"}}]}",
         ERR_NOT_FOUND, "audio"},
        {OPERATION_MESSAGE,
         MESSAGE_PART("{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}"),
         ERR_NOT_FOUND, "file_id"},
        {OPERATION_MESSAGE, MESSAGE_PART("{\"type\":\"container_upload\",\"file_id\":\"f\"}"),
         ERR_NOT_FOUND, "file_id"},
        {OPERATION_MESSAGE, "{\"model\":\"m\",\"max_tokens\":1," MESSAGES ",\"container\":\"c\"}",
         ERR_NOT_FOUND, "container"},
        {OPERATION_MESSAGE,
         "{\"model\":\"m\",\"max_tokens\":1," MESSAGES ",\"container\":{\"id\":\"c\"}}",
         ERR_NOT_FOUND, "container"},
        {OPERATION_MESSAGE,
         "{\"model\":\"m\",\"max_tokens\":1," MESSAGES ",\"container\":{\"skills\":[{\"type\":"
         "\"anthropic\",\"skill_id\":\"pdf\"},{\"type\":\"custom\",\"skill_id\":\"s\"}]}}",
         ERR_NOT_FOUND, "container.skills"},
        {OPERATION_RESPONSE, RESPONSE("\"prompt\":{\"id\":\"pmpt_1\"}"), ERR_NOT_FOUND, "prompt"},
        {OPERATION_RESPONSE, RESPONSE("\"background\":true"), ERR_UNSUPPORTED_PARAMETER,
         "background"},
        {OPERATION_RESPONSE,
         RESPONSE("\"tools\":[{\"type\":\"file_search\",\"vector_store_ids\":[\"vs_1\"]}]"),
         ERR_NOT_FOUND, "vector_store_ids"},
        {OPERATION_RESPONSE,
         RESPONSE("\"tools\":[{\"type\":\"code_interpreter\",\"container\":\"cntr_1\"}]"),
         ERR_NOT_FOUND, "container"},
        {OPERATION_RESPONSE,
         RESPONSE("\"tools\":[{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\","
                  "\"file_ids\":[\"f\"]}}]"),
         ERR_NOT_FOUND, "file_ids"},
        {OPERATION_RESPONSE,
         "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\","
         "\"file_id\":\"f\"}]}]}",
         ERR_NOT_FOUND, "file_id"},
        {OPERATION_RESPONSE,
         "{\"model\":\"m\",\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]}",
         ERR_UNSUPPORTED_PARAMETER, "input"},
        {OPERATION_RESPONSE,
         "{\"model\":\"m\",\"input\":[{\"type\":\"item\\u005freference\",\"id\":\"x\"}]}",
         ERR_UNSUPPORTED_PARAMETER, "input"},
        {OPERATION_RESPONSE, "{\"model\":\"m\",\"input\":[{\"id\":\"msg_1\"}]}",
         ERR_UNSUPPORTED_PARAMETER, "input"},
        {OPERATION_RESPONSE,
         "{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"type\":\"item_reference\",\"id\":"
         "\"x\"}]}",
         ERR_UNSUPPORTED_PARAMETER, "input"},
        {OPERATION_INPUT_TOKENS,
         "{\"model\":\"m\",\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]}",
         ERR_UNSUPPORTED_PARAMETER, "input"},
        {OPERATION_COMPACTION,
         "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\","
         "\"file_id\":\"f\"}]}]}",
         ERR_NOT_FOUND, "file_id"},
        {OPERATION_COMPACTION, RESPONSE("\"prompt\":{\"id\":\"pmpt_1\"}"), ERR_NOT_FOUND, "prompt"},
        {OPERATION_RESPONSE, RESPONSE("\"previous_response_id\":7"), ERR_INVALID_REQUEST,
         "previous_response_id"},
        {OPERATION_RESPONSE, RESPONSE("\"conversation\":{}"), ERR_INVALID_REQUEST, "conversation"},
        {OPERATION_RESPONSE, RESPONSE("\"conversation\":{\"id\":\"a\",\"i\\u0064\":\"b\"}"),
         ERR_INVALID_REQUEST, "conversation"},
    };

    EXPECT_REFUSALS(rows);
}

Test(dialect_request, words_in_texts_schemas_and_arguments_are_just_words)
{
    static const struct {
        enum operation operation;
        const char *body;
    } rows[] = {
        {OPERATION_CHAT,
         CHAT_PART("{\"type\":\"text\",\"text\":\"say \\\"file_id\\\": \\\"f\\\"\"}")},
        {OPERATION_CHAT,
         "{\"model\":\"m\"," MESSAGES ",\"metadata\":{\"file_id\":\"x\"},\"tools\":[{"
         "\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{"
         "\"default\":{\"file_id\":\"x\"}}}}]}"},
        {OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES ",\"modalities\":[\"audio\"],\"audio\":{"
                         "\"voice\":\"v\",\"format\":\"wav\"}}"},
        {OPERATION_MESSAGE, MESSAGE_PART("{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\","
                                         "\"input\":{\"file_id\":\"x\"}}")},
        {OPERATION_RESPONSE,
         RESPONSE("\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\""
                  ":{\"file_ids\":[\"x\"]}}],\"background\":false,\"prompt\":null")},
        {OPERATION_RESPONSE,
         "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"x\"},{"
         "\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c\",\"name\":"
         "\"n\",\"arguments\":\"{}\"},{\"type\":null,\"role\":\"assistant\","
         "\"id\":\"msg_1\",\"content\":\"y\"}]}"},
        {OPERATION_MESSAGE, "{\"model\":\"m\",\"max_tokens\":1," MESSAGES
                            ",\"container\":null,\"speed\":\"standard\"}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(read_request(rows[i].operation, rows[i].body), 0, "%s: %s", rows[i].body,
                     why.detail);
        cr_expect_not(facts.is_unbounded);
    }
}

Test(dialect_request, what_has_no_bound_is_known)
{
    static const struct {
        enum operation operation;
        const char *body;
        bool is_unbounded, has_server_tools;
    } rows[] = {
        {OPERATION_CHAT,
         CHAT_PART("{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y\"}}"), true,
         false},
        {OPERATION_CHAT,
         CHAT_PART("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AA\"}}"),
         false, false},
        {OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES ",\"web_search_options\":{}}", true, true},
        {OPERATION_MESSAGE,
         MESSAGE_PART("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"http://x\"}}"),
         true, false},
        {OPERATION_MESSAGE,
         "{\"model\":\"m\",\"max_tokens\":1," MESSAGES
         ",\"tools\":[{\"name\":\"a\",\"input_schema\":{}},{\"type\":\"web_search_20250305\"}]}",
         true, true},
        {OPERATION_MESSAGE,
         "{\"model\":\"m\",\"max_tokens\":1," MESSAGES ",\"tools\":[{\"type\":\"bash_20250124\"}]}",
         false, false},
        {OPERATION_MESSAGE,
         "{\"model\":\"m\",\"max_tokens\":1," MESSAGES
         ",\"mcp_servers\":[{\"url\":\"https://x\"}]}",
         true, true},
        {OPERATION_RESPONSE, RESPONSE("\"tools\":[{\"type\":\"web_search\"}]"), true, true},
        {OPERATION_RESPONSE, RESPONSE("\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]"), false,
         false},
        {OPERATION_RESPONSE,
         "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\","
         "\"image_url\":\"https://x\"}]}]}",
         true, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(read_request(rows[i].operation, rows[i].body), 0, "%s: %s", rows[i].body,
                     why.detail);
        cr_expect_eq(facts.is_unbounded, rows[i].is_unbounded, "%s", rows[i].body);
        cr_expect_eq(facts.has_server_tools, rows[i].has_server_tools, "%s", rows[i].body);
    }
}
