#include <criterion/criterion.h>

#include "scene.h"

/* What one call that ends so leaves behind, on a route and a credential without a past. */
struct effect {
    struct health_view route;
    bool passes; /* the credential */
    bool cools;  /* on that route */
    uint16_t status;
    int64_t until_us;
};

static struct effect
effect_of(enum attempt_outcome outcome, enum err_category category, int status)
{
    struct scene *s = scene_new();
    const struct pick *pick = &s->worker.scratch.pick;
    struct effect effect = {.passes = false};

    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    scene_call(s, outcome, category, status);
    health_view(s->segment, pick->route.health_row, s->now_us, &effect.route);
    effect.passes = health_credential_passes(s->segment, pick->credential_record.health_row,
                                             s->now_us, &effect.until_us, &effect.status);
    effect.cools = health_cools(s->segment, pick->route.health_row, pick->n_credential, s->now_us,
                                &effect.until_us);
    cr_assert_eq(effect.route.figures.in_flight, 0);
    scene_free(s);
    return effect;
}

Test(verdict, what_an_end_says_of_the_route)
{
    enum { OK, FAULT, OVERLOAD, NEUTRAL };
    static const struct {
        enum attempt_outcome outcome;
        enum err_category category;
        int status, verdict;
    } cases[] = {
        {ATTEMPT_OK, ERR_CATEGORY_NONE, 200, OK},
        {ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_ERROR, 500, FAULT},
        {ATTEMPT_UNCERTAIN, ERR_CATEGORY_UPSTREAM_ERROR, 200, FAULT},
        {ATTEMPT_UNCERTAIN, ERR_CATEGORY_UPSTREAM_TIMEOUT, 504, FAULT},
        {ATTEMPT_FAILED, ERR_CATEGORY_CONNECT_TIMEOUT, 0, FAULT},
        {ATTEMPT_FAILED, ERR_CATEGORY_TLS_TIMEOUT, 0, FAULT},
        {ATTEMPT_UNCERTAIN, ERR_CATEGORY_FIRST_BYTE_TIMEOUT, 0, FAULT},
        {ATTEMPT_UNCERTAIN, ERR_CATEGORY_FIRST_TOKEN_TIMEOUT, 200, FAULT},
        {ATTEMPT_UNCERTAIN, ERR_CATEGORY_IDLE_TIMEOUT, 200, FAULT},
        {ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404, FAULT},
        {ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_RATE_LIMITED, 429, OVERLOAD},
        {ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_RATE_LIMITED, 200, OVERLOAD},
        {ATTEMPT_FAILED, ERR_CATEGORY_OVERLOADED, 200, OVERLOAD},
        {ATTEMPT_FAILED, ERR_CATEGORY_OVERLOADED, 0, NEUTRAL}, /* our own pool */
        {ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 401, NEUTRAL},
        {ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 402, NEUTRAL},
        {ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 429, NEUTRAL},
        {ATTEMPT_UNCERTAIN, ERR_CATEGORY_TOTAL_TIMEOUT, 200, NEUTRAL},
        {ATTEMPT_CANCELLED, ERR_CATEGORY_CLIENT_CLOSED, 200, NEUTRAL},
        {ATTEMPT_CANCELLED, ERR_CATEGORY_NONE, 200, NEUTRAL},
        {ATTEMPT_CANCELLED, ERR_CATEGORY_UPSTREAM_ERROR, 200, NEUTRAL},
        {ATTEMPT_FAILED, ERR_CATEGORY_INVALID_REQUEST, 400, NEUTRAL},
        {ATTEMPT_FAILED, ERR_CATEGORY_REQUEST_TOO_LARGE, 413, NEUTRAL},
        {ATTEMPT_FAILED, ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 400, NEUTRAL},
        {ATTEMPT_FAILED, ERR_CATEGORY_CONTENT_REFUSED, 400, NEUTRAL},
        {ATTEMPT_UNCERTAIN, ERR_CATEGORY_INTERNAL, 200, NEUTRAL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct effect effect = effect_of(cases[i].outcome, cases[i].category, cases[i].status);
        const char *name = err_category_name(cases[i].category);

        cr_assert_eq(effect.route.successes, cases[i].verdict == OK, "%s %d", name,
                     cases[i].status);
        cr_assert_eq(effect.route.failures, cases[i].verdict == FAULT, "%s %d", name,
                     cases[i].status);
        cr_assert_eq(effect.route.overloads, cases[i].verdict == OVERLOAD, "%s %d", name,
                     cases[i].status);
    }
}

/* A dead backend's proxy says 503 for ever, and 403 may be for one request or for all. */
Test(verdict, what_may_be_an_outage_is_a_fault_where_nobody_is_answered)
{
    static const struct {
        enum err_category category;
        int status;
        uint64_t n_overloads; /* where somebody is answered */
    } cases[] = {
        {ERR_CATEGORY_OVERLOADED, 503, 1},           {ERR_CATEGORY_OVERLOADED, 529, 1},
        {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 403, 0}, {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404, 0},
        {ERR_CATEGORY_UPSTREAM_ERROR, 405, 0},       {ERR_CATEGORY_UPSTREAM_ERROR, 424, 0}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct effect alone = effect_of(ATTEMPT_FAILED, cases[i].category, cases[i].status);
        struct scene *s = scene_new();
        struct health_view view;

        cr_assert_eq(alone.route.failures, 1, "%d", cases[i].status);
        cr_assert_eq(
            effect_of(ATTEMPT_CANCELLED, cases[i].category, cases[i].status).route.failures, 0,
            "%d", cases[i].status);
        s->n_routes = 1;
        scene_commit(s);
        scene_ask(s);
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        scene_call(s, ATTEMPT_OK, ERR_CATEGORY_NONE, 200);
        scene_call(s, ATTEMPT_FAILED, cases[i].category, cases[i].status);
        health_view(s->segment, s->routes[0].health_row, s->now_us, &view);
        cr_assert_eq(view.failures, 0, "%d", cases[i].status);
        cr_assert_eq(view.overloads, cases[i].n_overloads, "%d", cases[i].status);
        scene_free(s);
    }
}

/* A refusal is had for the asking: for as long as somebody asks, others must have a way. */
Test(verdict, what_a_caller_may_have_brought_about_shuts_no_route_that_is_the_only_one)
{
    struct scene *s = scene_new();
    struct health_view view;

    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    uint32_t row = s->worker.scratch.pick.route.health_row;
    scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404);
    health_view(s->segment, row, s->now_us, &view);
    cr_assert_eq(view.failures, 1, "two others are open to all");
    for (uint32_t n = 0; n < s->n_routes; n++)
        if (s->routes[n].health_row != row)
            health_set_admin(s->segment, s->routes[n].health_row, HEALTH_DISABLED);
    scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404);
    scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_ERROR, 424);
    health_view(s->segment, row, s->now_us, &view);
    cr_assert_eq(view.failures, 1, "the last one");
    scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_ERROR, 500);
    health_view(s->segment, row, s->now_us, &view);
    cr_assert_eq(view.failures, 2, "no refusal");
    scene_free(s);
}

