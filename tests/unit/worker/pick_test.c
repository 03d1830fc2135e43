#include <criterion/criterion.h>

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "relayos/shm/retry_budget.h"
#include "scene.h"

#define ROUNDS 200

/* ---- choices ---- */

Test(pick, usable_routes_share_the_requests)
{
    struct scene *s = scene_new();
    uint32_t n_picked[SCENE_ROUTES] = {0};

    for (int i = 0; i < 200; i++) {
        scene_ask(s);
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        n_picked[scene_picked(s)]++;
    }
    for (uint32_t n = 0; n < SCENE_ROUTES; n++)
        cr_assert_gt(n_picked[n], 20, "route %u: %u", n, n_picked[n]);
    scene_free(s);
}

Test(pick, what_is_picked_goes_together)
{
    struct scene *s = scene_new();
    const struct pick *pick = &s->worker.scratch.pick;
    char secret[16], name[16];

    for (int i = 0; i < 50; i++) {
        scene_ask(s);
        s->request.key_id = (uint64_t)i;
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        uint32_t n = scene_picked(s);
        snprintf(name, sizeof(name), "up-%u", n);
        snprintf(secret, sizeof(secret), "sk-%u-%u", n, pick->n_credential);
        cr_assert_str_eq(pick->upstream.name, name);
        cr_assert(slice_eq_str(buf_slice(&pick->credential), secret));
        cr_assert_eq(pick->credential_record.id, scene_id(name, pick->n_credential));
        cr_assert_eq(pick->model_id, s->big.id);
        cr_assert_eq(pick->reason, ATTEMPT_FIRST);
        cr_assert_not(pick->is_trial);
    }
    scene_free(s);
}

Test(pick, the_keys_policy_goes_before_the_models)
{
    struct scene *s = scene_new();

    for (int i = 0; i < 20; i++) {
        scene_ask(s);
        s->request.policy = ROUTE_ORDERED + 1;
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        cr_assert_eq(scene_picked(s), 0);
    }
    scene_free(s);
}

Test(pick, each_attempt_takes_another_route_until_none_is_left)
{
    struct scene *s = scene_new();
    bool was_picked[SCENE_ROUTES] = {false};

    for (int i = 0; i < SCENE_ROUTES; i++) {
        cr_assert_not(pick_is_exhausted(&s->request));
        cr_assert_eq(scene_pick(s, i == 0 ? ATTEMPT_FIRST : ATTEMPT_FAILOVER), 0);
        cr_assert_not(was_picked[scene_picked(s)]);
        was_picked[scene_picked(s)] = true;
        scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_ERROR, 500);
    }
    cr_assert(pick_is_exhausted(&s->request), "by what it has tried");
    cr_assert_eq(scene_pick(s, ATTEMPT_FAILOVER), ERR_NO_HEALTHY_ROUTE);
    cr_assert(pick_is_exhausted(&s->request));
    scene_free(s);
}

Test(pick, retries_stay_within_the_models_budget)
{
    struct scene *s = scene_new();
    uint32_t n_taken = 0;

    for (int i = 0; i < 100; i++) {
        scene_ask(s);
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        s->record.n_attempts = 1;
        s->record.attempts[0].route_id = s->worker.scratch.pick.route.id;
        n_taken += scene_pick(s, ATTEMPT_FAILOVER) == 0;
        cr_assert_not(pick_is_exhausted(&s->request), "there are routes, and later a budget");
    }
    cr_assert(n_taken >= 19 && n_taken <= 21, "%u", n_taken);
    scene_free(s);
}

/* Else a key's odd requests leave no failover to others. */
Test(pick, the_second_attempt_after_a_refusal_takes_no_budget_but_the_third_does)
{
    struct scene *s = scene_new();
    struct flight_attempt *attempts = s->record.attempts;
    uint32_t n_second = 0, n_third = 0;

    for (int i = 0; i < 100; i++) {
        scene_ask(s);
        for (uint32_t n = 0; n < 2; n++) {
            cr_assert_eq(scene_pick(s, n == 0 ? ATTEMPT_FIRST : ATTEMPT_FAILOVER), 0);
            attempts[n] = (struct flight_attempt){.route_id = s->worker.scratch.pick.route.id,
                                                  .outcome = ATTEMPT_FAILED,
                                                  .category = ERR_CATEGORY_UPSTREAM_UNAVAILABLE,
                                                  .status = 404};
            s->record.n_attempts = n + 1;
            n_second += n;
        }
        n_third += scene_pick(s, ATTEMPT_FAILOVER) == 0;
    }
    cr_assert_eq(n_second, 100);
    cr_assert(n_third >= 19 && n_third <= 21, "%u", n_third);
    scene_free(s);
}

