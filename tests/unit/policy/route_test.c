#include <criterion/criterion.h>

#include "relayos/policy/route.h"

#define NOW     INT64_C(1000000000)
#define OPENAI  PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT)
#define CLAUDE  PROTOCOL_BIT(PROTOCOL_ANTHROPIC_MESSAGES)
#define N_DRAWS 100000

static struct route_candidate
candidate(uint32_t n, uint32_t tier, uint32_t weight)
{
    return (struct route_candidate){.n = n, .tier = tier, .weight = weight, .protocols = OPENAI};
}

static uint64_t
draw(uint64_t i)
{
    return (i + 1) * UINT64_C(0xd1342543de82ef95);
}

Test(route, lower_tiers_come_first)
{
    for (uint64_t i = 0; i < 1000; i++) {
        struct route_candidate c[] = {candidate(0, 2, 1000), candidate(1, 0, 1),
                                      candidate(2, 1, 500)};

        cr_assert_eq(route_rank(c, 3, PROTOCOL_OPENAI_CHAT, NOW, draw(i)), 3);
        cr_assert(c[0].n == 1 && c[1].n == 2 && c[2].n == 0);
    }
}

Test(route, weights_divide_the_first_place_of_a_tier)
{
    uint32_t first[3] = {0};

    for (uint64_t i = 0; i < N_DRAWS; i++) {
        struct route_candidate c[] = {candidate(0, 0, 1), candidate(1, 0, 3), candidate(2, 0, 6)};

        route_rank(c, 3, PROTOCOL_OPENAI_CHAT, NOW, draw(i));
        first[c[0].n]++;
    }
    cr_assert(first[0] > N_DRAWS * 9 / 100 && first[0] < N_DRAWS * 11 / 100);
    cr_assert(first[1] > N_DRAWS * 29 / 100 && first[1] < N_DRAWS * 31 / 100);
    cr_assert(first[2] > N_DRAWS * 59 / 100 && first[2] < N_DRAWS * 61 / 100);
}

Test(route, routes_of_other_protocols_are_dropped)
{
    struct route_candidate c[] = {candidate(0, 0, 1), candidate(1, 0, 1), candidate(2, 0, 1)};

    c[0].protocols = CLAUDE;
    c[1].protocols = CLAUDE | OPENAI;
    c[2].protocols = CLAUDE;
    cr_assert_eq(route_rank(c, 3, PROTOCOL_OPENAI_CHAT, NOW, 1), 1);
    cr_assert_eq(c[0].n, 1);
    cr_assert_eq(route_rank(c, 1, PROTOCOL_OPENAI_RESPONSES, NOW, 1), 0);
    cr_assert_eq(route_rank(c, 0, PROTOCOL_OPENAI_CHAT, NOW, 1), 0);
}

Test(route, what_failed_just_now_is_tried_last_even_against_a_higher_tier)
{
    struct route_candidate c[] = {candidate(0, 0, 1000), candidate(1, 1, 1)};

    c[0].health.consecutive_failures = 3;
    c[0].health.last_failure_us = NOW - 1000000;
    route_rank(c, 2, PROTOCOL_OPENAI_CHAT, NOW, 1);
    cr_assert_eq(c[0].n, 1);
}

Test(route, old_or_few_failures_are_forgiven)
{
    struct route_candidate old[] = {candidate(0, 0, 1), candidate(1, 1, 1)};
    struct route_candidate few[] = {candidate(0, 0, 1), candidate(1, 1, 1)};

    old[0].health.consecutive_failures = 100;
    old[0].health.last_failure_us = NOW - 60000000;
    few[0].health.consecutive_failures = 2;
    few[0].health.last_failure_us = NOW;
    route_rank(old, 2, PROTOCOL_OPENAI_CHAT, NOW, 1);
    route_rank(few, 2, PROTOCOL_OPENAI_CHAT, NOW, 1);
    cr_assert_eq(old[0].n, 0);
    cr_assert_eq(few[0].n, 0);
}

Test(route, the_last_route_is_never_dropped_for_its_failures)
{
    struct route_candidate c[] = {candidate(0, 0, 1)};

    c[0].health.consecutive_failures = 1000;
    c[0].health.last_failure_us = NOW;
    cr_assert_eq(route_rank(c, 1, PROTOCOL_OPENAI_CHAT, NOW, 1), 1);
}

Test(route, every_order_is_a_permutation)
{
    for (uint64_t i = 0; i < 1000; i++) {
        struct route_candidate c[LIMIT_MODEL_ROUTES];
        uint32_t seen = 0;

        for (uint32_t n = 0; n < LIMIT_MODEL_ROUTES; n++)
            c[n] = candidate(n, n % 3, n % 5); /* weight 0 too */
        cr_assert_eq(route_rank(c, LIMIT_MODEL_ROUTES, PROTOCOL_OPENAI_CHAT, NOW, draw(i)),
                     LIMIT_MODEL_ROUTES);
        for (uint32_t n = 0; n < LIMIT_MODEL_ROUTES; n++)
            seen |= 1u << c[n].n;
        cr_assert_eq(seen, 0xffff);
    }
}
