#include <criterion/criterion.h>

#include <string.h>

#include "attempt.h"
#include "fault.h"

Test(fault, every_result_of_a_call_has_a_category_that_may_fail_over)
{
    for (int result = UPSTREAM_OK + 1; result <= UPSTREAM_BAD_ANSWER; result++) {
        const struct upstream_report report = {.result = (enum upstream_result)result};
        struct fault fault = fault_of_report(&report);

        cr_assert(fault_may_fail_over(fault.category), "%s", upstream_result_name(report.result));
        cr_assert_eq(fault.outcome, ATTEMPT_FAILED);
    }
}

Test(fault, what_was_sent_and_lost_is_uncertain)
{
    const struct upstream_report report = {.result = UPSTREAM_RESET, .was_sent = true};

    cr_assert_eq(fault_of_report(&report).outcome, ATTEMPT_UNCERTAIN);
}

Test(fault, timeouts_say_which_in_the_callers_words)
{
    const struct upstream_report report = {.result = UPSTREAM_FIRST_BYTE_TIMEOUT};
    struct fault fault = fault_of_report(&report);
    char detail[128];

    fault_describe(&fault, detail, sizeof(detail));
    cr_assert_eq(fault.category, ERR_CATEGORY_UPSTREAM_TIMEOUT);
    cr_assert_str_eq(detail, "it did not begin to answer");
}

Test(fault, a_callers_own_mistake_neither_fails_over_nor_counts_against_the_route)
{
    static const enum err_category own[] = {
        ERR_CATEGORY_INVALID_REQUEST,         ERR_CATEGORY_UNSUPPORTED_PARAMETER,
        ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, ERR_CATEGORY_CONTENT_REFUSED,
        ERR_CATEGORY_REQUEST_TOO_LARGE,       ERR_CATEGORY_CLIENT_CLOSED};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        cr_assert_not(fault_may_fail_over(own[i]));
        cr_assert_not(attempt_is_route_fault(own[i]));
    }
    /* Our own cap is not the route's fault, yet another route may have room. */
    cr_assert(fault_may_fail_over(ERR_CATEGORY_OVERLOADED));
    cr_assert_not(attempt_is_route_fault(ERR_CATEGORY_OVERLOADED));
}

Test(fault, the_callers_detail_has_their_field_and_none_of_the_upstreams_words)
{
    const struct reply_facts facts = {.is_error = true,
                                      .category = ERR_CATEGORY_INVALID_REQUEST,
                                      .error_text = SLICE_LIT("org canary says no"),
                                      .error_param = SLICE_LIT("messages[0]")};
    struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);
    char detail[128];

    fault_describe(&fault, detail, sizeof(detail));
    cr_assert_str_eq(detail, "the provider rejected messages[0]");
    fault.param.len = 0;
    fault_describe(&fault, detail, sizeof(detail));
    cr_assert_str_eq(detail, "the provider rejected it");
    fault.category = ERR_CATEGORY_UNSUPPORTED_PARAMETER;
    fault_describe(&fault, detail, sizeof(detail));
    cr_assert_str_eq(detail, "");
}

Test(fault, garbage_is_the_upstreams_fault)
{
    const struct reply_facts facts = {0};
    struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);

    cr_assert_eq(fault.category, ERR_CATEGORY_UPSTREAM_ERROR);
    cr_assert_eq(fault.outcome, ATTEMPT_UNCERTAIN);
}

Test(fault, retry_after_is_clamped_and_junk_ignored)
{
    static const struct {
        const char *value;
        int seconds;
    } cases[] = {{"7", 7},
                 {" 7 ", 7},
                 {"0", 1},
                 {"60", 60},
                 {"61", 60},
                 {"999999999", 60},
                 {"-1", 0},
                 {"1.5", 0},
                 {"", 0},
                 {"junk", 0},
                 {"Wed, 21 Oct 2026 07:28:00 GMT", 0},
                 {"99999999999999999999", 0}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_assert_eq(fault_parse_retry_after(slice_str(cases[i].value)), cases[i].seconds, "%s",
                     cases[i].value);
}
