/* SPDX-License-Identifier: ISC */
#include "stream_run.h"

#include <stdlib.h>

#include "relayos/codec/json_scan.h"

static struct usage usage;
static struct reply_facts facts;
static char error_text[64];

/* The caller's body (to be freed), "" for an error, NULL for what is no answer. */
static char *
rewritten(enum operation operation, const char *body)
{
    const struct dialect *dialect = dialect_of(dialect_operation_protocol(operation));
    const struct reply_context context = run_context(operation, true);
    struct buf scratch, out;
    struct edits edits;
    enum json_type type;

    memset(&usage, 0xA5, sizeof(usage));
    buf_init(&scratch, DIALECT_SCRATCH);
    buf_init(&out, 1 << 20);
    int err = dialect->read_reply(&context, slice_str(body), &scratch, &edits, &usage, &facts);
    cr_expect(err == 0 || err == ERR_UPSTREAM_ERROR);
    char *text = NULL;
    if (err == 0 && !facts.is_error) {
        edits_apply(&edits, slice_str(body), &out);
        cr_expect_eq(edits_length(&edits, slice_str(body)), out.len);
        cr_expect_eq(json_scan_value(buf_slice(&out), &type, NULL), 0);
        text = strndup(out.ptr, out.len);
    } else if (err == 0) {
        snprintf(error_text, sizeof(error_text), "%.*s", (int)facts.error_text.len,
                 facts.error_text.ptr);
        text = strdup("");
    }
    buf_fini(&scratch);
    buf_fini(&out);
    return text;
}

