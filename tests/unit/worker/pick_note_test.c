#include <criterion/criterion.h>

#include "pick_note.h"

#define MANY 100

/* The first n_excluded are, the next n_scored have a score, the rest were passed over. */
static void
fill(struct route_candidate *out, struct route_option *options, uint32_t n_excluded,
     uint32_t n_scored)
{
    for (uint32_t i = 0; i < MANY; i++) {
        options[i] = (struct route_option){.id = i + 1};
        out[i] = (struct route_candidate){.option = &options[i]};
        if (i < n_excluded)
            out[i].exclusion = ROUTE_OPEN;
        else if (i < n_excluded + n_scored)
            out[i].score = 1000 + i;
    }
}

Test(pick_note, the_chosen_one_first_then_the_excluded_then_the_scored)
{
    struct route_option options[MANY];
    struct route_candidate candidates[MANY];
    static struct flight_record record;

    fill(candidates, options, 2, 2);
    cr_assert_eq(pick_note(&record, candidates, MANY, 3), 2);
    cr_assert_eq(record.n_choices, 4);
    cr_assert_eq(record.choices[0].route_id, 4);
    cr_assert_eq(record.choices[0].score, 1003);
    cr_assert_eq(record.choices[0].exclusion, ROUTE_USABLE);
    cr_assert_eq(record.choices[1].route_id, 1);
    cr_assert_eq(record.choices[1].exclusion, ROUTE_OPEN);
    cr_assert_eq(record.choices[2].route_id, 2);
    cr_assert_eq(record.choices[3].route_id, 3);
    cr_assert_eq(record.n_unlisted, MANY - 4);
}

Test(pick_note, every_attempt_finds_room_and_nothing_goes_uncounted)
{
    struct route_option options[MANY];
    struct route_candidate candidates[MANY];
    static struct flight_record record;

    fill(candidates, options, 90, 2);
    for (uint32_t attempt = 0; attempt < LIMIT_ATTEMPTS; attempt++) {
        uint32_t before = record.n_choices;

        record.n_attempts = attempt;
        pick_note(&record, candidates, MANY, 90);
        cr_assert_gt(record.n_choices, before);
        cr_assert_leq(record.n_choices, LIMIT_CHOICES);
        cr_assert_eq(record.choices[before].route_id, 91);
        cr_assert_eq(record.choices[before].attempt, attempt);
        cr_assert_eq(record.n_choices + record.n_unlisted, (attempt + 1) * MANY);
    }
    cr_assert_eq(record.n_choices, LIMIT_CHOICES);
}

Test(pick_note, one_that_waits_for_a_trial_and_was_passed_over_is_named)
{
    struct route_option options[MANY];
    struct route_candidate candidates[MANY];
    static struct flight_record record;

    fill(candidates, options, 0, 0);
    candidates[0].wants_trial = candidates[2].wants_trial = true;
    cr_assert_eq(pick_note(&record, candidates, 3, 2), 0);
    cr_assert_eq(record.n_choices, 2);
    cr_assert_eq(record.choices[0].route_id, 3);
    cr_assert_eq(record.choices[0].exclusion, ROUTE_USABLE);
    cr_assert_eq(record.choices[1].route_id, 1);
    cr_assert_eq(record.choices[1].exclusion, ROUTE_HALF_OPEN);
    cr_assert_eq(record.n_unlisted, 1);
}

Test(pick_note, one_that_is_taken_in_panic_is_noted_once)
{
    struct route_option options[MANY];
    struct route_candidate candidates[MANY];
    static struct flight_record record;

    fill(candidates, options, 3, 0);
    cr_assert_eq(pick_note(&record, candidates, 3, 1), 3);
    cr_assert_eq(record.n_choices, 3);
    cr_assert_eq(record.choices[0].route_id, 2);
    cr_assert_eq(record.choices[0].exclusion, ROUTE_OPEN);
}

Test(pick_note, when_nothing_was_chosen_all_are_there_for_a_reason)
{
    struct route_option options[MANY];
    struct route_candidate candidates[MANY];
    static struct flight_record record;

    fill(candidates, options, 3, 0);
    pick_note(&record, candidates, 3, 3);
    cr_assert_eq(record.n_choices, 3);
    cr_assert_eq(record.n_unlisted, 0);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(record.choices[i].exclusion, ROUTE_OPEN);
}
