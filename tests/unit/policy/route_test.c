#include <criterion/criterion.h>

#include <string.h>

#include "relayos/policy/route.h"

#define NOW     INT64_C(1000000000)
#define SECOND  INT64_C(1000000)
#define N_DRAWS 100000
#define N_CASES 20000

/* Options and their candidates, as pick.c gathers them. */
struct field {
    struct route_option options[LIMIT_MODEL_ROUTES];
    struct route_candidate candidates[LIMIT_MODEL_ROUTES];
    uint16_t list[LIMIT_MODEL_ROUTES];
    uint32_t n, n_listed;
};

static uint64_t random_state = 42;

static uint64_t
random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static struct route_candidate *
add(struct field *field, uint16_t tier, uint16_t weight)
{
    struct route_option *option = &field->options[field->n];
    struct route_candidate *candidate = &field->candidates[field->n++];

    *option = (struct route_option){.tier = tier, .weight = weight};
    *candidate = (struct route_candidate){
        .option = option,
        .figures = {.limit = INT64_MAX, .first_token_us = SECOND, .success_permille = 1000}};
    return candidate;
}

static struct route_option *
option_of(struct field *field, uint32_t position)
{
    return &field->options[position];
}

/* The route taken, or n. */
static uint32_t
choose(struct field *field, const struct route_question *question)
{
    field->n_listed = route_shortlist(question, field->candidates, field->n, field->list);
    if (field->n_listed == 0)
        return field->n;
    return route_best(question, field->candidates, field->list, field->n_listed);
}

static struct route_question
question_of(enum route_policy policy)
{
    return (struct route_question){
        .policy = policy, .random = random_bits(), .prompt_tokens = 1000, .output_tokens = 1000};
}

/* 1 .. 128 routes in rising tiers, of which anything may be true; some figures are nonsense. */
static void
random_field(struct field *field)
{
    uint32_t n = 1 + (uint32_t)(random_bits() % LIMIT_MODEL_ROUTES);
    uint16_t tier = 0;

    field->n = 0;
    for (uint32_t i = 0; i < n; i++) {
        tier = (uint16_t)(tier + (random_bits() % 8 == 0));
        struct route_candidate *candidate = add(field, tier, (uint16_t)(random_bits() % 1001));
        struct route_option *option = option_of(field, i);

        option->input_nusd = (int64_t)(random_bits() >> random_bits() % 64);
        option->output_nusd = (int64_t)(random_bits() >> random_bits() % 64);
        option->cache_read_nusd = (int64_t)(random_bits() >> random_bits() % 64);
        option->max_concurrent = (uint32_t)(random_bits() >> (32 + random_bits() % 32));
        if (random_bits() % 2 == 0)
            candidate->exclusion = (uint8_t)(random_bits() % ROUTE_N_EXCLUSIONS);
        candidate->wants_trial = random_bits() % 4 == 0;
        candidate->until_us = (int64_t)(random_bits() % (2 * NOW));
        candidate->figures.first_token_us = (int64_t)random_bits() >> random_bits() % 64;
        candidate->figures.in_flight = (int64_t)random_bits() >> random_bits() % 64;
        candidate->figures.limit = (int64_t)random_bits() >> random_bits() % 64;
        candidate->figures.success_permille = (int64_t)random_bits() >> random_bits() % 64;
    }
    if (random_bits() % 2 == 0)
        field->candidates[random_bits() % n].is_pinned = true;
}

static uint32_t
count_usable(const struct field *field)
{
    uint32_t n_usable = 0;

    for (uint32_t i = 0; i < field->n; i++)
        n_usable += field->candidates[i].exclusion == ROUTE_USABLE;
    return n_usable;
}

/* The best tier that has something usable, trials apart. */
static uint32_t
least_tier(const struct field *field)
{
    uint32_t least = UINT32_MAX;

    for (uint32_t i = 0; i < field->n; i++) {
        const struct route_candidate *candidate = &field->candidates[i];

        if (candidate->exclusion == ROUTE_USABLE && !candidate->wants_trial &&
            candidate->option->tier < least)
            least = candidate->option->tier;
    }
    return least;
}

/* n draws with probability p: within 3 sigma. */
static void
assert_share(uint32_t hits, uint32_t n, double p)
{
    double distance = (double)hits - n * p;

    cr_assert(distance * distance <= 9 * n * p * (1 - p) + 1, "%u of %u, expected %g", hits, n,
              n * p);
}

