#include <criterion/criterion.h>

#include "charge.h"

/* 1 nano-USD a token, 1000 a request. */
static const struct price price = {
    .nusd = {[USAGE_INPUT] = 1000000, [USAGE_OUTPUT] = 1000000, [USAGE_REQUEST] = 1000}};

#define BOTH (USAGE_SAID_INPUT | USAGE_SAID_OUTPUT)

static const struct usage reported = {.count = {[USAGE_INPUT] = 10, [USAGE_OUTPUT] = 5},
                                      .tier_permille = 1000,
                                      .is_reported = 1,
                                      .totals = BOTH};
static const struct usage silent = {.tier_permille = 1000};

static struct charge
decide(struct charge_facts facts)
{
    struct charge out;

    charge_decide(&facts, &price, &out);
    return out;
}

static struct charge
cost(struct charge_facts facts)
{
    struct charge out;

    charge_cost(&facts, &price, &out);
    return out;
}

Test(charge, a_failure_before_usage_costs_nothing)
{
    struct charge out = decide((struct charge_facts){.usage = &silent, .body_bytes = 400});

    cr_assert_not(out.is_charged);
    cr_assert_eq(out.nusd, 0);
    cr_assert_eq(out.provenance, USAGE_NONE);
}

Test(charge, a_failure_whose_outcome_is_unknown_costs_nothing_and_says_so)
{
    struct charge out = decide((struct charge_facts){.usage = &silent, .may_have_run = true});

    cr_assert_not(out.is_charged);
    cr_assert_eq(out.provenance, USAGE_INDETERMINATE);
}

Test(charge, a_failure_before_content_costs_nothing_even_if_the_prompt_was_counted)
{
    cr_assert_not(decide((struct charge_facts){.usage = &reported}).is_charged);
}

Test(charge, a_complete_answer_costs_what_was_reported)
{
    struct charge out = decide(
        (struct charge_facts){.usage = &reported, .is_complete = true, .unmetered_bytes = 4000});

    cr_assert(out.is_charged);
    cr_assert_eq(out.provenance, USAGE_REPORTED);
    cr_assert_eq(out.nusd, 1015);
}

Test(charge, an_explicit_zero_stays_zero)
{
    const struct usage zero = {.tier_permille = 1000, .is_reported = 1, .totals = BOTH};
    struct charge out =
        decide((struct charge_facts){.usage = &zero, .is_complete = true, .body_bytes = 400});

    cr_assert_eq(out.nusd, 1000);
    cr_assert_eq(out.provenance, USAGE_REPORTED);
}

Test(charge, a_complete_answer_without_usage_is_estimated)
{
    struct charge out = decide((struct charge_facts){
        .usage = &silent, .is_complete = true, .body_bytes = 400, .unmetered_bytes = 41});

    cr_assert_eq(out.provenance, USAGE_ESTIMATED);
    cr_assert_eq(out.usage.count[USAGE_INPUT], 100);
    cr_assert_eq(out.usage.count[USAGE_OUTPUT], 11);
    cr_assert_eq(out.nusd, 1111);
}