/* It read too slowly, or asked for more than the rate ever allows. */
Test(verdict, what_is_the_askers_own_says_nothing)
{
    static const struct {
        enum err_category category;
        int status;
    } cases[] = {{ERR_CATEGORY_UPSTREAM_ERROR, 200},
                 {ERR_CATEGORY_IDLE_TIMEOUT, 200},
                 {ERR_CATEGORY_UPSTREAM_RATE_LIMITED, 429}};
    struct scene *s = scene_new();
    const struct pick *pick = &s->worker.scratch.pick;
    struct health_view view;
    int64_t until_us;

    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct flight_attempt attempt = {.route_id = pick->route.id,
                                               .outcome = ATTEMPT_UNCERTAIN,
                                               .category = (uint8_t)cases[i].category,
                                               .status = (uint16_t)cases[i].status,
                                               .end_us = s->now_us};
        const struct verdict verdict = {.attempt = &attempt,
                                        .health_row = pick->route.health_row,
                                        .credential_row = pick->credential_record.health_row,
                                        .credential_id = pick->credential_record.id,
                                        .is_askers_own = true};
        verdict_report(&s->request, &verdict);
    }
    health_view(s->segment, pick->route.health_row, s->now_us, &view);
    cr_expect_eq(view.failures + view.overloads, 0);
    cr_expect_not(health_cools(s->segment, pick->route.health_row, 0, s->now_us, &until_us));
    scene_free(s);
}

