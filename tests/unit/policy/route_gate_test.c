#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relayos/policy/route_gate.h"
#include "relayos/shm/health.h"
#include "relayos/shm/health_credential.h"

#define NOW      INT64_C(1000000000)
#define SECOND   INT64_C(1000000)
#define N_ROUTES 100
#define N_ROUNDS 300
#define OPENAI   PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT)
#define CLAUDE   PROTOCOL_BIT(PROTOCOL_ANTHROPIC_MESSAGES)

static struct segment *segment;
static struct route_option options[N_ROUTES];
static struct credential_record credentials[N_ROUTES * 2];
static struct route_candidate candidates[N_ROUTES];
static struct route_gate gate;
static uint64_t random_state = 42;

static const struct routing_settings settings = {
    .breaker_failures = 1, .open_us = 5 * SECOND, .open_max_us = 300 * SECOND};

static uint64_t
random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* Routes that are all well, each with a credential of its own and one to spare. */
static void
make(void)
{
    const struct segment_capacity capacity = {.n_workers = 2,
                                              .flights_per_worker = 32,
                                              .keys = 64,
                                              .routes = N_ROUTES,
                                              .upstreams = N_ROUTES,
                                              .quota_cells = 64,
                                              .refusals_per_worker = 16};
    struct errmsg why = {""};
    char name[64];

    snprintf(name, sizeof(name), "relayos.test.%d", (int)getpid());
    cr_assert_eq(segment_create(name, &capacity, &segment, &why), 0, "%s", why.text);
    cr_assert_eq(segment_unlink(name), 0);
    for (uint32_t i = 0; i < 2 * N_ROUTES; i++) {
        credentials[i] = (struct credential_record){.id = 0x10000 + i};
        cr_assert_eq(health_intern(segment, credentials[i].id, &credentials[i].health_row), 0);
    }
    for (uint32_t i = 0; i < N_ROUTES; i++) {
        options[i] = (struct route_option){.id = i + 1,
                                           .first_credential = 2 * i,
                                           .credential_row = credentials[2 * i].health_row,
                                           .protocols = OPENAI,
                                           .weight = 1,
                                           .n_credentials = 1};
        cr_assert_eq(health_intern(segment, options[i].id, &options[i].health_row), 0);
    }
    gate = (struct route_gate){.segment = segment,
                               .credentials = credentials,
                               .key_id = 7,
                               .now_us = NOW,
                               .protocols = OPENAI};
}

static void
drop(void)
{
    segment_detach(&segment);
}

TestSuite(route_gate, .init = make, .fini = drop);

static void
fail(uint32_t row)
{
    struct health_outcome outcome = {.verdict = HEALTH_FAULT, .now_us = NOW};

    health_begin(segment, 0, row);
    (void)health_end(segment, 0, row, &outcome, &settings);
}

/* Something or other happens to a route. */
static void
befall(struct route_option *option)
{
    uint16_t status = random_bits() % 2 == 0 ? 429 : 401;
    uint32_t credential = option->first_credential + (uint32_t)(random_bits() % 2);

    switch (random_bits() % 8) {
    case 0:
        health_set_admin(segment, option->health_row, (enum health_admin)(random_bits() % 3));
        break;
    case 1:
        fail(option->health_row);
        break;
    case 2:
        (void)health_credential_fail(segment, credentials[credential].health_row, status, 30,
                                     &settings, NOW);
        break;
    case 3:
        option->n_credentials = 2;
        break;
    case 4:
        option->is_disabled = random_bits() % 2 == 0;
        break;
    case 5:
        option->protocols = random_bits() % 2 == 0 ? CLAUDE : OPENAI | CLAUDE;
        break;
    case 6:
        (void)health_cool(segment, option->health_row, (uint32_t)(random_bits() % 2),
                          1 + (int64_t)(random_bits() % 9), &settings, NOW);
        break;
    default:
        break;
    }
}

