/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <string.h>

#include "facts_read.h"
#include "relayos/codec/json_scan.h"

static void
expect_edited(const char *upstream_model, const struct slice *state_ids, const char *expected)
{
    const struct dialect *dialect = dialect_of(dialect_operation_protocol(facts.operation));
    struct buf scratch, out;
    struct edits edits;
    enum json_type type;

    buf_init(&scratch, DIALECT_SCRATCH);
    buf_init(&out, 1 << 20);
    dialect->edit_request(&facts, slice_str(upstream_model), state_ids, &scratch, &edits);
    edits_apply(&edits, facts.body, &out);
    cr_expect_eq(edits_length(&edits, facts.body), out.len);
    cr_expect_eq(json_scan_value(buf_slice(&out), &type, NULL), 0);
    cr_expect(slice_eq_str(buf_slice(&out), expected), "%.*s", (int)out.len, out.ptr);
    buf_fini(&scratch);
    buf_fini(&out);
}

#define MESSAGES       "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define RESPONSE(more) "{\"model\":\"m\",\"input\":\"x\"," more "}"

Test(dialect_edit, only_the_model_changes)
{
    static const char before[] =
        " { \"messages\" : [ ] ,\n\t\"model\" : \"public \\u00e9\" , \"x\":1e5,"
        "\"seed\":12345678901234567890, \"tools\":[{\"b\":1,\"a\":2}] } ";
    static const char after[] =
        " { \"messages\" : [ ] ,\n\t\"model\" : \"up\\\"stream\" , \"x\":1e5,"
        "\"seed\":12345678901234567890, \"tools\":[{\"b\":1,\"a\":2}] } ";

    cr_assert_eq(read_request(OPERATION_CHAT, before), 0);
    expect_edited("up\"stream", NULL, after);
}

#define STREAM(options) "{\"model\":\"m\"," MESSAGES ",\"stream\":true" options "}"
#define WITH(options)   "{\"model\":\"u\"," options MESSAGES ",\"stream\":true"

