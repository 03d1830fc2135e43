/* SPDX-License-Identifier: ISC */
#include "breaker.h"

TestSuite(health_breaker, .init = breaker_make, .fini = breaker_drop);

Test(health_breaker, a_success_in_between_starts_the_row_anew_and_costs_no_store)
{
    int64_t until_us;

    for (int round = 0; round < 10; round++) {
        for (uint32_t n = 0; n + 1 < settings.breaker_failures; n++)
            cr_assert_not(end(n % 4, HEALTH_FAULT, round * 20 * SECOND));
        cr_assert_not(end(3, HEALTH_OK, round * 20 * SECOND));
        cr_assert_eq(gate(round * 20 * SECOND, &until_us), HEALTH_PASSES);
        cr_assert_eq(until_us, 0);
    }
    cr_assert_not(end(0, HEALTH_OK, 300 * SECOND)); /* the last success is noted to the second */
    /* A store to a row would now be the end of us. */
    cr_assert_eq(mprotect(segment->health_rows, segment->n_health_rows * sizeof(struct health_row),
                          PROT_READ),
                 0);
    cr_assert_not(end(0, HEALTH_OK, 301 * SECOND - 1));
    cr_assert_eq(gate(300 * SECOND, &until_us), HEALTH_PASSES);
}

Test(health_breaker, more_than_half_of_twenty_calls_open_it_unless_the_model_is_crowded)
{
    struct health_outcome fault = {.verdict = HEALTH_FAULT, .is_crowded = true, .now_us = SECOND};

    for (uint32_t n = 0; n < 60; n++) { /* two faults, one answer: never five in a row */
        if (n % 3 == 0)
            cr_assert_not(end(n % 4, HEALTH_OK, SECOND));
        else
            cr_assert_not(health_end(segment, n % 4, row, &fault, &settings));
    }
    fault.is_crowded = false;
    cr_assert(health_end(segment, 0, row, &fault, &settings));
}

Test(health_breaker, half_of_the_calls_or_too_few_of_them_do_not)
{
    for (int n = 0; n < 100; n++)
        cr_assert_not(end(0, n % 2 == 0 ? HEALTH_OK : HEALTH_FAULT, SECOND));
    for (int span = 10; span < 100; span += 2) /* nineteen at a time, most of them failing */
        for (int n = 0; n < 19; n++)
            cr_assert_not(end(0, n % 4 == 0 ? HEALTH_OK : HEALTH_FAULT, span * SPAN));
}

Test(health_breaker, it_never_opens_where_the_operator_wants_none)
{
    struct routing_settings none = settings;
    const struct health_outcome fault = {.verdict = HEALTH_FAULT, .now_us = SECOND};

    none.breaker_failures = 0;
    for (int n = 0; n < 5000; n++)
        cr_assert_not(health_end(segment, 0, row, &fault, &none));
    cr_assert(health_end(segment, 0, row, &fault, &settings));
}

Test(health_breaker, each_failed_trial_doubles_the_pause_up_to_the_longest)
{
    int64_t now_us = 0, until_us = open_at(now_us);

    for (uint32_t level = 0; level < 40; level++) {
        cr_assert(is_pause_of(until_us - now_us, level), "level %u: %ld", level,
                  (long)(until_us - now_us));
        cr_assert_eq(gate(until_us - 1, &now_us), HEALTH_IS_OPEN);
        cr_assert_not(take(1, until_us - 1));
        now_us = until_us;
        cr_assert_eq(gate(now_us, &until_us), HEALTH_WANTS_TRIAL);
        cr_assert(take(1, now_us));
        cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_ON_TRIAL);
        cr_assert_eq(until_us, now_us + HEALTH_TRIAL_US);
        cr_assert_not(take(2, now_us));
        cr_assert(end_as(1, HEALTH_FAULT, true, now_us));
        cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_OPEN);
    }
}

Test(health_breaker, pauses_of_rows_differ_and_are_always_the_same_for_one)
{
    int64_t first_us, again_us, other_us;
    uint32_t other = row;

    first_us = open_at(SECOND) - SECOND;
    health_reset(segment, row);
    segment->health_rows[row].breaker = 0;
    again_us = open_at(50 * SECOND) - 50 * SECOND;
    cr_assert_eq(first_us, again_us);
    cr_assert_eq(health_intern(segment, 2, &row), 0);
    cr_assert_neq(row, other);
    other_us = open_at(50 * SECOND) - 50 * SECOND;
    cr_assert_neq(first_us, other_us);
}

