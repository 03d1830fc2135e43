/* SPDX-License-Identifier: ISC */
#include "relayos/shm/health.h"
#include "segment_suite.h"

#define SECOND INT64_C(1000000)

static const struct routing_settings settings = {.breaker_failures = 5,
                                                 .breaker_percent = 50,
                                                 .breaker_calls = 20,
                                                 .open_us = 5 * SECOND,
                                                 .open_max_us = 300 * SECOND};

SEGMENT_SUITE(health);

static uint32_t
intern(uint32_t id)
{
    uint32_t row;

    cr_assert_eq(health_intern(segment, id, &row), 0);
    return row;
}

static void
end(uint32_t slot, uint32_t row, enum health_verdict verdict, int64_t now_us)
{
    const struct health_outcome outcome = {.verdict = verdict, .now_us = now_us};

    (void)health_end(segment, slot, row, &outcome, &settings);
}

Test(health, what_each_worker_saw_is_summed)
{
    uint32_t row = intern(77), found;
    struct health_view view;

    cr_assert_eq(health_row(segment, 77, &found), 0);
    cr_assert_eq(found, row);
    cr_assert_eq(health_row(segment, 78, &found), ERR_MISSING);
    health_begin(segment, 0, row);
    health_begin(segment, 1, row);
    health_begin(segment, 1, row);
    (void)health_end(segment, 0, row,
                     &(struct health_outcome){.verdict = HEALTH_OK,
                                              .first_token_us = 4000,
                                              .prompt_tokens = 100,
                                              .cached_tokens = 60,
                                              .now_us = 100},
                     &settings);
    end(1, row, HEALTH_FAULT, 200);
    health_view(segment, row, 200, &view);
    cr_assert_eq(view.figures.in_flight, 1);
    cr_assert_eq(health_in_flight(segment, row), 1);
    cr_assert_eq(view.figures.success_permille, 500);
    cr_assert_eq(view.figures.first_token_us, 4000);
    cr_assert_eq(view.figures.limit, INT64_MAX);
    cr_assert_eq(view.successes, 1);
    cr_assert_eq(view.failures, 1);
    cr_assert_eq(view.prompt_tokens, 100);
    cr_assert_eq(view.cached_tokens, 60);
    cr_assert_eq(view.last_success_us, 100);
    cr_assert_eq(view.last_failure_us, 200);
    cr_assert_eq(view.failures_in_row, 1);
    health_forget_worker(segment, 1);
    cr_assert_eq(health_in_flight(segment, row), 0);
}

Test(health, the_share_of_successes_is_of_the_last_ten_seconds_at_most_and_five_at_least)
{
    uint32_t row = intern(5);
    struct health_figures figures;

    for (int64_t at = 100 * SECOND; at < 130 * SECOND; at += SECOND / 2) {
        uint32_t slot = (uint32_t)(at / (SECOND / 2)) % 4;

        end(slot, row, at < 115 * SECOND ? HEALTH_FAULT : HEALTH_OK, at);
        health_figures(segment, row, at, &figures);
        if (at < 115 * SECOND)
            cr_assert_eq(figures.success_permille, 0);
        else if (at >= 125 * SECOND)
            cr_assert_eq(figures.success_permille, 1000);
        else
            cr_assert(figures.success_permille > 0);
    }
    health_figures(segment, row, 145 * SECOND, &figures);
    cr_assert_eq(figures.success_permille, 1000); /* nothing: no reason to shun it */
}

Test(health, only_faults_and_answers_count_and_who_asks_too_much_is_not_failing)
{
    uint32_t row = intern(6);
    struct health_view view;

    end(0, row, HEALTH_OK, SECOND);
    for (int n = 0; n < 50; n++) {
        (void)health_end(segment, 0, row,
                         &(struct health_outcome){.verdict = HEALTH_OVERLOAD,
                                                  .is_outage = n % 2 == 0,
                                                  .now_us = SECOND + n},
                         &settings);
        end(0, row, HEALTH_NEUTRAL, SECOND + n);
    }
    health_view(segment, row, 2 * SECOND, &view);
    cr_assert_eq(view.gate, HEALTH_PASSES);
    cr_assert_eq(view.overloads, 50);
    cr_assert_eq(view.successes, 1);
    cr_assert_eq(view.failures, 0);
    cr_assert_eq(view.figures.success_permille, 1000);
}