Test(pick, hedges_have_their_own_part_of_the_budget)
{
    struct scene *s = scene_new();
    uint32_t n_taken = 0;

    for (int i = 0; i < 100; i++) {
        scene_ask(s);
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        s->record.n_attempts = 1;
        s->record.attempts[0].route_id = s->worker.scratch.pick.route.id;
        n_taken += scene_pick(s, ATTEMPT_HEDGE) == 0;
    }
    cr_assert(n_taken >= 9 && n_taken <= 11, "%u", n_taken);
    scene_free(s);
}

Test(pick, a_hedge_takes_no_trial)
{
    struct scene *s = scene_new();
    int64_t until_us;

    for (uint32_t n = 1; n < SCENE_ROUTES; n++)
        scene_break(s, n);
    scene_pass(s, 8 * SCENE_SECOND);
    for (int i = 0; i < 100; i++)
        retry_budget_count(s->segment, 0, s->big.id, s->now_us);
    scene_ask(s);
    s->record.n_attempts = 1;
    s->record.attempts[0].route_id = s->routes[0].id;
    cr_assert_eq(scene_pick(s, ATTEMPT_HEDGE), ERR_NO_HEALTHY_ROUTE);
    cr_assert_not(s->request.is_exhausted, "the call beside it goes on");
    for (uint32_t n = 1; n < SCENE_ROUTES; n++)
        cr_assert_eq(health_gate(s->segment, s->routes[n].health_row, s->now_us, &until_us),
                     HEALTH_WANTS_TRIAL);
    cr_assert_eq(scene_pick(s, ATTEMPT_FAILOVER), 0, "which a second attempt takes");
    scene_free(s);
}

/* ---- trials and panic ---- */

Test(pick, whose_trial_came_to_nothing_lets_others_go_first)
{
    struct scene *s = scene_new();

    s->n_routes = 1;
    scene_commit(s);
    scene_break(s, 0);
    scene_pass(s, HEALTH_PANIC_US);
    scene_ask(s);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    cr_assert(s->worker.scratch.pick.is_trial);
    scene_call(s, ATTEMPT_CANCELLED, ERR_CATEGORY_CLIENT_CLOSED, 0);
    scene_ask(s);
    cr_assert_neq(scene_pick(s, ATTEMPT_FIRST), 0, "the same key at once");
    scene_pass(s, HEALTH_PANIC_US);
    scene_ask(s);
    cr_assert_neq(scene_pick(s, ATTEMPT_FIRST), 0, "nor when the next may");
    s->request.key_id++;
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0, "another");
    s->request.key_id--;
    scene_call(s, ATTEMPT_CANCELLED, ERR_CATEGORY_CLIENT_CLOSED, 0);
    scene_pass(s, 2 * HEALTH_PANIC_US);
    scene_ask(s);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0, "nobody else came");
    scene_free(s);
}

Test(pick, of_a_route_that_may_have_healed_one_request_takes_the_trial)
{
    struct scene *s = scene_new();
    uint32_t n_trials = 0;

    scene_break(s, 1);
    for (int i = 0; i < 50; i++) {
        scene_ask(s);
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        cr_assert_neq(scene_picked(s), 1);
    }
    scene_pass(s, 8 * SCENE_SECOND);
    for (int i = 0; i < 200; i++) {
        scene_ask(s);
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        n_trials += scene_picked(s) == 1;
        cr_assert_eq(s->worker.scratch.pick.is_trial, scene_picked(s) == 1);
    }
    cr_assert_eq(n_trials, 1);
    scene_free(s);
}

