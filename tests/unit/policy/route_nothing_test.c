#include <criterion/criterion.h>

#include "relayos/base/err.h"
#include "relayos/policy/route.h"

#define NOW    INT64_C(1000000000)
#define SECOND INT64_C(1000000)

/* Candidates of which only the reasons against them are looked at. */
struct field {
    struct route_candidate candidates[LIMIT_MODEL_ROUTES];
    uint32_t n;
};

static struct route_candidate *
add(struct field *field, enum route_exclusion exclusion)
{
    struct route_candidate *candidate = &field->candidates[field->n++];

    *candidate = (struct route_candidate){.exclusion = (uint8_t)exclusion};
    return candidate;
}

/* What is said where the routes are excluded so: names of 0 .. 3 routes. */
static int
nothing(const enum route_exclusion *exclusions, int64_t *retry_us)
{
    struct field field = {.n = 0};

    for (; *exclusions != ROUTE_N_EXCLUSIONS; exclusions++) {
        struct route_candidate *candidate = add(&field, *exclusions);

        candidate->until_us = *exclusions == ROUTE_ON_TRIAL  ? NOW + 60 * SECOND
                              : *exclusions == ROUTE_OPEN    ? NOW + 5 * SECOND
                              : *exclusions == ROUTE_COOLING ? NOW + 30 * SECOND
                                                             : NOW + 3600 * SECOND;
    }
    return route_nothing(field.candidates, field.n, NOW, retry_us);
}