Test(health, a_backend_that_only_ever_says_503_is_a_fault_and_one_that_says_429_is_not)
{
    uint32_t dead = intern(7), busy = intern(8);
    int64_t until_us;

    for (uint32_t n = 0; n < settings.breaker_failures; n++) {
        struct health_outcome outcome = {
            .verdict = HEALTH_OVERLOAD, .is_outage = true, .now_us = SECOND + n};
        bool is_last = n + 1 == settings.breaker_failures;

        cr_assert_eq(health_end(segment, n % 4, dead, &outcome, &settings), is_last);
        outcome.is_outage = false;
        cr_assert_not(health_end(segment, n % 4, busy, &outcome, &settings));
    }
    cr_assert_eq(health_gate(segment, dead, 2 * SECOND, &until_us), HEALTH_IS_OPEN);
    cr_assert_eq(health_gate(segment, busy, 2 * SECOND, &until_us), HEALTH_PASSES);
}

Test(health, a_403_is_a_fault_where_nobody_is_answered_and_nothing_where_others_are)
{
    uint32_t dead = intern(20), choosy = intern(21);
    struct health_outcome outcome = {.verdict = HEALTH_NEUTRAL, .is_outage = true};
    struct health_view view;

    for (uint32_t n = 0; n < settings.breaker_failures; n++) {
        outcome.now_us = SECOND + n;
        end(n % 4, choosy, HEALTH_OK, SECOND);
        cr_assert_not(health_end(segment, n % 4, choosy, &outcome, &settings));
        cr_assert_eq(health_end(segment, n % 4, dead, &outcome, &settings),
                     n + 1 == settings.breaker_failures);
    }
    health_view(segment, dead, 2 * SECOND, &view);
    cr_assert_eq(view.overloads, 0);
    cr_assert_eq(view.figures.limit, INT64_MAX);
}

Test(health, the_95th_percentile_of_first_tokens_is_learned_over_all_workers)
{
    uint32_t row = intern(9);
    uint64_t random = 88172645463325252u;
    int n_over = 0;

    for (int n = 0; n < 20000; n++) {
        struct health_outcome outcome = {.verdict = HEALTH_OK,
                                         .first_token_us =
                                             (int64_t)(200000 + fixture_random(&random) % 800000),
                                         .now_us = SECOND + n};

        if (n < 20)
            cr_assert_eq(health_first_token_p95(segment, row), 0);
        if (n >= 10000)
            n_over += outcome.first_token_us > health_first_token_p95(segment, row);
        (void)health_end(segment, (uint32_t)n % 4, row, &outcome, &settings);
    }
    cr_assert(n_over > 300 && n_over < 700, "%d of 10000", n_over);
}

Test(health, a_first_token_time_is_forgotten_when_none_was_seen_for_a_minute)
{
    uint32_t row = intern(10);
    struct health_figures figures;
    struct health_outcome outcome = {
        .verdict = HEALTH_OK, .first_token_us = 9 * SECOND, .now_us = SECOND};

    (void)health_end(segment, 0, row, &outcome, &settings);
    health_figures(segment, row, 61 * SECOND, &figures);
    cr_assert_eq(figures.first_token_us, 9 * SECOND);
    health_figures(segment, row, 62 * SECOND, &figures);
    cr_assert_eq(figures.first_token_us, 0);
    health_figures(segment, row, SECOND - 1, &figures); /* a reader whose turn began before */
    cr_assert_eq(figures.first_token_us, 9 * SECOND);
    outcome.first_token_us = SECOND;
    outcome.now_us = 100 * SECOND;
    (void)health_end(segment, 0, row, &outcome, &settings);
    health_figures(segment, row, 100 * SECOND, &figures);
    cr_assert_eq(figures.first_token_us, SECOND);
}

