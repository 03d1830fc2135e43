/* SPDX-License-Identifier: ISC */
#include <sched.h>

#include "fixture.h"
#include "relayos/shm/health.h"

#define SECOND INT64_C(1000000)
#define SPAN   (5 * SECOND)

static struct segment *segment;
static uint32_t row;
static const struct routing_settings settings = {.breaker_failures = 5,
                                                 .breaker_percent = 50,
                                                 .breaker_calls = 20,
                                                 .open_us = 5 * SECOND,
                                                 .open_max_us = 300 * SECOND};

static void
make(void)
{
    segment = fixture_segment();
    cr_assert_eq(health_intern(segment, 1, &row), 0);
}

static void
drop(void)
{
    segment_detach(&segment);
}

TestSuite(health_breaker, .init = make, .fini = drop);

static bool
end_as(uint32_t slot, enum health_verdict verdict, bool is_trial, int64_t now_us)
{
    const struct health_outcome outcome = {
        .verdict = verdict, .is_trial = is_trial, .now_us = now_us};

    return health_end(segment, slot, row, &outcome, &settings);
}

static bool
end(uint32_t slot, enum health_verdict verdict, int64_t now_us)
{
    return end_as(slot, verdict, false, now_us);
}

static enum health_gate
gate(int64_t now_us, int64_t *out_until_us)
{
    return health_gate(segment, row, now_us, out_until_us);
}

/* Open it; returns when the pause ends. */
static int64_t
open_at(int64_t now_us)
{
    int64_t until_us;

    for (uint32_t n = 0; n < settings.breaker_failures; n++)
        cr_assert_eq(end(n % 4, HEALTH_FAULT, now_us), n + 1 == settings.breaker_failures);
    cr_assert_eq(gate(now_us, &until_us), HEALTH_IS_OPEN);
    return until_us;
}

static bool
is_pause_of(int64_t pause_us, uint32_t level)
{
    int64_t nominal = settings.open_us;

    while (level-- > 0 && nominal < settings.open_max_us)
        nominal *= 2;
    if (nominal > settings.open_max_us)
        nominal = settings.open_max_us;
    return pause_us >= nominal * 8 / 10 - 2000 && pause_us <= nominal * 12 / 10 + 2000;
}

static bool
take(uint32_t slot, int64_t now_us)
{
    return health_take_trial(segment, slot, row, &settings, false, now_us);
}

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
    }
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

/* ---- several processes ---- */

enum { N_PROCESSES = 4 };

Test(health_breaker, of_processes_that_try_at_once_exactly_one_gets_the_trial, .timeout = 120)
{
    enum { N_ROUNDS = 2000 };
    struct shared {
        _Atomic int round, n_done;
        _Atomic int n_got[N_ROUNDS];
    } *shared = fixture_shared(sizeof(*shared));
    int status, n_failed = 0;
    int64_t now_us = open_at(SECOND);

    for (uint32_t slot = 0; slot < N_PROCESSES; slot++) {
        if (fixture_fork() != 0)
            continue;
        for (int round = 0; round < N_ROUNDS; round++) {
            while (shared->round < round + 1)
                sched_yield();
            shared->n_got[round] += take(slot, now_us);
            shared->n_done++;
        }
        _exit(0);
    }
    for (int round = 0; round < N_ROUNDS; round++) {
        shared->round = round + 1;
        while (shared->n_done < (round + 1) * N_PROCESSES)
            sched_yield();
        for (uint32_t slot = 0; slot < N_PROCESSES; slot++) /* only the owner's counts */
            (void)end_as(slot, HEALTH_NEUTRAL, true, now_us);
    }
    while (wait(&status) > 0)
        n_failed += status != 0;
    cr_assert_eq(n_failed, 0);
    for (int round = 0; round < N_ROUNDS; round++)
        cr_assert_eq(shared->n_got[round], 1, "round %d", round);
}

enum holding { NOTHING, REACHING, A_TRIAL };

struct arena {
    _Atomic int64_t now_us;
    _Atomic bool is_over;
    _Atomic uint32_t holder[N_PROCESSES]; /* enum holding */
    _Atomic long n_trials, n_together, n_opened;
};

