#include <criterion/criterion.h>

#include "scene.h"

Test(pick_fallback, a_fallback_stands_in_when_its_cause_is_switched_on)
{
    static const struct {
        enum err_category category;
        uint8_t cause; /* 0: none ever */
    } cases[] = {
        {ERR_CATEGORY_NO_HEALTHY_ROUTE, FALLBACK_OUTAGE},
        {ERR_CATEGORY_UPSTREAM_ERROR, FALLBACK_OUTAGE},
        {ERR_CATEGORY_UPSTREAM_TIMEOUT, FALLBACK_OUTAGE},
        {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, FALLBACK_OUTAGE},
        {ERR_CATEGORY_FIRST_TOKEN_TIMEOUT, FALLBACK_OUTAGE},
        {ERR_CATEGORY_UPSTREAM_RATE_LIMITED, FALLBACK_OVERLOAD},
        {ERR_CATEGORY_OVERLOADED, FALLBACK_OVERLOAD},
        {ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, FALLBACK_CONTEXT_OVERFLOW},
        {ERR_CATEGORY_CONTENT_REFUSED, FALLBACK_REFUSAL},
        {ERR_CATEGORY_TOTAL_TIMEOUT, 0},
        {ERR_CATEGORY_INVALID_REQUEST, 0},
        {ERR_CATEGORY_CLIENT_CLOSED, 0},
        {ERR_CATEGORY_NOT_FOUND, 0},
    };
    struct scene *s = scene_new();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (uint32_t on = 0; on < 16; on++) {
            scene_ask(s);
            s->request.fallback_on = (uint8_t)on;
            int err = pick_fallback(&s->request, cases[i].category);

            cr_assert_eq(err == 0, (on & cases[i].cause) != 0, "%s, %x",
                         err_category_name(cases[i].category), on);
        }
    scene_free(s);
}

Test(pick_fallback, a_fallback_answers_under_its_own_name_and_is_tried_once)
{
    struct scene *s = scene_new();

    cr_assert_eq(pick_fallback(&s->request, ERR_CATEGORY_NO_HEALTHY_ROUTE), 0);
    cr_assert_str_eq(s->request.served_model, "small");
    cr_assert_eq(s->request.served_model_id, s->small.id);
    cr_assert_eq(s->record.model_id, s->big.id, "what is charged stays");
    cr_assert_eq(scene_pick(s, ATTEMPT_FALLBACK), 0);
    cr_assert_str_eq(s->worker.scratch.pick.route.upstream_model, "small-at-0");
    cr_assert_eq(s->worker.scratch.pick.model_id, s->small.id);
    cr_assert_eq(s->worker.scratch.pick.reason, ATTEMPT_FALLBACK);
    cr_assert_eq(pick_fallback(&s->request, ERR_CATEGORY_NO_HEALTHY_ROUTE), ERR_MISSING);
    scene_free(s);
}

Test(pick_fallback,
     no_fallback_that_the_key_may_not_use_or_that_speaks_otherwise_or_without_its_state)
{
    struct scene *s = scene_new();

    s->request.fallbacks_allowed = 0;
    cr_assert_eq(pick_fallback(&s->request, ERR_CATEGORY_UPSTREAM_ERROR), ERR_MISSING);
    scene_ask(s);
    s->request.dialect = dialect_of(PROTOCOL_ANTHROPIC_MESSAGES);
    s->request.facts.operation = OPERATION_COUNT_TOKENS;
    cr_assert_eq(pick_fallback(&s->request, ERR_CATEGORY_UPSTREAM_ERROR), ERR_MISSING);
    scene_ask(s);
    s->request.dialect = dialect_of(PROTOCOL_ANTHROPIC_MESSAGES);
    s->request.facts.operation = OPERATION_MESSAGE;
    cr_assert_eq(pick_fallback(&s->request, ERR_CATEGORY_UPSTREAM_ERROR), 0, "it is translated");
    scene_ask(s);
    s->request.facts.n_state_ids = 1;
    cr_assert_eq(pick_fallback(&s->request, ERR_CATEGORY_UPSTREAM_ERROR), ERR_MISSING);
    scene_free(s);
}

Test(pick_fallback, an_overload_after_another_failure_is_an_outage)
{
    struct scene *s = scene_new();

    s->record.n_attempts = 2;
    s->record.attempts[0].category = ERR_CATEGORY_UPSTREAM_ERROR;
    s->record.attempts[1].category = ERR_CATEGORY_UPSTREAM_RATE_LIMITED;
    s->request.fallback_on = FALLBACK_OVERLOAD;
    cr_assert_eq(pick_fallback(&s->request, ERR_CATEGORY_UPSTREAM_RATE_LIMITED), ERR_MISSING);
    s->request.fallback_on = FALLBACK_OUTAGE;
    cr_assert_eq(pick_fallback(&s->request, ERR_CATEGORY_UPSTREAM_RATE_LIMITED), 0);
    scene_free(s);
}

Test(pick_fallback, a_fallback_without_an_attempt_before_is_no_retry)
{
    struct scene *s = scene_new();

    s->settings.retry_percent = s->settings.retry_min = 0;
    scene_commit(s);
    for (int i = 0; i < 50; i++) {
        scene_ask(s);
        cr_assert_eq(pick_fallback(&s->request, ERR_CATEGORY_NO_HEALTHY_ROUTE), 0);
        cr_assert_eq(scene_pick(s, ATTEMPT_FALLBACK), 0);
    }
    scene_free(s);
}