Test(health, probes_speak_for_a_route_that_nobody_calls_and_for_no_other)
{
    uint32_t idle = intern(11), busy = intern(12);
    struct health_probe probe = {.status = 500, .latency_us = 1234};
    struct health_view view;
    int64_t until_us;

    end(0, busy, HEALTH_OK, 1000 * SECOND);
    for (int n = 0; n < 5; n++) {
        probe.now_us = 1001 * SECOND + n * SECOND;
        health_note_probe(segment, idle, &probe, &settings);
        health_note_probe(segment, busy, &probe, &settings);
    }
    cr_assert_eq(health_gate(segment, busy, probe.now_us, &until_us), HEALTH_PASSES);
    cr_assert_eq(health_gate(segment, idle, probe.now_us, &until_us), HEALTH_IS_OPEN);
    probe = (struct health_probe){
        .is_ok = true, .status = 200, .latency_us = 4321, .now_us = 1006 * SECOND};
    health_note_probe(segment, idle, &probe, &settings);
    cr_assert_eq(health_gate(segment, idle, probe.now_us, &until_us), HEALTH_WANTS_TRIAL);
    health_view(segment, idle, probe.now_us, &view);
    cr_assert(view.probe.is_ok);
    cr_assert_eq(view.probe.status, 200);
    cr_assert_eq(view.probe.latency_us, 4321);
    cr_assert_eq(view.probe.now_us, 1006 * SECOND);
}

Test(health, a_good_probe_forgives_bad_ones_but_not_calls_that_failed)
{
    uint32_t row = intern(13);
    struct health_probe bad = {.now_us = 1000 * SECOND};
    struct health_probe good = {.is_ok = true, .status = 200, .now_us = 1000 * SECOND};
    struct health_view view;

    for (int n = 0; n < 4; n++)
        health_note_probe(segment, row, &bad, &settings);
    health_note_probe(segment, row, &good, &settings);
    health_view(segment, row, 1000 * SECOND, &view);
    cr_assert_eq(view.failures_in_row, 0);
    for (int n = 0; n < 4; n++)
        end(0, row, HEALTH_FAULT, 1001 * SECOND);
    good.now_us = 1002 * SECOND;
    health_note_probe(segment, row, &good, &settings);
    health_view(segment, row, 1002 * SECOND, &view);
    cr_assert_eq(view.failures_in_row, 4);
}

Test(health, what_the_operator_said_outlives_reloads_and_not_the_route)
{
    uint32_t row = intern(14), n_rows = segment->n_health_rows;

    cr_assert_eq(health_admin(segment, row), HEALTH_ENABLED);
    health_set_admin(segment, row, HEALTH_DRAINED);
    for (int n = 0; n < 5; n++) {
        segment->header->catalog_epoch++;
        cr_assert_eq(intern(14), row);
    }
    cr_assert_eq(health_admin(segment, row), HEALTH_DRAINED);
    segment->header->catalog_epoch += 2;
    for (uint32_t id = 1000; id < 1000 + n_rows; id++)
        cr_assert_eq(health_admin(segment, intern(id)), HEALTH_ENABLED);
    cr_assert_eq(health_row(segment, 14, &row), ERR_MISSING);
}

Test(health, reloads_without_end_find_room_and_keep_what_stays)
{
    uint32_t n_ids = fixture_capacity.routes + segment->n_credentials, row;
    struct health_view view;

    end(2, intern(1), HEALTH_OK, 10);
    for (uint32_t reload = 0; reload < 100; reload++) {
        for (uint32_t n = 0; n < n_ids - 1; n++)
            (void)intern(1000 * (reload + 1) + n);
        (void)intern(1);
        segment->header->catalog_epoch++; /* as catalog_commit() does */
        for (uint32_t n = 0; n < n_ids - 1; n++)
            cr_assert_eq(health_row(segment, 1000 * (reload + 1) + n, &row), 0);
    }
    cr_assert_eq(health_row(segment, 1, &row), 0);
    health_view(segment, row, 10, &view);
    cr_assert_eq(view.successes, 1);
}

Test(health, a_row_taken_over_by_another_route_starts_from_nothing)
{
    uint32_t row = intern(9);
    struct health_view view;

    health_begin(segment, 0, row);
    end(0, row, HEALTH_FAULT, 10);
    health_begin(segment, 0, row);
    segment->health_rows[row].id = 10;
    health_view(segment, row, 10, &view);
    cr_assert_eq(view.failures, 0);
    end(0, row, HEALTH_OK, 20); /* of an attempt that began on the old route */
    health_view(segment, row, 20, &view);
    cr_assert_eq(view.figures.in_flight, 0);
    cr_assert_eq(view.successes, 1);
    cr_assert_eq(view.failures, 0);
}