Test(route, one_that_is_excluded_is_never_taken_and_a_usable_one_always)
{
    struct field field;

    for (int i = 0; i < N_CASES; i++) {
        struct route_question question = question_of(i % ROUTE_N_POLICIES);
        random_field(&field);
        if (i % 16 == 0)
            question.prompt_tokens = question.output_tokens = INT64_MAX;
        uint32_t best = choose(&field, &question);

        if (count_usable(&field) == 0) {
            cr_assert_eq(best, field.n);
            continue;
        }
        cr_assert_lt(best, field.n);
        for (uint32_t k = 0; k < field.n_listed; k++) {
            const struct route_candidate *listed = &field.candidates[field.list[k]];

            cr_assert_eq(listed->exclusion, ROUTE_USABLE);
            cr_assert_neq(listed->score, 0);
            for (uint32_t m = 0; m < k; m++)
                cr_assert_neq(field.list[m], field.list[k]);
        }
        cr_assert_eq(field.candidates[best].exclusion, ROUTE_USABLE);
    }
}

Test(route, no_tier_is_used_while_a_better_one_has_something)
{
    struct field field;

    for (int i = 0; i < N_CASES; i++) {
        struct route_question question = question_of(i % ROUTE_N_POLICIES);
        random_field(&field);
        uint32_t least = least_tier(&field);
        uint32_t best = choose(&field, &question);
        if (best < field.n && !field.candidates[best].wants_trial)
            cr_assert_eq(field.candidates[best].option->tier, least);
        else if (best < field.n)
            cr_assert_leq(field.candidates[best].option->tier, least);
    }
}

Test(route, within_a_tier_what_needs_no_translation_is_taken)
{
    for (int i = 0; i < 1000; i++) {
        struct route_question question = question_of(i % ROUTE_N_POLICIES);
        struct field field = {.n = 0};

        add(&field, 0, 1000)->is_translated = true;
        add(&field, 0, 1);
        add(&field, 1, 1000);
        cr_assert_eq(choose(&field, &question), 1);
        field.candidates[1].exclusion = ROUTE_OPEN;
        cr_assert_eq(choose(&field, &question), 0); /* before a worse tier's, though */
    }
}

Test(route, a_pinned_one_is_always_listed_if_it_is_usable_and_no_better_tier_is)
{
    struct field field;

    for (int i = 0; i < N_CASES; i++) {
        struct route_question question = question_of(i % ROUTE_N_POLICIES);
        random_field(&field);
        uint32_t least = least_tier(&field);
        choose(&field, &question);
        for (uint32_t k = 0; k < field.n; k++) {
            const struct route_candidate *candidate = &field.candidates[k];
            uint32_t n_found = 0;

            if (!candidate->is_pinned || candidate->exclusion != ROUTE_USABLE)
                continue;
            for (uint32_t m = 0; m < field.n_listed; m++)
                n_found += field.list[m] == k;
            if (candidate->option->tier <= least)
                cr_assert_eq(n_found, 1);
            else
                cr_assert_eq(n_found, 0);
        }
    }
}

Test(route, weighted_honours_the_weights)
{
    static const uint16_t weights[] = {1, 3, 6, 90};
    uint32_t taken[4] = {0};
    struct field field = {.n = 0};

    for (uint32_t i = 0; i < 4; i++)
        add(&field, 0, weights[i]);
    add(&field, 1, 1000);
    for (int i = 0; i < N_DRAWS; i++) {
        struct route_question question = question_of(ROUTE_WEIGHTED);

        taken[choose(&field, &question)]++;
    }
    for (uint32_t i = 0; i < 4; i++)
        assert_share(taken[i], N_DRAWS, weights[i] / 100.0);
}

/* The chance to be one of two drawn by weight without putting back. */
static double
chance_of_two(const uint16_t *weights, uint32_t n, uint32_t which)
{
    double total = 0, chance;

    for (uint32_t i = 0; i < n; i++)
        total += weights[i];
    chance = weights[which] / total;
    for (uint32_t i = 0; i < n; i++)
        if (i != which)
            chance += weights[i] / total * weights[which] / (total - weights[i]);
    return chance;
}