Test(pick, every_half_open_route_is_tried_by_one_request)
{
    struct scene *s = scene_new();

    for (uint32_t n = 0; n < SCENE_ROUTES; n++)
        scene_break(s, n);
    scene_pass(s, 8 * SCENE_SECOND);
    for (uint32_t i = 0; i < SCENE_ROUTES; i++) {
        scene_ask(s);
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        cr_assert(s->worker.scratch.pick.is_trial);
    }
    scene_ask(s);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), ERR_NO_HEALTHY_ROUTE);
    for (uint32_t n = 0; n < SCENE_ROUTES; n++)
        cr_assert_eq(scene_noted(s, n), ROUTE_ON_TRIAL);
    scene_free(s);
}

/* Two workers want them at once: whoever loses one takes another, and nobody has the same. */
struct race {
    _Atomic uint32_t at_start[ROUNDS];
    uint32_t n_taken[2], taken[2][ROUNDS]; /* bits */
};

static void
run_race(struct scene *s, struct race *race, uint32_t slot)
{
    s->worker.slot = slot;
    s->worker.random = slot;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        atomic_fetch_add(&race->at_start[round], 1);
        while (atomic_load(&race->at_start[round]) < 2)
            ;
        for (uint32_t i = 0; i < SCENE_ROUTES; i++) {
            scene_ask(s);
            if (scene_pick(s, ATTEMPT_FIRST) != 0)
                continue;
            race->taken[slot][round] |= 1u << scene_picked(s);
            race->n_taken[slot]++;
        }
        /* All trials of this round are lost with time. */
        atomic_fetch_add(&race->at_start[round], 1);
        while (atomic_load(&race->at_start[round]) < 4)
            ;
        scene_pass(s, HEALTH_TRIAL_US + SCENE_SECOND);
    }
}

Test(pick, whoever_loses_a_trial_takes_another_route, .timeout = 60)
{
    struct scene *s = scene_new();
    struct race *race =
        mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0;

    cr_assert_neq(race, MAP_FAILED);
    for (uint32_t n = 0; n < SCENE_ROUTES; n++)
        scene_break(s, n);
    scene_pass(s, 8 * SCENE_SECOND);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    run_race(s, race, pid == 0);
    if (pid == 0)
        _exit(0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        cr_assert_eq(race->taken[0][round] & race->taken[1][round], 0, "round %u", round);
        cr_assert_eq(race->taken[0][round] | race->taken[1][round], 7, "round %u", round);
    }
    cr_assert_eq(race->n_taken[0] + race->n_taken[1], ROUNDS * SCENE_ROUTES);
    scene_free(s);
}

Test(pick, two_good_trials_close_it_and_a_bad_one_opens_it_for_longer)
{
    struct scene *s = scene_new();
    struct health_view view;

    s->n_routes = 1;
    scene_commit(s);
    scene_break(s, 0);
    scene_pass(s, 8 * SCENE_SECOND);
    scene_ask(s);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_CONNECT_TIMEOUT, 0);
    health_view(s->segment, s->routes[0].health_row, s->now_us, &view);
    cr_assert_eq(view.gate, HEALTH_IS_OPEN);
    cr_assert_gt(view.until_us - s->now_us, 7 * SCENE_SECOND);

    scene_pass(s, 15 * SCENE_SECOND);
    for (int i = 0; i < 2; i++) {
        scene_ask(s);
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        cr_assert(s->worker.scratch.pick.is_trial);
        scene_call(s, ATTEMPT_OK, ERR_CATEGORY_NONE, 200);
    }
    health_view(s->segment, s->routes[0].health_row, s->now_us, &view);
    cr_assert_eq(view.gate, HEALTH_PASSES);
    scene_free(s);
}