Test(verdict, what_an_end_says_of_the_credential)
{
    static const struct {
        enum err_category category;
        int status;
        uint16_t said; /* 0: it still passes */
    } cases[] = {
        {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 401, 401},
        {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 402, 402},
        {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 403, 0},
        {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 429, 402},
        {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 200, 402},
        {ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404, 0},
        {ERR_CATEGORY_UPSTREAM_RATE_LIMITED, 429, 0},
        {ERR_CATEGORY_OVERLOADED, 503, 0},
        {ERR_CATEGORY_UPSTREAM_ERROR, 500, 0},
        {ERR_CATEGORY_INVALID_REQUEST, 400, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct effect effect = effect_of(ATTEMPT_FAILED, cases[i].category, cases[i].status);

        cr_assert_eq(effect.passes, cases[i].said == 0, "case %zu", i);
        cr_assert_eq(effect.cools, cases[i].category == ERR_CATEGORY_UPSTREAM_RATE_LIMITED);
        if (!effect.passes)
            cr_assert_eq(effect.status, cases[i].said, "case %zu", i);
    }
}

/* It is free, may be missing, and has rate limits of its own. */
Test(verdict, what_counts_tokens_says_nothing_of_answers)
{
    static const struct {
        enum attempt_outcome outcome;
        enum err_category category;
        int status;
    } cases[] = {{ATTEMPT_OK, ERR_CATEGORY_NONE, 200},
                 {ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404},
                 {ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_RATE_LIMITED, 429},
                 {ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_ERROR, 500},
                 {ATTEMPT_FAILED, ERR_CATEGORY_OVERLOADED, 529}};
    struct scene *s = scene_new();
    const struct pick *pick = &s->worker.scratch.pick;
    struct health_view view;
    int64_t until_us;

    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    s->request.facts.operation = OPERATION_COUNT_TOKENS;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s->record.n_attempts = 0;
        scene_call(s, cases[i].outcome, cases[i].category, cases[i].status);
    }
    health_view(s->segment, pick->route.health_row, s->now_us, &view);
    cr_expect_eq(view.successes + view.failures + view.overloads, 0);
    cr_expect_not(
        health_cools(s->segment, pick->route.health_row, pick->n_credential, s->now_us, &until_us));
    s->record.n_attempts = 0;
    scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_CONNECT_TIMEOUT, 0);
    health_view(s->segment, pick->route.health_row, s->now_us, &view);
    cr_expect_eq(view.failures, 1, "a route that is not there");
    scene_free(s);
}

Test(verdict, a_rate_limited_credential_cools_as_long_as_it_is_asked_to_within_bounds)
{
    static const struct {
        int asked_s;
        int64_t pause_us;
    } cases[] = {{30, 30 * SCENE_SECOND}, {86400, 300 * SCENE_SECOND}, {0, 5 * SCENE_SECOND}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene *s = scene_new();
        const struct pick *pick = &s->worker.scratch.pick;
        struct flight_attempt attempt = {.outcome = ATTEMPT_FAILED,
                                         .category = ERR_CATEGORY_UPSTREAM_RATE_LIMITED,
                                         .status = 429,
                                         .end_us = s->now_us};
        int64_t until_us = 0;
        uint16_t status;

        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        attempt.route_id = pick->route.id;
        const struct verdict verdict = {.attempt = &attempt,
                                        .health_row = pick->route.health_row,
                                        .credential_row = pick->credential_record.health_row,
                                        .credential_id = pick->credential_record.id,
                                        .retry_after_s = cases[i].asked_s};
        verdict_report(&s->request, &verdict);
        cr_assert(health_cools(s->segment, verdict.health_row, 0, s->now_us, &until_us));
        cr_assert(until_us >= s->now_us + cases[i].pause_us &&
                  until_us < s->now_us + cases[i].pause_us + SCENE_SECOND);
        cr_assert(health_credential_passes(s->segment, verdict.credential_row, s->now_us, &until_us,
                                           &status),
                  "for other models it may be used");
        scene_free(s);
    }
}

