/* SPDX-License-Identifier: ISC
 *
 * What chat's endpoints are sent in other protocols' words, and bodies whose path names the model.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "facts_read.h"

#define MESSAGES       "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define RESPONSE(more) "{\"model\":\"m\",\"input\":\"x\"," more "}"

Test(dialect_tools, a_chat_body_made_for_responses_is_read_as_what_it_is)
{
    cr_assert_eq(
        read_request(OPERATION_CHAT,
                     "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"x\"}],"
                     "\"instructions\":\"be kind\",\"stream\":true,\"n\":2,"
                     "\"stream_options\":{\"include_usage\":true},\"service_tier\":\"flex\","
                     "\"max_output_tokens\":40,\"prompt_cache_key\":\"k\\u00e9y\"}"),
        0);
    cr_expect_eq(facts.operation, OPERATION_CHAT);
    cr_expect_eq(facts.shape, OPERATION_RESPONSE);
    cr_expect(facts.is_mixed && facts.is_stream && facts.wants_usage);
    cr_expect_eq(facts.n_choices, 2);
    cr_expect_eq(facts.max_tokens, 40);
    cr_expect(slice_eq_str(facts.service_tier, "flex"));
    cr_expect(slice_eq_str(facts.affinity, "k\xC3\xA9y"));

    cr_assert_eq(read_request(OPERATION_CHAT, "{\"model\":\"m\",\"input\":1," MESSAGES "}"), 0);
    cr_expect(facts.shape == OPERATION_CHAT && !facts.is_mixed, "messages count");
    cr_assert_eq(read_request(OPERATION_CHAT, "{\"model\":\"m\",\"messages\":null,"
                                              "\"input\":\"x\",\"previous_response_id\":null}"),
                 0);
    cr_expect(facts.is_mixed);
    cr_assert_eq(
        read_request(OPERATION_CHAT,
                     "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"}]}"),
        0);
    cr_expect(facts.has_server_tools, "its tools may run at the provider");
}

Test(dialect_tools, a_chat_body_made_for_responses_has_no_state)
{
    static const struct {
        const char *body;
        int err;
        const char *param;
    } rows[] = {
        {RESPONSE("\"previous_response_id\":\"resp_1\""), ERR_UNSUPPORTED_PARAMETER,
         "previous_response_id"},
        {RESPONSE("\"conversation\":{\"id\":\"conv_1\"}"), ERR_UNSUPPORTED_PARAMETER,
         "conversation"},
        {RESPONSE("\"conversation\":\"conv_1\",\"previous_response_id\":null"),
         ERR_UNSUPPORTED_PARAMETER, "conversation"},
        {RESPONSE("\"background\":true"), ERR_UNSUPPORTED_PARAMETER, "background"},
        {RESPONSE("\"prompt\":{\"id\":\"p\"}"), ERR_NOT_FOUND, "prompt"},
        {RESPONSE("\"Previous_response_id\":null"), ERR_INVALID_REQUEST, ""},
        {"{\"model\":\"m\",\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]}",
         ERR_UNSUPPORTED_PARAMETER, "input"},
        {"{\"model\":\"m\",\"input\":7}", ERR_INVALID_REQUEST, "input"},
        {"{\"model\":\"m\",\"input\":null}", ERR_INVALID_REQUEST, "input"},
        {"{\"model\":\"m\"}", ERR_INVALID_REQUEST, "messages"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_eq(read_request(OPERATION_CHAT, rows[i].body), rows[i].err, "%s", rows[i].body);
        cr_expect_str_eq(why.param, rows[i].param, "%s", rows[i].body);
    }
}

Test(dialect_tools, tools_in_other_protocols_words_are_noticed)
{
    static const struct {
        const char *tools;
        bool is_mixed, has_flat;
    } rows[] = {
        {"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", false, false},
        {"\"tools\":[{\"function\":{\"name\":\"f\"},\"type\":\"function\"}]", false, false},
        {"\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"f\"}}]", false, false},
        {"\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{}}]", true, true},
        {"\"tools\":[{\"cache_control\":{\"name\":1},\"name\":\"f\",\"input_schema\":{\"function\":"
         "{}"
         "}}]",
         true, true},
        {"\"tools\": [ \n{ \"type\" : \"custom\" , \"name\" : \"f\" } ]", true, true},
        /* The second is not looked at, until an upstream has refused it. */
        {"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"name\":\"g\"}]",
         false, true},
        {"\"tools\":[{\"name\":\"g\"},{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", true,
         true},
        {"\"tools\":[{\"type\":\"web_search\"}]", false, false},
        {"\"tools\":[]", false, false},
        {"\"tools\":\"{\"", false, false},
        {"\"tools\":null", false, false},
        {"\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}", true, false},
        {"\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", false, false},
        {"\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"name\":\"x\"}}", false,
         false},
        {"\"tool_choice\":\"auto\"", false, false},
    };
    char body[512];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(body, sizeof(body), " {\"model\":\"m\"," MESSAGES ",%s}", rows[i].tools);
        cr_assert_eq(read_request(OPERATION_CHAT, body), 0, "%s", body);
        cr_expect_eq(facts.is_mixed, rows[i].is_mixed, "%s", body);
        cr_expect_eq(dialect_has_flat_tool(&facts), rows[i].has_flat, "%s", body);
        cr_expect_eq(facts.shape, OPERATION_CHAT);
    }
}