Test(health_breaker, two_good_trials_close_it_and_a_minute_of_health_forgets_the_level)
{
    int64_t until_us = open_at(SECOND), now_us;
    struct health_view view;

    for (uint32_t round = 0; round < 4; round++) {
        now_us = until_us;
        for (uint32_t n = 0; n < 2; n++) {
            cr_assert_eq(gate(now_us, &until_us), HEALTH_WANTS_TRIAL);
            cr_assert(take(n, now_us));
            cr_assert_not(end_as(n, HEALTH_OK, true, now_us));
        }
        cr_assert_eq(gate(now_us, &until_us), HEALTH_PASSES);
        now_us += round < 2 ? 59 * SECOND : 61 * SECOND;
        until_us = open_at(now_us);
        cr_assert(is_pause_of(until_us - now_us, round < 2 ? round + 1 : 0), "round %u", round);
        health_view(segment, row, now_us, &view);
        cr_assert_eq(view.level, round < 2 ? round + 2 : 1);
    }
}

Test(health_breaker, what_failed_before_it_closed_does_not_open_it_again)
{
    int64_t until_us;

    /* Opened by the share of 20, closed within the same ten seconds. */
    for (int n = 0; n < 100; n++)
        (void)end(0, HEALTH_FAULT, 4 * SECOND);
    (void)gate(4 * SECOND, &until_us);
    for (uint32_t n = 0; n < 2; n++) {
        cr_assert(health_take_trial(segment, n, row, &settings, true, 5 * SECOND + SECOND / 2));
        cr_assert_not(end_as(n, HEALTH_OK, true, 5 * SECOND + SECOND / 2));
    }
    cr_assert_eq(gate(6 * SECOND, &until_us), HEALTH_PASSES);
    cr_assert_not(end(0, HEALTH_FAULT, 6 * SECOND));
    cr_assert_not(end(0, HEALTH_FAULT, 6 * SECOND));
    cr_assert_eq(gate(6 * SECOND, &until_us), HEALTH_PASSES);
}

Test(health_breaker, a_trial_of_which_nothing_is_known_is_the_next_callers_at_once)
{
    int64_t now_us = open_at(SECOND), until_us;

    for (uint32_t n = 0; n < 10; n++) {
        cr_assert(take(n % 4, now_us));
        cr_assert_not(take((n + 1) % 4, now_us));
        cr_assert_not(end_as(n % 4, HEALTH_NEUTRAL, true, now_us));
        cr_assert_eq(gate(now_us, &until_us), HEALTH_WANTS_TRIAL);
    }
    cr_assert(take(0, now_us));
    cr_assert_not(end_as(0, HEALTH_OVERLOAD, true, now_us)); /* neither better nor worse */
    cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_OPEN);
    cr_assert(is_pause_of(until_us - now_us, 0));
}

Test(health_breaker, calls_from_before_it_opened_say_nothing)
{
    int64_t until_us = open_at(SECOND), same_us;

    for (uint32_t n = 0; n < 100; n++)
        cr_assert_not(end(n % 4, n % 3 == 0 ? HEALTH_FAULT : HEALTH_OK, 2 * SECOND));
    cr_assert_eq(gate(2 * SECOND, &same_us), HEALTH_IS_OPEN);
    cr_assert_eq(same_us, until_us);
    cr_assert(take(0, until_us));
    cr_assert_not(end(0, HEALTH_OK, until_us));
    cr_assert_not(end(1, HEALTH_FAULT, until_us));
    cr_assert_not(end_as(1, HEALTH_FAULT, true, until_us)); /* lost its trial long ago */
    cr_assert_eq(gate(until_us, &same_us), HEALTH_IS_ON_TRIAL);
}

Test(health_breaker, in_panic_one_call_a_second_may_try_before_the_pause_is_over)
{
    int64_t now_us = SECOND, until_us = open_at(now_us);

    for (uint32_t n = 0; n < 20; n++) {
        cr_assert_not(
            health_take_trial(segment, 0, row, &settings, true, now_us + HEALTH_PANIC_US - 2000));
        now_us += HEALTH_PANIC_US + 2000;
        cr_assert_not(take(0, now_us));
        cr_assert(health_take_trial(segment, 0, row, &settings, true, now_us));
        cr_assert_not(health_take_trial(segment, 1, row, &settings, true, now_us));
        cr_assert(end_as(0, HEALTH_FAULT, true, now_us));
        cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_OPEN);
        cr_assert(is_pause_of(until_us - now_us, 0), "an early try proves nothing new");
    }
    cr_assert(take(0, until_us));
    cr_assert(end_as(0, HEALTH_FAULT, true, until_us));
    now_us = until_us;
    cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_OPEN);
    cr_assert(is_pause_of(until_us - now_us, 1));
}

