/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "relayos/base/limits.h"
#include "relayos/codec/translate.h"

#define WRITTEN_ALL                                                                                \
    "{\"model\":\"m\",\"max_tokens\":9,\"max_output_tokens\":9,\"stream\":true,\"store\":false,"   \
    "\"temperature\":1.0,\"messages\":[ 1 ],\"input\":[ 2 ],\"system\":\"s\",\"instructions\":"    \
    "\"i\",\"tools\":[],\"metadata\":{},\"include\":[],\"thinking\":{},\"reasoning\":{}}"

static void
expect_asked(enum protocol upstream, const char *written, const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    cr_assert_eq(translate_count_request(upstream, SLICE_LIT("m"), slice_str(written), &out), 0);
    cr_expect(slice_eq_str(buf_slice(&out), expected), "%.*s", (int)out.len, out.ptr);
    buf_fini(&out);
}

Test(translate_count, a_request_is_counted_with_all_that_belongs_to_it)
{
    expect_asked(PROTOCOL_GEMINI, "{\"contents\":[]}",
                 "{\"generateContentRequest\":{\"model\":\"models/m\",\"contents\":[]}}");
    expect_asked(PROTOCOL_ANTHROPIC_MESSAGES, WRITTEN_ALL,
                 "{\"model\":\"m\",\"messages\":[ 1 ],\"system\":\"s\",\"tools\":[],"
                 "\"thinking\":{}}");
    expect_asked(PROTOCOL_OPENAI_RESPONSES, WRITTEN_ALL,
                 "{\"model\":\"m\",\"input\":[ 2 ],\"instructions\":\"i\",\"tools\":[],"
                 "\"reasoning\":{}}");
}

/* What the caller wrote lies one deeper in what we write of it. */
Test(translate_count, what_is_too_deep_to_be_read_again_is_no_assertion)
{
    struct buf body, out;

    buf_init(&body, 4096);
    buf_init(&out, 4096);
    buf_append_str(&body, "{\"input\":");
    for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
        buf_append_byte(&body, '[');
    for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
        buf_append_byte(&body, ']');
    buf_append_byte(&body, '}');
    cr_expect_eq(
        translate_count_request(PROTOCOL_OPENAI_RESPONSES, SLICE_LIT("m"), buf_slice(&body), &out),
        ERR_INVALID_REQUEST);
    buf_fini(&body);
    buf_fini(&out);
}

Test(translate_count, only_a_number_is_an_answer)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "{\"error\":{\"code\":5}}",
                                      "{\"totalTokens\":\"7\"}",
                                      "{\"totalTokens\":-7}",
                                      "{\"totalTokens\":1.5}",
                                      "{\"input_tokens\":7}",
                                      "[{\"totalTokens\":7}]"};
    int64_t tokens = 0;

    cr_assert_eq(translate_count_read(PROTOCOL_GEMINI, SLICE_LIT("{\"totalTokens\": 31}"), &tokens),
                 0);
    cr_expect_eq(tokens, 31);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(translate_count_read(PROTOCOL_GEMINI, slice_str(bad[i]), &tokens),
                     ERR_UPSTREAM_ERROR, "%s", bad[i]);
    cr_assert_eq(translate_count_read(PROTOCOL_OPENAI_RESPONSES,
                                      SLICE_LIT("{\"object\":\"response.input_tokens\","
                                                "\"input_tokens\":32}"),
                                      &tokens),
                 0);
    cr_expect_eq(tokens, 32);
}

Test(translate_count, whoever_counts_every_client_gets_its_own_shape)
{
    struct buf out;

    buf_init(&out, 256);
    translate_count_write(PROTOCOL_ANTHROPIC_MESSAGES, 17, &out);
    cr_expect(slice_eq_str(buf_slice(&out), "{\"input_tokens\":17}"));
    buf_clear(&out);
    translate_count_write(PROTOCOL_OPENAI_RESPONSES, 17, &out);
    cr_expect(slice_eq_str(buf_slice(&out),
                           "{\"object\":\"response.input_tokens\",\"input_tokens\":17}"));
    buf_fini(&out);
}