/* Try the route, if this is the one that may. */
static bool
reach(struct arena *arena, uint32_t slot)
{
    bool is_trial;

    arena->holder[slot] = REACHING; /* from here on time waits for us */
    is_trial = take(slot, arena->now_us);
    if (is_trial) {
        arena->holder[slot] = A_TRIAL;
        for (uint32_t other = 0; other < N_PROCESSES; other++)
            arena->n_together += other != slot && arena->holder[other] == A_TRIAL;
        arena->n_trials++;
        for (int n = 0; n < 3; n++)
            sched_yield();
    }
    return is_trial;
}

/* A worker that calls whenever it may, with every outcome there is. */
static void
call_until_over(struct arena *arena, uint32_t slot, uint64_t random)
{
    while (!arena->is_over) {
        int64_t until_us;
        enum health_gate found = gate(arena->now_us, &until_us);
        bool is_trial = found == HEALTH_WANTS_TRIAL && reach(arena, slot);
        enum health_verdict verdict = fixture_random(&random) % 2 == 0 ? HEALTH_OK : HEALTH_FAULT;

        if (arena->holder[slot] == A_TRIAL)
            arena->holder[slot] = REACHING;
        if (is_trial || found == HEALTH_PASSES)
            arena->n_opened += end_as(slot, verdict, is_trial, arena->now_us);
        else
            sched_yield();
        arena->holder[slot] = NOTHING;
    }
    _exit(0);
}

/* Time goes on, but never past a living owner's deadline. */
static void
advance(struct arena *arena, int64_t by_us)
{
    for (uint32_t slot = 0; slot < N_PROCESSES; slot++)
        if (arena->holder[slot] != NOTHING) {
            sched_yield();
            return;
        }
    arena->now_us += by_us;
}

static pid_t
start(struct arena *arena, uint32_t slot, uint64_t seed)
{
    pid_t pid = fixture_fork();

    if (pid == 0)
        call_until_over(arena, slot, seed);
    return pid;
}

/*
 * UF-12: workers are killed with the trial in their hands, again and again; there is never a second
 * one beside a living owner's, and the route is never stuck.
 */
Test(health_breaker, killed_owners_lose_their_trials_and_nobody_elses_is_doubled, .timeout = 120)
{
    struct arena *arena = fixture_shared(sizeof(*arena));
    uint64_t random = 2463534242u;
    pid_t pids[N_PROCESSES];
    int n_killed_holding = 0, status;

    arena->now_us = SECOND;
    for (uint32_t slot = 0; slot < N_PROCESSES; slot++)
        pids[slot] = start(arena, slot, 7 + slot);
    for (int n = 0; n < 200 || n_killed_holding < 10; n++) {
        uint32_t victim = (uint32_t)(fixture_random(&random) % N_PROCESSES);

        for (int turn = 0; turn < 2000 && arena->holder[victim] != A_TRIAL; turn++)
            advance(arena, SECOND / 10);
        cr_assert_eq(kill(pids[victim], SIGKILL), 0);
        cr_assert_eq(waitpid(pids[victim], &status, 0), pids[victim]);
        n_killed_holding += arena->holder[victim] == A_TRIAL;
        arena->holder[victim] = NOTHING;

        /* Whoever held it: when its deadline has passed the living get on. */
        long n_trials = arena->n_trials;

        if (n % 2 == 0)
            health_forget_worker(segment, victim);
        while (arena->n_trials < n_trials + 3)
            advance(arena, SECOND);
        pids[victim] = start(arena, victim, fixture_random(&random));
    }
    arena->is_over = true;
    for (uint32_t slot = 0; slot < N_PROCESSES; slot++)
        cr_assert_eq(waitpid(pids[slot], &status, 0), pids[slot]);
    cr_assert_gt(arena->n_opened, 0);
    cr_assert_eq(arena->n_together, 0, "%ld of %ld", (long)arena->n_together,
                 (long)arena->n_trials);

    /* And whatever it was left in, two good trials make it well. */
    int64_t now_us = arena->now_us + HEALTH_TRIAL_US + settings.open_max_us * 2, until_us;

    for (uint32_t good = 0; gate(now_us, &until_us) != HEALTH_PASSES; good++) {
        cr_assert_lt(good, 2);
        cr_assert(take(0, now_us));
        (void)end_as(0, HEALTH_OK, true, now_us);
    }
}