Test(route_gate, a_glance_says_what_the_questions_one_by_one_say)
{
    static const struct flight_record no_attempts;
    struct route_candidate one_by_one[N_ROUTES];
    uint32_t seen[ROUTE_N_EXCLUSIONS] = {0};

    for (int round = 0; round < N_ROUNDS; round++) {
        befall(&options[random_bits() % N_ROUTES]);
        gate.now_us = NOW + (int64_t)(random_bits() % 10) * SECOND;
        gate.record = NULL;
        route_gate_options(&gate, options, N_ROUTES, candidates);
        gate.record = &no_attempts;
        route_gate_options(&gate, options, N_ROUTES, one_by_one);
        for (uint32_t i = 0; i < N_ROUTES; i++) {
            cr_assert_eq(candidates[i].exclusion, one_by_one[i].exclusion);
            cr_assert_eq(candidates[i].wants_trial, one_by_one[i].wants_trial);
            cr_assert_eq(candidates[i].until_us, one_by_one[i].until_us);
            seen[candidates[i].exclusion]++;
        }
    }
    cr_expect(seen[ROUTE_USABLE] > 0 && seen[ROUTE_OPEN] > 0 && seen[ROUTE_DISABLED] > 0 &&
              seen[ROUTE_DRAINED] > 0 && seen[ROUTE_COOLING] > 0 && seen[ROUTE_REFUSED] > 0 &&
              seen[ROUTE_OTHER_PROTOCOL] > 0);
}

Test(route_gate, a_full_route_is_passed_over_and_all_full_ones_are_found_together)
{
    struct route_question question = {.policy = ROUTE_ORDERED};

    for (uint32_t i = 0; i < 4; i++)
        options[i].max_concurrent = 2;
    for (uint32_t i = 0; i < 3; i++) {
        health_begin(segment, 0, options[i].health_row); /* of two workers together */
        health_begin(segment, 1, options[i].health_row);
    }
    route_gate_options(&gate, options, 4, candidates);
    cr_assert_eq(candidates[0].exclusion, ROUTE_USABLE); /* not asked as yet */
    cr_assert_eq(route_gate_choose(&gate, &question, candidates, 4), 3);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(candidates[i].exclusion, ROUTE_FULL);

    health_begin(segment, 0, options[3].health_row);
    health_begin(segment, 0, options[3].health_row);
    route_gate_options(&gate, options, 4, candidates);
    cr_assert_eq(route_gate_choose(&gate, &question, candidates, 4), 4);
    cr_assert_eq(candidates[3].exclusion, ROUTE_FULL);
}

Test(route_gate, what_a_conversation_is_bound_to_is_open_to_it_though_drained)
{
    health_set_admin(segment, options[0].health_row, HEALTH_DRAINED);
    gate.is_pinned = true;
    gate.pin.health_row = options[0].health_row;
    route_gate_options(&gate, options, 2, candidates);
    cr_assert_eq(candidates[0].exclusion, ROUTE_USABLE);
    cr_assert(candidates[0].is_pinned && !candidates[1].is_pinned);

    gate.is_pinned = false;
    route_gate_options(&gate, options, 2, candidates);
    cr_assert_eq(candidates[0].exclusion, ROUTE_DRAINED);

    gate.has_state = true;
    gate.state_place = options[0].id;
    route_gate_options(&gate, options, 2, candidates);
    cr_assert_eq(candidates[0].exclusion, ROUTE_USABLE);
    cr_assert_eq(candidates[1].exclusion, ROUTE_ELSEWHERE);
}

