/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "relayos/codec/dialect.h"
#include "relayos/codec/json_scan.h"

static const enum protocol protocols[] = {PROTOCOL_OPENAI_CHAT, PROTOCOL_OPENAI_RESPONSES,
                                          PROTOCOL_ANTHROPIC_MESSAGES};
static struct buf scratch;
static struct reply_facts facts;

static enum err_category
category_of(int status, const char *body)
{
    if (scratch.cap == 0)
        buf_init(&scratch, DIALECT_SCRATCH);
    dialect_of(PROTOCOL_OPENAI_CHAT)->read_error(status, slice_str(body), &scratch, &facts);
    cr_expect(facts.is_error);
    return facts.category;
}

#define CODE(code)                                                                                 \
    "{\"error\":{\"message\":\"canary\",\"type\":\"invalid_request_error\",\"code\":\"" code "\"}" \
    "}"
#define TYPE(type) "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"canary\"}}"
#define TEXT(text) "{\"error\":{\"message\":\"" text "\",\"type\":\"invalid_request_error\"}}"

/* Only 401 and 402 shut a credential for everybody. */
Test(dialect_error, a_refusal_is_of_the_credential_only_if_it_says_so)
{
    static const struct {
        int status;
        const char *body;
        int refusal; /* 0: another category */
    } rows[] = {
        {401, "", 401},
        {402, "", 402},
        {403, "<html>", 403},
        {404, "", 404},
        {401, TYPE("permission_error"), 401},
        {403, CODE("insufficient_quota"), 402},
        {429, CODE("insufficient_quota"), 402},
        {400, CODE("model_not_found"), 404},
        {0, CODE("model_not_found"), 404},
        {0, TYPE("authentication_error"), 401},
        {0, TYPE("not_found_error"), 404},
        {0, "{\"error\":{\"code\":403,\"message\":\"Key limit\"}}", 403},
        {0, "{\"error\":{\"code\":402,\"message\":\"More credits\"}}", 402},
        {400, TEXT("Your credit balance is too low to access the API."), 402},
        {400, TEXT("API key not valid. Please pass a valid API key."), 401},
        /* What a caller has written comes back in the text. */
        {400, TEXT("Invalid value: 'API key not valid.'. Supported values are: 'user'."), 0},
        {400, TEXT("Invalid role 'your credit balance is too low'"), 0},
        {400, TEXT("'x' does not match: this organization has been disabled"), 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_refusal =
            category_of(rows[i].status, rows[i].body) == ERR_CATEGORY_UPSTREAM_UNAVAILABLE;

        cr_expect_eq(is_refusal, rows[i].refusal != 0, "%d %s", rows[i].status, rows[i].body);
        cr_expect_eq(facts.refusal, rows[i].refusal, "%d %s", rows[i].status, rows[i].body);
    }
}

Test(dialect_error, a_request_larger_than_the_rate_allows_is_nobody_elses_matter)
{
    cr_expect_eq(category_of(429, TEXT("Request too large for gpt-4o in organization org-x on "
                                       "tokens per min (TPM): Limit 30000, Requested 61234.")),
                 ERR_CATEGORY_UPSTREAM_RATE_LIMITED);
    cr_expect(facts.is_askers_own);
    cr_expect_eq(category_of(429, TEXT("Rate limit reached for gpt-4o in organization org-x")),
                 ERR_CATEGORY_UPSTREAM_RATE_LIMITED);
    cr_expect_not(facts.is_askers_own);
    cr_expect_eq(category_of(429, ""), ERR_CATEGORY_UPSTREAM_RATE_LIMITED);
    cr_expect_not(facts.is_askers_own);
    cr_expect_eq(category_of(500, TEXT("Request too large for gpt-4o")),
                 ERR_CATEGORY_UPSTREAM_ERROR);
    cr_expect_not(facts.is_askers_own);
}

Test(dialect_error, upstream_errors_have_categories)
{
    static const struct {
        int status;
        const char *body;
        enum err_category category;
    } rows[] = {
        {400, "", ERR_CATEGORY_INVALID_REQUEST},
        {400, TEXT("whatever"), ERR_CATEGORY_INVALID_REQUEST},
        {422, "{\"detail\":[{\"loc\":[]}]}", ERR_CATEGORY_INVALID_REQUEST},
        {400, CODE("unsupported_parameter"), ERR_CATEGORY_UNSUPPORTED_PARAMETER},
        {400, CODE("unsupported_value"), ERR_CATEGORY_UNSUPPORTED_PARAMETER},
        {400, CODE("context_length_exceeded"), ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED},
        {400, TEXT("prompt is too long: 210000 tokens > 200000"),
         ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED},
        {413, TYPE("prompt is too long"), ERR_CATEGORY_REQUEST_TOO_LARGE},
        {400, TEXT("The input token count (9) exceeds the maximum"),
         ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED},
        {400, TEXT("This model's Maximum context length is 8192"),
         ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED},
        {400, CODE("content_policy_violation"), ERR_CATEGORY_CONTENT_REFUSED},
        {400, CODE("content_filter"), ERR_CATEGORY_CONTENT_REFUSED},
        {400, TEXT("Your credit balance is too low"), ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
        {400,
         "[{\"error\":{\"code\":400,\"message\":\"API key not "
         "valid.\",\"status\":\"INVALID_ARGUMENT\"}}]",
         ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
        {401, CODE("invalid_api_key"), ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
        {401, "", ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
        {402, "", ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
        {403, "<html>", ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
        {404, CODE("model_not_found"), ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
        {404, "", ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
        {408, "", ERR_CATEGORY_UPSTREAM_TIMEOUT},
        {409, "", ERR_CATEGORY_UPSTREAM_ERROR},
        {413, "", ERR_CATEGORY_REQUEST_TOO_LARGE},
        {429, CODE("rate_limit_exceeded"), ERR_CATEGORY_UPSTREAM_RATE_LIMITED},
        {429, "", ERR_CATEGORY_UPSTREAM_RATE_LIMITED},
        {429, CODE("insufficient_quota"), ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
        {500, CODE("context_length_exceeded"), ERR_CATEGORY_UPSTREAM_ERROR},
        {500, "", ERR_CATEGORY_UPSTREAM_ERROR},
        {502, "<html>", ERR_CATEGORY_UPSTREAM_ERROR},
        {503, "", ERR_CATEGORY_OVERLOADED},
        {504, "", ERR_CATEGORY_UPSTREAM_TIMEOUT},
        {529, TYPE("overloaded_error"), ERR_CATEGORY_OVERLOADED},
        {307, "", ERR_CATEGORY_UPSTREAM_ERROR},
        /* Inside a 200 or a stream there is no status to go by. */
        {0, TYPE("overloaded_error"), ERR_CATEGORY_OVERLOADED},
        {0, TYPE("rate_limit_error"), ERR_CATEGORY_UPSTREAM_RATE_LIMITED},
        {0, TYPE("invalid_request_error"), ERR_CATEGORY_INVALID_REQUEST},
        {0, TYPE("authentication_error"), ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
        {0, TYPE("timeout_error"), ERR_CATEGORY_UPSTREAM_TIMEOUT},
        {0, "{\"error\":{\"code\":429,\"message\":\"x\"}}", ERR_CATEGORY_UPSTREAM_RATE_LIMITED},
        {0, "{\"error\":{\"code\":400,\"message\":\"prompt is too long\"}}",
         ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED},
        {0, "{\"error\":{\"code\":200}}", ERR_CATEGORY_UPSTREAM_ERROR},
        {0, "nonsense", ERR_CATEGORY_UPSTREAM_ERROR},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(category_of(rows[i].status, rows[i].body), rows[i].category, "%d %s: %s",
                     rows[i].status, rows[i].body, err_category_name(facts.category));
}

/* As the providers write them, word for word where the word matters. */
static const struct {
    int status;
    const char *body;
    enum err_category category;
} said[] = {
    /* The prompt is too long. */
    {400,
     "{\"error\":{\"message\":\"Your input exceeds the context window of this model. Please "
     "adjust your input and try again.\",\"type\":\"invalid_request_error\",\"param\":"
     "\"input\",\"code\":\"context_length_exceeded\"}}",
     ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED},
    {400,
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"input "
     "length and `max_tokens` exceed context limit: 190000 + 64000 > 200000\"}}",
     ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED},
    {400,
     "[{\"error\":{\"code\":400,\"message\":\"The input token count (1200000) exceeds the "
     "maximum number of tokens allowed (1048576).\",\"status\":\"INVALID_ARGUMENT\"}}]",
     ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED},
    {400,
     "{\"object\":\"error\",\"message\":\"This model's maximum context length is 8192 tokens. "
     "However, you requested 9000\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}",
     ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED},
    {400,
     "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size, "
     "try increasing it\",\"type\":\"exceed_context_size_error\"}}",
     ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED},
    /* Refused for what it says: also with a status that else blames a credential. */
    {400,
     "{\"error\":{\"message\":\"The response was filtered due to the prompt triggering Azure "
     "OpenAI's content management policy.\",\"code\":\"content_filter\",\"status\":400}}",
     ERR_CATEGORY_CONTENT_REFUSED},
    {400,
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Output "
     "blocked by content filtering policy\"}}",
     ERR_CATEGORY_CONTENT_REFUSED},
    {403, "{\"code\":\"x\",\"error\":\"Content violates usage guidelines.\"}",
     ERR_CATEGORY_CONTENT_REFUSED},
    {403,
     "{\"error\":{\"code\":403,\"message\":\"The chosen model requires moderation and your "
     "input was flagged\"}}",
     ERR_CATEGORY_CONTENT_REFUSED},
    /* Our account, our model names. */
    {429,
     "{\"error\":{\"message\":\"You exceeded your current quota\",\"type\":"
     "\"insufficient_quota\",\"param\":null,\"code\":\"insufficient_quota\"}}",
     ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
    {400,
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your "
     "credit balance is too low to access the Anthropic API.\"}}",
     ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
    {402, "{\"error\":{\"message\":\"Insufficient Balance\",\"type\":\"unknown_error\"}}",
     ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
    {404, "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"model: x\"}}",
     ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
    {404, "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"x\"}}",
     ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
    {400, "{\"error\":{\"code\":400,\"message\":\"x/y is not a valid model ID\"}}",
     ERR_CATEGORY_UPSTREAM_UNAVAILABLE},
    /* State that the caller named wrongly is no trouble of the route. */
    {404,
     "{\"error\":{\"message\":\"Item with id 'rs_1' not found. Items are not persisted when "
     "`store` is set to false.\",\"type\":\"invalid_request_error\"}}",
     ERR_CATEGORY_INVALID_REQUEST},
    /* Too much. */
    {429, "[{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}]",
     ERR_CATEGORY_UPSTREAM_RATE_LIMITED},
    {498, "", ERR_CATEGORY_UPSTREAM_RATE_LIMITED},
    {503, "[{\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}]", ERR_CATEGORY_OVERLOADED},
    {0, "{\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}", ERR_CATEGORY_OVERLOADED},
    {0, "{\"type\":\"error\",\"code\":\"server_is_overloaded\"}", ERR_CATEGORY_OVERLOADED},
};

Test(dialect_error, what_providers_say_is_understood)
{
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
        cr_expect_eq(category_of(said[i].status, said[i].body), said[i].category, "%d %s: %s",
                     said[i].status, said[i].body, err_category_name(facts.category));
}

Test(dialect_error, a_param_is_repeated_only_if_it_is_a_path_in_a_request)
{
    static const struct {
        const char *param, *kept;
    } rows[] = {
        {"\"messages[0].content\"", "messages[0].content"},
        {"\"tools.0.function.name\"", "tools.0.function.name"},
        {"\"temperature\"", "temperature"},
        {"\"canary\"", ""},
        {"\"canary.example.com\"", ""},
        {"\"messages https://canary\"", ""},
        {"\"messages/../canary\"", ""},
        {"\"\"", ""},
        {"null", ""},
        {"[\"messages\"]", ""},
        {"\"messages."
         "0123456789012345678901234567890123456789012345678901234567890123456789012345678"
         "901234567890123456789\"",
         ""},
    };
    char body[512];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(body, sizeof(body), "{\"error\":{\"message\":\"canary\",\"param\":%s}}",
                 rows[i].param);
        category_of(400, body);
        cr_expect(slice_eq_str(facts.error_param, rows[i].kept), "%s", rows[i].param);
    }
}

Test(dialect_error, upstream_words_are_kept_for_the_trace_and_bounded)
{
    static char body[8192];

    category_of(502, "<html>bad gateway</html>");
    cr_expect(slice_eq_str(facts.error_text, "<html>bad gateway</html>"));
    category_of(400, "{\"error\":{\"message\":\"say \\\"hi\\\"\"}}");
    cr_expect(slice_eq_str(facts.error_text, "say \"hi\""));
    memset(body, 'x', sizeof(body) - 1);
    category_of(500, body);
    cr_expect_leq(facts.error_text.len, 1024);
    memcpy(body, "{\"message\":\"", 12);
    memcpy(body + sizeof(body) - 3, "\"}", 2);
    category_of(400, body);
    cr_expect_leq(facts.error_text.len, 1024);
}

static struct slice
member_at(const struct json_object *object, const char *outer, const char *inner)
{
    const char *const path[] = {outer, inner};
    struct json_member member;

    cr_assert(json_find_path(object, path, inner == NULL ? 1 : 2, &member), "%s.%s", outer, inner);
    return member.value;
}

Test(dialect_error, every_category_is_written_in_every_dialect)
{
    const struct uuid id = {{0x01, 0x9a, 0xbc, 0, 0, 0, 0x70, 1, 2, 3, 4, 5, 6, 7, 8, 9}};

    for (size_t p = 0; p < sizeof(protocols) / sizeof(protocols[0]); p++) {
        const struct dialect *dialect = dialect_of(protocols[p]);
        bool is_anthropic = protocols[p] == PROTOCOL_ANTHROPIC_MESSAGES;

        for (int c = 1; c < ERR_N_CATEGORIES; c++) {
            const struct err_info *info = err_info((enum err_category)c);
            struct buf message, out;
            struct json_object object;
            struct json_error error;

            buf_init(&message, 4096);
            buf_init(&out, 4096);
            dialect_error_message((enum err_category)c, "a \"detail\"", &message);
            dialect->write_error((enum err_category)c, buf_slice(&message), SLICE_LIT("n"), id,
                                 &out);
            cr_assert_eq(json_scan_object(buf_slice(&out), &object, &error), 0, "%s", error.reason);
            cr_expect(json_string_is(member_at(&object, "error", "type"),
                                     is_anthropic ? info->anthropic_type : info->openai_type));
            cr_expect(json_string_is(member_at(&object, "request_id", NULL),
                                     "019abc00-0000-7001-0203-040506070809"));
            struct buf text;
            buf_init(&text, 4096);
            cr_assert_eq(json_string_decode(member_at(&object, "error", "message"), &text), 0);
            cr_expect(slice_eq(buf_slice(&text), buf_slice(&message)));
            if (!is_anthropic) {
                cr_expect(json_string_is(member_at(&object, "error", "param"), "n"));
                struct slice code = member_at(&object, "error", "code");
                cr_expect(info->openai_code[0] == '\0' ? slice_eq_str(code, "null")
                                                       : json_string_is(code, info->openai_code));
            }
            cr_expect_eq(dialect->error_status((enum err_category)c),
                         is_anthropic ? info->anthropic_status : info->openai_status);
            buf_fini(&text);
            buf_fini(&message);
            buf_fini(&out);
        }
    }
}

Test(dialect_error, every_sentence_reads_well_without_a_detail)
{
    for (int c = 1; c < ERR_N_CATEGORIES; c++) {
        struct buf message;

        buf_init(&message, 4096);
        dialect_error_message((enum err_category)c, "", &message);
        cr_expect_null(memchr(message.ptr, '%', message.len));
        cr_expect_null(memmem(message.ptr, message.len, "  ", 2));
        cr_expect_null(memmem(message.ptr, message.len, " .", 2));
        cr_expect_null(memmem(message.ptr, message.len, ": .", 3));
        cr_expect_null(memmem(message.ptr, message.len, "()", 2));
        cr_expect_eq(message.ptr[message.len - 1], '.');
        cr_expect_neq(message.ptr[0], ' ');
        buf_fini(&message);
    }
}

Test(dialect_error, clients_know_a_long_prompt_by_its_text)
{
    struct buf message;

    buf_init(&message, 4096);
    dialect_error_message(ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, "", &message);
    cr_expect(slice_starts_with(buf_slice(&message), SLICE_LIT("prompt is too long")));
    buf_fini(&message);
}

/* Clients that hold a thread know what to do when it is gone: they must be told in its words. */
Test(dialect_error, a_thread_that_does_not_go_on_is_not_found_and_nobodys_fault)
{
#define THREAD(code)                                                                               \
    "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"canary\","          \
    "\"details\":{\"error_code\":\"" code "\"}}}"
    cr_expect_eq(category_of(404, THREAD("thread_not_found")), ERR_CATEGORY_NOT_FOUND);
    cr_expect(slice_eq_str(facts.error_param, "thread"));
    cr_expect_eq(category_of(409, THREAD("thread_already_continued")), ERR_CATEGORY_NOT_FOUND);
    cr_expect_eq(category_of(400, THREAD("thread_unsupported_request")),
                 ERR_CATEGORY_UNSUPPORTED_PARAMETER);
    cr_expect(slice_eq_str(facts.error_param, "thread"));
    cr_expect_eq(category_of(404, THREAD("enforced_spend_limit_reached")),
                 ERR_CATEGORY_UPSTREAM_UNAVAILABLE);
}