Test(route_nothing, nothing_is_said_as_the_table_has_it)
{
#define ALL(...)                                                                                   \
    {                                                                                              \
        __VA_ARGS__, ROUTE_N_EXCLUSIONS                                                            \
    }
    static const struct {
        enum route_exclusion exclusions[4];
        int err, retry_s;
    } rows[] = {
        {{ROUTE_N_EXCLUSIONS}, ERR_NO_HEALTHY_ROUTE, 0},
        {ALL(ROUTE_OTHER_PROTOCOL), ERR_NOT_FOUND, 0},
        {ALL(ROUTE_ELSEWHERE, ROUTE_OTHER_PROTOCOL), ERR_NOT_FOUND, 0},
        {ALL(ROUTE_ELSEWHERE, ROUTE_DISABLED), ERR_NO_HEALTHY_ROUTE, 0},
        {ALL(ROUTE_DISABLED, ROUTE_DRAINED), ERR_NO_HEALTHY_ROUTE, 0},
        {ALL(ROUTE_OTHER_FAMILY), ERR_NO_HEALTHY_ROUTE, 0},
        {ALL(ROUTE_TRIED, ROUTE_TRIED), ERR_NO_HEALTHY_ROUTE, 0},
        {ALL(ROUTE_OPEN), ERR_NO_HEALTHY_ROUTE, 5},
        {ALL(ROUTE_ON_TRIAL, ROUTE_OPEN), ERR_NO_HEALTHY_ROUTE, 5},
        {ALL(ROUTE_ON_TRIAL), ERR_NO_HEALTHY_ROUTE, 60},
        {ALL(ROUTE_COOLING, ROUTE_COOLING), ERR_UPSTREAM_RATE_LIMITED, 30},
        {ALL(ROUTE_COOLING, ROUTE_TRIED), ERR_UPSTREAM_RATE_LIMITED, 30},
        {ALL(ROUTE_COOLING, ROUTE_REFUSED), ERR_UPSTREAM_RATE_LIMITED, 30},
        {ALL(ROUTE_COOLING, ROUTE_OPEN), ERR_NO_HEALTHY_ROUTE, 5},
        {ALL(ROUTE_REFUSED, ROUTE_REFUSED), ERR_UPSTREAM_UNAVAILABLE, 0},
        {ALL(ROUTE_REFUSED, ROUTE_TRIED), ERR_UPSTREAM_UNAVAILABLE, 0},
        {ALL(ROUTE_REFUSED, ROUTE_DISABLED, ROUTE_OTHER_PROTOCOL), ERR_UPSTREAM_UNAVAILABLE, 0},
        {ALL(ROUTE_REFUSED, ROUTE_OPEN), ERR_NO_HEALTHY_ROUTE, 5},
        {ALL(ROUTE_FULL), ERR_OVERLOADED, 1},
        {ALL(ROUTE_FULL, ROUTE_OPEN, ROUTE_REFUSED), ERR_OVERLOADED, 1},
        {ALL(ROUTE_FULL, ROUTE_COOLING), ERR_OVERLOADED, 1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t retry_us = -1;

        cr_assert_eq(nothing(rows[i].exclusions, &retry_us), rows[i].err, "row %zu", i);
        cr_assert_eq(retry_us, rows[i].retry_s * SECOND, "row %zu", i);
    }
}

Test(route_nothing, a_pause_that_is_over_still_asks_to_come_again)
{
    struct field field = {.n = 0};
    int64_t retry_us;

    add(&field, ROUTE_ON_TRIAL);
    field.candidates[0].until_us = NOW - 1;
    cr_assert_eq(route_nothing(field.candidates, field.n, NOW, &retry_us), ERR_NO_HEALTHY_ROUTE);
    cr_assert_eq(retry_us, 1);
}

Test(route_nothing, panic_takes_the_open_one_that_is_soonest_over)
{
    struct field field = {.n = 0};

    cr_assert_eq(route_panic(field.candidates, 0), 0);
    for (int i = 0; i < 3; i++) {
        add(&field, ROUTE_OPEN);
        field.candidates[i].until_us = NOW + (i == 1 ? 1 : 2) * SECOND;
    }
    add(&field, ROUTE_REFUSED);
    add(&field, ROUTE_COOLING);
    add(&field, ROUTE_DISABLED);
    cr_assert_eq(route_panic(field.candidates, field.n), 1);
}

Test(route_nothing, there_is_no_panic_while_the_model_lives_or_is_being_tried)
{
    static const enum route_exclusion lives[] = {ROUTE_USABLE, ROUTE_TRIED, ROUTE_ON_TRIAL,
                                                 ROUTE_FULL};
    struct field field = {.n = 0};

    add(&field, ROUTE_OPEN);
    add(&field, ROUTE_USABLE);
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        field.candidates[1].exclusion = (uint8_t)lives[i];
        cr_assert_eq(route_panic(field.candidates, field.n), field.n);
    }
    field.candidates[0].exclusion = field.candidates[1].exclusion = ROUTE_REFUSED;
    cr_assert_eq(route_panic(field.candidates, field.n), field.n);
}

Test(route_nothing, a_model_is_crowded_when_half_of_what_it_could_use_is_out)
{
    struct field field = {.n = 0};

    cr_assert_not(route_is_crowded(field.candidates, 0));
    for (int i = 0; i < 4; i++)
        add(&field, ROUTE_USABLE);
    add(&field, ROUTE_DISABLED); /* does not count at all */
    add(&field, ROUTE_OTHER_PROTOCOL);
    cr_assert_not(route_is_crowded(field.candidates, field.n));
    field.candidates[0].exclusion = ROUTE_OPEN;
    field.candidates[1].exclusion = ROUTE_TRIED;
    cr_assert_not(route_is_crowded(field.candidates, field.n));
    field.candidates[2].wants_trial = true;
    cr_assert(route_is_crowded(field.candidates, field.n));
}

Test(route_nothing, exclusions_have_names)
{
    cr_assert_str_eq(route_exclusion_name(ROUTE_ON_TRIAL), "on_trial");
    cr_assert_str_eq(route_exclusion_name(ROUTE_REFUSED), "refused");
    cr_assert_str_eq(route_exclusion_text(ROUTE_DRAINED), "drained");
    cr_assert_str_eq(route_exclusion_name(ROUTE_N_EXCLUSIONS), "unknown");
}