Test(pick, when_all_are_open_one_request_at_a_time_is_let_through)
{
    struct scene *s = scene_new();

    for (uint32_t n = 0; n < SCENE_ROUTES; n++)
        scene_break(s, n);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), ERR_NO_HEALTHY_ROUTE, "it has just opened");
    cr_assert_geq(s->request.retry_after_s, 1);
    cr_assert_str_eq(s->why.detail, "big");

    scene_pass(s, HEALTH_PANIC_US + 10000);
    scene_ask(s);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    cr_assert(s->worker.scratch.pick.is_trial);
    struct pick first = s->worker.scratch.pick;
    scene_ask(s);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), ERR_NO_HEALTHY_ROUTE);
    cr_assert_geq(s->request.retry_after_s, 1);

    /* Its caller goes away, which tells nothing: the trial is free again. */
    s->worker.scratch.pick.route = first.route;
    s->worker.scratch.pick.is_trial = true;
    scene_ask(s);
    scene_call(s, ATTEMPT_CANCELLED, ERR_CATEGORY_CLIENT_CLOSED, 0);
    scene_ask(s);
    s->request.key_id++;
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    scene_free(s);
}

Test(pick, an_only_route_heals_by_the_same_rule)
{
    struct scene *s = scene_new();

    s->n_routes = 1;
    scene_commit(s);
    scene_ask(s);
    scene_break(s, 0);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), ERR_NO_HEALTHY_ROUTE);
    scene_pass(s, HEALTH_PANIC_US + 10000);
    scene_ask(s);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    cr_assert(s->worker.scratch.pick.is_trial);
    cr_assert_eq(s->record.n_choices, 0, "nothing to choose, nothing to note");
    scene_free(s);
}

/* ---- nothing to take ---- */

Test(pick, says_why_there_is_none)
{
    struct scene *s = scene_new();

    scene_fail_credentials(s, 0, 1, 429);
    scene_fail_credentials(s, 1, 1, 429);
    scene_fail_credentials(s, 2, 3, 429);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), ERR_UPSTREAM_RATE_LIMITED);
    cr_assert(s->request.retry_after_s >= 29 && s->request.retry_after_s <= 31);
    scene_free(s);

    s = scene_new();
    scene_fail_credentials(s, 0, 1, 401);
    scene_fail_credentials(s, 1, 1, 402);
    scene_fail_credentials(s, 2, 3, 403);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), ERR_UPSTREAM_UNAVAILABLE);
    scene_free(s);

    s = scene_new();
    for (uint32_t n = 0; n < SCENE_ROUTES; n++) {
        s->routes[n].max_concurrent = 1;
        health_begin(s->segment, 0, s->routes[n].health_row);
    }
    scene_commit(s);
    scene_ask(s);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), ERR_OVERLOADED);
    scene_free(s);
}

Test(pick, what_no_route_speaks_and_nobody_translates_is_not_found_and_what_is_served_is_said)
{
    struct scene *s = scene_new();

    s->request.dialect = dialect_of(PROTOCOL_ANTHROPIC_MESSAGES);
    s->request.facts.operation = OPERATION_COUNT_TOKENS;
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), ERR_NOT_FOUND);
    cr_assert_str_eq(s->why.detail, "The model big on this endpoint (use /v1/chat/completions or "
                                    "/v1/responses or /v1/messages)");
    scene_free(s);
}

Test(pick, what_every_protocol_has_words_for_goes_to_any_route)
{
    struct scene *s = scene_new();

    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    cr_assert_eq(s->worker.scratch.pick.protocol, PROTOCOL_OPENAI_CHAT, "straight");
    scene_ask(s);
    s->request.dialect = dialect_of(PROTOCOL_ANTHROPIC_MESSAGES);
    s->request.facts.operation = OPERATION_MESSAGE;
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    cr_assert_eq(s->worker.scratch.pick.protocol, PROTOCOL_OPENAI_CHAT, "translated");
    scene_free(s);
}

Test(pick, a_model_that_a_reload_took_away_is_not_found)
{
    struct scene *s = scene_new();

    s->request.served_model = "gone";
    cr_assert_eq(scene_pick(s, ATTEMPT_FAILOVER), ERR_NOT_FOUND);
    scene_free(s);
}

Test(pick, a_snapshot_that_goes_away_is_read_anew)
{
    struct scene *s = scene_new();

    s->routes[0].is_disabled = s->routes[1].is_disabled = 1;
    scene_commit(s);
    scene_commit(s); /* what SCOPE found is overwritten by now */
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    cr_assert_eq(scene_picked(s), 2);
    scene_free(s);
}