Test(dialect_tools, how_vectors_are_wanted_is_known)
{
    static const struct {
        const char *more;
        enum embedding_encoding encoding;
    } rows[] = {{"", EMBEDDING_FLOAT},
                {",\"encoding_format\":null", EMBEDDING_FLOAT},
                {",\"encoding_format\":\"float\"", EMBEDDING_FLOAT},
                {",\"encoding_format\":\"b\\u0061se64\"", EMBEDDING_BASE64},
                {",\"encoding_format\":\"int8\"", EMBEDDING_OTHER}};
    char body[128];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(body, sizeof(body), "{\"model\":\"m\",\"input\":\"x\"%s}", rows[i].more);
        cr_assert_eq(read_request(OPERATION_EMBEDDING, body), 0);
        cr_expect_eq(facts.encoding, rows[i].encoding, "%s", body);
    }
    cr_expect_eq(read_request(OPERATION_EMBEDDING,
                              "{\"model\":\"m\",\"input\":\"x\",\"encoding_format\":64}"),
                 ERR_INVALID_REQUEST);
}

/* ---- a model named by the path ---- */

Test(dialect_tools, the_paths_model_takes_the_place_of_the_bodys)
{
    static const struct {
        const char *body, *model, *expected;
    } rows[] = {
        {"{\"messages\": [] }", "m", "{\"model\":\"m\",\"messages\": [] }"},
        {"{ \"model\" : \"x\", \"n\":1.0}", "a/b", "{ \"model\" : \"a/b\", \"n\":1.0}"},
        {"\n{\"n\":1,\"mod\\u0065l\":{\"x\":1}}\n", "m", "{\"n\":1,\"mod\\u0065l\":\"m\"}"},
        {"{}", "a\"\\\x01", "{\"model\":\"a\\\"\\\\\\u0001\"}"},
        {"{\"model\":null,\"x\":{\"model\":\"inner\"}}", "m",
         "{\"model\":\"m\",\"x\":{\"model\":\"inner\"}}"},
        {"not json", "m", "not json"},
        {"{\"model\":1,\"model\":2}", "m", "{\"model\":1,\"model\":2}"}, /* refused later */
        {"", "m", ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out;

        buf_init(&out, strlen(rows[i].body) + 6 * strlen(rows[i].model) + DIALECT_NAME_ROOM);
        dialect_name_model(slice_str(rows[i].body), slice_str(rows[i].model), &out);
        cr_expect(!out.overflow && slice_eq_str(buf_slice(&out), rows[i].expected), "%.*s",
                  (int)out.len, out.ptr);
        buf_fini(&out);
    }
}