Test(health_breaker, a_dead_owners_trial_comes_back_by_its_deadline_or_the_undertaker)
{
    int64_t now_us = open_at(SECOND), until_us;

    cr_assert(take(2, now_us));
    cr_assert_not(take(1, now_us + HEALTH_TRIAL_US - 1000));
    now_us += HEALTH_TRIAL_US + 1000;
    cr_assert_eq(gate(now_us, &until_us), HEALTH_WANTS_TRIAL);
    cr_assert(take(1, now_us));
    cr_assert_not(end_as(2, HEALTH_OK, true, now_us)); /* not its own any more */
    cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_ON_TRIAL);
    health_forget_worker(segment, 2);
    cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_ON_TRIAL);
    health_forget_worker(segment, 1);
    cr_assert_eq(gate(now_us, &until_us), HEALTH_WANTS_TRIAL);
}

/* Calls of minutes are usual: the third trial begins while two that were lost go on. */
Test(health_breaker, good_ends_of_trials_that_were_lost_count)
{
    int64_t now_us = open_at(SECOND), until_us;

    for (uint32_t slot = 0; slot < 3; slot++) {
        cr_assert(take(slot, now_us));
        now_us += HEALTH_TRIAL_US + 1000;
    }
    cr_assert_not(end_as(0, HEALTH_FAULT, true, now_us)); /* of another time */
    cr_assert_eq(gate(now_us, &until_us), HEALTH_WANTS_TRIAL);
    cr_assert(take(3, now_us));
    cr_assert_not(end_as(0, HEALTH_OK, true, now_us));
    cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_ON_TRIAL);
    cr_assert_not(end_as(1, HEALTH_OK, true, now_us));
    cr_assert_eq(gate(now_us, &until_us), HEALTH_PASSES);
    cr_assert_not(end_as(3, HEALTH_FAULT, true, now_us)); /* the first in a row */
    cr_assert_eq(gate(now_us, &until_us), HEALTH_PASSES);
}

Test(health_breaker, a_trial_may_be_good_before_its_call_is_over)
{
    int64_t now_us = open_at(SECOND), until_us;

    cr_assert(take(0, now_us));
    cr_assert_not(health_pass_trial(segment, 0, row, &settings, now_us));
    cr_assert_eq(gate(now_us, &until_us), HEALTH_WANTS_TRIAL); /* while the call goes on */
    cr_assert(take(1, now_us));
    cr_assert_not(end(0, HEALTH_OK, now_us)); /* it is none any more */
    cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_ON_TRIAL);
    cr_assert(health_pass_trial(segment, 1, row, &settings, now_us));
    cr_assert_eq(gate(now_us, &until_us), HEALTH_PASSES);
}

Test(health_breaker, an_operators_word_closes_it)
{
    struct health_view view;

    clock_fake_set(SECOND, SECOND);
    (void)open_at(SECOND);
    health_reset(segment, row);
    health_view(segment, row, SECOND, &view);
    cr_assert_eq(view.gate, HEALTH_PASSES);
    cr_assert_eq(view.level, 0);
    cr_assert_eq(view.failures_in_row, 0);
    cr_assert_eq(view.failures, settings.breaker_failures);
    cr_assert(is_pause_of(open_at(2 * SECOND) - 2 * SECOND, 0), "as if it were the first time");
    clock_fake_stop();
}

/* ---- any history, against a model that is told slowly ---- */

struct model {
    enum { SHUT, OPEN, TRIED } state;
    uint32_t failures, good, level, owner;
    int64_t until_us, closed_us;
    bool has_closed;
    uint32_t ok[4096], bad[4096]; /* by span */
};

