#include <criterion/criterion.h>

#include "scene.h"

Test(pick_credential, a_key_keeps_its_credential_and_keys_are_spread)
{
    struct scene *s = scene_new();
    const struct pick *pick = &s->worker.scratch.pick;
    uint32_t n_used[3] = {0};

    s->routes[0].is_disabled = s->routes[1].is_disabled = 1;
    scene_commit(s);
    for (uint64_t key = 1; key <= 300; key++) {
        uint32_t used = 0;

        for (int i = 0; i < 3; i++) {
            scene_ask(s);
            s->request.key_id = key;
            cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
            cr_assert(i == 0 || pick->n_credential == used);
            used = pick->n_credential;
        }
        n_used[used]++;
    }
    for (int n = 0; n < 3; n++)
        cr_assert_gt(n_used[n], 60, "%u", n_used[n]);
    scene_free(s);
}

Test(pick_credential, losing_a_credential_moves_only_who_used_it)
{
    struct scene *s = scene_new();
    const struct pick *pick = &s->worker.scratch.pick;
    uint32_t before[100];

    s->routes[0].is_disabled = s->routes[1].is_disabled = 1;
    scene_commit(s);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t key = 0; key < 100; key++) {
            scene_ask(s);
            s->request.key_id = key;
            cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
            if (pass == 0)
                before[key] = pick->n_credential;
            else if (before[key] == 1)
                cr_assert_neq(pick->n_credential, 1);
            else
                cr_assert_eq(pick->n_credential, before[key]);
        }
        if (pass == 0)
            cr_assert(health_credential_fail(s->segment, scene_credential_row(s, 2, 1), 401, 0,
                                             &s->settings, s->now_us));
    }
    scene_free(s);
}

Test(pick_credential, after_a_refused_credential_the_same_route_is_asked_with_another)
{
    static const uint16_t statuses[] = {401, 402, 403, 429};
    uint32_t used[3];

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct scene *s = scene_new();
        enum err_category category = statuses[i] == 429 ? ERR_CATEGORY_UPSTREAM_RATE_LIMITED
                                                        : ERR_CATEGORY_UPSTREAM_UNAVAILABLE;

        s->routes[0].is_disabled = s->routes[1].is_disabled = 1;
        scene_commit(s);
        scene_ask(s);
        for (int n = 0; n < 3; n++) {
            cr_assert_eq(scene_pick(s, n == 0 ? ATTEMPT_FIRST : ATTEMPT_FAILOVER), 0, "%u",
                         statuses[i]);
            cr_assert_eq(scene_picked(s), 2);
            used[n] = s->worker.scratch.pick.n_credential;
            scene_call(s, ATTEMPT_FAILED, category, statuses[i]);
        }
        cr_assert_eq(used[0] + used[1] + used[2], 3);
        cr_assert_eq(used[0] ^ used[1] ^ used[2], 3, "each of them once");
        cr_assert_neq(scene_pick(s, ATTEMPT_FAILOVER), 0);
        scene_free(s);
    }
}

Test(pick_credential, after_any_other_failure_it_is_not)
{
    struct scene *s = scene_new();

    s->routes[0].is_disabled = s->routes[1].is_disabled = 1;
    scene_commit(s);
    scene_ask(s);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404);
    cr_assert_eq(scene_pick(s, ATTEMPT_FAILOVER), ERR_NO_HEALTHY_ROUTE);
    cr_assert_eq(scene_noted(s, 2), ROUTE_USABLE, "first it was taken");
    cr_assert_eq(s->record.choices[s->record.n_choices - 1].exclusion, ROUTE_TRIED);
    scene_free(s);
}
