/* SPDX-License-Identifier: ISC
 *
 * Fields that the neutral records have no place for: named when they only tune, refused when they
 * change the answer, passed over when nobody knows them.
 */
#include "translate_run.h"

#define CHAT(more)     "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" more "}"
#define RESPONSE(more) "{\"input\":\"hi\"" more "}"
#define MESSAGE(more)                                                                              \
    "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" more "}"

static void
expect(enum operation operation, const char *body, const char *names)
{
    struct translate_run run = {
        .operation = operation, .upstream = PROTOCOL_GEMINI, .model = SLICE_LIT("gemini-2.5-pro")};
    char said[256] = "";
    size_t len = 0;

    run_request(&run, slice_str(body));
    cr_expect_eq(run.err, 0, "%s: %s", body, run.why.detail);
    for (uint32_t i = 0; i < run.request.n_unread; i++)
        len += (size_t)snprintf(said + len, sizeof(said) - len, "%s%s", len > 0 ? ", " : "",
                                run.request.unread[i].name);
    cr_expect_str_eq(said, names, "%s: %s", body, said);
    run_end(&run);
}

Test(unread, what_only_tunes_is_named_in_the_words_of_its_protocol)
{
    expect(OPERATION_CHAT,
           CHAT(",\"store\":true,\"prediction\":{\"type\":\"content\",\"content\":\"x\"},"
                "\"prompt_cache_retention\":\"24h\""),
           "store, prediction, prompt_cache_retention");
    expect(OPERATION_RESPONSE,
           RESPONSE(",\"truncation\":\"auto\",\"store\":true,\"context_management\":[{\"type\":"
                    "\"compaction\"}],\"max_tool_calls\":3"),
           "truncation, store, context_management, max_tool_calls");
    expect(OPERATION_MESSAGE,
           MESSAGE(",\"context_management\":{\"edits\":[]},\"container\":{\"skills\":[]},"
                   "\"diagnostics\":{\"a\":1},\"inference_geo\":\"eu\",\"speed\":\"fast\""),
           "context_management, container, diagnostics, inference_geo, speed");
}

Test(unread, what_asks_for_nothing_is_not_named)
{
    expect(OPERATION_CHAT, CHAT(",\"store\":false,\"prediction\":null,\"audio\":null"), "");
    expect(OPERATION_RESPONSE,
           RESPONSE(",\"truncation\":\"disabled\",\"store\":false,\"background\":false,"
                    "\"previous_response_id\":null,\"context_management\":[]"),
           "");
    expect(OPERATION_MESSAGE,
           MESSAGE(",\"speed\":\"standard\",\"fallbacks\":[],\"mcp_servers\":[],\"thread\":null"),
           "");
}

Test(unread, what_nobody_knows_is_passed_over)
{
    expect(OPERATION_CHAT, CHAT(",\"thinking_blocks\":[1],\"context_management\":{\"a\":1}"), "");
    expect(OPERATION_RESPONSE, RESPONSE(",\"client_metadata\":{\"a\":\"b\"},\"speed\":\"fast\""),
           "");
    expect(OPERATION_MESSAGE, MESSAGE(",\"betas\":[\"x\"],\"store\":true"), "");
}

Test(unread, what_changes_the_answer_is_refused_by_name)
{
    static const struct {
        enum operation operation;
        const char *body, *name;
    } rows[] = {
        {OPERATION_CHAT, CHAT(",\"audio\":{\"voice\":\"alloy\"}"), "audio"},
        {OPERATION_CHAT, CHAT(",\"modalities\":[\"text\",\"audio\"]"), "modalities"},
        {OPERATION_RESPONSE, RESPONSE(",\"background\":true"), "background"},
        {OPERATION_RESPONSE, RESPONSE(",\"conversation\":\"conv_1\""), "conversation"},
        {OPERATION_RESPONSE, RESPONSE(",\"prompt\":{\"id\":\"p\"}"), "prompt"},
        {OPERATION_RESPONSE, RESPONSE(",\"previous_response_id\":\"r\""), "previous_response_id"},
        {OPERATION_MESSAGE, MESSAGE(",\"mcp_servers\":[{\"url\":\"u\"}]"), "mcp_servers"},
        {OPERATION_MESSAGE, MESSAGE(",\"thread\":{\"type\":\"create\"}"), "thread"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct translate_run run = {.operation = rows[i].operation,
                                    .upstream = PROTOCOL_GEMINI,
                                    .model = SLICE_LIT("gemini-2.5-pro")};

        run_request(&run, slice_str(rows[i].body));
        cr_expect_eq(run.err, ERR_UNSUPPORTED_PARAMETER, "%s: %d", rows[i].body, run.err);
        cr_expect_str_eq(run.why.param, rows[i].name);
        run_end(&run);
    }
}

/* A request that is said in other words to its own protocol loses only what would name state. */
Test(unread, its_own_protocol_gets_a_field_back)
{
    static const struct {
        enum operation operation;
        const char *model, *body, *kept; /* kept: NULL = it is refused */
    } rows[] = {
        {OPERATION_CHAT, "gpt-4.1", CHAT(",\"prediction\":{\"type\":\"content\"}"),
         "\"prediction\":{\"type\":\"content\"}}"},
        {OPERATION_RESPONSE, "gpt-5", RESPONSE(",\"truncation\":\"auto\""),
         "\"truncation\":\"auto\"}"},
        {OPERATION_MESSAGE, "claude-sonnet-4-5",
         MESSAGE(",\"context_management\":{\"edits\":[1.0]}"),
         "\"context_management\":{\"edits\":[1.0]}}"},
        {OPERATION_MESSAGE, "claude-sonnet-4-5", MESSAGE(",\"mcp_servers\":[{\"url\":\"u\"}]"),
         "\"mcp_servers\":[{\"url\":\"u\"}]}"},
        {OPERATION_MESSAGE, "claude-sonnet-4-5", MESSAGE(",\"thread\":{\"type\":\"create\"}"),
         NULL},
        {OPERATION_RESPONSE, "gpt-5", RESPONSE(",\"previous_response_id\":\"r\""), NULL},
        {OPERATION_RESPONSE, "gpt-5", RESPONSE(",\"store\":true"), "\"store\":false}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct translate_run run = {.operation = rows[i].operation,
                                    .upstream = dialect_operation_protocol(rows[i].operation),
                                    .model = slice_str(rows[i].model)};

        run_request(&run, slice_str(rows[i].body));
        cr_expect_eq(run.err, rows[i].kept == NULL ? ERR_UNSUPPORTED_PARAMETER : 0, "%s",
                     rows[i].body);
        cr_expect(rows[i].kept == NULL || memmem(run.written.ptr, run.written.len, rows[i].kept,
                                                 strlen(rows[i].kept)) != NULL,
                  "%.*s", (int)run.written.len, run.written.ptr);
        run_end(&run);
    }
}