Test(dialect_edit, a_stream_is_asked_for_its_usage_and_nothing_else_changes)
{
    static const struct {
        const char *before, *after;
        bool wants_usage;
    } rows[] = {
        {STREAM(""), WITH("\"stream_options\":{\"include_usage\":true},") "}", false},
        {STREAM(",\"stream_options\":null"),
         WITH("") ",\"stream_options\":{\"include_usage\":true}}", false},
        {STREAM(",\"stream_options\":{}"), WITH("") ",\"stream_options\":{\"include_usage\":true}}",
         false},
        {STREAM(",\"stream_options\":{\n}"),
         WITH("") ",\"stream_options\":{\"include_usage\":true}}", false},
        {STREAM(",\"stream_options\":{ \"a\":[1]}"),
         WITH("") ",\"stream_options\":{\"include_usage\":true, \"a\":[1]}}", false},
        {STREAM(",\"stream_options\":{\"include_usage\":false,\"a\":1}"),
         WITH("") ",\"stream_options\":{\"include_usage\":true,\"a\":1}}", false},
        {STREAM(",\"stream_options\":{\"a\":1, \"include\\u005fusage\": null }"),
         WITH("") ",\"stream_options\":{\"a\":1, \"include\\u005fusage\": true }}", false},
        {STREAM(",\"stream_options\":{\"include_usage\":true}"),
         WITH("") ",\"stream_options\":{\"include_usage\":true}}", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(read_request(OPERATION_CHAT, rows[i].before), 0, "%s", why.detail);
        cr_expect_eq(facts.wants_usage, rows[i].wants_usage);
        expect_edited("u", NULL, rows[i].after);
    }
    /* Options in front of the model; no stream; another protocol. */
    cr_assert_eq(read_request(OPERATION_COMPLETION,
                              "{\"stream_options\":{},\"stream\":true,\"prompt\":"
                              "\"x\",\"model\":\"m\"}"),
                 0);
    expect_edited("u", NULL,
                  "{\"stream_options\":{\"include_usage\":true},\"stream\":true,"
                  "\"prompt\":\"x\",\"model\":\"u\"}");
    cr_assert_eq(read_request(OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES "}"), 0);
    expect_edited("u", NULL, "{\"model\":\"u\"," MESSAGES "}");
    cr_assert_eq(read_request(OPERATION_MESSAGE, STREAM(",\"max_tokens\":1")), 0);
    expect_edited("u", NULL, WITH("") ",\"max_tokens\":1}");
}

Test(dialect_edit, state_ids_are_put_in_where_they_stood)
{
    static const struct slice ids[] = {{"\"conv_up\"", 9}, {"\"resp_up\"", 9}};

    cr_assert_eq(read_request(OPERATION_RESPONSE,
                              "{\"conversation\":{\"x\":1,\"id\":\"conv_S\"},\"model\":\"m\","
                              "\"previous_response_id\":\"resp_S\",\"stream\":true}"),
                 0);
    cr_assert_eq(facts.n_state_ids, 2);
    cr_expect(slice_eq_str(facts.state_ids[0], "\"conv_S\""));
    expect_edited("u", ids,
                  "{\"conversation\":{\"x\":1,\"id\":\"conv_up\"},\"model\":\"u\","
                  "\"previous_response_id\":\"resp_up\",\"stream\":true}");
    cr_assert_eq(read_request(OPERATION_RESPONSE, RESPONSE("\"conversation\":\"conv_S\"")), 0);
    cr_expect(facts.n_state_ids == 1 && slice_eq_str(facts.state_ids[0], "\"conv_S\""));
}

/* QE-06: what a key with strict quotas may produce at most is what was reserved for it. */
Test(dialect_edit, output_is_capped_where_it_is_unbounded_or_above_the_cap)
{
    static const struct {
        enum operation operation;
        const char *before, *after;
    } rows[] = {
        {OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES "}",
         "{\"model\":\"u\",\"max_completion_tokens\":100," MESSAGES "}"},
        {OPERATION_CHAT, "{\"max_tokens\":101,\"model\":\"m\"," MESSAGES "}",
         "{\"max_tokens\":100,\"model\":\"u\"," MESSAGES "}"},
        {OPERATION_CHAT, "{\"max_tokens\":null,\"model\":\"m\"," MESSAGES "}",
         "{\"max_tokens\":100,\"model\":\"u\"," MESSAGES "}"},
        {OPERATION_CHAT,
         "{\"max_tokens\":900,\"model\":\"m\",\"max_completion_tokens\":7," MESSAGES "}",
         "{\"max_tokens\":100,\"model\":\"u\",\"max_completion_tokens\":7," MESSAGES "}"},
        {OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES ",\"max_completion_tokens\":2147483647}",
         "{\"model\":\"u\"," MESSAGES ",\"max_completion_tokens\":100}"},
        {OPERATION_COMPLETION, "{\"model\":\"m\",\"prompt\":\"p\"}",
         "{\"model\":\"u\",\"max_tokens\":100,\"prompt\":\"p\"}"},
        {OPERATION_RESPONSE, "{\"model\":\"m\",\"input\":\"p\",\"store\":false}",
         "{\"model\":\"u\",\"max_output_tokens\":100,\"input\":\"p\",\"store\":false}"},
        {OPERATION_MESSAGE, "{\"model\":\"m\",\"max_tokens\":4096," MESSAGES "}",
         "{\"model\":\"u\",\"max_tokens\":100," MESSAGES "}"},
        {OPERATION_MESSAGE, "{\"model\":\"m\",\"max_tokens\":100," MESSAGES "}",
         "{\"model\":\"u\",\"max_tokens\":100," MESSAGES "}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(read_request(rows[i].operation, rows[i].before), 0, "%s: %s", rows[i].before,
                     why.detail);
        cr_assert_eq(facts.cap_tokens, 0);
        facts.cap_tokens = 100;
        expect_edited("u", NULL, rows[i].after);
    }
}

Test(dialect_edit, a_server_that_may_not_know_the_new_limit_is_told_the_old_one)
{
    cr_assert_eq(read_request(OPERATION_CHAT, "{\"model\":\"m\"," MESSAGES "}"), 0);
    facts.cap_tokens = 100;
    facts.has_old_limit = true;
    expect_edited("u", NULL, "{\"model\":\"u\",\"max_tokens\":100," MESSAGES "}");
    cr_assert_eq(read_request(OPERATION_RESPONSE, "{\"model\":\"m\",\"input\":\"p\"}"), 0);
    facts.cap_tokens = 100;
    facts.has_old_limit = true;
    expect_edited("u", NULL, "{\"model\":\"u\",\"max_output_tokens\":100,\"input\":\"p\"}");
}

Test(dialect_edit, what_a_caller_said_in_the_new_word_is_said_in_the_old_one)
{
    static const char *const rows[][2] = {
        {"{\"max_completion_tokens\":7,\"model\":\"m\"," MESSAGES "}",
         "{\"max_tokens\":7,\"model\":\"u\"," MESSAGES "}"},
        {"{\"model\":\"m\"," MESSAGES ",\"max_completion_tokens\":900}",
         "{\"model\":\"u\"," MESSAGES ",\"max_tokens\":100}"},
        {"{\"model\":\"m\"," MESSAGES ",\"max_completion_tokens\":null}",
         "{\"model\":\"u\"," MESSAGES ",\"max_tokens\":100}"},
        {"{\"max_completion_tokens\":7,\"model\":\"m\"," MESSAGES ",\"max_tokens\":900}",
         "{\"max_completion_tokens\":7,\"model\":\"u\"," MESSAGES ",\"max_tokens\":100}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(read_request(OPERATION_CHAT, rows[i][0]), 0);
        facts.cap_tokens = 100;
        facts.has_old_limit = true;
        expect_edited("u", NULL, rows[i][1]);
    }
}
