#include <criterion/criterion.h>

#include "relayos/policy/estimate.h"
#include "relayos/policy/price.h"

#define FALLBACK 4096

static const struct price price = {.nusd = {[USAGE_INPUT] = 3000000000,
                                            [USAGE_CACHE_READ] = 300000000,
                                            [USAGE_CACHE_WRITE_1H] = 6000000000,
                                            [USAGE_OUTPUT] = 15000000000}};

static struct estimate
estimate_learned(struct request_facts facts, struct model_record model, int64_t learned)
{
    const struct estimate_terms terms = {.fallback_output_tokens = FALLBACK,
                                         .learned_output_tokens = learned};
    struct estimate out;

    model.price = price;
    estimate_request(&facts, &model, &terms, &out);
    return out;
}

static struct estimate
estimate(struct request_facts facts, struct model_record model)
{
    return estimate_learned(facts, model, 0);
}

static struct request_facts
chat(size_t body_len, int64_t max_tokens, int64_t n)
{
    return (struct request_facts){.operation = OPERATION_CHAT,
                                  .body = {"", body_len},
                                  .max_tokens = max_tokens,
                                  .n_choices = n};
}

Test(estimate, a_prompt_has_at_most_one_token_a_byte_and_fits_the_context)
{
    cr_assert_eq(estimate(chat(1000, 10, 1), (struct model_record){0}).input_tokens, 1000);
    cr_assert_eq(
        estimate(chat(1000, 10, 1), (struct model_record){.context_tokens = 200}).input_tokens,
        200);
}

Test(estimate, a_prompt_that_nobody_counted_is_within_its_bound)
{
    cr_assert_eq(estimate_input_tokens(41, 0), 11);
    cr_assert_eq(estimate_input_tokens(41, 12), 11);
    cr_assert_eq(estimate_input_tokens(41, 10), 10);
}

Test(estimate, what_is_not_in_the_body_may_fill_the_context)
{
    const struct model_record model = {.context_tokens = 200000};
    struct request_facts by_url = chat(1000, 10, 1), by_id = chat(1000, 10, 1);

    by_url.is_unbounded = true;
    by_id.n_state_ids = 1;
    cr_assert_eq(estimate(by_url, model).input_tokens, 200000);
    cr_assert_eq(estimate(by_id, model).input_tokens, 200000);
}

Test(estimate, what_is_recalled_counts_as_the_body_does)
{
    const struct estimate_terms terms = {.recalled_bytes = 700};
    const struct request_facts facts = chat(1000, 10, 1);
    struct estimate out;

    estimate_request(&facts, &(struct model_record){0}, &terms, &out);
    cr_assert_eq(out.input_tokens, 1700);
    estimate_request(&facts, &(struct model_record){.context_tokens = 1500}, &terms, &out);
    cr_assert_eq(out.input_tokens, 1500);
}

Test(estimate, a_dearer_service_tier_is_held_at_its_price)
{
    struct request_facts dear = chat(1000, 10, 1);
    int64_t standard = estimate(dear, (struct model_record){0}).nusd;

    dear.service_tier = SLICE_LIT("priority");
    cr_assert_eq(estimate(dear, (struct model_record){0}).nusd, 2 * standard);
    /* A cheaper one is no promise: it may be served as standard. */
    dear.service_tier = SLICE_LIT("flex");
    cr_assert_eq(estimate(dear, (struct model_record){0}).nusd, standard);
}

Test(estimate, output_is_what_was_said_or_the_models_most_or_the_fallback)
{
    const struct model_record limited = {.max_output_tokens = 500};

    cr_assert_eq(estimate(chat(1, 100, 1), limited).output_tokens, 100);
    cr_assert_eq(estimate(chat(1, 9000, 1), limited).output_tokens, 500);
    cr_assert_eq(estimate(chat(1, 0, 1), limited).output_tokens, 500);
    cr_assert_eq(estimate(chat(1, 0, 1), (struct model_record){0}).output_tokens, FALLBACK);
    cr_assert_eq(estimate(chat(1, 100, 3), limited).output_tokens, 300);
}

Test(estimate, what_was_learned_lowers_it_and_never_raises_it)
{
    const struct model_record limited = {.max_output_tokens = 500};
    struct estimate out = estimate_learned(chat(1, 0, 1), limited, 101);

    cr_assert_eq(out.output_tokens, 152); /* half as much again */
    cr_assert_eq(out.most_tokens, 500);
    cr_assert_eq(out.tokens, 153);
    cr_assert_eq(estimate_learned(chat(1, 0, 3), limited, 100).output_tokens, 450);
    cr_assert_eq(estimate_learned(chat(1, 120, 1), limited, 100).output_tokens, 120);
    cr_assert_eq(estimate_learned(chat(1, 0, 1), limited, 400).output_tokens, 500);
    cr_assert_eq(estimate_learned(chat(1, 0, 1), limited, INT64_MAX).output_tokens, 500);
    cr_assert_lt(out.nusd, estimate(chat(1, 0, 1), limited).nusd);
}

Test(estimate, some_requests_have_no_bound)
{
    struct request_facts by_url = chat(9, 9, 1), by_id = chat(9, 9, 1), by_tool = chat(9, 9, 1);
    struct request_facts plain = chat(9, 9, 1);

    by_url.is_unbounded = by_tool.has_server_tools = true;
    by_id.n_state_ids = 1;
    cr_assert(estimate_has_bound(&plain));
    cr_assert_not(estimate_has_bound(&by_url));
    cr_assert_not(estimate_has_bound(&by_id));
    cr_assert_not(estimate_has_bound(&by_tool));
}

