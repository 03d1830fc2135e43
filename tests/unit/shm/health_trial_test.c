/* SPDX-License-Identifier: ISC
 *
 * Several processes at one breaker.
 */
#include <sched.h>

#include "breaker.h"

TestSuite(health_trial, .init = breaker_make, .fini = breaker_drop);

enum { N_PROCESSES = 4 };

Test(health_trial, of_processes_that_try_at_once_exactly_one_gets_the_trial, .timeout = 120)
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
Test(health_trial, killed_owners_lose_their_trials_and_nobody_elses_is_doubled, .timeout = 120)
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
