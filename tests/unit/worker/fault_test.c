#include <criterion/criterion.h>

#include <string.h>

#include "fault.h"
#include "verdict.h"

Test(fault, every_result_of_a_call_but_the_end_of_time_may_fail_over)
{
    for (int result = UPSTREAM_OK + 1; result <= UPSTREAM_BAD_ANSWER; result++) {
        const struct upstream_report report = {.result = (enum upstream_result)result};
        struct fault fault = fault_of_report(&report);

        cr_assert_eq(fault_may_fail_over(fault.category), result != UPSTREAM_TOTAL_TIMEOUT, "%s",
                     upstream_result_name(report.result));
        cr_assert_eq(fault.outcome, ATTEMPT_FAILED);
    }
}

Test(fault, what_was_sent_and_lost_is_uncertain)
{
    const struct upstream_report report = {.result = UPSTREAM_RESET, .was_sent = true};

    cr_assert_eq(fault_of_report(&report).outcome, ATTEMPT_UNCERTAIN);
}

Test(fault, each_deadline_has_its_own_category)
{
    static const struct {
        enum upstream_result result;
        enum err_category category;
    } rows[] = {
        {UPSTREAM_CONNECT_TIMEOUT, ERR_CATEGORY_CONNECT_TIMEOUT},
        {UPSTREAM_TLS_TIMEOUT, ERR_CATEGORY_TLS_TIMEOUT},
        {UPSTREAM_FIRST_BYTE_TIMEOUT, ERR_CATEGORY_FIRST_BYTE_TIMEOUT},
        {UPSTREAM_IDLE_TIMEOUT, ERR_CATEGORY_IDLE_TIMEOUT},
        {UPSTREAM_TOTAL_TIMEOUT, ERR_CATEGORY_TOTAL_TIMEOUT},
    };
    const struct upstream_report sent = {.was_sent = true};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct upstream_report report = {.result = rows[i].result};
        cr_assert_eq(fault_of_report(&report).category, rows[i].category);
    }
    cr_assert_eq(fault_of_silence(&sent).category, ERR_CATEGORY_FIRST_TOKEN_TIMEOUT);
    cr_assert_eq(fault_of_silence(&sent).outcome, ATTEMPT_UNCERTAIN);
}

Test(fault, a_callers_own_mistake_neither_fails_over_nor_counts_against_the_route)
{
    static const enum err_category own[] = {
        ERR_CATEGORY_INVALID_REQUEST,         ERR_CATEGORY_UNSUPPORTED_PARAMETER,
        ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, ERR_CATEGORY_CONTENT_REFUSED,
        ERR_CATEGORY_REQUEST_TOO_LARGE,       ERR_CATEGORY_CLIENT_CLOSED};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        cr_assert_not(fault_may_fail_over(own[i]));
        cr_assert_not(verdict_is_route_fault(own[i]));
    }
    /* Our own cap is not the route's fault, yet another route may have room. */
    cr_assert(fault_may_fail_over(ERR_CATEGORY_OVERLOADED));
    cr_assert_not(verdict_is_route_fault(ERR_CATEGORY_OVERLOADED));
}

Test(fault, what_only_this_model_cannot_do_is_for_another_one)
{
    cr_assert(fault_may_fall_back(ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED));
    cr_assert(fault_may_fall_back(ERR_CATEGORY_CONTENT_REFUSED));
    cr_assert(fault_may_fall_back(ERR_CATEGORY_UPSTREAM_ERROR));
    cr_assert_not(fault_may_fall_back(ERR_CATEGORY_INVALID_REQUEST));
    cr_assert_not(fault_may_fall_back(ERR_CATEGORY_TOTAL_TIMEOUT));
}

Test(fault, the_callers_detail_has_their_field_and_none_of_the_upstreams_words)
{
    const struct reply_facts facts = {.is_error = true,
                                      .category = ERR_CATEGORY_INVALID_REQUEST,
                                      .error_text = SLICE_LIT("org canary says no"),
                                      .error_param = SLICE_LIT("messages[0]")};
    struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);
    const struct slice none = SLICE_LIT("");
    struct refusal_reason why;

    fault_describe(&fault, &none, &why);
    cr_assert_str_eq(why.detail, "the provider rejected messages[0]");
    cr_assert_str_eq(why.param, "messages[0]");
    fault.param.len = 0;
    fault_describe(&fault, &none, &why);
    cr_assert_str_eq(why.detail, "the provider rejected it");
    fault.category = ERR_CATEGORY_UNSUPPORTED_PARAMETER;
    fault_describe(&fault, &none, &why);
    cr_assert_str_eq(why.detail, "");
}

Test(fault, what_an_upstream_blames_is_redacted_as_its_words_are)
{
    static const struct fault fault = {.category = ERR_CATEGORY_INVALID_REQUEST,
                                       .param = SLICE_LIT("sk-proj-1.my.own"),
                                       .note = SLICE_LIT("not my.own\nnor sk-x")};
    const struct slice credential = SLICE_LIT("my.own");
    struct refusal_reason why;
    char note[64];

    fault_describe(&fault, &credential, &why);
    cr_expect_str_eq(why.detail, "the provider rejected ***.***");
    cr_expect_str_eq(why.param, "***.***");
    fault_note(&fault, &credential, 400, note, sizeof(note));
    cr_expect_str_eq(note, "not ***?nor ***");
}

Test(fault, nothing_is_repeated_once_the_credential_is_gone)
{
    static const struct fault fault = {.category = ERR_CATEGORY_INVALID_REQUEST,
                                       .param = SLICE_LIT("canary"),
                                       .note = SLICE_LIT("canary")};
    struct refusal_reason why;
    char note[128];

    fault_describe(&fault, NULL, &why);
    cr_expect_str_eq(why.detail, "the provider rejected it");
    cr_expect_str_eq(why.param, "");
    fault_note(&fault, NULL, 401, note, sizeof(note));
    cr_expect_null(strstr(note, "canary"));
    cr_expect_not_null(strstr(note, "status 401"));
}

Test(fault, garbage_is_the_upstreams_fault)
{
    const struct reply_facts facts = {0};
    struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);

    cr_assert_eq(fault.category, ERR_CATEGORY_UPSTREAM_ERROR);
    cr_assert_eq(fault.outcome, ATTEMPT_UNCERTAIN);
}

/* Nothing has reached the caller yet, or relay.c says what becomes of his stream. */
Test(fault, an_answer_that_was_cut_is_the_upstreams_fault_too)
{
    const struct reply_facts facts = {.is_error = true,
                                      .category = ERR_CATEGORY_STREAM_INTERRUPTED};
    struct fault fault = fault_of_reply(&facts, ATTEMPT_UNCERTAIN);

    cr_assert(fault_may_fail_over(fault.category));
    cr_assert_eq(fault.category, ERR_CATEGORY_UPSTREAM_ERROR);
}