Test(dialect_reply, ids_models_and_marks_change_and_nothing_else)
{
    static const struct {
        enum operation operation;
        const char *before, *after;
    } rows[] = {
        {OPERATION_CHAT,
         "{\"id\": \"canary\", "
         "\"object\":\"chat.completion\",\"model\":\"canary\",\"choices\":[{\"index\":0,"
         "\"message\":{\"role\":\"assistant\",\"content\":\"id "
         "model\"}}],\n\"usage\":{\"prompt_tokens\":3,"
         "\"completion_tokens\":2,\"cost\":0.01,\"cost_details\":{\"canary\":1}},\"system_"
         "fingerprint\":"
         "\"canary\",\"provider\":\"canary\"}\n",
         "{\"id\": \"chatcmpl-" RUN_HEX
         "\", \"object\":\"chat.completion\",\"model\":\"public-model\","
         "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"id "
         "model\"}}],\n"
         "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n"},
        {OPERATION_CHAT,
         "{\"choices\":[],\"time_info\":{\"queue\":1},\"usage\":{\"queue_time\":0.1,"
         "\"prompt_tokens\":3,\"prompt_time\":0.1,\"total_time\":0.3},"
         "\"kv_transfer_params\":null}",
         "{\"choices\":[],\"usage\":{\"prompt_tokens\":3}}"},
        {OPERATION_COMPLETION, "{\"id\":\"canary\",\"choices\":[{\"text\":\"x\"}]}",
         "{\"id\":\"cmpl-" RUN_HEX "\",\"choices\":[{\"text\":\"x\"}]}"},
        {OPERATION_EMBEDDING,
         "{\"object\":\"list\",\"data\":[{\"embedding\":\"AAAA\"}],\"model\":\"canary\",\"usage\":{"
         "\"prompt_tokens\":5,\"total_tokens\":5}}",
         "{\"object\":\"list\",\"data\":[{\"embedding\":\"AAAA\"}],\"model\":\"public-model\","
         "\"usage\":{"
         "\"prompt_tokens\":5,\"total_tokens\":5}}"},
        {OPERATION_MESSAGE,
         "{\"id\":\"canary\",\"type\":\"message\",\"model\":\"canary\",\"content\":[{\"type\":"
         "\"text\",\"text\":"
         "\"hi\"}],\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}",
         "{\"id\":\"msg_" RUN_HEX
         "\",\"type\":\"message\",\"model\":\"public-model\",\"content\":[{\"type\":"
         "\"text\",\"text\":\"hi\"}],\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}"},
        {OPERATION_COUNT_TOKENS, "{\"input_tokens\":17}", "{\"input_tokens\":17}"},
        {OPERATION_INPUT_TOKENS, "{\"object\":\"response.input_tokens\",\"input_tokens\":17}",
         "{\"object\":\"response.input_tokens\",\"input_tokens\":17}"},
        {OPERATION_COMPACTION, "{\"object\":\"response.compaction\",\"output\":[]}",
         "{\"object\":\"response.compaction\",\"output\":[]}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = rewritten(rows[i].operation, rows[i].before);
        cr_assert_not_null(text);
        cr_expect_str_eq(text, rows[i].after);
        cr_expect(usage.count[USAGE_REQUEST] == !dialect_operation_counts(rows[i].operation));
        free(text);
    }
}

static void
expect_sealed(enum operation operation)
{
    static const char *const path[] = {"id"};
    const struct reply_context context = run_context(operation, false);
    char *text = rewritten(
        operation, "{\"id\":\"resp_canary\",\"error\":null,\"model\":\"canary\",\"output\":[],"
                   "\"previous_response_id\":null,\"conversation\":\"conv_1\",\"usage\":{"
                   "\"input_tokens\":3,\"output_tokens\":2}}");
    struct json_object object;
    struct json_error error;
    struct json_member id;
    struct buf opened;
    uint32_t place;

    cr_assert_not_null(text);
    cr_expect_null(strstr(text, "canary"));
    cr_expect_null(strstr(text, "conv_1\""));
    cr_assert_eq(json_scan_object(slice_str(text), &object, &error), 0);
    cr_assert(json_find_path(&object, path, 1, &id));
    buf_init(&opened, 256);
    cr_assert_eq(seal_open(context.seal, context.owner_hash,
                           slice_sub(id.value, 1, id.value.len - 1), &place, &opened),
                 0);
    cr_expect(slice_eq_str(buf_slice(&opened), "resp_canary"));
    cr_expect_eq(place, context.place);
    cr_expect_eq(usage.count[USAGE_INPUT], 3);
    cr_expect_eq(usage.count[USAGE_OUTPUT], 2);
    buf_fini(&opened);
    free(text);
}

Test(dialect_reply, a_kept_answer_opens_again_for_its_owner)
{
    expect_sealed(OPERATION_RESPONSE);
    expect_sealed(OPERATION_COMPACTION);
}

Test(dialect_reply, what_is_no_answer_is_an_upstream_error)
{
    static const struct {
        enum operation operation;
        const char *body;
    } rows[] = {
        {OPERATION_CHAT, ""},
        {OPERATION_CHAT, "<html>502</html>"},
        {OPERATION_CHAT, "{}"},
        {OPERATION_CHAT, "{\"choices\":null}"},
        {OPERATION_CHAT, "{\"choices\":[]"},
        {OPERATION_CHAT, "{\"choices\":[],\"id\":1,\"id\":2}"},
        {OPERATION_CHAT, "{\"choices\":[]}{}"},
        {OPERATION_EMBEDDING, "{\"choices\":[]}"},
        {OPERATION_RESPONSE, "{\"id\":\"x\"}"},
        {OPERATION_RESPONSE, "{\"id\":5,\"output\":[]}"},
        {OPERATION_MESSAGE, "{\"content\":\"x\"}"},
        {OPERATION_COUNT_TOKENS, "{\"input_tokens\":\"5\"}"},
        {OPERATION_INPUT_TOKENS, "{\"object\":\"response.input_tokens\"}"},
        {OPERATION_COMPACTION, "{\"output\":\"x\"}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_null(rewritten(rows[i].operation, rows[i].body), "%s", rows[i].body);
}

Test(dialect_reply, an_error_inside_a_200_is_one)
{
    static const struct {
        enum operation operation;
        const char *body;
        enum err_category category;
    } rows[] = {
        {OPERATION_CHAT, "{\"error\":{\"message\":\"canary\",\"code\":503}}",
         ERR_CATEGORY_OVERLOADED},
        {OPERATION_CHAT, "{\"error\":\"canary\",\"choices\":[]}", ERR_CATEGORY_UPSTREAM_ERROR},
        {OPERATION_MESSAGE,
         "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"canary\"}}",
         ERR_CATEGORY_UPSTREAM_RATE_LIMITED},
        {OPERATION_RESPONSE,
         "{\"id\":\"resp_1\",\"status\":\"failed\",\"output\":[],\"error\":{\"code\":\"server_"
         "error\","
         "\"message\":\"canary\"}}",
         ERR_CATEGORY_UPSTREAM_ERROR},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = rewritten(rows[i].operation, rows[i].body);
        cr_expect_str_eq(text, "");
        cr_expect_eq(facts.category, rows[i].category);
        cr_expect_str_eq(error_text, "canary");
        free(text);
    }
}

Test(dialect_reply, every_mark_of_an_upstream_is_cut)
{
    static const char *const marks[] = {
        "system_fingerprint",    "provider",  "x_groq",         "request_id", "nvext", "timings",
        "prompt_filter_results", "container", "pr\\u006fvider",
    };
    char body[256];

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        snprintf(body, sizeof(body), "{\"choices\":[],\"%s\":{\"%s\":1},\"%.2s\":2}", marks[i],
                 marks[i], marks[i]);
        char *text = rewritten(OPERATION_CHAT, body);
        snprintf(body, sizeof(body), "{\"choices\":[],\"%.2s\":2}", marks[i]);
        cr_expect_str_eq(text, body);
        free(text);
    }
}

Test(dialect_reply, an_answer_without_usage_is_measured_by_what_it_says)
{
    static const struct {
        const char *message;
        int64_t bytes;
    } rows[] = {
        {"\"content\":\"abc\"", 3},
        {"\"text\":\"abc\"", 3},
        {"\"reasoning_content\":\"abc\"", 3},
        {"\"reasoning\":\"abc\"", 3},
        {"\"refusal\":\"abc\"", 3},
        {"\"arguments\":\"{\\\"a\\\":1}\"", 7},
        {"\"partial_json\":\"abc\"", 3},
        {"\"thinking\":\"abc\"", 3},
        {"\"transcript\":\"abc\"", 3},
        {"\"input\":\"abc\"", 3},
        {"\"delta\":\"abc\"", 3},
        {"\"c\\u006fntent\":\"abc\"", 3},
        {"\"content\":[{\"text\":\"a\"},{\"text\":\"b\"}]", 2},
        {"\"input\":{\"text\":\"a\"}", 1},
        {"\"name\":\"abc\"", 0},
        {"\"data\":{\"text\":\"a\"}", 0},
        {"\"logprobs\":{\"content\":\"abc\"}", 0},
        {"\"reasoning_details\":[{\"text\":\"abc\"}],\"text\":\"a\"", 1},
    };
    char body[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(body, sizeof(body), "{\"choices\":[{\"message\":{%s}}]}", rows[i].message);
        char *text = rewritten(OPERATION_CHAT, body);
        cr_expect_str_eq(text, body);
        cr_expect_eq(facts.content_bytes, rows[i].bytes, "%s", rows[i].message);
        free(text);
    }
}

/* What nobody is charged for may cost the operator all the same. */
Test(dialect_reply, an_answer_that_failed_says_what_it_used)
{
    static const struct {
        enum operation operation;
        const char *body;
    } rows[] = {
        {OPERATION_CHAT, "{\"error\":{\"message\":\"m\"},\"usage\":{\"prompt_tokens\":7,"
                         "\"completion_tokens\":3}}"},
        {OPERATION_RESPONSE, "{\"status\":\"failed\",\"error\":{\"message\":\"m\"},\"output\":[],"
                             "\"usage\":{\"input_tokens\":7,\"output_tokens\":3}}"},
        {OPERATION_CHAT, "{\"object\":\"error\",\"message\":\"m\",\"usage\":{\"prompt_tokens\":7,"
                         "\"completion_tokens\":3}}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = rewritten(rows[i].operation, rows[i].body);

        cr_expect_str_eq(text, "");
        cr_expect_str_eq(error_text, "m");
        cr_expect(usage.is_reported && usage.count[USAGE_INPUT] == 7, "row %zu", i);
        cr_expect_eq(usage.count[USAGE_OUTPUT], 3);
        free(text);
    }
    free(rewritten(OPERATION_CHAT, "{\"error\":{\"message\":\"m\"}}"));
    cr_expect_not(usage.is_reported);
}

Test(dialect_reply, an_answer_whose_output_was_not_counted_is_measured)
{
    free(rewritten(OPERATION_CHAT, "{\"choices\":[{\"message\":{\"content\":\"abc\"}}],"
                                   "\"usage\":{\"prompt_tokens\":7}}"));
    cr_expect_eq(usage.totals, USAGE_SAID_INPUT);
    cr_expect_eq(facts.content_bytes, 3);
    free(rewritten(OPERATION_CHAT, "{\"choices\":[{\"message\":{\"content\":\"abc\"}}],"
                                   "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":0}}"));
    cr_expect_eq(facts.content_bytes, 0);
}
