/* SPDX-License-Identifier: ISC */
#include "fixture.h"
#include "relayos/shm/tally.h"

static const struct tally_answer ok = {.endpoint = 0, .had_flight = true, .elapsed_us = 6000};

Test(tally, what_a_worker_counted_stays_when_another_takes_its_slot)
{
    struct segment *segment = fixture_segment();

    for (uint32_t life = 1; life <= 3; life++) {
        struct flight_desk *desk = fixture_desk(segment, 2);

        tally_count_answer(segment, 2, &ok);
        cr_expect_eq(tally_answers(segment, 0, ERR_CATEGORY_NONE), life);
        flight_desk_close(&desk);
        proc_slot_set_state(segment, 2, PROC_DEAD);
        cr_expect_eq(tally_answers(segment, 0, ERR_CATEGORY_NONE), life, "the dead count, too");
    }
    segment_detach(&segment);
}

Test(tally, answers_of_all_workers_are_one_sum)
{
    struct segment *segment = fixture_segment();

    for (uint32_t slot = 0; slot < 4; slot++)
        tally_count_answer(segment, slot, &ok);
    cr_expect_eq(tally_answers(segment, 0, ERR_CATEGORY_NONE), 4);
    cr_expect_eq(tally_answers(segment, 1, ERR_CATEGORY_NONE), 0);
    segment_detach(&segment);
}

Test(tally, a_path_that_is_no_endpoint_is_counted_as_none)
{
    struct segment *segment = fixture_segment();
    struct tally_answer answer = {.endpoint = 255, .category = ERR_CATEGORY_NOT_FOUND};

    tally_count_answer(segment, 0, &answer);
    cr_expect_eq(tally_answers(segment, TALLY_ENDPOINTS - 1, ERR_CATEGORY_NOT_FOUND), 1);
    segment_detach(&segment);
}

/* Each time is in the one bucket whose bounds hold it, and no time is lost. */
Test(tally, every_time_is_in_exactly_one_bucket)
{
    struct segment *segment = fixture_segment();
    uint64_t random = 42, sum = 0, n_all = 0;
    struct tally_histogram times;

    for (int i = 0; i < 5000; i++) {
        int64_t us = (int64_t)(fixture_random(&random) % 700000000);
        unsigned bucket = 0;
        struct tally_histogram before;
        struct tally_answer answer = {.had_flight = true, .is_stream = i % 2, .elapsed_us = us};

        if (i % 10 == 0)
            us = answer.elapsed_us = tally_bounds_us[i / 10 % TALLY_BUCKETS]; /* on the bound */
        while (bucket < TALLY_BUCKETS && tally_bounds_us[bucket] < us)
            bucket++;
        enum tally_time which = answer.is_stream ? TALLY_STREAM : TALLY_WHOLE;
        tally_times(segment, which, &before);
        tally_count_answer(segment, 0, &answer);
        tally_times(segment, which, &times);
        cr_assert_eq(times.n[bucket], before.n[bucket] + 1, "%lld us", (long long)us);
        sum += (uint64_t)us;
    }
    struct tally_histogram other;
    tally_times(segment, TALLY_WHOLE, &times);
    tally_times(segment, TALLY_STREAM, &other);
    for (unsigned n = 0; n <= TALLY_BUCKETS; n++)
        n_all += times.n[n] + other.n[n];
    cr_expect_eq(n_all, 5000);
    cr_expect_eq(times.sum_us + other.sum_us, sum);
    tally_times(segment, TALLY_FIRST_TOKEN, &times);
    cr_expect_eq(times.sum_us, 0, "none had a first token");
    segment_detach(&segment);
}

Test(tally, a_refusal_has_no_time)
{
    struct segment *segment = fixture_segment();
    struct tally_answer answer = {.category = ERR_CATEGORY_INVALID_KEY, .elapsed_us = 10};
    struct tally_histogram times;

    tally_count_answer(segment, 0, &answer);
    tally_times(segment, TALLY_WHOLE, &times);
    cr_expect_eq(times.sum_us, 0);
    segment_detach(&segment);
}

Test(tally, only_usage_that_is_known_is_counted_as_tokens)
{
    struct segment *segment = fixture_segment();
    struct flight_record *flight = calloc(1, sizeof(*flight));
    struct tally_model model;

    flight->model_id = 7;
    flight->n_attempts = 2;
    flight->charge_nusd = 1000;
    flight->provenance = USAGE_REPORTED;
    flight->usage.count[USAGE_OUTPUT] = 9;
    tally_settle(segment, flight);
    flight->provenance = USAGE_INDETERMINATE;
    flight->category = ERR_CATEGORY_CLIENT_CLOSED;
    flight->charge_nusd = 0;
    tally_settle(segment, flight);
    tally_model(segment, 7, &model);
    cr_expect_eq(model.requests, 2);
    cr_expect_eq(model.failed, 1);
    cr_expect_eq(model.attempts, 4);
    cr_expect_eq(model.charge_nusd, 1000);
    cr_expect_eq(model.units[USAGE_OUTPUT], 9);
    flight->model_id = LIMIT_MODELS; /* of another registry: nowhere */
    tally_settle(segment, flight);
    free(flight);
    segment_detach(&segment);
}