static bool
model_wants_to_open(const struct model *m, bool is_crowded, int64_t now_us)
{
    uint64_t calls = 0, bad = 0;

    if (m->failures >= settings.breaker_failures)
        return true;
    if (is_crowded)
        return false;
    for (int64_t span = now_us / SPAN - 1; span <= now_us / SPAN; span++) {
        if (span < 0 || (m->has_closed && span * SPAN < m->closed_us))
            continue;
        calls += m->ok[span] + m->bad[span];
        bad += m->bad[span];
    }
    return calls >= settings.breaker_calls && bad * 100 > calls * settings.breaker_percent;
}

/* What it does; until_us of a new pause is left to the caller. True: it opened. */
static bool
model_end(struct model *m, uint32_t slot, const struct health_outcome *o)
{
    if (o->verdict == HEALTH_OK)
        m->ok[o->now_us / SPAN]++;
    if (o->verdict == HEALTH_FAULT)
        m->bad[o->now_us / SPAN]++;
    if (m->state == SHUT) {
        if (o->verdict == HEALTH_OK)
            m->failures = 0;
        if (o->verdict != HEALTH_FAULT)
            return false;
        m->failures++;
        if (!model_wants_to_open(m, o->is_crowded, o->now_us))
            return false;
        m->level = m->has_closed && o->now_us < m->closed_us + 60 * SECOND ? m->level + 1 : 0;
        m->state = OPEN;
        m->good = 0;
        return true;
    }
    bool is_lost = m->state != TRIED || m->owner != slot;

    if (!o->is_trial || (is_lost && o->verdict != HEALTH_OK))
        return false;
    if (!is_lost) {
        m->state = OPEN;
        m->until_us = o->now_us;
    }
    if (o->verdict == HEALTH_FAULT) {
        m->level++;
        m->good = 0;
    }
    if (o->verdict == HEALTH_OK && ++m->good == 2) {
        m->state = SHUT;
        m->failures = 0;
        m->has_closed = true;
        m->closed_us = o->now_us;
    }
    return o->verdict == HEALTH_FAULT;
}

static enum health_gate
model_gate(const struct model *m, int64_t now_us)
{
    if (m->state == SHUT)
        return HEALTH_PASSES;
    if (now_us >= m->until_us)
        return HEALTH_WANTS_TRIAL;
    return m->state == OPEN ? HEALTH_IS_OPEN : HEALTH_IS_ON_TRIAL;
}

Test(health_breaker, any_history_goes_as_the_model_says)
{
    static struct model model;
    static int n_openings;
    uint64_t random = 88172645463325252u;
    int64_t now_us = 0, until_us;
    bool holds[4] = {false};

    for (int n = 0; n < 100000 && now_us / SPAN < 4000; n++) {
        uint32_t slot = (uint32_t)(fixture_random(&random) % 4);
        /* Whole milliseconds, which is what the word knows. */
        int64_t step_ms =
            (int64_t)(fixture_random(&random) % 100 == 0 ? fixture_random(&random) % 40000
                                                         : fixture_random(&random) % 100);
        uint64_t mood = (uint64_t)(now_us / (120 * SECOND)) % 3; /* well, ill, dead */

        now_us += step_ms * 1000;
        cr_assert_eq(gate(now_us, &until_us), model_gate(&model, now_us), "step %d", n);
        if (fixture_random(&random) % 4 == 0) {
            bool expected = model_gate(&model, now_us) == HEALTH_WANTS_TRIAL;

            cr_assert_eq(take(slot, now_us), expected, "step %d", n);
            if (!expected)
                continue;
            holds[slot] = true; /* who had it lost it by its deadline */
            model.state = TRIED;
            model.owner = slot;
            model.until_us = now_us + HEALTH_TRIAL_US;
            continue;
        }

        uint64_t dice = fixture_random(&random) % 100;
        struct health_outcome o = {
            .verdict = dice < 5               ? HEALTH_NEUTRAL
                       : dice < 5 + 47 * mood ? HEALTH_FAULT
                                              : HEALTH_OK,
            .is_trial = holds[slot],
            .is_crowded = fixture_random(&random) % 2 == 0,
            .now_us = now_us,
        };
        bool opened = model_end(&model, slot, &o);

        holds[slot] = false;
        n_openings += opened;
        cr_assert_eq(health_end(segment, slot, row, &o, &settings), opened, "step %d", n);
        if (opened) {
            cr_assert_eq(gate(now_us, &model.until_us), HEALTH_IS_OPEN);
            cr_assert(is_pause_of(model.until_us - now_us, model.level), "step %d level %u", n,
                      model.level);
        }
    }
    cr_assert_gt(n_openings, 50);
}
