/* SPDX-License-Identifier: ISC */
#include "relayos/report/report_usage.h"

#include <criterion/criterion.h>
#include <string.h>

static struct store_usage_group groups[] = {
    {.key_id = 3,
     .label = "=cmd()",
     .n_requests = 2,
     .charge_nusd = 7,
     .cost_nusd = 5,
     .latency_p50_us = -1,
     .latency_p95_us = 9,
     .first_token_p50_us = -1,
     .first_token_p95_us = -1},
    {.key_id = 4,
     .label = "a \"b\", c",
     .charge_nusd = -2,
     .latency_p50_us = 1,
     .latency_p95_us = 2,
     .first_token_p50_us = 3,
     .first_token_p95_us = 4},
};
static const struct store_usage_table table = {.groups = groups, .n = 2};

/* Names are people's own: no spreadsheet is to take one for a formula, and a quote ends nothing. */
Test(report_usage, csv_holds_any_name_and_no_formula)
{
    const struct report report = {.viewer = {.sees_routes = true}};
    struct buf out;

    buf_init(&out, 4096);
    report_usage_csv(&report, STORE_USAGE_KEY, &table, &out);
    buf_append_byte(&out, '\0');
    cr_expect_str_eq(out.ptr, "key_id,key_name,requests,failed,input,cache_read,cache_write,output,"
                              "reasoning,charge_nusd,cost_nusd,latency_p50_us,latency_p95_us,"
                              "first_token_p50_us,first_token_p95_us\r\n"
                              "3,\"'=cmd()\",2,0,0,0,0,0,0,7,5,,9,,\r\n"
                              "4,\"a \"\"b\"\", c\",0,0,0,0,0,0,0,-2,0,1,2,3,4\r\n");
    buf_fini(&out);
}

Test(report_usage, what_it_cost_the_operator_is_for_operators)
{
    const struct report report = {.viewer = {.sees_routes = false}};
    struct buf out;

    buf_init(&out, 4096);
    report_usage_csv(&report, STORE_USAGE_MODEL, &table, &out);
    buf_append_byte(&out, '\0');
    cr_expect_null(strstr(out.ptr, "cost"));
    cr_expect_not_null(strstr(out.ptr, "model,requests,"));
    buf_fini(&out);
}

Test(report_usage, columns_are_found_by_their_names)
{
    enum store_usage_column by;

    cr_expect_eq(report_usage_column(SLICE_LIT("owner"), &by), 0);
    cr_expect_eq(by, STORE_USAGE_OWNER);
    cr_expect_eq(report_usage_column(SLICE_LIT("colour"), &by), ERR_SYNTAX);
    cr_expect_eq(report_usage_column(SLICE_LIT(""), &by), ERR_SYNTAX);
}