Test(estimate, absurd_numbers_are_bounded)
{
    struct estimate out = estimate(chat(1, INT64_MAX, INT64_MAX), (struct model_record){0});

    cr_assert_eq(out.output_tokens, LIMIT_TOKENS);
    cr_assert_gt(out.nusd, 0);
}

Test(estimate, the_dearest_bucket_is_held)
{
    /* 1000 x 6000 + 10 x 15000 nano-USD */
    cr_assert_eq(estimate(chat(1000, 10, 1), (struct model_record){0}).nusd, 6150000);
}

Test(estimate, embeddings_have_no_output_and_counting_costs_nothing)
{
    struct request_facts facts = chat(100, 50, 1);

    facts.operation = OPERATION_EMBEDDING;
    cr_assert_eq(estimate(facts, (struct model_record){0}).output_tokens, 0);
    facts.operation = OPERATION_COUNT_TOKENS;
    cr_assert_eq(estimate(facts, (struct model_record){0}).nusd, 0);
    cr_assert_eq(estimate(facts, (struct model_record){0}).tokens, 0);
    facts.operation = OPERATION_INPUT_TOKENS;
    cr_assert_eq(estimate(facts, (struct model_record){0}).tokens, 0);
    facts.operation = OPERATION_COMPACTION;
    cr_assert_gt(estimate(facts, (struct model_record){0}).nusd, 0);
    cr_assert_not(estimate_has_bound(&facts), "nobody can say how much may be produced");
}

Test(estimate, no_answer_within_the_bounds_costs_more_than_was_held)
{
    uint64_t random = 7;

    for (int i = 0; i < 100000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        struct estimate out = estimate(chat((size_t)(random >> 44), (int64_t)(random >> 50) + 1, 1),
                                       (struct model_record){0});
        struct usage usage = {.tier_permille = 1000};
        int64_t cached = out.input_tokens == 0 ? 0 : (int64_t)(random >> 20) % out.input_tokens;

        usage.count[USAGE_INPUT] = out.input_tokens - cached;
        usage.count[i % 2 == 0 ? USAGE_CACHE_READ : USAGE_CACHE_WRITE_1H] = cached;
        usage.count[USAGE_OUTPUT] = (int64_t)(random >> 8) % (out.output_tokens + 1);
        usage.count[USAGE_REQUEST] = 1;
        cr_assert_leq(price_charge_nusd(&usage, &price), out.nusd);
    }
}

/* The tiers that it can reach, the factor that it asks for, and the prices it may meet there. */
Test(estimate, no_answer_costs_more_than_was_held_whatever_its_tiers_and_factors)
{
    static const struct slice asked[] = {{"", 0}, {"default", 7}, {"flex", 4}, {"priority", 8}};
    uint64_t random = 11;

    for (int i = 0; i < 100000; i++) {
        struct model_record model = {.price.n_tiers = (uint32_t)i % (LIMIT_PRICE_TIERS + 1)};
        struct price *tiered = &model.price;
        struct usage usage = {0};
        struct estimate out;

        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        for (int k = 0; k < PRICE_N; k++) {
            tiered->nusd[k] = (int64_t)(random >> (k + 20)) & 0x3ffffff;
            for (int t = 0; t < LIMIT_PRICE_TIERS; t++)
                tiered->tiers[t].nusd[k] = (int64_t)(random >> (k + t + 12)) & 0x3ffffff;
        }
        for (int t = 0; t < LIMIT_PRICE_TIERS; t++)
            tiered->tiers[t].above = 500 * (t + 1);
        tiered->factor_permille[USAGE_TIER_PRIORITY] = (uint16_t)(random >> 48);
        tiered->factor_permille[USAGE_TIER_FLEX] = (uint16_t)(random >> 40);

        struct request_facts facts = chat((size_t)(random >> 53), (int64_t)(random >> 54) + 1, 1);

        facts.service_tier = asked[i / 4 % 4];
        estimate_request(&facts, &model,
                         &(struct estimate_terms){.fallback_output_tokens = FALLBACK}, &out);
        usage.count[i % 2 == 0 ? USAGE_INPUT : USAGE_CACHE_READ] =
            (int64_t)(random >> 16) % (out.input_tokens + 1);
        usage.count[USAGE_OUTPUT] = (int64_t)(random >> 8) % (out.output_tokens + 1);
        usage.reasoning_tokens = usage.count[USAGE_OUTPUT] / 2;
        usage.count[USAGE_REQUEST] = 1;
        cr_assert_leq(price_charge_nusd(&usage, tiered), out.nusd, "round %d", i);
        if (i / 4 % 4 >= 2) { /* or as it asked */
            usage.service_tier = i / 4 % 4 == 2 ? USAGE_TIER_FLEX : USAGE_TIER_PRIORITY;
            cr_assert_leq(price_charge_nusd(&usage, tiered), out.nusd, "round %d", i);
        }
    }
}

Test(estimate, output_tokens_of_bytes_round_up)
{
    cr_assert_eq(estimate_output_tokens(0), 0);
    cr_assert_eq(estimate_output_tokens(1), 1);
    cr_assert_eq(estimate_output_tokens(4), 1);
    cr_assert_eq(estimate_output_tokens(5), 2);
    cr_assert_eq(estimate_output_tokens(INT64_MAX), INT64_MAX / 4 + 1);
}
