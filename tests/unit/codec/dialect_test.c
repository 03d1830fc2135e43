/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "relayos/codec/dialect.h"

Test(dialect, the_table_is_in_the_order_of_the_protocols)
{
    for (int p = PROTOCOL_OPENAI_CHAT; p <= PROTOCOL_GEMINI; p++) {
        const struct dialect *dialect = dialect_of((enum protocol)p);
        cr_assert_eq((int)dialect->protocol, p);
    }
}

Test(dialect, operations_have_paths_and_protocols)
{
    cr_expect_str_eq(dialect_operation_path(OPERATION_COUNT_TOKENS), "/messages/count_tokens");
    cr_expect_str_eq(dialect_operation_path(OPERATION_CHAT), "/chat/completions");
    cr_expect_eq(dialect_operation_protocol(OPERATION_RESPONSE), PROTOCOL_OPENAI_RESPONSES);
}

Test(dialect, some_operations_count_and_one_compacts_and_the_others_answer)
{
    int n[3] = {0};

    for (int i = 0; i < DIALECT_N_OPERATIONS; i++)
        n[dialect_operation_kind((enum operation)i)]++;
    cr_expect_eq(n[OPERATION_COUNTS], 2);
    cr_expect_eq(n[OPERATION_COMPACTS], 1);
    cr_expect_eq(n[OPERATION_ANSWERS], DIALECT_N_OPERATIONS - 3);
    cr_expect(dialect_operation_counts(OPERATION_COUNT_TOKENS));
    cr_expect(dialect_operation_counts(OPERATION_INPUT_TOKENS));
    cr_expect_not(dialect_operation_counts(OPERATION_COMPACTION));
}

static const struct model_record models[] = {
    {.name = "gpt-4.1-mini", .owned_by = "relayos", .created_s = 1760000000},
    {.name = "a/b",
     .display_name = "A \"B\"",
     .owned_by = "x",
     .created_s = 0,
     .context_tokens = 200000,
     .max_output_tokens = 64000},
};

Test(dialect, models_are_listed_in_the_shape_of_the_caller)
{
    const struct model_record *const list[] = {&models[0], &models[1]};
    struct buf out;

    buf_init(&out, 4096);
    dialect_write_model_list(PROTOCOL_OPENAI_CHAT, list, 2, false, &out);
    cr_expect(
        slice_eq_str(buf_slice(&out),
                     "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-4.1-mini\",\"object\":\"model\","
                     "\"created\":1760000000,\"owned_by\":\"relayos\"},{\"id\":\"a/b\",\"object\":"
                     "\"model\",\"created\":0,\"owned_by\":\"x\"}]}"));
    buf_clear(&out);
    dialect_write_model_list(PROTOCOL_ANTHROPIC_MESSAGES, list, 2, true, &out);
    cr_expect(slice_eq_str(buf_slice(&out), "{\"data\":[{\"type\":\"model\",\"id\":\"gpt-4.1-"
                                            "mini\",\"display_name\":\"gpt-4.1-mini\","
                                            "\"created_at\":\"2025-10-09T08:53:20Z\",\"max_input_"
                                            "tokens\":null,\"max_tokens\":null},{\"type\":"
                                            "\"model\",\"id\":\"a/b\",\"display_name\":\"A "
                                            "\\\"B\\\"\",\"created_at\":\"1970-01-01T00:00:00Z\","
                                            "\"max_input_tokens\":200000,\"max_tokens\":64000}],"
                                            "\"has_more\":true,\"first_id\":\"gpt-4.1-mini\","
                                            "\"last_id\":\"a/b\"}"),
              "%.*s", (int)out.len, out.ptr);
    buf_clear(&out);
    dialect_write_model_list(PROTOCOL_ANTHROPIC_MESSAGES, list, 0, false, &out);
    cr_expect(slice_eq_str(buf_slice(&out),
                           "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}"));
    buf_clear(&out);
    dialect_write_model(PROTOCOL_OPENAI_CHAT, &models[1], &out);
    cr_expect(slice_eq_str(
        buf_slice(&out), "{\"id\":\"a/b\",\"object\":\"model\",\"created\":0,\"owned_by\":\"x\"}"));
    buf_fini(&out);
}