Test(verdict, what_an_answer_used_and_how_fast_it_came_is_taken_in)
{
    struct scene *s = scene_new();
    const struct pick *pick = &s->worker.scratch.pick;
    struct flight_attempt attempt = {.outcome = ATTEMPT_OK, .status = 200, .end_us = s->now_us};
    const struct usage usage = {.count = {[USAGE_INPUT] = 100, [USAGE_CACHE_READ] = 900},
                                .is_reported = 1};
    struct health_view view;

    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    attempt.route_id = pick->route.id;
    const struct verdict verdict = {.attempt = &attempt,
                                    .health_row = pick->route.health_row,
                                    .credential_row = pick->credential_record.health_row,
                                    .credential_id = pick->credential_record.id,
                                    .first_token_us = 70000,
                                    .usage = &usage};
    verdict_report(&s->request, &verdict);
    health_view(s->segment, pick->route.health_row, s->now_us, &view);
    cr_assert_eq(view.prompt_tokens, 1000);
    cr_assert_eq(view.cached_tokens, 900);
    cr_assert_eq(view.figures.first_token_us, 70000);
    scene_free(s);
}

/* Reloads while a call runs: its route and credential go, others come in their places. */
Test(verdict, an_end_says_nothing_of_who_has_the_rows_by_then)
{
    struct scene *s = scene_new();
    struct pick *pick = &s->worker.scratch.pick;
    struct health_view view;
    int64_t until_us;
    uint16_t status;

    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    uint32_t row = pick->route.health_row, credential_row = pick->credential_record.health_row;
    pick->credential_record.id = scene_id("gone", 2);
    scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 401);
    pick->route.id = scene_id("gone", 1);
    for (uint32_t n = 0; n < s->settings.breaker_failures; n++) {
        s->record.n_attempts = 0; /* each is another request's */
        scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_ERROR, 500);
    }
    scene_call(s, ATTEMPT_FAILED, ERR_CATEGORY_UPSTREAM_RATE_LIMITED, 429);
    health_view(s->segment, row, s->now_us, &view);
    cr_assert_eq(view.gate, HEALTH_PASSES);
    cr_assert_eq(view.failures, 0);
    cr_assert_not(health_cools(s->segment, row, pick->n_credential, s->now_us, &until_us));
    cr_assert(health_credential_passes(s->segment, credential_row, s->now_us, &until_us, &status));
    scene_free(s);
}

Test(verdict, a_conversation_is_placed_by_an_answer_and_by_nothing_else)
{
    for (int is_ok = 0; is_ok < 2; is_ok++) {
        struct scene *s = scene_new();
        const struct pick *pick = &s->worker.scratch.pick;
        int n_same = 0;

        s->request.facts.affinity = SLICE_LIT("conversation");
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        uint32_t first = scene_picked(s);
        scene_call(s, is_ok ? ATTEMPT_OK : ATTEMPT_FAILED,
                   is_ok ? ERR_CATEGORY_NONE : ERR_CATEGORY_INVALID_REQUEST, is_ok ? 200 : 400);
        for (int i = 0; i < 60; i++) {
            scene_ask(s);
            s->request.facts.affinity = SLICE_LIT("conversation");
            cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
            n_same += scene_picked(s) == first;
            cr_assert_not(pick->is_trial);
        }
        cr_assert_eq(n_same == 60, is_ok);
        scene_free(s);
    }
}