Test(route, balanced_draws_two_by_weight)
{
    static const uint16_t weights[] = {10, 20, 30, 40};
    uint32_t listed[4] = {0};
    struct field field = {.n = 0};

    for (uint32_t i = 0; i < 4; i++)
        add(&field, 0, weights[i]);
    for (int i = 0; i < N_DRAWS; i++) {
        struct route_question question = question_of(ROUTE_BALANCED);

        choose(&field, &question);
        cr_assert_eq(field.n_listed, 2);
        listed[field.list[0]]++;
        listed[field.list[1]]++;
    }
    for (uint32_t i = 0; i < 4; i++)
        assert_share(listed[i], N_DRAWS, chance_of_two(weights, 4, i));
}

Test(route, balanced_never_takes_the_worst_of_a_tier)
{
    struct field field = {.n = 0};
    uint32_t taken[3] = {0};

    for (int i = 0; i < 3; i++)
        add(&field, 0, 1)->figures.first_token_us = SECOND + i;
    for (int i = 0; i < N_DRAWS; i++) {
        struct route_question question = question_of(ROUTE_BALANCED);

        taken[choose(&field, &question)]++;
    }
    cr_assert_eq(taken[2], 0);
    assert_share(taken[0], N_DRAWS, 2 / 3.0);
}

/* Which of two routes balanced and fastest take, if the second differs so. */
static void
assert_prefers_the_first(struct health_figures second)
{
    static const enum route_policy policies[] = {ROUTE_BALANCED, ROUTE_FASTEST};
    struct field field = {.n = 0};

    add(&field, 0, 1);
    add(&field, 0, 1000)->figures = second;
    for (size_t i = 0; i < 2; i++) {
        struct route_question question = question_of(policies[i]);

        cr_assert_eq(choose(&field, &question), 0);
        cr_assert_lt(field.candidates[0].score, field.candidates[1].score);
    }
}

Test(route, slow_loaded_and_failing_routes_are_worse)
{
    struct health_figures well = {
        .limit = INT64_MAX, .first_token_us = SECOND, .success_permille = 1000};
    struct health_figures slow = well, loaded = well, failing = well, full = well, dead = well;

    slow.first_token_us += SECOND / 100;
    loaded.in_flight = 1;
    failing.success_permille = 990;
    full.in_flight = full.limit = 10;
    dead.success_permille = 0;
    assert_prefers_the_first(slow);
    assert_prefers_the_first(loaded);
    assert_prefers_the_first(failing);
    assert_prefers_the_first(full);
    assert_prefers_the_first(dead);
}

Test(route, the_configured_limit_counts_as_load_too)
{
    struct field field = {.n = 0};
    struct route_question question = question_of(ROUTE_BALANCED);

    for (int i = 0; i < 2; i++)
        add(&field, 0, 1)->figures.in_flight = 4;
    option_of(&field, 0)->max_concurrent = 4;
    cr_assert_eq(choose(&field, &question), 1);
    cr_assert_eq(field.candidates[0].score, 2 * SECOND);
    cr_assert_eq(field.candidates[1].score, SECOND + SECOND * 4 / 32);
}

Test(route, half_the_success_is_four_times_the_wait)
{
    struct field field = {.n = 0};
    struct route_question question = question_of(ROUTE_BALANCED);

    add(&field, 0, 1)->figures.success_permille = 500;
    choose(&field, &question);
    cr_assert_eq(field.candidates[0].score, 4 * SECOND);
}

Test(route, one_that_nobody_measured_is_measured)
{
    struct field field = {.n = 0};
    struct route_question balanced = question_of(ROUTE_BALANCED);
    struct route_question fastest = question_of(ROUTE_FASTEST);
    const uint16_t all[] = {0, 1, 2, 3};

    for (int i = 0; i < 3; i++)
        add(&field, 0, 1)->figures.first_token_us = (i + 1) * SECOND;
    add(&field, 0, 1)->figures.first_token_us = 0;
    cr_assert_eq(choose(&field, &fastest), 3);
    route_best(&balanced, field.candidates, all, 4);
    cr_assert_eq(field.candidates[3].score, 2 * SECOND); /* the median */

    for (int i = 0; i < 3; i++)
        field.candidates[i].figures.first_token_us = 0;
    route_best(&balanced, field.candidates, all, 4);
    cr_assert_eq(field.candidates[3].score, SECOND);
}