Test(route_gate, state_is_asked_for_with_the_credential_that_made_it)
{
    struct credential_record *own = &credentials[options[0].first_credential];
    int64_t until_us;
    uint32_t n;

    snprintf(own[0].name, sizeof(own[0].name), "team-a");
    snprintf(own[1].name, sizeof(own[1].name), "team-b");
    options[0].n_credentials = 2;
    gate.has_state = true;
    for (uint32_t made_with = 0; made_with < 2; made_with++) {
        gate.state_place = route_gate_place(options[0].id, &own[made_with]);
        for (gate.key_id = 1; gate.key_id < 20; gate.key_id++) {
            cr_assert_eq(route_gate_credential(&gate, &options[0], &n, &until_us), ROUTE_USABLE);
            cr_assert_eq(n, made_with);
        }
    }
    /* It is with the second alone: the first does not stand in for it. */
    health_credential_fail(segment, own[1].health_row, 401, 0, &settings, NOW);
    cr_assert_eq(route_gate_credential(&gate, &options[0], &n, &until_us), ROUTE_REFUSED);
    route_gate_options(&gate, options, 2, candidates);
    cr_assert_eq(candidates[1].exclusion, ROUTE_ELSEWHERE);

    gate.state_place = options[0].id; /* from before there were two */
    cr_assert_eq(route_gate_credential(&gate, &options[0], &n, &until_us), ROUTE_USABLE);
}

Test(route_gate, who_is_told_to_wait_at_one_route_is_not_kept_from_another)
{
    options[1].first_credential = options[0].first_credential; /* of the same upstream */
    options[1].credential_row = options[0].credential_row;
    cr_assert(health_cool(segment, options[0].health_row, 0, 7, &settings, NOW));
    route_gate_options(&gate, options, 2, candidates);
    cr_assert_eq(candidates[0].exclusion, ROUTE_COOLING);
    cr_assert_eq(candidates[0].until_us, NOW + 7 * SECOND);
    cr_assert_eq(candidates[1].exclusion, ROUTE_USABLE);

    options[0].n_credentials = 2; /* a second one was not told */
    route_gate_options(&gate, options, 1, candidates);
    cr_assert_eq(candidates[0].exclusion, ROUTE_USABLE);

    options[0].n_credentials = 1;
    gate.now_us = NOW + 7 * SECOND;
    route_gate_options(&gate, options, 1, candidates);
    cr_assert_eq(candidates[0].exclusion, ROUTE_USABLE);
}

Test(route_gate, a_new_credential_makes_a_tried_route_new)
{
    struct flight_record record = {.n_attempts = 1};
    uint32_t n, other;
    int64_t until_us;

    options[0].n_credentials = 2;
    snprintf(credentials[0].name, sizeof(credentials[0].name), "first");
    snprintf(credentials[1].name, sizeof(credentials[1].name), "second");
    cr_assert_eq(route_gate_credential(&gate, &options[0], &n, &until_us), ROUTE_USABLE);
    record.attempts[0] = (struct flight_attempt){.route_id = options[0].id, .status = 429};
    snprintf(record.attempts[0].credential, sizeof(record.attempts[0].credential), "%s",
             credentials[n].name);
    gate.record = &record;
    route_gate_options(&gate, options, 2, candidates);
    cr_assert_eq(candidates[0].exclusion, ROUTE_USABLE);
    cr_assert_eq(route_gate_credential(&gate, &options[0], &other, &until_us), ROUTE_USABLE);
    cr_assert_neq(other, n);

    record.attempts[0].status = 500; /* another credential would meet the same */
    route_gate_options(&gate, options, 2, candidates);
    cr_assert_eq(candidates[0].exclusion, ROUTE_TRIED);
    cr_assert_eq(candidates[1].exclusion, ROUTE_USABLE);
}

Test(route_gate, keys_are_spread_over_credentials_and_stay_with_theirs)
{
    uint32_t count[2] = {0}, n, again;
    int64_t until_us;

    options[0].n_credentials = 2;
    for (gate.key_id = 1; gate.key_id <= 1000; gate.key_id++) {
        cr_assert_eq(route_gate_credential(&gate, &options[0], &n, &until_us), ROUTE_USABLE);
        cr_assert_eq(route_gate_credential(&gate, &options[0], &again, &until_us), ROUTE_USABLE);
        cr_assert_eq(n, again);
        count[n]++;
    }
    cr_expect(count[0] > 430 && count[1] > 430, "%u, %u", count[0], count[1]);
}