/* A provider that counts one side alone gives the other away to nobody. */
Test(charge, of_a_complete_answer_the_total_that_was_not_reported_is_estimated)
{
    static const struct {
        uint8_t totals;
        int64_t unmetered_bytes, input, output;
        enum usage_provenance provenance;
    } rows[] = {
        {BOTH, 41, 10, 5, USAGE_REPORTED},
        {USAGE_SAID_INPUT, 41, 10, 5 + 11, USAGE_ESTIMATED},
        {USAGE_SAID_INPUT, 0, 10, 5, USAGE_REPORTED}, /* nothing was said that could be counted */
        {USAGE_SAID_OUTPUT, 41, 100, 5, USAGE_ESTIMATED},
        {0, 41, 100, 5 + 11, USAGE_ESTIMATED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct usage half = reported;

        half.totals = rows[i].totals;
        struct charge out =
            decide((struct charge_facts){.usage = &half,
                                         .is_complete = true,
                                         .body_bytes = 400,
                                         .unmetered_bytes = rows[i].unmetered_bytes});
        cr_expect_eq(out.usage.count[USAGE_INPUT], rows[i].input, "row %zu", i);
        cr_expect_eq(out.usage.count[USAGE_OUTPUT], rows[i].output, "row %zu", i);
        cr_expect_eq(out.provenance, rows[i].provenance, "row %zu", i);
    }
}

/* An image in the body is many bytes and few tokens. */
Test(charge, a_prompt_is_never_estimated_at_more_than_was_reserved_for_it)
{
    struct charge_facts facts = {
        .usage = &silent, .has_content = true, .body_bytes = 4000000, .input_bound = 128000};

    cr_expect_eq(decide(facts).usage.count[USAGE_INPUT], 128000);
    cr_expect_eq(cost(facts).usage.count[USAGE_INPUT], 128000);
    facts.input_bound = 2000000;
    cr_expect_eq(decide(facts).usage.count[USAGE_INPUT], 1000000);
    facts.input_bound = 0;
    cr_expect_eq(decide(facts).usage.count[USAGE_INPUT], 1000000);
}

Test(charge, what_is_known_to_come_from_the_cache_is_not_estimated_once_more)
{
    struct usage cached = {.count = {[USAGE_CACHE_READ] = 60, [USAGE_CACHE_WRITE_1H] = 10},
                           .tier_permille = 1000,
                           .is_reported = 1,
                           .totals = USAGE_SAID_OUTPUT};
    struct charge_facts facts = {.usage = &cached, .is_complete = true, .body_bytes = 400};

    cr_expect_eq(decide(facts).usage.count[USAGE_INPUT], 30);
    cr_expect_eq(decide(facts).usage.count[USAGE_CACHE_READ], 60);
    cached.count[USAGE_CACHE_READ] = 1000;
    cr_expect_eq(decide(facts).usage.count[USAGE_INPUT], 0);
}

/* Some servers say zeros at a stream's start, and the figures at its end. */
Test(charge, no_prompt_is_believed_once_the_answer_is_whole)
{
    const struct usage empty = {
        .tier_permille = 1000, .is_reported = 1, .totals = USAGE_SAID_EMPTY | USAGE_SAID_OUTPUT};
    struct charge_facts facts = {.usage = &empty, .is_complete = true, .body_bytes = 400};

    cr_expect_eq(decide(facts).usage.count[USAGE_INPUT], 0);
    cr_expect_eq(decide(facts).provenance, USAGE_REPORTED);
    facts.is_complete = false;
    facts.is_caller_gone = true;
    cr_expect_eq(decide(facts).usage.count[USAGE_INPUT], 100);
    cr_expect_eq(decide(facts).provenance, USAGE_ESTIMATED);
}

Test(charge, a_cut_stream_costs_what_was_delivered)
{
    struct charge out = decide((struct charge_facts){
        .usage = &silent, .has_content = true, .body_bytes = 40, .unmetered_bytes = 40});

    cr_assert_eq(out.provenance, USAGE_ESTIMATED);
    cr_assert_eq(out.nusd, 1020);
}

Test(charge, what_was_streamed_since_the_last_usage_is_added_by_estimate)
{
    struct charge out = decide((struct charge_facts){
        .usage = &reported, .has_content = true, .is_caller_gone = true, .unmetered_bytes = 40});

    cr_assert_eq(out.provenance, USAGE_ESTIMATED);
    cr_assert_eq(out.usage.count[USAGE_OUTPUT], 15);
    out = decide((struct charge_facts){
        .usage = &reported, .has_content = true, .is_caller_gone = true, .unmetered_bytes = 0});
    cr_assert_eq(out.provenance, USAGE_REPORTED);
    cr_assert_eq(out.usage.count[USAGE_OUTPUT], 5);
}

Test(charge, a_caller_gone_before_anything_was_said_owes_nothing)
{
    cr_assert_not(
        decide((struct charge_facts){.usage = &silent, .is_caller_gone = true}).is_charged);
    cr_assert(decide((struct charge_facts){.usage = &reported, .is_caller_gone = true}).is_charged);
}

Test(charge, counting_tokens_is_free)
{
    struct charge out = decide((struct charge_facts){
        .operation = OPERATION_COUNT_TOKENS, .usage = &reported, .is_complete = true});

    cr_assert(out.is_charged);
    cr_assert_eq(out.nusd, 0);
    cr_assert_eq(out.usage.count[USAGE_INPUT], 0);
}

Test(charge, counting_that_came_to_nothing_leaves_no_doubt_behind)
{
    struct charge out = decide((struct charge_facts){
        .operation = OPERATION_INPUT_TOKENS, .usage = &silent, .may_have_run = true});

    cr_assert_not(out.is_charged);
    cr_assert_eq(out.provenance, USAGE_NONE);
    out = decide((struct charge_facts){.usage = &silent, .may_have_run = true});
    cr_assert_eq(out.provenance, USAGE_INDETERMINATE);
}

Test(charge, invalid_usage_is_never_a_credit_and_never_more_than_was_held)
{
    struct usage invalid = reported;
    invalid.is_invalid = 1;
    invalid.count[USAGE_OUTPUT] = -5;
    struct charge_facts facts = {.usage = &invalid, .is_complete = true, .reserved_nusd = 1000000};
    struct charge out = decide(facts);

    cr_assert_eq(out.provenance, USAGE_INVALID);
    cr_assert_eq(out.nusd, 1010);
    facts.reserved_nusd = 7;
    cr_assert_eq(decide(facts).nusd, 7);
    invalid.count[USAGE_INPUT] = INT64_MIN;
    facts.reserved_nusd = 1000000;
    cr_assert_eq(decide(facts).nusd, 1000);
}

Test(charge, embeddings_have_no_estimated_output)
{
    struct charge out = decide((struct charge_facts){.operation = OPERATION_EMBEDDING,
                                                     .usage = &silent,
                                                     .is_complete = true,
                                                     .body_bytes = 4,
                                                     .unmetered_bytes = 9999});

    cr_assert_eq(out.nusd, 1001);
}

Test(charge, the_factor_that_was_charged_is_kept_with_the_usage)
{
    struct usage flex = reported;
    flex.service_tier = USAGE_TIER_FLEX;
    struct charge out = decide((struct charge_facts){.usage = &flex, .is_complete = true});

    cr_assert_eq(out.usage.tier_permille, 500);
    cr_assert_eq(out.nusd, 508); /* 507.5 */
}

/* ---- what the operator owes ---- */

Test(charge, an_attempt_that_reported_usage_costs_it_though_nobody_is_charged)
{
    struct charge_facts facts = {.usage = &reported};

    cr_assert_not(decide(facts).is_charged);
    cr_assert_eq(cost(facts).nusd, 1015);
    cr_assert_eq(cost(facts).provenance, USAGE_REPORTED);
    facts.may_have_run = true;
    cr_assert_eq(cost(facts).nusd, 1015);
}

Test(charge, an_attempt_that_reported_nothing_costs_nothing_that_is_known)
{
    struct charge_facts facts = {.usage = &silent, .body_bytes = 400};

    cr_assert_eq(cost(facts).nusd, 0);
    cr_assert_eq(cost(facts).provenance, USAGE_NONE);
    facts.may_have_run = true;
    cr_assert_eq(cost(facts).nusd, 0);
    cr_assert_eq(cost(facts).provenance, USAGE_INDETERMINATE);
}

Test(charge, a_cut_attempt_costs_what_it_streamed)
{
    struct charge out = cost((struct charge_facts){
        .usage = &reported, .has_content = true, .may_have_run = true, .unmetered_bytes = 40});

    cr_assert_eq(out.provenance, USAGE_ESTIMATED);
    cr_assert_eq(out.nusd, 1025);
}

Test(charge, nonsense_costs_the_operator_nothing_below_zero)
{
    struct usage invalid = reported;
    invalid.is_invalid = 1;
    invalid.count[USAGE_OUTPUT] = INT64_MIN;
    struct charge out = cost((struct charge_facts){.usage = &invalid, .reserved_nusd = 7});

    cr_assert_eq(out.provenance, USAGE_INVALID);
    cr_assert_eq(out.nusd, 1010, "and it is not capped by what the caller had reserved");
}