Test(route, one_that_nobody_measured_gets_few_calls_until_somebody_has)
{
    static const enum route_policy policies[] = {ROUTE_BALANCED, ROUTE_FASTEST};
    struct field field = {.n = 0};

    add(&field, 0, 1);
    add(&field, 0, 1)->figures.first_token_us = 0;
    for (size_t i = 0; i < 2; i++) {
        struct health_figures *unmeasured = &field.candidates[1].figures;

        for (unmeasured->in_flight = 0; unmeasured->in_flight < 100; unmeasured->in_flight++) {
            struct route_question question = question_of(policies[i]);

            if (choose(&field, &question) == 0)
                break;
        }
        cr_assert_leq(unmeasured->in_flight, 1);
    }
}

Test(route, ordered_takes_the_first_that_is_usable)
{
    struct field field = {.n = 0};
    struct route_question question = question_of(ROUTE_ORDERED);

    for (int i = 0; i < 4; i++)
        add(&field, 0, 1)->figures.first_token_us = (4 - i) * SECOND;
    cr_assert_eq(choose(&field, &question), 0);
    field.candidates[0].exclusion = ROUTE_TRIED;
    field.candidates[1].exclusion = ROUTE_OPEN;
    cr_assert_eq(choose(&field, &question), 2);
    cr_assert_eq(field.candidates[2].score, 3);
}

Test(route, cheapest_goes_by_this_request)
{
    struct field field = {.n = 0};
    struct route_question long_prompt = {
        .policy = ROUTE_CHEAPEST, .prompt_tokens = 100000, .output_tokens = 100};
    struct route_question long_answer = {
        .policy = ROUTE_CHEAPEST, .prompt_tokens = 100, .output_tokens = 100000};

    add(&field, 0, 1);
    add(&field, 0, 1);
    *option_of(&field, 0) = (struct route_option){.input_nusd = 3000000, .output_nusd = 3000000};
    *option_of(&field, 1) = (struct route_option){.input_nusd = 1000000, .output_nusd = 9000000};
    cr_assert_eq(choose(&field, &long_prompt), 1);
    cr_assert_eq(field.candidates[1].score, 100000 + 900);
    cr_assert_eq(choose(&field, &long_answer), 0);
    cr_assert_eq(field.candidates[0].score, 100100 * 3);
}

Test(route, of_equal_costs_the_least_loaded_is_taken)
{
    struct field field = {.n = 0};
    struct route_question question = question_of(ROUTE_CHEAPEST);

    for (int i = 0; i < 3; i++)
        add(&field, 0, 1)->figures.in_flight = 3 - i;
    cr_assert_eq(choose(&field, &question), 2);
    cr_assert_eq(field.n_listed, 3);
}

Test(route, of_many_to_be_compared_a_few_are_drawn_by_weight)
{
    struct field field = {.n = 0};
    uint32_t n_even = 0, n_listed = 0;

    for (int i = 0; i < 100; i++)
        add(&field, 0, i % 2 == 0 ? 30 : 10);
    for (int i = 0; i < N_DRAWS; i++) {
        struct route_question question = question_of(i % 2 ? ROUTE_FASTEST : ROUTE_CHEAPEST);

        choose(&field, &question);
        cr_assert(field.n_listed >= 2 && field.n_listed <= 3);
        n_listed += field.n_listed;
        for (uint32_t k = 0; k < field.n_listed; k++)
            n_even += field.list[k] % 2 == 0;
    }
    /* Without putting back, a little less than three quarters. */
    cr_assert(n_even < n_listed * 0.755 && n_even > n_listed * 0.735, "%u of %u", n_even, n_listed);
}

/* Past what a score can show, routes are still told apart. */
Test(route, costs_past_the_score_are_compared_in_full)
{
    struct field field = {.n = 0};
    struct route_question question = {
        .policy = ROUTE_CHEAPEST, .prompt_tokens = 1000000, .output_tokens = 1000};
    const uint16_t all[] = {0, 1};

    for (uint32_t i = 0; i < 2; i++) {
        add(&field, 0, 1);
        option_of(&field, i)->input_nusd = INT64_C(20000000000) - i;
    }
    cr_assert_eq(choose(&field, &question), 1);
    cr_assert_eq(route_best(&question, field.candidates, all, 2), 1);
    cr_assert_eq(field.candidates[0].score, UINT32_MAX);
    cr_assert_eq(field.candidates[1].score, UINT32_MAX);
}

/* A conversation at route 0, where a cached token costs `cache_read` of the 1000000 of a fresh one;
 * route 1 is `permille` / 1000 times as fast. */
