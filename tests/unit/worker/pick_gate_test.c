#include <criterion/criterion.h>

#include "relayos/policy/route_gate.h"
#include "scene.h"

#define HOUR (3600 * SCENE_SECOND)

static enum route_exclusion
gate(struct scene *s, const struct route_gate *asked, uint32_t n, struct route_candidate *out)
{
    const struct worker_scratch *scratch = &s->worker.scratch;
    struct route_candidate all[SCENE_ROUTES];
    struct route_gate gate = *asked;

    gate.segment = s->segment;
    gate.record = s->record.n_attempts > 0 ? &s->record : NULL;
    gate.key_id = s->request.key_id;
    gate.now_us = s->now_us;
    gate.credentials = catalog_credentials(s->catalog, scratch->model_epoch);
    if (gate.protocols == 0)
        gate.protocols = PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT);
    route_gate_options(&gate, catalog_options(s->catalog, scratch->model_epoch, &scratch->model),
                       s->n_routes, all);
    route_gate_exclude_full(&gate, all, s->n_routes);
    *out = all[n];
    return (enum route_exclusion)out->exclusion;
}

Test(pick_gate, every_gate_shuts_for_its_reason)
{
    struct scene *s = scene_new();
    const struct route_gate plain = {0};
    struct route_candidate out;

    cr_assert_eq(gate(s, &plain, 0, &out), ROUTE_USABLE);
    cr_assert_eq(gate(s,
                      &(struct route_gate){.protocols = PROTOCOL_BIT(PROTOCOL_ANTHROPIC_MESSAGES)},
                      0, &out),
                 ROUTE_OTHER_PROTOCOL);
    cr_assert_eq(
        gate(s, &(struct route_gate){.has_state = true, .state_place = s->routes[1].id}, 0, &out),
        ROUTE_ELSEWHERE);
    struct route_gate bound = {.is_family_bound = true, .family = 1};
    cr_assert_eq(gate(s, &bound, 0, &out), ROUTE_USABLE, "a translation leaves out what it cannot");
    bound.straight = PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT);
    cr_assert_eq(gate(s, &bound, 0, &out), ROUTE_OTHER_FAMILY);

    health_set_admin(s->segment, s->routes[0].health_row, HEALTH_DISABLED);
    cr_assert_eq(gate(s, &plain, 0, &out), ROUTE_DISABLED);
    health_set_admin(s->segment, s->routes[0].health_row, HEALTH_DRAINED);
    cr_assert_eq(gate(s, &plain, 0, &out), ROUTE_DRAINED);
    health_set_admin(s->segment, s->routes[0].health_row, HEALTH_ENABLED);

    s->record.n_attempts = 1;
    s->record.attempts[0] = (struct flight_attempt){.route_id = s->routes[0].id, .status = 500};
    cr_assert_eq(gate(s, &plain, 0, &out), ROUTE_TRIED);
    s->record.n_attempts = 0;

    scene_break(s, 0);
    cr_assert_eq(gate(s, &plain, 0, &out), ROUTE_OPEN);
    cr_assert_gt(out.until_us, s->now_us);
    scene_pass(s, 10 * SCENE_SECOND);
    cr_assert_eq(gate(s, &plain, 0, &out), ROUTE_USABLE);
    cr_assert(out.wants_trial);
    cr_assert(
        health_take_trial(s->segment, 1, s->routes[0].health_row, &s->settings, false, s->now_us));
    cr_assert_eq(gate(s, &plain, 0, &out), ROUTE_ON_TRIAL);

    scene_fail_credentials(s, 1, 1, 429);
    cr_assert_eq(gate(s, &plain, 1, &out), ROUTE_COOLING);
    cr_assert_geq(out.until_us, s->now_us + 30 * SCENE_SECOND);
    scene_fail_credentials(s, 2, 3, 401);
    cr_assert_eq(gate(s, &plain, 2, &out), ROUTE_REFUSED);
    scene_free(s);
}

Test(pick_gate, what_the_configuration_disables_is_not_used)
{
    struct scene *s = scene_new();
    struct route_candidate out;

    s->routes[0].is_disabled = 1;
    scene_commit(s);
    scene_ask(s);
    cr_assert_eq(gate(s, &(struct route_gate){0}, 0, &out), ROUTE_DISABLED);
    scene_free(s);
}

Test(pick_gate, a_route_is_full_by_what_the_operator_says_or_overload_has_taught)
{
    struct scene *s = scene_new();
    const struct route_gate plain = {0};
    const struct health_outcome overload = {.verdict = HEALTH_OVERLOAD, .now_us = s->now_us};
    struct route_candidate out;

    s->routes[0].max_concurrent = 2;
    scene_commit(s);
    scene_ask(s);
    health_begin(s->segment, 0, s->routes[0].health_row);
    cr_assert_eq(gate(s, &plain, 0, &out), ROUTE_USABLE);
    health_begin(s->segment, 1, s->routes[0].health_row); /* another worker's counts */
    cr_assert_eq(gate(s, &plain, 0, &out), ROUTE_FULL);

    for (int i = 0; i < 16; i++)
        health_begin(s->segment, 0, s->routes[1].health_row);
    cr_assert_eq(gate(s, &plain, 1, &out), ROUTE_USABLE);
    (void)health_end(s->segment, 0, s->routes[1].health_row, &overload, &s->settings);
    cr_assert_lt(health_limit(s->segment, s->routes[1].health_row), 15);
    cr_assert_eq(gate(s, &plain, 1, &out), ROUTE_FULL);
    scene_free(s);
}

Test(pick_gate, one_shut_credential_of_several_shuts_nothing)
{
    struct scene *s = scene_new();
    struct route_candidate out;

    scene_fail_credentials(s, 2, 2, 429);
    cr_assert_eq(gate(s, &(struct route_gate){0}, 2, &out), ROUTE_USABLE);
    cr_assert_eq(out.until_us, 0);
    scene_free(s);
}

Test(pick_gate, some_cooling_and_some_refused_is_cooling)
{
    struct scene *s = scene_new();
    struct route_candidate out;

    scene_fail_credentials(s, 2, 3, 403);
    scene_pass(s, HOUR);
    scene_fail_credentials(s, 2, 2, 403);
    cr_assert(health_credential_fail(s->segment, scene_credential_row(s, 2, 2), 429, 5,
                                     &s->settings, s->now_us));
    cr_assert_eq(gate(s, &(struct route_gate){0}, 2, &out), ROUTE_COOLING);
    scene_free(s);
}