static uint32_t
choose_pinned(enum route_policy policy, int64_t cache_read, int64_t prompt_tokens, int64_t permille)
{
    struct field field = {.n = 0};
    struct route_question question = {
        .policy = policy, .random = 1, .prompt_tokens = prompt_tokens, .output_tokens = 1000};

    add(&field, 0, 1)->is_pinned = true;
    field.candidates[0].figures.first_token_us = permille * 1000;
    add(&field, 0, 1);
    for (uint32_t i = 0; i < 2; i++)
        *option_of(&field, i) = (struct route_option){.weight = 1,
                                                      .input_nusd = 1000000,
                                                      .output_nusd = 1000000,
                                                      .cache_read_nusd = cache_read};
    return choose(&field, &question);
}

Test(route, a_conversation_stays_by_what_its_cache_is_worth)
{
    static const enum route_policy policies[] = {ROUTE_BALANCED, ROUTE_FASTEST};

    for (size_t i = 0; i < 2; i++) {
        enum route_policy policy = policies[i];

        /* Nothing to lose: half as slow again. */
        cr_assert_eq(choose_pinned(policy, 1000000, 99000, 1500), 0);
        cr_assert_eq(choose_pinned(policy, 1000000, 99000, 1501), 1);
        /* Nine tenths of 99 % of the cost: 1 + 3 x 0.891. */
        cr_assert_eq(choose_pinned(policy, 100000, 99000, 3670), 0);
        cr_assert_eq(choose_pinned(policy, 100000, 99000, 3680), 1);
        /* A short prompt, most of the cost is output. */
        cr_assert_eq(choose_pinned(policy, 100000, 10, 1500), 0);
        cr_assert_eq(choose_pinned(policy, 100000, 10, 1501), 1);
        /* Never more than four times. */
        cr_assert_eq(choose_pinned(policy, 0, 100000000, 4001), 1);
    }
    cr_assert_eq(choose_pinned(ROUTE_ORDERED, 1000000, 10, 100000), 0);
    cr_assert_eq(choose_pinned(ROUTE_WEIGHTED, 1000000, 10, 100000), 0);
}

Test(route, cheapest_leaves_a_cache_that_is_dearer_than_a_fresh_prompt_elsewhere)
{
    struct field field = {.n = 0};
    struct route_question question = question_of(ROUTE_CHEAPEST);

    add(&field, 0, 1)->is_pinned = true;
    add(&field, 0, 1);
    *option_of(&field, 0) = (struct route_option){.input_nusd = 1000, .cache_read_nusd = 100};
    *option_of(&field, 1) = (struct route_option){.input_nusd = 101};
    cr_assert_eq(choose(&field, &question), 0);
    option_of(&field, 1)->input_nusd = 99;
    cr_assert_eq(choose(&field, &question), 1);
}

Test(route, a_half_open_route_is_tried_by_one_request_in_eight)
{
    struct field field = {.n = 0};
    uint32_t n_trials = 0, n_pinned_trials = 0;

    for (int i = 0; i < 3; i++)
        add(&field, 1, 1);
    field.candidates[1].wants_trial = true;
    field.candidates[1].figures.first_token_us = 100 * SECOND;
    add(&field, 2, 1)->wants_trial = true; /* of a worse tier: not now */
    for (int i = 0; i < N_DRAWS; i++) {
        struct route_question question = question_of(i % ROUTE_N_POLICIES);

        field.candidates[0].is_pinned = false;
        uint32_t best = choose(&field, &question);
        n_trials += best == 1;
        cr_assert_leq(best, 2);
        field.candidates[0].is_pinned = true;
        n_pinned_trials += choose(&field, &question) == 1;
    }
    assert_share(n_trials, N_DRAWS, 1 / 8.0);
    assert_share(n_pinned_trials, N_DRAWS, 1 / 64.0);
}

Test(route, a_half_open_route_is_tried_at_once_where_nothing_else_is_usable_or_it_is_pinned)
{
    struct field field = {.n = 0};

    add(&field, 0, 1)->exclusion = ROUTE_OPEN;
    add(&field, 0, 1)->wants_trial = true;
    for (int i = 0; i < 1000; i++) {
        struct route_question question = question_of(i % ROUTE_N_POLICIES);

        field.candidates[0].exclusion = ROUTE_OPEN;
        cr_assert_eq(choose(&field, &question), 1);
        field.candidates[0].exclusion = ROUTE_USABLE;
        field.candidates[1].is_pinned = true;
        cr_assert_eq(choose(&field, &question), 1);
        field.candidates[1].is_pinned = false;
    }
}
